//! CREATE TABLE in its forms, CREATE VIEW, and DROP of both.

use sqlparser::ast;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Words, parsed, query, refuse};
use crate::parse::{CreateSequence, Cut, Like, Statement, TableAs, View};
use crate::{SqlError, SqlResult};

/// `CREATE TABLE ..`, after TABLE.
pub(super) fn create_table(cut: &Cut, words: Words) -> SqlResult<Statement> {
    if let Some(at) = top_level(cut, "AS", words.at())
        && !is_word(&cut.tokens[at.saturating_sub(1)], "GENERATED")
    {
        return table_as(cut, words, at);
    }
    let (tokens, likes) = without_likes(cut)?;
    match parsed(cut, identities_in_order(tokens))? {
        ast::Statement::CreateTable(table) => Ok(Statement::CreateTable(Box::new(table), likes)),
        _ => Err(cut.syntax_error(1)),
    }
}

/// `CREATE TABLE [IF NOT EXISTS] name [(a, ..)] AS query [WITH [NO] DATA]`; `at` is where AS stands.
fn table_as(cut: &Cut, mut words: Words, at: usize) -> SqlResult<Statement> {
    let if_not_exists = if_not_exists(&mut words)?;
    let name = words.object_name()?;
    let columns = names(&mut words)?;
    if words.at() != at {
        return Err(SqlError::unsupported("options of CREATE TABLE AS are not supported")
            .hint("CREATE TABLE with columns and options, then INSERT INTO .. SELECT"));
    }
    let (rest, with_data) = data(cut.skip(at + 1));
    let Statement::Query(query) = query(&rest)? else { return Err(rest.syntax_error(0)) };
    let text = TableAs { name, columns, query, if_not_exists, with_data };
    Ok(Statement::CreateTableAs(Box::new(text)))
}

/// Takes `WITH [NO] DATA` off the end.
fn data<'a>(cut: Cut<'a>) -> (Cut<'a>, bool) {
    let count = cut.tokens.len();
    let word =
        |back: usize, wanted: &str| count >= back && is_word(&cut.tokens[count - back], wanted);
    match (word(1, "DATA"), word(2, "NO"), word(2, "WITH"), word(3, "WITH")) {
        (true, true, _, true) => (cut.first(count - 3), false),
        (true, _, true, _) => (cut.first(count - 2), true),
        _ => (cut, true),
    }
}

/// Takes `LIKE table [INCLUDING ..]` out of the list of columns, which sqlparser does not read among
/// others.
fn without_likes(cut: &Cut) -> SqlResult<(Vec<TokenWithSpan>, Vec<Like>)> {
    let open = cut.tokens.iter().position(|t| t.token == Token::LParen);
    let Some(open) = open else { return Ok((cut.tokens.to_vec(), Vec::new())) };
    let (mut depth, mut begin) = (0usize, open + 1);
    let (mut kept, mut likes, mut close) = (Vec::new(), Vec::new(), cut.tokens.len());
    for (at, token) in cut.tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ends = depth == 0 || (depth == 1 && token.token == Token::Comma);
        if !ends {
            continue;
        }
        let element = cut.skip(begin).first(at - begin);
        match element.tokens.first().is_some_and(|first| is_word(first, "LIKE")) {
            true => likes.push(like(&element, kept.len())?),
            false => kept.push(element.tokens),
        }
        begin = at + 1;
        if depth == 0 {
            close = at;
            break;
        }
    }
    if likes.is_empty() {
        return Ok((cut.tokens.to_vec(), likes));
    }
    let mut tokens = cut.tokens[..=open].to_vec();
    for (number, element) in kept.iter().enumerate() {
        if number > 0 {
            tokens.push(TokenWithSpan { token: Token::Comma, span: cut.tokens[open].span });
        }
        tokens.extend_from_slice(element);
    }
    tokens.extend_from_slice(&cut.tokens[close.min(cut.tokens.len())..]);
    Ok((tokens, likes))
}

/// `LIKE table [INCLUDING | EXCLUDING what] ..`
fn like(cut: &Cut, before: usize) -> SqlResult<Like> {
    let mut words = Words::new(cut);
    words.expect("LIKE")?;
    let mut like = Like {
        name: words.object_name()?,
        before,
        defaults: false,
        constraints: false,
        key: false,
        comments: false,
        identity: false,
    };
    while words.token().is_some() {
        let on = words.eat("INCLUDING");
        if !on {
            words.expect("EXCLUDING")?;
        }
        let what = words.word().ok_or_else(|| words.error())?;
        match what.as_str() {
            "DEFAULTS" => like.defaults = on,
            "CONSTRAINTS" => like.constraints = on,
            "INDEXES" => like.key = on,
            "COMMENTS" => like.comments = on,
            "IDENTITY" => like.identity = on,
            "ALL" => {
                (like.defaults, like.constraints, like.key) = (on, on, on);
                (like.comments, like.identity) = (on, on);
            }
            "GENERATED" | "STORAGE" | "STATISTICS" | "COMPRESSION" => {}
            _ => return Err(cut.syntax_error(words.at() - 1)),
        }
    }
    Ok(like)
}

/// `CREATE [OR REPLACE] VIEW name [(a, ..)] AS query`, after VIEW.
pub(super) fn create_view(cut: &Cut, mut words: Words, or_replace: bool) -> SqlResult<Statement> {
    let name = words.object_name()?;
    let columns = names(&mut words)?;
    if words.peek().as_deref() == Some("WITH") {
        return Err(SqlError::unsupported("options of a view are not supported")
            .hint("CREATE [OR REPLACE] VIEW name AS SELECT .."));
    }
    words.expect("AS")?;
    let rest = cut.skip(words.at());
    if let Some(at) = top_level(&rest, "CHECK", 0)
        && at + 2 == rest.tokens.len()
        && is_word(&rest.tokens[at + 1], "OPTION")
    {
        return Err(SqlError::unsupported("WITH CHECK OPTION is not supported")
            .hint("a view is read only here; leave it out"));
    }
    if rest.tokens.is_empty() {
        return Err(words.error());
    }
    let text = rest.text_from(0);
    let Statement::Query(query) = query(&rest)? else { return Err(rest.syntax_error(0)) };
    Ok(Statement::CreateView(Box::new(View { name, columns, query, text, or_replace })))
}

/// DROP TABLE, DROP VIEW, DROP SEQUENCE: `[IF EXISTS] a, b [CASCADE | RESTRICT]`, after the word.
pub(super) fn drop(cut: &Cut, mut words: Words, kind: &str) -> SqlResult<Statement> {
    let if_exists = words.eat("IF") && words.expect("EXISTS")?;
    let mut names = vec![words.object_name()?];
    while words.eat_token(&Token::Comma) {
        names.push(words.object_name()?);
    }
    let cascade = words.eat("CASCADE");
    let _ = cascade || words.eat("RESTRICT");
    words.end(cut)?;
    Ok(match kind {
        "TABLE" => Statement::DropTable { names, if_exists, cascade },
        "VIEW" => Statement::DropView { names, if_exists, cascade },
        "SEQUENCE" => Statement::DropSequence { names, if_exists },
        _ => return Err(refuse::create(kind, cut)),
    })
}

/// CREATE SEQUENCE.
pub(super) fn create_sequence(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    if_not_exists(&mut words)?;
    words.object_name()?;
    let mut tokens = cut.tokens[..words.at()].to_vec();
    tokens.extend(in_order(&cut.tokens[words.at()..]));
    match parsed(cut, tokens)? {
        ast::Statement::CreateSequence {
            temporary: false,
            if_not_exists,
            name,
            data_type,
            sequence_options: options,
            owned_by,
        } => {
            let owned_by = owned_by.filter(|owner| !owner.to_string().eq_ignore_ascii_case("none"));
            let create = CreateSequence { name, data_type, options, owned_by, if_not_exists };
            Ok(Statement::CreateSequence(Box::new(create)))
        }
        _ => Err(cut.syntax_error(1)),
    }
}

/// The words that begin an option of a sequence, in the order in which sqlparser wants the options.
const OPTIONS: [&str; 8] =
    ["AS", "INCREMENT", "MINVALUE", "MAXVALUE", "START", "CACHE", "CYCLE", "OWNED"];

/// Options of a sequence, which may come in any order, in sqlparser's.
fn in_order(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut options: Vec<(usize, Vec<TokenWithSpan>)> = vec![(0, Vec::new())];
    let mut after_no = false;
    for (i, token) in tokens.iter().enumerate() {
        let no = is_word(token, "NO");
        // The word after NO says what it is about.
        let word = if no { tokens.get(i + 1).unwrap_or(token) } else { token };
        let rank = OPTIONS.iter().position(|option| is_word(word, option));
        if let Some(rank) = rank.filter(|_| !after_no) {
            options.push((rank, Vec::new()));
        }
        after_no = no;
        if let Some((_, option)) = options.last_mut() {
            option.push(token.clone());
        }
    }
    options.sort_by_key(|(rank, _)| *rank);
    options.into_iter().flat_map(|(_, option)| option).collect()
}

/// The same inside `IDENTITY (..)`.
fn identities_in_order(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut at = 0;
    while at + 1 < tokens.len() {
        let begins = is_word(&tokens[at], "IDENTITY") && tokens[at + 1].token == Token::LParen;
        let close = tokens[at..].iter().position(|t| t.token == Token::RParen);
        if let (true, Some(close)) = (begins, close) {
            let inside = at + 2..(at + close).max(at + 2);
            let ordered = in_order(&tokens[inside.clone()]);
            tokens.splice(inside, ordered);
        }
        at += 1;
    }
    tokens
}

/// `ALTER SEQUENCE name RESTART [[WITH] n]`, after SEQUENCE.
pub(super) fn alter_sequence(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let name = words.object_name()?;
    if !words.eat("RESTART") {
        return Err(SqlError::unsupported("this form of ALTER SEQUENCE is not supported")
            .hint("ALTER SEQUENCE name RESTART [WITH n], or DROP and CREATE it"));
    }
    let mut restart = None;
    if words.eat("WITH") || words.token().is_some() {
        let text = words.text().ok_or_else(|| words.error())?;
        restart = Some(text.parse().map_err(|_| cut.syntax_error(words.at() - 1))?);
    }
    words.end(cut)?;
    Ok(Statement::AlterSequence { name, restart })
}

/// `COMMENT ON TABLE name IS 'text'`, after COMMENT.
pub(super) fn comment(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    words.expect("ON")?;
    let at = words.at();
    let kind = match words.word().as_deref() {
        Some("TABLE") => "table",
        Some("VIEW") => "view",
        Some("SEQUENCE") => "sequence",
        Some("COLUMN") => "column",
        Some(other) => {
            let error = SqlError::unsupported(format!("COMMENT ON {other} is not supported"))
                .hint("COMMENT ON TABLE, VIEW, SEQUENCE and COLUMN are there");
            return Err(cut.places.mark(error, cut.tokens[at].span));
        }
        None => return Err(words.error()),
    };
    let name = words.object_name()?;
    words.expect("IS")?;
    let text = match words.token() {
        Some(Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_)) => words.text(),
        _ if words.eat("NULL") => None,
        _ => return Err(words.error()),
    };
    words.end(cut)?;
    Ok(Statement::Comment { kind, name, text })
}

pub(super) fn if_not_exists(words: &mut Words) -> SqlResult<bool> {
    Ok(words.eat("IF") && words.expect("NOT")? && words.expect("EXISTS")?)
}

/// `(a, b)`, if it is there.
fn names(words: &mut Words) -> SqlResult<Vec<ast::Ident>> {
    let mut names = Vec::new();
    if !words.eat_token(&Token::LParen) {
        return Ok(names);
    }
    loop {
        names.push(words.ident().ok_or_else(|| words.error())?);
        if words.eat_token(&Token::RParen) {
            return Ok(names);
        }
        words.expect_token(&Token::Comma)?;
    }
}

/// Where this word stands outside of all parentheses, from the token `from` on.
fn top_level(cut: &Cut, wanted: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    cut.tokens.iter().enumerate().skip(from).find_map(|(at, token)| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth == 0 && is_word(token, wanted) => return Some(at),
            _ => {}
        }
        None
    })
}

fn is_word(token: &TokenWithSpan, wanted: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(wanted))
}
