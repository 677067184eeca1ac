//! What a statement knows of its session, and how functions get at it.
//!
//! Functions are registered once and shared. Each statement runs with a copy of the engine's
//! configuration that carries a [`Context`]; a function finds it in its arguments.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use model::Catalog;
use store::{Store, Transaction, View};

use crate::functions::sequences::Numbers;

/// Looks a setting up by name.
pub type Settings = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A setting, as `pg_settings` tells it.
#[derive(Debug, Clone)]
pub struct KnownSetting {
    /// Its name.
    pub name: &'static str,
    /// PostgreSQL's word for what values it takes: `bool`, `integer`, `enum`, `string`.
    pub kind: &'static str,
    /// The value of a new session.
    pub default: &'static str,
    /// Lowest and highest value of a number.
    pub range: Option<(i64, i64)>,
    /// The values of an enum.
    pub words: &'static [&'static str],
    /// Whether it cannot be set.
    pub fixed: bool,
    /// One line of help.
    pub help: &'static str,
}

/// What the server knows of a session.
#[derive(Clone)]
pub struct SessionInfo {
    /// The user's name.
    pub user: String,
    /// The database of the connection.
    pub database: String,
    /// The namespace that names without one mean.
    pub namespace: String,
    /// The process id that the client was told.
    pub pid: i32,
    /// The session's settings.
    pub settings: Settings,
    /// All settings that there are.
    pub known_settings: Arc<[KnownSetting]>,
    /// The transaction block that the session is in.
    pub transaction: Option<Arc<Transaction>>,
    /// Sequences as the session sees them.
    pub numbers: Option<Arc<dyn Numbers>>,
}

impl fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionInfo")
            .field("user", &self.user)
            .field("namespace", &self.namespace)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// One statement's view of session and catalogue.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) session: SessionInfo,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) now_ms: u64,
}

impl Context {
    /// The context of the statement that this configuration belongs to.
    pub(crate) fn of(config: &ConfigOptions) -> Result<&Context> {
        config
            .extensions
            .get::<Context>()
            .ok_or_else(|| DataFusionError::Internal("a statement runs without a session".into()))
    }
}

/// The store as the statement of this task sees it.
pub(crate) fn view<S: Store>(store: &Arc<S>, task: &TaskContext) -> Result<View<S>> {
    let context = Context::of(task.session_config().options())?;
    Ok(View::new(store.clone(), context.session.transaction.clone()))
}

impl ConfigExtension for Context {
    const PREFIX: &'static str = "aeriedb";
}

impl ExtensionOptions for Context {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _value: &str) -> Result<()> {
        Err(DataFusionError::Configuration(format!("{key} cannot be set here")))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
