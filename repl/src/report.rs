//! Errors and notices as psql shows them: severity, SQLSTATE and message, the line with a caret
//! under the position, DETAIL, HINT, CONTEXT.

use tokio_postgres::error::{DbError, ErrorPosition};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the statement's line that are shown around the position.
const EXCERPT: usize = 72;

/// What the server said, in the shell's own shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) context: Option<String>,
    /// Of a character of the statement, from 1.
    pub(crate) position: Option<u32>,
}

impl From<&DbError> for Report {
    fn from(error: &DbError) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_string);
        Self {
            severity: error.severity().into(),
            code: error.code().code().into(),
            message: error.message().into(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            context: owned(error.where_()),
            position: match error.position() {
                Some(ErrorPosition::Original(at)) => Some(*at),
                _ => None,
            },
        }
    }
}

impl Report {
    /// All lines; `statement` is the text that was sent, for the excerpt.
    pub(crate) fn render(&self, statement: Option<&str>) -> String {
        let mut text = format!("{}:  {}: {}\n", self.severity, self.code, self.message);
        if let (Some(at), Some(statement)) = (self.position, statement) {
            text.push_str(&excerpt(statement, at).unwrap_or_default());
        }
        let more = [("DETAIL", &self.detail), ("HINT", &self.hint), ("CONTEXT", &self.context)];
        for (label, value) in more {
            if let Some(value) = value {
                text.push_str(&format!("{label}:  {value}\n"));
            }
        }
        // A message may carry what somebody stored; only its line ends and tabs go to the terminal
        // as they are.
        text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "?")
    }

    /// A notice in one line where it has no more: these need no code.
    pub(crate) fn render_notice(&self) -> String {
        let plain = format!("{}:  {}: ", self.severity, self.code);
        self.render(None).replacen(&plain, &format!("{}:  ", self.severity), 1)
    }
}

/// `LINE n: ...` and the caret's line.
fn excerpt(statement: &str, position: u32) -> Option<String> {
    let index = (position as usize).checked_sub(1)?;
    let before: String = statement.chars().take(index).collect();
    if before.chars().count() < index {
        return None;
    }
    let number = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    let line = statement.lines().nth(number - 1).unwrap_or("");
    let line: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (shown, column) = window(&line, column.min(line.len()));
    let label = format!("LINE {number}: ");
    let caret: usize = shown.chars().take(column).map(|c| c.width().unwrap_or(0)).sum();
    Some(format!("{label}{shown}\n{:space$}^\n", "", space = label.width() + caret))
}

/// The part of a long line around `column`, and where `column` is in it.
fn window(line: &[char], column: usize) -> (String, usize) {
    let half = EXCERPT / 2;
    let start = if line.len() > EXCERPT { column.saturating_sub(half) } else { 0 };
    let end = line.len().min(start + EXCERPT);
    let (front, back) =
        (if start > 0 { "..." } else { "" }, if end < line.len() { "..." } else { "" });
    let text: String = line[start..end].iter().collect();
    (format!("{front}{text}{back}"), column - start + front.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(position: Option<u32>) -> Report {
        Report {
            severity: "ERROR".into(),
            code: "42P01".into(),
            message: "relation \"x\" does not exist".into(),
            position,
            ..Report::default()
        }
    }

    #[test]
    fn plain() {
        let text = error(None).render(Some("select 1"));
        assert_eq!(text, "ERROR:  42P01: relation \"x\" does not exist\n");
    }

    #[test]
    fn with_all_parts() {
        let report = Report {
            detail: Some("d".into()),
            hint: Some("h".into()),
            context: Some("c".into()),
            ..error(Some(15))
        };
        let expected = "\
ERROR:  42P01: relation \"x\" does not exist
LINE 2: from x
             ^
DETAIL:  d
HINT:  h
CONTEXT:  c
";
        assert_eq!(report.render(Some("select *\nfrom x\nlimit 1")), expected);
    }

    #[test]
    fn carets_stand_under_wide_letters_and_in_long_lines() {
        let text = error(Some(12)).render(Some("select '日', x"));
        assert!(text.ends_with("LINE 1: select '日', x\n                    ^\n"), "{text}");
        let long = format!("select {} from x", "a, ".repeat(100));
        let text = error(Some(long.len() as u32)).render(Some(&long));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("LINE 1: ...") && lines[1].len() < 90, "{text}");
        assert_eq!(lines[2].len(), lines[1].len(), "the last letter is the position");
    }

    #[test]
    fn positions_out_of_the_text_are_left_out() {
        for position in [0, 100] {
            assert!(!error(Some(position)).render(Some("select 1")).contains("LINE"));
        }
        assert!(error(Some(9)).render(Some("select 1")).contains("LINE 1: select 1\n"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let report = Report { message: "bad \x1b[31m".into(), ..error(None) };
        assert!(!report.render(None).contains('\x1b'));
    }

    #[test]
    fn notices_have_no_code() {
        let report = Report { severity: "NOTICE".into(), code: "00000".into(), ..error(None) };
        assert_eq!(report.render_notice(), "NOTICE:  relation \"x\" does not exist\n");
    }
}
