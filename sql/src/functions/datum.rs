//! Values and types of the functions: all that PostgreSQL has and a bin may not hold, too.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use model::{ColumnType, Value};

use super::{interval, json};
use crate::types::{format_text, numeric, parse_text};
use crate::{SqlError, SqlResult};

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Type {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Array(Box<Type>),
    /// Columns of a row, by name.
    Record(Arc<[(String, Type)]>),
    /// An untyped literal, NULL, a parameter without a type.
    Unknown,
}

/// A value; its [`Type`] goes beside it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Datum {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Digits.
    Numeric(String),
    Text(String),
    Bytes(Vec<u8>),
    /// Text of a json or jsonb value.
    Json(String),
    /// Days since 1970.
    Date(i64),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970, with or without zone.
    Timestamp(i64),
    Interval(Interval),
    Array(Vec<Datum>),
    Record(Vec<Datum>),
}

/// A span of time, in units that do not have a fixed length in one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Interval {
    pub months: i64,
    pub days: i64,
    pub us: i64,
}

impl Type {
    /// The type of this short name.
    pub(super) fn named(name: &str) -> Option<Type> {
        if let Some(element) = name.strip_suffix("[]") {
            return Some(Type::named(element)?.array());
        }
        Some(match name {
            "bool" => Type::Bool,
            "int2" => Type::Int2,
            "int4" => Type::Int4,
            "int8" => Type::Int8,
            "float4" => Type::Float4,
            "float8" => Type::Float8,
            "numeric" => Type::Numeric,
            "text" => Type::Text,
            "bytea" => Type::Bytea,
            "date" => Type::Date,
            "time" => Type::Time,
            "timestamp" => Type::Timestamp,
            "timestamptz" => Type::Timestamptz,
            "interval" => Type::Interval,
            "uuid" => Type::Uuid,
            "json" => Type::Json,
            "jsonb" => Type::Jsonb,
            "unknown" => Type::Unknown,
            _ => return None,
        })
    }

    /// The array of it.
    pub fn array(self) -> Type {
        Type::Array(Box::new(self))
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        self.rank().is_some()
    }

    /// Place among the numbers: each converts to the later ones by itself.
    fn rank(&self) -> Option<usize> {
        use Type::*;
        [Int2, Int4, Int8, Numeric, Float4, Float8].iter().position(|t| t == self)
    }

    /// The later one of two numbers; else this.
    pub(super) fn wider(self, other: &Type) -> Type {
        match (self.rank(), other.rank()) {
            (Some(a), Some(b)) if b > a => other.clone(),
            _ => self,
        }
    }

    /// How near a type is to one that it is given as; `None` where PostgreSQL wants a cast. The
    /// integers convert both ways, because a literal may stand in a wider one.
    pub(super) fn nearness(&self, to: &Type) -> Option<usize> {
        use Type::*;
        if self == to {
            return Some(6);
        }
        if let (Some(a), Some(b)) = (self.rank(), to.rank()) {
            return match a < b {
                true => Some(4 - usize::from(b > 2) - usize::from(b == 4)),
                false => (a <= 2).then_some(3),
            };
        }
        Some(match (self, to) {
            (Unknown, Text) => 3,
            (Unknown, Timestamptz | Jsonb) => 2,
            (Unknown, _) => 1,
            (Date, Timestamp) => 3,
            (Date | Timestamp, Timestamptz) => 4,
            (Time, Interval) => 2,
            (Array(a), Array(b)) if a.rank().is_some() && b.rank().is_some() => 2,
            (Array(a), Array(_)) if **a == Unknown => 2,
            _ => return None,
        })
    }

    /// The column type with the same text, if a bin can hold it.
    fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Type::Bool => ColumnType::Bool,
            Type::Int2 => ColumnType::Int2,
            Type::Int4 => ColumnType::Int4,
            Type::Int8 => ColumnType::Int8,
            Type::Float4 => ColumnType::Float4,
            Type::Float8 => ColumnType::Float8,
            Type::Numeric => ColumnType::Numeric { precision: 0, scale: 0 },
            Type::Text | Type::Unknown => ColumnType::Text,
            Type::Bytea => ColumnType::Bytea,
            Type::Date => ColumnType::Date,
            Type::Timestamp => ColumnType::Timestamp,
            Type::Timestamptz => ColumnType::Timestamptz,
            Type::Uuid => ColumnType::Uuid,
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "boolean",
            Type::Int2 => "smallint",
            Type::Int4 => "integer",
            Type::Int8 => "bigint",
            Type::Float4 => "real",
            Type::Float8 => "double precision",
            Type::Numeric => "numeric",
            Type::Text => "text",
            Type::Bytea => "bytea",
            Type::Date => "date",
            Type::Time => "time without time zone",
            Type::Timestamp => "timestamp without time zone",
            Type::Timestamptz => "timestamp with time zone",
            Type::Interval => "interval",
            Type::Uuid => "uuid",
            Type::Json => "json",
            Type::Jsonb => "jsonb",
            Type::Record(_) => "record",
            Type::Unknown => "unknown",
            Type::Array(element) => return write!(f, "{element}[]"),
        })
    }
}

impl Datum {
    /// The order of two values of one type; NULL comes last.
    pub(super) fn order(&self, other: &Datum) -> Ordering {
        use Datum as D;
        match (self, other) {
            (D::Null, D::Null) => Ordering::Equal,
            (D::Null, _) => Ordering::Greater,
            (_, D::Null) => Ordering::Less,
            (D::Bool(a), D::Bool(b)) => a.cmp(b),
            (D::Int(a), D::Int(b)) => a.cmp(b),
            // NaN is equal to itself and above all others.
            (D::Float(a), D::Float(b)) => {
                a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
            (D::Numeric(a), D::Numeric(b)) => numeric::compare(a, b),
            (D::Text(a), D::Text(b)) | (D::Json(a), D::Json(b)) => a.cmp(b),
            (D::Bytes(a), D::Bytes(b)) => a.cmp(b),
            (D::Date(a), D::Date(b))
            | (D::Time(a), D::Time(b))
            | (D::Timestamp(a), D::Timestamp(b)) => a.cmp(b),
            (D::Interval(a), D::Interval(b)) => a.length().cmp(&b.length()),
            (D::Array(a), D::Array(b)) | (D::Record(a), D::Record(b)) => {
                let pairs = a.iter().zip(b).map(|(a, b)| a.order(b));
                pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
            }
            _ => Ordering::Equal,
        }
    }

    /// Reads a value as PostgreSQL's input function of the type does.
    pub fn parse(t: &Type, text: &str) -> SqlResult<Datum> {
        Ok(match t {
            Type::Text | Type::Unknown => Datum::Text(text.to_string()),
            Type::Json => {
                json::Json::parse(text)?;
                Datum::Json(text.to_string())
            }
            Type::Jsonb => Datum::Json(json::normalize(text)?),
            Type::Interval => Datum::Interval(interval::parse(text)?),
            Type::Time => Datum::Time(interval::parse_clock(text)?),
            Type::Array(element) => Datum::Array(parse_array(element, text)?),
            Type::Record(_) => {
                return Err(SqlError::unsupported("a row cannot be read from text"));
            }
            other => {
                let column = other.column_type().unwrap_or(ColumnType::Text);
                Datum::of_value(column, parse_text(column, text)?)
            }
        })
    }

    /// A value of a bin.
    fn of_value(t: ColumnType, value: Value) -> Datum {
        match (t, value) {
            (_, Value::Nil) => Datum::Null,
            (_, Value::Bool(b)) => Datum::Bool(b),
            (ColumnType::Date, Value::Integer(n)) => Datum::Date(n),
            (ColumnType::Timestamp | ColumnType::Timestamptz, Value::Integer(n)) => {
                Datum::Timestamp(n)
            }
            (_, Value::Integer(n)) => Datum::Int(n),
            (_, Value::Double(d)) => Datum::Float(d),
            (ColumnType::Numeric { .. }, Value::String(s)) => Datum::Numeric(s),
            (_, Value::String(s)) => Datum::Text(s),
            (_, Value::Blob(b) | Value::Hll(b)) => Datum::Bytes(b),
            (_, other) => Datum::Json(model::json::print(&other)),
        }
    }

    /// The value as PostgreSQL's output function prints it; NULL is empty.
    pub fn print(&self, t: &Type) -> String {
        let mut out = String::new();
        self.print_into(t, &mut out);
        out
    }

    pub(super) fn print_into(&self, t: &Type, out: &mut String) {
        let plain = |value: &Value, out: &mut String| {
            format_text(t.column_type().unwrap_or(ColumnType::Text), value, out);
        };
        match self {
            Datum::Null => {}
            Datum::Bool(b) => out.push(if *b { 't' } else { 'f' }),
            Datum::Int(n) => out.push_str(&n.to_string()),
            Datum::Float(d) => plain(&Value::Double(*d), out),
            Datum::Numeric(s) | Datum::Text(s) | Datum::Json(s) => out.push_str(s),
            Datum::Bytes(b) => plain(&Value::Blob(b.clone()), out),
            Datum::Date(n) => plain(&Value::Integer(*n), out),
            Datum::Timestamp(n) => plain(&Value::Integer(*n), out),
            Datum::Time(us) => out.push_str(&interval::clock_text(*us)),
            Datum::Interval(interval) => out.push_str(&interval.to_string()),
            Datum::Array(items) => print_array(items, t, out),
            Datum::Record(values) => print_record(values, t, out),
        }
    }

    /// The value as another type: what PostgreSQL's implicit and explicit casts do between those
    /// types that functions meet.
    pub fn cast(self, from: &Type, to: &Type) -> SqlResult<Datum> {
        use Datum as D;
        if from == to || self == D::Null {
            return Ok(self);
        }
        let range = || SqlError::new("22003", format!("{to} out of range"));
        Ok(match (self, to) {
            (D::Int(n), Type::Int2) => D::Int(i16::try_from(n).map_err(|_| range())?.into()),
            (D::Int(n), Type::Int4) => D::Int(i32::try_from(n).map_err(|_| range())?.into()),
            (D::Int(n), Type::Int8) => D::Int(n),
            (D::Int(n), Type::Float4 | Type::Float8) => D::Float(n as f64),
            (D::Int(n), Type::Numeric) => D::Numeric(n.to_string()),
            (D::Float(d), Type::Float4 | Type::Float8) => D::Float(d),
            (value @ D::Float(_), Type::Numeric) => D::Numeric(value.print(from)),
            (D::Numeric(s), Type::Float4 | Type::Float8) => D::Float(numeric::to_f64(&s)),
            (D::Numeric(s), Type::Int2 | Type::Int4 | Type::Int8) => {
                let n = numeric::to_i64(&s).ok_or_else(range)?;
                return D::Int(n).cast(&Type::Int8, to);
            }
            (D::Date(days), Type::Timestamp | Type::Timestamptz) => D::Timestamp(match days {
                d if d == i64::from(i32::MAX) => i64::MAX,
                d if d == i64::from(i32::MIN) => i64::MIN,
                d => d.checked_mul(crate::types::DAY_US).ok_or_else(range)?,
            }),
            (D::Timestamp(us), Type::Date) => D::Date(us.div_euclid(crate::types::DAY_US)),
            (D::Timestamp(us), Type::Time) => D::Time(us.rem_euclid(crate::types::DAY_US)),
            (value @ D::Timestamp(_), Type::Timestamp | Type::Timestamptz) => value,
            (D::Time(us), Type::Interval) => D::Interval(Interval { us, ..Interval::default() }),
            (D::Json(text), Type::Jsonb) => D::Json(json::normalize(&text)?),
            (value @ D::Json(_), Type::Json) => value,
            (D::Array(items), Type::Array(to)) => {
                let Type::Array(from) = from else { return Ok(D::Array(items)) };
                let items = items.into_iter().map(|item| item.cast(from, to));
                D::Array(items.collect::<SqlResult<_>>()?)
            }
            (D::Text(text), to) => D::parse(to, &text)?,
            (value, Type::Text) => D::Text(value.print(from)),
            (_, to) => {
                return Err(SqlError::new("42846", format!("cannot cast type {from} to {to}")));
            }
        })
    }
}

fn print_array(items: &[Datum], t: &Type, out: &mut String) {
    let element = match t {
        Type::Array(element) => element,
        other => other,
    };
    out.push('{');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            Datum::Null => out.push_str("NULL"),
            Datum::Array(inner) => print_array(inner, t, out),
            item => quoted(&item.print(element), &['{', '}', ',', '"', '\\'], out),
        }
    }
    out.push('}');
}

/// `(1,"two words",)`.
fn print_record(values: &[Datum], t: &Type, out: &mut String) {
    let Type::Record(columns) = t else { return };
    out.push('(');
    for (i, (value, (_, t))) in values.iter().zip(columns.iter()).enumerate() {
        if i > 0 {
            out.push(',');
        }
        if *value == Datum::Null {
            continue;
        }
        let text = value.print(t);
        let special = |c: char| c.is_ascii_whitespace() || "(),\"\\".contains(c);
        match text.is_empty() || text.contains(special) {
            true => {
                let doubled = text.replace('\\', "\\\\").replace('"', "\"\"");
                out.push_str(&format!("\"{doubled}\""));
            }
            false => out.push_str(&text),
        }
    }
    out.push(')');
}

/// An element of an array, in quotes where the array's own marks are in it.
fn quoted(text: &str, marks: &[char], out: &mut String) {
    let special = |c: char| c.is_ascii_whitespace() || marks.contains(&c);
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The elements of `{1,NULL,"two words"}`; nested braces are nested arrays.
fn parse_array(element: &Type, text: &str) -> SqlResult<Vec<Datum>> {
    let of = |value: Value| -> SqlResult<Datum> {
        match value {
            Value::Nil => Ok(Datum::Null),
            Value::String(text) => Datum::parse(element, &text),
            Value::List(items) => {
                let nested = items.into_iter().map(|item| match item {
                    Value::String(text) => Datum::parse(element, &text),
                    _ => Ok(Datum::Null),
                });
                Ok(Datum::Array(nested.collect::<SqlResult<_>>()?))
            }
            _ => Ok(Datum::Null),
        }
    };
    match parse_text(ColumnType::TextArray, text)? {
        Value::List(items) => items.into_iter().map(of).collect(),
        _ => Ok(Vec::new()),
    }
}
