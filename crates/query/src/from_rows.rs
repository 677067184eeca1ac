//! Functions in FROM: `FROM unnest(a) AS x`, `jsonb_each(j) WITH ORDINALITY AS e (k, v, n)`.
//!
//! Each becomes a derived table whose select list expands arrays, one for each column; where it is
//! about other relations of FROM, a lateral one. Series of constants stay DataFusion's own, which
//! does not keep them in memory.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, Ident, Query,
    SelectItem, SetExpr, Statement, TableAlias, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use sql::functions::is_set;

use crate::calls::{is_constant, marked};
use crate::functions::LIST;
use crate::names::{last_of, of_ident};
use crate::rewrite::{call, number, string};

/// A function in FROM.
struct Rows<'a> {
    name: String,
    args: Vec<Expr>,
    ordinality: bool,
    alias: &'a Option<TableAlias>,
}

/// The derived table that gives the same rows, where the factor is a function that we know.
pub(crate) fn derived(factor: &TableFactor) -> Option<TableFactor> {
    let rows = of_factor(factor)?;
    let columns = match rows.name.as_str() {
        "json_to_recordset" | "jsonb_to_recordset" => return recordset(&rows),
        _ => rows.columns()?,
    };
    let lateral = rows.args.iter().any(mentions_columns);
    let alias = rows.table_alias();
    let given = rows.alias.iter().flat_map(|alias| &alias.columns);
    let mut names: Vec<Ident> = given.map(|column| column.name.clone()).collect();
    let mut items = Vec::with_capacity(columns.len());
    for (i, (expr, own)) in columns.into_iter().enumerate() {
        if names.len() <= i {
            names.push(Ident::with_quote('"', own));
        }
        items.push(SelectItem::ExprWithAlias { expr, alias: names[i].clone() });
    }
    Some(table(items, Vec::new(), lateral, alias))
}

/// The name of the one column that the relation of this name stands for, where a function gives it
/// one of its own: `e ->> 'a'` of `jsonb_array_elements(j) AS e`.
pub(crate) fn single_column(factor: &TableFactor) -> Option<(String, Ident)> {
    let rows = of_factor(factor)?;
    let alias = rows.table_alias();
    let renamed = rows.alias.iter().flat_map(|alias| &alias.columns).next();
    let own = rows.own_names()?;
    let ([own], false) = (&own[..], rows.ordinality) else { return None };
    let column = renamed.map_or_else(|| Ident::with_quote('"', own), |column| column.name.clone());
    Some((of_ident(&alias.name), column)).filter(|(alias, column)| *alias != of_ident(column))
}

fn of_factor(factor: &TableFactor) -> Option<Rows<'_>> {
    let plain = |args: &[FunctionArg]| -> Option<Vec<Expr>> {
        let one = |arg: &FunctionArg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e.clone()),
            _ => None,
        };
        args.iter().map(one).collect()
    };
    let (name, args, ordinality, alias) = match factor {
        TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
            (last_of(name), &args.args[..], *with_ordinality, alias)
        }
        TableFactor::Function { name, args, with_ordinality, alias, .. } => {
            (last_of(name), &args[..], *with_ordinality, alias)
        }
        TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } => {
            let args = array_exprs.clone();
            return Some(Rows { name: "unnest".into(), args, ordinality: *with_ordinality, alias });
        }
        _ => return None,
    };
    if name == "generate_series" && is_constant(args) && !ordinality {
        return None;
    }
    let known = is_set(&name) || matches!(last_word(&name), "each" | "text" | "recordset");
    known.then(|| Some(Rows { name, args: plain(args)?, ordinality, alias }))?
}

fn last_word(name: &str) -> &str {
    name.rsplit('_').next().unwrap_or(name)
}

impl Rows<'_> {
    /// Alias, else the function's name.
    fn table_alias(&self) -> TableAlias {
        let name = match self.alias {
            Some(alias) => alias.name.clone(),
            None => Ident::with_quote('"', &self.name),
        };
        TableAlias { explicit: true, name, columns: Vec::new(), at: None }
    }

    /// Names of the columns that the function itself gives.
    fn own_names(&self) -> Option<Vec<String>> {
        let alias = of_ident(&self.table_alias().name);
        Some(match self.name.as_str() {
            "json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text" => {
                vec!["key".into(), "value".into()]
            }
            "json_array_elements"
            | "jsonb_array_elements"
            | "json_array_elements_text"
            | "jsonb_array_elements_text" => vec!["value".into()],
            "unnest" => match self.args.len() {
                1 => vec![alias],
                n => vec!["unnest".to_string(); n],
            },
            name if is_set(name) => vec![alias],
            _ => return None,
        })
    }

    /// Each column's expression and own name.
    fn columns(&self) -> Option<Vec<(Expr, String)>> {
        let list = |name: &str| call(&format!("{LIST}{name}"), self.args.clone());
        let lists: Vec<Expr> = match self.name.as_str() {
            name @ ("json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text") => {
                let keys = if name.starts_with("jsonb") { "jsonb" } else { "json" };
                let values = if name.ends_with("text") { "text" } else { "value" };
                vec![list(&format!("{keys}_object_keys")), list(&format!("aeriedb_each_{values}"))]
            }
            "unnest" => {
                let one = |arg: &Expr| call(&format!("{LIST}unnest"), vec![arg.clone()]);
                self.args.iter().map(one).collect()
            }
            name => vec![list(name)],
        };
        let names = self.own_names()?;
        let (first, several) = (lists.first()?.clone(), lists.len() > 1);
        let mut columns: Vec<(Expr, String)> = lists
            .into_iter()
            .zip(names)
            .enumerate()
            .map(|(i, (list, name))| {
                let rows = call("unnest", vec![list]);
                // Of several columns the first is a key.
                (if several && i == 0 { rows } else { marked(&self.name, rows) }, name)
            })
            .collect();
        if self.ordinality {
            let places = call(&format!("{LIST}generate_subscripts"), vec![first, number(1)]);
            let places = cast(call("unnest", vec![places]), DataType::BigInt(None));
            columns.push((places, "ordinality".into()));
        }
        Some(columns)
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    let (kind, expr) = (CastKind::Cast, Box::new(expr));
    Expr::Cast { kind, expr, data_type, array: false, format: None }
}

/// `jsonb_to_recordset(j) AS t (a int, b text)`: each column is a field of each element, cast.
fn recordset(rows: &Rows<'_>) -> Option<TableFactor> {
    let alias = rows.alias.as_ref()?;
    let elements = match rows.name.as_str() {
        "json_to_recordset" => "json_array_elements",
        _ => "jsonb_array_elements",
    };
    let inner =
        Rows { name: elements.into(), args: rows.args.clone(), ordinality: false, alias: &None };
    let (expr, own) = inner.columns()?.pop()?;
    let item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', &own) };
    let lateral = rows.args.iter().any(mentions_columns);
    let from = table(vec![item], Vec::new(), lateral, inner.table_alias());
    let mut items = Vec::new();
    for column in &alias.columns {
        let data_type = column.data_type.clone()?;
        let json = matches!(data_type, DataType::JSON | DataType::JSONB);
        let op = if json { BinaryOperator::Arrow } else { BinaryOperator::LongArrow };
        let field = Expr::BinaryOp {
            left: Box::new(Expr::Identifier(Ident::with_quote('"', &own))),
            op,
            right: Box::new(string(of_ident(&column.name))),
        };
        let expr = cast(Expr::Nested(Box::new(field)), data_type);
        items.push(SelectItem::ExprWithAlias { expr, alias: column.name.clone() });
    }
    Some(table(items, vec![from], lateral, rows.table_alias()))
}

/// `(SELECT items FROM from) AS alias`.
fn table(
    items: Vec<SelectItem>,
    from: Vec<TableFactor>,
    lateral: bool,
    alias: TableAlias,
) -> TableFactor {
    let mut query = template();
    if let SetExpr::Select(select) = &mut *query.body {
        select.projection = items;
        let relation = |factor| datafusion::sql::sqlparser::ast::TableWithJoins {
            relation: factor,
            joins: Vec::new(),
        };
        select.from = from.into_iter().map(relation).collect();
    }
    TableFactor::Derived { lateral, subquery: Box::new(query), alias: Some(alias), sample: None }
}

/// `SELECT item FROM (query) AS alias`.
pub(crate) fn query_over(query: Query, alias: TableAlias, item: Expr) -> Query {
    let from = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(alias.clone()),
        sample: None,
    };
    match table(vec![SelectItem::UnnamedExpr(item)], vec![from], false, alias) {
        TableFactor::Derived { subquery, .. } => *subquery,
        _ => unreachable!("a derived table"),
    }
}

/// A SELECT with nothing in it.
fn template() -> Query {
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, "SELECT 1").unwrap_or_default();
    match parsed.into_iter().next() {
        Some(Statement::Query(query)) => *query,
        _ => unreachable!("SELECT 1 is a query"),
    }
}

fn mentions_columns(expr: &Expr) -> bool {
    struct Search;
    impl Visitor for Search {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Search).is_break()
}
