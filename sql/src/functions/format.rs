//! `format('%s is %I', ..)`.

use super::text::{quote_ident, quoted_literal};
use super::{Call, Datum, Family, text};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family =
    &[("?format(text) text", format), ("?format(text, variadic any) text", format)];

fn few() -> SqlError {
    SqlError::new("22023", "too few arguments for format()")
}

/// One `%[n$][-][width]kind`.
#[derive(Default)]
struct Spec {
    position: Option<usize>,
    left: bool,
    width: Option<Width>,
}

enum Width {
    Fixed(usize),
    /// The next argument, or that of this number.
    Argument(Option<usize>),
}

fn format(c: &Call<'_>) -> SqlResult<Datum> {
    if c.values[0] == Datum::Null {
        return Ok(Datum::Null);
    }
    let mut out = String::new();
    let mut rest = c.text(0);
    let mut next = 1;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (spec, after) = spec(rest)?;
        let kind = after.chars().next().ok_or_else(unterminated)?;
        rest = &after[kind.len_utf8()..];
        let mut left = spec.left;
        let width = match spec.width {
            None => 0,
            Some(Width::Fixed(n)) => n,
            Some(Width::Argument(number)) => {
                let width = match argument(c, number, &mut next)?.0 {
                    Datum::Null => 0,
                    Datum::Int(n) => *n,
                    other => other.print(&super::Type::Text).trim().parse().unwrap_or(0),
                };
                left |= width < 0;
                usize::try_from(width.unsigned_abs()).unwrap_or(0)
            }
        };
        let (value, t) = argument(c, spec.position, &mut next)?;
        let shown = match (kind, value) {
            ('s', Datum::Null) => String::new(),
            ('s', value) => value.print(t),
            ('I', Datum::Null) => {
                let message = "null values cannot be formatted as an SQL identifier";
                return Err(SqlError::new("22004", message));
            }
            ('I', value) => quote_ident(&value.print(t)),
            ('L', Datum::Null) => "NULL".into(),
            ('L', value) => quoted_literal(&value.print(t)),
            (other, _) => {
                let message = format!("unrecognized format() type specifier \"{other}\"");
                return Err(SqlError::new("22023", message).hint("For a single \"%\" use \"%%\"."));
            }
        };
        let blanks = " ".repeat(width.min(super::TEXT_MAX).saturating_sub(shown.chars().count()));
        out += &if left { shown + &blanks } else { blanks + &shown };
    }
    out.push_str(rest);
    text(out)
}

fn unterminated() -> SqlError {
    SqlError::new("22023", "unterminated format() type specifier")
        .hint("For a single \"%\" use \"%%\".")
}

fn argument<'a>(
    c: &Call<'a>,
    number: Option<usize>,
    next: &mut usize,
) -> SqlResult<(&'a Datum, &'a super::Type)> {
    let at = number.unwrap_or(*next);
    *next = at + 1;
    c.values.get(at).zip(c.types.get(at)).ok_or_else(few)
}

fn number(text: &str) -> (Option<usize>, &str) {
    let digits = text.bytes().take_while(|b| b.is_ascii_digit()).count();
    (text[..digits].parse().ok(), &text[digits..])
}

fn position(text: &str) -> SqlResult<(Option<usize>, &str)> {
    let (n, after) = number(text);
    match (n, after.strip_prefix('$')) {
        (Some(0), Some(_)) => {
            let message = "format specifies argument 0, but arguments are numbered from 1";
            Err(SqlError::new("22023", message))
        }
        (Some(n), Some(after)) => Ok((Some(n), after)),
        _ => Ok((None, text)),
    }
}

fn spec(text: &str) -> SqlResult<(Spec, &str)> {
    let mut spec = Spec::default();
    let (at, mut rest) = position(text)?;
    spec.position = at;
    while let Some(after) = rest.strip_prefix('-') {
        spec.left = true;
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('*') {
        let (at, after) = position(after)?;
        spec.width = Some(Width::Argument(at));
        rest = after;
    } else if let (Some(n), after) = number(rest) {
        spec.width = Some(Width::Fixed(n));
        rest = after;
    }
    Ok((spec, rest))
}
