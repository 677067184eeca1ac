//! Values in PostgreSQL's binary format, written as PostgreSQL writes them as text.
//!
//! [`of`] is the whole of it: type and bytes in, text out. The bytes come from the server under
//! test, so each length is checked and bad ones give an error that names the type. Time zones are
//! UTC ([`crate::engine`] sets the session so).

use tokio_postgres::types::{Kind, Type};

/// A value's text.
pub fn of(ty: &Type, raw: &[u8]) -> Result<String, String> {
    if let Kind::Array(element) = ty.kind() {
        let text = array(element, raw)?;
        // Vectors of the catalogue have no marks of an array about them.
        let vector = matches!(*ty, Type::INT2_VECTOR | Type::OID_VECTOR);
        return Ok(if vector { text.trim_matches(['{', '}']).replace(',', " ") } else { text });
    }
    let bytes = &mut Bytes { left: raw, ty: ty.name() };
    let text = match *ty {
        Type::BOOL => if bytes.take::<1>()? == [0] { "f" } else { "t" }.to_owned(),
        Type::INT2 => bytes.i16()?.to_string(),
        Type::INT4 => bytes.i32()?.to_string(),
        Type::INT8 => i64::from_be_bytes(bytes.take()?).to_string(),
        // Types that show a name have a number in binary.
        Type::OID | Type::XID | Type::REGPROC | Type::REGCLASS | Type::REGTYPE => {
            bytes.u32()?.to_string()
        }
        Type::FLOAT4 => float(f32::from_be_bytes(bytes.take()?).into(), true),
        Type::FLOAT8 => float(f64::from_be_bytes(bytes.take()?), false),
        Type::NUMERIC => numeric(bytes)?,
        Type::DATE => date(bytes.i32()?),
        Type::TIMESTAMP => timestamp(i64::from_be_bytes(bytes.take()?), ""),
        Type::TIMESTAMPTZ => timestamp(i64::from_be_bytes(bytes.take()?), "+00"),
        Type::TIME => clock(i64::from_be_bytes(bytes.take()?)),
        Type::INTERVAL => {
            let us = i64::from_be_bytes(bytes.take()?);
            let days = bytes.i32()?;
            interval(bytes.i32()?, days, us)
        }
        Type::UUID => uuid(bytes.take()?),
        Type::VOID => String::new(),
        Type::BYTEA => format!("\\x{}", hex(bytes.rest())),
        Type::CHAR => utf8(ty, bytes.rest())?,
        Type::JSONB => match bytes.take::<1>()? {
            [1] => utf8(ty, bytes.rest())?,
            [version] => return Err(format!("jsonb of version {version}; only 1 exists")),
        },
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::UNKNOWN => {
            utf8(ty, bytes.rest())?
        }
        _ => return Err(format!("no text for binary {ty}; cast the column to text in the file")),
    };
    bytes.end()?;
    Ok(text)
}

/// What is left of a value.
struct Bytes<'a> {
    left: &'a [u8],
    ty: &'a str,
}

impl<'a> Bytes<'a> {
    fn slice(&mut self, len: usize) -> Result<&'a [u8], String> {
        let short = || format!("a binary {} ends {} bytes early", self.ty, len - self.left.len());
        let (first, rest) = self.left.split_at_checked(len).ok_or_else(short)?;
        self.left = rest;
        Ok(first)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.slice(N)?);
        Ok(bytes)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    fn i16(&mut self) -> Result<i16, String> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    fn i32(&mut self) -> Result<i32, String> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn end(&self) -> Result<(), String> {
        match self.left.len() {
            0 => Ok(()),
            n => Err(format!("a binary {} has {n} bytes too many", self.ty)),
        }
    }
}

fn utf8(ty: &Type, bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|e| format!("a binary {ty} is not UTF-8: {e}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn uuid(bytes: [u8; 16]) -> String {
    let h = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

/// The shortest digits that give the number back; with an exponent below 1e-4 and from 1e15 (float4:
/// 1e6) on.
fn float(value: f64, single: bool) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let (plain, scientific) = match single {
        true => (format!("{}", value as f32), format!("{:e}", value as f32)),
        false => (format!("{value}"), format!("{value:e}")),
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..if single { 6 } else { 15 }).contains(&exponent) {
        return plain;
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Groups of four decimal digits, the weight of the first, a sign and the digits after the point.
fn numeric(bytes: &mut Bytes<'_>) -> Result<String, String> {
    let (groups, weight) = (bytes.i16()?, bytes.i16()?);
    let (sign, scale) = (u16::from_be_bytes(bytes.take()?), bytes.i16()?.max(0) as usize);
    match sign {
        0xC000 => return Ok("NaN".into()),
        0xD000 => return Ok("Infinity".into()),
        0xF000 => return Ok("-Infinity".into()),
        _ => {}
    }
    let digits = (0..groups).map(|_| bytes.i16()).collect::<Result<Vec<_>, _>>()?;
    let group = |power: i32| {
        let place = usize::try_from(i32::from(weight) - power).ok();
        place.and_then(|place| digits.get(place)).copied().unwrap_or(0)
    };
    let whole: String =
        (0..=i32::from(weight).max(0)).rev().map(|p| format!("{:04}", group(p))).collect();
    let whole = whole.trim_start_matches('0');
    let minus = if sign == 0x4000 { "-" } else { "" };
    let mut text = format!("{minus}{}", if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        let groups = scale.div_ceil(4) as i32;
        let fraction: String = (1..=groups).map(|p| format!("{:04}", group(-p))).collect();
        text = format!("{text}.{}", &fraction[..scale]);
    }
    Ok(text)
}

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's time begins.
const EPOCH_DAYS: i64 = 10_957;
const DAY_US: i64 = 86_400_000_000;

fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".into(),
        i32::MIN => "-infinity".into(),
        days => {
            let (date, era) = civil(i64::from(days) + EPOCH_DAYS);
            format!("{date}{era}")
        }
    }
}

fn timestamp(us: i64, zone: &str) -> String {
    match us {
        i64::MAX => return "infinity".into(),
        i64::MIN => return "-infinity".into(),
        _ => {}
    }
    let (date, era) = civil(us.div_euclid(DAY_US) + EPOCH_DAYS);
    let us = us.rem_euclid(DAY_US);
    let (s, fraction) = (us / 1_000_000, us % 1_000_000);
    let mut text = format!("{date} {:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    if fraction > 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    format!("{text}{zone}{era}")
}

/// `04:05:06.789`.
fn clock(us: i64) -> String {
    let (s, fraction) = (us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000);
    let sign = if us < 0 { "-" } else { "" };
    let mut text = format!("{sign}{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    if fraction > 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    text
}

/// `1 year 2 mons -3 days +04:05:06`.
fn interval(months: i32, days: i32, us: i64) -> String {
    let (mut parts, mut negative) = (Vec::new(), false);
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            let plus = if negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{plus}{count} {unit}{plural}"));
            negative = count < 0;
        }
    }
    if us != 0 || parts.is_empty() {
        parts.push(format!("{}{}", if negative && us >= 0 { "+" } else { "" }, clock(us)));
    }
    parts.join(" ")
}

/// The day of the Gregorian calendar, counted in eras of 400 years that begin in March.
fn civil(days_since_1970: i64) -> (String, &'static str) {
    let days = days_since_1970 + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + later;
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

/// Dimensions, flag, element type; length and lower bound of each dimension; the elements.
fn array(element: &Type, raw: &[u8]) -> Result<String, String> {
    let bytes = &mut Bytes { left: raw, ty: element.name() };
    let (dimensions, _has_null, _oid) = (bytes.i32()?, bytes.i32()?, bytes.u32()?);
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(bytes.i32()?);
        bytes.i32()?;
    }
    let text = if lengths.is_empty() { "{}".into() } else { level(element, &lengths, bytes)? };
    bytes.end()?;
    Ok(text)
}

fn level(element: &Type, lengths: &[i32], bytes: &mut Bytes<'_>) -> Result<String, String> {
    let Some((length, inner)) = lengths.split_first() else { return item(element, bytes) };
    let items =
        (0..*length).map(|_| level(element, inner, bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{{{}}}", items.join(",")))
}

fn item(element: &Type, bytes: &mut Bytes<'_>) -> Result<String, String> {
    let Ok(length) = usize::try_from(bytes.i32()?) else { return Ok("NULL".into()) };
    let text = of(element, bytes.slice(length)?)?;
    let special = |c: char| c.is_ascii_whitespace() || "{},\"\\".contains(c);
    if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
        return Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f8(value: f64) -> String {
        float(value, false)
    }

    #[test]
    fn floats_as_postgres_prints_them() {
        let cases = [(0.0, "0"), (-0.0, "-0"), (0.1, "0.1"), (1e14, "100000000000000")];
        let more = [(1e15, "1e+15"), (0.0001, "0.0001"), (1.5e-5, "1.5e-05"), (-1e300, "-1e+300")];
        for (value, text) in cases.into_iter().chain(more) {
            assert_eq!(f8(value), text);
        }
        assert_eq!(float(0.1f32.into(), true), "0.1");
        assert_eq!(float(1e6f32.into(), true), "1e+06");
        assert_eq!(f8(f64::NAN), "NaN");
    }

    #[test]
    fn numerics_keep_their_scale() {
        let raw = |parts: &[i16]| parts.iter().flat_map(|p| p.to_be_bytes()).collect::<Vec<_>>();
        let text = |parts: &[i16]| of(&Type::NUMERIC, &raw(parts)).unwrap();
        assert_eq!(text(&[2, 0, 0, 2, 12, 3400]), "12.34");
        assert_eq!(text(&[1, -1, 0x4000, 4, 5]), "-0.0005");
        assert_eq!(text(&[1, 1, 0, 0, 1]), "10000");
        assert_eq!(text(&[0, 0, 0, 2]), "0.00");
    }

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(date(0), "2000-01-01");
        assert_eq!(date(59), "2000-02-29");
        assert_eq!(date(-730_119), "0001-01-01");
        assert_eq!(date(-730_120), "0001-12-31 BC");
        assert_eq!(timestamp(-1, "+00"), "1999-12-31 23:59:59.999999+00");
    }

    #[test]
    fn spans_of_time() {
        assert_eq!(clock(14_706_789_000), "04:05:06.789");
        assert_eq!(interval(14, -3, 3_600_000_000), "1 year 2 mons -3 days +01:00:00");
        assert_eq!(
            (interval(0, 0, 0), interval(0, 1, -1)),
            ("00:00:00".into(), "1 day -00:00:00.000001".into())
        );
    }

    #[test]
    fn arrays_quote_what_must_be_quoted() {
        let mut raw = Vec::new();
        [1, 1, 25, 4, 1].iter().for_each(|n: &i32| raw.extend(n.to_be_bytes()));
        for text in ["a", "", "NULL", "x y\""] {
            raw.extend((text.len() as i32).to_be_bytes());
            raw.extend(text.as_bytes());
        }
        assert_eq!(of(&Type::TEXT_ARRAY, &raw).unwrap(), r#"{a,"","NULL","x y\""}"#);
    }

    #[test]
    fn short_and_long_values_are_errors() {
        assert!(of(&Type::INT8, &[0; 7]).is_err());
        assert!(of(&Type::INT8, &[0; 9]).is_err());
        assert!(of(&Type::TEXT_ARRAY, &[0, 0, 0, 1]).is_err());
        assert!(of(&Type::JSONB, b"\x02{}").is_err());
        assert!(of(&Type::TEXT, &[0xff]).is_err());
    }
}
