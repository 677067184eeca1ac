//! SELECT: by key or of constants our own, else DataFusion's.

use std::sync::Arc;

use sqlparser::ast;

use super::keys::pinned;
use super::{Context, Params, plain_table};
use crate::access::accesses;
use crate::expr::compile::Compiled;
use crate::expr::{Compiler, Expr, Unfit};
use crate::plan::{Get, IndexGet, Keys, Output, Plan};
use crate::resolve::{self, TableName};
use crate::{SqlError, SqlResult};

/// A SELECT of nothing but projection, one FROM item, WHERE, LIMIT and OFFSET.
pub(super) struct Simple<'q> {
    pub(super) select: &'q ast::Select,
    limit: Option<&'q ast::Expr>,
    offset: Option<&'q ast::Expr>,
    /// ORDER BY one expression.
    order: Option<&'q ast::OrderByExpr>,
    /// FOR UPDATE, FOR SHARE.
    lock: bool,
}

impl Context<'_> {
    pub(super) fn select(&self, query: &ast::Query) -> SqlResult<(Plan, Params)> {
        let settled = self.settled(query, false);
        let query = settled.as_ref().unwrap_or(query);
        if let Some(into) = self.select_into(query)? {
            return Ok(into);
        }
        if let Some(simple) = simple(query) {
            let fast = match &simple.select.from[..] {
                [] => self.values(&simple),
                [one] if one.joins.is_empty() => self.get(query, &simple, &one.relation),
                _ => Err(Unfit::NotOurs),
            };
            match fast {
                Ok(planned) => return Ok(planned),
                Err(Unfit::Wrong(error)) => return Err(error),
                Err(Unfit::NotOurs) => {}
            }
        }
        let mixed = self.settled(query, true);
        let prepared = self.query(mixed.as_ref().unwrap_or(query))?;
        let params = self.check_condition(query)?;
        Ok((Plan::Query(prepared), params))
    }

    /// Types in the WHERE clause of one of our tables are held to the same rules, whoever runs the
    /// query. Gives the types of its parameters, as far as it tells them.
    fn check_condition(&self, query: &ast::Query) -> SqlResult<Params> {
        let declared = || Ok(self.scope.params.to_vec());
        let ast::SetExpr::Select(select) = &*query.body else { return declared() };
        let ([from], Some(selection), None) = (&select.from[..], &select.selection, &query.with)
        else {
            return declared();
        };
        let Some((name, alias)) = plain_table(&from.relation).filter(|_| from.joins.is_empty())
        else {
            return declared();
        };
        if self.is_system(name)? {
            return declared();
        }
        let table = resolve::table(name, self.scope, self.places)?;
        let mut c = self.compiler(Some(&table));
        c.alias = alias.map(|a| a.name.value.as_str());
        match c.condition(selection) {
            Err(Unfit::Wrong(error)) => Err(error),
            _ => Ok(c.known_params()),
        }
    }

    /// SELECT without FROM.
    fn values(&self, simple: &Simple) -> Compiled<(Plan, Params)> {
        let filtered = simple.select.selection.is_some();
        let cut = simple.limit.is_some() || simple.offset.is_some() || simple.order.is_some();
        if filtered || cut {
            return Err(Unfit::NotOurs);
        }
        let c = self.compiler(None);
        let output = self.outputs(&c, &simple.select.projection)?;
        Ok((Plan::Values(output), c.params()))
    }

    /// SELECT by key, or by values that an index holds.
    fn get(
        &self,
        query: &ast::Query,
        simple: &Simple,
        factor: &ast::TableFactor,
    ) -> Compiled<(Plan, Params)> {
        let (name, alias) = plain_table(factor).ok_or(Unfit::NotOurs)?;
        if self.is_system(name)? {
            return Err(Unfit::NotOurs);
        }
        let table = resolve::table(name, self.scope, self.places)?;
        let mut c = self.compiler(Some(&table));
        c.alias = alias.map(|a| a.name.value.as_str());
        let found = pinned(&c, &table, simple.select.selection.as_ref())?;
        let indexes = self.indexes(&table);
        let by_key = found.keys.is_some() && simple.order.is_none();
        if !by_key && (indexes.defs.is_empty() || found.keys.is_some() || simple.lock) {
            return Err(Unfit::NotOurs);
        }
        let keys = found.keys.unwrap_or(Keys::Each(Vec::new()));
        let filter = found.rest.into_iter().map(|e| c.condition(e)).collect::<Compiled<_>>()?;
        let filter = Expr::all(filter);
        let output = self.outputs(&c, &simple.select.projection)?;
        let mut bins = Vec::new();
        output.iter().for_each(|o| o.expr.bins(&mut bins));
        filter.iter().for_each(|f| f.bins(&mut bins));
        let get = Get {
            all_bins: simple.select.projection.iter().any(is_wildcard),
            limit: simple.limit.map(|e| c.integer(e)).transpose()?,
            offset: simple.offset.map(|e| c.integer(e)).transpose()?,
            table: table.clone(),
            keys,
            bins,
            filter,
            output,
            lock: simple.lock,
        };
        if !by_key {
            let order = match simple.order {
                None => None,
                Some(order) => Some(self.ordered(&c, order, simple, &get, &indexes)?),
            };
            let (accesses, order) = match order {
                None => (accesses(get.filter.as_ref().ok_or(Unfit::NotOurs)?, &indexes), None),
                Some((access, order)) => (vec![access], Some(order)),
            };
            if accesses.is_empty() {
                return Err(Unfit::NotOurs);
            }
            let mixed = self.settled(query, true);
            let query = self.query(mixed.as_ref().unwrap_or(query))?;
            let params = c.params();
            return Ok((
                Plan::IndexGet(Arc::new(IndexGet { get, accesses, order, query })),
                params,
            ));
        }
        let one = matches!(&get.keys, Keys::Each(lookups) if lookups.len() == 1);
        let plan = if one { Plan::PointGet(get) } else { Plan::BatchGet(get) };
        Ok((plan, c.params()))
    }

    /// Whether a table is one of PostgreSQL's catalogue, which DataFusion has, or a view.
    fn is_system(&self, name: &ast::ObjectName) -> SqlResult<bool> {
        if resolve::view(name, self.scope)?.is_some() {
            return Ok(true);
        }
        let parts = TableName::of(name).map_err(|e| self.at(e, name))?;
        if let Some(namespace) = parts.namespace {
            return Ok(resolve::is_system(namespace));
        }
        let name = &parts.table.value;
        let ours = self.scope.catalog.resolve(self.scope.namespace, true);
        let there = ours.is_some_and(|(_, tables)| tables.resolve(name, false).is_some());
        Ok(!there && name.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("pg_")))
    }

    /// The columns of an answer.
    pub(super) fn outputs(&self, c: &Compiler, items: &[ast::SelectItem]) -> Compiled<Vec<Output>> {
        let mut output = Vec::with_capacity(items.len());
        for item in items {
            match item {
                ast::SelectItem::UnnamedExpr(e) => {
                    let expr = c.any(e)?;
                    let name = expr.as_column().map(ToString::to_string);
                    output.push(Output { name: name.unwrap_or_else(|| output_name(e)), expr });
                }
                ast::SelectItem::ExprWithAlias { expr, alias } => {
                    output.push(Output { name: alias.value.clone(), expr: c.any(expr)? });
                }
                ast::SelectItem::Wildcard(options) if plain_wildcard(options) => {
                    self.all_columns(c, &mut output)?;
                }
                ast::SelectItem::QualifiedWildcard(
                    ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) if plain_wildcard(options) => {
                    self.check_qualifier(c, name)?;
                    self.all_columns(c, &mut output)?;
                }
                _ => return Err(Unfit::NotOurs),
            }
        }
        match output.is_empty() {
            true => Err(Unfit::NotOurs),
            false => Ok(output),
        }
    }

    fn all_columns(&self, c: &Compiler, output: &mut Vec<Output>) -> Compiled<()> {
        let Some(table) = c.table else {
            let error = SqlError::syntax("SELECT * with no tables specified is not valid");
            return Err(error.hint("name a set: SELECT * FROM namespace.set").into());
        };
        for column in table.key.iter().chain(&table.columns) {
            let expr = Compiler::column(table, column);
            output.push(Output { name: column.name.clone(), expr });
        }
        Ok(())
    }

    /// Refuses `x.*` where there is no x.
    fn check_qualifier(&self, c: &Compiler, name: &ast::ObjectName) -> Compiled<()> {
        let parts = TableName::of(name)?;
        let Some(table) = c.table else { return Err(Unfit::NotOurs) };
        let wanted = c.alias.unwrap_or(&table.name);
        match parts.table.value.eq_ignore_ascii_case(wanted) {
            true => Ok(()),
            false => {
                let message = format!("missing FROM-clause entry for table \"{name}\"");
                let error = SqlError::new("42P01", message)
                    .hint(format!("the table of this statement is \"{wanted}\""));
                Err(self.at(error, name).into())
            }
        }
    }
}

fn is_wildcard(item: &ast::SelectItem) -> bool {
    matches!(item, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))
}

fn plain_wildcard(o: &ast::WildcardAdditionalOptions) -> bool {
    o.opt_ilike.is_none()
        && o.opt_exclude.is_none()
        && o.opt_except.is_none()
        && o.opt_replace.is_none()
        && o.opt_rename.is_none()
        && o.opt_alias.is_none()
}

/// The query as a simple SELECT, if it is one.
fn simple(query: &ast::Query) -> Option<Simple<'_>> {
    let ast::SetExpr::Select(select) = &*query.body else { return None };
    let order = match &query.order_by {
        None => None,
        Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(by), interpolate: None }) => {
            match &by[..] {
                [one] if one.with_fill.is_none() => Some(one),
                _ => return None,
            }
        }
        Some(_) => return None,
    };
    let plain_query = query.with.is_none()
        && query.fetch.is_none()
        && query.locks.iter().all(|lock| lock.nonblock.is_none())
        && query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty();
    let (limit, offset) = match &query.limit_clause {
        None => (None, None),
        Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
            (limit.as_ref(), offset.as_ref().map(|o| &o.value))
        }
        Some(_) => return None,
    };
    let grouped = match &select.group_by {
        ast::GroupByExpr::Expressions(by, modifiers) => !by.is_empty() || !modifiers.is_empty(),
        ast::GroupByExpr::All(_) => true,
    };
    let plain_select = select.distinct.is_none()
        && select.select_modifiers.is_none()
        && select.top.is_none()
        && select.exclude.is_none()
        && select.into.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.having.is_none()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none()
        && matches!(select.flavor, ast::SelectFlavor::Standard);
    (plain_query && plain_select && !grouped).then(|| {
        let lock = !query.locks.is_empty();
        Simple { select, limit, offset, order, lock }
    })
}

/// The name that PostgreSQL gives a column of the answer.
pub(crate) fn output_name(e: &ast::Expr) -> String {
    match e {
        ast::Expr::Nested(inner) => output_name(inner),
        ast::Expr::Identifier(ident) => match crate::expr::Pseudo::named(&ident.value) {
            Some((_, name, _)) => name.to_string(),
            None => ident.value.clone(),
        },
        ast::Expr::CompoundIdentifier(idents) => {
            idents.last().map_or_else(String::new, |i| i.value.clone())
        }
        ast::Expr::Function(function) => match function.name.0.last() {
            Some(ast::ObjectNamePart::Identifier(ident)) => ident.value.to_lowercase(),
            _ => "?column?".to_string(),
        },
        ast::Expr::Cast { expr, data_type, .. } => match output_name(expr).as_str() {
            "?column?" => type_name(data_type),
            inner => inner.to_string(),
        },
        ast::Expr::TypedString(typed) => type_name(&typed.data_type),
        ast::Expr::Value(value) if matches!(value.value, ast::Value::Boolean(_)) => "bool".into(),
        other => match other {
            ast::Expr::Case { .. } => "case",
            ast::Expr::Array(_) => "array",
            ast::Expr::Exists { .. } => "exists",
            ast::Expr::Extract { .. } => "extract",
            ast::Expr::Substring { .. } => "substring",
            ast::Expr::Trim { .. } => "btrim",
            ast::Expr::Position { .. } => "position",
            ast::Expr::Ceil { .. } => "ceil",
            ast::Expr::Floor { .. } => "floor",
            ast::Expr::Interval(_) => "interval",
            _ => "?column?",
        }
        .to_string(),
    }
}

fn type_name(data_type: &ast::DataType) -> String {
    use model::ColumnType::*;
    match crate::types::from_sql_name(data_type) {
        Ok(t) => match t {
            Int2 => "int2".into(),
            Int4 => "int4".into(),
            Int8 => "int8".into(),
            Float4 => "float4".into(),
            Float8 => "float8".into(),
            Bool => "bool".into(),
            Varchar(_) => "varchar".into(),
            Numeric { .. } => "numeric".into(),
            Timestamp => "timestamp".into(),
            Timestamptz => "timestamptz".into(),
            other => other.to_string(),
        },
        Err(_) => data_type.to_string().to_lowercase(),
    }
}
