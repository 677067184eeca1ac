//! Colours of what is typed: keywords, strings, numbers, comments, commands.

use crate::complete::{KEYWORDS, VERBS};
use crate::lexer::{Kind, spans};

const KEYWORD: &str = "1;34";
const STRING: &str = "32";
const NUMBER: &str = "36";
const COMMENT: &str = "2";
const COMMAND: &str = "35";

/// Longer statements stay plain: each key would walk them anew.
const LIMIT: usize = 64 * 1024;

/// `line` in colours; `pending` is the statement's earlier lines.
pub(crate) fn paint(pending: &str, line: &str) -> String {
    if pending.len() + line.len() > LIMIT {
        return line.into();
    }
    if pending.is_empty() && line.trim_start().starts_with('\\') {
        let end = line.find(char::is_whitespace).filter(|end| *end > 0).unwrap_or(line.len());
        return format!("{}{}", colored(COMMAND, &line[..end]), &line[end..]);
    }
    let before = if pending.is_empty() { String::new() } else { format!("{pending}\n") };
    let all = format!("{before}{line}");
    let (mut at, mut shown) = (0, String::new());
    for (kind, text) in spans(&all) {
        let begin = before.len().saturating_sub(at).min(text.len());
        at += text.len();
        // A span may begin in an earlier line: an open string.
        let here = &text[begin..];
        match color(kind, text).filter(|_| !here.is_empty()) {
            Some(color) => shown.push_str(&colored(color, here)),
            None => shown.push_str(here),
        }
    }
    shown
}

fn colored(color: &str, text: &str) -> String {
    format!("\x1b[{color}m{text}\x1b[0m")
}

fn color(kind: Kind, text: &str) -> Option<&'static str> {
    match kind {
        Kind::Comment => Some(COMMENT),
        Kind::Quoted if text.starts_with('"') => None,
        Kind::Quoted => Some(STRING),
        Kind::Word if text.starts_with(|c: char| c.is_ascii_digit()) => Some(NUMBER),
        Kind::Word if is_keyword(text) => Some(KEYWORD),
        _ => None,
    }
}

fn is_keyword(word: &str) -> bool {
    let mut all = VERBS.iter().chain(KEYWORDS).flat_map(|phrase| phrase.split(' '));
    all.any(|keyword| keyword.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours as `<number:text>`.
    fn marked(pending: &str, line: &str) -> String {
        paint(pending, line).replace("\x1b[0m", ">").replace("\x1b[", "<").replace('m', ":")
    }

    #[test]
    fn kinds_have_colours() {
        let expected = "<1;34:select> a, <36:1>, <32:'x'>, \"y\" <2:-- c>";
        assert_eq!(marked("", "select a, 1, 'x', \"y\" -- c"), expected);
        assert_eq!(marked("", "\\d users"), "<35:\\d> users");
    }

    #[test]
    fn what_is_open_above_goes_on() {
        assert_eq!(marked("select 'a", "b' x"), "<32:b'> x");
        assert_eq!(marked("select", "1"), "<36:1>");
    }

    #[test]
    fn no_text_is_lost() {
        for (pending, line) in
            [("", ""), ("select $$", "é"), ("/*", "*/ ü"), ("", " \\"), ("a", "'")]
        {
            let plain: String = paint(pending, line)
                .split('\x1b')
                .enumerate()
                .map(|(i, part)| if i == 0 { part } else { part.split_once('m').unwrap().1 })
                .collect();
            assert_eq!(plain, line);
        }
    }
}
