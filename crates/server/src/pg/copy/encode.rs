//! From rows as they stand in DataRow messages to CopyData.

use bytes::BufMut;
use sql::plan::{CopyFormat, CopyHeader, CopyOptions};

use super::super::backend::Field;
use super::super::wire::{begin, end};

/// Writes the rows of one COPY TO.
pub(super) struct Encoder {
    options: CopyOptions,
    /// Columns that are quoted whatever they hold.
    quoted: Vec<bool>,
    /// Whether the header of the binary format is still to come: clients expect it in the first
    /// message, before the row.
    header_due: bool,
}

impl Encoder {
    pub(super) fn new(options: &CopyOptions, columns: &[Field]) -> Encoder {
        let forced = options.force_quote.as_deref().unwrap_or_default();
        let quoted = |c: &Field| forced.iter().any(|name| name == "*" || *name == c.name);
        let header_due = options.format == CopyFormat::Binary;
        let quoted = columns.iter().map(quoted).collect();
        Encoder { options: options.clone(), quoted, header_due }
    }

    /// What comes before the rows.
    pub(super) fn begin(&self, columns: &[Field], out: &mut Vec<u8>) {
        if self.options.format != CopyFormat::Binary && self.options.header != CopyHeader::None {
            data(out, |out| {
                for (i, column) in columns.iter().enumerate() {
                    self.field(i, Some(column.name.as_bytes()), (columns.len(), false), out);
                }
                out.put_u8(b'\n');
            });
        }
    }

    /// One row: the body of its DataRow.
    pub(super) fn row(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let header_due = std::mem::take(&mut self.header_due);
        data(out, |out| {
            if self.options.format == CopyFormat::Binary {
                put_header(header_due, out);
                return out.put_slice(body);
            }
            let Some((count, mut rest)) = body.split_first_chunk::<2>() else { return };
            let count = usize::from(u16::from_be_bytes(*count));
            for i in 0..count {
                let Some((size, after)) = rest.split_first_chunk::<4>() else { return };
                let size = i32::from_be_bytes(*size);
                let field = usize::try_from(size).ok().and_then(|size| after.get(..size));
                rest = &after[field.map_or(0, <[u8]>::len)..];
                self.field(i, field, (count, true), out);
            }
            out.put_u8(b'\n');
        });
    }

    /// What comes after the rows.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        if self.options.format == CopyFormat::Binary {
            data(out, |out| {
                put_header(self.header_due, out);
                out.put_i16(-1);
            });
        }
    }

    /// One field of `count`; names are not forced into quotes.
    fn field(
        &self,
        i: usize,
        field: Option<&[u8]>,
        (count, force): (usize, bool),
        out: &mut Vec<u8>,
    ) {
        if i > 0 {
            out.put_u8(self.options.delimiter);
        }
        let Some(field) = field else { return out.put_slice(self.options.null.as_bytes()) };
        match self.options.format {
            CopyFormat::Csv => {
                self.csv(field, force && self.quoted.get(i) == Some(&true), count, out);
            }
            _ => self.text(field, out),
        }
    }

    fn text(&self, field: &[u8], out: &mut Vec<u8>) {
        for &byte in field {
            let letter = match byte {
                8 => b'b',
                12 => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                11 => b'v',
                b'\\' => b'\\',
                other if other == self.options.delimiter => other,
                other => {
                    out.put_u8(other);
                    continue;
                }
            };
            out.put_slice(&[b'\\', letter]);
        }
    }

    fn csv(&self, field: &[u8], force: bool, count: usize, out: &mut Vec<u8>) {
        let CopyOptions { delimiter, quote, escape, ref null, .. } = self.options;
        let special = |b: &u8| *b == delimiter || *b == quote || matches!(*b, b'\n' | b'\r');
        // A single column of `\.` would end the data.
        let ends = count == 1 && field == b"\\.";
        if !(force || ends || field == null.as_bytes() || field.iter().any(special)) {
            return out.put_slice(field);
        }
        out.put_u8(quote);
        for &byte in field {
            if byte == quote || byte == escape {
                out.put_u8(escape);
            }
            out.put_u8(byte);
        }
        out.put_u8(quote);
    }
}

fn put_header(due: bool, out: &mut Vec<u8>) {
    if due {
        out.put_slice(b"PGCOPY\n\xff\r\n\0");
        out.put_u64(0);
    }
}

fn data(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = begin(out, b'd');
    body(out);
    end(out, start);
}
