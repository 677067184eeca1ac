//! JSON as PostgreSQL keeps it: numbers by their digits; objects of jsonb sorted by length and bytes
//! of their keys, each key once.

use model::limits::NESTING_MAX;

use crate::types::numeric;
use crate::{SqlError, SqlResult};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// Digits, as they were written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The text of a jsonb value that this text means.
pub fn normalize(text: &str) -> SqlResult<String> {
    Ok(Json::parse_b(text)?.print())
}

impl Json {
    /// Reads JSON: 22P02 where it is none.
    pub(super) fn parse(text: &str) -> SqlResult<Json> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let value = reader.value().and_then(|value| {
            reader.blanks();
            (reader.at == text.len()).then_some(value)
        });
        value.ok_or_else(|| {
            if reader.depth > NESTING_MAX {
                let message = format!("the JSON nests deeper than {NESTING_MAX} levels");
                return SqlError::new("54001", message);
            }
            let near: String = text[reader.at.min(text.len())..].chars().take(20).collect();
            let detail = match near.is_empty() {
                true => "The input string ended unexpectedly.".to_string(),
                false => format!("Token \"{near}\" is invalid."),
            };
            SqlError::new("22P02", "invalid input syntax for type json").detail(detail)
        })
    }

    /// The same as jsonb.
    pub(super) fn parse_b(text: &str) -> SqlResult<Json> {
        Ok(Json::parse(text)?.into_b())
    }

    /// Keys sorted and unique, numbers as numeric prints them.
    fn into_b(self) -> Json {
        match self {
            Json::Number(digits) => Json::Number(canonical(&digits)),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_b).collect()),
            Json::Object(pairs) => {
                Json::object(pairs.into_iter().map(|(key, value)| (key, value.into_b())))
            }
            other => other,
        }
    }

    /// An object of jsonb; of equal keys the last one stays.
    pub(super) fn object(pairs: impl IntoIterator<Item = (String, Json)>) -> Json {
        let mut sorted: Vec<(String, Json)> = pairs.into_iter().collect();
        sorted.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
        let mut unique: Vec<(String, Json)> = Vec::with_capacity(sorted.len());
        for pair in sorted {
            match unique.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => unique.push(pair),
            }
        }
        Json::Object(unique)
    }

    /// As jsonb prints it: a space after colon and comma.
    pub(super) fn print(&self) -> String {
        let mut out = String::new();
        self.print_into(&mut out);
        out
    }

    fn print_into(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Json::Number(digits) => out.push_str(digits),
            Json::String(text) => quote(text, out),
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.print_into(out);
                }
                out.push(']');
            }
            Json::Object(pairs) => {
                out.push('{');
                for (i, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    quote(key, out);
                    out.push_str(": ");
                    value.print_into(out);
                }
                out.push('}');
            }
        }
    }

    /// As `jsonb_pretty` prints it: four spaces a level.
    pub(super) fn pretty(&self, level: usize, out: &mut String) {
        let line = |level: usize, out: &mut String| {
            out.push('\n');
            out.push_str(&"    ".repeat(level));
        };
        match self {
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    line(level + 1, out);
                    item.pretty(level + 1, out);
                }
                line(level, out);
                out.push(']');
            }
            Json::Object(pairs) => {
                out.push('{');
                for (i, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    line(level + 1, out);
                    quote(key, out);
                    out.push_str(": ");
                    value.pretty(level + 1, out);
                }
                line(level, out);
                out.push('}');
            }
            other => other.print_into(out),
        }
    }

    /// The text that `->>` shows; `None` of null.
    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.print()),
        }
    }

    /// What `jsonb_typeof` says.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&Json> {
        let Json::Object(pairs) = self else { return None };
        // Of json, where a key may stand twice, the last one counts.
        pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The element at this place; negative places count from the end.
    pub(super) fn element(&self, at: i64) -> Option<&Json> {
        let Json::Array(items) = self else { return None };
        let at = if at < 0 { at.checked_add(items.len() as i64)? } else { at };
        items.get(usize::try_from(at).ok()?)
    }

    /// What lies at the end of a path.
    pub(super) fn at(&self, path: &[String]) -> Option<&Json> {
        path.iter().try_fold(self, |value, step| match value {
            Json::Object(_) => value.field(step),
            Json::Array(_) => value.element(step.trim().parse().ok()?),
            _ => None,
        })
    }

    /// Equality of jsonb: numbers by value.
    pub(super) fn same(&self, other: &Json) -> bool {
        match (self, other) {
            (Json::Number(a), Json::Number(b)) => numeric::compare(a, b).is_eq(),
            (Json::Array(a), Json::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Json::Object(a), Json::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.0 == y.0 && x.1.same(&y.1))
            }
            (a, b) => a == b,
        }
    }

    /// `@>`.
    pub(super) fn contains(&self, other: &Json) -> bool {
        match (self, other) {
            (Json::Object(_), Json::Object(wanted)) => wanted
                .iter()
                .all(|(key, value)| self.field(key).is_some_and(|own| own.contains(value))),
            (Json::Array(own), Json::Array(wanted)) => wanted.iter().all(|value| match value {
                Json::Array(_) | Json::Object(_) => own.iter().any(|item| {
                    std::mem::discriminant(item) == std::mem::discriminant(value)
                        && item.contains(value)
                }),
                scalar => own.iter().any(|item| item.same(scalar)),
            }),
            (own, wanted) => own.same(wanted),
        }
    }
}

/// Digits as numeric prints them: without exponent.
fn canonical(digits: &str) -> String {
    if !digits.contains(['e', 'E']) {
        let zero = digits.strip_prefix('-').filter(|d| d.bytes().all(|b| matches!(b, b'0' | b'.')));
        return zero.unwrap_or(digits).to_string();
    }
    numeric::parse(digits, 0, 0).unwrap_or_else(|_| digits.to_string())
}

/// A string of JSON.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())?;
        let after = self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        (!after).then_some(value)
    }

    fn value(&mut self) -> Option<Json> {
        self.blanks();
        match self.peek()? {
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'"' => self.string().map(Json::String),
            b'[' => self.nested(Reader::array),
            b'{' => self.nested(Reader::object),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Json>) -> Option<Json> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return None;
        }
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Some(value)
    }

    fn array(&mut self) -> Option<Json> {
        let mut items = Vec::new();
        self.blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(Json::Array(items));
                }
                _ => return None,
            }
        }
    }

    fn object(&mut self) -> Option<Json> {
        let mut pairs = Vec::new();
        self.blanks();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Json::Object(pairs));
        }
        loop {
            self.blanks();
            (self.peek()? == b'"').then_some(())?;
            let key = self.string()?;
            self.blanks();
            (self.peek()? == b':').then(|| self.at += 1)?;
            pairs.push((key, self.value()?));
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(Json::Object(pairs));
                }
                _ => return None,
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let first = self.at;
        self.digits()?;
        if self.at - first > 1 && self.text.as_bytes()[first] == b'0' {
            self.at = start;
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let after = self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        (!after).then(|| Json::Number(self.text[start..self.at].to_string()))
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            match c {
                '"' => {
                    self.at += 1;
                    return Some(out);
                }
                '\\' => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                c if c < ' ' => return None,
                c => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            b'"' | b'\\' | b'/' => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high).filter(|c| *c != '\0');
                }
                self.text[self.at..].starts_with("\\u").then(|| self.at += 2)?;
                let low = self.hex().filter(|low| (0xdc00..0xe000).contains(low))?;
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}
