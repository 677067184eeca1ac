//! User functions in Lua: modules, and calls on one record, on streams of records and on values.
//!
//! A call: [`Functions::record`] → a thread of `pool.rs` → a state with the module in it
//! (`sandbox.rs`), taken from those that the thread keeps → `call.rs` gives the function its record
//! (`record.rs`) and arguments (`convert.rs`) → what it returned, and what becomes of the record. The
//! caller writes that, if the record is still the same, else calls again: no lock is held while Lua
//! runs.
//!
//! `prelude/` is what modules find around them, in Lua; `bytes.rs`, `strings.rs` and `pattern.rs` are
//! the parts of it that are in Rust. `budget.rs` is what a call may use, `failure.rs` why it gave no
//! result.
//!
//! Always true: a call ends, soon after its deadline, whatever it does; it has no more memory than
//! [`MEMORY_MAX`], and what it throws away comes back; it sees no file, no other module's state, no
//! clock but `os`'s. Semantics are those of Aerospike's documentation of its Lua API and of the
//! stream library in its Apache-2.0 clients, the code is our own.

mod budget;
mod bytes;
mod call;
mod convert;
mod failure;
mod module;
mod pattern;
mod pool;
mod record;
mod sandbox;
mod stream;
mod strings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::Value;
use parking_lot::RwLock;

pub use call::{Call, Done, TIME_MAX};
pub use failure::Failure;
pub use module::{Module, Modules, NAME_MAX, SOURCE_MAX, module_name};
pub use record::Subject;
pub use sandbox::MEMORY_MAX;
pub use stream::{Input, Part, StreamRun};

use pool::Pool;

/// The modules of a node, and the threads that run their functions.
pub struct Functions {
    modules: RwLock<Arc<Modules>>,
    pool: Pool,
}

/// Gets what a call came to, on a thread of the pool.
pub type Then<T> = Box<dyn FnOnce(Result<T, Failure>) + Send>;

impl Default for Functions {
    fn default() -> Functions {
        /// Threads at least and at most: a few that wait for the processor do no harm.
        const THREADS: (usize, usize) = (2, 8);
        let cores = std::thread::available_parallelism().map_or(THREADS.0, usize::from);
        Functions::new(cores.clamp(THREADS.0, THREADS.1))
    }
}

impl Functions {
    /// No modules, and at most so many threads, which start when they are needed.
    pub fn new(threads: usize) -> Functions {
        Functions { modules: RwLock::default(), pool: Pool::new(threads) }
    }

    /// The modules as they are now.
    pub fn modules(&self) -> Arc<Modules> {
        self.modules.read().clone()
    }

    /// Registers a module, or replaces it.
    pub fn put(&self, module: Module) {
        let mut modules = self.modules.write();
        Arc::make_mut(&mut modules).insert(module.name.clone(), Arc::new(module));
    }

    /// Forgets a module; whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        Arc::make_mut(&mut self.modules.write()).remove(name).is_some()
    }

    /// Calls a function on a record.
    pub fn record(&self, call: Call, subject: Subject, then: Then<Done>) {
        let modules = self.modules();
        self.run(then, move |states| {
            let state = states.take(&modules, &call.module)?;
            let done = call::on_record(&state, &call, subject);
            if done.is_ok() {
                states.keep(&modules, &call.module, state);
            }
            done
        });
    }

    /// Calls a function on values, once for each row: what it returned each time.
    pub fn rows(&self, call: Call, rows: Vec<Vec<Value>>, then: Then<Vec<Value>>) {
        let modules = self.modules();
        self.run(then, move |states| {
            let state = states.take(&modules, &call.module)?;
            let done = call::on_rows(&state, &call, &rows);
            if done.is_ok() {
                states.keep(&modules, &call.module, state);
            }
            done
        });
    }

    /// Begins a stream.
    pub fn stream(&self, call: Call, part: Part, then: Then<StreamRun>) {
        let modules = self.modules();
        self.run(then, move |_| StreamRun::begin(&modules, call, part));
    }

    /// Gives a stream what comes next: the stream, and what came out of it so far.
    pub fn feed(&self, mut run: StreamRun, input: Input, then: Then<(StreamRun, Vec<Value>)>) {
        self.run(then, move |_| {
            let values = run.feed(input)?;
            Ok((run, values))
        });
    }

    /// Ends a stream: what came out of it at last.
    pub fn finish(&self, run: StreamRun, then: Then<Vec<Value>>) {
        self.run(then, move |_| run.finish());
    }

    fn run<T: Send + 'static>(
        &self,
        then: Then<T>,
        work: impl FnOnce(&mut pool::States) -> Result<T, Failure> + Send + 'static,
    ) {
        // The callback is called once, by the thread, or here where there is none.
        let then = Arc::new(parking_lot::Mutex::new(Some(then)));
        let own = then.clone();
        let job = move |states: &mut pool::States| {
            let done = work(states);
            let then = own.lock().take();
            if let Some(then) = then {
                then(done);
            }
        };
        if let Err(busy) = self.pool.run(Box::new(job)) {
            let then = then.lock().take();
            if let Some(then) = then {
                then(Err(busy));
            }
        }
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions").field("modules", &self.modules().keys()).finish()
    }
}
