//! Syntax trees made digestible for DataFusion.
//!
//! 1. What only PostgreSQL's catalogue queries say is said plainly: `OPERATOR(pg_catalog.~)`,
//!    `COLLATE`, `pg_catalog.f()`, `'x'::regclass`, `x = ANY (array)`, sub-selects in the select
//!    list that DataFusion cannot decorrelate.
//! 2. Columns of derived tables get the names that PostgreSQL gives them, and no two columns of a
//!    select list the same.
//! 3. Where a statement mentions hidden columns (`GEN`, `TTL`, ..), `*` is written out.

mod aggregates;
mod literals;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident,
    JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins, Value, Visit, VisitMut, Visitor, VisitorMut,
    WildcardAdditionalOptions,
};
use model::ColumnType;
use sql::{SqlError, SqlResult};

use crate::catalog;
use crate::columns::{PSEUDO_COLUMNS, visible_columns};
use crate::names::{self, last_of, of_ident};
use crate::session::Context;
use crate::types::REGISTERED;
use crate::{calls, from_rows, operators};

/// Rewrites a query in place.
pub(crate) fn query(query: &mut Query, context: &Context) -> SqlResult<()> {
    let mentioned = mentioned_pseudo_columns(query);
    let hidden = !mentioned.is_empty();
    let mut rewriter =
        Rewriter { context, hidden, error: None, depth: 0, scopes: Vec::new(), fields: Vec::new() };
    let _ = query.visit(&mut rewriter);
    rewriter.error.map_or(Ok(()), Err)
}

/// The hidden columns that are mentioned anywhere in the query.
pub(crate) fn mentioned_pseudo_columns(query: &Query) -> Vec<String> {
    struct Seen(Vec<String>);
    impl Seen {
        fn add(&mut self, ident: &Ident) {
            let name = ident.value.as_str();
            let hidden = PSEUDO_COLUMNS.contains(&name) || name == catalog::TABLE_OID;
            if hidden && !self.0.contains(&ident.value) {
                self.0.push(ident.value.clone());
            }
        }
    }
    impl Visitor for Seen {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(ident) => self.add(ident),
                Expr::CompoundIdentifier(parts) => {
                    parts.last().into_iter().for_each(|i| self.add(i))
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_table_factor(&mut self, _: &TableFactor) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            for join in select.from.iter().flat_map(|from| &from.joins) {
                for part in using(&join.join_operator).into_iter().flatten() {
                    part.0.last().and_then(|p| p.as_ident()).into_iter().for_each(|i| self.add(i));
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut seen = Seen(Vec::new());
    let _ = query.visit(&mut seen);
    seen.0
}

struct Rewriter<'a> {
    context: &'a Context,
    /// Whether hidden columns are visible to DataFusion.
    hidden: bool,
    error: Option<SqlError>,
    depth: usize,
    /// What the names of relations stand for where they are said like columns, select by select.
    scopes: Vec<HashMap<String, Whole>>,
    /// Where names stand that are fields of a value, or its relation: they are visited by themselves.
    fields: Vec<*const Ident>,
}

/// What the name of a relation stands for as a value.
enum Whole {
    /// All its columns.
    Row,
    /// The one column of a function.
    Column(Ident),
}

impl Rewriter<'_> {
    fn fail(&mut self, error: SqlError) -> ControlFlow<()> {
        self.error = Some(error);
        ControlFlow::Break(())
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        if self.depth > 1 {
            name_columns(&mut query.body);
        }
        // ORDER BY is outside of its SELECT, and a name of its columns comes first there.
        let mut scope = HashMap::new();
        if let SetExpr::Select(select) = &*query.body {
            scope = self.wholes(&select.from);
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { alias, .. } = item {
                    scope.remove(&of_ident(alias));
                }
            }
        }
        self.scopes.push(scope);
        if let Some(with) = &mut query.with {
            with.cte_tables.iter_mut().for_each(|cte| name_columns(&mut cte.query.body));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        literals::plain_in_query(query);
        places_of_groups(query);
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if self.hidden
            && let Err(error) = self.write_out_wildcards(select)
        {
            return self.fail(error);
        }
        single_valued(select);
        let scope = self.wholes(&select.from);
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        distinct_names(&mut select.projection, self.depth == 1);
        literals::plain_in_select(select);
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.keep_fields(root, access_chain)
            }
            Expr::Identifier(ident) if !self.fields.contains(&std::ptr::from_ref(ident)) => {
                if let Some(whole) = self.whole(ident) {
                    *expr = whole;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(new) = calls::called(expr) {
            *expr = new;
            return ControlFlow::Continue(());
        }
        match rewritten(expr, self.context) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(new)) => {
                *expr = new;
                ControlFlow::Continue(())
            }
            Err(error) => self.fail(error),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let Some(rows) = from_rows::derived(factor) {
            *factor = rows;
        }
        if let TableFactor::Table { name, alias, args: args @ Some(_), .. } = factor {
            bare_function_name(name);
            if last_of(name) == catalog::KEYWORDS {
                *args = None;
                *name = ObjectName::from(vec![
                    Ident::with_quote('"', "pg_catalog"),
                    Ident::with_quote('"', catalog::KEYWORDS),
                ]);
                return ControlFlow::Continue(());
            }
            name_result(&last_of(name), alias);
        }
        ControlFlow::Continue(())
    }
}

/// What stands in place of an expression, if something else does.
fn rewritten(expr: &mut Expr, context: &Context) -> SqlResult<Option<Expr>> {
    if let Some(typed) = literals::typed(expr) {
        return Ok(Some(typed));
    }
    Ok(match expr {
        Expr::Collate { expr, .. } => Some(take(expr)),
        Expr::BinaryOp { op, .. } => {
            if let BinaryOperator::PGCustomBinaryOperator(parts) = op
                && let Some(plain) = parts.last().and_then(|name| operator(name))
            {
                *op = plain;
            }
            None
        }
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            if let Some(escape) = escape_char.take()
                && !matches!(&escape.value, Value::SingleQuotedString(text) if text == "\\")
            {
                **pattern = call("aeriedb_escape", vec![take(pattern), Expr::Value(escape)]);
            }
            None
        }
        Expr::CompoundFieldAccess { root, access_chain } => expanded(root, access_chain),
        Expr::Function(function) if last_of(&function.name) == "_pg_expandarray" => {
            Some(call("unnest", vec![first_arg(function)?]))
        }
        Expr::Function(function) if last_of(&function.name) == "generate_subscripts" => {
            Some(places_of(first_arg(function)?))
        }
        Expr::Function(function) => {
            bare_function_name(&mut function.name);
            literals::plain_in_call(function);
            if let Some(other) = aggregates::rewritten(function) {
                return Ok(Some(other));
            }
            array_subquery(function).map(|query| match reads_system(&query) {
                true => empty_array(),
                false => collected(query),
            })
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            any_of(left, right, false)
        }
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => any_of(left, right, true),
        Expr::AnyOp { left, compare_op, right, .. } => {
            compared_to_all("aeriedb_any", left, compare_op, right)
        }
        Expr::AllOp { left, compare_op, right } => {
            compared_to_all("aeriedb_all", left, compare_op, right)
        }
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } => {
            registered(expr, data_type, context)?
        }
        Expr::Subquery(query)
            if reads(query, "pg_collation") || reads(query, "pg_sequence") || expands(query) =>
        {
            Some(null())
        }
        _ => None,
    })
}

pub(crate) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, null())
}

pub(crate) fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

pub(crate) fn string(text: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).into())
}

pub(crate) fn number(n: u32) -> Expr {
    Expr::Value(Value::Number(n.to_string(), false).into())
}

pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    let arg = |e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(arg).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn operator(name: &str) -> Option<BinaryOperator> {
    use BinaryOperator::*;
    Some(match name {
        "~" => PGRegexMatch,
        "~*" => PGRegexIMatch,
        "!~" => PGRegexNotMatch,
        "!~*" => PGRegexNotIMatch,
        "~~" => PGLikeMatch,
        "~~*" => PGILikeMatch,
        "!~~" => PGNotLikeMatch,
        "=" => Eq,
        "<>" => NotEq,
        "<" => Lt,
        "<=" => LtEq,
        ">" => Gt,
        ">=" => GtEq,
        "+" => Plus,
        "-" => Minus,
        "*" => Multiply,
        "/" => Divide,
        "||" => StringConcat,
        _ => return None,
    })
}

/// `pg_catalog.Version` is `version`.
fn bare_function_name(name: &mut ObjectName) {
    let first = name.0.first().and_then(|p| p.as_ident()).map(|i| i.value.to_lowercase());
    if name.0.len() == 2 && matches!(first.as_deref(), Some("pg_catalog" | "information_schema")) {
        name.0.remove(0);
    }
    if let [ObjectNamePart::Identifier(ident)] = &mut name.0[..]
        && ident.quote_style.is_none()
    {
        ident.value = ident.value.to_lowercase();
    }
}

/// The one column of a function in FROM is called as the function is.
fn name_result(function: &str, alias: &mut Option<TableAlias>) {
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::with_quote('"', function),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        let column = alias.name.clone();
        alias.columns.push(TableAliasColumnDef { name: column, data_type: None });
    }
}

/// The query of `ARRAY(SELECT ..)`.
fn array_subquery(function: &Function) -> Option<Query> {
    match &function.args {
        FunctionArguments::Subquery(query) if last_of(&function.name) == "array" => {
            Some(query.as_ref().clone())
        }
        _ => None,
    }
}

/// Whether a query is about the system catalogue, of whose arrays we have none.
fn reads_system(query: &Query) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    relations(&select.from).any(is_system)
}

/// The one column of a query as an array.
fn collected(query: Query) -> Expr {
    let column = Ident::with_quote('"', "array");
    let collect = call("array_agg", vec![Expr::Identifier(column.clone())]);
    let alias = TableAlias {
        explicit: true,
        name: column.clone(),
        columns: vec![TableAliasColumnDef { name: column, data_type: None }],
        at: None,
    };
    let whole = from_rows::query_over(query, alias, collect);
    call("aeriedb_array", vec![Expr::Subquery(Box::new(whole))])
}

/// `(_pg_expandarray(x)).n` and `.x`: the places and the elements of an array, a row each. By now
/// the inner call is `unnest(x)`.
fn expanded(root: &mut Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let [AccessExpr::Dot(Expr::Identifier(part))] = chain else { return None };
    let Expr::Nested(inner) = root else { return None };
    match (part.value.as_str(), &mut **inner) {
        ("n", Expr::Function(function)) if last_of(&function.name) == "unnest" => {
            let places = vec![number(1), call("cardinality", vec![first_arg(function).ok()?])];
            Some(call("unnest", vec![call("generate_series", places)]))
        }
        ("x", inner) => Some(take(inner)),
        _ => None,
    }
}

/// The places of an array's elements, a row each.
fn places_of(array: Expr) -> Expr {
    let places = ["array_lower", "array_upper"];
    let places = places.map(|bound| call(bound, vec![array.clone(), number(1)])).to_vec();
    call("unnest", vec![call("generate_series", places)])
}

fn first_arg(function: &mut Function) -> SqlResult<Expr> {
    if let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first_mut()
    {
        return Ok(take(first));
    }
    Err(SqlError::new("42883", format!("function {} needs an argument", function.name)))
}

fn empty_array() -> Expr {
    let text = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None);
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(call("make_array", Vec::new())),
        data_type: DataType::Array(text),
        array: false,
        format: None,
    }
}

/// `x = ANY (array)` and `x <> ALL (array)`.
fn any_of(left: &mut Expr, right: &mut Expr, negated: bool) -> Option<Expr> {
    let mut right = right;
    while let Expr::Nested(inner) = right {
        right = inner;
    }
    if matches!(right, Expr::Subquery(_)) {
        return None;
    }
    if let Expr::Array(array) = right
        && !array.elem.is_empty()
    {
        let list = std::mem::take(&mut array.elem);
        return Some(Expr::InList { expr: Box::new(take(left)), list, negated });
    }
    // An array as untyped text: its elements have the type of what they are compared with.
    if let Expr::Value(value) = &*right
        && let Value::SingleQuotedString(text) = &value.value
        && let Ok(model::Value::List(items)) = sql::types::parse_text(ColumnType::TextArray, text)
        && !items.is_empty()
    {
        let item = |item| match item {
            model::Value::String(text) => string(text),
            _ => null(),
        };
        let list = items.into_iter().map(item).collect();
        return Some(Expr::InList { expr: Box::new(take(left)), list, negated });
    }
    let (name, op) = if negated { ("aeriedb_all", "<>") } else { ("aeriedb_any", "=") };
    Some(call(name, vec![string(op), take(left), take(right)]))
}

/// `x < ANY (array)`, `x >= ALL (array)`.
fn compared_to_all(
    function: &str,
    left: &mut Expr,
    op: &BinaryOperator,
    right: &mut Expr,
) -> Option<Expr> {
    use BinaryOperator as B;
    let compares = matches!(op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq);
    if !compares || matches!(right, Expr::Subquery(_)) {
        return None;
    }
    Some(call(function, vec![string(op.to_string()), take(left), take(right)]))
}

/// The last word of a type's name, lower case.
fn type_word(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Custom(name, _) => Some(last_of(name).to_lowercase()),
        DataType::Regclass => Some("regclass".into()),
        _ => None,
    }
}

fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => literal_text(inner),
        _ => None,
    }
}

/// Casts to types that are numbers with a name: `regclass`, `regtype`, .. What a literal names is
/// looked up here, so that an error comes before the first row.
fn registered(expr: &mut Expr, data_type: &DataType, context: &Context) -> SqlResult<Option<Expr>> {
    let Some(kind) = type_word(data_type).filter(|word| REGISTERED.contains(&word.as_str())) else {
        return Ok(None);
    };
    let arg = match literal_text(expr) {
        Some(text) => number(catalog::registered::read(&kind, text, context)?),
        None => take(expr),
    };
    Ok(Some(call(&format!("aeriedb_{kind}"), vec![arg])))
}

/// Whether the query's own FROM names this relation.
fn reads(query: &Query, relation: &str) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    relations(&select.from).any(
        |factor| matches!(factor, TableFactor::Table { name, .. } if last_of(name) == relation),
    )
}

/// Whether the query expands an array of the system catalogue: all of those are empty here.
fn expands(query: &Query) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    let function = |f: &TableFactor| matches!(f, TableFactor::Table { args: Some(_), .. });
    let system = relations(&select.from).any(is_system);
    system && relations(&select.from).any(function)
}

fn is_system(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Table { name, .. } if last_of(name).starts_with("pg_"))
}

fn relations(from: &[TableWithJoins]) -> impl Iterator<Item = &TableFactor> {
    from.iter().flat_map(|TableWithJoins { relation, joins }| {
        std::iter::once(relation).chain(joins.iter().map(|join| &join.relation))
    })
}

/// What stands in the select list, or beside other conditions, and DataFusion decorrelates only as
/// an aggregate: a sub-select over the system catalogue, which gives one value at most, becomes
/// `max(..)`; `EXISTS` in the select list becomes `count(*) > 0`.
fn single_valued(select: &mut Select) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            wrap(expr, true);
        }
    }
    if let Some(condition) = &mut select.selection {
        wrap(condition, false);
    }
}

fn wrap(expr: &mut Expr, listed: bool) {
    match expr {
        Expr::Subquery(query) => {
            if let Some(condition) = aggregated(query) {
                let result = take(expr);
                *expr = case(condition, result);
            }
        }
        Expr::Exists { subquery, negated } if listed => {
            let zero = if *negated { BinaryOperator::Eq } else { BinaryOperator::Gt };
            if let SetExpr::Select(select) = &mut *subquery.body
                && subquery.limit_clause.is_none()
                && select.having.is_none()
            {
                let all = FunctionArg::Unnamed(FunctionArgExpr::Wildcard);
                let mut count = call("count", Vec::new());
                if let Expr::Function(function) = &mut count
                    && let FunctionArguments::List(list) = &mut function.args
                {
                    list.args.push(all);
                }
                select.projection = vec![SelectItem::UnnamedExpr(count)];
                let counted = Expr::Subquery(subquery.clone());
                let (left, right) = (Box::new(counted), Box::new(number(0)));
                *expr = Expr::BinaryOp { left, op: zero, right };
            }
        }
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::UnaryOp { expr: inner, .. } => {
            wrap(inner, listed);
        }
        Expr::BinaryOp { left, right, .. } => {
            wrap(left, listed);
            wrap(right, listed);
        }
        Expr::Case { conditions, else_result, .. } => {
            for when in conditions {
                wrap(&mut when.condition, listed);
                wrap(&mut when.result, listed);
            }
            else_result.iter_mut().for_each(|e| wrap(e, listed));
        }
        Expr::Function(Function { args: FunctionArguments::List(list), .. }) => {
            for arg in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) = arg {
                    wrap(inner, listed);
                }
            }
        }
        _ => {}
    }
}

fn case(condition: Expr, result: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: None,
    }
}

/// Makes a sub-select over the system catalogue an aggregate. Conditions that are about the outer
/// row alone are taken out of it and given back: DataFusion cannot decorrelate them.
fn aggregated(query: &mut Query) -> Option<Expr> {
    if query.limit_clause.is_some() || query.order_by.is_some() {
        return None;
    }
    let SetExpr::Select(select) = &*query.body else { return None };
    let system = relations(&select.from).filter_map(|factor| match factor {
        TableFactor::Table { name, .. } => Some((alias_of(factor)?, system_relation(name)?)),
        _ => None,
    });
    let system: Vec<_> = system.collect();
    if system.is_empty() || system.len() != relations(&select.from).count() {
        return None;
    }
    if stands_alone(query, &system) {
        return None;
    }
    let SetExpr::Select(select) = &mut *query.body else { return None };
    if let [SelectItem::UnnamedExpr(inner) | SelectItem::ExprWithAlias { expr: inner, .. }] =
        &mut select.projection[..]
        && !aggregates(inner)
    {
        aggregate_inside(inner);
    }
    let own: Vec<String> = relations(&select.from).filter_map(alias_of).collect();
    let mut conditions = Vec::new();
    conjuncts(select.selection.take()?, &mut conditions);
    let (inner, outer): (Vec<_>, Vec<_>) = conditions.into_iter().partition(|c| mentions(c, &own));
    select.selection = inner.into_iter().reduce(and);
    outer.into_iter().reduce(and)
}

/// Whether an aggregate stands in an expression.
fn aggregates(expr: &Expr) -> bool {
    struct Search;
    impl Visitor for Search {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(f) if is_aggregate(&last_of(&f.name)) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Search).is_break()
}

/// Whether every column that a query of system relations names is one of theirs, so that it says
/// the same for each outer row.
fn stands_alone(query: &Query, own: &[(String, &'static catalog::Relation)]) -> bool {
    struct Search<'a>(&'a [(String, &'static catalog::Relation)]);
    impl Visitor for Search<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let has = |relation: &catalog::Relation, name: &Ident| {
                relation.column_names().any(|column| column == of_ident(name))
            };
            let known = match expr {
                Expr::Identifier(name) => self.0.iter().any(|(_, relation)| has(relation, name)),
                Expr::CompoundIdentifier(parts) => {
                    let table = parts.iter().rev().nth(1).map(of_ident);
                    self.0.iter().any(|(alias, _)| Some(alias) == table.as_ref())
                }
                Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => false,
                _ => true,
            };
            if known { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    }
    query.visit(&mut Search(own)).is_continue()
}

/// The system relation of this name.
fn system_relation(name: &ObjectName) -> Option<&'static catalog::Relation> {
    let parts: Vec<String> =
        name.0.iter().filter_map(|part| part.as_ident().map(of_ident)).collect();
    match &parts[..] {
        [table] => catalog::find("pg_catalog", table),
        [.., schema, table] => catalog::find(schema, table),
        [] => None,
    }
}

/// `x` as `max(x)`, `x::type` as `max(x)::type`: what a cast says of a type outlives it.
fn aggregate_inside(expr: &mut Expr) {
    match expr {
        Expr::Cast { expr: inner, .. } => aggregate_inside(inner),
        _ => *expr = call("max", vec![take(expr)]),
    }
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

fn conjuncts(expr: Expr, out: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(*left, out);
            conjuncts(*right, out);
        }
        other => out.push(other),
    }
}

fn alias_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } => Some(of_ident(&alias.name)),
        TableFactor::Table { name, .. } => Some(last_of(name)),
        _ => None,
    }
}

/// Whether an expression may be about one of these relations.
fn mentions(expr: &Expr, relations: &[String]) -> bool {
    struct Search<'a>(&'a [String]);
    impl Visitor for Search<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let found = match expr {
                Expr::Identifier(_) => true,
                Expr::CompoundIdentifier(parts) => {
                    parts.iter().rev().nth(1).is_some_and(|p| self.0.contains(&of_ident(p)))
                }
                _ => false,
            };
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    expr.visit(&mut Search(relations)).is_break()
}

fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "count"
            | "max"
            | "min"
            | "sum"
            | "avg"
            | "string_agg"
            | "array_agg"
            | "bool_or"
            | "bool_and"
            | "json_agg"
            | "jsonb_agg"
            | "json_object_agg"
    )
}

/// Gives the unnamed columns of a derived table PostgreSQL's names.
fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) = item
                    && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                    && let Some(name) = names::guess(expr)
                {
                    let expr = take(expr);
                    *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
                }
            }
        }
        SetExpr::SetOperation { left, .. } => name_columns(left),
        SetExpr::Query(query) => name_columns(&mut query.body),
        _ => {}
    }
}

/// `ORDER BY 1` of a grouped query as the expression in that place: DataFusion looks for the place's
/// columns among the groups, and does not find `f(g)` of a group `g`.
fn places_of_groups(query: &mut Query) {
    let SetExpr::Select(select) = &*query.body else { return };
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(exprs, _) => !exprs.is_empty(),
        GroupByExpr::All(_) => false,
    };
    let Some(OrderByKind::Expressions(order)) = query.order_by.as_mut().map(|o| &mut o.kind) else {
        return;
    };
    if !grouped || select.projection.iter().any(is_wildcard) {
        return;
    }
    for item in order {
        if let Expr::Value(value) = &item.expr
            && let Value::Number(text, _) = &value.value
            && let Some(place) = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
            && let Some(SelectItem::UnnamedExpr(expr @ Expr::Function(_))) =
                select.projection.get(place)
        {
            item.expr = expr.clone();
        }
    }
}

/// Gives each unnamed expression of every select list a name of its own, and casts too: DataFusion
/// names a cast as what is cast, so that the sums of two casts look alike.
pub(crate) fn number_items(query: &mut Query) {
    struct Numbering;
    impl VisitorMut for Numbering {
        type Break = ();

        fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
            for (i, item) in select.projection.iter_mut().enumerate() {
                if let SelectItem::UnnamedExpr(expr) = item
                    && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                {
                    let name = names::guess(expr).unwrap_or_else(|| "?column?".to_string());
                    let alias = Ident::with_quote('"', format!("{name} {i}"));
                    *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
                }
            }
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Some(named) = literals::named_cast(expr) {
                *expr = named;
            }
            ControlFlow::Continue(())
        }
    }
    let _ = query.visit(&mut Numbering);
}

/// DataFusion wants different names in a select list; what a second column of a name is called
/// nobody sees. In the outermost list (`outer`) that is so for a column beside `*`, too.
fn distinct_names(items: &mut [SelectItem], outer: bool) {
    let mut seen = HashSet::new();
    let beside_all = outer && items.iter().any(is_wildcard);
    for (i, item) in items.iter_mut().enumerate() {
        let shown = match &*item {
            SelectItem::UnnamedExpr(expr) => bare(expr).to_string(),
            SelectItem::ExprWithAlias { alias, .. } => of_ident(alias),
            _ => continue,
        };
        let subquery = matches!(item, SelectItem::UnnamedExpr(e) if loses_its_name(e));
        let column = matches!(
            item,
            SelectItem::UnnamedExpr(Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        );
        if (!seen.insert(shown.clone()) || subquery || beside_all && column)
            && let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
        {
            let alias = Ident::with_quote('"', format!("{shown} {i}"));
            *item = SelectItem::ExprWithAlias { expr: take(expr), alias };
        }
    }
}

/// Whether DataFusion's name of an expression leaves out what tells it apart from others: casts, types
/// of literals, all of a subquery but its column.
fn loses_its_name(expr: &Expr) -> bool {
    struct Search;
    impl Visitor for Search {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Subquery(_) | Expr::Cast { .. } | Expr::TypedString(_) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Search).is_break()
}

/// Without casts: DataFusion calls a column as what is cast.
fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

fn using(operator: &JoinOperator) -> Option<&Vec<ObjectName>> {
    match constraint(operator)? {
        JoinConstraint::Using(columns) => Some(columns),
        _ => None,
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator::*;
    match operator {
        Join(c) | Inner(c) | Left(c) | LeftOuter(c) | Right(c) | RightOuter(c) | FullOuter(c) => {
            Some(c)
        }
        _ => None,
    }
}

impl Rewriter<'_> {
    /// What the relations' names stand for, but for those that are columns' names, too.
    fn wholes(&self, from: &[TableWithJoins]) -> HashMap<String, Whole> {
        let mut wholes = HashMap::new();
        let mut columns: HashSet<String> = HashSet::new();
        for factor in relations(from) {
            if let Some((name, column)) = from_rows::single_column(factor) {
                wholes.insert(name, Whole::Column(column));
                continue;
            }
            match factor {
                TableFactor::Table { name, args: None, .. } => {
                    let table = self.table(name);
                    let shown = table.iter().flat_map(|table| visible_columns(table));
                    columns.extend(shown.map(|column| column.name));
                }
                TableFactor::Derived { subquery, .. } => {
                    columns.extend(names::of_query(subquery).all());
                }
                _ => continue,
            }
            let alias = match factor {
                TableFactor::Derived { alias: Some(alias), .. } => Some(of_ident(&alias.name)),
                factor => alias_of(factor),
            };
            wholes.extend(alias.map(|alias| (alias, Whole::Row)));
        }
        wholes.retain(|name, _| !columns.contains(name));
        wholes
    }

    /// `(row).field` and `relation.column[1]`: the names are no rows.
    fn keep_fields(&mut self, root: &Expr, chain: &[AccessExpr]) {
        if let (Expr::Identifier(ident), Some(AccessExpr::Dot(_))) = (root, chain.first()) {
            self.fields.push(ident);
        }
        for access in chain {
            if let AccessExpr::Dot(Expr::Identifier(ident)) = access {
                self.fields.push(ident);
            }
        }
    }

    /// The value that a relation's name stands for: a row of it in its own select, a function's
    /// column also in those inside.
    fn whole(&self, ident: &Ident) -> Option<Expr> {
        let name = of_ident(ident);
        let (depth, whole) =
            self.scopes.iter().rev().enumerate().find_map(|(i, s)| Some((i, s.get(&name)?)))?;
        match whole {
            Whole::Column(column) => {
                Some(Expr::CompoundIdentifier(vec![ident.clone(), column.clone()]))
            }
            Whole::Row if depth == 0 => Some(Expr::BinaryOp {
                left: Box::new(string(name)),
                op: BinaryOperator::PGCustomBinaryOperator(vec![operators::ROW.to_string()]),
                right: Box::new(null()),
            }),
            Whole::Row => None,
        }
    }

    /// `*` and `t.*` as the columns they show.
    fn write_out_wildcards(&self, select: &mut Select) -> SqlResult<()> {
        if !select.projection.iter().any(is_wildcard) {
            return Ok(());
        }
        let natural =
            select.from.iter().flat_map(|from| &from.joins).any(|join| {
                matches!(constraint(&join.join_operator), Some(JoinConstraint::Natural))
            });
        if natural {
            return Err(SqlError::unsupported("NATURAL JOIN beside hidden columns")
                .hint("say JOIN .. USING (..) or JOIN .. ON .."));
        }
        let shown = self.shown(&select.from);
        let mut items = Vec::with_capacity(select.projection.len() + 8);
        for item in std::mem::take(&mut select.projection) {
            match &item {
                SelectItem::Wildcard(_) => {
                    items.extend(shown.iter().flat_map(|(_, items)| items.iter().cloned()));
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let last = last_of(name);
                    match shown.iter().find(|(alias, _)| *alias == last) {
                        Some((_, found)) => items.extend(found.iter().cloned()),
                        None => items.push(item),
                    }
                }
                _ => items.push(item),
            }
        }
        select.projection = items;
        Ok(())
    }

    /// What `*` shows of each relation of FROM, by the relation's name.
    fn shown(&self, from: &[TableWithJoins]) -> Vec<(String, Vec<SelectItem>)> {
        let mut all = Vec::new();
        for TableWithJoins { relation, joins } in from {
            all.extend(self.shown_of(relation, &[]));
            for join in joins {
                let columns = using(&join.join_operator).map(Vec::as_slice).unwrap_or_default();
                let skipped: Vec<String> = columns.iter().map(last_of).collect();
                all.extend(self.shown_of(&join.relation, &skipped));
            }
        }
        all
    }

    fn shown_of(
        &self,
        factor: &TableFactor,
        skipped: &[String],
    ) -> Option<(String, Vec<SelectItem>)> {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, .. } => (Some(name), alias),
            TableFactor::Derived { alias, .. } => (None, alias),
            _ => return None,
        };
        let table = name.and_then(|name| self.table(name));
        let system = name.filter(|_| table.is_none()).and_then(system_relation);
        let relation = match alias {
            Some(alias) => alias.name.clone(),
            None => name?.0.last()?.as_ident()?.clone(),
        };
        let shown = of_ident(&relation);
        let relation = Ident::with_quote('"', shown.clone());
        let renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
        let names: Option<Vec<String>> = match (table, system) {
            _ if renamed => None,
            (Some(table), _) => {
                Some(visible_columns(&table).into_iter().map(|column| column.name).collect())
            }
            (None, Some(system)) => Some(system.column_names().map(str::to_string).collect()),
            (None, None) => None,
        };
        let items = match names {
            Some(names) => names
                .into_iter()
                .filter(|name| !skipped.contains(name))
                .map(|name| {
                    let column = Ident::with_quote('"', name);
                    SelectItem::UnnamedExpr(Expr::CompoundIdentifier(vec![
                        relation.clone(),
                        column,
                    ]))
                })
                .collect(),
            None => vec![SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![relation])),
                WildcardAdditionalOptions::default(),
            )],
        };
        Some((shown, items))
    }

    fn table(&self, name: &ObjectName) -> Option<std::sync::Arc<model::Table>> {
        let parts: Vec<String> =
            name.0.iter().filter_map(|part| part.as_ident().map(of_ident)).collect();
        let (namespace, table) = match &parts[..] {
            [table] => (&self.context.session.namespace, table),
            [.., namespace, table] => (namespace, table),
            [] => return None,
        };
        self.context.catalog.namespaces.get(namespace)?.tables.get(table).cloned()
    }
}

fn is_wildcard(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}
