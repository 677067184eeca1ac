//! Where statements end: the only grammar that the shell itself knows.
//!
//! 1. `Lexer` walks text token by token and remembers what is open (a quote, a comment, a dollar
//!    tag), so a statement may arrive line by line at linear cost.
//! 2. `Splitter` feeds lines to it, gives out a statement at each `;` outside quotes and
//!    parentheses, and hands everything after a backslash outside quotes out as a shell command.
//! 3. `tokens` walks one whole statement, for completion and for the aql habits.
//!
//! Always true: text given out as a statement is the text that was typed, so error positions fit
//! it.
//! Left to others: what a statement means. That is the server's business.

use crate::aql;

/// What a run of characters is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Space,
    Comment,
    /// A name, a keyword or a number.
    Word,
    /// Anything in quotes or dollar quotes; one token even over several lines.
    Quoted,
    Symbol(char),
}

/// What is open at the end of what was read, for the continuation prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// Between statements.
    Nothing,
    /// Inside a statement that lacks its `;`.
    Statement,
    SingleQuote,
    DoubleQuote,
    Dollar,
    Comment,
    Paren,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Mode {
    #[default]
    Plain,
    Single {
        escapes: bool,
    },
    Double,
    Dollar(String),
    Block(usize),
}

/// A resumable tokenizer: each call consumes the front of what is left.
#[derive(Clone, Debug, Default)]
struct Lexer {
    mode: Mode,
}

impl Lexer {
    /// Consumes one token, or its part that `rest` holds. `rest` must not be empty.
    fn advance(&mut self, rest: &str) -> (Kind, usize) {
        match self.mode {
            Mode::Plain => self.plain(rest),
            Mode::Block(_) => (Kind::Comment, self.inside(rest)),
            _ => (Kind::Quoted, self.inside(rest)),
        }
    }

    fn plain(&mut self, rest: &str) -> (Kind, usize) {
        let first = rest.chars().next().unwrap_or(' ');
        match first {
            c if c.is_whitespace() => (Kind::Space, run(rest, char::is_whitespace)),
            '-' if rest.starts_with("--") => (Kind::Comment, run(rest, |c| c != '\n')),
            '/' if rest.starts_with("/*") => self.enter(Mode::Block(1), 2, rest, Kind::Comment),
            '\'' => self.enter(Mode::Single { escapes: false }, 1, rest, Kind::Quoted),
            '"' => self.enter(Mode::Double, 1, rest, Kind::Quoted),
            '$' => match dollar_tag(rest) {
                Some(tag) => self.enter(Mode::Dollar(tag.into()), tag.len(), rest, Kind::Quoted),
                None => (Kind::Symbol('$'), 1),
            },
            c if is_word(c) => self.word(rest),
            c => (Kind::Symbol(c), c.len_utf8()),
        }
    }

    /// A word, or the string that an `E` introduces.
    fn word(&mut self, rest: &str) -> (Kind, usize) {
        let end = run(rest, |c| is_word(c) || c == '$');
        if rest[..end].eq_ignore_ascii_case("e") && rest[end..].starts_with('\'') {
            return self.enter(Mode::Single { escapes: true }, end + 1, rest, Kind::Quoted);
        }
        (Kind::Word, end)
    }

    fn enter(&mut self, mode: Mode, opener: usize, rest: &str, kind: Kind) -> (Kind, usize) {
        self.mode = mode;
        (kind, opener + self.inside(&rest[opener..]))
    }

    /// Goes to the end of the open quote or comment, or of the text.
    fn inside(&mut self, rest: &str) -> usize {
        let end = match &self.mode {
            Mode::Plain => Some(0),
            Mode::Single { escapes } => quote_end(rest, '\'', *escapes),
            Mode::Double => quote_end(rest, '"', false),
            Mode::Dollar(tag) => rest.find(tag.as_str()).map(|at| at + tag.len()),
            Mode::Block(depth) => match block_end(rest, *depth) {
                Ok(end) => Some(end),
                Err(deeper) => {
                    self.mode = Mode::Block(deeper);
                    None
                }
            },
        };
        match end {
            Some(end) => {
                self.mode = Mode::Plain;
                end
            }
            None => rest.len(),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The opening `$tag$` at the front of `text`, if it is one.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 2;
    let name = &text[1..end - 1];
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    (!digit && name.chars().all(is_word)).then_some(&text[..end])
}

/// Past the closing quote; a doubled quote does not close, nor one after a backslash where that
/// escapes.
fn quote_end(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// Past the end of a nested block comment, or the depth that is still open.
fn block_end(text: &str, mut depth: usize) -> Result<usize, usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"*/" => depth -= 1,
            b"/*" => depth += 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Ok(at);
        }
    }
    Err(depth)
}

/// A token of a whole statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
}

impl Token<'_> {
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The name or text that the token stands for: without its quotes, doubled quotes undone.
    pub(crate) fn value(&self) -> String {
        let quote = self.text.chars().next().filter(|c| matches!(c, '\'' | '"'));
        match (self.kind, quote) {
            (Kind::Quoted, Some(q)) => {
                let inner = self.text[1..].strip_suffix(q).unwrap_or(&self.text[1..]);
                inner.replace(&format!("{q}{q}"), &q.to_string())
            }
            _ => self.text.to_string(),
        }
    }
}

/// All of `text`, cut where its kind changes.
pub(crate) fn spans(text: &str) -> impl Iterator<Item = (Kind, &str)> {
    let (mut lexer, mut rest) = (Lexer::default(), text);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (kind, length) = lexer.advance(rest);
        let (span, left) = rest.split_at(length);
        rest = left;
        Some((kind, span))
    })
}

/// The tokens of `text` that carry meaning: no space, no comments.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let meaning = |kind: &Kind| !matches!(kind, Kind::Space | Kind::Comment);
    spans(text).filter(|(kind, _)| meaning(kind)).map(|(kind, text)| Token { kind, text }).collect()
}

/// Whether the end of `text` is inside a quote or a comment.
pub(crate) fn ends_inside(text: &str) -> bool {
    let mut lexer = Lexer::default();
    let mut at = 0;
    while at < text.len() {
        at += lexer.advance(&text[at..]).1;
    }
    lexer.mode != Mode::Plain
}

/// What may end a statement besides `;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The end of a line that is a whole AQL command (`SHOW SETS`), else only `;`.
    Semicolon,
    /// The end of every line, unless something is open: the rule of aql's own script files.
    Line,
}

/// One thing to do, in the order it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A statement without its `;`, and the line of the input on which it begins.
    Statement { text: String, line: usize },
    /// A backslash command without its backslash: the rest of its line.
    Command { text: String, line: usize },
}

/// Collects lines into pieces.
#[derive(Debug)]
pub(crate) struct Splitter {
    ends: Ends,
    lexer: Lexer,
    pending: String,
    /// Whether `pending` holds more than space and comments.
    meaning: bool,
    parens: usize,
    line: usize,
    first_line: usize,
}

impl Splitter {
    pub(crate) fn new(ends: Ends) -> Self {
        let lexer = Lexer::default();
        let pending = String::new();
        Self { ends, lexer, pending, meaning: false, parens: 0, line: 0, first_line: 1 }
    }

    /// Takes one line, with or without its line end.
    pub(crate) fn push(&mut self, line: &str) -> Vec<Piece> {
        self.line += 1;
        let line = line.trim_end_matches(['\r', '\n']);
        let comment = self.ends == Ends::Line && line.trim_start().starts_with('#');
        if comment && self.open() == Open::Nothing {
            return Vec::new();
        }
        if is_dot_command(line) && self.open() == Open::Nothing {
            return vec![Piece::Command { text: line.trim().into(), line: self.line }];
        }
        let mut pieces = Vec::new();
        self.scan(line, &mut pieces);
        self.end_line(&mut pieces);
        pieces
    }

    /// What is left when the input ends.
    pub(crate) fn finish(&mut self) -> Option<Piece> {
        let piece = self.take();
        self.reset();
        piece
    }

    /// The statement being typed, for `\g`, `\p` and `\watch`.
    pub(crate) fn pending(&self) -> &str {
        if self.meaning { self.pending.trim_end() } else { "" }
    }

    /// Forgets the statement being typed.
    pub(crate) fn reset(&mut self) {
        self.lexer = Lexer::default();
        self.pending.clear();
        self.meaning = false;
        self.parens = 0;
    }

    /// Counts a line that went elsewhere: a row of COPY.
    pub(crate) fn skip_line(&mut self) {
        self.line += 1;
    }

    /// How many lines it has taken.
    pub(crate) fn lines(&self) -> usize {
        self.line
    }

    pub(crate) fn open(&self) -> Open {
        match self.lexer.mode {
            Mode::Single { .. } => Open::SingleQuote,
            Mode::Double => Open::DoubleQuote,
            Mode::Dollar(_) => Open::Dollar,
            Mode::Block(_) => Open::Comment,
            Mode::Plain if self.parens > 0 => Open::Paren,
            Mode::Plain if self.meaning => Open::Statement,
            Mode::Plain => Open::Nothing,
        }
    }

    fn scan(&mut self, line: &str, pieces: &mut Vec<Piece>) {
        let mut at = 0;
        while at < line.len() {
            let (kind, length) = self.lexer.advance(&line[at..]);
            let text = &line[at..at + length];
            at += length;
            match kind {
                Kind::Symbol('\\') => {
                    let text = line[at..].trim().to_string();
                    pieces.push(Piece::Command { text, line: self.line });
                    return;
                }
                Kind::Symbol(';') if self.parens == 0 => pieces.extend(self.take()),
                _ => self.keep(kind, text),
            }
        }
    }

    fn keep(&mut self, kind: Kind, text: &str) {
        match kind {
            Kind::Symbol('(') => self.parens += 1,
            Kind::Symbol(')') => self.parens = self.parens.saturating_sub(1),
            Kind::Space if self.pending.is_empty() => return,
            _ => {}
        }
        if self.pending.is_empty() {
            self.first_line = self.line;
        }
        self.meaning |= !matches!(kind, Kind::Space | Kind::Comment);
        self.pending.push_str(text);
    }

    fn end_line(&mut self, pieces: &mut Vec<Piece>) {
        let commanded = matches!(pieces.last(), Some(Piece::Command { .. }));
        match self.open() {
            Open::Nothing => self.reset(),
            Open::Statement if !commanded && self.ends_here() => pieces.extend(self.take()),
            _ if self.pending.is_empty() => {}
            _ => {
                // A line that is all inside a quote still has its end in the text.
                self.pending.push('\n');
            }
        }
    }

    fn ends_here(&self) -> bool {
        let one_line = self.first_line == self.line;
        self.ends == Ends::Line || (one_line && aql::ends_at_enter(&self.pending))
    }

    fn take(&mut self) -> Option<Piece> {
        let text = std::mem::take(&mut self.pending);
        let meaning = std::mem::take(&mut self.meaning);
        self.parens = 0;
        let text = text.trim_end().to_string();
        meaning.then_some(Piece::Statement { text, line: self.first_line })
    }
}

/// `.tables` and its like, from sqlite3 and duckdb: no statement begins with a dot.
fn is_dot_command(line: &str) -> bool {
    let name = line.trim_start().strip_prefix('.');
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements as they are, commands with their backslash, what is open last.
    fn split(ends: Ends, text: &str) -> (Vec<String>, Open) {
        let mut splitter = Splitter::new(ends);
        let pieces: Vec<Piece> = text.lines().flat_map(|line| splitter.push(line)).collect();
        let show = |piece| match piece {
            Piece::Statement { text, .. } => text,
            Piece::Command { text, .. } => format!("\\{text}"),
        };
        (pieces.into_iter().map(show).collect(), splitter.open())
    }

    fn check(text: &str, statements: &[&str], open: Open) {
        assert_eq!(
            split(Ends::Semicolon, text),
            (statements.iter().map(|s| s.to_string()).collect(), open)
        );
    }

    #[test]
    fn statements_end_at_semicolons() {
        check("select 1; select 2;", &["select 1", "select 2"], Open::Nothing);
        check("select\n 1\n;", &["select\n 1"], Open::Nothing);
        check(";;  ;", &[], Open::Nothing);
        check("select 1", &[], Open::Statement);
    }

    #[test]
    fn quotes_hide_semicolons_and_backslashes() {
        check("select ';', 'it''s \\;';", &["select ';', 'it''s \\;'"], Open::Nothing);
        check("select \"a;\\\"\"b\";", &["select \"a;\\\"\"b\""], Open::Nothing);
        check("select e'a\\';b';", &["select e'a\\';b'"], Open::Nothing);
        check("select $$a;b$$, $x$;$$;$x$;", &["select $$a;b$$, $x$;$$;$x$"], Open::Nothing);
        check("select $1; select a$b$c;", &["select $1", "select a$b$c"], Open::Nothing);
    }

    #[test]
    fn comments_hide_semicolons() {
        check("select 1 -- ; no\n;", &["select 1 -- ; no"], Open::Nothing);
        check("select /* ; /* ; */ ; */ 1;", &["select /* ; /* ; */ ; */ 1"], Open::Nothing);
        check("-- alone;\n/* and ; so */", &[], Open::Nothing);
        check("select /* a\n b */ 1;", &["select /* a\n b */ 1"], Open::Nothing);
    }

    #[test]
    fn what_is_open_is_known() {
        check("select 'a", &[], Open::SingleQuote);
        check("select \"a", &[], Open::DoubleQuote);
        check("select $t$ $$", &[], Open::Dollar);
        check("select (1, (2)", &[], Open::Paren);
        check("/* a /* b */", &[], Open::Comment);
        check("select (1;", &[], Open::Paren);
    }

    #[test]
    fn lines_inside_a_quote_keep_their_ends() {
        check("select 'a\n\nb';", &["select 'a\n\nb'"], Open::Nothing);
        check("select $$\na\n$$;", &["select $$\na\n$$"], Open::Nothing);
    }

    #[test]
    fn backslash_commands_take_the_rest_of_the_line() {
        check("\\d users;", &["\\d users;"], Open::Nothing);
        check("select 1 \\g", &["\\g"], Open::Statement);
        check("select 1; \\x on", &["select 1", "\\x on"], Open::Nothing);
        check(".tables a*\nselect\n.5;", &["\\.tables a*", "select\n.5"], Open::Nothing);
    }

    #[test]
    fn aql_commands_end_with_their_line() {
        check("SHOW SETS\nselect 1;", &["SHOW SETS", "select 1"], Open::Nothing);
        check("SET OUTPUT JSON\n", &["SET OUTPUT JSON"], Open::Nothing);
        check("select\nshow sets", &[], Open::Statement);
        check("show", &[], Open::Statement);
    }

    #[test]
    fn aql_scripts_end_statements_with_lines() {
        let text =
            "# a comment\nINSERT INTO t (PK, a) VALUES ('x', 1)\nSELECT * FROM t; SHOW SETS\n";
        let all = ["INSERT INTO t (PK, a) VALUES ('x', 1)", "SELECT * FROM t", "SHOW SETS"];
        assert_eq!(split(Ends::Line, text), (all.map(str::to_string).to_vec(), Open::Nothing));
        let (pieces, open) = split(Ends::Line, "INSERT INTO t (PK\n");
        assert_eq!((pieces.len(), open), (0, Open::Paren));
    }

    #[test]
    fn statements_know_their_line() {
        let mut splitter = Splitter::new(Ends::Semicolon);
        let pieces: Vec<_> =
            ["", "-- c", " select", "1;"].iter().flat_map(|l| splitter.push(l)).collect();
        assert_eq!(pieces, [Piece::Statement { text: "select\n1".into(), line: 3 }]);
    }

    #[test]
    fn a_long_quoted_statement_costs_linear_time() {
        let mut splitter = Splitter::new(Ends::Semicolon);
        splitter.push("insert into t values ('");
        for _ in 0..200_000 {
            assert!(splitter.push("{\"k\": \"some text\"}").is_empty());
        }
        assert_eq!(splitter.push("');").len(), 1);
    }

    #[test]
    fn tokens_skip_what_has_no_meaning() {
        let found = tokens("SET /* x */ \"a\"\"b\" 'c d' -- e");
        let values: Vec<String> = found.iter().map(Token::value).collect();
        assert_eq!(values, ["SET", "a\"b", "c d"]);
    }

    #[test]
    fn any_text_is_consumed_whole() {
        for text in ["'", "$", "$$", "\\", "e'\\", "/*", "*/", "é'ü", "--", "$a", "\u{0}"] {
            let length: usize = tokens(text).iter().map(|t| t.text.len()).sum();
            assert!(length <= text.len(), "{text}");
        }
    }
}
