//! One row to one DataRow, straight into the output buffer.
//!
//! A value or an Arrow element becomes a [`Cell`] that borrows it, and the column's OID and format
//! decide its bytes. Text is what PostgreSQL would print.

use std::borrow::{Borrow, Cow};
use std::fmt::Write;
use std::sync::Arc;

use bytes::BufMut;
use model::{ColumnType, Value, json};
use query::arrow::array::{Array, ArrayRef, StructArray};
use sql::types::format_text;
use sql::{SqlError, SqlResult};

use super::arrow;
use super::backend::Field;
use super::frontend::Shorts;
use super::types::{self, oid};
use super::{numeric, wire};

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's times begin.
pub(crate) const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// The same in days.
pub(crate) const EPOCH_DAYS: i64 = 10_957;
const DAY_MICROS: i64 = 86_400_000_000;

/// A value on its way out.
#[derive(Debug, Clone)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    /// A number; by OID also days or microseconds since 1970.
    Int(i64),
    Float4(f32),
    Float8(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    /// Microseconds since 1970.
    Timestamp(i64),
    /// Days since 1970.
    Date(i64),
    /// Microseconds since midnight.
    Time(i64),
    Interval {
        months: i32,
        days: i32,
        micros: i64,
    },
    /// An object's id and name: text shows the name, binary the id.
    Named(i64, &'a str),
    /// A row of values: what is at this place of an array of them.
    Record(&'a StructArray, usize),
    /// Elements of a list value.
    Values(&'a [Value]),
    /// Elements of an Arrow list.
    Array(ArrayRef),
}

/// The formats of the columns, text (0) or binary (1): one for all, or one each.
#[derive(Debug, Clone)]
pub(crate) enum Formats {
    All(u16),
    Each(Arc<[u16]>),
}

impl Default for Formats {
    fn default() -> Formats {
        Formats::All(0)
    }
}

impl Formats {
    /// Checks the list of a Bind against the number of columns.
    pub(crate) fn new(list: Shorts<'_>, columns: usize) -> SqlResult<Formats> {
        check_formats(list)?;
        match list.len() {
            0 | 1 => Ok(Formats::All(list.iter().next().unwrap_or(0))),
            count if count == columns => Ok(Formats::Each(list.iter().collect())),
            count => Err(super::frontend::protocol(format!(
                "bind message has {count} result formats but query has {columns} columns"
            ))),
        }
    }

    pub(crate) fn of(&self, column: usize) -> u16 {
        match self {
            Formats::All(one) => *one,
            Formats::Each(each) => each.get(column).copied().unwrap_or(0),
        }
    }
}

/// 08P01 unless each is text (0) or binary (1).
pub(crate) fn check_formats(list: Shorts<'_>) -> SqlResult<()> {
    match list.iter().find(|f| *f > 1) {
        Some(f) => Err(super::frontend::protocol(format!("unsupported format code: {f}"))),
        None => Ok(()),
    }
}

/// Appends a DataRow of values. An error leaves the buffer as it was.
pub(crate) fn put_row(
    out: &mut Vec<u8>,
    fields: &[Field],
    formats: &Formats,
    row: &[Option<impl Borrow<Value>>],
) -> SqlResult<()> {
    put_data_row(out, fields, formats, |i, field| match row.get(i) {
        Some(Some(value)) => of_value(field.column_type, value.borrow()),
        _ => Ok(Cell::Null),
    })
}

/// Appends a DataRow of whatever `cell` gives for each column.
pub(crate) fn put_data_row<'a>(
    out: &mut Vec<u8>,
    fields: &[Field],
    formats: &Formats,
    cell: impl Fn(usize, &Field) -> SqlResult<Cell<'a>>,
) -> SqlResult<()> {
    let start = wire::begin(out, b'D');
    let written = (|| {
        out.put_u16(fields.len() as u16);
        for (i, field) in fields.iter().enumerate() {
            put_cell(out, field.oid, formats.of(i) == 1, &cell(i, field)?)?;
        }
        Ok(())
    })();
    match written {
        Ok(()) => wire::end_row(out, start),
        Err(error) => {
            out.truncate(start - 1);
            Err(error)
        }
    }
}

/// A value of a column as a cell. A value that is not of the column's type came later than the
/// column's description.
fn of_value(column_type: ColumnType, value: &Value) -> SqlResult<Cell<'_>> {
    let Some(stored) = column_type.stored_as() else {
        return Ok(Cell::Text(Cow::Owned(json::print(value))));
    };
    if stored != value.value_type() {
        let detail = format!("a column described as {column_type} holds {}", value.value_type());
        return Err(SqlError::new("0A000", "cached plan must not change result type")
            .detail(detail)
            .hint("prepare the statement again"));
    }
    Ok(match value {
        Value::Nil => Cell::Null,
        Value::Bool(b) => Cell::Bool(*b),
        Value::Integer(n) => Cell::Int(*n),
        Value::Double(d) => Cell::Float8(*d),
        Value::String(s) | Value::GeoJson(s) => Cell::Text(Cow::Borrowed(s)),
        Value::Blob(b) | Value::Hll(b) => Cell::Bytes(b),
        Value::List(items) => Cell::Values(items),
        Value::Map(_) => Cell::Text(Cow::Owned(json::print(value))),
    })
}

/// An element of a list, whose type is its own.
fn of_element(value: &Value) -> Cell<'_> {
    let own = ColumnType::of_value(value.value_type());
    if matches!(value, Value::Nil) {
        Cell::Null
    } else {
        of_value(own, value).unwrap_or(Cell::Null)
    }
}

fn put_cell(out: &mut Vec<u8>, oid: u32, binary: bool, cell: &Cell<'_>) -> SqlResult<()> {
    if matches!(cell, Cell::Null) {
        out.put_i32(-1);
        return Ok(());
    }
    if let Cell::Text(text) = cell
        && (!binary || types::is_text(oid))
    {
        out.put_u32(text.len() as u32);
        out.put_slice(text.as_bytes());
        return Ok(());
    }
    let start = out.len();
    out.put_u32(0);
    if binary {
        put_binary(out, oid, cell)?;
    } else {
        put_text(out, oid, cell)?;
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Appends the text form.
fn put_text(out: &mut Vec<u8>, oid: u32, cell: &Cell<'_>) -> SqlResult<()> {
    match cell {
        Cell::Null => {}
        Cell::Text(text) => out.put_slice(text.as_bytes()),
        Cell::Named(_, name) => out.put_slice(name.as_bytes()),
        Cell::Bool(b) if oid == oid::BOOL => out.put_u8(if *b { b't' } else { b'f' }),
        Cell::Bool(b) => out.put_slice(if *b { b"true" } else { b"false" }),
        Cell::Int(n) => match oid {
            oid::TIMESTAMP | oid::TIMESTAMPTZ => put_timestamp(out, oid, *n),
            oid::DATE => put_typed(out, ColumnType::Date, &Value::Integer(*n)),
            oid::TIME => put_time(out, *n),
            _ => {
                if *n < 0 {
                    out.put_u8(b'-');
                }
                wire::put_number(out, n.unsigned_abs());
            }
        },
        Cell::Float4(f) => put_typed(out, ColumnType::Float4, &Value::Double(f64::from(*f))),
        Cell::Float8(f) if oid == oid::FLOAT4 => {
            put_typed(out, ColumnType::Float4, &Value::Double(*f));
        }
        Cell::Float8(f) => put_typed(out, ColumnType::Float8, &Value::Double(*f)),
        Cell::Bytes(bytes) => put_bytes_text(out, oid, bytes),
        Cell::Timestamp(micros) if oid == oid::DATE => {
            put_typed(out, ColumnType::Date, &Value::Integer(micros.div_euclid(DAY_MICROS)));
        }
        Cell::Timestamp(micros) => put_timestamp(out, oid, *micros),
        Cell::Date(days) if matches!(oid, oid::TIMESTAMP | oid::TIMESTAMPTZ) => {
            put_timestamp(out, oid, days.saturating_mul(DAY_MICROS));
        }
        Cell::Date(days) => put_typed(out, ColumnType::Date, &Value::Integer(*days)),
        Cell::Time(micros) => put_time(out, *micros),
        Cell::Interval { months, days, micros } => {
            out.put_slice(interval_text(*months, *days, *micros).as_bytes());
        }
        Cell::Record(rows, i) => put_record_text(out, rows, *i)?,
        Cell::Values(_) | Cell::Array(_) => put_list_text(out, oid, cell)?,
    }
    Ok(())
}

/// `(1,,"two words")`.
fn put_record_text(out: &mut Vec<u8>, rows: &StructArray, i: usize) -> SqlResult<()> {
    out.put_u8(b'(');
    for (number, (column, field)) in rows.columns().iter().zip(rows.fields()).enumerate() {
        if number > 0 {
            out.put_u8(b',');
        }
        let cell = arrow::cell(column, i)?;
        if matches!(cell, Cell::Null) {
            continue;
        }
        let start = out.len();
        put_text(out, query::field_oid(field), &cell)?;
        let text = out.split_off(start);
        let special = |b: &u8| b"(),\"\\ \t\n\r\x0b\x0c".contains(b);
        if !text.is_empty() && !text.iter().any(special) {
            out.put_slice(&text);
            continue;
        }
        out.put_u8(b'"');
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.put_u8(byte);
            }
            out.put_u8(byte);
        }
        out.put_u8(b'"');
    }
    out.put_u8(b')');
    Ok(())
}

/// The number of columns, then each with its type and length.
fn put_record(out: &mut Vec<u8>, rows: &StructArray, i: usize) -> SqlResult<()> {
    out.put_i32(rows.num_columns() as i32);
    for (column, field) in rows.columns().iter().zip(rows.fields()) {
        let oid = query::field_oid(field);
        out.put_u32(oid);
        put_cell(out, oid, true, &arrow::cell(column, i)?)?;
    }
    Ok(())
}

fn put_typed(out: &mut Vec<u8>, column_type: ColumnType, value: &Value) {
    let mut text = String::new();
    format_text(column_type, value, &mut text);
    out.put_slice(text.as_bytes());
}

fn put_timestamp(out: &mut Vec<u8>, oid: u32, micros: i64) {
    let zoned = oid == oid::TIMESTAMPTZ;
    let column_type = if zoned { ColumnType::Timestamptz } else { ColumnType::Timestamp };
    put_typed(out, column_type, &Value::Integer(micros));
}

fn put_time(out: &mut Vec<u8>, micros: i64) {
    out.put_slice(time_text(micros).as_bytes());
}

fn put_bytes_text(out: &mut Vec<u8>, oid: u32, bytes: &[u8]) {
    if oid == oid::UUID && bytes.len() == 16 {
        return put_typed(out, ColumnType::Uuid, &Value::Blob(bytes.to_vec()));
    }
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + 2 * bytes.len());
    out.put_slice(b"\\x");
    for byte in bytes {
        out.put_u8(DIGITS[usize::from(byte >> 4)]);
        out.put_u8(DIGITS[usize::from(byte & 15)]);
    }
}

/// `04:05:06.789`.
fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        let _ = write!(text, ".{fraction:06}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// `1 year 2 mons -3 days +04:05:06`, IntervalStyle postgres.
pub(crate) fn interval_text(months: i32, days: i32, micros: i64) -> String {
    let mut text = String::new();
    let mut before = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count == 0 {
            continue;
        }
        let space = if text.is_empty() { "" } else { " " };
        let plus = if before && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(text, "{space}{plus}{count} {unit}{plural}");
        before = count < 0;
    }
    if micros != 0 || text.is_empty() {
        let space = if text.is_empty() { "" } else { " " };
        let sign = if micros < 0 {
            "-"
        } else if before {
            "+"
        } else {
            ""
        };
        let time = time_text(i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX));
        let _ = write!(text, "{space}{sign}{time}");
    }
    text
}

/// Calls `each` with every element of a list.
fn elements(cell: &Cell<'_>, mut each: impl FnMut(&Cell<'_>) -> SqlResult<()>) -> SqlResult<()> {
    match cell {
        Cell::Values(items) => items.iter().try_for_each(|v| each(&of_element(v))),
        Cell::Array(array) => {
            (0..array.len()).try_for_each(|i| each(&arrow::cell(array.as_ref(), i)?))
        }
        _ => Ok(()),
    }
}

fn list_length(cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Values(items) => items.len(),
        Cell::Array(array) => array.len(),
        _ => 0,
    }
}

/// `{1,NULL,"two words"}`; a column that is no array shows JSON.
fn put_list_text(out: &mut Vec<u8>, oid: u32, cell: &Cell<'_>) -> SqlResult<()> {
    let Some(element) = types::element_of(oid) else {
        out.put_slice(list_json(cell)?.as_bytes());
        return Ok(());
    };
    let vector = matches!(oid, oid::INT2VECTOR | oid::OIDVECTOR);
    if !vector {
        out.put_u8(b'{');
    }
    let mut first = true;
    elements(cell, |item| {
        if !std::mem::take(&mut first) {
            out.put_u8(if vector { b' ' } else { b',' });
        }
        match item {
            Cell::Null => out.put_slice(b"NULL"),
            Cell::Values(_) | Cell::Array(_) => put_list_text(out, oid, item)?,
            _ => {
                let start = out.len();
                put_text(out, element, item)?;
                quote_element(out, start);
            }
        }
        Ok(())
    })?;
    if !vector {
        out.put_u8(b'}');
    }
    Ok(())
}

/// Quotes what was appended since `start` where an array needs it.
fn quote_element(out: &mut Vec<u8>, start: usize) {
    let text = &out[start..];
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case(b"NULL")
        && !text.iter().any(|b| b"{},\"\\ \t\n\r\x0b\x0c".contains(b));
    if plain {
        return;
    }
    let text = text.to_vec();
    out.truncate(start);
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

fn list_json(cell: &Cell<'_>) -> SqlResult<String> {
    match cell {
        Cell::Values(items) => Ok(json::print(&Value::list(items.to_vec()))),
        Cell::Array(array) => arrow::json_list(array.as_ref()),
        _ => Ok(String::new()),
    }
}

/// Appends the binary form, which the OID decides.
fn put_binary(out: &mut Vec<u8>, oid: u32, cell: &Cell<'_>) -> SqlResult<()> {
    match oid {
        oid::BOOL => out.put_u8(u8::from(boolean(cell)?)),
        oid::INT2 => out.put_i16(integer(oid, cell)?),
        oid::INT4 => out.put_i32(integer(oid, cell)?),
        oid::INT8 => out.put_i64(integer(oid, cell)?),
        oid::OID | oid::XID => out.put_u32(integer(oid, cell)?),
        _ if types::is_registered(oid) => out.put_u32(integer(oid, cell)?),
        oid::FLOAT4 => out.put_f32(float(cell)? as f32),
        oid::FLOAT8 => out.put_f64(float(cell)?),
        oid::NUMERIC => put_numeric(out, cell)?,
        oid::DATE => out.put_i32(date(cell)?),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => out.put_i64(timestamp(cell)?),
        oid::TIME => match cell {
            Cell::Time(micros) | Cell::Int(micros) => out.put_i64(*micros),
            _ => return Err(misfit(oid, cell)),
        },
        oid::INTERVAL => match cell {
            Cell::Interval { months, days, micros } => {
                out.put_i64(*micros);
                out.put_i32(*days);
                out.put_i32(*months);
            }
            _ => return Err(misfit(oid, cell)),
        },
        oid::UUID => match cell {
            Cell::Bytes(bytes) if bytes.len() == 16 => out.put_slice(bytes),
            Cell::Text(text) => match sql::types::parse_text(ColumnType::Uuid, text)? {
                Value::Blob(bytes) => out.put_slice(&bytes),
                _ => return Err(misfit(oid, cell)),
            },
            _ => return Err(misfit(oid, cell)),
        },
        oid::BYTEA => match cell {
            Cell::Bytes(bytes) => out.put_slice(bytes),
            _ => put_text(out, oid, cell)?,
        },
        oid::RECORD => match cell {
            Cell::Record(rows, i) => put_record(out, rows, *i)?,
            _ => return Err(misfit(oid, cell)),
        },
        oid::JSONB => {
            out.put_u8(1);
            put_text(out, oid, cell)?;
        }
        _ => match types::element_of(oid) {
            Some(element) => put_array(out, oid, element, cell)?,
            None => put_text(out, oid, cell)?,
        },
    }
    Ok(())
}

fn misfit(oid: u32, cell: &Cell<'_>) -> SqlError {
    let kind = format!("{cell:?}");
    let kind = kind.split(['(', ' ']).next().unwrap_or("value");
    SqlError::new("0A000", format!("a {kind} has no binary form as type {oid}"))
        .hint("ask for this column in text format")
}

fn boolean(cell: &Cell<'_>) -> SqlResult<bool> {
    match cell {
        Cell::Bool(b) => Ok(*b),
        Cell::Int(n) => Ok(*n != 0),
        _ => Err(misfit(oid::BOOL, cell)),
    }
}

fn integer<T: TryFrom<i64>>(oid: u32, cell: &Cell<'_>) -> SqlResult<T> {
    let wide = match cell {
        Cell::Int(n) | Cell::Named(n, _) => *n,
        Cell::Bool(b) => i64::from(*b),
        Cell::Text(text) => text.parse().map_err(|_| misfit(oid, cell))?,
        _ => return Err(misfit(oid, cell)),
    };
    T::try_from(wide).map_err(|_| SqlError::new("22003", format!("{wide} is out of range")))
}

fn float(cell: &Cell<'_>) -> SqlResult<f64> {
    match cell {
        Cell::Float8(f) => Ok(*f),
        Cell::Float4(f) => Ok(f64::from(*f)),
        Cell::Int(n) => Ok(*n as f64),
        Cell::Text(text) => text.parse().map_err(|_| misfit(oid::FLOAT8, cell)),
        _ => Err(misfit(oid::FLOAT8, cell)),
    }
}

fn put_numeric(out: &mut Vec<u8>, cell: &Cell<'_>) -> SqlResult<()> {
    let text: Cow<'_, str> = match cell {
        Cell::Text(text) => Cow::Borrowed(text.as_ref()),
        Cell::Int(n) => Cow::Owned(n.to_string()),
        Cell::Float8(f) => Cow::Owned(f.to_string()),
        Cell::Float4(f) => Cow::Owned(f.to_string()),
        _ => return Err(misfit(oid::NUMERIC, cell)),
    };
    numeric::encode(&text, out).ok_or_else(|| misfit(oid::NUMERIC, cell))
}

fn date(cell: &Cell<'_>) -> SqlResult<i32> {
    let days = match cell {
        Cell::Date(days) | Cell::Int(days) => *days,
        Cell::Timestamp(micros) => micros.div_euclid(DAY_MICROS),
        _ => return Err(misfit(oid::DATE, cell)),
    };
    let from_epoch = days.checked_sub(EPOCH_DAYS).and_then(|d| i32::try_from(d).ok());
    from_epoch.ok_or_else(|| SqlError::new("22008", "date out of range"))
}

fn timestamp(cell: &Cell<'_>) -> SqlResult<i64> {
    let micros = match cell {
        Cell::Timestamp(micros) | Cell::Int(micros) => Some(*micros),
        Cell::Date(days) => days.checked_mul(DAY_MICROS),
        _ => return Err(misfit(oid::TIMESTAMP, cell)),
    };
    let from_epoch = micros.and_then(|m| m.checked_sub(EPOCH_MICROS));
    from_epoch.ok_or_else(|| SqlError::new("22008", "timestamp out of range"))
}

/// A one-dimensional array in binary.
fn put_array(out: &mut Vec<u8>, oid: u32, element: u32, cell: &Cell<'_>) -> SqlResult<()> {
    if !matches!(cell, Cell::Values(_) | Cell::Array(_)) {
        return Err(misfit(oid, cell));
    }
    let length = list_length(cell);
    let header = out.len();
    out.put_u32(u32::from(length > 0));
    out.put_u32(0);
    out.put_u32(element);
    if length > 0 {
        out.put_u32(length as u32);
        // The vectors of the catalogue count from 0, arrays from 1.
        out.put_u32(u32::from(!matches!(oid, oid::INT2VECTOR | oid::OIDVECTOR)));
    }
    let mut has_null = false;
    elements(cell, |item| {
        if matches!(item, Cell::Values(_) | Cell::Array(_)) {
            return Err(misfit(oid, item));
        }
        has_null |= matches!(item, Cell::Null);
        put_cell(out, element, true, item)
    })?;
    out[header + 7] = u8::from(has_null);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(oid: u32, cell: &Cell<'_>) -> String {
        let mut out = Vec::new();
        put_text(&mut out, oid, cell).expect("text");
        String::from_utf8(out.to_vec()).expect("UTF-8")
    }

    fn binary(oid: u32, cell: &Cell<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        put_binary(&mut out, oid, cell).expect("binary");
        out.to_vec()
    }

    #[test]
    fn arrays_are_quoted_as_postgresql_does() {
        let items: Vec<Value> = ["a", "", "NULL", "two words", "q\"b\\", "{x}", "1,2"]
            .map(|s| Value::String(s.into()))
            .into_iter()
            .chain([Value::Nil])
            .collect();
        let expected = r#"{a,"","NULL","two words","q\"b\\","{x}","1,2",NULL}"#;
        assert_eq!(text(oid::TEXT_ARRAY, &Cell::Values(&items)), expected);
        let numbers = [Value::Integer(1), Value::Integer(-2)];
        assert_eq!(text(oid::INT8_ARRAY, &Cell::Values(&numbers)), "{1,-2}");
        assert_eq!(text(oid::INT2VECTOR, &Cell::Values(&numbers)), "1 -2");
        assert_eq!(text(oid::JSONB, &Cell::Values(&numbers)), "[1, -2]");
    }

    #[test]
    fn intervals_equal_postgresql() {
        for (months, days, micros, expected) in [
            (0, 0, 0, "00:00:00"),
            (14, 3, 14_706_789_000, "1 year 2 mons 3 days 04:05:06.789"),
            (-1, 2, -1_000_000, "-1 mons +2 days -00:00:01"),
            (0, -1, 3_600_000_000, "-1 days +01:00:00"),
            (12, 0, 0, "1 year"),
            (0, 0, 100 * 3_600_000_000, "100:00:00"),
        ] {
            assert_eq!(interval_text(months, days, micros), expected);
        }
    }

    #[test]
    fn binary_forms() {
        assert_eq!(binary(oid::INT2, &Cell::Int(-2)), [0xff, 0xfe]);
        assert_eq!(binary(oid::OID, &Cell::Int(4_000_000_000)), 4_000_000_000u32.to_be_bytes());
        assert_eq!(binary(oid::TIMESTAMPTZ, &Cell::Int(EPOCH_MICROS + 1)), 1i64.to_be_bytes());
        assert_eq!(binary(oid::DATE, &Cell::Int(EPOCH_DAYS - 1)), (-1i32).to_be_bytes());
        assert_eq!(binary(oid::JSONB, &Cell::Text("{}".into())), b"\x01{}");
        let array = binary(oid::INT8_ARRAY, &Cell::Values(&[Value::Integer(7), Value::Nil]));
        let expected = b"\0\0\0\x01\0\0\0\x01\0\0\0\x14\0\0\0\x02\0\0\0\x01\0\0\0\x08\0\0\0\0\0\0\0\x07\xff\xff\xff\xff";
        assert_eq!(array, expected);
        assert_eq!(binary(oid::TEXT_ARRAY, &Cell::Values(&[])), b"\0\0\0\0\0\0\0\0\0\0\0\x19");
        let mut out = Vec::new();
        let wide = put_binary(&mut out, oid::INT4, &Cell::Int(1 << 40)).map_err(|e| e.sqlstate);
        assert_eq!(wide, Err("22003"));
    }

    #[test]
    fn a_value_of_another_type_is_an_error_and_leaves_no_bytes() {
        let fields = [Field::new("a", ColumnType::Int8), Field::new("b", ColumnType::Int8)];
        let row = vec![Some(Value::Integer(1)), Some(Value::String("x".into()))];
        let mut out = b"before".to_vec();
        let error = put_row(&mut out, &fields, &Formats::default(), &row).map_err(|e| e.sqlstate);
        assert_eq!((error, &out[..]), (Err("0A000"), &b"before"[..]));
    }
}
