//! Variables: `\set`, and what `:name`, `:'name'`, `:"name"` and `:{?name}` become.
//!
//! In a statement they are replaced outside quotes and comments only; a name that is not set stays
//! as it was typed, so casts (`::int`) and slices survive. In the arguments of a command they are
//! replaced outside quotes, and `` `program` `` becomes what the program prints.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::process::{Command, Stdio};
use std::str::Chars;

use crate::lexer::{Kind, spans};

/// Named values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars(BTreeMap<String, String>);

/// How a value is put in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// A string literal.
    Literal,
    /// A quoted name.
    Name,
}

impl Vars {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The error says what a name is made of.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if !is_name(name) {
            return Err(format!("a variable is letters, digits and _, not \"{name}\"\n"));
        }
        self.0.insert(name.into(), value.into());
        Ok(())
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Whether a variable that is a switch is on; `fallback` counts while it is not set.
    pub(crate) fn is_on(&self, name: &str, fallback: bool) -> bool {
        let value = self.get(name).map(str::to_ascii_lowercase);
        value.map_or(fallback, |value| !matches!(value.as_str(), "off" | "false" | "0" | "no"))
    }

    /// One line each: `name = 'value'`.
    pub(crate) fn list(&self) -> String {
        let line =
            |(name, value): (&String, &String)| format!("{name} = {}\n", quoted(value, '\''));
        self.0.iter().map(line).collect()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// `text` with the values of its variables.
    pub(crate) fn expand(&self, text: &str) -> String {
        if self.0.is_empty() || !text.contains(':') {
            return text.into();
        }
        let parts: Vec<(Kind, &str)> = spans(text).collect();
        let (mut at, mut shown) = (0, String::with_capacity(text.len()));
        while at < parts.len() {
            let (value, taken) = self.replace(&parts[at..]);
            shown.push_str(&value);
            at += taken;
        }
        shown
    }

    /// What the front of `parts` becomes, and how many of them that is.
    fn replace(&self, parts: &[(Kind, &str)]) -> (String, usize) {
        let colon = Kind::Symbol(':');
        let as_typed = |count: usize| (parts[..count].iter().map(|(_, t)| *t).collect(), count);
        match parts {
            [(k, _), (l, _), ..] if *k == colon && *l == colon => as_typed(2),
            [(k, _), (Kind::Word, name), ..] if *k == colon => {
                self.form(name, Form::Plain).map_or_else(|| as_typed(2), |value| (value, 2))
            }
            [(k, _), (Kind::Quoted, name), ..] if *k == colon => {
                let form = if name.starts_with('\'') { Form::Literal } else { Form::Name };
                let inner = name.get(1..name.len().saturating_sub(1)).unwrap_or("");
                self.form(inner, form).map_or_else(|| as_typed(2), |value| (value, 2))
            }
            [(k, _), (_, "{"), (_, "?"), (Kind::Word, name), (_, "}"), ..] if *k == colon => {
                (truth(self.get(name).is_some()).into(), 5)
            }
            _ => as_typed(1),
        }
    }

    fn form(&self, name: &str, form: Form) -> Option<String> {
        let value = self.get(name)?;
        Some(match form {
            Form::Plain => value.into(),
            Form::Literal => quoted(value, '\''),
            Form::Name => quoted(value, '"'),
        })
    }

    /// The arguments of a command: between spaces, quotes of either kind keep spaces together. In
    /// single quotes `\n` and `\t` mean what they mean in C.
    pub(crate) fn words(&self, text: &str) -> Result<Vec<String>, String> {
        let (mut found, mut word) = (Vec::new(), None::<String>);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                c if c.is_whitespace() => found.extend(word.take()),
                '\'' | '"' => word.get_or_insert_default().push_str(&inside(&mut chars, c)),
                '`' => {
                    let program: String = chars.by_ref().take_while(|c| *c != '`').collect();
                    word.get_or_insert_default().push_str(&printed(&program)?);
                }
                ':' => word.get_or_insert_default().push_str(&self.reference(&mut chars)),
                c => word.get_or_insert_default().push(c),
            }
        }
        found.extend(word);
        Ok(found)
    }

    /// What stands after a `:` in an argument.
    fn reference(&self, chars: &mut Peekable<Chars<'_>>) -> String {
        let rest: String = chars.clone().collect();
        let (form, open) = match rest.chars().next() {
            Some('\'') => (Form::Literal, 1),
            Some('"') => (Form::Name, 1),
            _ => (Form::Plain, 0),
        };
        let name: String = rest[open..].chars().take_while(|c| is_letter(*c)).collect();
        let closed = open == 0 || rest[open + name.len()..].starts_with(&rest[..1]);
        match self.form(&name, form).filter(|_| closed) {
            Some(value) => {
                let taken = name.chars().count() + 2 * open;
                chars.by_ref().take(taken).for_each(drop);
                value
            }
            None => ":".into(),
        }
    }
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_letter)
}

fn truth(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

fn quoted(value: &str, quote: char) -> String {
    let twice = format!("{quote}{quote}");
    format!("{quote}{}{quote}", value.replace(quote, &twice))
}

/// The text up to the closing quote.
fn inside(chars: &mut Peekable<Chars<'_>>, quote: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote && chars.next_if_eq(&quote).is_some() => text.push(quote),
            c if c == quote => break,
            '\\' if quote == '\'' => text.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(c) => c,
                None => '\\',
            }),
            c => text.push(c),
        }
    }
    text
}

/// The output of a program, without its last line ends.
fn printed(program: &str) -> Result<String, String> {
    let ran = Command::new("sh").arg("-c").arg(program).stderr(Stdio::inherit()).output();
    let output = ran.map_err(|error| format!("`{program}`: {error}\n"))?;
    if !output.status.success() {
        return Err(format!("`{program}`: {}\n", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches(['\n', '\r']).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vars {
        let mut vars = Vars::default();
        for (name, value) in [("n", "42"), ("who", "O'Hara"), ("t", "Odd \"Name\""), ("_1", "x")] {
            vars.set(name, value).unwrap();
        }
        vars
    }

    #[test]
    fn statements() {
        for (text, expected) in [
            ("select :n, :'who' from :\"t\"", "select 42, 'O''Hara' from \"Odd \"\"Name\"\"\""),
            ("select ':n', a::n, \":n\" -- :n", "select ':n', a::n, \":n\" -- :n"),
            ("select :unset, a[1:2], :'unset'", "select :unset, a[1:2], :'unset'"),
            ("select :n::text, $$:n$$", "select 42::text, $$:n$$"),
            ("select :{?n}, :{?m}", "select TRUE, FALSE"),
            ("x := :n :", "x := 42 :"),
        ] {
            assert_eq!(vars().expand(text), expected);
        }
    }

    #[test]
    fn arguments() {
        for (text, expected) in [
            ("a 'b  c' \"d e\"", vec!["a", "b  c", "d e"]),
            (":n :'who' x:n.csv", vec!["42", "'O''Hara'", "x42.csv"]),
            ("':n' :none a:b '' 'it''s'", vec![":n", ":none", "a:b", "", "it's"]),
            ("'a\\tb\\n' `echo one two`", vec!["a\tb\n", "one two"]),
            (":'who", vec![":who"]),
        ] {
            assert_eq!(vars().words(text).unwrap(), expected, "{text}");
        }
        assert!(vars().words("`false`").is_err());
    }

    #[test]
    fn names_and_switches() {
        let mut vars = vars();
        assert!(vars.set("a-b", "").is_err() && vars.set("", "").is_err());
        assert!(vars.is_on("none", true) && !vars.is_on("none", false) && vars.is_on("n", false));
        vars.set("n", "OFF").unwrap();
        assert!(!vars.is_on("n", true));
        vars.unset("n");
        assert!(vars.list().starts_with("_1 = 'x'\nt = ") && vars.names().count() == 3);
    }
}
