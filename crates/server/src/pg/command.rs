//! The session's own commands: settings, transaction blocks, prepared statements by name, cursors.
//!
//! A transaction block keeps what its statements write until COMMIT (`store::Transaction`), drives
//! the status that clients rely on, ends at an error, and brings settings back. Declarations,
//! TRUNCATE and settings of the node happen at once, and a ROLLBACK after one says so.

use std::sync::Arc;

use model::Value;
use sql::expr::Expr;
use sql::plan::Session as Command;
use sql::{SqlError, SqlResult};

use super::backend::{Answer, Backend, Notice, Tag};
use super::portal::{Entry, Open, Own, Portal, Progress};
use super::rows::Formats;
use super::session::{Session, Started, no_cursor};
use super::state::Transaction;
use super::types;
use super::wire::Failure;

impl<B: Backend> Session<B> {
    /// Runs a command.
    pub(crate) async fn command(
        &mut self,
        entry: &Arc<Entry<B::Statement>>,
        command: &Command,
        params: Vec<Option<Value>>,
    ) -> Result<Started<B::Rows>, Failure> {
        let tag = match command {
            Command::Execute { name, args } => {
                return Ok(Started::Answer(self.execute_named(name, args).await?));
            }
            Command::Fetch { name, count, skip } => {
                let count = count.unwrap_or(u64::MAX);
                return Ok(Started::Fetch { name: name.clone(), count, skip: *skip });
            }
            Command::Show(name) => return Ok(Started::Answer(self.show(name)?)),
            Command::Prepare { name, types, statement } => {
                self.prepare_named(name, types, statement).await?
            }
            Command::Commit => self.commit().await?,
            Command::Rollback => self.rollback().await?,
            Command::Declare { name, hold, .. } => self.declare(entry, name, *hold, params).await?,
            Command::Accepted { tag, warning } => {
                if let Some(warning) = *warning {
                    self.state.notice(Notice::warning("0A000", warning));
                }
                let answer = Answer::Done(Tag::Named(tag.clone()));
                return Ok(Started::Answer(Open::new(answer)));
            }
            other => self.command_at_once(other)?,
        };
        Ok(Started::Answer(Open::done(tag)))
    }

    /// Runs a command that has nothing to wait for; its tag.
    fn command_at_once(&mut self, command: &Command) -> SqlResult<&'static str> {
        match command {
            Command::Set { name, value, local } => self.set(name, value.as_deref(), *local),
            Command::Reset(name) => self.reset(name),
            Command::Begin(modes) => self.begin(modes),
            Command::SetTransaction { modes, session } => self.set_transaction(modes, *session),
            Command::Savepoint(name) => self.savepoint(name),
            Command::Release(name) => self.release(name),
            Command::RollbackTo(name) => self.rollback_to(name),
            Command::Deallocate(name) => self.deallocate(name.as_deref()),
            Command::Close(name) => self.close_cursor(name.as_deref()),
            Command::Discard(what) => self.discard(what),
            other => Err(SqlError::new("XX000", format!("no way to run {other:?}"))),
        }
    }

    fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> SqlResult<&'static str> {
        if local && self.state.transaction == Transaction::Idle {
            let message = "SET LOCAL can only be used in transaction blocks";
            self.state.notice(Notice::warning("25P01", message));
            return Ok("SET");
        }
        self.state.set(name, value, local)?;
        Ok("SET")
    }

    fn reset(&mut self, name: &str) -> SqlResult<&'static str> {
        if name.eq_ignore_ascii_case("all") {
            self.state.settings.reset_all()?;
            self.state.find_namespace();
        } else {
            self.state.set(name, None, false)?;
        }
        Ok("RESET")
    }

    fn show(&mut self, name: &str) -> SqlResult<Open<B::Rows>> {
        let text = |t: &str| Some(Value::String(t.to_string()));
        let settings = &self.state.settings;
        let rows = if name.eq_ignore_ascii_case("all") {
            let row = |(s, value): (&super::settings::Setting, &str)| {
                vec![text(s.name), text(value), text(s.help)]
            };
            settings.all().map(row).collect()
        } else {
            vec![vec![text(settings.show(name)?)]]
        };
        Ok(Open::new(Answer::Values(Tag::Text("SHOW"), rows)))
    }

    fn begin(&mut self, modes: &[(&str, &str)]) -> SqlResult<&'static str> {
        if self.state.transaction == Transaction::Idle {
            self.state.transaction = Transaction::Block;
            // What the message has written before is part of the block.
            self.state.block.get_or_insert_with(|| self.backend.begin());
            self.state.settings.begin();
            let isolation = self.state.settings.get("default_transaction_isolation");
            let isolation = isolation.map(str::to_string);
            self.state.set("transaction_isolation", isolation.as_deref(), true)?;
        } else {
            let message = "there is already a transaction in progress";
            self.state.notice(Notice::warning("25001", message));
        }
        modes.iter().try_for_each(|(name, mode)| self.state.set(name, Some(mode), true))?;
        self.tell_isolation();
        Ok("BEGIN")
    }

    /// Says how far the isolation that was asked for goes.
    fn tell_isolation(&mut self) {
        let level = match self.state.settings.get("transaction_isolation") {
            Some("repeatable read") => "REPEATABLE READ",
            Some("serializable") => "SERIALIZABLE",
            _ => return,
        };
        let message = format!(
            "{level} holds for records that are read by key; a scan sees what others commit \
             meanwhile"
        );
        let hint = "read by key what must stay the same: COMMIT checks it";
        let notice = Notice::warning("01000", message);
        self.state.notice(Notice { hint: Some(hint.to_string()), ..notice });
    }

    fn set_transaction(
        &mut self,
        modes: &[(&str, &str)],
        session: bool,
    ) -> SqlResult<&'static str> {
        if !session && self.state.transaction == Transaction::Idle {
            let message = "SET TRANSACTION can only be used in transaction blocks";
            self.state.notice(Notice::warning("25P01", message));
            return Ok("SET");
        }
        for (name, mode) in modes {
            match session {
                true => self.state.set(&format!("default_{name}"), Some(mode), false)?,
                false => self.state.set(name, Some(mode), true)?,
            }
        }
        if !session && modes.iter().any(|(name, _)| *name == "transaction_isolation") {
            self.tell_isolation();
        }
        Ok("SET")
    }

    /// COMMIT: its error is the end of the block, too.
    async fn commit(&mut self) -> SqlResult<&'static str> {
        if self.state.transaction == Transaction::Failed {
            return self.rollback().await;
        }
        if let Err(error) = self.backend.commit(&self.state).await {
            self.rollback().await?;
            return Err(error);
        }
        Ok(self.end_block(true))
    }

    async fn rollback(&mut self) -> SqlResult<&'static str> {
        let undone = self.backend.rollback(&self.state).await;
        let tag = self.end_block(false);
        undone.map(|()| tag)
    }

    fn end_block(&mut self, commit: bool) -> &'static str {
        if self.state.transaction == Transaction::Idle {
            let message = "there is no transaction in progress";
            self.state.notice(Notice::warning("25P01", message));
            self.state.end_block(commit);
            return if commit { "COMMIT" } else { "ROLLBACK" };
        }
        let commit = commit && self.state.transaction == Transaction::Block;
        if !commit && self.state.done_at_once {
            let message = "what the block declared, truncated or set on the node stays";
            self.state.notice(Notice {
                hint: Some("only the writes of INSERT, UPDATE and DELETE are undone".into()),
                ..Notice::warning("01000", message)
            });
        }
        self.portals.retain(|portal| portal.hold && (commit || !portal.of_block));
        self.portals.each_mut().for_each(|portal| portal.of_block = false);
        self.state.end_block(commit);
        if commit { "COMMIT" } else { "ROLLBACK" }
    }

    /// 25P01 outside a block.
    fn in_block(&self, what: &str) -> SqlResult<()> {
        if self.state.transaction != Transaction::Idle {
            return Ok(());
        }
        let message = format!("{what} can only be used in transaction blocks");
        Err(SqlError::new("25P01", message))
    }

    fn savepoint(&mut self, name: &str) -> SqlResult<&'static str> {
        /// Nobody nests deeper by intent; each one costs memory.
        const MAX: usize = 10_000;
        self.in_block("SAVEPOINT")?;
        if self.state.savepoints.len() >= MAX {
            return Err(SqlError::new("53400", format!("more than {MAX} savepoints")));
        }
        if let Some(block) = &self.state.block {
            self.state.savepoints.push((name.to_string(), block.savepoint()));
        }
        Ok("SAVEPOINT")
    }

    /// Place of the latest savepoint of this name.
    fn find_savepoint(&self, name: &str) -> SqlResult<usize> {
        let place = self.state.savepoints.iter().rposition(|(s, _)| s == name);
        let message = || format!("savepoint \"{name}\" does not exist");
        place.ok_or_else(|| SqlError::new("3B001", message()))
    }

    fn release(&mut self, name: &str) -> SqlResult<&'static str> {
        self.in_block("RELEASE SAVEPOINT")?;
        let place = self.find_savepoint(name)?;
        self.state.savepoints.truncate(place);
        Ok("RELEASE")
    }

    fn rollback_to(&mut self, name: &str) -> SqlResult<&'static str> {
        self.in_block("ROLLBACK TO SAVEPOINT")?;
        let place = self.find_savepoint(name)?;
        self.state.savepoints.truncate(place + 1);
        if let (Some(block), Some((_, savepoint))) =
            (&self.state.block, self.state.savepoints.last())
        {
            block.rollback_to(*savepoint);
        }
        self.state.transaction = Transaction::Block;
        Ok("ROLLBACK")
    }

    async fn prepare_named(
        &mut self,
        name: &str,
        types: &[String],
        text: &str,
    ) -> Result<&'static str, Failure> {
        self.check_new_statement(name)?;
        let declared = types.iter().map(|t| {
            let message = || format!("type \"{t}\" does not exist");
            types::named(t).ok_or_else(|| SqlError::new("42704", message()))
        });
        let declared: Vec<u32> = declared.collect::<SqlResult<_>>()?;
        let mut parsed = self.backend.parse(&self.state, text)?.into_iter();
        let (Some(one), None) = (parsed.next(), parsed.next()) else {
            return Err(SqlError::syntax("PREPARE takes one statement").into());
        };
        let entry = self.prepare(one, &declared).await?;
        if self.command_of(&entry).is_some() {
            let message = "PREPARE takes SELECT, INSERT, UPDATE, DELETE or VALUES";
            return Err(SqlError::syntax(message).into());
        }
        self.statements.insert(name, Arc::new(Own(Arc::new(entry))));
        Ok("PREPARE")
    }

    async fn execute_named(&mut self, name: &str, args: &[Expr]) -> Result<Open<B::Rows>, Failure> {
        let entry = self.statement(name)?.clone();
        if self.command_of(&entry).is_some() {
            let message = format!("prepared statement \"{name}\" is a command of the session");
            return Err(SqlError::unsupported(message).into());
        }
        if args.len() != entry.params.len() {
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail =
                format!("Expected {} parameters but got {}.", entry.params.len(), args.len());
            return Err(SqlError::syntax(message).detail(detail).into());
        }
        let params = self.backend.constants(&self.state, args, &entry.params)?;
        self.start_plan(&entry, params).await
    }

    fn deallocate(&mut self, name: Option<&str>) -> SqlResult<&'static str> {
        match name {
            None => {
                self.statements.clear_named();
                Ok("DEALLOCATE ALL")
            }
            Some(name) => {
                self.statement(name)?;
                self.statements.remove(name);
                Ok("DEALLOCATE")
            }
        }
    }

    async fn declare(
        &mut self,
        entry: &Arc<Entry<B::Statement>>,
        name: &str,
        hold: bool,
        params: Vec<Option<Value>>,
    ) -> Result<&'static str, Failure> {
        if !hold {
            self.in_block("DECLARE CURSOR")?;
        }
        self.check_new_portal(name)?;
        let open = self.start_plan(entry, params).await?;
        let portal = Portal {
            entry: Arc::new(Own(entry.clone())),
            params: Vec::new(),
            formats: Formats::default(),
            of_command: None,
            progress: Progress::Open(open),
            hold,
            of_block: self.state.transaction != Transaction::Idle,
        };
        self.portals.insert(name, portal);
        Ok("DECLARE CURSOR")
    }

    fn close_cursor(&mut self, name: Option<&str>) -> SqlResult<&'static str> {
        match name {
            None => {
                self.portals.clear();
                Ok("CLOSE CURSOR ALL")
            }
            Some(name) => match self.portals.remove(name) {
                Some(_) => Ok("CLOSE CURSOR"),
                None => Err(no_cursor(name)),
            },
        }
    }

    fn discard(&mut self, what: &str) -> SqlResult<&'static str> {
        match what.to_ascii_uppercase().as_str() {
            "PLANS" => Ok("DISCARD PLANS"),
            "SEQUENCES" => Ok("DISCARD SEQUENCES"),
            "TEMP" | "TEMPORARY" => Ok("DISCARD TEMP"),
            _ => {
                if self.state.transaction != Transaction::Idle {
                    let message = "DISCARD ALL cannot run inside a transaction block";
                    return Err(SqlError::new("25001", message));
                }
                self.portals.clear();
                self.deallocate(None)?;
                self.reset("all")?;
                Ok("DISCARD ALL")
            }
        }
    }
}
