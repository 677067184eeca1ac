//! POSIX regular expressions as those of crate `regex`, which takes time in proportion to the text
//! whatever the expression.
//!
//! Groups, repetitions and alternatives are `\( \) \{ \} \+ \? \|` in a basic expression and the same
//! without backslash in an extended one; inside brackets a backslash is a backslash. References to what
//! a group found are refused: they are what makes others slow.

use model::{Error, ErrorKind, Result};
use regex::{Regex, RegexBuilder};

const EXTENDED: i64 = 1;
const IGNORE_CASE: i64 = 2;
/// Says that the place of a match is of no interest, which it never is here.
const NO_PLACE: i64 = 4;
const NEWLINE: i64 = 8;

/// The classes of characters that POSIX knows.
const CLASSES: [&str; 12] = [
    ":alnum:", ":alpha:", ":blank:", ":cntrl:", ":digit:", ":graph:", ":lower:", ":print:",
    ":punct:", ":space:", ":upper:", ":xdigit:",
];

/// Most bytes that a compiled expression may take.
const COMPILED_MAX: usize = 1 << 20;

/// The expression that `pattern` is under these flags.
pub(super) fn compile(pattern: &str, flags: i64) -> Result<Regex> {
    let known = EXTENDED | IGNORE_CASE | NO_PLACE | NEWLINE;
    if flags & !known != 0 {
        return Err(wrong(pattern, format!("flags {flags:#x}, of which {known:#x} may be set")));
    }
    let newline = flags & NEWLINE != 0;
    RegexBuilder::new(&translate(pattern, flags & EXTENDED != 0, newline)?)
        .case_insensitive(flags & IGNORE_CASE != 0)
        .dot_matches_new_line(!newline)
        .multi_line(newline)
        .size_limit(COMPILED_MAX)
        .build()
        .map_err(|error| wrong(pattern, error.to_string()))
}

fn translate(pattern: &str, extended: bool, newline: bool) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut left = pattern.chars().peekable();
    // What a repetition would repeat: at the start of a basic expression a star is a star.
    let mut repeats = false;
    while let Some(c) = left.next() {
        match c {
            '[' => {
                brackets(pattern, &mut left, newline, &mut out)?;
                repeats = true;
            }
            '\\' => {
                let next =
                    left.next().ok_or_else(|| wrong(pattern, "ends in a backslash".into()))?;
                repeats = escaped(pattern, next, extended, &mut out)?;
            }
            '*' if !extended && !repeats => {
                out.push_str("\\*");
                repeats = true;
            }
            '^' if !extended && repeats => out.push_str("\\^"),
            '$' if !extended && !ends(&mut left) => {
                out.push_str("\\$");
                repeats = true;
            }
            '(' | ')' | '{' | '}' | '+' | '?' | '|' if !extended => {
                out.extend(['\\', c]);
                repeats = true;
            }
            '*' | '.' | '^' | '$' | '(' | ')' | '{' | '}' | '+' | '?' | '|' => {
                out.push(c);
                repeats = !matches!(c, '^' | '(' | '|');
            }
            c => {
                out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                repeats = true;
            }
        }
    }
    Ok(out)
}

/// Whether a `$` here is at the end of a basic expression or of a part of it.
fn ends(left: &mut std::iter::Peekable<std::str::Chars>) -> bool {
    let mut ahead = left.clone();
    match ahead.next() {
        None => true,
        Some('\\') => matches!(ahead.next(), Some(')' | '|')),
        Some(_) => false,
    }
}

/// A character behind a backslash. Whether something is there now to be repeated.
fn escaped(pattern: &str, c: char, extended: bool, out: &mut String) -> Result<bool> {
    match c {
        '(' | ')' | '{' | '}' | '+' | '?' | '|' if !extended => {
            out.push(c);
            return Ok(!matches!(c, '(' | '|'));
        }
        '1'..='9' => return Err(wrong(pattern, "refers back to a group".into())),
        // GNU's classes and edges of words, which POSIX leaves open.
        'w' | 'W' | 's' | 'S' | 'b' | 'B' => out.extend(['\\', c]),
        '<' => out.push_str("\\b{start}"),
        '>' => out.push_str("\\b{end}"),
        '`' => out.push_str("\\A"),
        '\'' => out.push_str("\\z"),
        c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
    }
    Ok(true)
}

/// A bracket expression, of which the first `[` has been read.
fn brackets(
    pattern: &str,
    left: &mut std::iter::Peekable<std::str::Chars>,
    newline: bool,
    out: &mut String,
) -> Result<()> {
    let open = || wrong(pattern, "has a [ that is not closed".into());
    out.push('[');
    if left.next_if_eq(&'^').is_some() {
        out.push('^');
        if newline {
            out.push_str("\\n");
        }
    }
    let mut first = true;
    loop {
        let c = left.next().ok_or_else(open)?;
        match c {
            ']' if !first => break,
            '[' if left.peek() == Some(&':') => {
                let class: String = left.by_ref().take_while(|c| *c != ']').collect();
                if !CLASSES.contains(&&class[..]) {
                    return Err(wrong(pattern, format!("names a class [{class}]")));
                }
                out.push_str(&format!("[{class}]"));
            }
            '[' if matches!(left.peek(), Some('.' | '=')) => {
                return Err(wrong(pattern, "names a collating element".into()));
            }
            '-' if !first && left.peek() != Some(&']') => out.push('-'),
            c if c.is_ascii_punctuation() => out.extend(['\\', c]),
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Ok(())
}

fn wrong(pattern: &str, wrong: String) -> Error {
    Error::new(ErrorKind::Parameter, format!("the regular expression {pattern:?} {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, flags: i64, text: &str) -> bool {
        compile(pattern, flags).unwrap().is_match(text)
    }

    /// What GNU grep says of the same expressions and texts, basic and with -E.
    #[test]
    fn as_posix_says() {
        for (pattern, text, basic, extended) in [
            ("[1-5]", "x3", true, true),
            ("a+b", "a+b", true, false),
            ("a+b", "aab", false, true),
            ("a\\+b", "aab", true, false),
            ("(ab)*c", "ababc", false, true),
            ("\\(ab\\)*c", "c", true, false),
            ("a{2}", "aa", false, true),
            ("a\\{2\\}", "aa", true, false),
            ("*a", "*a", true, true),
            ("a|b", "b", false, true),
            ("^a", "ba", false, false),
            ("a^b", "a^b", true, false),
            ("a$b", "a$b", true, false),
            ("[]x]", "]", true, true),
            ("[^]x]", "]", false, false),
            ("[\\d]", "7", false, false),
            ("[\\d]", "\\", true, true),
            ("[[:digit:]]", "7", true, true),
            ("[a-]", "-", true, true),
            ("[a&&b]", "&", true, true),
            ("\\<word\\>", "a word.", true, true),
            ("\\.", "x", false, false),
        ] {
            assert_eq!(matches(pattern, 0, text), basic, "{pattern} on {text}");
            if pattern != "*a" {
                assert_eq!(matches(pattern, EXTENDED, text), extended, "-E {pattern} on {text}");
            }
        }
    }

    #[test]
    fn flags() {
        assert!(matches("ABC", IGNORE_CASE, "xabcx") && !matches("ABC", 0, "xabcx"));
        assert!(matches("a.b", 0, "a\nb") && !matches("a.b", NEWLINE, "a\nb"));
        assert!(matches("[^x]b", 0, "\nb") && !matches("[^x]b", NEWLINE, "\nb"));
        assert!(matches("^b", NEWLINE, "a\nb") && !matches("^b", 0, "a\nb"));
        assert!(compile("a", 16).is_err());
    }

    #[test]
    fn refused() {
        for pattern in ["\\(a\\)\\1", "[a", "[[.a.]]", "a\\", "[[:none:]]", "\\(", "["] {
            assert_eq!(compile(pattern, 0).unwrap_err().kind, ErrorKind::Parameter, "{pattern}");
        }
        assert!(compile("((a{1000}){1000}){1000}", EXTENDED).is_err());
    }
}
