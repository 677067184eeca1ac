//! A Lua state in which a module's code can neither run away nor reach out.
//!
//! What is shut out, and how: time by a hook that every coroutine inherits, every [`HOOK`]
//! instructions, whose error no `pcall` keeps (`prelude/sandbox.lua`); patterns by a matcher of our
//! own; memory by the allocator's limit, and by a count of what lies outside of it; files, processes,
//! bytecode and the debug library by not being there; C loops over lengths that a table only claims
//! by loops in Lua; finalizers, in which Lua watches no hook, by not being settable.
//!
//! A string is as long as memory allows, and comparing two of them is one instruction. That, times
//! [`HOOK`], is how far a call can run over its time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use mlua::chunk::ChunkMode;
use mlua::debug::HookTriggers;
use mlua::{Function, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value, VmState};
use parking_lot::Mutex;

use crate::budget::Budget;
use crate::convert::Kit;
use crate::failure::{Failure, failure_of};
use crate::module::Modules;
use crate::{bytes, record, strings};

/// Instructions between two looks at the time.
const HOOK: u32 = 100;
/// Bytes of memory of one state.
pub const MEMORY_MAX: usize = 32 << 20;
/// How long a module's own code, outside of functions, may run when it is loaded.
const LOAD_MAX: Duration = Duration::from_secs(1);
/// Messages for the log that one call may write, and their greatest length, bytes.
const LOG_LINES: usize = 100;
const LOG_LENGTH: usize = 1_000;

/// A state with one module in it.
pub(crate) struct Sandbox {
    pub(crate) lua: Lua,
    pub(crate) kit: Arc<Kit>,
    pub(crate) budget: Arc<Budget>,
    env: Table,
    /// Runs streams.
    pub(crate) drive: Function,
    module: String,
    lines: Arc<Mutex<usize>>,
}

impl Sandbox {
    /// A state in which the module of this name is loaded, with those that it requires.
    pub(crate) fn new(modules: &Arc<Modules>, name: &str) -> Result<Sandbox, Failure> {
        let source = match modules.get(name) {
            Some(module) => module.source.clone(),
            None => return Err(Failure::NoModule(name.to_string())),
        };
        let sandbox = Sandbox::empty(modules, name).map_err(|error| failure_of(&error))?;
        sandbox.budget.begin(Instant::now() + LOAD_MAX, LOAD_MAX, &Arc::default());
        let loaded = load(&sandbox.lua, &sandbox.env, name, &source);
        loaded.map_err(|error| sandbox.failure(&error))?;
        Ok(sandbox)
    }

    fn empty(modules: &Arc<Modules>, module: &str) -> mlua::Result<Sandbox> {
        let libraries = StdLib::COROUTINE
            | StdLib::TABLE
            | StdLib::STRING
            | StdLib::UTF8
            | StdLib::MATH
            | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.set_memory_limit(MEMORY_MAX)?;
        let budget = Arc::new(Budget::new(MEMORY_MAX));
        let lines = Arc::default();
        let (host, env, kinds) = (lua.create_table()?, lua.create_table()?, lua.create_table()?);
        register_limits(&lua, &host, &budget)?;
        register_log(&lua, &host, module, &lines)?;
        strings::register(&lua, &host, &budget)?;
        bytes::register(&lua, &host, &env, &budget)?;
        register_require(&lua, &host, &env, modules, module)?;
        let files = [
            ("sandbox", include_str!("prelude/sandbox.lua")),
            ("types", include_str!("prelude/types.lua")),
            ("stream", include_str!("prelude/stream.lua")),
        ];
        let mut returned = Vec::new();
        for (name, source) in files {
            let chunk = lua.load(source).set_name(format!("={name}")).set_mode(ChunkMode::Text);
            returned.push(chunk.call::<Value>((&host, &env, &kinds))?);
        }
        let drive = lua.unpack(returned.pop().unwrap_or(Value::Nil))?;
        let types: Table = lua.unpack(returned.pop().unwrap_or(Value::Nil))?;
        let kit = Arc::new(Kit::new(&types, budget.clone())?);
        record::register(&lua, &env, &kit)?;
        let own = budget.clone();
        lua.set_global_hook(HookTriggers::new().every_nth_instruction(HOOK), move |_, _| {
            own.check().map(|()| VmState::Continue)
        })?;
        lua.set_named_registry_value("host", host)?;
        Ok(Sandbox { lua, kit, budget, env, drive, module: module.to_string(), lines })
    }

    /// A function of the module.
    pub(crate) fn function(&self, name: &str) -> Result<Function, Failure> {
        let missing =
            || Failure::NoFunction { module: self.module.clone(), function: name.to_string() };
        match self.env.raw_get(name) {
            Ok(Value::Function(function)) if !is_library(name) => Ok(function),
            _ => Err(missing()),
        }
    }

    /// A call begins.
    pub(crate) fn begin(&self, deadline: Instant, limit: Duration, cancelled: &Arc<AtomicBool>) {
        *self.lines.lock() = 0;
        self.budget.begin(deadline, limit, cancelled);
    }

    /// Why a call failed: what is used up, else its error.
    pub(crate) fn failure(&self, error: &mlua::Error) -> Failure {
        match (self.budget.failure(), error) {
            (Some(failure), _) => failure,
            (None, mlua::Error::MemoryError(_)) => Failure::Memory { limit: MEMORY_MAX },
            (None, error) => match failure_of(error) {
                Failure::Runtime(text) if text.contains(NO_MEMORY) => {
                    Failure::Memory { limit: MEMORY_MAX }
                }
                failure => failure,
            },
        }
    }

    /// Whether the state is small enough to be kept for the next call.
    pub(crate) fn keeps(&self) -> bool {
        /// What a module with its tables may hold.
        const KEPT: usize = 4 << 20;
        let used = || self.lua.used_memory() + self.budget.outside();
        // A collection runs no code of the module's: there are no finalizers.
        used() <= KEPT || (self.lua.gc_collect().is_ok() && used() <= KEPT)
    }

    /// What the streams of this state write to.
    pub(crate) fn on_emit(&self, emit: Function) -> mlua::Result<()> {
        self.lua.named_registry_value::<Table>("host")?.set("emit", emit)
    }
}

/// Lua's words for having no memory left.
const NO_MEMORY: &str = "not enough memory";

/// Functions that every module has are no functions of the module.
fn is_library(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "assert",
        "collectgarbage",
        "debug",
        "error",
        "getmetatable",
        "info",
        "ipairs",
        "next",
        "pairs",
        "pcall",
        "rawequal",
        "rawget",
        "rawlen",
        "rawset",
        "require",
        "select",
        "setmetatable",
        "tonumber",
        "tostring",
        "trace",
        "type",
        "warn",
        "xpcall",
    ];
    NAMES.contains(&name)
}

/// Whether a source is Lua. Nothing of it runs.
pub(crate) fn check_source(name: &str, source: &str) -> Result<(), Failure> {
    let compile = || {
        let lua = Lua::new_with(StdLib::NONE, LuaOptions::new())?;
        lua.set_memory_limit(MEMORY_MAX)?;
        let chunk = lua.load(source).set_name(chunk_name(name)).set_mode(ChunkMode::Text);
        chunk.into_function().map(drop)
    };
    compile().map_err(|error| match &error {
        mlua::Error::MemoryError(_) => Failure::Memory { limit: MEMORY_MAX },
        error => match failure_of(error) {
            Failure::Runtime(text) => Failure::Syntax(text),
            failure => failure,
        },
    })
}

/// How messages name a module's lines.
fn chunk_name(module: &str) -> String {
    format!("={module}.lua")
}

fn load(lua: &Lua, env: &Table, name: &str, source: &str) -> mlua::Result<Value> {
    let chunk = lua.load(source).set_name(chunk_name(name)).set_mode(ChunkMode::Text);
    chunk.set_environment(env.clone()).call(())
}

fn register_limits(lua: &Lua, host: &Table, budget: &Arc<Budget>) -> mlua::Result<()> {
    let own = budget.clone();
    let tripped = move |_: &Lua, args: MultiValue| {
        if own.failure().is_none()
            && let Some(Value::String(text)) = args.front()
            && text.as_bytes().ends_with(NO_MEMORY.as_bytes())
        {
            own.out_of_memory();
        }
        Ok(own.failure().is_some())
    };
    host.set("tripped", lua.create_function(tripped)?)?;
    let own = budget.clone();
    let used = move |lua: &Lua, ()| Ok(lua.used_memory() + own.outside());
    host.set("used_memory", lua.create_function(used)?)
}

fn register_log(
    lua: &Lua,
    host: &Table,
    module: &str,
    lines: &Arc<Mutex<usize>>,
) -> mlua::Result<()> {
    let (module, lines) = (module.to_string(), lines.clone());
    let log = move |_: &Lua, (level, text): (i64, LuaString)| {
        let mut lines = lines.lock();
        *lines += 1;
        if *lines <= LOG_LINES {
            let text: String = text.to_string_lossy().chars().take(LOG_LENGTH).collect();
            match level {
                1 => tracing::warn!(module, "{text}"),
                2 => tracing::info!(module, "{text}"),
                3 => tracing::debug!(module, "{text}"),
                _ => tracing::trace!(module, "{text}"),
            }
        }
        Ok(())
    };
    host.set("log", lua.create_function(log)?)
}

/// `require` runs another module once, in the same environment, and gives what it returns.
fn register_require(
    lua: &Lua,
    host: &Table,
    env: &Table,
    modules: &Arc<Modules>,
    module: &str,
) -> mlua::Result<()> {
    let (modules, env, host) = (modules.clone(), env.clone(), host.clone());
    let loaded = lua.create_table()?;
    let begun = Mutex::new(BTreeSet::from([module.to_string()]));
    let own = host.clone();
    let require = move |lua: &Lua, name: String| {
        if let Ok(Value::Table(library)) = env.raw_get::<Value>(name.as_str()) {
            return Ok(Value::Table(library));
        }
        let name = name.strip_suffix(".lua").unwrap_or(&name);
        if !begun.lock().insert(name.to_string()) {
            return loaded.raw_get(name);
        }
        let module = modules
            .get(name)
            .ok_or_else(|| mlua::Error::external(Failure::NoModule(name.to_string())))?;
        let value = match load(lua, &env, name, &module.source)? {
            Value::Nil => Value::Boolean(true),
            value => value,
        };
        loaded.raw_set(name, &value)?;
        Ok(value)
    };
    own.set("require", lua.create_function(require)?)
}
