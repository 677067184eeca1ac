//! Prepared statements and portals: what lives between the messages of the extended protocol.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::vec;

use model::{ColumnType, Value};
use query::arrow::array::{Array, ArrayRef};
use sql::SqlResult;

use super::backend::{Answer, Backend, Chunk, Field, Prepared, Row, Tag};
use super::rows::{Formats, put_data_row, put_row};
use super::wire::put_row_description;
use super::{arrow, params};

/// A prepared statement.
pub(crate) struct Entry<S> {
    /// The plan; `None` for the empty statement.
    pub(crate) statement: Option<Arc<S>>,
    /// Types of the parameters on the wire.
    pub(crate) param_oids: Vec<u32>,
    /// Types that the plan wants them in.
    pub(crate) params: Vec<Option<ColumnType>>,
    pub(crate) columns: Option<Vec<Field>>,
    /// The RowDescription of rows in text and of rows in binary, each made when first asked for.
    descriptions: [OnceLock<Vec<u8>>; 2],
}

impl<S> Entry<S> {
    /// The RowDescription of its columns, all in this format.
    pub(crate) fn description(&self, format: u16) -> &[u8] {
        self.descriptions[usize::from(format == 1)].get_or_init(|| {
            let mut message = Vec::new();
            let columns = self.columns.as_deref().unwrap_or_default();
            put_row_description(&mut message, columns, |_| format);
            message
        })
    }

    pub(crate) fn new(prepared: Prepared<S>, declared: &[u32]) -> Entry<S> {
        let params = prepared.params;
        let said = |i| declared.get(i).filter(|oid| **oid != 0).or(prepared.param_oids.get(i));
        let wire_oid = |(i, planned): (usize, &_)| params::wire_oid(said(i).copied(), *planned);
        Entry {
            statement: Some(Arc::new(prepared.statement)),
            param_oids: params.iter().enumerate().map(wire_oid).collect(),
            params,
            columns: prepared.columns,
            descriptions: Default::default(),
        }
    }

    pub(crate) fn empty() -> Entry<S> {
        Entry {
            statement: None,
            param_oids: Vec::new(),
            params: Vec::new(),
            columns: None,
            descriptions: Default::default(),
        }
    }
}

/// A prepared statement as one session has it: of the statement, which others may share, nobody else
/// counts who uses this.
pub(crate) struct Own<S>(pub(crate) Arc<Entry<S>>);

impl<S> Deref for Own<S> {
    type Target = Arc<Entry<S>>;

    fn deref(&self) -> &Arc<Entry<S>> {
        &self.0
    }
}

/// A statement with its parameters, and how far it has run.
pub(crate) struct Portal<B: Backend> {
    pub(crate) entry: Arc<Own<B::Statement>>,
    pub(crate) params: Vec<Option<Value>>,
    pub(crate) formats: Formats,
    /// Columns of a command's rows (SHOW, FETCH, EXECUTE), as they were at Bind; of anything else
    /// the statement knows them.
    pub(crate) of_command: Option<Option<Vec<Field>>>,
    pub(crate) progress: Progress<B::Rows>,
    /// Outlives the transaction: a cursor WITH HOLD.
    pub(crate) hold: bool,
    /// Made in the open transaction block: its ROLLBACK ends even a held cursor.
    pub(crate) of_block: bool,
}

impl<B: Backend> Portal<B> {
    /// Columns of its rows.
    pub(crate) fn columns(&self) -> Option<&[Field]> {
        self.of_command.as_ref().unwrap_or(&self.entry.columns).as_deref()
    }
}

/// How far a portal has run.
pub(crate) enum Progress<R> {
    /// Not yet.
    Fresh,
    /// Rows may be left.
    Open(Open<R>),
    /// To the end, or into an error.
    Done,
}

/// A running answer: rows at hand and a stream of more.
pub(crate) struct Open<R> {
    pub(crate) tag: Tag,
    at_hand: AtHand,
    pub(crate) stream: Option<R>,
}

enum AtHand {
    Values(vec::IntoIter<Row>),
    Arrow { columns: Vec<ArrayRef>, next: usize, end: usize },
}

impl<R> Open<R> {
    pub(crate) fn new(answer: Answer<R>) -> Open<R> {
        let (tag, rows, stream) = match answer {
            Answer::Done(tag) => (tag, Vec::new(), None),
            Answer::Values(tag, rows) => (tag, rows, None),
            Answer::Stream(tag, stream) => (tag, Vec::new(), Some(stream)),
            // Rows of a COPY are messages of their own.
            Answer::CopyIn(_) | Answer::CopyOut(_) => (Tag::Text("COPY"), Vec::new(), None),
        };
        Open { tag, at_hand: AtHand::Values(rows.into_iter()), stream }
    }

    pub(crate) fn done(tag: &'static str) -> Open<R> {
        Open::new(Answer::Done(Tag::Text(tag)))
    }

    /// Takes rows that the stream gave.
    pub(crate) fn refill(&mut self, chunk: Chunk) -> SqlResult<()> {
        self.at_hand = match chunk {
            Chunk::Values(rows) => AtHand::Values(rows.into_iter()),
            Chunk::Arrow(batch) => {
                let (columns, end) = (arrow::unpack(&batch)?, batch.num_rows());
                AtHand::Arrow { columns, next: 0, end }
            }
            Chunk::Notice(_) => return Ok(()),
        };
        Ok(())
    }

    /// Appends the next row at hand; `false` when there is none. `out` is `None` to skip it.
    pub(crate) fn put_next(
        &mut self,
        out: Option<&mut Vec<u8>>,
        fields: &[Field],
        formats: &Formats,
    ) -> SqlResult<bool> {
        match &mut self.at_hand {
            AtHand::Values(rows) => {
                let Some(row) = rows.next() else { return Ok(false) };
                if let Some(out) = out {
                    put_row(out, fields, formats, &row)?;
                }
            }
            AtHand::Arrow { columns, next, end } => {
                if *next == *end {
                    return Ok(false);
                }
                let i = *next;
                *next += 1;
                if let Some(out) = out {
                    put_data_row(out, fields, formats, |column, _| match columns.get(column) {
                        Some(array) => arrow::cell(array.as_ref() as &dyn Array, i),
                        None => Ok(super::rows::Cell::Null),
                    })?;
                }
            }
        }
        Ok(true)
    }
}
