//! Users' functions that clients call on a record.

use std::sync::Arc;

use model::{Error, ErrorKind, Value, msgpack};
use store::Store;
use udf::{Call, Failure, Functions};
use wire::{Field, Message, code};

use super::Front;
use super::ask::{Ask, Refused, refused};
use super::dispatch::time_of;
use super::operate::Results;
use super::single::{Answer, Done};
use crate::functions::{apply, check_args};

/// Names of the bin that a function's result, or why it has none, stands in.
pub(super) const SUCCESS: &str = "SUCCESS";
pub(super) const FAILURE: &str = "FAILURE";

/// A function and its arguments.
#[derive(Debug, Clone)]
pub(super) struct Function<'a> {
    module: &'a str,
    function: &'a str,
    args: Arc<[Value]>,
}

impl<'a> Function<'a> {
    /// The function that a message names, if it names one.
    pub(super) fn of(message: &Message<'a>) -> Result<Option<Function<'a>>, Refused> {
        let text = |field| message.fields.text(field).map_err(refused);
        let Some(function) = text(Field::UDF_FUNCTION)? else { return Ok(None) };
        let module = text(Field::UDF_MODULE)?.ok_or(code::PARAMETER)?;
        let args = match message.fields.get(Field::UDF_ARGS).filter(|args| !args.is_empty()) {
            None => Vec::new(),
            Some(args) => {
                check_args(args.len()).map_err(refused)?;
                match msgpack::decode(args).map_err(refused)? {
                    Value::List(args) => args.items,
                    _ => return Err(code::PARAMETER),
                }
            }
        };
        Ok(Some(Function { module, function, args: args.into() }))
    }

    /// A call that its client waits for as the message says: it ends a little earlier, so that the
    /// client is told.
    pub(super) fn call(&self, message: &Message<'_>) -> Call {
        let limit = time_of(&message.header) / 10 * 9;
        Call::new(self.module, self.function, self.args.clone(), limit)
    }

    /// Whether there is such a module.
    pub(super) fn check(&self, functions: &Functions) -> Result<(), Refused> {
        match functions.modules().contains_key(self.module) {
            true => Ok(()),
            false => Err(refused(Error::from(Failure::NoModule(self.module.to_string())))),
        }
    }
}

/// Why a call gave no result: a code alone, or a text with it.
enum Trouble {
    Refused(Refused),
    Failed(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        match error.kind {
            ErrorKind::Udf => Trouble::Failed(error.detail),
            _ => Trouble::Refused(refused(error)),
        }
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Trouble {
        Trouble::Refused(refused)
    }
}

/// Calls the function that is asked for on the record that is asked for.
pub(super) async fn run<S: Store>(front: &Front<S>, ask: &Ask<'_>) -> Done {
    let Some(function) = &ask.function else { return Done::refused(code::PARAMETER) };
    let call = function.call(&ask.message);
    let admit = |record: Option<&model::Record>| {
        ask.rules.admit(record)?;
        if let Some(record) = record {
            ask.fits(record)?;
            ask.passes(record, front.store.now_ms())?;
        }
        Ok::<(), Trouble>(())
    };
    let applied = apply(&*front.store, &front.locks, &front.functions, ask.address(), &call, admit);
    let mut results = Results::default();
    match applied.await {
        Ok(done) => {
            results.put(SUCCESS, Some(&done.result).filter(|result| **result != Value::Nil));
            let (generation, void_time) = (done.generation, done.void_time);
            Done { result: code::OK, answer: Answer::Results { results, generation, void_time } }
        }
        Err(Trouble::Failed(text)) => {
            tracing::debug!("a client's function failed: {text}");
            results.put(FAILURE, Some(&Value::String(text)));
            let answer = Answer::Results { results, generation: 0, void_time: 0 };
            Done { result: code::UDF, answer }
        }
        Err(Trouble::Refused(refused)) => Done::refused(refused),
    }
}
