//! Expressions as operations: the value of one as an answer, or stored in a bin.

use model::msgpack::Reader;
use model::{Error, ErrorKind, Result, Value};

use super::{Expression, View};
use crate::Modified;

const CREATE_ONLY: i64 = 1;
const UPDATE_ONLY: i64 = 2;
const ALLOW_DELETE: i64 = 4;
const POLICY_NO_FAIL: i64 = 8;
const EVALUATION_NO_FAIL: i64 = 16;

/// The answer to a request `[expression, flags]`; nil is no answer.
///
/// An expression that is unknown here is `NotApplicable`, unless the flags say that it need not fail.
pub fn read_op(payload: &[u8], record: &View) -> Result<Option<Value>> {
    let (expression, flags) = request(payload, EVALUATION_NO_FAIL)?;
    match expression.value(record) {
        Some(Value::Nil) => Ok(None),
        None if flags & EVALUATION_NO_FAIL == 0 => Err(unknown()),
        value => Ok(value),
    }
}

/// What a request `[expression, flags]` makes of `bin`, a bin of `record`. It answers nothing.
///
/// Nil removes the bin, if the flags allow it.
pub fn write_op(bin: Option<Value>, payload: &[u8], record: &View) -> Result<Modified> {
    let known = CREATE_ONLY | UPDATE_ONLY | ALLOW_DELETE | POLICY_NO_FAIL | EVALUATION_NO_FAIL;
    let (expression, flags) = request(payload, known)?;
    let quiet = |flag: i64| flags & flag != 0;
    let unchanged = |bin| Ok(Modified { bin, result: None });
    match denied(bin.is_some(), flags) {
        Some(_) if quiet(POLICY_NO_FAIL) => return unchanged(bin),
        Some(error) => return Err(error),
        None => {}
    }
    match expression.value(record) {
        Some(Value::Nil) if quiet(ALLOW_DELETE) => unchanged(None),
        Some(Value::Nil) if quiet(POLICY_NO_FAIL) => unchanged(bin),
        Some(Value::Nil) => {
            let detail = "the expression is nil, which no bin can be; allow the bin to be deleted";
            Err(Error::new(ErrorKind::NotApplicable, detail))
        }
        Some(value) => unchanged(Some(value)),
        None if quiet(EVALUATION_NO_FAIL) => unchanged(bin),
        None => Err(unknown()),
    }
}

fn denied(exists: bool, flags: i64) -> Option<Error> {
    if exists && flags & CREATE_ONLY != 0 {
        let detail = "the bin is to be created, but it exists";
        return Some(Error::new(ErrorKind::BinExists, detail));
    }
    let missing = !exists && flags & UPDATE_ONLY != 0;
    missing
        .then(|| Error::new(ErrorKind::BinNotFound, "the bin is to be changed, but is not there"))
}

fn request(payload: &[u8], known: i64) -> Result<(Expression, i64)> {
    let mut reader = Reader::new(payload);
    let count = reader.list_header()?;
    let wrong = |detail: String| Error::new(ErrorKind::Parameter, detail);
    if count != 2 {
        return Err(wrong(format!("an expression operation has 2 arguments, not {count}")));
    }
    let expression = Expression::decode(reader.element()?)?;
    let flags = reader.integer()?;
    reader.finish()?;
    if flags & !known != 0 || flags & CREATE_ONLY != 0 && flags & UPDATE_ONLY != 0 {
        return Err(wrong(format!("the flags {flags:#x} do not fit an expression operation")));
    }
    Ok((expression, flags))
}

fn unknown() -> Error {
    let detail = "the expression is unknown: a bin is missing or of another type than it says";
    Error::new(ErrorKind::NotApplicable, detail)
}
