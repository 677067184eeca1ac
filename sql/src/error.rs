//! What a statement's author is told: SQLSTATE, message, place and hint.

use std::fmt;

use model::{ErrorKind, Table};

/// An error as the Postgres wire carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// Five characters, PostgreSQL's list.
    pub sqlstate: &'static str,
    /// One sentence, lower case, no full stop, as PostgreSQL writes them.
    pub message: String,
    /// More about what is wrong.
    pub detail: Option<String>,
    /// What to try.
    pub hint: Option<String>,
    /// Place in the statement's text: characters, 1-based.
    pub position: Option<usize>,
    /// What it is about, for programs.
    pub about: Option<Box<About>>,
}

/// What an error is about, where it is about something of the catalogue or of a client's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Namespace of the table.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint that was violated.
    pub constraint: Option<String>,
    /// Where it happened, for people: a line of a COPY.
    pub context: Option<String>,
    /// Number of the row, from 0, among those that were to be stored together.
    pub row: Option<usize>,
}

/// The result of everything that a statement's author may have caused to fail.
pub type SqlResult<T> = Result<T, SqlError>;

impl SqlError {
    /// An error with this SQLSTATE and message.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> SqlError {
        SqlError {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            about: None,
        }
    }

    /// 42601.
    pub fn syntax(message: impl Into<String>) -> SqlError {
        SqlError::new("42601", message)
    }

    /// 0A000.
    pub fn unsupported(message: impl Into<String>) -> SqlError {
        SqlError::new("0A000", message)
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> SqlError {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> SqlError {
        self.detail = Some(detail.into());
        self
    }

    /// The same at a place in the statement's text: characters, 1-based.
    #[must_use]
    pub fn at(mut self, position: usize) -> SqlError {
        self.position = Some(position);
        self
    }
}

impl SqlError {
    /// The same about this table.
    #[must_use]
    pub fn of_table(self, table: &Table) -> SqlError {
        self.about(|about| {
            about.schema = Some(table.namespace.clone());
            about.table = Some(table.name.clone());
        })
    }

    /// The same about this column.
    #[must_use]
    pub fn of_column(self, column: &str) -> SqlError {
        self.about(|about| about.column = Some(column.to_string()))
    }

    /// The same about this constraint.
    #[must_use]
    pub fn of_constraint(self, constraint: impl Into<String>) -> SqlError {
        self.about(|about| about.constraint = Some(constraint.into()))
    }

    /// The same at this place of what the client sent.
    #[must_use]
    pub fn context(self, context: impl Into<String>) -> SqlError {
        self.about(|about| about.context = Some(context.into()))
    }

    /// The same at the row of this number, from 0.
    #[must_use]
    pub fn in_row(self, row: usize) -> SqlError {
        self.about(|about| about.row = Some(row))
    }

    fn about(mut self, note: impl FnOnce(&mut About)) -> SqlError {
        note(self.about.get_or_insert_default());
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)
    }
}

impl std::error::Error for SqlError {}

/// The one mapping from the store's errors to SQLSTATE.
impl From<model::Error> for SqlError {
    fn from(error: model::Error) -> SqlError {
        let sqlstate = match error.kind {
            ErrorKind::NotFound => "02000",
            ErrorKind::GenerationMismatch => "40001",
            ErrorKind::Parameter => "22023",
            ErrorKind::KeyExists => "23505",
            ErrorKind::NoSpace => "53100",
            ErrorKind::Timeout => "57014",
            ErrorKind::Deadlock => "40P01",
            ErrorKind::Forbidden => "55000",
            ErrorKind::Unavailable => "57P03",
            ErrorKind::DeviceOverload => "53000",
            ErrorKind::BinExists => "42701",
            ErrorKind::BinType => "42804",
            ErrorKind::BinNotFound => "42703",
            ErrorKind::ElementNotFound => "2202E",
            ErrorKind::ElementExists => "23505",
            ErrorKind::NotApplicable => "22000",
            ErrorKind::FilteredOut => "02000",
            ErrorKind::GeoJson => "22P02",
            ErrorKind::Udf => "38000",
            ErrorKind::RecordTooBig => "54000",
            ErrorKind::Unsupported => "0A000",
            ErrorKind::NamespaceNotFound => "3F000",
            ErrorKind::IndexExists => "42P07",
            ErrorKind::IndexNotFound => "42704",
            ErrorKind::BinName => "42602",
            ErrorKind::Corrupt => "XX001",
            ErrorKind::Io => "58030",
            ErrorKind::Internal => "XX000",
        };
        let told = SqlError::new(sqlstate, error.detail);
        match error.kind {
            ErrorKind::Corrupt => told.hint(
                "DELETE the row by its key or write all of it with REPLACE INTO; no other row is \
                 concerned",
            ),
            _ => told,
        }
    }
}
