//! One call of a function, on the state of its module.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use mlua::{AnyUserData, MultiValue, Value as LuaValue};
use model::Value;
use store::Change;

use crate::failure::Failure;
use crate::record::{Rec, Subject};
use crate::sandbox::Sandbox;

/// How long a call may run at most, whatever its caller would wait.
pub const TIME_MAX: Duration = Duration::from_secs(10);

/// What is to be called, and how long it may take.
#[derive(Debug, Clone)]
pub struct Call {
    /// Module, without `.lua`.
    pub module: String,
    /// Function.
    pub function: String,
    /// Arguments, behind the record or the stream.
    pub args: Arc<[Value]>,
    /// When it has to be over.
    pub deadline: Instant,
    /// How long that was when it was made.
    pub limit: Duration,
    /// Set from outside to end it.
    pub cancelled: Arc<AtomicBool>,
}

impl Call {
    /// A call that may take so long, counted from now, and no longer than [`TIME_MAX`].
    pub fn new(module: &str, function: &str, args: Arc<[Value]>, limit: Duration) -> Call {
        let limit = limit.min(TIME_MAX);
        Call {
            module: module.to_string(),
            function: function.to_string(),
            args,
            deadline: Instant::now() + limit,
            limit,
            cancelled: Arc::default(),
        }
    }
}

/// What a function on a record came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What it returned.
    pub result: Value,
    /// What becomes of the record.
    pub change: Change,
}

/// Calls a function on a record.
pub(crate) fn on_record(state: &Sandbox, call: &Call, subject: Subject) -> Result<Done, Failure> {
    state.begin(call.deadline, call.limit, &call.cancelled);
    let function = state.function(&call.function)?;
    let mut record: Option<AnyUserData> = None;
    let run = || {
        let given = Rec::new(state.kit.clone(), subject, true);
        let given = &*record.insert(state.lua.create_userdata(given)?);
        let mut args = arguments(state, &call.args)?;
        args.push_front(LuaValue::UserData(given.clone()));
        let result = function.call::<LuaValue>(args)?;
        state.kit.take(&result)
    };
    let result = ended(state, run());
    let change = match &record {
        Some(record) => record.borrow_mut::<Rec>().map(|mut record| record.end()),
        None => Ok(Change::Keep),
    };
    let result = result?;
    Ok(Done { result, change: change.map_err(|error| state.failure(&error))? })
}

/// Calls a function on values, row after row. A row whose call fails ends them all.
pub(crate) fn on_rows(
    state: &Sandbox,
    call: &Call,
    rows: &[Vec<Value>],
) -> Result<Vec<Value>, Failure> {
    state.begin(call.deadline, call.limit, &call.cancelled);
    let function = state.function(&call.function)?;
    let run = || {
        let each = rows.iter().map(|row| {
            let result = function.call::<LuaValue>(arguments(state, row)?)?;
            state.kit.take(&result)
        });
        each.collect()
    };
    ended(state, run())
}

/// The arguments of a call.
pub(crate) fn arguments(state: &Sandbox, args: &[Value]) -> mlua::Result<MultiValue> {
    args.iter().map(|arg| state.kit.give(&state.lua, arg)).collect()
}

/// What a call came to, its own errors and used-up limits told apart. A call that caught its last
/// error has failed all the same.
pub(crate) fn ended<T>(state: &Sandbox, result: mlua::Result<T>) -> Result<T, Failure> {
    match (result, state.budget.failure()) {
        (Ok(result), None) => Ok(result),
        (Ok(_), Some(failure)) => Err(failure),
        (Err(error), _) => Err(state.failure(&error)),
    }
}
