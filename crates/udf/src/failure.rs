//! Why a function gave no result.

use std::fmt;
use std::time::Duration;

use model::{Error, ErrorKind};

/// Why a function gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No module of this name is registered.
    NoModule(String),
    /// The module has no such function.
    NoFunction {
        /// Module.
        module: String,
        /// Function.
        function: String,
    },
    /// The source is not Lua; the text names the line.
    Syntax(String),
    /// The function ended in an error; the text names the line.
    Runtime(String),
    /// It ran too long.
    Time {
        /// How long it could have run.
        limit: Duration,
    },
    /// It needed too much memory.
    Memory {
        /// Bytes that it could have had.
        limit: usize,
    },
    /// Somebody ended it.
    Cancelled,
    /// Too many functions wait for a thread.
    Busy,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoModule(name) => write!(f, "module not found: {name:?} is not registered"),
            // Aerospike's words, which its clients know.
            Failure::NoFunction { .. } => f.write_str("function not found"),
            Failure::Syntax(text) | Failure::Runtime(text) => f.write_str(text),
            Failure::Time { limit } => {
                write!(f, "the function ran longer than {} ms and was ended", limit.as_millis())
            }
            Failure::Memory { limit } => {
                write!(f, "the function needed more than {} MiB of memory", limit >> 20)
            }
            Failure::Cancelled => f.write_str("the function was ended from outside"),
            Failure::Busy => f.write_str("too many functions wait for a thread; try again"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let kind = match &failure {
            Failure::Busy => ErrorKind::DeviceOverload,
            _ => ErrorKind::Udf,
        };
        Error::new(kind, failure.to_string())
    }
}

/// An error of Lua's as a failure: its own text, without the stack.
pub(crate) fn failure_of(error: &mlua::Error) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    match error {
        mlua::Error::CallbackError { cause, .. } => failure_of(cause),
        mlua::Error::WithContext { cause, .. } => failure_of(cause),
        mlua::Error::SyntaxError { message, .. } => Failure::Syntax(first_part(message)),
        mlua::Error::RuntimeError(message) => Failure::Runtime(first_part(message)),
        other => Failure::Runtime(first_part(&other.to_string())),
    }
}

/// The message in front of the stack, at most so long as a reply should be.
fn first_part(message: &str) -> String {
    const LONGEST: usize = 2_000;
    let message = message.split("\nstack traceback:").next().unwrap_or(message);
    message.chars().take(LONGEST).collect()
}
