//! `to_date` and `to_timestamp`: text read by a format.

use super::to_char::{MONTHS, Piece, pieces};
use crate::types::{DAY_US, days_in, days_of};
use crate::{SqlError, SqlResult};

/// What was read of a moment.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    doy: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    us: i64,
    afternoon: Option<bool>,
    bc: bool,
    julian: Option<i64>,
    zone: i64,
}

/// Microseconds of what the text says in this format.
pub(super) fn read(text: &str, format: &str) -> SqlResult<i64> {
    let mut read = Read::default();
    let mut rest = text.trim_start();
    let pieces = pieces(format);
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(marks) => {
                for mark in marks.chars() {
                    rest = skipped(rest, mark);
                }
            }
            Piece::Field { name, .. } => {
                rest = rest.trim_start();
                if rest.is_empty() {
                    break;
                }
                // Digits run on into the next field only where that is one, too.
                let next_is_field = matches!(pieces.get(i + 1), Some(Piece::Field { .. }));
                rest = read_field(&mut read, name, rest, next_is_field)?;
            }
        }
    }
    read.moment(text)
}

/// Without one separator: any separator of the format matches any of the text.
fn skipped(text: &str, mark: char) -> &str {
    let first = text.chars().next();
    match (mark.is_alphanumeric(), first) {
        (true, Some(c)) => &text[c.len_utf8()..],
        (false, Some(c)) if !c.is_alphanumeric() && c != '-' && c != '+' => {
            text[c.len_utf8()..].trim_start()
        }
        (false, Some(c)) if c == mark || mark != ' ' && !c.is_alphanumeric() => {
            &text[c.len_utf8()..]
        }
        _ => text,
    }
}

fn invalid(text: &str, name: &str) -> SqlError {
    let shown: String = text.chars().take(name.len().max(1)).collect();
    SqlError::new("22007", format!("invalid value \"{shown}\" for \"{name}\""))
        .detail("Value must be an integer.")
}

/// A number of at most `width` digits, and what follows.
fn number<'a>(text: &'a str, width: usize, name: &str) -> SqlResult<(i64, &'a str)> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, text),
    };
    let count = digits.bytes().take(width).take_while(|b| b.is_ascii_digit()).count();
    let number: i64 = digits[..count].parse().map_err(|_| invalid(text, name))?;
    Ok((sign * number, &digits[count..]))
}

fn read_field<'a>(read: &mut Read, name: &str, text: &'a str, tight: bool) -> SqlResult<&'a str> {
    let width = |own: usize| if tight { own } else { 9 };
    let upper = name.to_ascii_uppercase();
    let (n, rest) = match upper.as_str() {
        "MONTH" | "MON" => return month(read, text, &upper),
        "DAY" | "DY" => {
            let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
            return Ok(&text[..][letters..]);
        }
        "AM" | "PM" | "A.M." | "P.M." => {
            let lower = text.to_ascii_lowercase();
            let found = ["a.m.", "p.m.", "am", "pm"].into_iter().find(|w| lower.starts_with(w));
            let word = found.ok_or_else(|| invalid(text, name))?;
            read.afternoon = Some(word.starts_with('p'));
            return Ok(&text[word.len()..]);
        }
        "BC" | "AD" => {
            read.bc = text.get(..2).is_some_and(|w| w.eq_ignore_ascii_case("bc"));
            return Ok(text.get(2..).unwrap_or_default());
        }
        "MS" | "US" | "FF1" | "FF2" | "FF3" | "FF4" | "FF5" | "FF6" => {
            let count = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
            let digits = format!("{:0<6}", &text[..count]);
            read.us = digits.parse().map_err(|_| invalid(text, name))?;
            return Ok(&text[count..]);
        }
        "YYYY" | "IYYY" => number(text, width(4), name)?,
        "Y,YYY" => {
            let (thousands, rest) = number(text, 1, name)?;
            let (n, rest) = number(rest.strip_prefix(',').unwrap_or(rest), 3, name)?;
            (thousands * 1000 + n, rest)
        }
        "DDD" => number(text, width(3), name)?,
        "J" => number(text, 9, name)?,
        "SSSS" | "SSSSS" => number(text, width(5), name)?,
        "TZH" | "OF" => number(text, 2, name)?,
        _ => number(text, width(2), name)?,
    };
    match upper.as_str() {
        "YYYY" | "IYYY" | "Y,YYY" => read.year = Some(n),
        // Two digits and three are years about 2020.
        "YYY" => {
            read.year = Some(if (520..1000).contains(&n) {
                1000 + n
            } else if n < 1000 {
                2000 + n
            } else {
                n
            })
        }
        "YY" | "Y" => {
            read.year = Some(match n {
                0..=69 => 2000 + n,
                70..=99 => 1900 + n,
                n => n,
            });
        }
        "MM" => read.month = Some(n),
        "DD" => read.day = Some(n),
        "DDD" => read.doy = Some(n),
        "HH24" | "HH12" | "HH" => {
            if upper != "HH24" && !(1..=12).contains(&n) {
                let message = format!("hour \"{n}\" is invalid for the 12-hour clock");
                return Err(SqlError::new("22007", message)
                    .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            read.hour = n;
        }
        "MI" => read.minute = n,
        "SS" => read.second = n,
        "SSSS" | "SSSSS" => {
            (read.hour, read.minute, read.second) = (n / 3600, n / 60 % 60, n % 60);
        }
        "J" => read.julian = Some(n),
        "TZH" | "OF" => read.zone += n * 3600,
        "TZM" => read.zone += n * 60 * if read.zone < 0 { -1 } else { 1 },
        _ => {}
    }
    Ok(rest)
}

fn month<'a>(read: &mut Read, text: &'a str, name: &str) -> SqlResult<&'a str> {
    let same = |word: &str| text.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let length = |word: &'static str| if name == "MON" { &word[..3] } else { word };
    let found = MONTHS.iter().position(|word| same(length(word)));
    let at = found.ok_or_else(|| {
        SqlError::new("22007", format!("invalid value \"{text}\" for \"{name}\""))
            .detail("The given value did not match any of the allowed values for this field.")
    })?;
    read.month = Some(at as i64 + 1);
    Ok(&text[length(MONTHS[at]).len()..])
}

impl Read {
    fn moment(&self, text: &str) -> SqlResult<i64> {
        let range =
            || SqlError::new("22008", format!("date/time field value out of range: \"{text}\""));
        let day = match (self.julian, self.doy) {
            (Some(julian), _) => julian - 2_440_588,
            (None, Some(doy)) => days_of(self.astronomical(), 1, 1) + doy - 1,
            _ => {
                let (year, month) = (self.astronomical(), self.month.unwrap_or(1));
                let day = self.day.unwrap_or(1);
                let valid = (1..=12).contains(&month) && (-4713..=294_276).contains(&year);
                if !valid || day < 1 || day > days_in(year, month) {
                    return Err(range());
                }
                days_of(year, month, day)
            }
        };
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        if !(0..24).contains(&hour)
            || !(0..60).contains(&self.minute)
            || !(0..60).contains(&self.second)
        {
            return Err(range());
        }
        let seconds = hour * 3600 + self.minute * 60 + self.second - self.zone;
        Ok(day * DAY_US + seconds * 1_000_000 + self.us)
    }

    /// The year with a year 0; without one in the text it is 1 BC.
    fn astronomical(&self) -> i64 {
        match (self.year, self.bc) {
            (None, _) => 0,
            (Some(year), true) => 1 - year,
            (Some(year), false) => year,
        }
    }
}
