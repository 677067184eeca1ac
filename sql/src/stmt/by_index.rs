//! Secondary indexes in plans: which ones a set has, and rows in the order of one.

use std::ops::Bound;

use model::{Collection, ColumnType, IndexSource, Table};
use sqlparser::ast;

use super::Context;
use super::select::Simple;
use crate::access::{Access, Indexes, Range, Reach, accesses, index_type};
use crate::expr::compile::{Compiled, unnested};
use crate::expr::{Compiler, Expr, Unfit};
use crate::plan::{Get, Order};

impl Context<'_> {
    /// The indexes that queries of this set may use: those that are built.
    pub(super) fn indexes<'t>(&'t self, table: &'t Table) -> Indexes<'t> {
        let all = self.scope.catalog.indexes(&table.namespace).iter();
        let usable = all.filter(|index| index.ready && index.def.covers(&table.name));
        Indexes { table, defs: usable.map(|index| &*index.def).collect() }
    }

    /// Ways to the records of a condition.
    pub(super) fn accesses(&self, table: &Table, filter: Option<&Expr>) -> Vec<Access> {
        let indexes = self.indexes(table);
        match filter {
            Some(filter) if !indexes.defs.is_empty() => accesses(filter, &indexes),
            _ => Vec::new(),
        }
    }

    /// The range of an index whose order is that of ORDER BY, if a LIMIT makes it worth while and no
    /// other index answers the condition.
    pub(super) fn ordered(
        &self,
        c: &Compiler,
        by: &ast::OrderByExpr,
        simple: &Simple,
        get: &Get,
        indexes: &Indexes,
    ) -> Compiled<(Access, Order)> {
        let source = c.any(named_by(by, simple)?)?;
        let bin = source.as_bin().ok_or(Unfit::NotOurs)?;
        let t = source.column_type().stored_as().and_then(index_type);
        let plain = |t| !matches!(t, ColumnType::Numeric { .. });
        if get.limit.is_none() || t.is_none() || !plain(source.column_type()) {
            return Err(Unfit::NotOurs);
        }
        let def = indexes.defs.iter().find(|def| {
            let over =
                matches!(&def.source, IndexSource::Bin { bin: own, context: None } if own == bin);
            over && Some(def.value_type) == t
                && def.collection == Collection::Scalar
                && def.filter.is_none()
        });
        let def = def.ok_or(Unfit::NotOurs)?;
        let ways = get.filter.as_ref().map_or(Vec::new(), |filter| accesses(filter, indexes));
        let own = |access: &&Access| match &access.reaches[..] {
            [one] => *one.index == *def.name && matches!(one.range, Range::Between(..)),
            _ => false,
        };
        let access = match ways.iter().find(own) {
            Some(own) => own.clone(),
            None if ways.is_empty() => {
                let range = Range::Between(Bound::Unbounded, Bound::Unbounded);
                let reach = Reach { index: def.name.to_string(), range };
                Access { reaches: vec![reach], exact: false }
            }
            None => return Err(Unfit::NotOurs),
        };
        let bounded = !ways.is_empty();
        let required = indexes.table.columns.iter().any(|c| *c.name == **bin && c.not_null);
        let descending = by.options.asc == Some(false);
        let nulls = !(bounded || required && indexes.table.declared);
        let first = by.options.nulls_first.unwrap_or(descending);
        if nulls && first {
            return Err(Unfit::NotOurs);
        }
        Ok((access, Order { descending, nulls }))
    }
}

/// The column that ORDER BY names. A name of the select list comes before one of the set.
fn named_by<'e>(by: &'e ast::OrderByExpr, simple: &Simple) -> Compiled<&'e ast::Expr> {
    let e = unnested(&by.expr);
    let name = match e {
        ast::Expr::Identifier(ident) => &ident.value,
        ast::Expr::CompoundIdentifier(_) => return Ok(e),
        _ => return Err(Unfit::NotOurs),
    };
    let hides = |item: &ast::SelectItem| match item {
        ast::SelectItem::ExprWithAlias { expr, alias } => {
            alias.value.eq_ignore_ascii_case(name) && unnested(expr) != e
        }
        _ => false,
    };
    match simple.select.projection.iter().any(hides) {
        true => Err(Unfit::NotOurs),
        false => Ok(e),
    }
}
