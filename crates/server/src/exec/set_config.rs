//! `SELECT set_config(name, value, is_local)`: a query that changes the session.

use sql::SqlResult;
use sql::plan::Query;
use sqlparser::ast;

use crate::pg::SessionState;

/// Does what the query's `set_config` asks, if that is all it is and its arguments are literals.
/// The row that it gives comes from the query itself.
pub(super) fn apply(query: &Query, session: &mut SessionState) -> SqlResult<()> {
    match arguments(query) {
        Some((name, value, local)) => session.set(name, Some(value), local),
        None => Ok(()),
    }
}

fn arguments(query: &Query) -> Option<(&str, &str, bool)> {
    let ast::SetExpr::Select(select) = &*query.body else { return None };
    let [ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }] =
        &select.projection[..]
    else {
        return None;
    };
    let ast::Expr::Function(function) = expr else { return None };
    let name = function.name.0.last()?.as_ident()?;
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    let [name_arg, value_arg, local_arg] = &list.args[..] else { return None };
    let called = name.value.eq_ignore_ascii_case("set_config") && select.from.is_empty();
    called.then_some(())?;
    Some((
        text(name_arg)?,
        text(value_arg)?,
        matches!(literal(local_arg)?, ast::Value::Boolean(true)),
    ))
}

fn literal(arg: &ast::FunctionArg) -> Option<&ast::Value> {
    match arg {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value))) => {
            Some(&value.value)
        }
        _ => None,
    }
}

fn text(arg: &ast::FunctionArg) -> Option<&str> {
    match literal(arg)? {
        ast::Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}
