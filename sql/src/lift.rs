//! Literals lifted out of a text, so that statements which differ only in them share a plan.
//!
//! Only what means the same as a parameter is lifted: whole numbers and plain strings where values
//! stand (WHERE, SET, VALUES), in texts of one simple statement. All else stays in the template, and
//! a text of which nothing can be lifted, or not safely, has none. Whether the plan of the template
//! takes the values as they were written is for its reader to see: the types of its parameters say.

use std::fmt::Write;

/// Longest text looked at, bytes: what is longer loads rows and does not come again.
const TEXT_MAX: usize = 4_096;

/// A text with its literals replaced by `$1..`.
#[derive(Debug, PartialEq)]
pub struct Lifted {
    /// The text with parameters.
    pub template: String,
    /// What stood there.
    pub literals: Vec<Literal>,
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A whole number, with its sign.
    Integer(i64),
    /// A string without its quotes; of no type yet, as PostgreSQL has it.
    Text(String),
}

/// Lifts the literals out of a text; `None` where there are none to lift.
pub fn lift(text: &str) -> Option<Lifted> {
    let text = text.trim();
    let text = text.strip_suffix(';').unwrap_or(text).trim_end();
    if text.len() > TEXT_MAX {
        return None;
    }
    let start = word_end(text, 0);
    let begins = match text[..start].to_ascii_uppercase().as_str() {
        "SELECT" | "DELETE" => "WHERE",
        "UPDATE" => "SET",
        "INSERT" => "VALUES",
        _ => return None,
    };
    let out = Lifted { template: String::with_capacity(text.len()), literals: Vec::new() };
    let lifter = Lifter { text, at: start, copied: 0, begins, values: false, over: false, out };
    lifter.run().filter(|lifted| !lifted.literals.is_empty())
}

struct Lifter<'a> {
    text: &'a str,
    at: usize,
    /// How much of the text is in the template.
    copied: usize,
    /// The word behind which values stand.
    begins: &'static str,
    /// Whether that word was met.
    values: bool,
    /// Whether one was met behind which numbers may be something else: a place in ORDER BY.
    over: bool,
    out: Lifted,
}

impl Lifter<'_> {
    fn run(mut self) -> Option<Lifted> {
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b'\'' => self.string()?,
                b'"' => self.at += 2 + self.text[self.at + 1..].find('"')?,
                // Parameters and dollar quotes, more statements, comments.
                b'$' | b';' => return None,
                b'-' if self.byte(self.at + 1) == Some(b'-') => return None,
                b'/' if self.byte(self.at + 1) == Some(b'*') => return None,
                b'0'..=b'9' => self.number(),
                b if is_word(b) => self.word()?,
                _ => self.at += 1,
            }
        }
        self.out.template.push_str(&self.text[self.copied..]);
        Some(self.out)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn word(&mut self) -> Option<()> {
        let end = word_end(self.text, self.at);
        let word = &self.text[self.at..end];
        self.at = end;
        let is = |words: &[&str]| words.iter().any(|w| word.eq_ignore_ascii_case(w));
        if is(&["SELECT"]) || matches!(self.byte(end), Some(b'\'' | b'&')) {
            // A query inside, `E'..'`, `U&'..'`.
            return None;
        }
        self.values |= is(&[self.begins]);
        self.over |= is(&["ORDER", "GROUP", "HAVING", "LIMIT", "OFFSET", "FETCH", "RETURNING"]);
        self.over |= is(&["WITH", "UNION", "INTERSECT", "EXCEPT", "ON", "INTERVAL", "CAST"]);
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let mut value = String::new();
        loop {
            let from = self.at + 1;
            self.at = from + self.text[from..].find('\'')?;
            value.push_str(&self.text[from..self.at]);
            self.at += 1;
            if self.byte(self.at) != Some(b'\'') {
                break;
            }
            value.push('\'');
        }
        self.lift(start, Literal::Text(value));
        Some(())
    }

    fn number(&mut self) {
        let before = self.text[..self.at].trim_end();
        let mut start = self.at;
        self.at = word_end(self.text, self.at);
        // `1.5`, `.5`, `1e3`, `a[1]`: they stay.
        let whole = self.text[start..self.at].bytes().all(|b| b.is_ascii_digit());
        if !whole || self.byte(self.at) == Some(b'.') || before.ends_with(['.', '[']) {
            self.at += usize::from(self.byte(self.at) == Some(b'.'));
            self.at = word_end(self.text, self.at);
            return;
        }
        // A minus behind an operator is the number's sign.
        let signed = before.strip_suffix('-').map(str::trim_end);
        if signed.is_some_and(|s| s.ends_with(['(', ',', '=', '<', '>', '+', '*', '/', '%'])) {
            start = before.len() - 1;
        }
        let digits: String = self.text[start..self.at].split_whitespace().collect();
        if let Ok(number) = digits.parse() {
            self.lift(start, Literal::Integer(number));
        }
    }

    /// Puts a parameter in the place of the literal from `start`, unless it has to stay: outside of
    /// values, and where a cast gives it a type.
    fn lift(&mut self, start: usize, literal: Literal) {
        if !self.values || self.over || self.text[self.at..].trim_start().starts_with("::") {
            return;
        }
        self.out.template.push_str(&self.text[self.copied..start]);
        self.out.literals.push(literal);
        let _ = write!(self.out.template, "${}", self.out.literals.len());
        self.copied = self.at;
    }
}

/// Where the word or number at `at` ends.
fn word_end(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().take_while(|b| is_word(**b) || b.is_ascii_digit()).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match lift(text) {
            None => "-".to_string(),
            Some(lifted) => {
                let literals = lifted.literals.iter().map(|literal| match literal {
                    Literal::Integer(n) => n.to_string(),
                    Literal::Text(text) => format!("'{text}'"),
                });
                format!("{} | {}", lifted.template, literals.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn values_are_lifted() {
        for (text, wanted) in [
            (" select v from t where k = 12 ; ", "select v from t where k = $1 | 12"),
            ("SELECT v FROM t1 WHERE k='it''s'", "SELECT v FROM t1 WHERE k=$1 | 'it's'"),
            (
                "UPDATE t SET n = n + -5, v = 'ä' WHERE k = 7",
                "UPDATE t SET n = n + $1, v = $2 WHERE k = $3 | -5 'ä' 7",
            ),
            (
                "INSERT INTO t (a) VALUES (1, - 2), ('x', now())",
                "INSERT INTO t (a) VALUES ($1, $2), ($3, now()) | 1 -2 'x'",
            ),
            (
                "DELETE FROM \"t'1\" WHERE k IN (1, 2)",
                "DELETE FROM \"t'1\" WHERE k IN ($1, $2) | 1 2",
            ),
            (
                "SELECT 1, v FROM t WHERE k = 2 ORDER BY 1 LIMIT 3",
                "SELECT 1, v FROM t WHERE k = $1 ORDER BY 1 LIMIT 3 | 2",
            ),
            ("SELECT v FROM t WHERE n - 1 = 5", "SELECT v FROM t WHERE n - $1 = $2 | 1 5"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_may_mean_something_else_stays() {
        for text in [
            "SELECT 1",
            "SELECT v FROM t WHERE k = 1.5 OR k = .5 OR k = 1e3 OR a[1] IS NULL",
            "SELECT v FROM t WHERE d = '2020-01-01'::date",
            "SELECT v FROM t WHERE k = E'a\\n'",
            "SELECT v FROM t WHERE k = $1",
            "SELECT v FROM t WHERE k = (SELECT 1)",
            "SELECT v FROM t WHERE k = 1; SELECT 2",
            "SELECT v FROM t WHERE k = 1 -- one",
            "SELECT v FROM t WHERE k = /* one */ 1",
            "SELECT v FROM t WHERE k = 99999999999999999999",
            "SELECT v FROM t WHERE k = 'open",
            "EXPLAIN SELECT v FROM t WHERE k = 1",
            "",
            "é",
        ] {
            assert_eq!(shown(text), "-", "{text}");
        }
    }
}
