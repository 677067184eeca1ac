//! Names with `-` and `:` in them, and names that begin with a digit.
//!
//! aql takes `test.my-set` and `(PK, bin-1)` without quotes. Where only a name can stand, its
//! pieces become one quoted word. In a condition `a-b` is a difference, unless the set has such a
//! bin: that is decided where the set is known (`stmt/aql.rs`).

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

/// The tokens with the names of sets, and the columns of an INSERT, in one piece.
pub(in crate::front) fn joined(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut joiner = Joiner { tokens, at: 0, out: Vec::with_capacity(tokens.len()) };
    joiner.run();
    joiner.out
}

struct Joiner<'t> {
    tokens: &'t [TokenWithSpan],
    at: usize,
    out: Vec<TokenWithSpan>,
}

impl Joiner<'_> {
    fn run(&mut self) {
        let mut depth = 0usize;
        while let Some(token) = self.tokens.get(self.at) {
            let (from, into) = (is(token, Keyword::FROM), is(token, Keyword::INTO));
            let distinct = self.out.last().is_some_and(|before| is(before, Keyword::DISTINCT));
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.keep();
            if depth == 0 && (into || from && !distinct) {
                self.target();
                if into && self.next_is(&Token::LParen) {
                    self.columns();
                }
            }
        }
    }

    /// Takes the next token as it is.
    fn keep(&mut self) {
        self.out.extend(self.tokens.get(self.at).cloned());
        self.at += 1;
    }

    fn next_is(&self, token: &Token) -> bool {
        self.tokens.get(self.at).is_some_and(|next| next.token == *token)
    }

    /// `name` or `name.name`.
    fn target(&mut self) {
        self.name();
        if self.next_is(&Token::Period) {
            self.keep();
            self.name();
        }
    }

    /// `(name, name, ..)`.
    fn columns(&mut self) {
        self.keep();
        while self.at < self.tokens.len() && !self.next_is(&Token::RParen) {
            let before = self.at;
            self.name();
            if self.next_is(&Token::Comma) || self.at == before {
                self.keep();
            }
        }
    }

    /// One name: pieces that touch each other.
    fn name(&mut self) {
        let first = self.at;
        let Some(begin) = self.tokens.get(first).filter(|token| is_piece(&token.token)) else {
            return;
        };
        let mut last = begin;
        let mut value = text(&begin.token);
        self.at += 1;
        while let Some(next) = self.tokens.get(self.at)
            && touches(last, next)
        {
            let separates = matches!(next.token, Token::Minus | Token::Colon);
            let after = self.tokens.get(self.at + 1);
            let goes_on = after.is_some_and(|after| is_piece(&after.token) && touches(next, after));
            let belongs = is_piece(&next.token) || separates && goes_on;
            if !belongs {
                break;
            }
            value.push_str(&text(&next.token));
            last = next;
            self.at += 1;
        }
        if self.at == first + 1 && matches!(begin.token, Token::Word(_)) {
            self.out.push(begin.clone());
            return;
        }
        let word = Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword };
        let span = Span { start: begin.span.start, end: last.span.end };
        self.out.push(TokenWithSpan { token: Token::Word(word), span });
    }
}

fn is(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword)
}

/// What a bare name is made of, but for its separators.
fn is_piece(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none(),
        Token::Number(..) => true,
        _ => false,
    }
}

fn touches(first: &TokenWithSpan, second: &TokenWithSpan) -> bool {
    first.span.end == second.span.start
}

fn text(token: &Token) -> String {
    match token {
        Token::Word(word) => word.value.clone(),
        other => other.to_string(),
    }
}
