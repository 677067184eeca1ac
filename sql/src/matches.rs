//! Tests on what a bin holds, whatever its type: `bin_matches(bin, place, test, value, high)`.
//!
//! A schemaless bin may hold a number in one record and text in the next. A value of another kind
//! than the one it is compared with is neither equal nor unequal: the answer is NULL. Numbers are
//! compared as numbers, integer or not; inside of lists and maps integers are compared with integers.
//!
//! `place` is `bin` (the bin itself), `list` (any element), `mapkeys` or `mapvalues` (any of them);
//! `test` is a comparison, `between`, `in`, or `within` and `contains` of GeoJSON. Values are
//! JSON.

use std::cmp::Ordering;
use std::fmt;

use model::{Value, json};
use sqlparser::ast;

use crate::expr::Cmp;
use crate::{SqlError, SqlResult};
use particle::geo::Shape;

/// The function's name, in queries for DataFusion.
pub const NAME: &str = "bin_matches";

/// One test, ready to be made on many values.
#[derive(Debug)]
pub struct Matcher {
    pub(crate) place: Place,
    pub(crate) test: Test,
}

/// What of a bin is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Bin,
    List,
    MapKeys,
    MapValues,
}

/// What is asked of it.
#[derive(Debug)]
pub(crate) enum Test {
    Compare(Cmp, Value),
    Between(Value, Value),
    In(Vec<Value>),
    /// Points in this region.
    Within(Box<Region>),
    /// Regions around this point.
    Contains(Box<Region>),
}

/// A shape, and its text.
#[derive(Debug)]
pub(crate) struct Region {
    shape: Shape,
    pub(crate) text: String,
}

impl Matcher {
    /// The test of these words. Values are JSON text.
    pub fn new(place: &str, test: &str, value: &str, high: Option<&str>) -> SqlResult<Matcher> {
        let place = match place {
            "bin" => Place::Bin,
            "list" => Place::List,
            "mapkeys" => Place::MapKeys,
            "mapvalues" => Place::MapValues,
            other => return Err(wrong(format!("{NAME} knows no place \"{other}\""))),
        };
        let value = json::parse(value)?;
        let shape = |value: &Value| {
            let shape = Shape::of(value).ok_or_else(|| wrong("this is no GeoJSON".into()))?;
            Ok::<_, SqlError>(Box::new(Region { shape, text: json::print(value) }))
        };
        let test = match (test, high) {
            ("=", _) => Test::Compare(Cmp::Eq, value),
            ("<>", _) => Test::Compare(Cmp::Ne, value),
            ("<", _) => Test::Compare(Cmp::Lt, value),
            ("<=", _) => Test::Compare(Cmp::Le, value),
            (">", _) => Test::Compare(Cmp::Gt, value),
            (">=", _) => Test::Compare(Cmp::Ge, value),
            ("between", Some(high)) => Test::Between(value, json::parse(high)?),
            ("in", _) => match value {
                Value::List(list) => Test::In(list.items),
                _ => return Err(wrong("in takes a list".into())),
            },
            ("within", _) => Test::Within(shape(&value)?),
            ("contains", _) => Test::Contains(shape(&value)?),
            (other, _) => return Err(wrong(format!("{NAME} knows no test \"{other}\""))),
        };
        Ok(Matcher { place, test })
    }

    /// Whether a bin's value passes; `None` where nothing of it can be compared.
    pub fn matches(&self, value: &Value) -> Option<bool> {
        match (self.place, value) {
            (Place::Bin, value) => self.test.passes(value, false),
            (Place::List, Value::List(items)) => self.any(items.iter()),
            (Place::MapKeys, Value::Map(pairs)) => self.any(pairs.iter().map(|(key, _)| key)),
            (Place::MapValues, Value::Map(pairs)) => self.any(pairs.iter().map(|(_, value)| value)),
            _ => None,
        }
    }

    fn any<'v>(&self, mut values: impl Iterator<Item = &'v Value>) -> Option<bool> {
        Some(values.any(|value| match self.place {
            Place::MapKeys => self.test.passes_key(value),
            _ => self.test.passes(value, true) == Some(true),
        }))
    }
}

/// As EXPLAIN shows it, behind the bin.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Bin => "",
            Place::List => "element ",
            Place::MapKeys => "key ",
            Place::MapValues => "value ",
        })?;
        match &self.test {
            Test::Compare(cmp, value) => write!(f, "{} {}", cmp.symbol(), json::print(value)),
            Test::Between(low, high) => {
                write!(f, "BETWEEN {} AND {}", json::print(low), json::print(high))
            }
            Test::In(values) => {
                let values: Vec<String> = values.iter().map(json::print).collect();
                write!(f, "IN ({})", values.join(", "))
            }
            Test::Within(region) => write!(f, "WITHIN {}", region.text),
            Test::Contains(point) => write!(f, "CONTAINS {}", point.text),
        }
    }
}

fn wrong(message: String) -> SqlError {
    SqlError::new("22023", message)
}

impl Test {
    /// Inside of a collection an integer is no double, as for Aerospike and its indexes.
    fn passes(&self, value: &Value, inside: bool) -> Option<bool> {
        let order = |value: &Value, other: &Value| {
            let alike = !inside || value.value_type() == other.value_type();
            alike.then(|| order(value, other)).flatten()
        };
        match self {
            Test::Compare(cmp, other) => order(value, other).map(|order| cmp.holds(order)),
            Test::Between(low, high) => {
                Some(order(value, low)?.is_ge() && order(value, high)?.is_le())
            }
            Test::In(values) => {
                let mut orders = values.iter().filter_map(|other| order(value, other)).peekable();
                orders.peek()?;
                Some(orders.any(Ordering::is_eq))
            }
            Test::Within(region) => Some(region.shape.contains(&Shape::of(value)?)),
            Test::Contains(point) => Some(Shape::of(value)?.contains(&point.shape)),
        }
    }

    /// A key that JSON shows as text may have been a number.
    fn passes_key(&self, key: &Value) -> bool {
        let number = match key {
            Value::String(text) => text.parse().ok().map(Value::Integer),
            _ => None,
        };
        let passes = |key: &Value| self.passes(key, true) == Some(true);
        passes(key) || number.as_ref().is_some_and(passes)
    }
}

/// The order of two values of one kind.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Nil, _) | (_, Value::Nil) => None,
        (Value::Integer(x), Value::Double(y)) => (*x as f64).partial_cmp(y),
        (Value::Double(x), Value::Integer(y)) => x.partial_cmp(&(*y as f64)),
        (Value::Double(x), Value::Double(y)) => x.partial_cmp(y),
        (x, y) if x.value_type() == y.value_type() => Some(x.cmp(y)),
        _ => None,
    }
}

/// The call as syntax.
pub(crate) fn call(
    bin: ast::Expr,
    place: &str,
    test: &str,
    value: &Value,
    high: Option<&Value>,
) -> ast::Expr {
    let text = |text: String| ast::Expr::Value(ast::Value::SingleQuotedString(text).into());
    let mut args = vec![bin, text(place.into()), text(test.into()), text(json::print(value))];
    args.extend(high.map(|high| text(json::print(high))));
    let unnamed = |e| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e));
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(NAME)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(unnamed).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A call on the bin itself as one on what it holds.
pub(crate) fn moved(e: &ast::Expr, place: &str) -> Option<ast::Expr> {
    let mut e = e.clone();
    let ast::Expr::Function(function) = &mut e else { return None };
    let ast::FunctionArguments::List(list) = &mut function.args else { return None };
    if function.name.to_string() != NAME {
        return None;
    }
    let place = ast::Value::SingleQuotedString(place.into());
    *list.args.get_mut(1)? =
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(place.into())));
    Some(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(place: &str, test: &str, value: &str, high: Option<&str>, bin: &str) -> Option<bool> {
        Matcher::new(place, test, value, high).unwrap().matches(&json::parse(bin).unwrap())
    }

    #[test]
    fn only_values_of_one_kind_are_compared() {
        assert_eq!(passes("bin", "=", "5", None, "5"), Some(true));
        assert_eq!(passes("bin", "=", "5", None, "5.0"), Some(true));
        assert_eq!(passes("bin", "=", "5", None, "\"5\""), None);
        assert_eq!(passes("bin", "<>", "5", None, "6"), Some(true));
        assert_eq!(passes("bin", "between", "1", Some("3"), "2.5"), Some(true));
        assert_eq!(passes("bin", "in", "[1, \"a\"]", None, "\"a\""), Some(true));
        assert_eq!(passes("bin", "in", "[1, \"a\"]", None, "true"), None);
    }

    #[test]
    fn collections_match_by_any_of_theirs() {
        assert_eq!(passes("list", "=", "2", None, "[1, 2]"), Some(true));
        assert_eq!(passes("list", "=", "3", None, "[1, 2]"), Some(false));
        assert_eq!(passes("list", "=", "2", None, "[2.0]"), Some(false));
        assert_eq!(passes("list", "=", "3", None, "3"), None);
        assert_eq!(passes("mapkeys", "=", "\"a\"", None, "{\"a\": 1}"), Some(true));
        assert_eq!(passes("mapkeys", "=", "7", None, "{\"7\": 1}"), Some(true));
        assert_eq!(passes("mapvalues", "between", "1", Some("2"), "{\"a\": 1}"), Some(true));
    }

    #[test]
    fn unknown_words_are_errors() {
        assert!(Matcher::new("tree", "=", "1", None).is_err());
        assert!(Matcher::new("bin", "like", "1", None).is_err());
        assert!(Matcher::new("bin", "=", "{", None).is_err());
    }
}
