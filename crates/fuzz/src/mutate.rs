//! Statements cut, mixed and made strange.

use arbitrary::{Result, Unstructured};

use crate::{corpus, statement};

/// Literals and signs at the edges of what there is.
const STRANGE: &[&str] = &[
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "170141183460469231731687303715884105728",
    "1e400",
    "1e-400",
    "-0.0",
    "'NaN'::float8",
    "'-Infinity'::numeric",
    "0x7fffffffffffffff",
    "0b1",
    "1_000",
    "''",
    "'\u{0}'",
    "'\u{202e}\u{301}\u{1f600}\u{feff}'",
    "\"\u{df}\u{130}\u{1e9e}\"",
    "\u{a0}",
    "\u{2028}",
    "\u{ff07}",
    "E'\\xff\\u0000\\'",
    "U&'\\d83d\\de00'",
    "$$",
    "$tag$ $$ $tag$",
    "B'101'",
    "X'zz'",
    "N'n'",
    "--",
    "/*",
    "*/",
    "'",
    "\"",
    "\"\"",
    "\\",
    ";",
    "$0",
    "$1",
    "$65535",
    "$65536",
    "$99999999999999999999",
    "?",
    "::",
    ":=",
    "=>",
    "->>",
    "#>>",
    "@>",
    "||/",
    "!~~*",
    "<->",
    "[1:2]",
    "[",
    "{",
    "..",
    "NULL",
    "DEFAULT",
    "*",
    "t.*",
    "\0",
    "'294277-01-01'::timestamp",
    "'4714-11-24 BC'::date",
    "'infinity'::date",
    "interval '-178956970 years -8 months'",
    "'9999999999999999999 days'::interval",
    "'{{1},{2}}'::int8[]",
    "'[[[[[[[[[[]]]]]]]]]]'::jsonb",
    "ARRAY[]::int8[]",
    "(1, 2)",
    "ROW()",
];

/// Constructs that nest: what opens, what is inmost, what closes.
const NESTS: &[(&str, &str, &str)] = &[
    ("SELECT ", "1", ""),
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("(SELECT ", "1", ")"),
    ("NOT ", "true", ""),
    ("- ", "1", ""),
    ("abs(", "1", ")"),
    ("CASE WHEN true THEN ", "1", " END"),
    ("ARRAY[", "1", "]"),
    ("", "1", "::int8"),
    ("", "1", " + 1"),
    ("", "'a'", " || 'a'"),
    ("", "true", " AND true"),
    ("", "1", " IS NULL"),
    ("", "a", "[1]"),
    ("", "a", ".a"),
    ("SELECT * FROM (", "SELECT 1", ") AS q"),
    ("", "SELECT 1", " UNION ALL SELECT 1"),
    ("SELECT * FROM people ", "", " JOIN people USING (id)"),
    ("WITH a AS (", "SELECT 1", ") SELECT * FROM a"),
    ("EXPLAIN ", "SELECT 1", ""),
    ("EXISTS (SELECT 1 WHERE ", "true", ")"),
    ("CAST(", "1", " AS text)"),
    ("coalesce(", "1", ", NULL)"),
    ("/*", "", "*/"),
];

/// A statement: one that has a shape, one of the corpus, or either of them damaged.
pub(crate) fn statement(u: &mut Unstructured<'_>) -> Result<String> {
    let text = match u.int_in_range(0..=9)? {
        0..=4 => statement::statement(u)?,
        5 => nest(u)?,
        _ => corpus::statement(u)?.to_string(),
    };
    match u.int_in_range(0..=3)? {
        0 => Ok(text),
        _ => damaged(u, text),
    }
}

fn damaged(u: &mut Unstructured<'_>, text: String) -> Result<String> {
    let mut tokens: Vec<String> = tokens(&text).map(str::to_string).collect();
    for _ in 0..=u.int_in_range(0..=3)? {
        change(u, &mut tokens)?;
    }
    Ok(tokens.concat())
}

/// One change of a statement's tokens.
fn change(u: &mut Unstructured<'_>, tokens: &mut Vec<String>) -> Result<()> {
    let place = u.choose_index(tokens.len().max(1))?.min(tokens.len());
    let there = place < tokens.len();
    match u.int_in_range(0..=8)? {
        0 if there => drop(tokens.remove(place)),
        1 if there => tokens.insert(place, tokens[place].clone()),
        2 if there => {
            let other = u.choose_index(tokens.len())?;
            tokens.swap(place, other);
        }
        3 if there => tokens[place] = strange(u)?,
        4 => tokens.insert(place, strange(u)?),
        5 => tokens.truncate(place),
        6 => splice(u, tokens, place)?,
        7 if there => {
            let inner = std::mem::take(&mut tokens[place]);
            tokens[place] = nested(u, &inner)?;
        }
        _ => characters(u, tokens, place)?,
    }
    Ok(())
}

fn strange(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=7)? {
        0 => "9".repeat(u.int_in_range(1..=400)?),
        1 => format!("'{}'", "x".repeat(u.int_in_range(0..=9000)?)),
        2 => statement::expression(u, 2)?,
        _ => format!(" {} ", u.choose(STRANGE)?),
    })
}

/// Goes on with the rest of another statement.
fn splice(u: &mut Unstructured<'_>, tokens: &mut Vec<String>, place: usize) -> Result<()> {
    let other = corpus::statement(u)?;
    let others: Vec<&str> = self::tokens(other).collect();
    let from = u.choose_index(others.len().max(1))?;
    tokens.truncate(place);
    tokens.push(" ".into());
    tokens.extend(others.into_iter().skip(from).map(str::to_string));
    Ok(())
}

/// Changes characters inside a token.
fn characters(u: &mut Unstructured<'_>, tokens: &mut [String], place: usize) -> Result<()> {
    let Some(token) = tokens.get_mut(place) else { return Ok(()) };
    let mut chars: Vec<char> = token.chars().collect();
    let at = u.choose_index(chars.len().max(1))?.min(chars.len());
    match u.arbitrary::<bool>()? {
        true => chars.insert(at, u.arbitrary()?),
        false => chars.truncate(at),
    }
    *token = chars.into_iter().collect();
    Ok(())
}

/// The inmost in many levels of one construct, more than are allowed in some cases.
fn nest(u: &mut Unstructured<'_>) -> Result<String> {
    let (_, inner, _) = *u.choose(NESTS)?;
    let nested = nested(u, inner)?;
    Ok(if nested.starts_with("SELECT") { nested } else { format!("SELECT {nested} FROM people") })
}

fn nested(u: &mut Unstructured<'_>, inner: &str) -> Result<String> {
    let (open, _, close) = *u.choose(NESTS)?;
    let most = *u.choose(&[3, 20, 62, 63, 64, 65, 100, 300, 5000, 60_000])?;
    let depth = u.int_in_range(1..=most)?;
    Ok(format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)))
}

/// Words, numbers, quoted things, runs of blanks, signs.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            c if word(c) => rest.find(|c| !word(c)),
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()),
            '\'' | '"' => rest[1..].find(first).map(|end| end + 2),
            c => Some(c.len_utf8()),
        };
        let (token, after) = rest.split_at(length.unwrap_or(rest.len()));
        rest = after;
        Some(token)
    })
}
