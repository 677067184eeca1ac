//! The front parser: what is not sqlparser's.
//!
//! The first word decides. aql's own statements and those of the session are read here token by
//! token; SELECT, INSERT, UPDATE, DELETE and CREATE TABLE go to sqlparser once aql's habits
//! (`UPSERT INTO`, `LIMIT` before `WHERE`, `WITH (ttl = ..)` at the end) are taken out of their
//! tokens. What this release does not do is refused by name.

mod aql;
mod copy;
mod define;
mod index;
mod namespace;
mod refuse;
mod session;
mod words;

use sqlparser::ast;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::parse::{Cut, InsertMode, Options, Statement};
use crate::types;
use crate::{SqlError, SqlResult};

pub(crate) use namespace::reserved;
pub(crate) use refuse::explain_syntax_error;
use words::Words;

/// Reads one statement.
pub(crate) fn statement(cut: &Cut) -> SqlResult<Statement> {
    let mut words = Words::new(cut);
    let first = match cut.tokens.first().map(|t| &t.token) {
        Some(Token::LParen) => "(".to_string(),
        _ => words.word().unwrap_or_default(),
    };
    if let Some(statement) = aql::statement(&first, cut, &words)? {
        return Ok(statement);
    }
    match first.as_str() {
        "SELECT" | "VALUES" | "TABLE" | "(" => query(cut),
        "WITH" => query(cut),
        "INSERT" => insert(cut, InsertMode::Insert),
        "UPSERT" => insert(cut, InsertMode::Upsert),
        "REPLACE" => insert(cut, InsertMode::Replace),
        "UPDATE" => update(cut),
        "DELETE" => delete(cut),
        "CREATE" => create(cut, words),
        "DROP" => drop(cut, words),
        "ALTER" if words.eat("SEQUENCE") => define::alter_sequence(cut, words),
        "ALTER" => namespace::alter(cut, words),
        "COPY" => copy::copy(cut, words),
        "TRUNCATE" => truncate(cut, words),
        "COMMENT" => define::comment(cut, words),
        "EXPLAIN" => explain(cut, words),
        "SHOW" => show(cut, words),
        "SET" if namespace::is_set_config(&words) => namespace::set_config(cut, words),
        _ => match session::command(&first, cut, words)? {
            Some(session) => Ok(Statement::Session(session)),
            None => Err(refuse::unknown(&first, cut)),
        },
    }
}

/// ALTER TABLE, but for its settings.
fn alter_columns(cut: &Cut) -> SqlResult<Statement> {
    match parsed(cut, cut.tokens.to_vec())? {
        ast::Statement::AlterTable(alter) => Ok(Statement::AlterColumns(Box::new(alter))),
        _ => Err(refuse::unknown("ALTER", cut)),
    }
}

/// Runs sqlparser and takes the one kind of statement that must come.
fn parsed(cut: &Cut, tokens: Vec<TokenWithSpan>) -> SqlResult<ast::Statement> {
    let tokens = distinct_operators(whole_table(tokens));
    let mut statement = cut.with_parser(tokens, |parser| parser.parse_statement())?;
    tidy(&mut statement);
    Ok(statement)
}

/// sqlparser takes everything after `IS DISTINCT FROM` as its operand, ANDs and ORs too. So the
/// words become operators that bind as comparisons do, and [`tidy`] turns those back.
fn distinct_operators(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is = |t: Option<&TokenWithSpan>, k| matches!(t.map(|t| &t.token), Some(Token::Word(w)) if w.keyword == k);
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let negated = is(tokens.get(at + 1), Keyword::NOT);
        let after = at + 1 + usize::from(negated);
        let found = is(tokens.get(at), Keyword::IS)
            && is(tokens.get(after), Keyword::DISTINCT)
            && is(tokens.get(after + 1), Keyword::FROM);
        if found {
            let token = if negated { Token::Spaceship } else { Token::TildeEqual };
            out.push(TokenWithSpan { token, span: tokens[at].span });
            at = after + 2;
        } else {
            out.push(tokens[at].clone());
            at += 1;
        }
    }
    out
}

/// Long chains of AND and OR are left-deep trees; as balanced ones nobody recurses far into them.
/// Operators of [`distinct_operators`] become what was written.
fn tidy(statement: &mut ast::Statement) {
    struct Tidy;
    impl ast::VisitorMut for Tidy {
        type Break = ();
        fn pre_visit_expr(&mut self, e: &mut ast::Expr) -> std::ops::ControlFlow<()> {
            balance_one(e, &ast::BinaryOperator::And);
            balance_one(e, &ast::BinaryOperator::Or);
            distinct(e);
            hexadecimal(e);
            std::ops::ControlFlow::Continue(())
        }
        fn pre_visit_query(&mut self, query: &mut ast::Query) -> std::ops::ControlFlow<()> {
            fetch_first(query);
            std::ops::ControlFlow::Continue(())
        }
    }
    let _ = ast::VisitMut::visit(statement, &mut Tidy);
}

/// `0x1F` is a number wherever it stands.
fn hexadecimal(e: &mut ast::Expr) {
    if let ast::Expr::Value(value) = e
        && let ast::Value::HexStringLiteral(digits) = &value.value
        && let Ok(number) = i64::from_str_radix(digits, 16)
    {
        value.value = ast::Value::Number(number.to_string(), false);
    }
}

/// `FETCH FIRST n ROWS ONLY` is LIMIT n.
fn fetch_first(query: &mut ast::Query) {
    use ast::LimitClause::LimitOffset;
    let only = |fetch: &mut ast::Fetch| !fetch.with_ties && !fetch.percent;
    let Some(fetch) = query.fetch.take_if(only) else { return };
    let one = || ast::Expr::Value(ast::Value::Number("1".to_string(), false).into());
    let count = Some(fetch.quantity.unwrap_or_else(one));
    match &mut query.limit_clause {
        Some(LimitOffset { limit, .. }) => *limit = count,
        clause => {
            *clause = Some(LimitOffset { limit: count, offset: None, limit_by: Vec::new() });
        }
    }
}

fn distinct(e: &mut ast::Expr) {
    let ast::Expr::BinaryOp { op, .. } = e else { return };
    let negated = match op {
        ast::BinaryOperator::Spaceship => true,
        ast::BinaryOperator::TildeEq => false,
        _ => return,
    };
    let whole = std::mem::replace(e, ast::Expr::Value(ast::Value::Null.into()));
    if let ast::Expr::BinaryOp { left, right, .. } = whole {
        *e = match negated {
            true => ast::Expr::IsNotDistinctFrom(left, right),
            false => ast::Expr::IsDistinctFrom(left, right),
        };
    }
}

fn balance_one(e: &mut ast::Expr, wanted: &ast::BinaryOperator) {
    // Chains shorter than this are no danger to anybody.
    const SHORT: usize = 16;
    let mut length = 0;
    let mut at = &*e;
    while let ast::Expr::BinaryOp { left, op, .. } = at
        && op == wanted
    {
        (at, length) = (left, length + 1);
    }
    if length < SHORT {
        return;
    }
    let placeholder = || ast::Expr::Value(ast::Value::Null.into());
    let mut parts = Vec::with_capacity(length + 1);
    let mut rest = std::mem::replace(e, placeholder());
    loop {
        match rest {
            ast::Expr::BinaryOp { left, op, right } if op == *wanted => {
                parts.push(*right);
                rest = *left;
            }
            other => {
                parts.push(other);
                break;
            }
        }
    }
    parts.reverse();
    while parts.len() > 1 {
        let mut pairs = Vec::with_capacity(parts.len().div_ceil(2));
        let mut old = parts.into_iter();
        while let Some(a) = old.next() {
            pairs.push(match old.next() {
                None => a,
                Some(b) => ast::Expr::BinaryOp {
                    left: Box::new(a),
                    op: wanted.clone(),
                    right: Box::new(b),
                },
            });
        }
        parts = pairs;
    }
    if let Some(whole) = parts.pop() {
        *e = whole;
    }
}

fn query(cut: &Cut) -> SqlResult<Statement> {
    match aql::query(cut)? {
        ast::Statement::Query(query) => Ok(with_write(*query)),
        _ => Err(cut.syntax_error(0)),
    }
}

/// `WITH .. INSERT`, UPDATE and DELETE are the writes that they are; else a query.
fn with_write(mut query: ast::Query) -> Statement {
    let options = |with| Options { with, ..Options::default() };
    match *query.body {
        ast::SetExpr::Insert(ast::Statement::Insert(mut insert)) => {
            match &mut insert.source {
                Some(source) if source.with.is_none() => source.with = query.with,
                _ => {}
            }
            Statement::Insert(Box::new(insert), InsertMode::Insert, Options::default())
        }
        ast::SetExpr::Update(ast::Statement::Update(update)) => {
            Statement::Update(Box::new(update), options(query.with))
        }
        ast::SetExpr::Delete(ast::Statement::Delete(delete)) => {
            Statement::Delete(Box::new(delete), options(query.with))
        }
        body => {
            query.body = Box::new(body);
            Statement::Query(Box::new(query))
        }
    }
}

/// `TABLE t` at the beginning is `SELECT * FROM t`.
fn whole_table(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let Some(first) = tokens.first() else { return tokens };
    if !matches!(&first.token, Token::Word(w) if w.keyword == Keyword::TABLE) {
        return tokens;
    }
    let span = first.span;
    let select = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
    tokens.splice(..1, select.map(|token| TokenWithSpan { token, span }));
    tokens
}

/// aql allows `LIMIT n` before `WHERE`: it goes to the end.
fn limit_last(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let is = |t: &TokenWithSpan, k| matches!(&t.token, Token::Word(w) if w.keyword == k);
    let number = |t: &TokenWithSpan| matches!(t.token, Token::Number(..));
    let place = tokens
        .windows(3)
        .position(|w| is(&w[0], Keyword::LIMIT) && number(&w[1]) && is(&w[2], Keyword::WHERE));
    let mut tokens = tokens.to_vec();
    let nested = tokens.iter().any(|t| t.token == Token::LParen && is(&tokens[0], Keyword::WITH));
    if let Some(place) = place.filter(|_| !nested) {
        let limit: Vec<TokenWithSpan> = tokens.drain(place..place + 2).collect();
        tokens.extend(limit);
    }
    tokens
}

fn insert(cut: &Cut, mode: InsertMode) -> SqlResult<Statement> {
    let (mut tokens, mut options) = split_options(cut)?;
    options.overriding = take_overriding(&mut tokens);
    if let Some(first) = tokens.first_mut() {
        first.token = Token::Word(Word {
            value: "INSERT".to_string(),
            quote_style: None,
            keyword: Keyword::INSERT,
        });
    }
    match parsed(cut, tokens)? {
        ast::Statement::Insert(insert) => Ok(Statement::Insert(Box::new(insert), mode, options)),
        _ => Err(cut.syntax_error(1)),
    }
}

/// Takes `OVERRIDING SYSTEM VALUE`, or USER, out of an INSERT.
fn take_overriding(tokens: &mut Vec<TokenWithSpan>) -> bool {
    let word = |t: &TokenWithSpan, wanted: &str| matches!(&t.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(wanted));
    let found = tokens.windows(3).position(|w| {
        word(&w[0], "OVERRIDING")
            && (word(&w[1], "SYSTEM") || word(&w[1], "USER"))
            && word(&w[2], "VALUE")
    });
    if let Some(at) = found {
        tokens.drain(at..at + 3);
    }
    found.is_some()
}

fn update(cut: &Cut) -> SqlResult<Statement> {
    let (tokens, options) = split_options(cut)?;
    match parsed(cut, tokens)? {
        ast::Statement::Update(update) => Ok(Statement::Update(Box::new(update), options)),
        _ => Err(cut.syntax_error(1)),
    }
}

fn delete(cut: &Cut) -> SqlResult<Statement> {
    let (tokens, options) = split_options(cut)?;
    match parsed(cut, tokens)? {
        ast::Statement::Delete(delete) => Ok(Statement::Delete(Box::new(delete), options)),
        _ => Err(cut.syntax_error(1)),
    }
}

/// Takes `WITH (ttl = '30d', generation = 5)` out of a write: at the end or before RETURNING. A
/// common table expression has a name after WITH, so it is not met.
fn split_options(cut: &Cut) -> SqlResult<(Vec<TokenWithSpan>, Options)> {
    let word = |i: usize, k| matches!(cut.tokens.get(i).map(|t| &t.token), Some(Token::Word(w)) if w.keyword == k);
    let open = |i: usize| cut.tokens.get(i).is_some_and(|t| t.token == Token::LParen);
    let mut depth = 0usize;
    let mut found = None;
    for (i, token) in cut.tokens.iter().enumerate() {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth == 0 && word(i, Keyword::WITH) && open(i + 1) => found = Some(i),
            _ => {}
        }
    }
    let Some(begin) = found else { return Ok((aql::joined(cut.tokens), Options::default())) };
    let mut depth = 0usize;
    let close = (begin + 1..cut.tokens.len()).find(|i| {
        match cut.tokens[*i].token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let Some(close) = close else { return Err(cut.syntax_error(cut.tokens.len())) };
    if close + 1 < cut.tokens.len() && !word(close + 1, Keyword::RETURNING) {
        return Err(cut.syntax_error(close + 1));
    }
    let inner = cut.skip(begin + 2).first(close - begin - 2);
    let options = options(&inner)?;
    let rest: Vec<TokenWithSpan> =
        cut.tokens[..begin].iter().chain(&cut.tokens[close + 1..]).cloned().collect();
    Ok((aql::joined(&rest), options))
}

fn options(cut: &Cut) -> SqlResult<Options> {
    let mut options = Options::default();
    let mut begin = 0;
    while begin < cut.tokens.len() {
        let rest = cut.skip(begin);
        let end = rest.tokens.iter().position(|t| t.token == Token::Comma);
        let option = rest.first(end.unwrap_or(rest.tokens.len()));
        let name = Words::new(&option).word().unwrap_or_default();
        if !matches!(option.tokens.get(1).map(|t| &t.token), Some(Token::Eq)) {
            return Err(option.syntax_error(1));
        }
        let value = option.skip(2);
        let value = value.with_parser(value.tokens.to_vec(), |parser| parser.parse_expr())?;
        match name.as_str() {
            "TTL" => options.ttl = Some(seconds(value)?),
            "GENERATION" | "GEN" => options.generation = Some(value),
            other => {
                let message = format!("option \"{}\" is unknown", other.to_lowercase());
                let error = SqlError::new("22023", message).hint("options are ttl and generation");
                return Err(cut.places.mark(error, option.tokens[0].span));
            }
        }
        begin += option.tokens.len() + 1;
    }
    Ok(options)
}

/// `'30d'` as a number of seconds.
pub(crate) fn seconds(value: ast::Expr) -> SqlResult<ast::Expr> {
    let text = match &value {
        ast::Expr::Value(v) => match &v.value {
            ast::Value::SingleQuotedString(text) => Some(text.clone()),
            ast::Value::Number(text, _) => Some(text.clone()),
            _ => None,
        },
        ast::Expr::Identifier(ident) => Some(ident.value.clone()),
        _ => None,
    };
    let Some(text) = text else { return Ok(value) };
    let number = ast::Value::Number(types::parse_interval_s(&text)?.to_string(), false);
    Ok(ast::Expr::Value(number.into()))
}

fn create(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let mut kind = words.word().unwrap_or_default();
    if let Some(word) = namespace::word(&kind) {
        return namespace::create(cut, words, word);
    }
    let or_replace = kind == "OR" && words.eat("REPLACE");
    if or_replace {
        kind = words.word().unwrap_or_default();
    }
    if kind == "VIEW" {
        return define::create_view(cut, words, or_replace);
    }
    let temporary = matches!(kind.as_str(), "TEMP" | "TEMPORARY" | "UNLOGGED" | "GLOBAL" | "LOCAL");
    if temporary {
        kind = words.word().unwrap_or_default();
        if matches!(kind.as_str(), "TEMP" | "TEMPORARY") {
            kind = words.word().unwrap_or_default();
        }
    }
    let indexes = ["INDEX", "UNIQUE", "LIST", "MAPKEYS", "MAPVALUES"];
    if indexes.contains(&kind.as_str()) && !temporary {
        return index::create(cut, words, &kind);
    }
    if kind == "SEQUENCE" && !temporary {
        return define::create_sequence(cut, words);
    }
    if kind != "TABLE" {
        return Err(refuse::create(&kind, cut));
    }
    if temporary {
        return Err(SqlError::unsupported("temporary tables are not supported")
            .hint("a table WITH (ttl = '1h') forgets its rows by itself"));
    }
    define::create_table(cut, words)
}

fn drop(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let kind = words.word().unwrap_or_default();
    if let Some(word) = namespace::word(&kind) {
        return namespace::drop(cut, words, word);
    }
    match kind.as_str() {
        "TABLE" | "VIEW" | "SEQUENCE" => define::drop(cut, words, &kind),
        "INDEX" => index::drop(cut, words),
        _ => Err(refuse::create(&kind, cut)),
    }
}

/// `TRUNCATE [TABLE] ns.set, .. [UPTO lut]`: lut in nanoseconds, or a date.
fn truncate(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    words.eat("TABLE");
    words.eat("ONLY");
    let if_exists = words.eat("IF") && words.expect("EXISTS")?;
    let mut names = vec![words.set_name()?];
    while words.eat_token(&Token::Comma) {
        names.push(words.set_name()?);
    }
    let mut before_lut_ms = None;
    if words.eat("UPTO") {
        before_lut_ms = Some(words.lut_ms()?);
    }
    let restart_identity = words.eat("RESTART") && words.expect("IDENTITY")?;
    let _ = words.eat("CONTINUE") && words.expect("IDENTITY")?;
    let _ = words.eat("CASCADE") || words.eat("RESTRICT");
    words.end(cut)?;
    Ok(Statement::Truncate { names, if_exists, before_lut_ms, restart_identity })
}

/// `EXPLAIN [ANALYZE] [VERBOSE] statement`, `EXPLAIN (ANALYZE, ..) statement`.
fn explain(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let (mut analyze, mut json) = (false, false);
    if words.eat_token(&Token::LParen) {
        loop {
            let option = words.word().ok_or_else(|| words.error())?;
            let mut on = true;
            if !matches!(words.token(), Some(Token::Comma | Token::RParen)) {
                let value = words.text().ok_or_else(|| words.error())?;
                on = !matches!(value.to_ascii_lowercase().as_str(), "off" | "false" | "0");
                if option == "FORMAT" {
                    json = value.eq_ignore_ascii_case("json");
                    if !json && !value.eq_ignore_ascii_case("text") {
                        let message = format!("EXPLAIN (FORMAT {value}) is not supported");
                        return Err(SqlError::unsupported(message).hint("FORMAT is text or json"));
                    }
                }
            }
            if matches!(option.as_str(), "ANALYZE" | "ANALYSE") {
                analyze = on;
            }
            if words.eat_token(&Token::RParen) {
                break;
            }
            words.expect_token(&Token::Comma)?;
        }
    } else {
        analyze = words.eat("ANALYZE") || words.eat("ANALYSE");
        words.eat("VERBOSE");
    }
    let rest = cut.skip(words.at());
    if rest.tokens.is_empty() {
        return Err(words.error());
    }
    if Words::new(&rest).eat("EXPLAIN") {
        return Err(rest.syntax_error(0));
    }
    let statement = Box::new(statement(&rest)?);
    match *statement {
        Statement::Query(_) | Statement::Insert(..) | Statement::Update(..) => {}
        Statement::Delete(..) | Statement::Truncate { .. } | Statement::Operate(_) => {}
        _ => {
            return Err(SqlError::unsupported("EXPLAIN is for SELECT, INSERT, UPDATE and DELETE")
                .hint("run the statement without EXPLAIN"));
        }
    }
    Ok(Statement::Explain { analyze, json, statement })
}

fn show(cut: &Cut, mut words: Words) -> SqlResult<Statement> {
    let what = words.peek().unwrap_or_default();
    let statement = match what.as_str() {
        "NAMESPACES" | "SCHEMAS" => {
            words.word();
            Statement::ShowNamespaces
        }
        "CONFIG" => {
            words.word();
            namespace::show_config(&mut words)?
        }
        "STATS" => {
            words.word();
            Statement::ShowStats(namespace::of_namespace(&mut words)?)
        }
        "LATENCIES" => {
            words.word();
            Statement::ShowLatencies(namespace::of_namespace(&mut words)?)
        }
        "SETS" | "TABLES" => {
            words.word();
            let _ = words.eat("FROM") || words.eat("IN");
            Statement::ShowSets(words.ident())
        }
        "INDEXES" | "INDICES" => {
            words.word();
            index::show(&mut words)?
        }
        "BINS" | "COLUMNS" => {
            words.word();
            let _ = words.eat("FROM") || words.eat("IN");
            let name = if words.token().is_some() { Some(words.object_name()?) } else { None };
            Statement::ShowBins(name)
        }
        "MODULES" | "PACKAGES" => {
            words.word();
            Statement::ShowModules
        }
        _ => return session::show(cut, words).map(Statement::Session),
    };
    words.end(cut)?;
    Ok(statement)
}
