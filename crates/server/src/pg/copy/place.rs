//! Where in a client's rows an error is, as PostgreSQL says it: `COPY t, line 2, column id: "six"`.

use sql::SqlError;

/// Bytes of a line or field that are shown.
const SHOWN_MAX: usize = 100;

/// One row as it came.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Its text; `None` in the binary format.
    pub(super) text: Option<Vec<u8>>,
}

impl Line {
    /// The error in this line of a COPY into `table`.
    pub(super) fn place(&self, error: SqlError, table: &str) -> SqlError {
        let shown = self.text.as_deref().map(|text| format!(": \"{}\"", cut(text)));
        error.context(format!("COPY {table}, line {}{}", self.number, shown.unwrap_or_default()))
    }

    /// The error in this line, of which only the number counts: the row itself was good.
    pub(super) fn number(&self, error: SqlError, table: &str) -> SqlError {
        error.context(format!("COPY {table}, line {}", self.number))
    }

    /// The error in a field of this line.
    pub(super) fn field(
        &self,
        error: SqlError,
        table: &str,
        column: &str,
        field: &[u8],
    ) -> SqlError {
        let shown = self.text.as_ref().map(|_| format!(": \"{}\"", cut(field)));
        let shown = shown.unwrap_or_default();
        error.context(format!("COPY {table}, line {}, column {column}{shown}", self.number))
    }
}

/// The beginning of a text, cut between two characters.
fn cut(text: &[u8]) -> String {
    let whole = String::from_utf8_lossy(text);
    match whole.len() {
        0..=SHOWN_MAX => whole.into_owned(),
        _ => format!("{}...", &whole[..whole.floor_char_boundary(SHOWN_MAX)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_characters() {
        let text = "ä".repeat(80).into_bytes();
        let line = Line { number: 3, text: Some(text) };
        let told = line.place(SqlError::syntax("no"), "t").about.unwrap().context.unwrap();
        assert_eq!(told, format!("COPY t, line 3: \"{}...\"", "ä".repeat(50)));
        let line = Line { number: 3, text: None };
        let told = line.field(SqlError::syntax("no"), "t", "id", b"six").about.unwrap();
        assert_eq!(told.context.as_deref(), Some("COPY t, line 3, column id"));
    }
}
