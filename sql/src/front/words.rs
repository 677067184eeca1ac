//! A cursor over a statement's tokens.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::parse::Cut;
use crate::types;
use crate::{SqlError, SqlResult};

/// Reads tokens from left to right.
#[derive(Clone)]
pub(super) struct Words<'a> {
    cut: Cut<'a>,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(cut: &Cut<'a>) -> Words<'a> {
        Words { cut: *cut, at: 0 }
    }

    /// How many tokens are read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn current(&self) -> Option<&'a TokenWithSpan> {
        self.cut.tokens.get(self.at)
    }

    /// The next token.
    pub(super) fn token(&self) -> Option<&'a Token> {
        self.current().map(|t| &t.token)
    }

    /// The token after the next.
    pub(super) fn token_after(&self) -> Option<&'a Token> {
        self.cut.tokens.get(self.at + 1).map(|t| &t.token)
    }

    /// The next word in upper case, if it is an unquoted one; it stays.
    pub(super) fn peek(&self) -> Option<String> {
        match self.token() {
            Some(Token::Word(w)) if w.quote_style.is_none() => Some(w.value.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// The next word in upper case.
    pub(super) fn word(&mut self) -> Option<String> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes this word if it is the next.
    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let there = self.peek().is_some_and(|w| w == wanted);
        self.at += usize::from(there);
        there
    }

    /// This word must come.
    pub(super) fn expect(&mut self, wanted: &str) -> SqlResult<bool> {
        if self.eat(wanted) { Ok(true) } else { Err(self.error()) }
    }

    /// Takes this token if it is the next.
    pub(super) fn eat_token(&mut self, wanted: &Token) -> bool {
        let there = self.token() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    /// This token must come.
    pub(super) fn expect_token(&mut self, wanted: &Token) -> SqlResult<()> {
        if self.eat_token(wanted) { Ok(()) } else { Err(self.error()) }
    }

    /// An identifier, quoted or not.
    pub(super) fn ident(&mut self) -> Option<Ident> {
        let token = self.current()?;
        let Token::Word(word) = &token.token else { return None };
        self.at += 1;
        Some(Ident { value: word.value.clone(), quote_style: word.quote_style, span: token.span })
    }

    /// An identifier's text as PostgreSQL keeps it: lower case unless quoted.
    pub(super) fn name(&mut self) -> SqlResult<String> {
        let ident = self.ident().ok_or_else(|| self.error())?;
        Ok(match ident.quote_style {
            Some(_) => ident.value,
            None => ident.value.to_lowercase(),
        })
    }

    /// Identifiers with points between them.
    pub(super) fn object_name(&mut self) -> SqlResult<ObjectName> {
        let mut idents = vec![self.ident().ok_or_else(|| self.error())?];
        while self.eat_token(&Token::Period) {
            idents.push(self.ident().ok_or_else(|| self.error())?);
        }
        Ok(ObjectName::from(idents))
    }

    /// The name of a set, with its namespace or without.
    pub(super) fn set_name(&mut self) -> SqlResult<ObjectName> {
        let mut idents = vec![self.label_ident()?];
        while self.eat_token(&Token::Period) {
            idents.push(self.label_ident()?);
        }
        Ok(ObjectName::from(idents))
    }

    /// A word, string or number as text.
    pub(super) fn text(&mut self) -> Option<String> {
        let negative = self.token() == Some(&Token::Minus);
        let token = if negative { self.token_after()? } else { self.token()? };
        let text = match token {
            Token::Word(w) => w.value.clone(),
            Token::SingleQuotedString(s) | Token::EscapedStringLiteral(s) => s.clone(),
            Token::Number(n, _) => n.clone(),
            _ => return None,
        };
        self.at += 1 + usize::from(negative);
        Some(if negative { format!("-{text}") } else { text })
    }

    /// A name or value as aql writes it: in quotes, or any pieces that touch each other, but for
    /// points.
    pub(super) fn label(&mut self) -> SqlResult<String> {
        self.label_ident().map(|ident| ident.value)
    }

    /// A label with points: `module.lua`, `read.test.demo`, `10.0.0.1`.
    pub(super) fn label_with_points(&mut self) -> SqlResult<String> {
        let mut label = self.label()?;
        while self.eat_token(&Token::Period) {
            label = format!("{label}.{}", self.label()?);
        }
        Ok(label)
    }

    /// Labels with commas between them, as text.
    pub(super) fn labels(&mut self) -> SqlResult<String> {
        let mut labels = self.label_with_points()?;
        while self.eat_token(&Token::Comma) {
            labels = format!("{labels}, {}", self.label_with_points()?);
        }
        Ok(labels)
    }

    /// A label as a name.
    pub(super) fn label_ident(&mut self) -> SqlResult<Ident> {
        let Some(first) = self.current() else { return Err(self.error()) };
        self.at += 1;
        let quoted = |value: &String, quote| Ident {
            value: value.clone(),
            quote_style: Some(quote),
            span: first.span,
        };
        let mut ident = match &first.token {
            Token::Word(Word { value, quote_style: Some(quote), .. }) => {
                return Ok(quoted(value, *quote));
            }
            Token::SingleQuotedString(value) => return Ok(quoted(value, '"')),
            Token::Word(word) => {
                Ident { value: word.value.clone(), quote_style: None, span: first.span }
            }
            Token::Number(..) => {
                let value = first.token.to_string();
                Ident { value, quote_style: Some('"'), span: first.span }
            }
            _ => {
                self.at -= 1;
                return Err(self.error());
            }
        };
        while let Some(next) = self.current().filter(|next| next.span.start == ident.span.end) {
            match &next.token {
                Token::Word(word) if word.quote_style.is_none() => ident.value += &word.value,
                token @ (Token::Number(..) | Token::Minus | Token::Colon) => {
                    ident.value += &token.to_string();
                }
                _ => break,
            }
            ident.quote_style = Some('"');
            ident.span.end = next.span.end;
            self.at += 1;
        }
        Ok(ident)
    }

    /// Goes behind the parenthesis that closes one opened before.
    pub(super) fn skip_to_close(&mut self) -> SqlResult<()> {
        let mut depth = 1usize;
        while depth > 0 {
            match self.token() {
                None => return Err(self.error()),
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth -= 1,
                Some(_) => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// A number of records.
    pub(super) fn count(&mut self) -> Option<u64> {
        let Some(Token::Number(n, _)) = self.token() else { return None };
        let n = n.parse().ok()?;
        self.at += 1;
        Some(n)
    }

    /// A last-update time: nanoseconds since 1970, or a date; as milliseconds.
    pub(super) fn lut_ms(&mut self) -> SqlResult<u64> {
        let text = match self.peek() {
            // `Dec 19 2017 12:40:00`, which aql takes without quotes.
            Some(_) => {
                let text = self.cut.text_from(self.at);
                self.at = self.cut.tokens.len();
                text
            }
            None => self.text().ok_or_else(|| self.error())?,
        };
        if let Ok(ns) = text.parse::<u64>() {
            return Ok(ns / 1_000_000);
        }
        let us = types::parse_text(model::ColumnType::Timestamptz, &text)?;
        match us {
            model::Value::Integer(us) if us >= 0 => Ok(us as u64 / 1000),
            _ => Err(SqlError::new("22008", format!("\"{text}\" is before 1970"))),
        }
    }

    /// Leaves one token out.
    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    /// Goes on at this token.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Nothing may come after.
    pub(super) fn end(&self, cut: &Cut) -> SqlResult<()> {
        match self.token() {
            None => Ok(()),
            Some(_) => Err(cut.syntax_error(self.at)),
        }
    }

    /// "syntax error at or near" the next token.
    pub(super) fn error(&self) -> SqlError {
        self.cut.syntax_error(self.at)
    }
}
