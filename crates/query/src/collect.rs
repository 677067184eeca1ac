//! Records as a batch: what a scan shows goes straight into the columns.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use model::{ColumnType, Head, Key, Rows, Table, ValueRef, decode_composite, json};
use sql::{SqlError, SqlResult};

use crate::cells::{Cells, Misfit};
use crate::columns::{SetColumn, Source, base64};

/// A batch under construction.
pub(crate) struct Collector {
    table: Arc<Table>,
    columns: Arc<[SetColumn]>,
    cells: Vec<Cells>,
    /// The column of each bin, by its place among the bins that are read.
    of_bins: Vec<usize>,
    /// Columns of what is no bin.
    of_heads: Vec<usize>,
    now_ms: u64,
    rows: usize,
    /// The first value that does not fit.
    failed: Option<SqlError>,
}

impl Collector {
    /// A batch of these columns, with room for so many rows.
    pub(crate) fn new(
        table: &Arc<Table>,
        columns: &Arc<[SetColumn]>,
        now_ms: u64,
        rows: usize,
    ) -> Collector {
        let is_bin = |i: &usize| matches!(columns[*i].source, Source::Bin(_));
        let (of_bins, of_heads) = (0..columns.len()).partition(is_bin);
        let cells = columns.iter().map(|column| Cells::new(column.column_type, rows)).collect();
        let (table, columns) = (table.clone(), columns.clone());
        Collector { table, columns, cells, of_bins, of_heads, now_ms, rows: 0, failed: None }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The batch. `schema` has one field for each of the columns.
    pub(crate) fn finish(self, schema: &SchemaRef) -> SqlResult<RecordBatch> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let array = |(mut cells, column): (Cells, &SetColumn)| -> SqlResult<ArrayRef> {
            cells.fill(self.rows);
            cells.finish().map_err(|bad| misfit(&self.table, column, bad))
        };
        let arrays = self.cells.into_iter().zip(&*self.columns).map(array);
        let arrays = arrays.collect::<SqlResult<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
            .map_err(|e| SqlError::new("XX000", e.to_string()))
    }

    #[inline]
    fn note(&mut self, column: usize, pushed: Result<(), Misfit>) {
        if let Err(bad) = pushed
            && self.failed.is_none()
        {
            self.failed = Some(misfit(&self.table, &self.columns[column], bad));
        }
    }

    fn push_heads(&mut self, head: &Head<'_>) {
        let parts = match (&head.key, self.table.key.len()) {
            (Some(ValueRef::Blob(blob)), 2..) => decode_composite(blob).map(Some),
            _ => Ok(None),
        };
        let parts = parts.unwrap_or_else(|error| {
            self.failed.get_or_insert(error.into());
            None
        });
        for i in 0..self.of_heads.len() {
            let column = self.of_heads[i];
            let pushed = self.push_head(column, head, parts.as_deref());
            self.note(column, pushed);
        }
    }

    fn push_head(
        &mut self,
        column: usize,
        head: &Head<'_>,
        parts: Option<&[Key]>,
    ) -> Result<(), Misfit> {
        let cells = &mut self.cells[column];
        let SetColumn { source, column_type, .. } = &self.columns[column];
        match source {
            Source::Key(part) => match (parts, &head.key) {
                (Some(parts), _) => match parts.get(*part) {
                    Some(key) => push_key(cells, *column_type, key.into()),
                    None => Ok(()),
                },
                (None, Some(key)) if *part == 0 => push_key(cells, *column_type, key.clone()),
                _ => Ok(()),
            },
            Source::WholeKey => match &head.key {
                Some(key) => push_key(cells, ColumnType::Bytea, key.clone()),
                None => Ok(()),
            },
            Source::Digest => cells.push(ValueRef::String(&head.digest.to_string())),
            Source::Edigest => cells.push(ValueRef::String(&base64(&head.digest.0))),
            Source::Gen => cells.push(ValueRef::Integer(head.generation.into())),
            Source::Ttl => cells.push(ValueRef::Integer(head.ttl_s(self.now_ms))),
            Source::Lut => cells.push(ValueRef::Integer(head.lut_ms as i64 * 1000)),
            Source::SetName => cells.push(ValueRef::String(&self.table.name)),
            Source::RecordSize => cells.push(ValueRef::Integer(head.size.into())),
            Source::Bin(_) => Ok(()),
        }
    }
}

impl Rows for Collector {
    #[inline]
    fn record(&mut self, head: &Head<'_>) -> bool {
        if !self.of_heads.is_empty() {
            self.push_heads(head);
            // Of a key that is not stored nothing is known.
            for column in &self.of_heads {
                self.cells[*column].fill(self.rows + 1);
            }
        }
        self.rows += 1;
        true
    }

    #[inline]
    fn bin(&mut self, place: usize, value: ValueRef<'_>) {
        let column = self.of_bins[place];
        let cells = &mut self.cells[column];
        cells.fill(self.rows - 1);
        let pushed = cells.push(value);
        self.note(column, pushed);
    }
}

/// A key, as the value that a column of this type holds. Any key has a text.
fn push_key(cells: &mut Cells, column_type: ColumnType, key: ValueRef<'_>) -> Result<(), Misfit> {
    use ColumnType::{Bool, Bytea, Text, Varchar};
    match (key, column_type) {
        (ValueRef::Integer(n), Bool) => cells.push(ValueRef::Bool(n != 0)),
        (ValueRef::Integer(n), Text | Varchar(_)) => cells.push(ValueRef::String(&n.to_string())),
        (ValueRef::Integer(n), Bytea) => cells.push(ValueRef::Blob(&n.to_be_bytes())),
        (ValueRef::String(s), Bytea) => cells.push(ValueRef::Blob(s.as_bytes())),
        (ValueRef::Blob(b), Text | Varchar(_)) => cells.push(ValueRef::String(&json::hex(b))),
        (key, _) => cells.push(key),
    }
}

fn misfit(table: &Table, column: &SetColumn, bad: Misfit) -> SqlError {
    let detail = format!(
        "a record of {}.{} holds {} in \"{}\", which is {}",
        table.namespace, table.name, bad.0, column.name, column.column_type
    );
    if table.declared {
        return SqlError::new("42804", "a stored value does not fit its column's type")
            .detail(detail)
            .hint("it was not written through SQL; update the record or declare the column jsonb");
    }
    SqlError::unsupported("cached plan must not change result type")
        .detail(detail)
        .hint("the bin has got a second type; prepare the statement again")
}
