//! Functions and operators of dates, times and spans.

use super::{Call, Datum, Family, Interval, Type, interval, to_time};
use crate::types::{DAY_US, civil, days_in, days_of};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("date_trunc(text, timestamp) timestamp", |c| moment(truncated(c.text(0), c.moment(1))?)),
    ("date_trunc(text, timestamptz) timestamptz", |c| moment(truncated(c.text(0), c.moment(1))?)),
    ("date_trunc(text, interval) interval", trunc_interval),
    ("date_bin(interval, timestamp, timestamp) timestamp", bin),
    ("date_bin(interval, timestamptz, timestamptz) timestamptz", bin),
    ("date_part(text, timestamp) float8", |c| part(c, Unit::Float)),
    ("date_part(text, timestamptz) float8", |c| part(c, Unit::Float)),
    ("date_part(text, interval) float8", |c| part(c, Unit::Float)),
    ("date_part(text, time) float8", |c| part(c, Unit::Float)),
    ("date_part(text, date) float8", |c| part(c, Unit::Float)),
    ("aeriedb_extract(text, timestamp) numeric", |c| part(c, Unit::Numeric)),
    ("aeriedb_extract(text, timestamptz) numeric", |c| part(c, Unit::Numeric)),
    ("aeriedb_extract(text, interval) numeric", |c| part(c, Unit::Numeric)),
    ("aeriedb_extract(text, time) numeric", |c| part(c, Unit::Numeric)),
    ("aeriedb_extract(text, date) numeric", |c| part(c, Unit::Numeric)),
    ("age(timestamp, timestamp) interval", |c| age(c.moment(0), c.moment(1))),
    ("age(timestamptz, timestamptz) interval", |c| age(c.moment(0), c.moment(1))),
    ("age(timestamp) interval", |c| age(c.now_us.div_euclid(DAY_US) * DAY_US, c.moment(0))),
    ("age(timestamptz) interval", |c| age(c.now_us.div_euclid(DAY_US) * DAY_US, c.moment(0))),
    ("make_date(int4, int4, int4) date", |c| Ok(Datum::Date(date(c.int(0), c.int(1), c.int(2))?))),
    ("make_time(int4, int4, float8) time", |c| Ok(Datum::Time(clock(c, 0)?))),
    ("make_timestamp(int4, int4, int4, int4, int4, float8) timestamp", make_timestamp),
    ("make_timestamptz(int4, int4, int4, int4, int4, float8) timestamptz", make_timestamp),
    ("make_interval(int4) interval", make_interval),
    ("make_interval(int4, int4) interval", make_interval),
    ("make_interval(int4, int4, int4) interval", make_interval),
    ("make_interval(int4, int4, int4, int4) interval", make_interval),
    ("make_interval(int4, int4, int4, int4, int4) interval", make_interval),
    ("make_interval(int4, int4, int4, int4, int4, int4) interval", make_interval),
    ("make_interval(int4, int4, int4, int4, int4, int4, float8) interval", make_interval),
    ("justify_hours(interval) interval", |c| Ok(Datum::Interval(c.interval(0).justify_hours()))),
    ("justify_days(interval) interval", |c| Ok(Datum::Interval(c.interval(0).justify_days()))),
    ("justify_interval(interval) interval", |c| Ok(Datum::Interval(c.interval(0).justify()))),
    ("isfinite(date) bool", |_| Ok(Datum::Bool(true))),
    ("isfinite(timestamp) bool", |c| Ok(Datum::Bool(finite(c.moment(0))))),
    ("isfinite(timestamptz) bool", |c| Ok(Datum::Bool(finite(c.moment(0))))),
    ("isfinite(interval) bool", |_| Ok(Datum::Bool(true))),
    ("to_timestamp(float8) timestamptz", |c| {
        let us = (c.float(0) * 1e6).round();
        if us.abs() < 9.2e18 { moment(us as i64) } else { Err(out_of_range()) }
    }),
    ("to_timestamp(text, text) timestamptz", |c| moment(to_time::read(c.text(0), c.text(1))?)),
    ("to_date(text, text) date", |c| {
        Ok(Datum::Date(to_time::read(c.text(0), c.text(1))?.div_euclid(DAY_US)))
    }),
    ("aeriedb_plus(date, int4) date", |c| shifted(c.moment(0), c.int(1))),
    ("aeriedb_plus(int4, date) date", |c| shifted(c.moment(1), c.int(0))),
    ("aeriedb_plus(date, interval) timestamp", |c| add(midnight(c.moment(0)), c.interval(1))),
    ("aeriedb_plus(interval, date) timestamp", |c| add(midnight(c.moment(1)), c.interval(0))),
    ("aeriedb_plus(date, time) timestamp", |c| moment(midnight(c.moment(0)) + c.moment(1))),
    ("aeriedb_plus(timestamp, interval) timestamp", |c| add(c.moment(0), c.interval(1))),
    ("aeriedb_plus(interval, timestamp) timestamp", |c| add(c.moment(1), c.interval(0))),
    ("aeriedb_plus(timestamptz, interval) timestamptz", |c| add(c.moment(0), c.interval(1))),
    ("aeriedb_plus(interval, timestamptz) timestamptz", |c| add(c.moment(1), c.interval(0))),
    ("aeriedb_plus(time, interval) time", |c| {
        Ok(Datum::Time((c.moment(0) + c.interval(1).us).rem_euclid(DAY_US)))
    }),
    ("aeriedb_plus(interval, interval) interval", |c| {
        Ok(Datum::Interval(c.interval(0).plus(c.interval(1))?))
    }),
    ("aeriedb_minus(date, int4) date", |c| shifted(c.moment(0), -c.int(1))),
    ("aeriedb_minus(date, date) int4", |c| Ok(Datum::Int(c.moment(0) - c.moment(1)))),
    ("aeriedb_minus(date, interval) timestamp", |c| {
        add(midnight(c.moment(0)), c.interval(1).negated())
    }),
    ("aeriedb_minus(timestamp, timestamp) interval", |c| difference(c.moment(0), c.moment(1))),
    ("aeriedb_minus(timestamptz, timestamptz) interval", |c| difference(c.moment(0), c.moment(1))),
    ("aeriedb_minus(timestamp, interval) timestamp", |c| add(c.moment(0), c.interval(1).negated())),
    ("aeriedb_minus(timestamptz, interval) timestamptz", |c| {
        add(c.moment(0), c.interval(1).negated())
    }),
    ("aeriedb_minus(time, time) interval", |c| {
        Ok(Datum::Interval(Interval { us: c.moment(0) - c.moment(1), ..Interval::default() }))
    }),
    ("aeriedb_minus(time, interval) time", |c| {
        Ok(Datum::Time((c.moment(0) - c.interval(1).us).rem_euclid(DAY_US)))
    }),
    ("aeriedb_minus(interval, interval) interval", |c| {
        Ok(Datum::Interval(c.interval(0).plus(c.interval(1).negated())?))
    }),
    ("aeriedb_times(interval, float8) interval", |c| {
        Ok(Datum::Interval(c.interval(0).times(c.float(1))?))
    }),
    ("aeriedb_times(float8, interval) interval", |c| {
        Ok(Datum::Interval(c.interval(1).times(c.float(0))?))
    }),
    ("aeriedb_divided(interval, float8) interval", |c| match c.float(1) {
        0.0 => Err(SqlError::new("22012", "division by zero")),
        by => Ok(Datum::Interval(c.interval(0).times(1.0 / by)?)),
    }),
    ("aeriedb_span(interval) int8", |c| {
        let us = c.interval(0).length();
        Ok(Datum::Int(us.clamp(i64::MIN.into(), i64::MAX.into()) as i64))
    }),
    ("aeriedb_date(text) date", |c| Datum::parse(&Type::Date, c.text(0))),
    ("aeriedb_time(text) time", |c| Datum::parse(&Type::Time, c.text(0))),
    ("aeriedb_timestamp(text) timestamp", |c| Datum::parse(&Type::Timestamp, c.text(0))),
    ("aeriedb_timestamptz(text) timestamptz", |c| Datum::parse(&Type::Timestamptz, c.text(0))),
    ("aeriedb_interval(text) interval", |c| Ok(Datum::Interval(interval::parse(c.text(0))?))),
    ("aeriedb_negated(interval) interval", |c| Ok(Datum::Interval(c.interval(0).negated()))),
    ("aeriedb_overlaps(timestamptz, timestamptz, timestamptz, timestamptz) bool", |c| {
        overlaps(c, c.moment(1), c.moment(3))
    }),
    ("aeriedb_overlaps(timestamptz, interval, timestamptz, interval) bool", |c| {
        let end = |i: usize| plus(c.moment(i), c.interval(i + 1));
        overlaps(c, end(0)?, end(2)?)
    }),
    ("generate_series(timestamp, timestamp, interval) setof timestamp", series),
    ("generate_series(timestamptz, timestamptz, interval) setof timestamptz", series),
];

fn out_of_range() -> SqlError {
    SqlError::new("22008", "timestamp out of range")
}

fn finite(us: i64) -> bool {
    us != i64::MAX && us != i64::MIN
}

fn moment(us: i64) -> SqlResult<Datum> {
    Ok(Datum::Timestamp(us))
}

fn midnight(day: i64) -> i64 {
    day.saturating_mul(DAY_US)
}

fn shifted(day: i64, by: i64) -> SqlResult<Datum> {
    let day = day.checked_add(by).filter(|day| i32::try_from(*day).is_ok());
    day.map(Datum::Date).ok_or_else(|| SqlError::new("22008", "date out of range"))
}

/// A moment some months, days and microseconds later; the day is the month's last at most.
fn plus(us: i64, by: Interval) -> SqlResult<i64> {
    if !finite(us) {
        return Ok(us);
    }
    let (day, time) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US));
    let day = match by.months {
        0 => day,
        months => {
            let (year, month, mday) = civil(day);
            let total = year * 12 + month - 1 + months;
            let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
            days_of(year, month, mday.min(days_in(year, month)))
        }
    };
    let day = day.checked_add(by.days).ok_or_else(out_of_range)?;
    let us = day.checked_mul(DAY_US).and_then(|us| us.checked_add(time)?.checked_add(by.us));
    us.ok_or_else(out_of_range)
}

fn add(us: i64, by: Interval) -> SqlResult<Datum> {
    moment(plus(us, by)?)
}

fn difference(a: i64, b: i64) -> SqlResult<Datum> {
    let us = a.checked_sub(b).ok_or_else(|| SqlError::new("22008", "interval out of range"))?;
    Ok(Datum::Interval(Interval { us, ..Interval::default() }.justify_hours()))
}

/// Years, months, days and time between two moments, as a calendar counts them.
fn age(a: i64, b: i64) -> SqlResult<Datum> {
    let (later, earlier, sign) = if a >= b { (a, b, 1) } else { (b, a, -1) };
    let split = |us: i64| (civil(us.div_euclid(DAY_US)), us.rem_euclid(DAY_US));
    let ((y1, m1, d1), t1) = split(later);
    let ((y0, m0, d0), t0) = split(earlier);
    let mut us = t1 - t0;
    let mut days = d1 - d0;
    let mut months = (y1 - y0) * 12 + m1 - m0;
    if us < 0 {
        us += DAY_US;
        days -= 1;
    }
    if days < 0 {
        // The days of the earlier month.
        days += days_in(y0, m0);
        months -= 1;
    }
    Ok(Datum::Interval(Interval { months: sign * months, days: sign * days, us: sign * us }))
}

fn unknown_unit(unit: &str, t: &str) -> SqlError {
    SqlError::new("22023", format!("unit \"{unit}\" not recognized for type {t}"))
        .hint("units are microseconds to millennium, dow, doy, week, epoch")
}

/// A unit without its plural.
fn unit_of(unit: &str) -> String {
    let lower = unit.trim().to_ascii_lowercase();
    match lower.as_str() {
        "microseconds" | "usec" | "us" => "microsecond",
        "milliseconds" | "msec" | "ms" => "millisecond",
        "seconds" | "sec" | "s" | "secs" => "second",
        "minutes" | "min" | "m" | "mins" => "minute",
        "hours" | "hr" | "h" | "hrs" => "hour",
        "days" | "d" => "day",
        "weeks" | "w" => "week",
        "months" | "mon" | "mons" => "month",
        "quarters" | "qtr" => "quarter",
        "years" | "y" | "yr" | "yrs" => "year",
        "decades" | "dec" | "decs" => "decade",
        "centuries" | "c" | "cent" => "century",
        "millennia" | "mil" | "mils" => "millennium",
        other => other,
    }
    .to_string()
}

fn truncated(unit: &str, us: i64) -> SqlResult<i64> {
    if !finite(us) {
        return Ok(us);
    }
    let (day, time) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US));
    let (year, month, _) = civil(day);
    let first = |year: i64, month: i64| Ok(days_of(year, month, 1) * DAY_US);
    let cut = |step: i64| Ok(day * DAY_US + time / step * step);
    match unit_of(unit).as_str() {
        "microsecond" => Ok(us),
        "millisecond" => cut(1_000),
        "second" => cut(1_000_000),
        "minute" => cut(60_000_000),
        "hour" => cut(3_600_000_000),
        "day" => Ok(day * DAY_US),
        // Weeks begin on Monday; 1970-01-01 was a Thursday.
        "week" => Ok((day - (day + 3).rem_euclid(7)) * DAY_US),
        "month" => first(year, month),
        "quarter" => first(year, (month - 1) / 3 * 3 + 1),
        "year" => first(year, 1),
        "decade" => first(year.div_euclid(10) * 10, 1),
        "century" => first((year - 1).div_euclid(100) * 100 + 1, 1),
        "millennium" => first((year - 1).div_euclid(1000) * 1000 + 1, 1),
        other => Err(unknown_unit(other, "timestamp")),
    }
}

fn trunc_interval(c: &Call<'_>) -> SqlResult<Datum> {
    let Interval { months, days, us } = c.interval(1);
    let whole = |months: i64| Interval { months, ..Interval::default() };
    let time = |step: i64| Interval { months, days, us: us / step * step };
    Ok(Datum::Interval(match unit_of(c.text(0)).as_str() {
        "microsecond" => time(1),
        "millisecond" => time(1_000),
        "second" => time(1_000_000),
        "minute" => time(60_000_000),
        "hour" => time(3_600_000_000),
        "day" => Interval { months, days, us: 0 },
        "month" => whole(months),
        "quarter" => whole(months / 3 * 3),
        "year" => whole(months / 12 * 12),
        "decade" => whole(months / 120 * 120),
        "century" => whole(months / 1200 * 1200),
        "millennium" => whole(months / 12_000 * 12_000),
        other => return Err(unknown_unit(other, "interval")),
    }))
}

fn bin(c: &Call<'_>) -> SqlResult<Datum> {
    let (stride, at, origin) = (c.interval(0), c.moment(1), c.moment(2));
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(SqlError::unsupported(message));
    }
    let step = stride.days.saturating_mul(DAY_US).saturating_add(stride.us);
    if step <= 0 {
        return Err(SqlError::new("22008", "stride must be greater than zero"));
    }
    let since = at.checked_sub(origin).ok_or_else(out_of_range)?;
    moment(origin + since.div_euclid(step) * step)
}

/// In what a field is wanted.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// As `extract` gives it.
    Numeric,
    /// As `date_part` gives it.
    Float,
}

fn part(c: &Call<'_>, unit: Unit) -> SqlResult<Datum> {
    let name = unit_of(c.text(0));
    let millionths = match &c.values[1] {
        Datum::Interval(interval) => interval_field(&name, *interval),
        Datum::Time(us) => time_field(&name, *us),
        Datum::Date(day) => {
            if matches!(name.as_str(), "hour" | "minute" | "second" | "millisecond" | "microsecond")
            {
                let message = format!("unit \"{name}\" not supported for type date");
                return Err(SqlError::unsupported(message));
            }
            date_field(&name, *day).map(|n| n * 1_000_000)
        }
        Datum::Timestamp(us) if !finite(*us) => return Ok(Datum::Null),
        Datum::Timestamp(us) => match name.as_str() {
            "epoch" => Some(i128::from(*us)),
            name => time_field(name, us.rem_euclid(DAY_US))
                .or_else(|| date_field(name, us.div_euclid(DAY_US)).map(|n| n * 1_000_000)),
        },
        _ => None,
    };
    let millionths = millionths.ok_or_else(|| unknown_unit(c.text(0), &c.types[1].to_string()))?;
    Ok(match unit {
        Unit::Float => Datum::Float(millionths as f64 / 1e6),
        Unit::Numeric => Datum::Numeric(digits(&name, millionths, &c.values[1])),
    })
}

/// Seconds have six digits behind the point, milliseconds three, other fields none.
fn digits(name: &str, millionths: i128, of: &Datum) -> String {
    let scale = match name {
        "epoch" if matches!(of, Datum::Date(_)) => 0,
        "second" | "epoch" => 6,
        "millisecond" => 3,
        _ => 0,
    };
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) =
        (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    let fraction = &format!("{rest:06}")[..scale];
    format!("{sign}{whole}{}{fraction}", if scale > 0 { "." } else { "" })
}

/// Fields in millionths.
fn time_field(name: &str, us: i64) -> Option<i128> {
    let us = i128::from(us);
    Some(match name {
        "hour" => us / 3_600_000_000 * 1_000_000,
        "minute" => us / 60_000_000 % 60 * 1_000_000,
        "second" => us % 60_000_000,
        "millisecond" => us % 60_000_000 * 1_000,
        "microsecond" => us % 60_000_000 * 1_000_000,
        "epoch" => us,
        "timezone" | "timezone_hour" | "timezone_minute" => 0,
        _ => return None,
    })
}

fn date_field(name: &str, day: i64) -> Option<i128> {
    let (year, month, mday) = civil(day);
    let iso_day = (day + 3).rem_euclid(7) + 1;
    let (iso_year, iso_week) = iso_week(day);
    let shown = |year: i64| if year <= 0 { year - 1 } else { year };
    Some(i128::from(match name {
        "year" => shown(year),
        "month" => month,
        "day" => mday,
        "quarter" => (month - 1) / 3 + 1,
        "decade" => year.div_euclid(10),
        "century" => {
            if year > 0 {
                (year + 99) / 100
            } else {
                (year - 1).div_euclid(100)
            }
        }
        "millennium" => {
            if year > 0 {
                (year + 999) / 1000
            } else {
                (year - 1).div_euclid(1000)
            }
        }
        "dow" => iso_day % 7,
        "isodow" => iso_day,
        "doy" => day - days_of(year, 1, 1) + 1,
        "week" => iso_week,
        "isoyear" => shown(iso_year),
        "julian" => day + 2_440_588,
        "epoch" => day * 86_400,
        _ => return None,
    }))
}

/// Year and number of a day's ISO week.
pub(super) fn iso_week(day: i64) -> (i64, i64) {
    // The week belongs to the year of its Thursday.
    let thursday = day - (day + 3).rem_euclid(7) + 3;
    let (year, _, _) = civil(thursday);
    (year, (thursday - days_of(year, 1, 1)) / 7 + 1)
}

fn interval_field(name: &str, interval: Interval) -> Option<i128> {
    let Interval { months, days, us } = interval;
    let whole = |n: i64| Some(i128::from(n) * 1_000_000);
    match name {
        "year" => whole(months / 12),
        "month" => whole(months % 12),
        "day" => whole(days),
        "quarter" => whole(months % 12 / 3 + 1),
        "decade" => whole(months / 120),
        "century" => whole(months / 1200),
        "millennium" => whole(months / 12_000),
        "hour" => whole(us / 3_600_000_000),
        // A year has 365.25 days here, a month of the rest 30.
        "epoch" => {
            let years = i128::from(months / 12) * 31_557_600_000_000;
            let rest = i128::from(months % 12) * 30 + i128::from(days);
            Some(years + rest * i128::from(DAY_US) + i128::from(us))
        }
        other => time_field(other, us.abs()).map(|n| if us < 0 { -n } else { n }),
    }
}

fn date(year: i64, month: i64, day: i64) -> SqlResult<i64> {
    let valid = year != 0 && (1..=12).contains(&month) && (-4713..=5_874_897).contains(&year);
    let astronomical = if year < 0 { year + 1 } else { year };
    if !valid || day < 1 || day > days_in(astronomical, month) {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        return Err(SqlError::new("22008", message));
    }
    Ok(days_of(astronomical, month, day))
}

/// Hours, minutes and seconds from argument `from` on.
fn clock(c: &Call<'_>, from: usize) -> SqlResult<i64> {
    let (hour, minute, second) = (c.int(from), c.int(from + 1), c.float(from + 2));
    let us = (hour * 3600 + minute * 60) * 1_000_000 + (second * 1e6).round() as i64;
    let valid =
        (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    if !valid || us > DAY_US {
        let message = format!("time field value out of range: {hour}:{minute:02}:{second:02}");
        return Err(SqlError::new("22008", message));
    }
    Ok(us)
}

fn make_timestamp(c: &Call<'_>) -> SqlResult<Datum> {
    moment(date(c.int(0), c.int(1), c.int(2))? * DAY_US + clock(c, 3)?)
}

fn make_interval(c: &Call<'_>) -> SqlResult<Datum> {
    let n = |i: usize| c.int(i);
    let seconds = (c.float(6) * 1e6).round() as i64;
    let interval = Interval {
        months: n(0) * 12 + n(1),
        days: n(2) * 7 + n(3),
        us: (n(4) * 3600 + n(5) * 60) * 1_000_000 + seconds,
    };
    Ok(Datum::Interval(interval.checked()?))
}

fn overlaps(c: &Call<'_>, end: i64, other_end: i64) -> SqlResult<Datum> {
    let sorted = |a: i64, b: i64| (a.min(b), a.max(b));
    let (s1, e1) = sorted(c.moment(0), end);
    let (s2, e2) = sorted(c.moment(2), other_end);
    Ok(Datum::Bool(s1 == s2 || s1 < e2 && s2 < e1))
}

/// Most rows of a series.
const SERIES_MAX: usize = 10_000_000;

fn series(c: &Call<'_>) -> SqlResult<Datum> {
    let (from, to, step) = (c.moment(0), c.moment(1), c.interval(2));
    let forward = step.length().signum();
    if forward == 0 {
        return Err(SqlError::new("22023", "step size cannot equal zero"));
    }
    let (mut rows, mut at) = (Vec::new(), from);
    while if forward > 0 { at <= to } else { at >= to } {
        if rows.len() >= SERIES_MAX {
            return Err(SqlError::new(
                "54000",
                format!("the series has more than {SERIES_MAX} rows"),
            ));
        }
        rows.push(Datum::Timestamp(at));
        at = plus(at, step)?;
    }
    Ok(Datum::Array(rows))
}
