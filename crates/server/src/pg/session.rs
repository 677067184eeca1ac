//! One connection after start-up: the message loop.
//!
//! 1. Read what the socket has.
//! 2. Take every whole message from it, one after the other: [`Session::simple`] for Query, the
//!    extended protocol in `extended.rs`, the session's own commands in `command.rs`.
//! 3. Replies gather in the output buffer; when the input is drained they leave in one write.
//!
//! Always true: an error in an extended message is followed by nothing until Sync; ReadyForQuery
//! tells where the transaction block stands; statements run one at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use bytes::{Buf, BytesMut};
use model::Value;
use sql::{SqlError, SqlResult};

use super::Options;
use super::backend::{
    Answer, Backend, Chunk, CopyIn, CopyOut, Field, Found, Notice, RowSource, Tag, Writes,
};
use super::cache::{Plans, Template};
use super::copy::Receiving;
use super::frontend::{Message, decode, frame};
use super::guard::Guard;
use super::names::Names;
use super::portal::{Entry, Open, Own, Portal, Progress};
use super::rows::{Formats, put_row};
use super::state::{SessionState, Transaction};
use super::wire::{Failure, Wire};

/// One client's session.
pub(crate) struct Session<B: Backend> {
    pub(crate) backend: Arc<B>,
    pub(crate) plans: Arc<Plans<B>>,
    pub(crate) options: Options,
    pub(crate) wire: Wire,
    pub(crate) state: SessionState,
    pub(crate) guard: Guard,
    pub(crate) statements: Names<Arc<Own<B::Statement>>>,
    /// Cursors too.
    pub(crate) portals: Names<Portal<B>>,
    /// Whether an error waits for Sync.
    pub(crate) skipping: bool,
    /// The COPY that takes the client's rows.
    pub(crate) receiving: Option<Receiving<B>>,
    /// Whether more follows that belongs to the transaction of the statement at hand: statements of
    /// the same Query, messages before the Sync.
    pub(crate) more_follows: bool,
}

/// What a statement began.
pub(crate) enum Started<R> {
    /// An answer of its own.
    Answer(Open<R>),
    /// Rows of a cursor: FETCH, MOVE.
    Fetch { name: String, count: u64, skip: bool },
    /// COPY FROM STDIN.
    CopyIn(CopyIn),
    /// COPY TO STDOUT.
    CopyOut(CopyOut<R>),
}

impl<B: Backend> Session<B> {
    pub(crate) fn new(
        backend: Arc<B>,
        plans: Arc<Plans<B>>,
        options: Options,
        wire: Wire,
        state: SessionState,
        guard: Guard,
    ) -> Session<B> {
        let (statements, portals) = (Names::default(), Names::default());
        Session {
            backend,
            plans,
            options,
            wire,
            state,
            guard,
            statements,
            portals,
            skipping: false,
            receiving: None,
            more_follows: false,
        }
    }

    /// Serves until the session ends, and says why.
    pub(crate) async fn run(&mut self, mut input: BytesMut) -> Failure {
        loop {
            match self.drain(&input).await {
                Ok(used) => input.advance(used),
                Err(failure) => return failure,
            }
            if let Err(failure) = self.wait(&mut input).await {
                return failure;
            }
        }
    }

    /// Handles every whole message of the input; how many bytes they were.
    async fn drain(&mut self, input: &[u8]) -> Result<usize, Failure> {
        let mut used = 0;
        while let Some(rest) = input.get(used..)
            && let Some(length) = frame(rest, self.options.max_message).map_err(Failure::Fatal)?
            && let Some(message) = rest.get(..length)
        {
            match self.at_once(message) {
                Some(handled) => handled?,
                None => {
                    self.more_follows = rest.get(length) != Some(&b'S');
                    self.message(message).await?;
                }
            }
            self.wire.flush_if_full().await?;
            used += length;
        }
        Ok(used)
    }

    /// Sends the replies and waits for input.
    async fn wait(&mut self, input: &mut BytesMut) -> Result<(), Failure> {
        self.wire.flush().await?;
        if self.receiving.is_some() {
            // A client that makes rows is not idle.
            return self.wire.read(input).await;
        }
        let hot = self.state.settings.hot();
        let (limit, error) = match self.state.transaction {
            Transaction::Idle if self.state.block.is_none() => (
                hot.idle_session_timeout,
                ("57P05", "terminating connection due to idle-session timeout"),
            ),
            _ => (
                hot.idle_in_transaction_timeout,
                ("25P03", "terminating connection due to idle-in-transaction timeout"),
            ),
        };
        if limit == Duration::ZERO {
            return self.wire.read(input).await;
        }
        match tokio::time::timeout(limit, self.wire.read(input)).await {
            Ok(read) => read,
            Err(_) => Err(Failure::Fatal(SqlError::new(error.0, error.1))),
        }
    }

    /// Handles a message that never waits; `None` if it may.
    fn at_once(&mut self, bytes: &[u8]) -> Option<Result<(), Failure>> {
        let kind = bytes.first().copied().unwrap_or(0);
        if self.skipping && !matches!(kind, b'S' | b'X') {
            return Some(Ok(()));
        }
        if self.receiving.is_some() || !matches!(kind, b'B' | b'D' | b'C' | b'S' | b'H') {
            return None;
        }
        if kind == b'S' && self.state.implicit_block() {
            return None;
        }
        let handled = decode(bytes).and_then(|message| {
            match message {
                Message::Bind(bind) => self.bind(bind)?,
                Message::Describe(target) => self.describe(target)?,
                Message::Close(target) => self.close(target),
                Message::Sync => {
                    self.skipping = false;
                    self.ready();
                }
                _ => self.wire.mark_finished(),
            }
            Ok(())
        });
        Some(match handled {
            Err(Failure::Statement(error)) => {
                self.fail(&error);
                self.skipping = true;
                Ok(())
            }
            handled => handled,
        })
    }

    /// Handles a message that may have to wait.
    async fn message(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let kind = bytes.first().copied().unwrap_or(0);
        // A COPY is one statement: what ends it may come while it waits for its rows.
        let handled = match self.receiving {
            Some(_) => self.received(bytes).await,
            None => {
                self.guard.arm();
                self.dispatch(bytes).await
            }
        };
        if self.receiving.is_none() {
            self.guard.disarm();
        }
        let Err(Failure::Statement(error)) = handled else { return handled };
        self.fail(&error);
        match kind {
            b'Q' | b'F' | b'c' => self.failed_round().await,
            b'S' => self.ready(),
            _ => self.skipping = true,
        }
        Ok(())
    }

    async fn dispatch(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match decode(bytes)? {
            Message::Query(text) => self.simple(text).await,
            Message::Parse { name, text, types } => self.parse(name, text, types).await,
            Message::Execute { portal, max_rows } => self.execute(portal, max_rows).await,
            Message::Sync => {
                let failed = std::mem::take(&mut self.skipping);
                self.end_implicit_block(!failed).await?;
                self.ready();
                Ok(())
            }
            Message::Terminate => {
                // It may have come along with what the answers before are to.
                self.wire.flush().await?;
                Err(Failure::Gone)
            }
            Message::FunctionCall => {
                Err(SqlError::unsupported("the function call protocol is not supported")
                    .hint("call the function with SELECT")
                    .into())
            }
            // Rows of a COPY that was refused; the others are handled at once.
            _ => Ok(()),
        }
    }

    /// Tells an error; a transaction block that it happens in is over.
    pub(crate) fn fail(&mut self, error: &SqlError) {
        self.tell_notices();
        self.wire.error("ERROR", error);
        if self.state.transaction == Transaction::Block {
            self.state.transaction = Transaction::Failed;
        }
    }

    /// Ends a round that an error has ended, and with it what its statements share.
    pub(crate) async fn failed_round(&mut self) {
        if self.state.implicit_block() {
            self.abandon().await;
        }
        self.ready();
    }

    /// Ends a round: outside a block no portal outlives it.
    pub(crate) fn ready(&mut self) {
        if self.state.transaction == Transaction::Idle {
            self.portals.retain(|portal| portal.hold);
        }
        if self.state.settings.has_changes() {
            for (name, value) in self.state.settings.take_changes() {
                self.wire.parameter_status(name, &value);
            }
        }
        self.wire.ready(self.state.transaction);
    }

    pub(crate) fn tell_notices(&mut self) {
        for notice in self.state.take_notices() {
            self.tell(&notice);
        }
    }

    fn tell(&mut self, notice: &Notice) {
        if self.state.settings.wants(notice.severity) {
            self.wire.notice(notice);
        }
    }

    /// A Query message: every statement of the text, up to the first error.
    async fn simple(&mut self, text: &str) -> Result<(), Failure> {
        self.statements.remove("");
        self.portals.remove("");
        self.guard.begin(self.state.settings.hot().statement_timeout);
        if let Some(entry) = self.plans.get(&self.backend, &self.state, text, &[]) {
            self.check_block(&entry)?;
            return self.simple_alone(entry, Vec::new()).await;
        }
        if let Some((entry, values)) = self.of_template(text).await? {
            return self.simple_alone(entry, values).await;
        }
        let mut parsed = self.backend.parse(&self.state, text)?.into_iter();
        match parsed.len() {
            0 => self.wire.bare(b'I'),
            1 => {
                if let Some(alone) = parsed.next() {
                    let entry = Arc::new(self.prepare(alone, &[]).await?);
                    self.plans.keep(&self.backend, &self.state, text, &[], &entry);
                    return self.simple_alone(entry, Vec::new()).await;
                }
            }
            _ => {}
        }
        self.simple_rest(parsed).await
    }

    /// The plan that the text shares with those that have other literals, and the values of its own.
    async fn of_template(
        &mut self,
        text: &str,
    ) -> Result<Option<(Arc<Entry<B::Statement>>, Vec<Option<Value>>)>, Failure> {
        let lifted = match self.plans.template(&self.backend, &self.state, text) {
            Template::Known(entry, values) => {
                self.check_block(&entry)?;
                return Ok(Some((entry, values)));
            }
            Template::New(lifted) => lifted,
            Template::None => return Ok(None),
        };
        let mut parsed = self.backend.parse(&self.state, &lifted.template).unwrap_or_default();
        let entry = match parsed.pop() {
            Some(alone) if parsed.is_empty() => match self.prepare(alone, &[]).await {
                Ok(entry) => Some(Arc::new(entry)),
                // The text itself will say what is wrong with it.
                Err(Failure::Statement(_)) => None,
                Err(failure) => return Err(failure),
            },
            _ => None,
        };
        let values = self.plans.keep_template(&self.backend, &self.state, &lifted, entry.as_ref());
        Ok(entry.zip(values))
    }

    /// Runs the only statement of a Query message.
    async fn simple_alone(
        &mut self,
        entry: Arc<Entry<B::Statement>>,
        params: Vec<Option<Value>>,
    ) -> Result<(), Failure> {
        self.more_follows = false;
        if let Some(copy) = self.simple_one(&entry, params).await? {
            self.receive(&entry, copy, Some(Vec::new().into_iter()));
            return Ok(());
        }
        self.ready();
        Ok(())
    }

    /// Runs these statements, as far as the first that asks for rows.
    pub(crate) async fn simple_rest(
        &mut self,
        mut parsed: vec::IntoIter<B::Parsed>,
    ) -> Result<(), Failure> {
        while let Some(statement) = parsed.next() {
            self.more_follows = !parsed.as_slice().is_empty();
            self.guard.begin(self.state.settings.hot().statement_timeout);
            let entry = Arc::new(self.prepare(statement, &[]).await?);
            if let Some(copy) = self.simple_one(&entry, Vec::new()).await? {
                self.receive(&entry, copy, Some(parsed));
                return Ok(());
            }
        }
        self.end_implicit_block(true).await?;
        self.ready();
        Ok(())
    }

    /// Runs a statement and gives its rows, or the COPY that asks for some.
    async fn simple_one(
        &mut self,
        entry: &Arc<Entry<B::Statement>>,
        params: Vec<Option<Value>>,
    ) -> Result<Option<CopyIn>, Failure> {
        if entry.params.len() != params.len() {
            let error = SqlError::new("42P02", "there is no parameter $1");
            return Err(error.hint("prepare the statement, or write the value in it").into());
        }
        if let Some(columns) = &entry.columns
            && let Some(found) = self.find(entry, &params).await?
        {
            self.wire.out.extend_from_slice(entry.description(0));
            self.put_found(&found, &params, columns, &Formats::default())?;
            return Ok(None);
        }
        let started = match self.start(entry, params).await? {
            Started::CopyIn(copy) => return Ok(Some(copy)),
            started => started,
        };
        if let Some(columns) = self.columns_of(entry) {
            self.wire.row_description(&columns, |_| 0);
        }
        self.finish(entry, started).await?;
        Ok(None)
    }

    /// Plans one statement, unless the transaction block has failed and it is not its end.
    pub(crate) async fn prepare(
        &mut self,
        parsed: B::Parsed,
        declared: &[u32],
    ) -> Result<Entry<B::Statement>, Failure> {
        let work = pin!(self.backend.prepare(&self.state, parsed, declared));
        let failed = self.state.transaction == Transaction::Failed;
        match self.guard.run(&mut self.wire, work).await {
            Err(Failure::Statement(e)) if failed && e.sqlstate != "42601" => {
                Err(block_failed().into())
            }
            prepared => {
                let entry = Entry::new(prepared?, declared);
                self.check_block(&entry)?;
                Ok(entry)
            }
        }
    }

    /// 25P02 unless the statement may run where the transaction block stands.
    pub(crate) fn check_block(&self, entry: &Entry<B::Statement>) -> SqlResult<()> {
        if self.state.transaction != Transaction::Failed {
            return Ok(());
        }
        use sql::plan::Session::{Commit, Rollback, RollbackTo};
        match self.command_of(entry) {
            Some(Commit | Rollback | RollbackTo(_)) => Ok(()),
            _ if entry.statement.is_none() => Ok(()),
            _ => Err(block_failed()),
        }
    }

    pub(crate) fn command_of<'a>(
        &self,
        entry: &'a Entry<B::Statement>,
    ) -> Option<&'a sql::plan::Session> {
        entry.statement.as_deref().and_then(|statement| self.backend.session(statement))
    }

    /// Undoes the open block, whose client has gone or whose message has failed.
    pub(crate) async fn abandon(&mut self) {
        if self.state.block.is_some()
            && let Err(error) = self.backend.rollback(&self.state).await
        {
            tracing::warn!("a block could not be undone: {error}");
        }
        self.state.end_block(false);
    }

    /// Ends the block that statements of one message, or up to one Sync, share, if there is one.
    pub(crate) async fn end_implicit_block(&mut self, commit: bool) -> SqlResult<()> {
        if !self.state.implicit_block() {
            return Ok(());
        }
        let committed = if commit { self.backend.commit(&self.state).await } else { Ok(()) };
        if commit && committed.is_ok() {
            self.state.end_block(true);
        } else {
            self.abandon().await;
        }
        committed
    }

    /// Begins a statement.
    pub(crate) async fn start(
        &mut self,
        entry: &Arc<Entry<B::Statement>>,
        params: Vec<Option<Value>>,
    ) -> Result<Started<B::Rows>, Failure> {
        match self.command_of(entry) {
            Some(command) => self.command(entry, command, params).await,
            None => Ok(match self.run_plan(entry, params).await? {
                Answer::CopyIn(copy) => Started::CopyIn(copy),
                Answer::CopyOut(copy) => Started::CopyOut(copy),
                answer => Started::Answer(Open::new(answer)),
            }),
        }
    }

    /// Looks up the records of a statement that reads by key, if it is one.
    pub(crate) async fn find<'s>(
        &mut self,
        entry: &'s Entry<B::Statement>,
        params: &[Option<Value>],
    ) -> Result<Option<B::Found<'s>>, Failure> {
        let Some(statement) = &entry.statement else { return Ok(None) };
        let work = pin!(self.backend.find(&self.state, statement, params));
        self.guard.run(&mut self.wire, work).await
    }

    /// Gives the rows of records that were found by key, and completes them.
    pub(crate) fn put_found(
        &mut self,
        found: &B::Found<'_>,
        params: &[Option<Value>],
        columns: &[Field],
        formats: &Formats,
    ) -> SqlResult<()> {
        let out = &mut self.wire.out;
        let count = found.each(params, |row| put_row(out, columns, formats, row))?;
        self.complete(&Tag::Rows("SELECT"), count);
        Ok(())
    }

    /// Begins a statement that the backend runs and that gives rows or nothing.
    pub(crate) async fn start_plan(
        &mut self,
        entry: &Entry<B::Statement>,
        params: Vec<Option<Value>>,
    ) -> Result<Open<B::Rows>, Failure> {
        match self.run_plan(entry, params).await? {
            Answer::CopyIn(_) | Answer::CopyOut(_) => {
                Err(SqlError::unsupported("COPY runs as a statement of its own").into())
            }
            answer => Ok(Open::new(answer)),
        }
    }

    async fn run_plan(
        &mut self,
        entry: &Entry<B::Statement>,
        params: Vec<Option<Value>>,
    ) -> Result<Answer<B::Rows>, Failure> {
        let Some(statement) = &entry.statement else { return Ok(Answer::Done(Tag::Text(""))) };
        let writes = self.backend.writes(statement);
        if writes != Writes::Nothing {
            if self.state.settings.hot().read_only {
                let message = "cannot write in a read-only transaction";
                return Err(SqlError::new("25006", message).into());
            }
            let at_once = writes == Writes::AtOnce;
            self.state.done_at_once |= at_once && self.state.transaction == Transaction::Block;
            if at_once {
                // It may need what was written before, and nothing brings back what it does.
                self.end_implicit_block(true).await?;
            }
        }
        let opens = writes == Writes::InBlock && self.more_follows && self.state.block.is_none();
        if opens {
            self.state.block = Some(self.backend.begin());
        }
        let answer = {
            let work = pin!(self.backend.execute(&mut self.state, statement, params));
            self.guard.run(&mut self.wire, work).await?
        };
        if opens && matches!(answer, Answer::CopyIn(_)) {
            // It may bring more than a block can hold.
            self.state.end_block(true);
        }
        Ok(answer)
    }

    /// Gives every row of what was started, in text, and completes it.
    async fn finish(
        &mut self,
        entry: &Entry<B::Statement>,
        started: Started<B::Rows>,
    ) -> Result<(), Failure> {
        let text = Formats::default();
        match started {
            Started::Answer(mut open) => {
                let columns = self.columns_of(entry).unwrap_or_default();
                let (count, _) = self.pump(&mut open, &columns, &text, u64::MAX, false).await?;
                self.complete(&open.tag, count);
                Ok(())
            }
            Started::Fetch { name, count, skip } => self.fetch(&name, count, skip, &text).await,
            Started::CopyOut(copy) => self.send_copy(copy).await,
            // Asked for by whoever started it.
            Started::CopyIn(_) => Ok(()),
        }
    }

    /// CommandComplete, and before it what there is to tell.
    pub(crate) fn complete(&mut self, tag: &Tag, count: u64) {
        self.tell_notices();
        match tag {
            Tag::Text("") => self.wire.bare(b'I'),
            tag => self.wire.complete(tag, count),
        }
    }

    /// Gives rows, `limit` at most; how many they were and whether these were all.
    pub(crate) async fn pump(
        &mut self,
        open: &mut Open<B::Rows>,
        columns: &[Field],
        formats: &Formats,
        limit: u64,
        skip: bool,
    ) -> Result<(u64, bool), Failure> {
        let mut count = 0;
        while count < limit {
            let out = if skip { None } else { Some(&mut self.wire.out) };
            if open.put_next(out, columns, formats)? {
                count += 1;
                self.wire.flush_if_full().await?;
                continue;
            }
            if !self.refill(open).await? {
                return Ok((count, true));
            }
        }
        Ok((count, false))
    }

    /// Waits for what the stream of an answer gives next; `false` where nothing is to come.
    pub(crate) async fn refill(&mut self, open: &mut Open<B::Rows>) -> Result<bool, Failure> {
        let Some(stream) = &mut open.stream else { return Ok(false) };
        tokio::task::consume_budget().await;
        let next = self.guard.run(&mut self.wire, pin!(stream.next())).await?;
        match next {
            Some(Chunk::Notice(notice)) => self.tell(&notice),
            Some(chunk) => open.refill(chunk)?,
            None => open.stream = None,
        }
        Ok(true)
    }

    /// FETCH and MOVE: rows of a cursor, in the formats of who asks.
    pub(crate) async fn fetch(
        &mut self,
        name: &str,
        limit: u64,
        skip: bool,
        formats: &Formats,
    ) -> Result<(), Failure> {
        let Some(mut cursor) = self.portals.remove(name) else {
            return Err(no_cursor(name).into());
        };
        let mut count = 0;
        if let Progress::Open(open) = &mut cursor.progress {
            let columns = cursor.entry.columns.as_deref().unwrap_or_default();
            let finished;
            (count, finished) = self.pump(open, columns, formats, limit, skip).await?;
            if finished {
                cursor.progress = Progress::Done;
            }
        }
        self.portals.insert(name, cursor);
        self.complete(&Tag::Rows(if skip { "MOVE" } else { "FETCH" }), count);
        Ok(())
    }
}

/// 25P02.
pub(crate) fn block_failed() -> SqlError {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    SqlError::new("25P02", message)
}

/// 34000.
pub(crate) fn no_cursor(name: &str) -> SqlError {
    SqlError::new("34000", format!("cursor \"{name}\" does not exist"))
}
