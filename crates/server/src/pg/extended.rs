//! The extended protocol: Parse, Bind, Describe, Execute, Close.

use std::borrow::Cow;
use std::sync::Arc;

use sql::plan::Session as Command;
use sql::{SqlError, SqlResult};

use super::backend::{Backend, Field, Tag, Writes};
use super::frontend::{Bind, Target, protocol};
use super::params;
use super::portal::{Entry, Open, Own, Portal, Progress};
use super::rows::{Formats, check_formats};
use super::session::{Session, Started, block_failed};
use super::settings::Settings;
use super::state::Transaction;
use super::wire::Failure;

impl<B: Backend> Session<B> {
    /// Parse.
    pub(crate) async fn parse(
        &mut self,
        name: &str,
        text: &str,
        types: Vec<u32>,
    ) -> Result<(), Failure> {
        self.check_new_statement(name)?;
        if name.is_empty() {
            self.statements.remove("");
        }
        self.guard.begin(self.state.settings.hot().statement_timeout);
        let entry = match self.plans.get(&self.backend, &self.state, text, &types) {
            Some(entry) => {
                self.check_block(&entry)?;
                entry
            }
            None => self.planned(text, &types).await?,
        };
        self.statements.insert(name, Arc::new(Own(entry)));
        self.wire.bare(b'1');
        Ok(())
    }

    async fn planned(
        &mut self,
        text: &str,
        types: &[u32],
    ) -> Result<Arc<Entry<B::Statement>>, Failure> {
        let mut parsed = self.backend.parse(&self.state, text)?.into_iter();
        match (parsed.next(), parsed.next()) {
            (None, _) => Ok(Arc::new(Entry::empty())),
            (Some(one), None) => {
                let entry = Arc::new(self.prepare(one, types).await?);
                self.plans.keep(&self.backend, &self.state, text, types, &entry);
                Ok(entry)
            }
            _ => {
                let message = "cannot insert multiple commands into a prepared statement";
                Err(SqlError::syntax(message).into())
            }
        }
    }

    /// Whether a statement of this name may be made.
    pub(crate) fn check_new_statement(&self, name: &str) -> SqlResult<()> {
        if name.is_empty() {
            return Ok(());
        }
        if self.statements.get(name).is_some() {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new("42P05", message));
        }
        let max = self.options.max_statements;
        if self.statements.named() < max {
            return Ok(());
        }
        let message = format!("this session holds {max} prepared statements, which is the limit");
        Err(SqlError::new("53400", message).hint("DEALLOCATE those that are no longer needed"))
    }

    /// Whether a portal or cursor of this name may be made.
    pub(crate) fn check_new_portal(&self, name: &str) -> SqlResult<()> {
        if name.is_empty() {
            return Ok(());
        }
        if self.portals.get(name).is_some() {
            return Err(SqlError::new("42P03", format!("cursor \"{name}\" already exists")));
        }
        let max = self.options.max_portals;
        if self.portals.named() < max {
            return Ok(());
        }
        let message = format!("this session holds {max} portals and cursors, which is the limit");
        Err(SqlError::new("53400", message).hint("CLOSE those that are no longer needed"))
    }

    pub(crate) fn statement(&self, name: &str) -> SqlResult<&Arc<Own<B::Statement>>> {
        self.statements.get(name).ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_string(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            SqlError::new("26000", message)
        })
    }

    /// Bind.
    pub(crate) fn bind(&mut self, bind: Bind<'_>) -> SqlResult<()> {
        let entry = self.statement(bind.statement)?.clone();
        self.check_block(&entry)?;
        self.check_new_portal(bind.portal)?;
        let params = bound_values(&entry, &bind)?;
        let columns = self.columns_of(&entry);
        let formats = match &columns {
            Some(columns) => Formats::new(bind.results, columns.len())?,
            None => Formats::default(),
        };
        let is_command = self.command_of(&entry).is_some();
        let of_command = is_command.then(|| columns.map(Cow::into_owned));
        let portal = Portal {
            entry,
            params,
            formats,
            of_command,
            progress: Progress::Fresh,
            hold: false,
            of_block: self.state.transaction != Transaction::Idle,
        };
        self.portals.insert(bind.portal, portal);
        self.wire.bare(b'2');
        Ok(())
    }

    /// Columns of the rows that a statement will give.
    pub(crate) fn columns_of<'a>(
        &self,
        entry: &'a Entry<B::Statement>,
    ) -> Option<Cow<'a, [Field]>> {
        let text = |name| Field::new(name, model::ColumnType::Text);
        let cloned = |columns: &Option<Vec<Field>>| columns.clone().map(Cow::Owned);
        match self.command_of(entry) {
            None => entry.columns.as_deref().map(Cow::Borrowed),
            Some(Command::Show(name)) if name.eq_ignore_ascii_case("all") => {
                Some(Cow::Owned(["name", "setting", "description"].map(text).to_vec()))
            }
            Some(Command::Show(name)) => Some(Cow::Owned(vec![Field::new(
                Settings::canonical(name),
                model::ColumnType::Text,
            )])),
            Some(Command::Fetch { name, skip: false, .. }) => {
                self.portals.get(name).and_then(|cursor| cloned(&cursor.entry.columns))
            }
            Some(Command::Execute { name, .. }) => {
                self.statements.get(name).and_then(|inner| cloned(&inner.columns))
            }
            Some(_) => None,
        }
    }

    /// Describe.
    pub(crate) fn describe(&mut self, target: Target<'_>) -> SqlResult<()> {
        let failed = self.state.transaction == Transaction::Failed;
        match target {
            Target::Statement(name) => {
                let entry = self.statement(name)?.clone();
                self.wire.parameter_description(&entry.param_oids);
                match self.columns_of(&entry) {
                    Some(_) if failed => return Err(block_failed()),
                    Some(columns) => self.wire.row_description(&columns, |_| 0),
                    None => self.wire.bare(b'n'),
                }
            }
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                match portal.columns() {
                    Some(_) if failed => return Err(block_failed()),
                    Some(columns) => match portal.formats {
                        Formats::All(format) if portal.of_command.is_none() => {
                            self.wire.out.extend_from_slice(portal.entry.description(format));
                        }
                        _ => self.wire.row_description(columns, |i| portal.formats.of(i)),
                    },
                    None => self.wire.bare(b'n'),
                }
            }
        }
        Ok(())
    }

    /// Execute: runs a portal on, `max_rows` rows at most unless that is 0.
    pub(crate) async fn execute(&mut self, name: &str, max_rows: u32) -> Result<(), Failure> {
        let entry = self.portals.get(name).ok_or_else(|| no_portal(name))?.entry.clone();
        self.check_block(&entry)?;
        self.guard.begin(self.state.settings.hot().statement_timeout);
        if max_rows == 0 && self.execute_get(name, &entry).await? {
            return Ok(());
        }
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        if entry.statement.is_none() {
            self.wire.bare(b'I');
            self.portals.insert(name, portal);
            return Ok(());
        }
        let limit = if max_rows == 0 { u64::MAX } else { u64::from(max_rows) };
        let progress = std::mem::replace(&mut portal.progress, Progress::Done);
        let open = match progress {
            Progress::Open(open) => open,
            Progress::Done => self.run_again(&entry, name)?,
            Progress::Fresh => {
                let params = std::mem::take(&mut portal.params);
                match self.start(&entry, params).await? {
                    Started::Answer(open) => open,
                    Started::CopyIn(copy) => {
                        self.receive(&entry, copy, None);
                        self.portals.insert(name, portal);
                        return Ok(());
                    }
                    Started::CopyOut(copy) => {
                        self.send_copy(copy).await?;
                        self.portals.insert(name, portal);
                        return Ok(());
                    }
                    Started::Fetch { name: cursor, count, skip } => {
                        self.fetch(&cursor, count, skip, &portal.formats).await?;
                        self.portals.insert(name, portal);
                        return Ok(());
                    }
                }
            }
        };
        portal.progress = self.proceed(&mut portal, open, limit).await?;
        // A DECLARE may have taken the name for its cursor.
        self.portals.insert_if_free(name, portal);
        Ok(())
    }

    /// Runs a portal to its end if it reads by key; `false` if it does not.
    async fn execute_get(
        &mut self,
        name: &str,
        entry: &Entry<B::Statement>,
    ) -> Result<bool, Failure> {
        let Some(columns) = &entry.columns else { return Ok(false) };
        let Some(Portal { progress: progress @ Progress::Fresh, params, formats, .. }) =
            self.portals.get_mut(name)
        else {
            return Ok(false);
        };
        *progress = Progress::Done;
        let (params, formats) = (std::mem::take(params), formats.clone());
        if let Some(found) = self.find(entry, &params).await? {
            self.put_found(&found, &params, columns, &formats)?;
            return Ok(true);
        }
        if let Some(portal) = self.portals.get_mut(name) {
            (portal.progress, portal.params) = (Progress::Fresh, params);
        }
        Ok(false)
    }

    async fn proceed(
        &mut self,
        portal: &mut Portal<B>,
        mut open: Open<B::Rows>,
        limit: u64,
    ) -> Result<Progress<B::Rows>, Failure> {
        let columns = portal.columns().unwrap_or_default();
        let (count, finished) =
            self.pump(&mut open, columns, &portal.formats, limit, false).await?;
        if finished {
            self.complete(&open.tag, count);
            return Ok(Progress::Done);
        }
        self.tell_notices();
        self.wire.bare(b's');
        Ok(Progress::Open(open))
    }

    /// A portal that was run to its end gives no more rows; one that never gave any cannot run
    /// twice.
    fn run_again(&self, entry: &Entry<B::Statement>, name: &str) -> SqlResult<Open<B::Rows>> {
        if self.command_of(entry).is_none() && entry.columns.is_some() {
            let statement = entry.statement.as_deref();
            if statement.is_none_or(|s| self.backend.writes(s) == Writes::Nothing) {
                return Ok(Open::new(super::backend::Answer::Done(Tag::Rows("SELECT"))));
            }
        }
        Err(SqlError::new("55000", format!("portal \"{name}\" cannot be run")))
    }

    /// Close. What is not there is closed already.
    pub(crate) fn close(&mut self, target: Target<'_>) {
        match target {
            Target::Statement(name) => drop(self.statements.remove(name)),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
        self.wire.bare(b'3');
    }
}

fn no_portal(name: &str) -> SqlError {
    SqlError::new("34000", format!("portal \"{name}\" does not exist"))
}

/// The parameters of a Bind in the form that the plan wants.
fn bound_values<S>(entry: &Entry<S>, bind: &Bind<'_>) -> SqlResult<Vec<Option<model::Value>>> {
    let given = bind.values.len();
    if bind.formats.len() > 1 && bind.formats.len() != given {
        let formats = bind.formats.len();
        let message =
            format!("bind message has {formats} parameter formats but {given} parameters");
        return Err(protocol(message));
    }
    check_formats(bind.formats)?;
    if given != entry.params.len() {
        let (name, wanted) = (bind.statement, entry.params.len());
        return Err(protocol(format!(
            "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {wanted}"
        )));
    }
    let mut formats = bind.formats.iter();
    let mut format = 0;
    let mut values = Vec::with_capacity(given);
    let wanted = entry.param_oids.iter().zip(&entry.params);
    for (bytes, (oid, planned)) in bind.values.iter().zip(wanted) {
        // The last format counts for all that follow: there is one for each or one for all.
        format = formats.next().unwrap_or(format);
        values.push(match bytes {
            None => None,
            Some(bytes) => Some(
                params::decode(*oid, *planned, format == 1, bytes)
                    .map_err(|e| e.detail(format!("parameter ${}", values.len() + 1)))?,
            ),
        });
    }
    Ok(values)
}
