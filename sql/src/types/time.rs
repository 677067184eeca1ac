//! Dates and times: civil calendar, ISO text, `30d`.
//!
//! Days and microseconds count from 1970-01-01; years before 1 are written with BC. The calendar
//! is computed in 64 bits, so that no stored integer overflows it.

use std::fmt::Write;

use crate::{SqlError, SqlResult};

/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// What PostgreSQL calls infinity among dates.
const DATE_MAX: i64 = i32::MAX as i64;
const DATE_MIN: i64 = i32::MIN as i64;

/// Year, month and day of a day number. Howard Hinnant's algorithm.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days.saturating_add(719_468);
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// Day number of a date.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

pub(crate) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn write_ymd(days: i64, out: &mut String) -> Result<bool, std::fmt::Error> {
    let (year, month, day) = civil(days);
    let (year, bc) = if year <= 0 { (1 - year, true) } else { (year, false) };
    write!(out, "{year:04}-{month:02}-{day:02}")?;
    Ok(bc)
}

/// `2024-02-29`.
pub(super) fn write_date(days: i64, out: &mut String) -> std::fmt::Result {
    match days {
        DATE_MAX => return out.write_str("infinity"),
        DATE_MIN => return out.write_str("-infinity"),
        _ => {}
    }
    match write_ymd(days, out)? {
        true => out.write_str(" BC"),
        false => Ok(()),
    }
}

/// `2024-02-29 12:34:56.789`, and the zone UTC.
pub(super) fn write_timestamp(us: i64, zone: bool, out: &mut String) -> std::fmt::Result {
    match us {
        i64::MAX => return out.write_str("infinity"),
        i64::MIN => return out.write_str("-infinity"),
        _ => {}
    }
    let bc = write_ymd(us.div_euclid(DAY_US), out)?;
    let time = us.rem_euclid(DAY_US);
    let seconds = time / 1_000_000;
    write!(out, " {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    if time % 1_000_000 != 0 {
        let fraction = format!("{:06}", time % 1_000_000);
        write!(out, ".{}", fraction.trim_end_matches('0'))?;
    }
    out.write_str(if zone { "+00" } else { "" })?;
    out.write_str(if bc { " BC" } else { "" })
}

/// What a text says of date and time.
struct Moment {
    days: i64,
    /// Microseconds of the day.
    time: i64,
    /// Seconds east of UTC.
    zone: Option<i64>,
}

/// Reads a date: days.
pub(super) fn parse_date(text: &str) -> SqlResult<i64> {
    match text.trim().to_ascii_lowercase().as_str() {
        "infinity" => Ok(DATE_MAX),
        "-infinity" => Ok(DATE_MIN),
        "epoch" => Ok(0),
        _ => Ok(moment(text, "date")?.days),
    }
}

/// Reads a timestamp: microseconds. A zone counts only where `zone` says so, as in PostgreSQL.
pub(super) fn parse_timestamp(text: &str, zone: bool) -> SqlResult<i64> {
    let name = if zone { "timestamp with time zone" } else { "timestamp" };
    match text.trim().to_ascii_lowercase().as_str() {
        "infinity" => return Ok(i64::MAX),
        "-infinity" => return Ok(i64::MIN),
        "epoch" => return Ok(0),
        _ => {}
    }
    let moment = moment(text, name)?;
    let shift = if zone { moment.zone.unwrap_or(0) * 1_000_000 } else { 0 };
    let us = moment.days.checked_mul(DAY_US).and_then(|us| us.checked_add(moment.time - shift));
    us.ok_or_else(|| SqlError::new("22008", format!("timestamp out of range: \"{text}\"")))
}

fn moment(text: &str, name: &str) -> SqlResult<Moment> {
    let syntax = || {
        SqlError::new("22007", format!("invalid input syntax for type {name}: \"{text}\""))
            .hint("dates are written 2024-02-29, times 2024-02-29 12:34:56+00")
    };
    let range =
        || SqlError::new("22008", format!("date/time field value out of range: \"{text}\""));
    let mut rest = text.trim();
    let bc = rest.len() > 3
        && rest.is_char_boundary(rest.len() - 3)
        && rest[rest.len() - 3..].eq_ignore_ascii_case(" bc");
    if bc {
        rest = rest[..rest.len() - 3].trim_end();
    }
    // The clock begins after a T, or with the first word that has a colon: dates may have spaces.
    let t = rest.find(['T', 't']).filter(|at| *at >= 8 && rest.as_bytes()[0].is_ascii_digit());
    let clock = || rest.find(':').and_then(|colon| rest[..colon].rfind(' '));
    let cut = t.filter(|at| !rest[..*at].contains(' ')).or_else(clock);
    let (date, time) = cut.map_or((rest, ""), |cut| (&rest[..cut], rest[cut + 1..].trim()));
    let (year, month, day) = ymd(date).ok_or_else(syntax)?;
    let year = if bc { 1 - year } else { year };
    let valid = (1..=12).contains(&month) && day >= 1 && (-4713..=294_276).contains(&year);
    if !valid || day > days_in(year, month) {
        return Err(range());
    }
    let days = days(year, month, day);
    if time.is_empty() {
        return Ok(Moment { days, time: 0, zone: None });
    }
    let (clock, zone) = split_zone(time).ok_or_else(syntax)?;
    let us = clock_us(clock).ok_or_else(syntax)?.ok_or_else(range)?;
    Ok(Moment { days, time: us, zone })
}

/// Numbers with a limit on their digits, so that nothing overflows.
fn number(text: &str) -> Option<i64> {
    let fits = (1..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn ymd(text: &str) -> Option<(i64, i64, i64)> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some((number(&text[..4])?, number(&text[4..6])?, number(&text[6..])?));
    }
    let parts: Vec<&str> =
        text.split(['-', '/', '.', ' ', ',']).filter(|part| !part.is_empty()).collect();
    let [a, b, c] = parts[..] else { return None };
    match (month_name(a), month_name(b)) {
        (Some(month), _) => Some((number(c)?, month, number(b)?)),
        (_, Some(month)) if a.len() > 2 => Some((number(a)?, month, number(c)?)),
        (_, Some(month)) => Some((number(c)?, month, number(a)?)),
        // `MDY`, our DateStyle.
        _ if text.contains('/') && a.len() <= 2 => Some((number(c)?, number(a)?, number(b)?)),
        _ if a.len() >= 3 => Some((number(a)?, number(b)?, number(c)?)),
        _ => None,
    }
}

fn month_name(text: &str) -> Option<i64> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let text = text.to_ascii_lowercase();
    let found = NAMES.iter().position(|name| text.len() >= 3 && name.starts_with(&text));
    found.map(|i| i as i64 + 1)
}

/// Splits `12:34:56+05:30` into clock and seconds east of UTC.
fn split_zone(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), Some(0)));
    }
    if let Some((clock, name)) = text.rsplit_once(' ')
        && ["utc", "gmt"].iter().any(|zone| zone.eq_ignore_ascii_case(name))
    {
        return Some((clock, Some(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let (clock, zone) = text.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = &zone[1..];
    let parts: Vec<&str> = match zone.len() {
        4 if !zone.contains(':') => vec![zone.get(..2)?, zone.get(2..)?],
        _ => zone.split(':').collect(),
    };
    let mut seconds = 0;
    for (part, unit) in parts.iter().zip([3600, 60, 1]) {
        seconds += number(part)? * unit;
    }
    let fits = parts.len() <= 3 && seconds < 16 * 3600;
    if fits { Some((clock.trim_end(), Some(sign * seconds))) } else { None }
}

/// Microseconds of a clock; the inner `None` = out of range.
fn clock_us(text: &str) -> Option<Option<i64>> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<i64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let (hour, minute, second) = match parts[..] {
        [h, m] => (h, m, 0),
        [h, m, s] => (h, m, s),
        _ => return None,
    };
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || fraction.len() > 30 {
        return None;
    }
    let mut digits: String = fraction.chars().take(6).collect();
    digits.push_str(&"0".repeat(6 - digits.len()));
    let mut us: i64 = digits.parse().ok()?;
    if fraction.as_bytes().get(6).is_some_and(|d| *d >= b'5') {
        us += 1;
    }
    let seconds = hour * 3600 + minute * 60 + second;
    let valid = minute < 60 && second <= 60 && (hour < 24 || seconds * 1_000_000 + us == DAY_US);
    Some(valid.then_some(seconds * 1_000_000 + us))
}

/// A time to live: `30d`, `12h`, `5m`, `90s`, `90`; `never` and `-1` are -1.
pub(crate) fn parse_interval_s(text: &str) -> SqlResult<i64> {
    let bad = || {
        SqlError::new("22023", format!("invalid time to live: \"{text}\""))
            .hint("give seconds, or a number with s, m, h or d such as '30d', or 'never'")
    };
    let lower = text.trim().to_ascii_lowercase();
    if matches!(lower.as_str(), "never" | "-1") {
        return Ok(-1);
    }
    let digits = lower.bytes().take_while(|b| b.is_ascii_digit()).count();
    let number: i64 = lower[..digits].parse().map_err(|_| bad())?;
    let unit = match lower[digits..].trim() {
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        _ => return Err(bad()),
    };
    let seconds = number.checked_mul(unit).ok_or_else(bad)?;
    match u32::try_from(seconds) {
        Ok(s) if s <= model::limits::TTL_MAX_S => Ok(seconds),
        _ => Err(bad().detail("At most ten years.")),
    }
}

/// Microseconds of an interval such as `1 day 02:30:00`; `None` where it has months or years, whose
/// length depends on the date, or is no interval.
pub(crate) fn parse_interval_us(text: &str, unit: Option<&str>) -> Option<i64> {
    let us_of = |unit: &str| {
        Some(match unit.to_ascii_lowercase().trim_end_matches('s') {
            "microsecond" => 1,
            "millisecond" => 1_000,
            "second" | "sec" | "" => 1_000_000,
            "minute" | "min" => 60_000_000,
            "hour" | "hr" | "h" => 3_600_000_000,
            "day" | "d" => DAY_US,
            "week" => 7 * DAY_US,
            _ => return None,
        })
    };
    let mut words = text.split_whitespace();
    let mut total: i64 = 0;
    while let Some(word) = words.next() {
        let us = if word.contains(':') {
            clock_us(word)??
        } else {
            let count = number(word.strip_prefix('-').unwrap_or(word))?;
            let count = if word.starts_with('-') { -count } else { count };
            count.checked_mul(us_of(words.next().or(unit)?)?)?
        };
        total = total.checked_add(us)?;
    }
    Some(total)
}

/// A field of `extract` and `date_part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Epoch,
    Dow,
    Doy,
}

impl Field {
    pub(crate) fn named(name: &str) -> Option<Field> {
        Some(match name.to_ascii_lowercase().as_str() {
            "year" | "years" => Field::Year,
            "month" | "months" => Field::Month,
            "day" | "days" => Field::Day,
            "hour" | "hours" => Field::Hour,
            "minute" | "minutes" => Field::Minute,
            "second" | "seconds" => Field::Second,
            "epoch" => Field::Epoch,
            "dow" => Field::Dow,
            "doy" => Field::Doy,
            _ => return None,
        })
    }
}

/// A field of a moment, in microseconds for seconds and epoch.
pub(crate) fn field_of(field: Field, us: i64) -> i64 {
    let day = us.div_euclid(DAY_US);
    let time = us.rem_euclid(DAY_US);
    let (year, month, mday) = civil(day);
    match field {
        Field::Year => {
            if year <= 0 {
                year - 1
            } else {
                year
            }
        }
        Field::Month => month,
        Field::Day => mday,
        Field::Hour => time / 3_600_000_000,
        Field::Minute => time / 60_000_000 % 60,
        Field::Second => time % 60_000_000,
        Field::Epoch => us,
        Field::Dow => (day + 4).rem_euclid(7),
        Field::Doy => day - days(year, 1, 1) + 1,
    }
}
