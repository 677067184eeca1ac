//! Operations on plain values.

use model::Value;

use super::Operation;
use super::names::Verb;
use crate::{SqlError, SqlResult};

pub(super) fn run(operation: &Operation, bin: &mut Option<Value>) -> SqlResult<Option<Value>> {
    let given = operation.arg(0);
    match operation.verb {
        Verb::Write => *bin = Some(given.clone()).filter(|value| *value != Value::Nil),
        Verb::Incr => {
            *bin = Some(match &bin {
                None => given.clone(),
                Some(value) => sum(operation, value, given)?,
            });
        }
        verb => {
            let Value::String(given) = given else { return Ok(None) };
            *bin = Some(Value::String(match &bin {
                None => given.clone(),
                Some(Value::String(text)) if verb == Verb::Append => format!("{text}{given}"),
                Some(Value::String(text)) => format!("{given}{text}"),
                Some(other) => return Err(operation.kind_error(other, "string")),
            }));
        }
    }
    Ok(None)
}

/// `a + b` of numbers of one kind.
fn sum(operation: &Operation, a: &Value, b: &Value) -> SqlResult<Value> {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.checked_add(*b).map(Value::Integer),
        (Value::Double(a), Value::Double(b)) => Some(Value::Double(a + b)),
        (Value::Double(a), Value::Integer(b)) => Some(Value::Double(a + *b as f64)),
        (Value::Integer(_), Value::Double(_)) => {
            return Err(SqlError::new("42804", "a double cannot be added to an integer")
                .hint("WRITE the bin as a double first"));
        }
        (other, _) => return Err(operation.kind_error(other, "number")),
    }
    .ok_or_else(|| SqlError::new("22003", "bigint out of range"))
}
