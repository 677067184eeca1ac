//! Names of output columns, as PostgreSQL gives them.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TrimWhereField, TypedString,
};

/// What PostgreSQL calls a column that it has no name for.
pub(crate) const NAMELESS: &str = "?column?";

/// Names that the syntax tree gives to the columns of a query: those before its first `*`, and
/// those after its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    head: Vec<String>,
    tail: Vec<String>,
}

impl Names {
    /// All names that the tree gives.
    pub(crate) fn all(self) -> impl Iterator<Item = String> {
        self.head.into_iter().chain(self.tail)
    }

    /// The name of column `i` of `count`, if the tree tells one.
    pub(crate) fn get(&self, i: usize, count: usize) -> Option<&str> {
        let from_end = count - i;
        let tail = self.tail.len().checked_sub(from_end).map(|at| self.tail[at].as_str());
        self.head.get(i).map(String::as_str).or(tail)
    }
}

/// The names of a query's columns.
pub(crate) fn of_query(query: &Query) -> Names {
    let mut body = &*query.body;
    loop {
        match body {
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(inner) => body = &inner.body,
            SetExpr::Select(select) => return of_items(&select.projection),
            _ => return Names::default(),
        }
    }
}

fn of_items(items: &[SelectItem]) -> Names {
    let named = |item: &SelectItem| of_item(item);
    let head = items.iter().map_while(named).collect::<Vec<_>>();
    if head.len() == items.len() {
        return Names { head, tail: Vec::new() };
    }
    let mut tail: Vec<String> = items.iter().rev().map_while(named).collect();
    tail.reverse();
    Names { head, tail }
}

/// The name of an item; `None` for `*`.
pub(crate) fn of_item(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(of_expr(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Some(of_ident(alias)),
        _ => None,
    }
}

/// An identifier as it is understood: without quotes in lower case.
pub(crate) fn of_ident(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

pub(crate) fn last_of(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map_or_else(|| name.to_string(), of_ident)
}

fn of_expr(expr: &Expr) -> String {
    guess(expr).unwrap_or_else(|| NAMELESS.to_string())
}

/// The name that an expression suggests, if any.
pub(crate) fn guess(expr: &Expr) -> Option<String> {
    let fixed = |name: &str| Some(name.to_string());
    match expr {
        Expr::Identifier(ident) => Some(of_ident(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(of_ident),
        Expr::CompoundFieldAccess { root, .. } => guess(root),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => guess(inner),
        Expr::Function(function) => Some(last_of(&function.name)),
        Expr::Cast { expr, data_type, .. } => own(expr).or_else(|| Some(of_type(data_type))),
        Expr::TypedString(TypedString { data_type, .. }) => Some(of_type(data_type)),
        Expr::Case { else_result, .. } => {
            else_result.as_ref().and_then(|e| own(e)).or_else(|| fixed("case"))
        }
        Expr::Subquery(query) => of_query(query).head.into_iter().next(),
        Expr::Exists { .. } => fixed("exists"),
        Expr::Array(_) => fixed("array"),
        Expr::Interval(_) => fixed("interval"),
        Expr::AtTimeZone { .. } => fixed("timezone"),
        Expr::Extract { .. } => fixed("extract"),
        Expr::Substring { .. } => fixed("substring"),
        Expr::Position { .. } => fixed("position"),
        Expr::Overlay { .. } => fixed("overlay"),
        Expr::Ceil { .. } => fixed("ceil"),
        Expr::Floor { .. } => fixed("floor"),
        Expr::Tuple(_) => fixed("row"),
        Expr::Trim { trim_where, .. } => fixed(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

/// The name of what is cast, unless that is only a type's.
fn own(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => own(inner),
        Expr::Cast { expr, .. } => own(expr),
        Expr::TypedString(_) => None,
        Expr::Case { else_result, .. } => else_result.as_ref().and_then(|e| own(e)),
        other => guess(other),
    }
}

/// PostgreSQL's own name of a type, without its length.
fn of_type(data_type: &DataType) -> String {
    let text = data_type.to_string().to_lowercase();
    let bare = text.split('(').next().unwrap_or_default().trim();
    let last = bare.rsplit('.').next().unwrap_or(bare).trim_matches('"');
    match last {
        "bigint" => "int8",
        "integer" | "int" => "int4",
        "smallint" => "int2",
        "double precision" | "double" | "float" => "float8",
        "real" => "float4",
        "boolean" => "bool",
        "character varying" => "varchar",
        "decimal" => "numeric",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        "character" => "bpchar",
        other => other,
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    fn names(text: &str) -> Names {
        let statement = Parser::parse_sql(&PostgreSqlDialect {}, text).expect("parses").remove(0);
        let Statement::Query(query) = statement else { panic!("a query") };
        of_query(&query)
    }

    #[test]
    fn names_as_postgres_gives_them() {
        let text = "SELECT count(*), 1, Id, t.\"Id\", id::text, 1::bigint, upper(a), \
                    CASE WHEN a THEN 1 END, EXISTS (SELECT 1), a AS \"B c\", (SELECT max(x) FROM u), \
                    -a, coalesce(a, 1) FROM t";
        let expected = [
            "count", "?column?", "id", "Id", "id", "int8", "upper", "case", "exists", "B c", "max",
            "?column?", "coalesce",
        ];
        assert_eq!(names(text).head, expected);
    }

    #[test]
    fn names_around_a_wildcard() {
        let names = names("SELECT 1 AS a, *, 2 AS z FROM t");
        let all: Vec<_> = (0..5).map(|i| names.get(i, 5)).collect();
        assert_eq!(all, [Some("a"), None, None, None, Some("z")]);
    }
}
