//! Operations on plain values.

use model::Value;

use super::Operation;
use super::collection::sum;
use super::names::Verb;
use crate::SqlResult;

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
