//! Arrays as text: `{1,2,NULL}`, `{"a b",c}`.

use std::fmt::Write;

use model::limits::NESTING_MAX;
use model::{ColumnType, Value};

use super::{parse_text, text_of};
use crate::{SqlError, SqlResult};

/// Appends a list as an array of `element`s.
pub(super) fn write(element: ColumnType, items: &[Value], out: &mut String) -> std::fmt::Result {
    out.write_char('{')?;
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.write_char(',')?;
        }
        match item {
            Value::Nil => out.write_str("NULL")?,
            Value::List(inner) => write(element, inner, out)?,
            item => write_element(&text_of(element, item), out)?,
        }
    }
    out.write_char('}')
}

fn write_element(text: &str, out: &mut String) -> std::fmt::Result {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_whitespace();
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return out.write_str(text);
    }
    out.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(c)?;
    }
    out.write_char('"')
}

/// Reads an array of `element`s.
pub(super) fn parse(element: ColumnType, text: &str) -> SqlResult<Value> {
    let mut reader = Reader { element, whole: text, rest: text.trim() };
    let value = reader.list(NESTING_MAX)?;
    match reader.rest.trim_start().is_empty() {
        true => Ok(value),
        false => Err(reader.malformed("Junk after closing right brace.")),
    }
}

struct Reader<'a> {
    element: ColumnType,
    whole: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn malformed(&self, detail: &str) -> SqlError {
        SqlError::new("22P02", format!("malformed array literal: \"{}\"", self.whole))
            .detail(detail)
            .hint("an array is written {1,2,NULL} or ARRAY[1,2,NULL]")
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start();
        self.rest = rest.strip_prefix(wanted).unwrap_or(rest);
        self.rest.len() < rest.len()
    }

    fn list(&mut self, depth_left: usize) -> SqlResult<Value> {
        if depth_left == 0 || !self.take('{') {
            return Err(self.malformed("Array value must start with \"{\"."));
        }
        let mut items = Vec::new();
        if self.take('}') {
            return Ok(Value::list(items));
        }
        loop {
            self.rest = self.rest.trim_start();
            items.push(match self.rest.starts_with('{') {
                true => self.list(depth_left - 1)?,
                false => self.item()?,
            });
            if self.take('}') {
                return Ok(Value::list(items));
            }
            if !self.take(',') {
                return Err(self.malformed("Unexpected end of input."));
            }
        }
    }

    fn item(&mut self) -> SqlResult<Value> {
        let mut text = String::new();
        let quoted = self.take('"');
        let mut chars = self.rest.char_indices();
        let mut end = None;
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                '"' if quoted => {
                    end = Some(at + 1);
                    break;
                }
                ',' | '}' if !quoted => {
                    end = Some(at);
                    break;
                }
                '{' | '"' if !quoted => break,
                c => text.push(c),
            }
        }
        let end = end.ok_or_else(|| self.malformed("Unexpected array element."))?;
        self.rest = &self.rest[end..];
        if quoted {
            return parse_text(self.element, &text);
        }
        match text.trim_end() {
            "" => Err(self.malformed("Unexpected array element.")),
            null if null.eq_ignore_ascii_case("null") => Ok(Value::Nil),
            text => parse_text(self.element, text),
        }
    }
}
