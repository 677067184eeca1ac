//! `to_char` of moments, spans and numbers.

use super::{Call, Datum, Family, Type, text, time};
use crate::SqlResult;
use crate::types::{DAY_US, civil, days_of, numeric};

pub(super) const FAMILY: Family = &[
    ("to_char(timestamp, text) text", |c| moment(c, false)),
    ("to_char(timestamptz, text) text", |c| moment(c, true)),
    ("to_char(interval, text) text", span),
    ("to_char(int4, text) text", number),
    ("to_char(int8, text) text", number),
    ("to_char(numeric, text) text", number),
    ("to_char(float8, text) text", number),
];

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// What a pattern may name; longer ones before their beginnings.
pub(super) const PATTERNS: &[&str] = &[
    "HH24", "HH12", "HH", "MI", "SSSSS", "SSSS", "SS", "MS", "US", "FF1", "FF2", "FF3", "FF4",
    "FF5", "FF6", "A.M.", "P.M.", "a.m.", "p.m.", "AM", "PM", "am", "pm", "Y,YYY", "YYYY", "YYY",
    "YY", "Y", "IYYY", "IYY", "IY", "I", "BC", "AD", "bc", "ad", "MONTH", "Month", "month", "MON",
    "Mon", "mon", "MM", "DAY", "Day", "day", "DY", "Dy", "dy", "DDD", "IDDD", "DD", "D", "ID",
    "WW", "W", "IW", "CC", "J", "Q", "RM", "rm", "TZH", "TZM", "TZ", "tz", "OF",
];

/// A piece of a format.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Field { name: &'static str, fill: bool, suffix: Option<&'static str> },
    Literal(String),
}

/// The pieces of a format; text in double quotes stands for itself.
pub(super) fn pieces(format: &str) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut rest = format;
    let literal = |text: &str, out: &mut Vec<Piece>| match out.last_mut() {
        Some(Piece::Literal(before)) => before.push_str(text),
        _ => out.push(Piece::Literal(text.to_string())),
    };
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix('"') {
            let end = after.find('"').unwrap_or(after.len());
            literal(&after[..end], &mut out);
            rest = after.get(end + 1..).unwrap_or_default();
            continue;
        }
        let prefixed = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm"));
        let (body, fill) = prefixed.map_or((rest, true), |body| (body, false));
        let body = body.strip_prefix("TM").unwrap_or(body);
        let known = PATTERNS.iter().filter(|p| body.starts_with(**p)).max_by_key(|p| p.len());
        // Numbers may be asked for in lower case, too.
        let lower = || {
            let same =
                |p: &&&str| body.get(..p.len()).is_some_and(|head| head.eq_ignore_ascii_case(p));
            PATTERNS.iter().filter(same).max_by_key(|p| p.len())
        };
        match known.or_else(lower) {
            Some(name) => {
                rest = &body[name.len()..];
                let suffix = ["TH", "th"].into_iter().find(|s| rest.starts_with(s));
                rest = suffix.map_or(rest, |s| &rest[s.len()..]);
                out.push(Piece::Field { name, fill, suffix });
            }
            None if prefixed.is_some() => rest = body,
            None => {
                literal(&rest[..c.len_utf8()], &mut out);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// `1st`, `22ND`.
fn ordinal(text: &str, suffix: &str) -> &'static str {
    let number: i64 = text.trim().parse().unwrap_or(0);
    let lower = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    match (suffix, lower) {
        ("TH", "st") => "ST",
        ("TH", "nd") => "ND",
        ("TH", "rd") => "RD",
        ("TH", _) => "TH",
        (_, lower) => lower,
    }
}

fn cased(name: &str, pattern: &str) -> String {
    let second = pattern.chars().nth(1).unwrap_or('a');
    match pattern.chars().next() {
        Some(first) if first.is_lowercase() => name.to_lowercase(),
        _ if second.is_uppercase() => name.to_uppercase(),
        _ => name.to_string(),
    }
}

fn moment(c: &Call<'_>, zone: bool) -> SqlResult<Datum> {
    let us = c.moment(0);
    if c.text(1).is_empty() {
        return Ok(Datum::Null);
    }
    if us == i64::MAX || us == i64::MIN {
        return text(if us > 0 { "infinity" } else { "-infinity" });
    }
    let mut out = String::new();
    for piece in pieces(c.text(1)) {
        match piece {
            Piece::Literal(text) => out.push_str(&text),
            Piece::Field { name, fill, suffix } => {
                let shown = field(name, fill, us, zone);
                out.push_str(&shown);
                out.push_str(suffix.map_or("", |s| ordinal(&shown, s)));
            }
        }
    }
    text(out)
}

fn padded(n: i64, width: usize, fill: bool) -> String {
    match fill {
        true if n < 0 => format!("-{:0width$}", -n),
        true => format!("{n:0width$}"),
        false => n.to_string(),
    }
}

fn field(name: &str, fill: bool, us: i64, zone: bool) -> String {
    let (day, us_of_day) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US));
    let (year, month, mday) = civil(day);
    if let Some(shown) = clock_field(name, fill, us_of_day) {
        return shown;
    }
    let weekday = (day + 3).rem_euclid(7);
    let doy = day - days_of(year, 1, 1) + 1;
    let (iso_year, iso_week) = time::iso_week(day);
    let shown_year = if year <= 0 { 1 - year } else { year };
    let n = |n: i64, width: usize| padded(n, width, fill);
    let word = |word: &str, width: usize| match fill {
        true => format!("{:width$}", cased(word, name)),
        false => cased(word, name),
    };
    match name {
        "Y,YYY" => format!("{},{:03}", shown_year / 1000, shown_year % 1000),
        "YYYY" => n(shown_year, 4),
        "YYY" => n(shown_year % 1000, 3),
        "YY" => n(shown_year % 100, 2),
        "Y" => n(shown_year % 10, 1),
        "IYYY" => n(iso_year, 4),
        "IYY" => n(iso_year % 1000, 3),
        "IY" => n(iso_year % 100, 2),
        "I" => n(iso_year % 10, 1),
        "BC" | "AD" => if year <= 0 { "BC" } else { "AD" }.into(),
        "bc" | "ad" => if year <= 0 { "bc" } else { "ad" }.into(),
        "MONTH" | "Month" | "month" => word(MONTHS[month as usize - 1], 9),
        "MON" | "Mon" | "mon" => cased(&MONTHS[month as usize - 1][..3], name),
        "MM" => n(month, 2),
        "DAY" | "Day" | "day" => word(DAYS[weekday as usize], 9),
        "DY" | "Dy" | "dy" => cased(&DAYS[weekday as usize][..3], name),
        "DDD" => n(doy, 3),
        "IDDD" => n((iso_week - 1) * 7 + weekday + 1, 3),
        "DD" => n(mday, 2),
        "D" => ((weekday + 1) % 7 + 1).to_string(),
        "ID" => (weekday + 1).to_string(),
        "WW" => n((doy - 1) / 7 + 1, 2),
        "W" => ((mday - 1) / 7 + 1).to_string(),
        "IW" => n(iso_week, 2),
        "CC" => n((year + 99).div_euclid(100), 2),
        "J" => (day + 2_440_588).to_string(),
        "Q" => ((month - 1) / 3 + 1).to_string(),
        "RM" | "rm" => {
            const ROMAN: [&str; 12] =
                ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
            let roman = ROMAN[month as usize - 1];
            let roman = if name == "rm" { roman.to_lowercase() } else { roman.to_string() };
            if fill { format!("{roman:4}") } else { roman }
        }
        "TZ" => if zone { "UTC" } else { "" }.into(),
        "tz" => if zone { "utc" } else { "" }.into(),
        "TZH" | "OF" => "+00".into(),
        "TZM" => "00".into(),
        _ => String::new(),
    }
}

fn clock_field(name: &str, fill: bool, us: i64) -> Option<String> {
    let hour = us / 3_600_000_000;
    let n = |n: i64, width: usize| padded(n, width, fill);
    let fraction = us.unsigned_abs() as i64 % 1_000_000;
    let half = |am: &str, pm: &str| if hour % 24 < 12 { am.to_string() } else { pm.to_string() };
    Some(match name {
        "HH24" => n(hour, 2),
        "HH12" | "HH" => n(if hour % 12 == 0 { 12 } else { hour % 12 }, 2),
        "MI" => n(us / 60_000_000 % 60, 2),
        "SS" => n(us / 1_000_000 % 60, 2),
        "SSSS" | "SSSSS" => (us / 1_000_000).to_string(),
        "MS" => n(fraction / 1_000, 3),
        "US" => n(fraction, 6),
        "AM" | "PM" => half("AM", "PM"),
        "am" | "pm" => half("am", "pm"),
        "A.M." | "P.M." => half("A.M.", "P.M."),
        "a.m." | "p.m." => half("a.m.", "p.m."),
        name if name.starts_with("FF") => {
            let digits: usize = name[2..].parse().unwrap_or(6);
            format!("{fraction:06}")[..digits].to_string()
        }
        _ => return None,
    })
}

fn span(c: &Call<'_>) -> SqlResult<Datum> {
    let interval = c.interval(0);
    let mut out = String::new();
    for piece in pieces(c.text(1)) {
        match piece {
            Piece::Literal(text) => out.push_str(&text),
            Piece::Field { name, fill, .. } => {
                let n = |n: i64, width: usize| padded(n, width, fill);
                out += &match name {
                    "YYYY" => n(interval.months / 12, 4),
                    "MM" => n(interval.months % 12, 2),
                    "DD" => n(interval.days, 2),
                    "DDD" => n(interval.months * 30 + interval.days, 3),
                    other => clock_field(other, fill, interval.us).unwrap_or_default(),
                };
            }
        }
    }
    text(out)
}

/// A number's picture: digits before and behind the point, and how signs are shown.
#[derive(Default)]
struct Picture {
    fill: bool,
    /// One letter for each place before the point: `9`, `0`, `,`.
    whole: Vec<char>,
    fraction: Vec<char>,
    point: bool,
    sign: Option<char>,
    /// `S` or `MI` behind the digits.
    behind: bool,
    brackets: bool,
    prefix: String,
    suffix: String,
    ordinal: Option<&'static str>,
}

fn picture(format: &str) -> Picture {
    let mut p = Picture { fill: true, ..Picture::default() };
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        let word =
            ["FM", "MI", "PL", "SG", "PR", "TH", "th"].into_iter().find(|w| rest.starts_with(w));
        let any = !p.whole.is_empty() || p.point;
        match (word, c) {
            (Some("FM"), _) => p.fill = false,
            (Some("PR"), _) => p.brackets = true,
            (Some("MI"), _) => (p.sign, p.behind) = (Some('m'), any),
            (Some("SG" | "PL"), _) => (p.sign, p.behind) = (Some('s'), any),
            (Some(th @ ("TH" | "th")), _) => p.ordinal = Some(th),
            (_, 'S') => (p.sign, p.behind) = (Some('S'), any),
            (_, '9' | '0') if p.point => p.fraction.push(c),
            (_, '9' | '0') => p.whole.push(c),
            (_, ',' | 'G') if !p.point => p.whole.push(','),
            (_, '.' | 'D') => p.point = true,
            (_, '"') => {
                let inner = rest[1..].split('"').next().unwrap_or_default();
                let target = if any { &mut p.suffix } else { &mut p.prefix };
                target.push_str(inner);
                rest = rest.get(inner.len() + 2..).unwrap_or_default();
                continue;
            }
            (_, other) => {
                let target = if any { &mut p.suffix } else { &mut p.prefix };
                target.push(if other == 'L' { ' ' } else { other });
            }
        }
        rest = &rest[word.map_or(c.len_utf8(), str::len)..];
    }
    p
}

fn number(c: &Call<'_>) -> SqlResult<Datum> {
    let p = picture(c.text(1));
    let digits = c.values[0].clone().cast(&c.types[0], &Type::Numeric)?.print(&Type::Numeric);
    let plain = numeric::parse(&digits, 0, 0)?;
    let rounded = numeric::round(&plain, p.fraction.len() as i64);
    let (negative, rounded) =
        rounded.strip_prefix('-').map_or((false, rounded.as_str()), |r| (true, r));
    let (whole, fraction) = rounded.split_once('.').unwrap_or((rounded, ""));
    let negative = negative && rounded.bytes().any(|b| (b'1'..=b'9').contains(&b));
    let places = p.whole.iter().filter(|c| **c != ',').count();
    let whole = if whole == "0" && !p.whole.contains(&'0') && p.point { "" } else { whole };
    let (shown, width) = whole_part(&p, whole, places);
    let mut shown = shown;
    if p.point {
        shown.push('.');
        shown.push_str(&fraction_part(&p, fraction, whole.len() > places));
    }
    text(signed(&p, shown, negative, width))
}

/// The places before the point, and how many blanks stand before them.
fn whole_part(p: &Picture, digits: &str, places: usize) -> (String, usize) {
    if digits.len() > places {
        let hashes = p.whole.iter().map(|c| if *c == ',' { ',' } else { '#' }).collect();
        return (hashes, 0);
    }
    let mut digits = digits.chars();
    let mut missing = places - digits.clone().count();
    let (mut shown, mut blanks, mut begun) = (String::new(), 0, false);
    for place in &p.whole {
        match place {
            ',' if begun => shown.push(','),
            ',' => blanks += 1,
            place if missing > 0 => {
                missing -= 1;
                begun |= *place == '0';
                if begun { shown.push('0') } else { blanks += 1 }
            }
            _ => {
                begun = true;
                shown.extend(digits.next());
            }
        }
    }
    (shown, blanks)
}

fn fraction_part(p: &Picture, digits: &str, too_wide: bool) -> String {
    if too_wide {
        return "#".repeat(p.fraction.len());
    }
    let digits = format!("{digits:0<width$}", width = p.fraction.len());
    match p.fill {
        true => digits,
        // Without filling, zeros that only a 9 asks for end the number.
        false => {
            let kept = p.fraction.iter().rposition(|c| *c == '0').map_or(0, |at| at + 1);
            let short = digits.trim_end_matches('0').len().max(kept);
            digits[..short].to_string()
        }
    }
}

fn signed(p: &Picture, digits: String, negative: bool, blanks: usize) -> String {
    let (front, back) = match (p.brackets, p.sign, negative) {
        (true, _, true) => ("<".to_string(), ">".to_string()),
        (true, _, false) => (" ".to_string(), " ".to_string()),
        (_, Some('m'), negative) => {
            let sign = if negative { "-" } else { " " }.to_string();
            if p.behind { (String::new(), sign) } else { (sign, String::new()) }
        }
        (_, Some(_), negative) => {
            let sign = if negative { "-" } else { "+" }.to_string();
            if p.behind { (String::new(), sign) } else { (sign, String::new()) }
        }
        (_, None, negative) => (if negative { "-" } else { " " }.to_string(), String::new()),
    };
    let ordinal = p.ordinal.filter(|_| !negative).map_or("", |th| ordinal(&digits, th));
    let (prefix, suffix) = (&p.prefix, &p.suffix);
    match p.fill {
        false => {
            let (front, back) = (front.trim(), back.trim());
            format!("{prefix}{front}{digits}{ordinal}{back}{suffix}")
        }
        // A sign of MI stands before the blanks, others next to the digits.
        true => {
            let blanks = " ".repeat(blanks);
            match (p.sign, p.behind) {
                (Some('m' | 's'), false) => {
                    format!("{prefix}{front}{blanks}{digits}{ordinal}{back}{suffix}")
                }
                _ => format!("{prefix}{blanks}{front}{digits}{ordinal}{back}{suffix}"),
            }
        }
    }
}
