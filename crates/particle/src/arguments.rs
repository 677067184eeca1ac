//! An operation's number and its arguments, read one after the other.

use model::{Error, ErrorKind, Result, Value, msgpack};

use crate::cdt::{self, Step};

/// In place of an operation's number: a context comes first.
pub(crate) const IN_CONTEXT: i64 = 0xff;

/// An operation as it travels, `[number, argument ..]`: its number and its arguments.
pub(crate) fn operation(payload: &[u8]) -> Result<(i64, Vec<Value>)> {
    let mut reader = msgpack::Reader::new(payload);
    let found = operation_in(&mut reader)?;
    reader.finish()?;
    Ok(found)
}

/// An operation that may have a context, `[255, context, [number, argument ..]]`, and the way there.
pub(crate) fn operation_inside(payload: &[u8]) -> Result<(Vec<Step>, i64, Vec<Value>)> {
    let mut reader = msgpack::Reader::new(payload);
    let mut ahead = reader.clone();
    let in_context = ahead.list_header()? == 3 && ahead.integer()? == IN_CONTEXT;
    let path = if in_context { cdt::context_of(&mut ahead)? } else { Vec::new() };
    if in_context {
        reader = ahead;
    }
    let (number, arguments) = operation_in(&mut reader)?;
    reader.finish()?;
    Ok((path, number, arguments))
}

/// The operation that `reader` comes to next.
fn operation_in(reader: &mut msgpack::Reader) -> Result<(i64, Vec<Value>)> {
    let count = reader.list_header()?;
    if count == 0 {
        return Err(Error::new(ErrorKind::Parameter, "an operation without its number"));
    }
    let number = reader.integer()?;
    let arguments = (1..count).map(|_| reader.value()).collect::<Result<_>>()?;
    Ok((number, arguments))
}

/// What is left of an operation's arguments.
pub(crate) struct Arguments<'a> {
    operation: &'static str,
    left: &'a [Value],
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(operation: &'static str, values: &'a [Value]) -> Arguments<'a> {
        Arguments { operation, left: values }
    }

    /// The next one, whatever it is.
    pub(crate) fn value(&mut self, what: &str) -> Result<&'a Value> {
        let (first, left) =
            self.left.split_first().ok_or_else(|| self.wrong(what, "is missing"))?;
        self.left = left;
        Ok(first)
    }

    pub(crate) fn integer(&mut self, what: &str) -> Result<i64> {
        match self.value(what)? {
            Value::Integer(number) => Ok(*number),
            other => Err(self.wrong(what, &format!("is a {}", other.value_type()))),
        }
    }

    /// The next one, if there is any, else `absent`.
    pub(crate) fn integer_or(&mut self, absent: i64, what: &str) -> Result<i64> {
        if self.left.is_empty() { Ok(absent) } else { self.integer(what) }
    }

    pub(crate) fn boolean(&mut self, what: &str) -> Result<bool> {
        match self.value(what)? {
            Value::Bool(yes) => Ok(*yes),
            other => Err(self.wrong(what, &format!("is a {}", other.value_type()))),
        }
    }

    pub(crate) fn bytes(&mut self, what: &str) -> Result<&'a [u8]> {
        match self.value(what)? {
            Value::Blob(bytes) => Ok(bytes),
            other => Err(self.wrong(what, &format!("is a {}", other.value_type()))),
        }
    }

    /// Flags of which only those in `known` may be set; none if the argument is not there.
    pub(crate) fn flags(&mut self, known: i64, what: &str) -> Result<i64> {
        let flags = self.integer_or(0, what)?;
        if flags & !known == 0 {
            return Ok(flags);
        }
        Err(self.wrong(what, &format!("are {flags:#x}, of which {known:#x} may be set")))
    }

    /// Nothing is left.
    pub(crate) fn end(&self) -> Result<()> {
        let left = self.left.len();
        if left == 0 { Ok(()) } else { Err(self.wrong("arguments", &format!("{left} too many"))) }
    }

    pub(crate) fn wrong(&self, what: &str, wrong: &str) -> Error {
        let operation = self.operation;
        Error::new(ErrorKind::Parameter, format!("{operation}: {what} {wrong}"))
    }
}
