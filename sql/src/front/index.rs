//! CREATE INDEX, DROP INDEX and SHOW INDEXES, in PostgreSQL's words and in aql's.
//!
//! What PostgreSQL says of an index that changes nothing here (orders, operator classes, INCLUDE,
//! storage parameters) is read over.

use sqlparser::ast;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Words;
use crate::SqlResult;
use crate::parse::{CreateIndex, Cut, DropIndex, Elements, Statement};

/// `CREATE [UNIQUE] [LIST|MAPKEYS|MAPVALUES] INDEX [CONCURRENTLY] [[IF NOT EXISTS] name] ON [ONLY]
/// set [USING method] (key) [type] [WHERE condition]`, behind its first words: `kind` is the word
/// after CREATE.
pub(super) fn create(cut: &Cut, mut words: Words, kind: &str) -> SqlResult<Statement> {
    let unique = kind == "UNIQUE";
    let mut elements = elements_named(kind);
    if kind != "INDEX" {
        words.expect("INDEX")?;
    }
    let concurrently = words.eat("CONCURRENTLY");
    let if_not_exists = words.eat("IF") && words.expect("NOT")? && words.expect("EXISTS")?;
    let name = match words.eat("ON") {
        true if if_not_exists => return Err(words.error()),
        true => None,
        false => {
            let name = words.label_ident()?;
            words.expect("ON")?;
            Some(name)
        }
    };
    words.eat("ONLY");
    let table = words.set_name()?;
    let mut method = None;
    if words.eat("USING") {
        method = Some(words.word().ok_or_else(|| words.error())?);
    }
    let (keys, after) = keys(cut, words.at())?;
    words.skip_to(after);
    let mut value_type = None;
    if let Some(word) = words.peek().filter(|word| TYPES.contains(&word.as_str())) {
        words.skip();
        value_type = Some(word);
    }
    // aql's newer clients say the collection behind the bin.
    if let Some(found) = words.peek().and_then(|word| elements_named(&word)) {
        words.skip();
        elements = Some(found);
    }
    options(&mut words)?;
    let mut filter = None;
    if words.eat("WHERE") {
        filter = Some(expression(cut, cut.skip(words.at()).tokens, words.at())?);
        words.skip_to(cut.tokens.len());
    }
    words.end(cut)?;
    Ok(Statement::CreateIndex(Box::new(CreateIndex {
        name,
        table,
        keys,
        elements,
        method,
        value_type,
        filter,
        unique,
        concurrently,
        if_not_exists,
    })))
}

/// aql's names of what an index holds.
const TYPES: [&str; 7] = ["NUMERIC", "INTEGER", "DOUBLE", "STRING", "BLOB", "BOOL", "GEO2DSPHERE"];

fn elements_named(word: &str) -> Option<Elements> {
    Some(match word {
        "LIST" => Elements::List,
        "MAPKEYS" => Elements::MapKeys,
        "MAPVALUES" => Elements::MapValues,
        _ => return None,
    })
}

/// What stands behind the keys and changes nothing.
fn options(words: &mut Words) -> SqlResult<()> {
    loop {
        if words.eat("INCLUDE") || words.eat("WITH") {
            words.expect_token(&Token::LParen)?;
            words.skip_to_close()?;
        } else if words.eat("NULLS") {
            words.eat("NOT");
            words.expect("DISTINCT")?;
        } else if words.eat("TABLESPACE") {
            words.label()?;
        } else {
            return Ok(());
        }
    }
}

/// The keys in parentheses that begin at this token, and the token behind them.
fn keys(cut: &Cut, open: usize) -> SqlResult<(Vec<ast::Expr>, usize)> {
    if cut.tokens.get(open).map(|t| &t.token) != Some(&Token::LParen) {
        return Err(cut.syntax_error(open));
    }
    let (mut keys, mut from, mut depth) = (Vec::new(), open + 1, 0usize);
    for (at, token) in cut.tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 1 => {}
            _ => continue,
        }
        let ends = depth == 0;
        if ends || depth == 1 && token.token == Token::Comma {
            let key = without_order(&cut.tokens[from..at]);
            if key.is_empty() {
                return Err(cut.syntax_error(at));
            }
            keys.push(expression(cut, key, from)?);
            from = at + 1;
        }
        if ends {
            return Ok((keys, at + 1));
        }
    }
    Err(cut.syntax_error(cut.tokens.len()))
}

/// A key without its order, its operator class and its collation.
fn without_order(mut key: &[TokenWithSpan]) -> &[TokenWithSpan] {
    let ends = |key: &[TokenWithSpan], words: &[&str]| {
        let from = key.len().checked_sub(words.len() + 1);
        from.is_some_and(|from| key[from + 1..].iter().zip(words).all(|(t, w)| is_word(t, w)))
    };
    for order in ["FIRST", "LAST"] {
        if ends(key, &["NULLS", order]) {
            key = &key[..key.len() - 2];
        }
    }
    for order in ["ASC", "DESC"] {
        if ends(key, &[order]) {
            key = &key[..key.len() - 1];
        }
    }
    if let [.., before, class] = key
        && matches!(&class.token, Token::Word(w) if w.quote_style.is_none())
        && matches!(before.token, Token::Word(_) | Token::RParen)
        && !is_word(before, "COLLATE")
    {
        key = &key[..key.len() - 1];
    }
    match key {
        [rest @ .., collate, _] if !rest.is_empty() && is_word(collate, "COLLATE") => rest,
        _ => key,
    }
}

fn is_word(token: &TokenWithSpan, wanted: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(wanted))
}

/// An expression of these tokens. One label, in quotes of either kind or with `-` in it, is a bin.
fn expression(cut: &Cut, tokens: &[TokenWithSpan], from: usize) -> SqlResult<ast::Expr> {
    let piece = cut.skip(from).first(tokens.len());
    let mut label = Words::new(&piece);
    if let Ok(ident) = label.label_ident()
        && label.token().is_none()
        && !matches!(tokens, [TokenWithSpan { token: Token::Number(..), .. }])
    {
        return Ok(ast::Expr::Identifier(ident));
    }
    let parsed = cut.with_parser(tokens.to_vec(), |parser| parser.parse_expr());
    parsed.map_err(|error| match error.position {
        None => cut.places.mark(error, tokens.last().map_or(cut.end, |t| t.span)),
        Some(_) => error,
    })
}

/// `DROP INDEX [CONCURRENTLY] [IF EXISTS] name, .. [CASCADE|RESTRICT]`, and aql's
/// `DROP INDEX ns[.set] name`.
pub(super) fn drop(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    words.eat("CONCURRENTLY");
    let if_exists = words.eat("IF") && words.expect("EXISTS")?;
    let first = words.set_name()?;
    let last = |words: &Words| match words.peek().as_deref() {
        Some("CASCADE" | "RESTRICT") => true,
        _ => matches!(words.token(), None | Some(Token::Comma)),
    };
    if !last(&words) {
        let name = words.label_ident()?;
        words.end(cut)?;
        let drop = DropIndex { names: vec![(Some(first), name)], if_exists };
        return Ok(Statement::DropIndex(drop));
    }
    let mut names = vec![named(first, &words)?];
    while words.eat_token(&Token::Comma) {
        let name = words.set_name()?;
        names.push(named(name, &words)?);
    }
    let _ = words.eat("CASCADE") || words.eat("RESTRICT");
    words.end(cut)?;
    Ok(Statement::DropIndex(DropIndex { names, if_exists }))
}

/// An index as PostgreSQL names it: its schema in front, or nothing.
fn named(name: ast::ObjectName, words: &Words) -> SqlResult<(Option<ast::ObjectName>, ast::Ident)> {
    let mut parts = name.0;
    match (parts.pop(), parts.len()) {
        (Some(ast::ObjectNamePart::Identifier(index)), 0) => Ok((None, index)),
        (Some(ast::ObjectNamePart::Identifier(index)), _) => {
            Ok((Some(ast::ObjectName(parts)), index))
        }
        _ => Err(words.error()),
    }
}

/// `SHOW INDEXES`, `SHOW INDEXES ns`, `SHOW INDEXES [FROM|ON|IN] ns[.set]`.
pub(super) fn show(words: &mut Words) -> SqlResult<Statement> {
    let _ = words.eat("FROM") || words.eat("ON") || words.eat("IN");
    let of = if words.token().is_some() { Some(words.set_name()?) } else { None };
    Ok(Statement::ShowIndexes(of))
}
