//! The front parser.

use crate::parse::{Cut, Statement};
use crate::{SqlError, SqlResult};

/// Reads one statement.
pub(crate) fn statement(cut: &Cut) -> SqlResult<Statement> {
    let query = cut.with_parser(cut.tokens.to_vec(), |p| p.parse_query())?;
    Ok(Statement::Query(query))
}

/// A syntax error at this token, with what may have been meant.
pub(crate) fn explain_syntax_error(cut: &Cut, index: usize) -> SqlError {
    cut.syntax_error(index)
}
