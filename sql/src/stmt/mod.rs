//! Planning, one file a statement.

use crate::parse::Statement;
use crate::plan::{Plan, Planned};
use crate::{Parsed, Scope, SqlError, SqlResult};

/// Plans one statement.
pub(crate) fn plan(parsed: &Parsed, scope: &Scope) -> SqlResult<Planned> {
    let plan = match &parsed.statement {
        Statement::Query(query) => Plan::Query(query.clone()),
        Statement::Session(session) => Plan::Session(session.clone()),
        _ => return Err(SqlError::unsupported("this statement is not there yet")),
    };
    Ok(Planned { plan, params: scope.params.to_vec(), catalog_version: scope.catalog.version })
}
