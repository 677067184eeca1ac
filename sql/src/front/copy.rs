//! COPY.

use sqlparser::tokenizer::Token;

use super::words::Words;
use crate::parse::{Copy, CopyWhat, Cut, Statement};
use crate::plan::{CopyFormat, CopyHeader, CopyOptions};
use crate::{SqlError, SqlResult};

/// `COPY set [(columns)] FROM STDIN | TO STDOUT [WITH] [options]`, `COPY (query) TO STDOUT ..`.
pub(super) fn copy(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let binary = words.eat("BINARY");
    let what = if words.token() == Some(&Token::LParen) {
        let inner = cut.skip(words.at() + 1);
        let end = super::session::matching(&inner);
        let query = match super::statement(&inner.first(end))? {
            Statement::Query(query) => query,
            _ => {
                return Err(SqlError::unsupported("COPY of a statement that is no query")
                    .hint("COPY (SELECT ..) TO STDOUT"));
            }
        };
        (0..end + 1).for_each(|_| words.skip());
        words.expect_token(&Token::RParen)?;
        CopyWhat::Query(query)
    } else {
        let name = words.object_name()?;
        let mut columns = Vec::new();
        if words.eat_token(&Token::LParen) {
            columns = idents(&mut words)?;
        }
        CopyWhat::Set { name, columns }
    };
    let from = words.eat("FROM");
    if !from {
        words.expect("TO")?;
    }
    if from && matches!(what, CopyWhat::Query(_)) {
        return Err(words.error());
    }
    if !words.eat(if from { "STDIN" } else { "STDOUT" }) {
        let message = "COPY to or from a file or program of the server is not supported";
        return Err(SqlError::unsupported(message)
            .hint("COPY FROM STDIN and TO STDOUT go through the client; \\copy does that"));
    }
    let mut options =
        Options { format: binary.then_some(CopyFormat::Binary), ..Options::default() };
    words.eat("WITH");
    if words.eat_token(&Token::LParen) {
        loop {
            options.modern(&mut words)?;
            if !words.eat_token(&Token::Comma) {
                break;
            }
        }
        words.expect_token(&Token::RParen)?;
    } else {
        while words.token().is_some() {
            options.old(&mut words)?;
        }
    }
    words.end(cut)?;
    let options = options.finish(from)?;
    Ok(Statement::Copy(Box::new(Copy { what, from, options })))
}

fn idents(words: &mut Words) -> SqlResult<Vec<sqlparser::ast::Ident>> {
    let mut idents = Vec::new();
    loop {
        idents.push(words.ident().ok_or_else(|| words.error())?);
        if !words.eat_token(&Token::Comma) {
            words.expect_token(&Token::RParen)?;
            return Ok(idents);
        }
    }
}

/// Options as they are read.
#[derive(Default)]
struct Options {
    format: Option<CopyFormat>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<CopyHeader>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Vec<String>>,
    force_not_null: Option<Vec<String>>,
    force_null: Option<Vec<String>>,
}

impl Options {
    /// One option of the list in parentheses.
    fn modern(&mut self, words: &mut Words) -> SqlResult<()> {
        match words.word().as_deref() {
            Some("FORMAT") => {
                let name = words.text().ok_or_else(|| words.error())?;
                self.format = Some(match name.to_ascii_lowercase().as_str() {
                    "text" => CopyFormat::Text,
                    "csv" => CopyFormat::Csv,
                    "binary" => CopyFormat::Binary,
                    _ => {
                        let message = format!("COPY format \"{name}\" not recognized");
                        return Err(SqlError::new("22023", message).hint("text, csv or binary"));
                    }
                });
            }
            Some("FREEZE") => drop(switch(words)?),
            Some("DELIMITER") => self.delimiter = Some(text(words)?),
            Some("NULL") => self.null = Some(text(words)?),
            Some("QUOTE") => self.quote = Some(text(words)?),
            Some("ESCAPE") => self.escape = Some(text(words)?),
            Some("HEADER") => {
                self.header = Some(match words.eat("MATCH") {
                    true => CopyHeader::Match,
                    false if switch(words)? => CopyHeader::Line,
                    false => CopyHeader::None,
                });
            }
            Some("FORCE_QUOTE") => self.force_quote = Some(columns(words)?),
            Some("FORCE_NOT_NULL") => self.force_not_null = Some(columns(words)?),
            Some("FORCE_NULL") => self.force_null = Some(columns(words)?),
            Some("ENCODING") => {
                let name = text(words)?;
                if !matches!(name.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "unicode") {
                    return Err(SqlError::unsupported(format!("COPY in encoding \"{name}\""))
                        .hint("text is UTF8 here"));
                }
            }
            Some(other) => {
                let message = format!("option \"{}\" not recognized", other.to_lowercase());
                return Err(SqlError::syntax(message).hint(
                    "FORMAT, DELIMITER, NULL, HEADER, QUOTE, ESCAPE, FORCE_QUOTE, FORCE_NOT_NULL, \
                     FORCE_NULL, ENCODING and FREEZE are there",
                ));
            }
            None => return Err(words.error()),
        }
        Ok(())
    }

    /// One option in the words of PostgreSQL 8.
    fn old(&mut self, words: &mut Words) -> SqlResult<()> {
        match words.word().as_deref() {
            Some("BINARY") => self.format = Some(CopyFormat::Binary),
            Some("CSV") => self.format = Some(CopyFormat::Csv),
            Some("FREEZE") => {}
            Some("HEADER") => self.header = Some(CopyHeader::Line),
            Some("DELIMITER" | "DELIMITERS") => {
                words.eat("AS");
                self.delimiter = Some(text(words)?);
            }
            Some("NULL") => {
                words.eat("AS");
                self.null = Some(text(words)?);
            }
            Some("QUOTE") => {
                words.eat("AS");
                self.quote = Some(text(words)?);
            }
            Some("ESCAPE") => {
                words.eat("AS");
                self.escape = Some(text(words)?);
            }
            Some("ENCODING") => drop(text(words)?),
            Some("FORCE") => match words.word().as_deref() {
                Some("QUOTE") => self.force_quote = Some(bare_columns(words)?),
                Some("NOT") => {
                    words.expect("NULL")?;
                    self.force_not_null = Some(bare_columns(words)?);
                }
                Some("NULL") => self.force_null = Some(bare_columns(words)?),
                _ => return Err(words.error()),
            },
            _ => return Err(words.error()),
        }
        Ok(())
    }

    fn finish(self, from: bool) -> SqlResult<CopyOptions> {
        let format = self.format.unwrap_or(CopyFormat::Text);
        let csv = format == CopyFormat::Csv;
        let only = |given: bool, what: &str, with: &str| match given {
            true => Err(SqlError::unsupported(format!("COPY {what} available only {with}"))),
            false => Ok(()),
        };
        let binary = format == CopyFormat::Binary;
        let plain = self.delimiter.is_some() || self.null.is_some();
        if binary && (plain || self.header.is_some()) {
            let message = "cannot specify DELIMITER, NULL or HEADER in BINARY mode";
            return Err(SqlError::syntax(message));
        }
        only(!csv && self.quote.is_some(), "quote", "in CSV mode")?;
        only(!csv && self.escape.is_some(), "escape", "in CSV mode")?;
        only(!csv && self.force_quote.is_some(), "force quote", "in CSV mode")?;
        only(from && self.force_quote.is_some(), "force quote", "using COPY TO")?;
        only(!csv && self.force_not_null.is_some(), "force not null", "in CSV mode")?;
        only(!from && self.force_not_null.is_some(), "force not null", "using COPY FROM")?;
        only(!csv && self.force_null.is_some(), "force null", "in CSV mode")?;
        only(!from && self.force_null.is_some(), "force null", "using COPY FROM")?;
        let one = |text: Option<String>, otherwise: u8, what: &str| match text.as_deref() {
            None => Ok(otherwise),
            Some(text) => match *text.as_bytes() {
                [byte] if !matches!(byte, b'\n' | b'\r' | 0) => Ok(byte),
                _ => Err(SqlError::unsupported(format!(
                    "COPY {what} must be a single one-byte character"
                ))),
            },
        };
        let delimiter = one(self.delimiter, if csv { b',' } else { b'\t' }, "delimiter")?;
        let quote = one(self.quote, b'"', "quote")?;
        let escape = one(self.escape, quote, "escape")?;
        let null = self.null.unwrap_or_else(|| if csv { "" } else { "\\N" }.to_string());
        if csv && delimiter == quote {
            return Err(SqlError::unsupported("COPY delimiter and quote must be different"));
        }
        if !csv && b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&delimiter) {
            let message = format!("COPY delimiter cannot be \"{}\"", char::from(delimiter));
            return Err(SqlError::unsupported(message));
        }
        if null.contains(['\n', '\r']) || null.as_bytes().contains(&delimiter) {
            let message = "COPY null representation cannot hold newlines or the delimiter";
            return Err(SqlError::unsupported(message));
        }
        if csv && null.as_bytes().contains(&quote) {
            let message = "CSV quote character must not appear in the NULL specification";
            return Err(SqlError::unsupported(message));
        }
        let header = self.header.unwrap_or(CopyHeader::None);
        if !from && header == CopyHeader::Match {
            return Err(SqlError::unsupported("cannot use \"match\" with HEADER in COPY TO"));
        }
        Ok(CopyOptions {
            format,
            delimiter,
            null,
            header,
            quote,
            escape,
            force_quote: self.force_quote,
            force_not_null: self.force_not_null.unwrap_or_default(),
            force_null: self.force_null.unwrap_or_default(),
        })
    }
}

fn text(words: &mut Words) -> SqlResult<String> {
    match words.token() {
        Some(Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_)) => {}
        _ => return Err(words.error()),
    }
    words.text().ok_or_else(|| words.error())
}

/// `[true | false | on | off | 1 | 0]`; nothing is true.
fn switch(words: &mut Words) -> SqlResult<bool> {
    if matches!(words.token(), Some(Token::Comma | Token::RParen) | None) {
        return Ok(true);
    }
    let word = words.text().ok_or_else(|| words.error())?;
    match word.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(SqlError::syntax(format!("\"{word}\" is no Boolean value"))),
    }
}

/// `(a, b)` or `*`, which is no list at all.
fn columns(words: &mut Words) -> SqlResult<Vec<String>> {
    if words.eat_token(&Token::Mul) {
        return Ok(vec!["*".to_string()]);
    }
    words.expect_token(&Token::LParen)?;
    Ok(idents(words)?.into_iter().map(|ident| ident.value).collect())
}

fn bare_columns(words: &mut Words) -> SqlResult<Vec<String>> {
    if words.eat_token(&Token::Mul) {
        return Ok(vec!["*".to_string()]);
    }
    let mut columns = Vec::new();
    loop {
        columns.push(words.ident().ok_or_else(|| words.error())?.value);
        if !words.eat_token(&Token::Comma) {
            return Ok(columns);
        }
    }
}
