//! COPY on the wire.
//!
//! In: the statement answers with the columns that it wants; every CopyData of the client goes
//! through a [`Decoder`], and the rows go to the backend in batches, so that a load of any size
//! takes little memory. Out: the rows of a query as CopyData, with the back-pressure of any answer.
//!
//! While rows come in, Sync and Flush mean nothing, as PostgreSQL has it; after an error the rest of
//! the client's rows is read over.

mod decode;
mod encode;
mod place;

use std::pin::pin;
use std::sync::Arc;
use std::vec;

use sql::plan::CopyFormat;
use sql::{SqlError, SqlResult};

use super::backend::{Backend, CopyIn, CopyOut, Tag};
use super::frontend::{HEADER, protocol};
use super::params;
use super::portal::{Entry, Open};
use super::rows::Formats;
use super::session::Session;
use super::wire::Failure;
use decode::Decoder;
use encode::Encoder;
use place::Line;

/// Rows that the backend is given at once.
const BATCH: usize = 1_000;

/// A COPY FROM STDIN that waits for rows.
pub(crate) struct Receiving<B: Backend> {
    entry: Arc<Entry<B::Statement>>,
    copy: CopyIn,
    decoder: Decoder,
    rows: Vec<super::Row>,
    /// Where those rows came from.
    lines: Vec<Line>,
    stored: u64,
    /// Statements of the same text that come after it; `None` in the extended protocol.
    rest: Option<vec::IntoIter<B::Parsed>>,
}

impl<B: Backend> Session<B> {
    /// Asks the client for rows.
    pub(crate) fn receive(
        &mut self,
        entry: &Arc<Entry<B::Statement>>,
        copy: CopyIn,
        rest: Option<vec::IntoIter<B::Parsed>>,
    ) {
        let format = u16::from(copy.options.format == CopyFormat::Binary);
        self.wire.copy_response(b'G', format, copy.columns.len());
        self.wire.mark_finished();
        let decoder = Decoder::new(&copy.options, copy.columns.iter().map(|c| c.name.clone()));
        let (entry, rows, lines) = (entry.clone(), Vec::new(), Vec::new());
        self.receiving = Some(Receiving { entry, copy, decoder, rows, lines, stored: 0, rest });
    }

    /// A message while rows are expected.
    pub(crate) async fn received(&mut self, message: &[u8]) -> Result<(), Failure> {
        let Some(mut receiving) = self.receiving.take() else { return Ok(()) };
        let body = message.get(HEADER..).unwrap_or_default();
        let simple = receiving.rest.is_some();
        let handled = match message.first() {
            Some(b'd') => self.rows_received(&mut receiving, body).await,
            Some(b'S' | b'H') => Ok(()),
            Some(b'c') => return self.all_received(receiving).await,
            Some(b'X') => return Err(Failure::Gone),
            Some(b'f') => {
                let reason = body.strip_suffix(&[0]).unwrap_or(body);
                let reason = String::from_utf8_lossy(reason);
                Err(SqlError::new("57014", format!("COPY from stdin failed: {reason}")).into())
            }
            _ => Err(protocol("unexpected message type during COPY from stdin").into()),
        };
        match handled {
            Ok(()) => {
                self.receiving = Some(receiving);
                Ok(())
            }
            Err(Failure::Statement(error)) => {
                self.copy_failed(&receiving.copy, receiving.stored, error, simple).await;
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    async fn all_received(&mut self, mut receiving: Receiving<B>) -> Result<(), Failure> {
        let simple = receiving.rest.is_some();
        receiving.decoder.finish();
        match self.take_rows(&mut receiving, 1).await {
            Err(Failure::Statement(error)) => {
                self.copy_failed(&receiving.copy, receiving.stored, error, simple).await;
                return Ok(());
            }
            last => last?,
        }
        self.complete(&Tag::Count("COPY", receiving.stored), 0);
        match receiving.rest {
            Some(rest) => self.simple_rest(rest).await,
            None => Ok(()),
        }
    }

    async fn copy_failed(&mut self, copy: &CopyIn, stored: u64, error: SqlError, simple: bool) {
        let error = match (stored, self.state.block.is_some()) {
            (1.., false) => partly_stored(error, copy, stored),
            _ => error,
        };
        self.fail(&error);
        if simple {
            self.failed_round().await;
        } else {
            self.skipping = true;
        }
    }

    async fn rows_received(
        &mut self,
        receiving: &mut Receiving<B>,
        data: &[u8],
    ) -> Result<(), Failure> {
        self.guard.check()?;
        let pushed = receiving.decoder.push(data);
        pushed.map_err(|e| receiving.decoder.take_line().number(e, &receiving.copy.table))?;
        self.take_rows(receiving, BATCH).await
    }

    /// Decodes what is there, and gives rows to the backend as soon as there are `enough`.
    async fn take_rows(
        &mut self,
        receiving: &mut Receiving<B>,
        enough: usize,
    ) -> Result<(), Failure> {
        loop {
            let more = receiving.next()?;
            let full = receiving.rows.len() >= if more { BATCH } else { enough };
            if full {
                let rows = std::mem::take(&mut receiving.rows);
                let lines = std::mem::take(&mut receiving.lines);
                let Some(statement) = &receiving.entry.statement else { return Ok(()) };
                let work = pin!(self.backend.copy(&mut self.state, statement, rows));
                let stored = self.guard.run(&mut self.wire, work).await;
                receiving.stored += stored.map_err(|e| unstored(e, &receiving.copy, &lines))?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// COPY TO STDOUT: gives every row.
    pub(crate) async fn send_copy(&mut self, out: CopyOut<B::Rows>) -> Result<(), Failure> {
        let CopyOut { columns, options, rows } = out;
        let binary = options.format == CopyFormat::Binary;
        let formats = Formats::All(u16::from(binary));
        self.wire.copy_response(b'H', u16::from(binary), columns.len());
        let mut encoder = Encoder::new(&options, &columns);
        encoder.begin(&columns, &mut self.wire.out);
        let mut open = Open::new(*rows);
        let (mut count, mut row) = (0, Vec::new());
        loop {
            row.clear();
            if open.put_next(Some(&mut row), &columns, &formats)? {
                encoder.row(&row[HEADER..], &mut self.wire.out);
                count += 1;
                self.wire.flush_if_full().await?;
                continue;
            }
            if !self.refill(&mut open).await? {
                break;
            }
        }
        encoder.end(&mut self.wire.out);
        self.wire.bare(b'c');
        self.complete(&Tag::Count("COPY", count), 0);
        Ok(())
    }
}

/// The error of a COPY outside a block, which does not take back what it has stored.
fn partly_stored(error: SqlError, copy: &CopyIn, stored: u64) -> SqlError {
    let place = error.detail.as_ref().map_or(String::new(), |detail| format!("{detail}; "));
    let detail = format!("{place}{stored} rows before are stored in \"{}\" and stay", copy.table);
    let error = error.detail(detail);
    match error.hint {
        Some(_) => error,
        None => error.hint("to store all or nothing: BEGIN; TRUNCATE; COPY; COMMIT"),
    }
}

impl<B: Backend> Receiving<B> {
    /// Takes the next row, if it is there.
    fn next(&mut self) -> SqlResult<bool> {
        let table = &self.copy.table;
        let fields = match self.decoder.next_row() {
            Ok(Some(fields)) => fields,
            Ok(None) => return Ok(false),
            Err(error) => return Err(self.decoder.take_line().place(error, table)),
        };
        let line = self.decoder.take_line();
        self.rows.push(row(&self.copy, fields, &line)?);
        self.lines.push(line);
        Ok(true)
    }
}

/// A row's values in the stored form of their columns.
fn row(copy: &CopyIn, fields: Vec<Option<Vec<u8>>>, line: &Line) -> SqlResult<super::Row> {
    let columns = &copy.columns;
    if fields.len() != columns.len() {
        let error = match columns.get(fields.len()) {
            Some(missing) => {
                SqlError::new("22P04", format!("missing data for column \"{}\"", missing.name))
            }
            None => SqlError::new("22P04", "extra data after last expected column"),
        };
        return Err(line.place(error, &copy.table));
    }
    let binary = copy.options.format == CopyFormat::Binary;
    let value = |(field, column): (Option<Vec<u8>>, &super::Field)| {
        let Some(bytes) = field else { return Ok(None) };
        let planned = Some(column.column_type);
        let value = params::decode(column.oid, planned, binary, &bytes).map(Some);
        value.map_err(|error| line.field(error, &copy.table, &column.name, &bytes))
    };
    fields.into_iter().zip(columns).map(value).collect()
}

/// What the backend says of one of the rows, with its line. A row that is there already was good by
/// itself.
fn unstored(failure: Failure, copy: &CopyIn, lines: &[Line]) -> Failure {
    let Failure::Statement(error) = failure else { return failure };
    let row = error.about.as_ref().and_then(|about| about.row);
    Failure::Statement(match row.and_then(|row| lines.get(row)) {
        None => error,
        Some(line) if error.sqlstate == "23505" => line.number(error, &copy.table),
        Some(line) => line.place(error, &copy.table),
    })
}
