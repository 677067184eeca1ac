//! What a session is between statements, shared with the executor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use store::Savepoint;

use super::backend::Notice;
use super::settings::Settings;

/// Where a session stands in a transaction block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// Outside any block: each statement is its own.
    Idle,
    /// Inside.
    Block,
    /// Inside one that an error has ended; only ROLLBACK goes on.
    Failed,
}

impl Transaction {
    /// The byte of ReadyForQuery.
    pub(crate) fn status(self) -> u8 {
        match self {
            Transaction::Idle => b'I',
            Transaction::Block => b'T',
            Transaction::Failed => b'E',
        }
    }
}

/// What a session has drawn of sequences: `currval`, `lastval`.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// By namespace and name.
    pub(crate) values: HashMap<(String, String), i64>,
    pub(crate) last: Option<i64>,
}

/// A session's own state.
#[derive(Debug)]
pub struct SessionState {
    /// Number of the session, which `pg_backend_pid()` tells.
    pub pid: i32,
    /// User that the client gave.
    pub user: String,
    /// Database that the client gave: `current_database()`.
    pub database: String,
    /// Namespace that the database name means.
    home: String,
    /// Namespace of bare names: the first of `search_path` that exists, else `home`.
    namespace: String,
    /// Settings; change them through [`SessionState::set`].
    pub settings: Settings,
    /// Where the session stands.
    pub transaction: Transaction,
    /// The records of the open block.
    pub(crate) block: Option<Arc<store::Transaction>>,
    /// Whether the open block has done what its ROLLBACK does not undo.
    pub(crate) done_at_once: bool,
    pub(crate) savepoints: Vec<(String, Savepoint)>,
    /// The namespaces there are, as `search_path` needs them.
    namespaces: Vec<String>,
    notices: Vec<Notice>,
    /// Shared with its statements.
    pub(crate) drawn: Arc<Mutex<Drawn>>,
}

impl SessionState {
    /// A session of `user` in `database`, which means namespace `home`.
    pub fn new(
        pid: i32,
        user: impl Into<String>,
        database: impl Into<String>,
        home: impl Into<String>,
        namespaces: Vec<String>,
    ) -> SessionState {
        let home = home.into();
        SessionState {
            pid,
            user: user.into(),
            database: database.into(),
            namespace: home.clone(),
            home,
            settings: Settings::default(),
            transaction: Transaction::Idle,
            block: None,
            done_at_once: false,
            savepoints: Vec::new(),
            namespaces,
            notices: Vec::new(),
            drawn: Arc::default(),
        }
    }

    /// The namespace in which bare set names are looked up.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Tells the client something, before the statement's end.
    pub fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// SET and RESET (`value` is `None`), as `set_config()` needs them too.
    pub fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> sql::SqlResult<()> {
        let warning = self.settings.set(name, value, local)?;
        self.notices.extend(warning);
        self.find_namespace();
        Ok(())
    }

    /// Settles on the namespace that `search_path` means now.
    pub(crate) fn find_namespace(&mut self) {
        let path = self.settings.get("search_path").unwrap_or("");
        let first = path.split(',').find_map(|part| self.existing(part.trim()));
        let namespace = first.unwrap_or(&self.home);
        if *namespace != self.namespace {
            self.namespace = namespace.clone();
        }
    }

    /// The namespace of this name, quoted or not.
    fn existing(&self, name: &str) -> Option<&String> {
        let bare = name.trim_matches(['"', '\'']);
        self.namespaces.iter().find(|n| *n == bare).or_else(|| {
            let quoted = name.starts_with('"');
            self.namespaces.iter().find(|n| !quoted && n.eq_ignore_ascii_case(bare))
        })
    }

    /// Whether the open block is nobody's BEGIN, but that of statements which are sent together.
    pub(crate) fn implicit_block(&self) -> bool {
        self.transaction == Transaction::Idle && self.block.is_some()
    }

    /// Ends the transaction block.
    pub(crate) fn end_block(&mut self, commit: bool) {
        self.transaction = Transaction::Idle;
        if let Some(block) = self.block.take() {
            // Others may still look at it: a cursor that is held.
            block.end();
        }
        self.done_at_once = false;
        self.savepoints.clear();
        if commit {
            self.settings.commit();
        } else {
            self.settings.rollback();
        }
        self.find_namespace();
    }
}
