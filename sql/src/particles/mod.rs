//! Aerospike's operations inside one value as functions: `list_append(tags, 'x')`,
//! `map_get_by_key(m, 'k')`, `bit_set(b, 0, 8, '\xff')`, `hll_count(h)`; and PostGIS's of shapes:
//! `ST_Distance(place, ST_Point(12.5, 41.9))`.
//!
//! 1. Each family is a table in a file of its own, one line a function: what it takes, what it gives,
//!    its body. [`find`] picks by name and number of arguments.
//! 2. [`Function::call`] runs it on values as they are stored, through crate `particle`. The names are
//!    those of Aerospike's clients.
//!
//! A function whose operation modifies gives the value as it is afterwards, so that
//! `UPDATE t SET tags = list_append(tags, 'x') WHERE id = 1` is one atomic operation; one whose
//! operation reads gives its answer. What an operation makes where there is no bin is made of a NULL;
//! all else of a NULL is NULL.

mod bits;
mod call;
mod geo;
mod hll;
mod list;
mod map;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

use model::{ColumnType, Value, json};

use crate::types::{format_text, numeric, parse_text};
use crate::{SqlError, SqlResult};
use call::Call;

/// What computes a function.
type Body = fn(Call) -> SqlResult<Option<Value>>;

/// Functions of one file: what each takes and gives, and its body.
type Family = &'static [(&'static str, Body)];

/// One function.
#[derive(Debug)]
pub struct Function {
    /// Its name, lower case.
    pub name: &'static str,
    args: Vec<Arg>,
    /// How many arguments have to be given.
    least: usize,
    gives: Gives,
    body: Body,
}

/// What a function takes at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// A list: an array or jsonb.
    List,
    /// A map: jsonb.
    Map,
    /// Anything, as it is stored. Quoted text is text: what is JSON is cast, `'[1]'::jsonb`.
    Any,
    /// A key of a map: anything.
    Key,
    /// Keys of a map: a list.
    Keys,
    /// An integer.
    Integer,
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A sketch.
    Sketch,
    /// A point or a region: GeoJSON, also as jsonb or text.
    Geo,
    /// Any number.
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// The type of the first argument.
    First,
    Type(ColumnType),
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Function {
    /// `name(arg, [arg]) type`, where those in brackets may be left out.
    fn parse(line: &'static str, body: Body) -> Option<Function> {
        let (name, rest) = line.split_once('(')?;
        let (list, gives) = rest.split_once(") ")?;
        let mut args = Vec::new();
        let mut least = 0;
        for arg in list.split(", ") {
            let bare = arg.trim_start_matches('[').trim_end_matches(']');
            least += usize::from(bare.len() == arg.len());
            args.push(Arg::named(bare)?);
        }
        let gives = match gives {
            "same" => Gives::First,
            "jsonb" => Gives::Type(ColumnType::Jsonb),
            "int8" => Gives::Type(ColumnType::Int8),
            "float8" => Gives::Type(ColumnType::Float8),
            "bool" => Gives::Type(ColumnType::Bool),
            "bytea" => Gives::Type(ColumnType::Bytea),
            "hll" => Gives::Type(ColumnType::Hll),
            "text" => Gives::Type(ColumnType::Text),
            "geojson" => Gives::Type(ColumnType::GeoJson),
            "int8[]" => Gives::Type(ColumnType::Int8Array),
            _ => return None,
        };
        Some(Function { name, args, least, gives, body })
    }

    /// What it takes.
    pub fn args(&self) -> &[Arg] {
        &self.args
    }

    /// What it gives, if its first argument is of this type.
    pub fn result(&self, first: ColumnType) -> ColumnType {
        match self.gives {
            Gives::Type(t) => t,
            Gives::First => match first {
                ColumnType::Int8Array
                | ColumnType::Float8Array
                | ColumnType::TextArray
                | ColumnType::BoolArray => first,
                _ => ColumnType::Jsonb,
            },
        }
    }

    /// Computes it. NULL, of arguments that may not be left out and may not be anything, is NULL.
    pub fn call(&self, values: Vec<Option<Value>>) -> SqlResult<Option<Value>> {
        let needed = |(at, arg): (usize, &Arg)| {
            (1..self.least).contains(&at) && !matches!(arg, Arg::Any | Arg::Key)
        };
        let missing = |at: usize| values.get(at).is_none_or(|value| value.is_none());
        if self.args.iter().enumerate().any(|(at, arg)| needed((at, arg)) && missing(at)) {
            return Ok(None);
        }
        let given = (self.body)(Call::new(self, values))?;
        Ok(given.filter(|value| *value != Value::Nil))
    }
}

impl Arg {
    fn named(name: &str) -> Option<Arg> {
        Some(match name {
            "list" => Arg::List,
            "map" => Arg::Map,
            "any" => Arg::Any,
            "key" => Arg::Key,
            "keys" => Arg::Keys,
            "integer" => Arg::Integer,
            "bool" => Arg::Bool,
            "text" => Arg::Text,
            "bytes" => Arg::Bytes,
            "sketch" => Arg::Sketch,
            "geo" => Arg::Geo,
            "number" => Arg::Number,
            _ => return None,
        })
    }

    /// The type of a literal or a parameter that has none.
    pub fn loose(self) -> ColumnType {
        match self {
            Arg::List | Arg::Keys | Arg::Map => ColumnType::Jsonb,
            Arg::Any | Arg::Key | Arg::Text => ColumnType::Text,
            Arg::Integer => ColumnType::Int8,
            Arg::Bool => ColumnType::Bool,
            Arg::Bytes => ColumnType::Bytea,
            Arg::Sketch => ColumnType::Hll,
            Arg::Geo => ColumnType::GeoJson,
            Arg::Number => ColumnType::Float8,
        }
    }

    /// Whether an expression of this type may stand here. What a jsonb holds is seen only when it is
    /// computed.
    pub fn takes(self, t: ColumnType) -> bool {
        use ColumnType as T;
        let is_array = matches!(t, T::Int8Array | T::Float8Array | T::TextArray | T::BoolArray);
        match self {
            Arg::Any | Arg::Key => true,
            Arg::List | Arg::Keys => is_array || t == T::Jsonb,
            Arg::Map => t == T::Jsonb,
            Arg::Integer => matches!(t, T::Int2 | T::Int4 | T::Int8 | T::Jsonb),
            Arg::Bool => matches!(t, T::Bool | T::Jsonb),
            Arg::Text => matches!(t, T::Text | T::Varchar(_)),
            Arg::Bytes => matches!(t, T::Bytea | T::Jsonb),
            Arg::Sketch => matches!(t, T::Hll | T::Bytea | T::Jsonb),
            Arg::Geo => matches!(t, T::GeoJson | T::Jsonb | T::Text | T::Varchar(_)),
            Arg::Number => {
                let is_float = matches!(t, T::Float4 | T::Float8 | T::Numeric { .. });
                is_float || Arg::Integer.takes(t)
            }
        }
    }

    /// A value of this type as it is put into lists, maps and sketches: what a bin holds in a form of
    /// its own is a double or a text there, as for those who do not know the table.
    pub fn stored(self, t: ColumnType, value: Value) -> Value {
        use ColumnType as T;
        match (t, &value) {
            (T::Numeric { .. }, Value::String(digits)) => Value::Double(numeric::to_f64(digits)),
            (T::Timestamp | T::Timestamptz | T::Date | T::Uuid, _) => {
                let mut text = String::new();
                format_text(t, &value, &mut text);
                Value::String(text)
            }
            _ => value,
        }
    }

    /// A value as it is met in jsonb that was text before: there keys are text, and bytes are.
    pub fn in_json(self, value: Value) -> Value {
        match (self, value) {
            (Arg::Any | Arg::Key, Value::Blob(bytes) | Value::Hll(bytes)) => {
                Value::String(json::hex(&bytes))
            }
            (Arg::Key, value @ (Value::String(_) | Value::Nil)) => value,
            (Arg::Key, value) => Value::String(json::print(&value)),
            (Arg::Keys, Value::List(keys)) => {
                Value::list(keys.into_iter().map(|key| Arg::Key.in_json(key)).collect::<Vec<_>>())
            }
            (_, value) => value,
        }
    }

    /// A quoted literal as what stands here.
    pub fn literal(self, text: &str) -> SqlResult<Value> {
        parse_text(self.loose(), text)
    }
}

fn table() -> &'static HashMap<&'static str, Function> {
    static TABLE: OnceLock<HashMap<&'static str, Function>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let families: [Family; 5] =
            [list::FAMILY, map::FAMILY, bits::FAMILY, hll::FAMILY, geo::FAMILY];
        let parsed = families.into_iter().flatten().map(|(line, body)| {
            let function = Function::parse(line, *body)
                .unwrap_or_else(|| unreachable!("no line of a function: {line}"));
            (function.name, function)
        });
        parsed.collect()
    })
}

/// The function of this lower-case name for this many arguments.
pub fn find(name: &str, count: usize) -> Option<&'static Function> {
    table().get(name).filter(|f| (f.least..=f.args.len()).contains(&count))
}

/// All functions.
pub fn all() -> impl Iterator<Item = &'static Function> {
    table().values()
}

/// 42883: no function of this name takes this.
pub fn unknown(name: &str, given: &[String]) -> SqlError {
    let given = given.join(", ");
    SqlError::new("42883", format!("function {name}({given}) does not exist")).hint(
        "No function matches the given name and argument types. You might need to add explicit type \
         casts.",
    )
}
