//! How deep sub-selects may stand in expressions.
//!
//! DataFusion checks a plan by walking into the sub-selects of every expression twice, and on each
//! level again, so that its time doubles with every level.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArguments, Query, Visit, Visitor};
use sql::{SqlError, SqlResult};

/// Sub-selects in expressions of each other, at most: 4,096 times the checks of one. Those in FROM
/// do not count.
const SUBSELECTS_MAX: usize = 12;

/// 54001 if sub-selects nest too deeply for DataFusion.
pub(crate) fn check(query: &Query) -> SqlResult<()> {
    match query.visit(&mut Depth(0)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            let message =
                format!("sub-selects stand in each other more than {SUBSELECTS_MAX} deep");
            Err(SqlError::new("54001", message).hint("use joins, or WITH"))
        }
    }
}

/// Expressions with a sub-select that the walk is in.
struct Depth(usize);

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0 += usize::from(has_subselect(expr));
        match self.0 > SUBSELECTS_MAX {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0 -= usize::from(has_subselect(expr));
        ControlFlow::Continue(())
    }
}

fn has_subselect(expr: &Expr) -> bool {
    let by_function =
        matches!(expr, Expr::Function(Function { args: FunctionArguments::Subquery(_), .. }));
    by_function || matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
}
