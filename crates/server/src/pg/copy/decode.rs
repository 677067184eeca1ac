//! From the client's bytes to the fields of rows. Bytes may be cut anywhere.

use sql::plan::{CopyFormat, CopyHeader, CopyOptions};
use sql::{SqlError, SqlResult};

use super::place::Line;

/// Longest row, bytes: several times the largest record.
const ROW_MAX: usize = 64 << 20;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// A row: each field's bytes, `None` = NULL.
pub(super) type Fields = Vec<Option<Vec<u8>>>;

/// Cuts bytes into rows.
pub(super) struct Decoder {
    options: CopyOptions,
    columns: Vec<String>,
    input: Vec<u8>,
    /// Bytes of `input` that are used.
    used: usize,
    /// How far a line's end was looked for, from `used`, and whether that is inside quotes.
    looked: usize,
    quoted: bool,
    /// Lines, or rows of the binary format, taken so far.
    line: u64,
    /// The line that was taken last.
    text: Option<Vec<u8>>,
    /// Whether the header is still to come.
    header_due: bool,
    /// No more rows: the client's end mark was there, or all bytes were.
    ended: bool,
    /// The client has no more bytes.
    complete: bool,
}

impl Decoder {
    pub(super) fn new(options: &CopyOptions, columns: impl Iterator<Item = String>) -> Decoder {
        let header = options.format == CopyFormat::Binary || options.header != CopyHeader::None;
        Decoder {
            options: options.clone(),
            columns: columns.collect(),
            input: Vec::new(),
            used: 0,
            looked: 0,
            quoted: false,
            line: 0,
            text: None,
            header_due: header,
            ended: false,
            complete: false,
        }
    }

    /// The line of the last row.
    pub(super) fn take_line(&mut self) -> Line {
        Line { number: self.line, text: self.text.take() }
    }

    /// Takes more bytes.
    pub(super) fn push(&mut self, data: &[u8]) -> SqlResult<()> {
        if self.ended {
            return Ok(());
        }
        self.input.drain(..self.used);
        self.used = 0;
        if self.input.len() + data.len() > ROW_MAX {
            let message = format!("a row of COPY has more than {} MiB", ROW_MAX >> 20);
            return Err(SqlError::new("54000", message).hint("is a quote or a newline missing?"));
        }
        self.input.extend_from_slice(data);
        Ok(())
    }

    /// The client has said that this is all.
    pub(super) fn finish(&mut self) {
        self.complete = true;
    }

    /// The next row; `None` until more bytes come.
    pub(super) fn next_row(&mut self) -> SqlResult<Option<Fields>> {
        if self.options.format == CopyFormat::Binary {
            return self.next_binary();
        }
        loop {
            if self.ended {
                return Ok(None);
            }
            let Some(end) = self.line_end()? else { return Ok(None) };
            let line = self.input[self.used..self.used + end.0].to_vec();
            self.used += end.1;
            (self.looked, self.quoted) = (0, false);
            self.line += 1;
            if line == b"\\." {
                self.ended = true;
                return Ok(None);
            }
            let fields = match self.options.format {
                CopyFormat::Csv => self.csv(&line)?,
                _ => self.text(&line)?,
            };
            self.text = Some(line);
            if !std::mem::take(&mut self.header_due) {
                return Ok(Some(fields));
            }
            self.check_header(&fields)?;
        }
    }

    /// Length of the next line, without and with its end.
    fn line_end(&mut self) -> SqlResult<Option<(usize, usize)>> {
        let rest = &self.input[self.used..];
        let csv = self.options.format == CopyFormat::Csv;
        let (quote, escape) = (self.options.quote, self.options.escape);
        let mut at = self.looked;
        while let Some(&byte) = rest.get(at) {
            if !csv && byte == b'\\' {
                if at + 1 >= rest.len() && !self.complete {
                    break;
                }
                at += 2;
                continue;
            }
            if csv && self.quoted && byte == escape && escape != quote {
                if at + 1 >= rest.len() && !self.complete {
                    break;
                }
                at += 2;
                continue;
            }
            if csv && byte == quote {
                self.quoted = !self.quoted;
            }
            if byte == b'\n' && !self.quoted {
                let whole = at + 1;
                let line = if at > 0 && rest[at - 1] == b'\r' { at - 1 } else { at };
                return Ok(Some((line, whole)));
            }
            at += 1;
        }
        self.looked = at.min(rest.len());
        if !self.complete || rest.is_empty() {
            return Ok(None);
        }
        if self.quoted {
            self.text = Some(rest.to_vec());
            self.line += 1;
            return Err(wrong("unterminated CSV quoted field"));
        }
        // The last line may go without its end.
        let line = rest.strip_suffix(b"\r").unwrap_or(rest).len();
        Ok(Some((line, rest.len())))
    }

    fn text(&self, line: &[u8]) -> SqlResult<Fields> {
        let mut fields = Vec::with_capacity(self.columns.len());
        if line.is_empty() && self.columns.is_empty() {
            return Ok(fields);
        }
        let null = self.options.null.as_bytes();
        let mut begin = 0;
        let mut at = 0;
        loop {
            match line.get(at) {
                Some(b'\\') => at += 2,
                Some(byte) if *byte != self.options.delimiter => at += 1,
                end => {
                    let raw = &line[begin.min(line.len())..at.min(line.len())];
                    fields.push(if raw == null { None } else { Some(unescaped(raw)) });
                    if end.is_none() {
                        return Ok(fields);
                    }
                    at += 1;
                    begin = at;
                }
            }
        }
    }

    fn csv(&self, line: &[u8]) -> SqlResult<Fields> {
        let CopyOptions { delimiter, quote, escape, .. } = self.options;
        let null = self.options.null.as_bytes();
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut at = 0;
        loop {
            let (mut field, mut quoted, mut was_quoted) = (Vec::new(), false, false);
            while let Some(&byte) = line.get(at) {
                let next = line.get(at + 1).copied();
                if quoted && byte == escape && next.is_some_and(|n| n == quote || n == escape) {
                    field.extend(next);
                    at += 2;
                    continue;
                }
                if byte == quote {
                    (quoted, was_quoted) = (!quoted, true);
                } else if byte == delimiter && !quoted {
                    break;
                } else {
                    field.push(byte);
                }
                at += 1;
            }
            let column = self.columns.get(fields.len());
            let named =
                |names: &[String]| column.is_some_and(|c| names.iter().any(|n| n == "*" || n == c));
            let is_null = field == null
                && match was_quoted {
                    true => named(&self.options.force_null),
                    false => !named(&self.options.force_not_null),
                };
            fields.push((!is_null).then_some(field));
            if line.get(at).is_none() {
                return Ok(fields);
            }
            at += 1;
        }
    }

    fn check_header(&self, fields: &Fields) -> SqlResult<()> {
        if self.options.header != CopyHeader::Match {
            return Ok(());
        }
        let names = fields.iter().map(|field| field.as_deref().unwrap_or_default());
        if names.eq(self.columns.iter().map(|name| name.as_bytes())) {
            return Ok(());
        }
        let message = "column name mismatch in header line of COPY";
        Err(wrong(message).hint(format!("the columns are {}", self.columns.join(", "))))
    }

    fn next_binary(&mut self) -> SqlResult<Option<Fields>> {
        if std::mem::take(&mut self.header_due) {
            match self.binary_header()? {
                Some(length) => self.used += length,
                None => {
                    self.header_due = true;
                    return Ok(None);
                }
            }
        }
        if self.ended {
            return Ok(None);
        }
        let mut rest = &self.input[self.used..];
        let all = rest.len();
        let cut = |complete: bool| match complete {
            // A file may end without its end mark.
            true if all == 0 => Ok(None),
            true => Err(wrong("unexpected EOF in COPY data")),
            false => Ok(None),
        };
        let Some(count) = number::<2>(&mut rest).map(i16::from_be_bytes) else {
            return cut(self.complete);
        };
        if count == -1 {
            self.ended = true;
            return Ok(None);
        }
        let count = usize::try_from(count).map_err(|_| wrong("row field count is negative"))?;
        let mut fields = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(size) = number::<4>(&mut rest).map(i32::from_be_bytes) else {
                return cut(self.complete);
            };
            fields.push(match size {
                -1 => None,
                size => {
                    let size = usize::try_from(size).map_err(|_| wrong("invalid field size"))?;
                    let Some((field, after)) = rest.split_at_checked(size) else {
                        return cut(self.complete);
                    };
                    rest = after;
                    Some(field.to_vec())
                }
            });
        }
        self.used += all - rest.len();
        self.line += 1;
        Ok(Some(fields))
    }

    /// Length of the header, once it is there.
    fn binary_header(&self) -> SqlResult<Option<usize>> {
        let input = &self.input[self.used..];
        let known = SIGNATURE.len().min(input.len());
        if input[..known] != SIGNATURE[..known] {
            return Err(wrong("COPY file signature not recognized"));
        }
        let Some(mut rest) = input.get(SIGNATURE.len()..) else { return Ok(None) };
        let (Some(flags), Some(extension)) = (number::<4>(&mut rest), number::<4>(&mut rest))
        else {
            return match self.complete {
                true => Err(wrong("invalid COPY file header")),
                false => Ok(None),
            };
        };
        if u32::from_be_bytes(flags) >> 16 != 0 {
            return Err(wrong("unrecognized critical flags in COPY file header"));
        }
        let extension = u32::from_be_bytes(extension) as usize;
        Ok((rest.len() >= extension).then_some(SIGNATURE.len() + 8 + extension))
    }
}

fn wrong(message: &str) -> SqlError {
    SqlError::new("22P04", message)
}

fn number<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*number)
}

/// What a field of the text format means.
fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        let Some(&escaped) = raw.get(at).filter(|_| byte == b'\\') else {
            out.push(byte);
            continue;
        };
        at += 1;
        let digits = |from: usize, radix: u32, most: usize| {
            let digits = raw[from..].iter().take(most);
            digits.take_while(|d| char::from(**d).is_digit(radix)).count()
        };
        let coded = |from: usize, radix: u32, count: usize| {
            let text = std::str::from_utf8(&raw[from..from + count]).unwrap_or("0");
            ((u32::from_str_radix(text, radix).unwrap_or(0) & 0xff) as u8, from + count)
        };
        let code = match escaped {
            b'0'..=b'7' => Some(coded(at - 1, 8, digits(at - 1, 8, 3))),
            b'x' if digits(at, 16, 2) > 0 => Some(coded(at, 16, digits(at, 16, 2))),
            _ => None,
        };
        if let Some((byte, next)) = code {
            out.push(byte);
            at = next;
            continue;
        }
        match escaped {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(format: CopyFormat) -> CopyOptions {
        let csv = format == CopyFormat::Csv;
        CopyOptions {
            format,
            delimiter: if csv { b',' } else { b'\t' },
            null: if csv { "" } else { "\\N" }.to_string(),
            header: CopyHeader::None,
            quote: b'"',
            escape: b'"',
            force_quote: None,
            force_not_null: Vec::new(),
            force_null: Vec::new(),
        }
    }

    /// The rows of these bytes, given in pieces of every size.
    fn rows(options: &CopyOptions, data: &[u8]) -> SqlResult<Vec<Vec<Option<String>>>> {
        let mut all = Vec::new();
        for size in 1..=data.len().max(1) {
            let names = ["a", "b"].map(String::from).into_iter();
            let mut decoder = Decoder::new(options, names);
            let mut found = Vec::new();
            let mut take = |decoder: &mut Decoder| -> SqlResult<()> {
                while let Some(row) = decoder.next_row()? {
                    let text = |f: Option<Vec<u8>>| {
                        f.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    };
                    found.push(row.into_iter().map(text).collect::<Vec<_>>());
                }
                Ok(())
            };
            for piece in data.chunks(size) {
                decoder.push(piece)?;
                take(&mut decoder)?;
            }
            decoder.finish();
            take(&mut decoder)?;
            all.push(found);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        Ok(all.remove(0))
    }

    fn some(fields: &[&str]) -> Vec<Option<String>> {
        fields.iter().map(|f| (*f != "NULL").then(|| f.to_string())).collect()
    }

    #[test]
    fn text_is_cut_and_unescaped() {
        let text = options(CopyFormat::Text);
        let found = rows(&text, b"1\tone\r\n2\t\\N\n3\ta\\tb\\\nc\\x41\\101\\\\\n\\.\nnot read");
        let right = [some(&["1", "one"]), some(&["2", "NULL"]), some(&["3", "a\tb\ncAA\\"])];
        assert_eq!(found, Ok(right.to_vec()));
        assert_eq!(rows(&text, b"1\tlast"), Ok(vec![some(&["1", "last"])]));
        assert_eq!(rows(&text, b"\t\n"), Ok(vec![some(&["", ""])]));
        assert_eq!(rows(&text, b""), Ok(vec![]));
    }

    #[test]
    fn csv_has_quotes_and_nulls() {
        let csv = options(CopyFormat::Csv);
        let data = b"1,\"a \"\"b\"\", c\nd\"\n2,\n3,\"\"\n4,x\"y,\"z\n";
        let right = [
            some(&["1", "a \"b\", c\nd"]),
            some(&["2", "NULL"]),
            some(&["3", ""]),
            some(&["4", "xy,z"]),
        ];
        assert_eq!(rows(&csv, data), Ok(right.to_vec()));
        let unended = rows(&csv, b"1,\"a").unwrap_err();
        assert_eq!(unended.message, "unterminated CSV quoted field");
        let forced = CopyOptions {
            header: CopyHeader::Match,
            force_not_null: vec!["b".into()],
            force_null: vec!["a".into()],
            ..csv
        };
        assert_eq!(rows(&forced, b"a,b\n\"\",\n"), Ok(vec![some(&["NULL", ""])]));
        assert!(rows(&forced, b"b,a\n1,2\n").is_err());
    }

    #[test]
    fn binary_rows_and_their_ends() {
        let binary = options(CopyFormat::Binary);
        let mut data = SIGNATURE.to_vec();
        data.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 2, 9, 9]);
        data.extend_from_slice(b"\0\x02\0\0\0\x01x\xff\xff\xff\xff");
        assert_eq!(rows(&binary, &data), Ok(vec![some(&["x", "NULL"])]));
        data.extend_from_slice(b"\xff\xff");
        assert_eq!(rows(&binary, &data), Ok(vec![some(&["x", "NULL"])]));
        assert!(rows(&binary, &data[..data.len() - 4]).is_err(), "cut in a row");
        assert!(rows(&binary, b"PGCOPX\n").is_err());
    }
}
