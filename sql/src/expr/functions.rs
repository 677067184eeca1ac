//! Functions by name. A name that is not here is left to DataFusion.

use model::{ColumnType, Value};

use super::eval::{eval, order};
use super::{Expr, Row};
use crate::functions::{lower, upper};
use crate::types::{self, Field, field_of, numeric};
use crate::{SqlError, SqlResult};

/// Longest text that a function makes, bytes: no longer than a record can be.
const TEXT_MAX: usize = model::limits::RECORD_SIZE_MAX;

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Coalesce,
    NullIf,
    Greatest,
    Least,
    Concat,
    Length,
    OctetLength,
    Lower,
    Upper,
    Trim,
    TrimStart,
    TrimEnd,
    Substr,
    Left,
    Right,
    Replace,
    Reverse,
    Repeat,
    Position,
    StartsWith,
    Abs,
    Sign,
    Round,
    Ceil,
    Floor,
    Trunc,
    Sqrt,
    Power,
    Now,
    CurrentDate,
    /// An operation of Aerospike's.
    Particle(&'static crate::particles::Function),
    ListAppend,
    ListPrepend,
    ListRemove,
    ListLength,
    Extract(Field),
}

/// What a function takes at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arg {
    /// Text; an untyped literal is text.
    Text,
    /// An integer.
    Integer,
    /// Any number, kept as it is.
    Number,
    /// A double.
    Double,
    /// Whatever, of its own type.
    Any,
    /// A list: an array or jsonb.
    List,
    /// An element of the list that the function takes.
    Element,
    /// A date or a timestamp.
    Moment,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Type(ColumnType),
    /// The type of the first argument.
    First,
    /// The type of the list among the arguments.
    List,
}

/// A function's row in the table.
pub(super) struct Signature {
    pub(super) function: Function,
    pub(super) args: &'static [Arg],
    /// How many of them have to be given.
    pub(super) least: usize,
    pub(super) gives: Gives,
}

/// The function of this lower-case name for this many arguments.
pub(super) fn find(name: &str, count: usize) -> Option<Signature> {
    use Arg::*;
    use ColumnType as T;
    use Function as F;
    let (function, args, least, gives): (_, &'static [Arg], _, _) = match name {
        "length" | "char_length" | "character_length" => {
            (F::Length, &[Text], 1, Gives::Type(T::Int4))
        }
        "octet_length" => (F::OctetLength, &[Any], 1, Gives::Type(T::Int4)),
        "lower" => (F::Lower, &[Text], 1, Gives::Type(T::Text)),
        "upper" => (F::Upper, &[Text], 1, Gives::Type(T::Text)),
        "trim" | "btrim" => (F::Trim, &[Text, Text], 1, Gives::Type(T::Text)),
        "ltrim" => (F::TrimStart, &[Text, Text], 1, Gives::Type(T::Text)),
        "rtrim" => (F::TrimEnd, &[Text, Text], 1, Gives::Type(T::Text)),
        "substr" | "substring" => (F::Substr, &[Text, Integer, Integer], 2, Gives::Type(T::Text)),
        "left" => (F::Left, &[Text, Integer], 2, Gives::Type(T::Text)),
        "right" => (F::Right, &[Text, Integer], 2, Gives::Type(T::Text)),
        "replace" => (F::Replace, &[Text, Text, Text], 3, Gives::Type(T::Text)),
        "reverse" => (F::Reverse, &[Text], 1, Gives::Type(T::Text)),
        "repeat" => (F::Repeat, &[Text, Integer], 2, Gives::Type(T::Text)),
        "strpos" => (F::Position, &[Text, Text], 2, Gives::Type(T::Int4)),
        "starts_with" => (F::StartsWith, &[Text, Text], 2, Gives::Type(T::Bool)),
        "abs" => (F::Abs, &[Number], 1, Gives::First),
        "sign" => (F::Sign, &[Double], 1, Gives::Type(T::Float8)),
        "round" => (F::Round, &[Number, Integer], 1, Gives::First),
        "ceil" | "ceiling" => (F::Ceil, &[Number], 1, Gives::First),
        "floor" => (F::Floor, &[Number], 1, Gives::First),
        "trunc" => (F::Trunc, &[Number], 1, Gives::First),
        "sqrt" => (F::Sqrt, &[Double], 1, Gives::Type(T::Float8)),
        "power" | "pow" => (F::Power, &[Double, Double], 2, Gives::Type(T::Float8)),
        "now" | "current_timestamp" | "transaction_timestamp" | "statement_timestamp" => {
            (F::Now, &[], 0, Gives::Type(T::Timestamptz))
        }
        "localtimestamp" => (F::Now, &[], 0, Gives::Type(T::Timestamp)),
        "current_date" => (F::CurrentDate, &[], 0, Gives::Type(T::Date)),
        "array_append" => (F::ListAppend, &[List, Element], 2, Gives::List),
        "list_prepend" => (F::ListPrepend, &[List, Element], 2, Gives::List),
        "array_prepend" => (F::ListPrepend, &[Element, List], 2, Gives::List),
        "list_remove" => (F::ListRemove, &[List, Element], 2, Gives::List),
        "list_length" | "cardinality" => (F::ListLength, &[List], 1, Gives::Type(T::Int4)),
        _ => return None,
    };
    let fits = (least..=args.len()).contains(&count);
    fits.then_some(Signature { function, args, least, gives })
}

impl Function {
    pub(super) fn name(self) -> &'static str {
        use Function::*;
        match self {
            Coalesce => "coalesce",
            NullIf => "nullif",
            Greatest => "greatest",
            Least => "least",
            Concat => "concat",
            Length => "length",
            OctetLength => "octet_length",
            Lower => "lower",
            Upper => "upper",
            Trim => "trim",
            TrimStart => "ltrim",
            TrimEnd => "rtrim",
            Substr => "substr",
            Left => "left",
            Right => "right",
            Replace => "replace",
            Reverse => "reverse",
            Repeat => "repeat",
            Position => "strpos",
            StartsWith => "starts_with",
            Abs => "abs",
            Sign => "sign",
            Round => "round",
            Ceil => "ceil",
            Floor => "floor",
            Trunc => "trunc",
            Sqrt => "sqrt",
            Power => "power",
            Now => "now",
            CurrentDate => "current_date",
            Particle(function) => function.name,
            ListAppend => "array_append",
            ListPrepend => "list_prepend",
            ListRemove => "list_remove",
            ListLength => "list_length",
            Extract(_) => "date_part",
        }
    }
}

/// Calls a function that gives a value of type `t`.
pub(super) fn call(
    function: Function,
    t: ColumnType,
    args: &[Expr],
    row: &Row,
) -> SqlResult<Option<Value>> {
    match function {
        Function::Coalesce => {
            for arg in args {
                if let Some(value) = eval(arg, row)? {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        }
        Function::Greatest | Function::Least => extreme(function, args, row),
        Function::NullIf => {
            let (a, b) = (eval(&args[0], row)?, eval(&args[1], row)?);
            let equal = match (&a, &b) {
                (Some(x), Some(y)) => order((args[0].column_type, x), (args[1].column_type, y))
                    .is_some_and(|o| o.is_eq()),
                _ => false,
            };
            Ok(a.filter(|_| !equal))
        }
        Function::Concat => {
            let mut out = String::new();
            for arg in args {
                if let Some(value) = eval(arg, row)? {
                    types::format_text(arg.column_type, &value, &mut out);
                }
            }
            limited(out).map(Some)
        }
        Function::Now => {
            let us = i64::try_from(row.now_ms).unwrap_or(i64::MAX).saturating_mul(1000);
            Ok(Some(Value::Integer(us)))
        }
        Function::CurrentDate => Ok(Some(Value::Integer((row.now_ms / 86_400_000) as i64))),
        Function::Particle(function) => {
            function.call(args.iter().map(|arg| eval(arg, row)).collect::<SqlResult<_>>()?)
        }
        Function::ListAppend | Function::ListPrepend => {
            // NULL is an empty list here: the first append makes the bin.
            let mut values = Vec::with_capacity(2);
            for arg in args {
                values.push(eval(arg, row)?);
            }
            list_add(function, args, values)
        }
        _ => {
            let mut values = Vec::with_capacity(args.len());
            for arg in args {
                match eval(arg, row)? {
                    Some(value) => values.push(value),
                    None => return Ok(None),
                }
            }
            let types: Vec<ColumnType> = args.iter().map(|a| a.column_type).collect();
            strict(function, t, &types, values)
        }
    }
}

fn extreme(function: Function, args: &[Expr], row: &Row) -> SqlResult<Option<Value>> {
    let mut best: Option<Value> = None;
    for arg in args {
        let Some(value) = eval(arg, row)? else { continue };
        let better = match &best {
            None => true,
            Some(old) => {
                let order = order((arg.column_type, &value), (arg.column_type, old));
                order.is_some_and(|o| match function {
                    Function::Greatest => o.is_gt(),
                    _ => o.is_lt(),
                })
            }
        };
        if better {
            best = Some(value);
        }
    }
    Ok(best)
}

fn list_add(
    function: Function,
    args: &[Expr],
    mut values: Vec<Option<Value>>,
) -> SqlResult<Option<Value>> {
    // `array_prepend(element, array)` has its list at the end.
    let of = |e: &Expr| super::eval::element_type(e.column_type);
    let list_last = matches!(function, Function::ListPrepend)
        && !matches!(values[0], Some(Value::List(_)))
        && (matches!(values[1], Some(Value::List(_))) || of(&args[1]) != ColumnType::Jsonb);
    if list_last {
        values.swap(0, 1);
    }
    let element = values.pop().flatten().unwrap_or(Value::Nil);
    let mut items = match values.pop().flatten() {
        None => Vec::new(),
        Some(Value::List(list)) => list.items,
        Some(other) => return Err(no_list(&other)),
    };
    match function {
        Function::ListAppend => items.push(element),
        _ => items.insert(0, element),
    }
    Ok(Some(Value::list(items)))
}

fn no_list(value: &Value) -> SqlError {
    SqlError::new("42804", format!("a {} is no list", value.value_type()))
        .hint("the bin must hold a list, or nothing")
}

/// Functions that give NULL when any argument is.
fn strict(
    function: Function,
    t: ColumnType,
    types: &[ColumnType],
    values: Vec<Value>,
) -> SqlResult<Option<Value>> {
    use Function as F;
    let mut values = values.into_iter();
    let first = values.next().unwrap_or(Value::Nil);
    let (second, third) = (values.next(), values.next());
    Ok(Some(match (function, first, second, third) {
        (F::Length, Value::String(s), _, _) => Value::Integer(s.chars().count() as i64),
        (F::OctetLength, Value::String(s), _, _) => Value::Integer(s.len() as i64),
        (F::OctetLength, Value::Blob(b), _, _) => Value::Integer(b.len() as i64),
        (F::Lower, Value::String(s), _, _) => Value::String(lower(&s)),
        (F::Upper, Value::String(s), _, _) => Value::String(upper(&s)),
        (F::Trim | F::TrimStart | F::TrimEnd, Value::String(s), what, _) => {
            Value::String(trim(function, &s, what))
        }
        (F::Substr, Value::String(s), Some(Value::Integer(from)), count) => {
            Value::String(substr(&s, from, count)?)
        }
        (F::Left, Value::String(s), Some(Value::Integer(n)), _) => {
            let keep = counted(&s, n);
            Value::String(s.chars().take(keep).collect())
        }
        (F::Right, Value::String(s), Some(Value::Integer(n)), _) => {
            let keep = counted(&s, n);
            let skip = s.chars().count() - keep;
            Value::String(s.chars().skip(skip).collect())
        }
        (F::Replace, Value::String(s), Some(Value::String(a)), Some(Value::String(b))) => {
            let grown = if a.is_empty() { 0 } else { s.matches(&a).count() * b.len() };
            if s.len() + grown > TEXT_MAX {
                return Err(too_long());
            }
            Value::String(if a.is_empty() { s } else { s.replace(&a, &b) })
        }
        (F::Reverse, Value::String(s), _, _) => Value::String(s.chars().rev().collect()),
        (F::Repeat, Value::String(s), Some(Value::Integer(n)), _) => {
            let n = usize::try_from(n).unwrap_or(0);
            if s.len().saturating_mul(n) > TEXT_MAX {
                return Err(too_long());
            }
            Value::String(s.repeat(n))
        }
        (F::Position, Value::String(s), Some(Value::String(part)), _) => {
            let at = s.find(&part).map_or(0, |at| s[..at].chars().count() + 1);
            Value::Integer(at as i64)
        }
        (F::StartsWith, Value::String(s), Some(Value::String(part)), _) => {
            Value::Bool(s.starts_with(&part))
        }
        (F::Sign, Value::Double(d), _, _) => {
            Value::Double(if d == 0.0 || d.is_nan() { d } else { d.signum() })
        }
        (F::Sqrt, Value::Double(d), _, _) if d < 0.0 => {
            return Err(SqlError::new("2201F", "cannot take square root of a negative number"));
        }
        (F::Sqrt, Value::Double(d), _, _) => Value::Double(d.sqrt()),
        (F::Power, Value::Double(a), Some(Value::Double(b)), _) => Value::Double(a.powf(b)),
        (F::Abs | F::Round | F::Ceil | F::Floor | F::Trunc, number, places, _) => {
            rounding(function, t, number, places)?
        }
        (F::ListRemove, Value::List(items), Some(element), _) => {
            let differs = |item: &Value| {
                let t = super::eval::element_type(types[0]);
                !order((t, item), (t, &element)).is_some_and(|o| o.is_eq())
            };
            Value::List(items.into_iter().filter(differs).collect())
        }
        (F::ListLength, Value::List(items), _, _) => Value::Integer(items.len() as i64),
        (F::ListLength | F::ListRemove, other, _, _) => return Err(no_list(&other)),
        (F::Extract(field), Value::Integer(moment), _, _) => extract(field, types[0], moment),
        (function, value, _, _) => {
            let name = function.name();
            let message = format!("function {name} does not take a {}", value.value_type());
            return Err(SqlError::new("42883", message).hint("cast the argument"));
        }
    }))
}

fn too_long() -> SqlError {
    SqlError::new("54000", format!("the text would be longer than {TEXT_MAX} bytes"))
}

fn limited(text: String) -> SqlResult<Value> {
    if text.len() > TEXT_MAX { Err(too_long()) } else { Ok(Value::String(text)) }
}

fn trim(function: Function, text: &str, what: Option<Value>) -> String {
    let set = match what {
        Some(Value::String(set)) => set,
        _ => " ".to_string(),
    };
    let cut = |c: char| set.contains(c);
    match function {
        Function::TrimStart => text.trim_start_matches(cut),
        Function::TrimEnd => text.trim_end_matches(cut),
        _ => text.trim_matches(cut),
    }
    .to_string()
}

fn substr(text: &str, from: i64, count: Option<Value>) -> SqlResult<String> {
    let start = from.saturating_sub(1);
    let end = match count {
        Some(Value::Integer(n)) if n < 0 => {
            return Err(SqlError::new("22011", "negative substring length not allowed"));
        }
        Some(Value::Integer(n)) => start.saturating_add(n),
        _ => i64::MAX,
    };
    let skip = usize::try_from(start.max(0)).unwrap_or(usize::MAX);
    let take = usize::try_from(end.saturating_sub(start.max(0)).max(0)).unwrap_or(usize::MAX);
    Ok(text.chars().skip(skip).take(take).collect())
}

/// How many characters `left(text, n)` keeps: negative n counts from the end.
fn counted(text: &str, n: i64) -> usize {
    let length = text.chars().count() as i64;
    (if n < 0 { length.saturating_add(n) } else { n }).clamp(0, length) as usize
}

fn rounding(
    function: Function,
    t: ColumnType,
    number: Value,
    places: Option<Value>,
) -> SqlResult<Value> {
    let places = match places {
        Some(Value::Integer(n)) => n,
        _ => 0,
    };
    Ok(match (function, number) {
        (Function::Abs, Value::Integer(n)) => {
            let error = || SqlError::new("22003", format!("{t} out of range"));
            Value::Integer(n.checked_abs().ok_or_else(error)?)
        }
        (Function::Round, Value::Integer(n)) if places < 0 => {
            let rounded = numeric::round(&n.to_string(), places);
            types::coerce(t, types::parse_text(ColumnType::Int8, &rounded)?)?
        }
        (_, Value::Integer(n)) => Value::Integer(n),
        (Function::Abs, Value::Double(d)) => Value::Double(d.abs()),
        (Function::Round, Value::Double(d)) if places != 0 => {
            let scale = 10f64.powi(places.clamp(-400, 400) as i32);
            let rounded = (d * scale).round_ties_even() / scale;
            Value::Double(if rounded.is_finite() { rounded } else { d })
        }
        (Function::Round, Value::Double(d)) => Value::Double(d.round_ties_even()),
        (Function::Ceil, Value::Double(d)) => Value::Double(d.ceil()),
        (Function::Floor, Value::Double(d)) => Value::Double(d.floor()),
        (_, Value::Double(d)) => Value::Double(d.trunc()),
        (Function::Abs, Value::String(s)) => {
            Value::String(s.strip_prefix('-').unwrap_or(&s).to_string())
        }
        (Function::Round, Value::String(s)) => Value::String(numeric::round(&s, places)),
        (Function::Ceil, Value::String(s)) => Value::String(numeric::whole(&s, 1)),
        (Function::Floor, Value::String(s)) => Value::String(numeric::whole(&s, -1)),
        (_, Value::String(s)) => Value::String(numeric::whole(&s, 0)),
        (function, other) => {
            let message =
                format!("function {} does not take a {}", function.name(), other.value_type());
            return Err(SqlError::new("42883", message).hint("cast the argument"));
        }
    })
}

fn extract(field: Field, t: ColumnType, moment: i64) -> Value {
    let us = match t {
        ColumnType::Date => moment.saturating_mul(types::DAY_US),
        _ => moment,
    };
    let n = field_of(field, us);
    match field {
        Field::Second | Field::Epoch => Value::String(numeric::round(&format!("{n}e-6"), 6)),
        _ => Value::String(n.to_string()),
    }
}
