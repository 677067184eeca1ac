//! PostgreSQL's functions by name, on single values: strings, JSON, arrays, dates and times.
//!
//! 1. Each family is a table in a file of its own, one line a function: `lpad(text, int4, text) text`
//!    and its body. [`resolve`] picks among those of a name by the types of the arguments, as
//!    PostgreSQL does, and says which type each argument has to be brought to.
//! 2. A [`Call`] carries the arguments in these types; the body gives a [`Datum`] or PostgreSQL's
//!    error. A `setof` function gives an array, a row for each element.
//!
//! Always true: a function is strict (NULL in, NULL out, body not run) unless its line begins with
//! `?`; bodies are pure, the time of day is an argument. Sums, averages and arithmetic are not here.

mod array;
mod datum;
mod digest;
mod format;
mod interval;
mod json;
mod json_functions;
mod json_path;
mod pattern;
mod text;
mod time;
mod to_char;
mod to_time;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use datum::{Datum, Interval, Type};
pub use json::normalize as jsonb_of_text;
pub(crate) use text::{lower, upper};

use crate::{SqlError, SqlResult};

/// Longest text that a function makes, bytes: no longer than a record can be.
const TEXT_MAX: usize = model::limits::RECORD_SIZE_MAX;

/// What computes a function.
type Body = fn(&Call<'_>) -> SqlResult<Datum>;

/// Functions of one file: what each takes and gives, and its body.
type Family = &'static [(&'static str, Body)];

/// One function for one list of argument types.
#[derive(Debug)]
pub struct Function {
    /// Its name, lower case.
    pub name: &'static str,
    args: Vec<Arg>,
    /// The last argument may be repeated.
    variadic: bool,
    result: Arg,
    /// Gives a row for each element of what the body gives.
    pub set: bool,
    strict: bool,
    body: Body,
}

/// What a place of a function's line says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Arg {
    Is(Type),
    /// Anything, as it is; an untyped literal is text.
    Any,
    /// An array; all of these and of `Element` are about one element type.
    AnyArray,
    /// The same, but no conversion between types of elements.
    SameArray,
    Element,
}

/// The arguments of one call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Types of the arguments, those that [`resolve`] said.
    pub types: &'a [Type],
    /// The arguments.
    pub values: &'a [Datum],
    /// The time of day, microseconds since 1970.
    pub now_us: i64,
}

/// A function that was picked.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The function.
    pub function: &'static Function,
    /// What each argument has to be brought to.
    pub args: Vec<Type>,
    /// What it gives: of a set the type of a row.
    pub result: Type,
}

impl Function {
    /// Computes it; NULL of NULL unless the function takes it.
    pub fn call(&self, call: &Call<'_>) -> SqlResult<Datum> {
        if self.strict && call.values.iter().any(|v| matches!(v, Datum::Null)) {
            return Ok(Datum::Null);
        }
        (self.body)(call)
    }

    fn parse(line: &'static str, body: Body) -> Option<Function> {
        let (line, strict) = line.strip_prefix('?').map_or((line, true), |rest| (rest, false));
        let (name, rest) = line.split_once('(')?;
        let (args, result) = rest.split_once(") ")?;
        let (result, set) = result.strip_prefix("setof ").map_or((result, false), |r| (r, true));
        let mut variadic = false;
        let mut list = Vec::new();
        for arg in args.split(", ").filter(|arg| !arg.is_empty()) {
            let bare = arg.strip_prefix("variadic ");
            variadic |= bare.is_some();
            list.push(Arg::named(bare.unwrap_or(arg))?);
        }
        let result = Arg::named(result)?;
        Some(Function { name, args: list, variadic, result, set, strict, body })
    }

    /// What is asked at place `i` of `count`, if the count fits.
    fn arg(&self, i: usize) -> &Arg {
        &self.args[i.min(self.args.len() - 1)]
    }

    fn takes(&self, count: usize) -> bool {
        match self.variadic {
            true => count >= self.args.len(),
            false => count == self.args.len(),
        }
    }

    /// How well the arguments fit, and as what; `None` where they do not.
    fn fit(&self, given: &[Type]) -> Option<(usize, Resolved)> {
        if !self.takes(given.len()) {
            return None;
        }
        let element = self.element(given);
        let mut score = 0;
        let mut args = Vec::with_capacity(given.len());
        for (i, from) in given.iter().enumerate() {
            let to = match self.arg(i) {
                Arg::Is(t) => t.clone(),
                Arg::Any if *from == Type::Unknown => Type::Text,
                Arg::Any => from.clone(),
                Arg::AnyArray => element.clone()?.array(),
                Arg::SameArray => {
                    let to = element.clone()?.array();
                    Some(to).filter(|to| from == to || *from == Type::Unknown)?
                }
                Arg::Element => element.clone()?,
            };
            score += from.nearness(&to)?;
            args.push(to);
        }
        let result = match &self.result {
            Arg::Is(t) => t.clone(),
            Arg::AnyArray | Arg::SameArray => element?.array(),
            Arg::Element | Arg::Any => element?,
        };
        Some((score, Resolved { function: self.of_table(), args, result }))
    }

    /// The element type that the polymorphic arguments are about: the widest of them.
    fn element(&self, given: &[Type]) -> Option<Type> {
        let mut found: Option<Type> = None;
        for (i, from) in given.iter().enumerate() {
            let of = match (self.arg(i), from) {
                (Arg::AnyArray | Arg::SameArray, Type::Array(element)) => element,
                (Arg::Element, t) => t,
                _ => continue,
            };
            if *of != Type::Unknown {
                found = Some(found.map_or_else(|| of.clone(), |known| known.wider(of)));
            }
        }
        let polymorphic = |i: usize| !matches!(self.arg(i), Arg::Is(_) | Arg::Any);
        found.or_else(|| (0..given.len()).any(polymorphic).then_some(Type::Text))
    }

    /// Functions live in the table for ever.
    fn of_table(&self) -> &'static Function {
        let same = |f: &&Function| std::ptr::eq(*f, self);
        let found = table().get(self.name).and_then(|list| list.iter().find(same));
        found.unwrap_or_else(|| unreachable!("{} is of the table", self.name))
    }
}

impl Arg {
    fn named(name: &str) -> Option<Arg> {
        Some(match name {
            "any" => Arg::Any,
            "anyarray" => Arg::AnyArray,
            "samearray" => Arg::SameArray,
            "anyelement" => Arg::Element,
            name => Arg::Is(Type::named(name)?),
        })
    }
}

fn table() -> &'static HashMap<&'static str, Vec<Function>> {
    static TABLE: OnceLock<HashMap<&'static str, Vec<Function>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<&'static str, Vec<Function>> = HashMap::new();
        let families: [Family; 9] = [
            text::FAMILY,
            pattern::FAMILY,
            format::FAMILY,
            digest::FAMILY,
            json_functions::FAMILY,
            json_path::FAMILY,
            array::FAMILY,
            time::FAMILY,
            to_char::FAMILY,
        ];
        for (line, body) in families.into_iter().flatten() {
            let function = Function::parse(line, *body)
                .unwrap_or_else(|| unreachable!("no line of a function: {line}"));
            table.entry(function.name).or_default().push(function);
        }
        table
    })
}

/// The names of all functions, and whether each gives a set.
pub fn names() -> impl Iterator<Item = (&'static str, bool)> {
    table().iter().map(|(name, list)| (*name, list.iter().any(|f| f.set)))
}

/// Whether there are functions of this name that give sets.
pub fn is_set(name: &str) -> bool {
    table().get(name).is_some_and(|list| list.iter().any(|f| f.set))
}

/// The function of this name for arguments of these types; 42883 where there is none, 42725 where
/// untyped arguments leave several.
pub fn resolve(name: &str, given: &[Type]) -> SqlResult<Resolved> {
    let list = table().get(name).map_or(&[][..], Vec::as_slice);
    // An untyped operand has the type of the other one, where that makes an operator.
    if OPERATORS.iter().any(|(function, _)| *function == name)
        && let [Type::Unknown, known] | [known, Type::Unknown] = given
    {
        let alike = [known.clone(), known.clone()];
        let exact = list.iter().filter_map(|f| f.fit(&alike)).find(|(_, r)| r.args == alike);
        if let Some((_, resolved)) = exact {
            return Ok(resolved);
        }
    }
    let best = list.iter().filter_map(|f| f.fit(given)).rev().max_by_key(|(score, _)| *score);
    best.map(|(_, resolved)| resolved).ok_or_else(|| unknown(name, given))
}

fn unknown(name: &str, given: &[Type]) -> SqlError {
    let types: Vec<String> = given.iter().map(Type::to_string).collect();
    let types = types.join(", ");
    if let Some((_, symbol)) = OPERATORS.iter().find(|(function, _)| *function == name)
        && let [left, right] = given
    {
        let message = format!("operator does not exist: {left} {symbol} {right}");
        return SqlError::new("42883", message).hint(
            "No operator matches the given name and argument types. You might need to add explicit \
             type casts.",
        );
    }
    SqlError::new("42883", format!("function {name}({types}) does not exist")).hint(
        "No function matches the given name and argument types. You might need to add explicit type \
         casts.",
    )
}

/// Operators that are functions here: name and sign.
pub const OPERATORS: &[(&str, &str)] = &[
    ("aeriedb_get", "->"),
    ("aeriedb_get_text", "->>"),
    ("aeriedb_path", "#>"),
    ("aeriedb_path_text", "#>>"),
    ("aeriedb_contains", "@>"),
    ("aeriedb_within", "<@"),
    ("aeriedb_overlap", "&&"),
    ("aeriedb_exists", "?"),
    ("aeriedb_exists_any", "?|"),
    ("aeriedb_exists_all", "?&"),
    ("aeriedb_concat", "||"),
    ("aeriedb_minus", "-"),
    ("aeriedb_plus", "+"),
    ("aeriedb_times", "*"),
    ("aeriedb_divided", "/"),
    ("aeriedb_delete_path", "#-"),
    ("aeriedb_regex", "~"),
    ("aeriedb_path_exists", "@?"),
    ("aeriedb_path_match", "@@"),
];

impl Call<'_> {
    fn text(&self, i: usize) -> &str {
        match self.values.get(i) {
            Some(Datum::Text(text) | Datum::Json(text)) => text,
            _ => "",
        }
    }

    fn int(&self, i: usize) -> i64 {
        match self.values.get(i) {
            Some(Datum::Int(n)) => *n,
            _ => 0,
        }
    }

    fn float(&self, i: usize) -> f64 {
        match self.values.get(i) {
            Some(Datum::Float(d)) => *d,
            Some(Datum::Int(n)) => *n as f64,
            _ => 0.0,
        }
    }

    fn bool(&self, i: usize) -> bool {
        matches!(self.values.get(i), Some(Datum::Bool(true)))
    }

    fn bytes(&self, i: usize) -> &[u8] {
        match self.values.get(i) {
            Some(Datum::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    fn items(&self, i: usize) -> &[Datum] {
        match self.values.get(i) {
            Some(Datum::Array(items)) => items,
            _ => &[],
        }
    }

    /// Microseconds or days of argument `i`.
    fn moment(&self, i: usize) -> i64 {
        match self.values.get(i) {
            Some(Datum::Timestamp(n) | Datum::Date(n) | Datum::Time(n)) => *n,
            _ => 0,
        }
    }

    fn interval(&self, i: usize) -> Interval {
        match self.values.get(i) {
            Some(Datum::Interval(interval)) => *interval,
            _ => Interval::default(),
        }
    }

    fn given(&self, i: usize) -> bool {
        i < self.values.len()
    }
}

fn text(text: impl Into<String>) -> SqlResult<Datum> {
    let text = text.into();
    match text.len() > TEXT_MAX {
        true => Err(too_long()),
        false => Ok(Datum::Text(text)),
    }
}

fn too_long() -> SqlError {
    SqlError::new("54000", format!("the text would be longer than {TEXT_MAX} bytes"))
}
