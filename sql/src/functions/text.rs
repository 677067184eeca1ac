//! Functions of strings and of bytes.

use super::{Call, Datum, Family, TEXT_MAX, text, too_long};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("lpad(text, int4) text", |c| pad(c, true)),
    ("lpad(text, int4, text) text", |c| pad(c, true)),
    ("rpad(text, int4) text", |c| pad(c, false)),
    ("rpad(text, int4, text) text", |c| pad(c, false)),
    ("left(text, int4) text", |c| text(c.text(0).chars().take(kept(c)).collect::<String>())),
    ("right(text, int4) text", |c| {
        let skip = c.text(0).chars().count() - kept(c);
        text(c.text(0).chars().skip(skip).collect::<String>())
    }),
    ("substr(text, int4) text", substring),
    ("substr(text, int4, int4) text", substring),
    ("substring(text, int4) text", substring),
    ("substring(text, int4, int4) text", substring),
    ("substr(bytea, int4) bytea", byte_slice),
    ("substr(bytea, int4, int4) bytea", byte_slice),
    ("substring(bytea, int4) bytea", byte_slice),
    ("substring(bytea, int4, int4) bytea", byte_slice),
    ("overlay(text, text, int4) text", overlay),
    ("overlay(text, text, int4, int4) text", overlay),
    ("split_part(text, text, int4) text", split_part),
    ("strpos(text, text) int4", |c| position(c.text(0), c.text(1))),
    ("position(text, text) int4", |c| position(c.text(1), c.text(0))),
    ("translate(text, text, text) text", translate),
    ("initcap(text) text", |c| text(initcap(c.text(0)))),
    ("repeat(text, int4) text", |c| {
        let count = usize::try_from(c.int(1)).unwrap_or(0);
        if c.text(0).len().saturating_mul(count) > TEXT_MAX {
            return Err(too_long());
        }
        text(c.text(0).repeat(count))
    }),
    ("length(text) int4", |c| Ok(Datum::Int(c.text(0).chars().count() as i64))),
    ("char_length(text) int4", |c| Ok(Datum::Int(c.text(0).chars().count() as i64))),
    ("character_length(text) int4", |c| Ok(Datum::Int(c.text(0).chars().count() as i64))),
    ("length(bytea) int4", |c| Ok(Datum::Int(c.bytes(0).len() as i64))),
    ("octet_length(text) int4", |c| Ok(Datum::Int(c.text(0).len() as i64))),
    ("octet_length(bytea) int4", |c| Ok(Datum::Int(c.bytes(0).len() as i64))),
    ("bit_length(text) int4", |c| Ok(Datum::Int(c.text(0).len() as i64 * 8))),
    ("bit_length(bytea) int4", |c| Ok(Datum::Int(c.bytes(0).len() as i64 * 8))),
    ("ascii(text) int4", |c| Ok(Datum::Int(c.text(0).chars().next().map_or(0, |c| c as i64)))),
    ("upper(text) text", |c| text(upper(c.text(0)))),
    ("lower(text) text", |c| text(lower(c.text(0)))),
    ("chr(int4) text", chr),
    ("to_hex(int4) text", |c| text(format!("{:x}", c.int(0) as i32))),
    ("to_hex(int8) text", |c| text(format!("{:x}", c.int(0)))),
    ("quote_ident(text) text", |c| text(quoted_ident(c.text(0)))),
    ("quote_literal(any) text", |c| text(quoted_literal(&cast_text(c)))),
    ("?quote_nullable(any) text", |c| match &c.values[0] {
        Datum::Null => text("NULL"),
        _ => text(quoted_literal(&cast_text(c))),
    }),
    ("?concat(variadic any) text", |c| text(joined(c, 0, ""))),
    ("?concat_ws(text, variadic any) text", |c| match &c.values[0] {
        Datum::Null => Ok(Datum::Null),
        _ => text(joined(c, 1, c.text(0))),
    }),
    ("?string_to_array(text, text, text) text[]", string_to_array),
    ("?string_to_array(text, text) text[]", string_to_array),
    ("?string_to_table(text, text) setof text", string_to_array),
    ("?string_to_table(text, text, text) setof text", string_to_array),
    ("get_byte(bytea, int4) int4", |c| {
        let byte = usize::try_from(c.int(1)).ok().and_then(|i| c.bytes(0).get(i));
        byte.map(|b| Datum::Int(i64::from(*b))).ok_or_else(|| {
            let last = c.bytes(0).len() as i64 - 1;
            let message = format!("index {} out of valid range, 0..{last}", c.int(1));
            SqlError::new("2202E", message)
        })
    }),
    ("convert_from(bytea, text) text", |c| {
        let bytes = c.bytes(0).to_vec();
        String::from_utf8(bytes).map_err(|_| bad_utf8()).and_then(text)
    }),
    ("convert_to(text, text) bytea", |c| Ok(Datum::Bytes(c.text(0).as_bytes().to_vec()))),
    ("aeriedb_concat(bytea, bytea) bytea", |c| Ok(Datum::Bytes([c.bytes(0), c.bytes(1)].concat()))),
    ("aeriedb_concat(text, text) text", |c| text(format!("{}{}", c.text(0), c.text(1)))),
];

fn bad_utf8() -> SqlError {
    SqlError::new("22021", "invalid byte sequence for encoding \"UTF8\"")
}

fn pad(c: &Call<'_>, left: bool) -> SqlResult<Datum> {
    let wanted = usize::try_from(c.int(1)).unwrap_or(0);
    let fill: Vec<char> = if c.given(2) { c.text(2).chars().collect() } else { vec![' '] };
    let length = c.text(0).chars().count();
    if length >= wanted || fill.is_empty() {
        return text(c.text(0).chars().take(wanted).collect::<String>());
    }
    if wanted > TEXT_MAX {
        return Err(too_long());
    }
    let filled: String = fill.iter().cycle().take(wanted - length).collect();
    text(if left { filled + c.text(0) } else { format!("{}{filled}", c.text(0)) })
}

/// How many characters `left(text, n)` keeps: negative n counts from the end.
fn kept(c: &Call<'_>) -> usize {
    let length = c.text(0).chars().count() as i64;
    let n = c.int(1);
    (if n < 0 { length.saturating_add(n) } else { n }).clamp(0, length) as usize
}

/// First and past-the-last place of a part that begins at `from`, counted from 1.
fn range(c: &Call<'_>, from: usize) -> SqlResult<(usize, usize)> {
    let start = c.int(from).saturating_sub(1);
    let end = match c.given(from + 1) {
        false => i64::MAX,
        true if c.int(from + 1) < 0 => {
            return Err(SqlError::new("22011", "negative substring length not allowed"));
        }
        true => start.saturating_add(c.int(from + 1)),
    };
    let place = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    Ok((place(start), place(end)))
}

fn substring(c: &Call<'_>) -> SqlResult<Datum> {
    let (start, end) = range(c, 1)?;
    text(c.text(0).chars().skip(start).take(end.saturating_sub(start)).collect::<String>())
}

fn byte_slice(c: &Call<'_>) -> SqlResult<Datum> {
    let (start, end) = range(c, 1)?;
    let bytes = c.bytes(0);
    let (start, end) = (start.min(bytes.len()), end.min(bytes.len()));
    Ok(Datum::Bytes(bytes[start..end.max(start)].to_vec()))
}

fn overlay(c: &Call<'_>) -> SqlResult<Datum> {
    let length = if c.given(3) { c.int(3) } else { c.text(1).chars().count() as i64 };
    if c.int(2) < 1 {
        return Err(SqlError::new("22011", "negative substring length not allowed"));
    }
    let start = c.int(2) - 1;
    let chars: Vec<char> = c.text(0).chars().collect();
    let place = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX).min(chars.len());
    let head: String = chars[..place(start)].iter().collect();
    let tail: String = chars[place(start.saturating_add(length))..].iter().collect();
    text(format!("{head}{}{tail}", c.text(1)))
}

fn split_part(c: &Call<'_>) -> SqlResult<Datum> {
    let n = c.int(2);
    if n == 0 {
        return Err(SqlError::new("22023", "field position must not be zero"));
    }
    let parts: Vec<&str> = match c.text(1) {
        "" => vec![c.text(0)],
        by => c.text(0).split(by).collect(),
    };
    let at = if n > 0 { n - 1 } else { parts.len() as i64 + n };
    text(usize::try_from(at).ok().and_then(|at| parts.get(at).copied()).unwrap_or_default())
}

fn position(text: &str, part: &str) -> SqlResult<Datum> {
    let at = text.find(part).map_or(0, |at| text[..at].chars().count() + 1);
    Ok(Datum::Int(at as i64))
}

fn translate(c: &Call<'_>) -> SqlResult<Datum> {
    let (from, to): (Vec<char>, Vec<char>) =
        (c.text(1).chars().collect(), c.text(2).chars().collect());
    let one = |c: char| match from.iter().position(|f| *f == c) {
        Some(at) => to.get(at).copied(),
        None => Some(c),
    };
    text(c.text(0).chars().filter_map(one).collect::<String>())
}

/// Letters by themselves, as PostgreSQL's C locale for UTF-8 changes them: one for one.
fn one(mut changed: impl Iterator<Item = char>, c: char) -> char {
    match (changed.next(), changed.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The text in upper case.
pub(crate) fn upper(text: &str) -> String {
    text.chars().map(|c| one(c.to_uppercase(), c)).collect()
}

/// The text in lower case.
pub(crate) fn lower(text: &str) -> String {
    text.chars().map(|c| one(c.to_lowercase(), c)).collect()
}

/// The first letter of each word upper case, the others lower.
pub(super) fn initcap(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match inside {
            true => out.push(one(c.to_lowercase(), c)),
            false => out.push(one(c.to_uppercase(), c)),
        }
        inside = c.is_alphanumeric();
    }
    out
}

fn chr(c: &Call<'_>) -> SqlResult<Datum> {
    match c.int(0) {
        0 => Err(SqlError::new("54000", "null character not permitted")),
        n if n < 0 => Err(SqlError::new("22023", "character number must be positive")),
        n => match u32::try_from(n).ok().and_then(char::from_u32) {
            Some(c) => text(c),
            None => Err(SqlError::new(
                "54000",
                format!("requested character not valid for encoding: {n}"),
            )),
        },
    }
}

/// A name as SQL must write it: in quotes unless it is lower case and no reserved word.
fn quoted_ident(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let reserved = RESERVED.contains(&name);
    match starts && name.chars().all(plain) && !reserved {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Words that are no names without quotes.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

pub(super) fn quote_ident(name: &str) -> String {
    quoted_ident(name)
}

pub(super) fn quoted_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// The first argument as a cast to text prints it.
fn cast_text(c: &Call<'_>) -> String {
    match &c.values[0] {
        Datum::Bool(b) => b.to_string(),
        value => value.print(&c.types[0]),
    }
}

/// The texts of the arguments from `first` on, without those that are NULL.
fn joined(c: &Call<'_>, first: usize, by: &str) -> String {
    let texts = c.values.iter().zip(c.types).skip(first);
    let texts = texts.filter(|(value, _)| **value != Datum::Null);
    let texts: Vec<String> = texts.map(|(value, t)| value.print(t)).collect();
    texts.join(by)
}

fn string_to_array(c: &Call<'_>) -> SqlResult<Datum> {
    if c.values[0] == Datum::Null {
        return Ok(Datum::Null);
    }
    let whole = c.text(0);
    let parts: Vec<String> = match &c.values[1] {
        _ if whole.is_empty() => Vec::new(),
        Datum::Null => whole.chars().map(String::from).collect(),
        Datum::Text(by) if by.is_empty() => vec![whole.to_string()],
        _ => whole.split(c.text(1)).map(String::from).collect(),
    };
    let null = match c.values.get(2) {
        Some(Datum::Text(null)) => Some(null),
        _ => None,
    };
    let item = |part: String| if Some(&part) == null { Datum::Null } else { Datum::Text(part) };
    Ok(Datum::Array(parts.into_iter().map(item).collect()))
}
