//! Functions on streams of records, a few records at a time.
//!
//! The stream's loop is a coroutine that waits for its next record; so a run needs a thread of the
//! pool only while it has records to work on, and may go on another one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{AnyUserData, Lua, Thread, Value as LuaValue};
use model::{Name, Record, Value};
use parking_lot::Mutex;

use crate::call::{Call, arguments, ended};
use crate::failure::Failure;
use crate::module::Modules;
use crate::record::{Rec, Subject};
use crate::sandbox::Sandbox;

/// How long the records that come together may take.
const FEED_MAX: Duration = Duration::from_secs(5);

/// Which part of a stream's operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Up to the first `reduce`: what runs beside the records.
    Beside,
    /// From there on: what puts parts together. Without a `reduce` values go through as they are.
    Together,
}

/// What goes into a stream.
#[derive(Debug, Clone)]
pub enum Input {
    /// Records with their sets, at this time (milliseconds since 1970-01-01 UTC).
    Records(Vec<(Name, Record)>, u64),
    /// Values that came out of another part.
    Values(Vec<Value>),
}

/// A stream on its way.
pub struct StreamRun {
    state: Sandbox,
    thread: Thread,
    call: Call,
    out: Arc<Mutex<Vec<Value>>>,
}

impl StreamRun {
    /// Calls the function, which says what is to be done with the stream.
    pub(crate) fn begin(
        modules: &Arc<Modules>,
        call: Call,
        part: Part,
    ) -> Result<StreamRun, Failure> {
        let state = Sandbox::new(modules, &call.module)?;
        let function = state.function(&call.function)?;
        let out: Arc<Mutex<Vec<Value>>> = Arc::default();
        state.begin(call.deadline, call.limit, &call.cancelled);
        let begin = || {
            let (kit, own) = (state.kit.clone(), out.clone());
            let emit = move |_: &Lua, value: LuaValue| {
                let value = kit.take(&value)?;
                own.lock().push(value);
                Ok(())
            };
            state.on_emit(state.lua.create_function(emit)?)?;
            let thread = state.lua.create_thread(state.drive.clone())?;
            let mut args = arguments(&state, &call.args)?;
            args.push_front(LuaValue::Boolean(part == Part::Beside));
            args.push_front(LuaValue::Function(function));
            thread.resume::<()>(args)?;
            Ok(thread)
        };
        let thread = ended(&state, begin())?;
        Ok(StreamRun { state, thread, call, out })
    }

    /// Works on what comes next: the values that came out so far.
    pub(crate) fn feed(&mut self, input: Input) -> Result<Vec<Value>, Failure> {
        self.limit();
        let result = self.put(input);
        ended(&self.state, result)?;
        self.room()?;
        Ok(std::mem::take(&mut *self.out.lock()))
    }

    /// Nothing more comes: the last values.
    pub(crate) fn finish(mut self) -> Result<Vec<Value>, Failure> {
        self.limit();
        let result = self.resume(LuaValue::Nil);
        ended(&self.state, result)?;
        Ok(std::mem::take(&mut *self.out.lock()))
    }

    /// A new part of the work begins. The stream as a whole may take as long as its caller waits.
    fn limit(&mut self) {
        self.state.begin(Instant::now() + FEED_MAX, FEED_MAX, &self.call.cancelled);
    }

    fn put(&mut self, input: Input) -> mlua::Result<()> {
        match input {
            Input::Records(records, now_ms) => {
                let mut given: Vec<AnyUserData> = Vec::with_capacity(records.len());
                for (set, record) in records {
                    let subject = Subject::of(record, set, now_ms);
                    let record = Rec::new(self.state.kit.clone(), subject, false);
                    let record = self.state.lua.create_userdata(record)?;
                    given.push(record.clone());
                    self.resume(LuaValue::UserData(record))?;
                }
                // What they hold outside of Lua goes now, whoever still knows them.
                for record in given {
                    record.borrow_mut::<Rec>()?.end();
                }
            }
            Input::Values(values) => {
                for value in values {
                    let value = self.state.kit.give(&self.state.lua, &value)?;
                    self.resume(value)?;
                }
            }
        }
        Ok(())
    }

    fn resume(&self, value: LuaValue) -> mlua::Result<()> {
        match self.thread.is_resumable() {
            true => self.thread.resume::<()>(value),
            // It took no more than it wanted.
            false => Ok(()),
        }
    }

    /// Values that wait are outside of Lua, too: a stream that gives many has to be read.
    fn room(&self) -> Result<(), Failure> {
        /// Values out of one lot of records.
        const VALUES_MAX: usize = 100_000;
        match self.out.lock().len() {
            0..=VALUES_MAX => Ok(()),
            count => Err(Failure::Runtime(format!("the stream gave {count} values at once"))),
        }
    }
}
