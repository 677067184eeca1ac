//! From text to statements.
//!
//! 1. The whole text becomes tokens, each with its place.
//! 2. Tokens are cut at semicolons, and each piece is held to the limits on depth.
//! 3. The front parser reads the piece, or hands it to sqlparser.
//!
//! Places in errors count characters of the whole text from 1, as the wire wants them.

use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::dialect::Bounded;
use crate::front;
use crate::plan::{CopyOptions, Session};
use crate::{DEPTH_MAX, PARAMS_MAX, SqlError, SqlResult, TEXT_MAX};

/// Most operators in a row at one level of parentheses, AND and OR apart: each nests one deeper.
const CHAIN_MAX: usize = 100;
/// Most ANDs and ORs in a row; they are balanced before anybody recurses into them.
const LOGIC_MAX: usize = 4096;
/// Most joins, set operations and BETWEENs of one query.
const PARTS_MAX: usize = 512;

/// One statement, parsed.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// Its own text.
    pub text: String,
    /// Where it begins in the whole text, characters from 0.
    pub offset: usize,
    pub(crate) statement: Statement,
    pub(crate) places: Places,
    pub(crate) nesting: Nesting,
}

/// How deep a statement nests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nesting {
    /// The thread's own stack is enough for it.
    Shallow,
    Deep,
}

/// Levels and operators in a row that a thread's stack surely holds: a level takes 200 KiB of it in
/// an unoptimized build, and session threads have 8 MiB.
const SHALLOW_MAX: usize = 10;
/// Stack for [`DEPTH_MAX`] levels. What is not touched costs nothing.
const DEEP_STACK: usize = 64 << 20;

impl Nesting {
    /// Runs what recurses into the statement, on a stack that is large enough.
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        match self {
            Nesting::Shallow => work(),
            Nesting::Deep => stacker::grow(DEEP_STACK, work),
        }
    }
}

/// What the front parser made of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    Query(Box<ast::Query>),
    Insert(Box<ast::Insert>, InsertMode, Options),
    Update(Box<ast::Update>, Options),
    Delete(Box<ast::Delete>, Options),
    Copy(Box<Copy>),
    CreateTable(Box<ast::CreateTable>, Vec<Like>),
    CreateTableAs(Box<TableAs>),
    CreateView(Box<View>),
    DropTable {
        names: Vec<ast::ObjectName>,
        if_exists: bool,
        cascade: bool,
    },
    Comment {
        /// TABLE, VIEW, SEQUENCE or COLUMN.
        kind: &'static str,
        name: ast::ObjectName,
        text: Option<String>,
    },
    CreateIndex(Box<CreateIndex>),
    DropIndex(DropIndex),
    /// Of a namespace, a set, or all.
    ShowIndexes(Option<ast::ObjectName>),
    /// STAT INDEX.
    StatIndex {
        namespace: ast::Ident,
        name: String,
    },
    CreateSequence(Box<CreateSequence>),
    AlterSequence {
        name: ast::ObjectName,
        /// Begin anew: at this number, or at its start.
        restart: Option<i64>,
    },
    DropSequence {
        names: Vec<ast::ObjectName>,
        if_exists: bool,
    },
    DropView {
        names: Vec<ast::ObjectName>,
        if_exists: bool,
        cascade: bool,
    },
    Truncate {
        names: Vec<ast::ObjectName>,
        if_exists: bool,
        before_lut_ms: Option<u64>,
        restart_identity: bool,
    },
    CreateNamespace {
        name: ast::Ident,
        settings: Vec<(String, String)>,
        if_not_exists: bool,
        word: &'static str,
    },
    DropNamespace {
        names: Vec<ast::Ident>,
        if_exists: bool,
        cascade: bool,
        word: &'static str,
    },
    AlterNamespace {
        name: ast::Ident,
        settings: Vec<(String, String)>,
    },
    AlterColumns(Box<ast::AlterTable>),
    AlterTable {
        name: ast::ObjectName,
        if_exists: bool,
        settings: Vec<(String, String)>,
    },
    SetConfig {
        name: String,
        value: String,
        namespace: Option<ast::Ident>,
    },
    ShowConfig {
        like: Option<String>,
        namespace: Option<ast::Ident>,
    },
    ShowStats(Option<ast::Ident>),
    ShowLatencies(Option<ast::Ident>),
    Operate(Box<Operate>),
    /// EXECUTE .. ON, AGGREGATE.
    Call(Box<Call>),
    RegisterModule {
        file: String,
        source: String,
    },
    RemoveModule(String),
    DescModule(String),
    ShowModules,
    /// ASINFO.
    Info(String),
    ShowNamespaces,
    ShowSets(Option<ast::Ident>),
    ShowBins(Option<ast::ObjectName>),
    Explain {
        analyze: bool,
        json: bool,
        statement: Box<Statement>,
    },
    Session(Session),
}

/// OPERATE.
#[derive(Debug, Clone)]
pub(crate) struct Operate {
    pub(crate) name: ast::ObjectName,
    pub(crate) condition: ast::Expr,
    pub(crate) operations: Vec<crate::operate::Operation>,
}

/// EXECUTE .. ON, AGGREGATE.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) aggregate: bool,
    pub(crate) module: String,
    pub(crate) function: String,
    pub(crate) args: Vec<model::Value>,
    pub(crate) name: ast::ObjectName,
    pub(crate) condition: Option<ast::Expr>,
    pub(crate) limit: Option<u64>,
}

/// CREATE TABLE AS.
#[derive(Debug, Clone)]
pub(crate) struct TableAs {
    pub(crate) name: ast::ObjectName,
    pub(crate) columns: Vec<ast::Ident>,
    pub(crate) query: Box<ast::Query>,
    pub(crate) if_not_exists: bool,
    pub(crate) with_data: bool,
}

/// LIKE in the columns of a CREATE TABLE: what comes from the other table beside its columns.
#[derive(Debug, Clone)]
pub(crate) struct Like {
    pub(crate) name: ast::ObjectName,
    /// How many columns and constraints stand before it.
    pub(crate) before: usize,
    pub(crate) defaults: bool,
    pub(crate) constraints: bool,
    pub(crate) key: bool,
    pub(crate) comments: bool,
    pub(crate) identity: bool,
}

/// CREATE SEQUENCE.
#[derive(Debug, Clone)]
pub(crate) struct CreateSequence {
    pub(crate) name: ast::ObjectName,
    pub(crate) data_type: Option<ast::DataType>,
    pub(crate) options: Vec<ast::SequenceOptions>,
    pub(crate) owned_by: Option<ast::ObjectName>,
    pub(crate) if_not_exists: bool,
}

/// CREATE INDEX.
#[derive(Debug, Clone)]
pub(crate) struct CreateIndex {
    pub(crate) name: Option<ast::Ident>,
    /// A set; in aql also a namespace, for all of its sets.
    pub(crate) table: ast::ObjectName,
    /// What is indexed: bins or expressions.
    pub(crate) keys: Vec<ast::Expr>,
    /// What of a list or a map is indexed.
    pub(crate) elements: Option<Elements>,
    /// Upper case.
    pub(crate) method: Option<String>,
    /// aql's name of the type, upper case.
    pub(crate) value_type: Option<String>,
    pub(crate) filter: Option<ast::Expr>,
    pub(crate) unique: bool,
    pub(crate) concurrently: bool,
    pub(crate) if_not_exists: bool,
}

/// What of a bin an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elements {
    List,
    MapKeys,
    MapValues,
}

/// DROP INDEX.
#[derive(Debug, Clone)]
pub(crate) struct DropIndex {
    /// Each with the namespace, or aql's set, that stands before it.
    pub(crate) names: Vec<(Option<ast::ObjectName>, ast::Ident)>,
    pub(crate) if_exists: bool,
}

/// CREATE VIEW.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) name: ast::ObjectName,
    pub(crate) columns: Vec<ast::Ident>,
    pub(crate) query: Box<ast::Query>,
    /// The query as it was written.
    pub(crate) text: String,
    pub(crate) or_replace: bool,
}

/// COPY.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) what: CopyWhat,
    pub(crate) from: bool,
    pub(crate) options: CopyOptions,
}

/// What a COPY is about.
#[derive(Debug, Clone)]
pub(crate) enum CopyWhat {
    Set { name: ast::ObjectName, columns: Vec<ast::Ident> },
    Query(Box<ast::Query>),
}

/// Which INSERT it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InsertMode {
    Insert,
    Upsert,
    Replace,
}

/// `WITH (ttl = .., generation = ..)` after a write, and `WITH name AS (..)` before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) ttl: Option<ast::Expr>,
    pub(crate) generation: Option<ast::Expr>,
    /// Common table expressions before the write.
    pub(crate) with: Option<ast::With>,
    /// OVERRIDING .. VALUE, or a COPY: numbers of identity columns may be given.
    pub(crate) overriding: bool,
}

impl Parsed {
    /// The command tag's word: `SELECT`, `INSERT`, `CREATE TABLE`, ...
    pub fn tag(&self) -> &str {
        self.statement.tag()
    }
}

impl Statement {
    fn tag(&self) -> &str {
        match self {
            Statement::Query(_) => "SELECT",
            Statement::Insert(..) => "INSERT",
            Statement::Update(..) => "UPDATE",
            Statement::Delete(..) => "DELETE",
            Statement::Copy(_) => "COPY",
            Statement::CreateTable(..) => "CREATE TABLE",
            Statement::CreateTableAs(_) => "CREATE TABLE AS",
            Statement::CreateView(_) => "CREATE VIEW",
            Statement::DropView { .. } => "DROP VIEW",
            Statement::Comment { .. } => "COMMENT",
            Statement::CreateIndex(_) => "CREATE INDEX",
            Statement::DropIndex(_) => "DROP INDEX",
            Statement::CreateSequence(_) => "CREATE SEQUENCE",
            Statement::AlterSequence { .. } => "ALTER SEQUENCE",
            Statement::DropSequence { .. } => "DROP SEQUENCE",
            Statement::DropTable { .. } => "DROP TABLE",
            Statement::Truncate { .. } => "TRUNCATE TABLE",
            Statement::CreateNamespace { word: "SCHEMA", .. } => "CREATE SCHEMA",
            Statement::CreateNamespace { .. } => "CREATE NAMESPACE",
            Statement::DropNamespace { word: "SCHEMA", .. } => "DROP SCHEMA",
            Statement::DropNamespace { .. } => "DROP NAMESPACE",
            Statement::AlterNamespace { .. } => "ALTER NAMESPACE",
            Statement::AlterColumns(_) | Statement::AlterTable { .. } => "ALTER TABLE",
            Statement::SetConfig { .. } => "SET CONFIG",
            Statement::ShowNamespaces | Statement::ShowSets(_) | Statement::ShowBins(_) => "SHOW",
            Statement::ShowIndexes(_) => "SHOW",
            Statement::StatIndex { .. } => "SHOW",
            Statement::ShowConfig { .. }
            | Statement::ShowStats(_)
            | Statement::ShowLatencies(_) => "SHOW",
            Statement::Operate(_) => "OPERATE",
            Statement::Call(call) if call.aggregate => "AGGREGATE",
            Statement::Call(_) => "EXECUTE",
            Statement::RegisterModule { .. } => "REGISTER MODULE",
            Statement::RemoveModule(_) => "REMOVE MODULE",
            Statement::DescModule(_) => "DESC MODULE",
            Statement::ShowModules => "SHOW",
            Statement::Info(_) => "ASINFO",
            Statement::Explain { .. } => "EXPLAIN",
            Statement::Session(session) => session_tag(session),
        }
    }
}

fn session_tag(session: &Session) -> &str {
    match session {
        Session::Set { .. } | Session::SetTransaction { .. } => "SET",
        Session::Show(_) => "SHOW",
        Session::Reset(_) => "RESET",
        Session::Begin(_) => "BEGIN",
        Session::Commit => "COMMIT",
        Session::Rollback | Session::RollbackTo(_) => "ROLLBACK",
        Session::Savepoint(_) => "SAVEPOINT",
        Session::Release(_) => "RELEASE",
        Session::Prepare { .. } => "PREPARE",
        Session::Execute { .. } => "EXECUTE",
        Session::Deallocate(Some(_)) => "DEALLOCATE",
        Session::Deallocate(None) => "DEALLOCATE ALL",
        Session::Declare { .. } => "DECLARE CURSOR",
        Session::Fetch { skip: false, .. } => "FETCH",
        Session::Fetch { skip: true, .. } => "MOVE",
        Session::Close(Some(_)) => "CLOSE CURSOR",
        Session::Close(None) => "CLOSE CURSOR ALL",
        Session::Discard(what) => match what.as_str() {
            "PLANS" => "DISCARD PLANS",
            "SEQUENCES" => "DISCARD SEQUENCES",
            "TEMP" => "DISCARD TEMP",
            _ => "DISCARD ALL",
        },
        Session::Accepted { tag, .. } => tag,
    }
}

/// The session's own command, if the statement is one.
pub fn session_command(parsed: &Parsed) -> Option<&Session> {
    match &parsed.statement {
        Statement::Session(session) => Some(session),
        _ => None,
    }
}

/// Where the lines of the whole text begin, so that a line and column become one number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    lines: std::sync::Arc<[usize]>,
}

impl Places {
    fn of(text: &str) -> Places {
        let ends = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(i, _)| i + 1);
        Places { lines: std::iter::once(0).chain(ends).collect() }
    }

    /// Characters from 1; `None` for the empty place.
    pub(crate) fn of_location(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line.checked_sub(1)?).ok()?;
        Some(self.lines.get(line)? + usize::try_from(location.column).ok()?)
    }

    pub(crate) fn of_span(&self, span: Span) -> Option<usize> {
        self.of_location(span.start)
    }

    /// The error at this place, unless it has one already.
    pub(crate) fn mark(&self, mut error: SqlError, span: Span) -> SqlError {
        if error.position.is_none() {
            error.position = self.of_span(span);
        }
        error
    }
}

/// A text that is cut by character numbers.
pub(crate) struct Chars<'a> {
    text: &'a str,
    /// Where each character begins; nothing where all are one byte long.
    starts: Vec<usize>,
}

impl<'a> Chars<'a> {
    fn of(text: &'a str) -> Chars<'a> {
        let many = || text.char_indices().map(|(i, _)| i).collect();
        Chars { text, starts: if text.is_ascii() { Vec::new() } else { many() } }
    }

    /// From the character `first` to before the character `last`, counted from 0.
    fn slice(&self, first: usize, last: usize) -> &'a str {
        let byte = |n: usize| match self.starts.is_empty() {
            true => n.min(self.text.len()),
            false => self.starts.get(n).copied().unwrap_or(self.text.len()),
        };
        self.text.get(byte(first)..byte(last)).unwrap_or_default()
    }
}

/// Splits a text into its statements and parses each. Empty statements are left out.
pub fn parse(text: &str) -> SqlResult<Vec<Parsed>> {
    if text.len() > TEXT_MAX {
        let message = format!("the text has {} bytes; at most {TEXT_MAX} are allowed", text.len());
        return Err(SqlError::new("54000", message).hint("send several smaller statements"));
    }
    let places = Places::of(text);
    let tokens = tokens(text, &places)?;
    let end = TokenWithSpan { token: Token::EOF, span: end_of(&tokens) };
    let chars = Chars::of(text);
    let mut statements = Vec::new();
    for piece in tokens.split(|t| t.token == Token::SemiColon) {
        if piece.is_empty() {
            continue;
        }
        let nesting = check_shape(piece, &places)?;
        let first = places.of_span(piece[0].span).unwrap_or(1) - 1;
        let last = piece.last().and_then(|t| places.of_location(t.span.end));
        let last = last.unwrap_or(usize::MAX).saturating_sub(1);
        let own = chars.slice(first, last).to_string();
        let cut = Cut { tokens: piece, places: &places, chars: &chars, end: end.span };
        let statement = nesting.run(|| front::statement(&cut))?;
        let places = places.clone();
        statements.push(Parsed { text: own, offset: first, statement, places, nesting });
    }
    Ok(statements)
}

fn end_of(tokens: &[TokenWithSpan]) -> Span {
    let end = tokens.last().map(|t| t.span.end).unwrap_or(Location { line: 1, column: 1 });
    Span { start: end, end }
}

fn tokens(text: &str, places: &Places) -> SqlResult<Vec<TokenWithSpan>> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|e| {
        let mut error = SqlError::syntax(lower_first(&e.message));
        error.position = places.of_location(e.location);
        error
    })?;
    Ok(tokens
        .into_iter()
        .filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF))
        .collect())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Counts of what nests, at one level of parentheses.
#[derive(Default, Clone, Copy)]
struct Level {
    /// Operators since the last comma, AND or OR.
    chain: usize,
    /// ANDs and ORs.
    logic: usize,
    /// Joins, set operations and BETWEENs.
    parts: usize,
}

/// Holds a statement to the limits on depth before anything recurses into it. All levels that are
/// open count together, as they do on the stack.
fn check_shape(tokens: &[TokenWithSpan], places: &Places) -> SqlResult<Nesting> {
    let mut nesting = Nesting::Shallow;
    let mut levels = vec![Level::default()];
    let mut open = Level::default();
    for token in tokens {
        let mut top = levels.pop().unwrap_or_default();
        let before = top;
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace | Token::Word(_)
                if opens(&token.token) =>
            {
                levels.push(top);
                (open.chain, open.logic) = (open.chain + top.chain + 1, open.logic + top.logic);
                open.parts += top.parts;
                top = Level::default();
            }
            Token::RParen | Token::RBracket | Token::RBrace | Token::Word(_)
                if closes(&token.token) =>
            {
                if let Some(outer) = levels.pop() {
                    open.chain = open.chain.saturating_sub(outer.chain + 1);
                    open.logic = open.logic.saturating_sub(outer.logic);
                    open.parts = open.parts.saturating_sub(outer.parts);
                    top = outer;
                }
            }
            Token::Placeholder(name) => check_parameter(name, token.span, places)?,
            other => count(other, &mut top),
        }
        let deepest = open.chain + before.chain.max(top.chain) > CHAIN_MAX
            || open.logic + top.logic > LOGIC_MAX
            || open.parts + top.parts > PARTS_MAX
            || levels.len() > DEPTH_MAX;
        if deepest {
            return Err(places.mark(too_deep(), token.span));
        }
        if levels.len() + open.chain + top.chain + top.parts > SHALLOW_MAX {
            nesting = Nesting::Deep;
        }
        levels.push(top);
    }
    Ok(nesting)
}

/// What begins a level: a parenthesis or a CASE.
fn opens(token: &Token) -> bool {
    match token {
        Token::Word(w) => w.quote_style.is_none() && w.value.eq_ignore_ascii_case("case"),
        _ => true,
    }
}

fn closes(token: &Token) -> bool {
    match token {
        Token::Word(w) => w.quote_style.is_none() && w.value.eq_ignore_ascii_case("end"),
        _ => true,
    }
}

fn count(token: &Token, level: &mut Level) {
    match token {
        Token::Comma => level.chain = 0,
        Token::Word(w) if w.quote_style.is_none() => match w.value.to_ascii_uppercase().as_str() {
            "AND" | "OR" => (level.chain, level.logic) = (0, level.logic + 1),
            "UNION" | "EXCEPT" | "INTERSECT" | "JOIN" | "BETWEEN" => level.parts += 1,
            "CASE" | "NOT" | "IS" | "COLLATE" | "AT" | "LIKE" | "ILIKE" | "ISNULL" | "NOTNULL"
            | "EXPLAIN" => level.chain += 1,
            _ => {}
        },
        Token::Word(_) | Token::Number(..) | Token::SingleQuotedString(_) => {}
        Token::Period | Token::EscapedStringLiteral(_) => {}
        _ => level.chain += 1,
    }
}

pub(crate) fn too_deep() -> SqlError {
    SqlError::new("54001", "stack depth limit exceeded")
        .detail(format!(
            "A statement may nest {DEPTH_MAX} levels, {CHAIN_MAX} operators in a row, \
             {PARTS_MAX} joins or unions, and {LOGIC_MAX} ANDs and ORs."
        ))
        .hint("use IN (..) or = ANY($1) for long lists of alternatives")
}

fn check_parameter(name: &str, span: Span, places: &Places) -> SqlResult<()> {
    let number = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
    let error = match number {
        Some(n) if (1..=PARAMS_MAX).contains(&n) => return Ok(()),
        Some(_) => SqlError::new("54023", format!("parameter {name} is out of range"))
            .hint(format!("parameters are $1 to ${PARAMS_MAX}")),
        None => SqlError::syntax(format!("syntax error at or near \"{name}\""))
            .hint("parameters are written $1, $2, .."),
    };
    Err(places.mark(error, span))
}

/// A statement's tokens, with what is needed to speak of them.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'a> {
    pub(crate) tokens: &'a [TokenWithSpan],
    pub(crate) places: &'a Places,
    pub(crate) chars: &'a Chars<'a>,
    pub(crate) end: Span,
}

impl<'a> Cut<'a> {
    /// The same statement without its first tokens.
    pub(crate) fn skip(&self, count: usize) -> Cut<'a> {
        Cut { tokens: &self.tokens[count.min(self.tokens.len())..], ..*self }
    }

    /// The first tokens alone.
    pub(crate) fn first(&self, count: usize) -> Cut<'a> {
        Cut { tokens: &self.tokens[..count.min(self.tokens.len())], ..*self }
    }

    /// Text from this token to the end of the statement.
    pub(crate) fn text_from(&self, index: usize) -> String {
        let place = |l: Option<Location>| l.and_then(|l| self.places.of_location(l));
        let first = place(self.tokens.get(index).map(|t| t.span.start)).unwrap_or(1) - 1;
        let last = place(self.tokens.last().map(|t| t.span.end)).unwrap_or(1) - 1;
        self.chars.slice(first, last).to_string()
    }

    /// "syntax error at or near" the token of this index, or at the end.
    pub(crate) fn syntax_error(&self, index: usize) -> SqlError {
        match self.tokens.get(index) {
            Some(token) => {
                let error =
                    SqlError::syntax(format!("syntax error at or near \"{}\"", token.token));
                self.places.mark(error, token.span)
            }
            None => {
                let end = self.tokens.last().map_or(self.end, |t| end_of(std::slice::from_ref(t)));
                self.places.mark(SqlError::syntax("syntax error at end of input"), end)
            }
        }
    }

    /// Runs a method of sqlparser over all the tokens.
    pub(crate) fn with_parser<T>(
        &self,
        tokens: Vec<TokenWithSpan>,
        parse: impl FnOnce(&mut Parser) -> Result<T, ParserError>,
    ) -> SqlResult<T> {
        let dialect = Bounded::new(tokens.len());
        let mut parser = Parser::new(&dialect)
            .with_recursion_limit(4 * DEPTH_MAX)
            .with_tokens_with_locations(tokens);
        let parsed = parse(&mut parser).map_err(|e| match dialect.gave_up() {
            Some(index) => self.too_complex(index),
            None => self.parser_error(e),
        })?;
        match parser.peek_token_ref() {
            TokenWithSpan { token: Token::EOF, .. } => Ok(parsed),
            TokenWithSpan { span, .. } => Err(self.error_at(span.start)),
        }
    }

    /// The parser has tried again and again around this token.
    fn too_complex(&self, index: usize) -> SqlError {
        let error = SqlError::new("54001", "the statement is too complex to be parsed");
        let error = error.hint("look for a syntax error nearby, or nest less deeply");
        match self.tokens.get(index).or(self.tokens.last()) {
            Some(token) => self.places.mark(error, token.span),
            None => error,
        }
    }

    fn parser_error(&self, error: ParserError) -> SqlError {
        let text = match error {
            ParserError::RecursionLimitExceeded => return too_deep(),
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        };
        match location_in(&text) {
            Some(location) => self.error_at(location),
            None if text.contains("found: EOF") => self.syntax_error(self.tokens.len()),
            None => SqlError::syntax(lower_first(&text)),
        }
    }

    fn error_at(&self, location: Location) -> SqlError {
        let index = self.tokens.iter().position(|t| t.span.start == location);
        match index {
            Some(index) => front::explain_syntax_error(self, index),
            None => self.syntax_error(self.tokens.len()),
        }
    }
}

/// The `Line: 1, Column: 5` at the end of one of sqlparser's messages.
fn location_in(text: &str) -> Option<Location> {
    let (_, place) = text.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// One query alone: a view's.
pub(crate) fn query(text: &str) -> SqlResult<Box<ast::Query>> {
    match parse(text)?.into_iter().next().map(|parsed| parsed.statement) {
        Some(Statement::Query(query)) => Ok(query),
        _ => Err(SqlError::new("XX000", "what should be a query is none")),
    }
}

/// One expression alone: a column's default.
pub(crate) fn expression(text: &str) -> SqlResult<ast::Expr> {
    let places = Places::of(text);
    let tokens = tokens(text, &places)?;
    check_shape(&tokens, &places)?;
    let chars = Chars::of(text);
    let cut = Cut { tokens: &tokens, places: &places, chars: &chars, end: end_of(&tokens) };
    cut.with_parser(tokens.clone(), |parser| parser.parse_expr())
}
