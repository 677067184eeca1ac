//! Numbers inside lists and maps.

use model::{ErrorKind, Result, Value};

use super::error;

/// `number + by`: of integers an integer, else a double. A double is added to an integer only where
/// the integer is `by`, so that no number changes its type.
pub(super) fn sum(number: &Value, by: &Value) -> Result<Value> {
    match (number, by) {
        (Value::Integer(a), Value::Integer(b)) => {
            let detail = format!("{a} + {b} does not fit into an integer of 64 bits");
            let sum = a.checked_add(*b).ok_or_else(|| error(ErrorKind::NotApplicable, detail))?;
            Ok(Value::Integer(sum))
        }
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        (Value::Double(a), Value::Integer(b)) => Ok(Value::Double(a + *b as f64)),
        (a, b) => {
            let detail = format!("a {} cannot be added to a {}", b.value_type(), a.value_type());
            Err(error(ErrorKind::Parameter, detail))
        }
    }
}

/// What is to be added so that `by` is taken away.
pub(super) fn negative(by: Value) -> Result<Value> {
    match by {
        Value::Integer(n) => {
            let detail = format!("{n} has no negative in 64 bits");
            let n = n.checked_neg().ok_or_else(|| error(ErrorKind::Parameter, detail))?;
            Ok(Value::Integer(n))
        }
        Value::Double(d) => Ok(Value::Double(-d)),
        other => Ok(other),
    }
}

/// What `by` is added to where no number is.
pub(super) fn zero_for(by: &Value) -> Value {
    match by {
        Value::Double(_) => Value::Double(0.0),
        _ => Value::Integer(0),
    }
}
