//! Spans of time: text in and out, arithmetic.

use std::fmt;

use super::Interval;
use crate::types::DAY_US;
use crate::{SqlError, SqlResult};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// `04:05:06.789`.
pub(super) fn clock_text(us: i64) -> String {
    let (seconds, fraction) = (us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000);
    let sign = if us < 0 { "-" } else { "" };
    let mut text =
        format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    text
}

impl fmt::Display for Interval {
    /// `1 year 2 mons -3 days +04:05:06`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut negative = false;
        let units = [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")];
        for (count, unit) in units.into_iter().filter(|(count, _)| *count != 0) {
            let plus = if negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{plus}{count} {unit}{plural}"));
            negative = count < 0;
        }
        if self.us != 0 || parts.is_empty() {
            let plus = if negative && self.us >= 0 { "+" } else { "" };
            parts.push(format!("{plus}{}", clock_text(self.us)));
        }
        f.write_str(&parts.join(" "))
    }
}

fn bad(text: &str) -> SqlError {
    SqlError::new("22007", format!("invalid input syntax for type interval: \"{text}\""))
}

fn range() -> SqlError {
    SqlError::new("22008", "interval out of range")
}

/// Reads `1 year 2 mons 3 days 04:05:06`, `1.5 hours ago`, `P1Y2M3DT4H5M6S`.
pub(super) fn parse(text: &str) -> SqlResult<Interval> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_prefix('@').map_or(lower.as_str(), str::trim_start);
    if let Some(iso) = lower.strip_prefix('p').filter(|rest| !rest.is_empty()) {
        return parse_iso(iso).ok_or_else(|| bad(text));
    }
    let (body, ago) = lower.strip_suffix(" ago").map_or((lower, false), |body| (body, true));
    let words = words(body);
    let mut total = Interval::default();
    let mut words = words.iter().peekable();
    if words.peek().is_none() {
        return Err(bad(text));
    }
    while let Some(word) = words.next() {
        let part = if word.contains(':') {
            let (sign, clock) = signed(word);
            let us = clock_us(clock).ok_or_else(|| bad(text))?;
            Interval { us: sign * us, ..Interval::default() }
        } else if let Some((years, months)) = year_month(word) {
            Interval { months: years * 12 + months, ..Interval::default() }
        } else {
            let number: f64 = word.parse().map_err(|_| bad(text))?;
            let unit = match words.peek() {
                Some(unit) if unit.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    words.next().map(String::as_str).unwrap_or_default()
                }
                // A number before a clock counts days, alone it counts seconds.
                Some(next) if next.contains(':') => "day",
                _ => "second",
            };
            of_unit(number, unit).ok_or_else(|| bad(text))?
        };
        total = total.plus(part)?;
    }
    Ok(if ago { total.negated() } else { total })
}

/// Words, numbers apart from the units that follow them at once: `1d` is `1`, `d`.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let cut = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (number, unit) = word.split_at(cut);
        out.extend([number, unit].into_iter().filter(|part| !part.is_empty()).map(String::from));
    }
    out
}

fn signed(word: &str) -> (i64, &str) {
    match word.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    }
}

/// `1-2`: a year and two months.
fn year_month(word: &str) -> Option<(i64, i64)> {
    let (sign, word) = signed(word);
    let (years, months) = word.split_once('-')?;
    Some((sign * years.parse::<i64>().ok()?, sign * months.parse::<i64>().ok()?))
}

/// Microseconds of `04:05:06.789`, `04:05`.
fn clock_us(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok().filter(|m| *m < 60)?;
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok().filter(|s| *s < 61.0)?;
    let whole = hours.checked_mul(HOUR)?.checked_add(minutes * 60 * SECOND)?;
    parts.next().is_none().then_some(())?;
    whole.checked_add((seconds * 1e6).round() as i64)
}

/// Reads a time of day.
pub(super) fn parse_clock(text: &str) -> SqlResult<i64> {
    let bad = || SqlError::new("22007", format!("invalid input syntax for type time: \"{text}\""));
    let lower = text.trim().to_ascii_lowercase();
    let (clock, shift) = match (lower.strip_suffix("pm"), lower.strip_suffix("am")) {
        (Some(clock), _) => (clock.trim(), 12),
        (_, Some(clock)) => (clock.trim(), 0),
        _ => (lower.as_str(), -1),
    };
    // A date before and a zone behind it count for nothing.
    let clock = clock.rsplit([' ', 't']).find(|word| word.contains(':')).ok_or_else(bad)?;
    let clock = clock.split(['+', 'z']).next().unwrap_or(clock);
    let mut us = clock_us(clock).ok_or_else(bad)?;
    if shift >= 0 {
        us = us % (12 * HOUR) + shift * HOUR;
    }
    match (0..=DAY_US).contains(&us) {
        true => Ok(us),
        false => {
            Err(SqlError::new("22008", format!("date/time field value out of range: \"{text}\"")))
        }
    }
}

/// What so many of a unit are.
fn of_unit(n: f64, unit: &str) -> Option<Interval> {
    let months = |n: f64| {
        let whole = n.trunc();
        let days = (n - whole) * 30.0;
        Interval {
            months: whole as i64,
            days: days.trunc() as i64,
            us: (days.fract() * DAY_US as f64).round() as i64,
        }
    };
    let days = |n: f64| {
        let us = (n.fract() * DAY_US as f64).round() as i64;
        Interval { months: 0, days: n.trunc() as i64, us }
    };
    let us = |factor: i64| {
        let us = match n.fract() == 0.0 {
            true => (n as i64).saturating_mul(factor),
            false => (n * factor as f64).round() as i64,
        };
        Interval { us, ..Interval::default() }
    };
    // Fractions of years are whole months.
    let years =
        |per: f64| Interval { months: (n * per * 12.0).round() as i64, ..Interval::default() };
    let name = if unit.len() > 2 { unit.trim_end_matches('s') } else { unit };
    Some(match name {
        "microsecond" | "us" | "usec" => us(1),
        "millisecond" | "ms" | "msec" => us(1_000),
        "second" | "sec" | "s" => us(SECOND),
        "minute" | "min" | "m" => us(60 * SECOND),
        "hour" | "hr" | "h" => us(HOUR),
        "day" | "d" => days(n),
        "week" | "w" => days(n * 7.0),
        "month" | "mon" => months(n),
        "year" | "yr" | "y" => years(1.0),
        "decade" | "dec" => years(10.0),
        "century" | "centurie" | "c" => years(100.0),
        "millennium" | "millennia" | "mil" => years(1000.0),
        _ => return None,
    })
}

/// `1y2m3dt4h5m6s`, behind the P.
fn parse_iso(text: &str) -> Option<Interval> {
    let mut total = Interval::default();
    let (date, time) = text.split_once('t').unwrap_or((text, ""));
    for (part, clock) in [(date, false), (time, true)] {
        let mut rest = part;
        while !rest.is_empty() {
            let cut = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let number: f64 = rest[..cut].parse().ok()?;
            let unit = match (&rest[cut..=cut], clock) {
                ("m", false) => "month",
                (unit, _) => unit,
            };
            total = total.plus(of_unit(number, unit)?).ok()?;
            rest = &rest[cut + 1..];
        }
    }
    Some(total)
}

impl Interval {
    pub(super) fn plus(self, other: Interval) -> SqlResult<Interval> {
        let add = |a: i64, b: i64| a.checked_add(b).ok_or_else(range);
        Interval {
            months: add(self.months, other.months)?,
            days: add(self.days, other.days)?,
            us: add(self.us, other.us)?,
        }
        .checked()
    }

    pub(super) fn negated(self) -> Interval {
        let Interval { months, days, us } = self;
        Interval { months: -months, days: -days, us: us.saturating_neg() }
    }

    /// Months and days fit 32 bits.
    pub(super) fn checked(self) -> SqlResult<Interval> {
        let fits = i32::try_from(self.months).is_ok() && i32::try_from(self.days).is_ok();
        if fits { Ok(self) } else { Err(range()) }
    }

    /// Fractions of months become days, those of days time.
    pub(super) fn times(self, factor: f64) -> SqlResult<Interval> {
        let months = self.months as f64 * factor;
        let month_days = round6((months - months.trunc()) * 30.0);
        let days = self.days as f64 * factor;
        let mut seconds =
            round6((days - days.trunc() + (month_days - month_days.trunc())) * 86_400.0);
        let mut whole_days = days.trunc() + month_days.trunc();
        if seconds.abs() >= 86_400.0 {
            whole_days += (seconds / 86_400.0).trunc();
            seconds %= 86_400.0;
        }
        let us = (self.us as f64 * factor + seconds * 1e6).round();
        let fits = |d: f64| d.is_finite() && d.abs() < 9e18;
        if !fits(us) || !fits(months) || !fits(whole_days) {
            return Err(range());
        }
        Interval { months: months.trunc() as i64, days: whole_days as i64, us: us as i64 }.checked()
    }

    /// Microseconds, a month taken for 30 days: the order of intervals.
    pub(super) fn length(self) -> i128 {
        (i128::from(self.months) * 30 + i128::from(self.days)) * i128::from(DAY_US)
            + i128::from(self.us)
    }

    /// Whole days out of the time.
    pub(super) fn justify_hours(self) -> Interval {
        let mut days = self.days + self.us / DAY_US;
        let mut us = self.us % DAY_US;
        if days > 0 && us < 0 {
            (days, us) = (days - 1, us + DAY_US);
        } else if days < 0 && us > 0 {
            (days, us) = (days + 1, us - DAY_US);
        }
        Interval { months: self.months, days, us }
    }

    /// Whole months of 30 days out of the days.
    pub(super) fn justify_days(self) -> Interval {
        let mut months = self.months + self.days / 30;
        let mut days = self.days % 30;
        if months > 0 && days < 0 {
            (months, days) = (months - 1, days + 30);
        } else if months < 0 && days > 0 {
            (months, days) = (months + 1, days - 30);
        }
        Interval { months, days, us: self.us }
    }

    /// Both, and one sign for all.
    pub(super) fn justify(self) -> Interval {
        let Interval { mut months, mut days, mut us } = self.justify_hours().justify_days();
        if months > 0 && (days < 0 || days == 0 && us < 0) {
            (months, days) = (months - 1, days + 30);
        } else if months < 0 && (days > 0 || days == 0 && us > 0) {
            (months, days) = (months + 1, days - 30);
        }
        if days > 0 && us < 0 {
            (days, us) = (days - 1, us + DAY_US);
        } else if days < 0 && us > 0 {
            (days, us) = (days + 1, us - DAY_US);
        }
        Interval { months, days, us }
    }
}

fn round6(d: f64) -> f64 {
    (d * 1e6).round() / 1e6
}
