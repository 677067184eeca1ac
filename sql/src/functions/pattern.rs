//! Regular expressions and SQL's own patterns.
//!
//! PostgreSQL's expressions are POSIX with Perl's classes; those of crate `regex` are the same but for
//! references back and looking around, which have no match in linear time and are refused.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::{Call, Datum, Family, text};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("aeriedb_regex(text, text) bool", |c| {
        Ok(Datum::Bool(compiled(c.text(1), "")?.is_match(c.text(0))))
    }),
    ("regexp_like(text, text) bool", like),
    ("regexp_like(text, text, text) bool", like),
    ("regexp_match(text, text) text[]", first),
    ("regexp_match(text, text, text) text[]", first),
    ("regexp_matches(text, text) setof text[]", all),
    ("regexp_matches(text, text, text) setof text[]", all),
    ("regexp_replace(text, text, text) text", replace),
    ("regexp_replace(text, text, text, text) text", replace),
    ("regexp_count(text, text) int4", count),
    ("regexp_count(text, text, int4) int4", count),
    ("regexp_count(text, text, int4, text) int4", count),
    ("regexp_substr(text, text) text", substr),
    ("regexp_substr(text, text, int4) text", substr),
    ("regexp_substr(text, text, int4, int4) text", substr),
    ("regexp_instr(text, text) int4", instr),
    ("regexp_instr(text, text, int4) int4", instr),
    ("regexp_split_to_array(text, text) text[]", split),
    ("regexp_split_to_array(text, text, text) text[]", split),
    ("regexp_split_to_table(text, text) setof text", split),
    ("regexp_split_to_table(text, text, text) setof text", split),
    ("substring(text, text) text", |c| {
        let found = compiled(c.text(1), "")?.captures(c.text(0)).map(|found| {
            found.get(if found.len() > 1 { 1 } else { 0 }).map(|m| m.as_str().to_string())
        });
        Ok(found.flatten().map_or(Datum::Null, Datum::Text))
    }),
    ("substring(text, text, text) text", |c| similar_part(c.text(0), c.text(1), c.text(2))),
    ("aeriedb_similar(text, text) bool", |c| similar(c.text(0), c.text(1), Some('\\'))),
    ("aeriedb_similar(text, text, text) bool", |c| {
        let mut escape = c.text(2).chars();
        let one = escape.next();
        match escape.next() {
            None => similar(c.text(0), c.text(1), one),
            Some(_) => Err(bad_escape()),
        }
    }),
];

fn bad_escape() -> SqlError {
    SqlError::new("22019", "invalid escape string")
        .hint("Escape string must be empty or one character.")
}

/// Most expressions that a thread keeps compiled.
const KEPT: usize = 64;

thread_local! {
    static COMPILED: RefCell<HashMap<(String, String), Regex>> = RefCell::new(HashMap::new());
}

/// The expression with PostgreSQL's flags (without `g`), compiled once for all rows.
fn compiled(pattern: &str, flags: &str) -> SqlResult<Regex> {
    let key = (pattern.to_string(), flags.to_string());
    if let Some(known) = COMPILED.with(|all| all.borrow().get(&key).cloned()) {
        return Ok(known);
    }
    let mut builder = RegexBuilder::new(pattern);
    // PostgreSQL's dot matches line ends.
    builder.dot_matches_new_line(true).size_limit(4 << 20);
    for flag in flags.chars() {
        match flag {
            'i' => drop(builder.case_insensitive(true)),
            'c' => drop(builder.case_insensitive(false)),
            'n' | 'm' => drop(builder.dot_matches_new_line(false).multi_line(true)),
            'p' => drop(builder.dot_matches_new_line(false)),
            'w' => drop(builder.multi_line(true)),
            'x' => drop(builder.ignore_whitespace(true)),
            's' | 't' | 'e' | 'b' => {}
            'q' => {
                let quoted = regex::escape(pattern);
                return Regex::new(&quoted).map_err(|e| invalid(&e));
            }
            other => {
                let message = format!("invalid regular expression option: \"{other}\"");
                return Err(SqlError::new("22023", message));
            }
        }
    }
    let made = builder.build().map_err(|e| invalid(&e))?;
    COMPILED.with(|all| {
        let mut all = all.borrow_mut();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(key, made.clone());
    });
    Ok(made)
}

fn invalid(error: &regex::Error) -> SqlError {
    let why = error.to_string();
    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
    SqlError::new("2201B", format!("invalid regular expression: {why}"))
}

fn like(c: &Call<'_>) -> SqlResult<Datum> {
    no_global(c.text(2), "regexp_like")?;
    Ok(Datum::Bool(compiled(c.text(1), c.text(2))?.is_match(c.text(0))))
}

fn no_global(flags: &str, function: &str) -> SqlResult<()> {
    if !flags.contains('g') {
        return Ok(());
    }
    let message = format!("{function}() does not support the \"global\" option");
    let error = SqlError::new("22023", message);
    Err(match function {
        "regexp_match" => error.hint("Use the regexp_matches function instead."),
        _ => error,
    })
}

/// The groups of a match, or the match itself where there are none.
fn groups(found: &regex::Captures<'_>) -> Datum {
    let item =
        |m: Option<regex::Match<'_>>| m.map_or(Datum::Null, |m| Datum::Text(m.as_str().into()));
    let skip = usize::from(found.len() > 1);
    Datum::Array(found.iter().skip(skip).map(item).collect())
}

fn first(c: &Call<'_>) -> SqlResult<Datum> {
    no_global(c.text(2), "regexp_match")?;
    Ok(compiled(c.text(1), c.text(2))?.captures(c.text(0)).map_or(Datum::Null, |m| groups(&m)))
}

fn all(c: &Call<'_>) -> SqlResult<Datum> {
    let (flags, global) = split_flags(c.text(2));
    let expression = compiled(c.text(1), &flags)?;
    let limit = if global { usize::MAX } else { 1 };
    Ok(Datum::Array(expression.captures_iter(c.text(0)).take(limit).map(|m| groups(&m)).collect()))
}

fn split_flags(flags: &str) -> (String, bool) {
    (flags.replace('g', ""), flags.contains('g'))
}

fn replace(c: &Call<'_>) -> SqlResult<Datum> {
    let (flags, global) = split_flags(c.text(3));
    let expression = compiled(c.text(1), &flags)?;
    let limit = if global { 0 } else { 1 };
    let with = |found: &regex::Captures<'_>| expanded(c.text(2), found);
    text(expression.replacen(c.text(0), limit, with).into_owned())
}

/// A replacement with `\1`, `\&` and `\\` put in.
fn expanded(template: &str, found: &regex::Captures<'_>) -> String {
    let mut out = String::new();
    let mut chars = template.chars();
    let group = |n: usize, out: &mut String| {
        out.push_str(found.get(n).map_or("", |m| m.as_str()));
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('&') => group(0, &mut out),
            Some(digit @ '1'..='9') => group(digit as usize - '0' as usize, &mut out),
            Some('\\') => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

/// The text from character `n` on, counted from 1.
fn from_char(text: &str, n: i64) -> SqlResult<&str> {
    if n < 1 {
        let message = format!("invalid value for parameter \"start\": {n}");
        return Err(SqlError::new("22023", message));
    }
    let at = text.char_indices().nth(n as usize - 1).map_or(text.len(), |(at, _)| at);
    Ok(&text[at..])
}

fn count(c: &Call<'_>) -> SqlResult<Datum> {
    no_global(c.text(3), "regexp_count")?;
    let start = if c.given(2) { c.int(2) } else { 1 };
    let found = compiled(c.text(1), c.text(3))?.find_iter(from_char(c.text(0), start)?).count();
    Ok(Datum::Int(found as i64))
}

fn substr(c: &Call<'_>) -> SqlResult<Datum> {
    let start = if c.given(2) { c.int(2) } else { 1 };
    let n = if c.given(3) { c.int(3) } else { 1 };
    let expression = compiled(c.text(1), "")?;
    let n = usize::try_from(n - 1)
        .map_err(|_| SqlError::new("22023", format!("invalid value for parameter \"n\": {n}")))?;
    let found = expression.find_iter(from_char(c.text(0), start)?).nth(n);
    Ok(found.map_or(Datum::Null, |m| Datum::Text(m.as_str().into())))
}

fn instr(c: &Call<'_>) -> SqlResult<Datum> {
    let start = if c.given(2) { c.int(2) } else { 1 };
    let rest = from_char(c.text(0), start)?;
    let at = compiled(c.text(1), "")?
        .find(rest)
        .map_or(0, |m| rest[..m.start()].chars().count() as i64 + start);
    Ok(Datum::Int(at))
}

fn split(c: &Call<'_>) -> SqlResult<Datum> {
    no_global(c.text(2), "regexp_split_to_array")?;
    let expression = compiled(c.text(1), c.text(2))?;
    let whole = c.text(0);
    let (mut parts, mut last) = (Vec::new(), 0);
    for found in expression.find_iter(whole) {
        // An empty match at the end, or right behind another one, splits nothing.
        if found.is_empty() && (found.start() == whole.len() || found.start() == last) {
            continue;
        }
        parts.push(Datum::Text(whole[last..found.start()].to_string()));
        last = found.end();
    }
    parts.push(Datum::Text(whole[last..].to_string()));
    Ok(Datum::Array(parts))
}

/// A pattern of SIMILAR TO as a regular expression over the whole text.
fn of_similar(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::from("^(?:");
    let mut chars = pattern.chars();
    let mut set = false;
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => {
                out.extend(chars.next().map(|c| regex::escape(&c.to_string())))
            }
            '[' if !set => {
                set = true;
                out.push('[');
            }
            ']' if set => {
                set = false;
                out.push(']');
            }
            c if set => out.push(c),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '|' | '*' | '+' | '?' | ')' | '{' | '}' => out.push(c),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push_str(")$");
    out
}

fn similar(text: &str, pattern: &str, escape: Option<char>) -> SqlResult<Datum> {
    Ok(Datum::Bool(compiled(&of_similar(pattern, escape), "")?.is_match(text)))
}

/// `substring(text SIMILAR 'a#"b#"c' ESCAPE '#')`: the part between the two marks.
fn similar_part(text: &str, pattern: &str, escape: &str) -> SqlResult<Datum> {
    let mut one = escape.chars();
    let (Some(escape), None) = (one.next(), one.next()) else { return Err(bad_escape()) };
    let mark = format!("{escape}\"");
    let parts: Vec<&str> = pattern.split(&mark).collect();
    let [before, part, after] = parts[..] else {
        return Ok(Datum::Null);
    };
    let inner = |p: &str| {
        let whole = of_similar(p, Some(escape));
        whole.trim_start_matches('^').trim_end_matches('$').to_string()
    };
    let expression =
        format!("^{}({}){}$", inner(before).replace(".*", ".*?"), inner(part), inner(after));
    let found = compiled(&expression, "")?;
    let found = found.captures(text).and_then(|m| m.get(1).map(|m| m.as_str().to_string()));
    Ok(found.map_or(Datum::Null, Datum::Text))
}
