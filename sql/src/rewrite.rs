//! Queries made digestible for DataFusion.

use sqlparser::ast;

use crate::{Scope, SqlResult};

/// Qualifies and quotes the names of a query as the catalogue has them.
pub fn prepare_query(_query: &mut ast::Query, _scope: &Scope) -> SqlResult<()> {
    Ok(())
}
