//! Aggregates that DataFusion has under another name or only without an order of their own.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, ObjectName, Value,
};

use super::call;
use crate::names::last_of;

/// What stands in place of the call, if something else does.
pub(super) fn rewritten(function: &mut Function) -> Option<Expr> {
    match last_of(&function.name).as_str() {
        "every" => {
            function.name = ObjectName::from(vec![Ident::new("bool_and")]);
            None
        }
        "string_agg" => ordered_texts(function),
        _ => None,
    }
}

/// `string_agg(t, ',' ORDER BY k)` as `array_to_string(array_agg(t ORDER BY k), ',')` over what is
/// not NULL: DataFusion sorts its input for `string_agg`, and can do so once only.
fn ordered_texts(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let ordered = list.clauses.iter().any(|c| matches!(c, FunctionArgumentClause::OrderBy(_)));
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    if !ordered || distinct || function.over.is_some() {
        return None;
    }
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(text)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(separator)),
    ] = &list.args[..]
    else {
        return None;
    };
    let Expr::Value(value) = separator else { return None };
    if !matches!(value.value, Value::SingleQuotedString(_)) {
        return None;
    }
    let (separator, present) = (separator.clone(), Expr::IsNotNull(Box::new(text.clone())));
    let filter = match function.filter.take() {
        Some(filter) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(filter)),
            op: BinaryOperator::And,
            right: Box::new(present),
        },
        None => present,
    };
    list.args.truncate(1);
    function.filter = Some(Box::new(filter));
    function.name = ObjectName::from(vec![Ident::new("array_agg")]);
    Some(call("array_to_string", vec![Expr::Function(function.clone()), separator]))
}
