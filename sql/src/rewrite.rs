//! Queries made digestible for DataFusion.
//!
//! Names in a query are as people typed them: any case, namespaces left out, `public`. Here every
//! table gets its namespace and exact name, every column the exact name that the catalogue has, all
//! in quotes, so that DataFusion need not guess. What is not in our catalogue (`pg_catalog`, table
//! functions, columns of these) is left as it is, in lower case as PostgreSQL folds it.
//!
//! Scopes nest as in SQL: a subquery sees the tables of the queries around it; a common table
//! expression hides a table of its name.

mod views;

use std::sync::Arc;

use model::{ColumnType, Table};
use sqlparser::ast::{self, Spanned};
use sqlparser::tokenizer::Span;

use crate::expr::Pseudo;
use crate::parse::Places;
use crate::resolve::{self, TableName};
use crate::stmt::output_name;
use crate::{Scope, SqlError, SqlResult};

/// Qualifies and quotes the names of a query as the catalogue has them. [`crate::plan()`] has done
/// it to every query in a plan.
pub fn prepare_query(query: &mut ast::Query, scope: &Scope) -> SqlResult<()> {
    prepare(query, scope, &Places::default())
}

pub(crate) fn prepare(query: &mut ast::Query, scope: &Scope, places: &Places) -> SqlResult<()> {
    prepare_noting(query, scope, places).map(|_| ())
}

/// What a query reads, each by namespace and name.
pub(crate) struct Reads {
    /// The tables and views that it names itself, each once.
    pub(crate) named: Vec<(String, String)>,
    /// The tables that it reads through views.
    pub(crate) through_views: Vec<(String, String)>,
}

impl Reads {
    /// Whether the rows of this table are read.
    pub(crate) fn table(&self, table: &Table) -> bool {
        let is = |(namespace, name): &(String, String)| {
            *namespace == table.namespace && *name == table.name
        };
        self.named.iter().chain(&self.through_views).any(is)
    }
}

/// The same; tells what the query reads.
pub(crate) fn prepare_noting(
    query: &mut ast::Query,
    scope: &Scope,
    places: &Places,
) -> SqlResult<Reads> {
    let mut rewriter = Rewriter::new(scope, places);
    rewriter.query(query)?;
    let mut named = rewriter.uses;
    named.sort();
    named.dedup();
    Ok(Reads { named, through_views: rewriter.through_views })
}

/// The columns of something in FROM, each with the name by which it is qualified; `None` where they
/// are not known.
pub(crate) fn columns_of(
    relation: &ast::TableFactor,
    with: Option<&ast::With>,
    scope: &Scope,
    places: &Places,
) -> SqlResult<Option<Vec<(String, String)>>> {
    let mut rewriter = Rewriter::new(scope, places);
    if let Some(with) = with {
        rewriter.with(&mut with.clone())?;
    }
    rewriter.frames.push(Frame::default());
    rewriter.factor(&mut relation.clone())?;
    let Some(relation) = rewriter.frames.last().and_then(|frame| frame.relations.last()) else {
        return Ok(None);
    };
    let named = |columns: Vec<String>| {
        columns.into_iter().map(|column| (relation.name.clone(), column)).collect()
    };
    Ok(relation.columns().map(named))
}

/// `SELECT projection FROM name [alias] WHERE selection`.
pub(crate) fn query_of(
    name: ast::ObjectName,
    alias: Option<&str>,
    projection: Vec<ast::SelectItem>,
    selection: Option<ast::Expr>,
) -> ast::Query {
    let relation = ast::TableFactor::Table {
        name,
        alias: alias.map(|alias| ast::TableAlias {
            explicit: true,
            name: ast::Ident::with_quote('"', alias),
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    let select = ast::Select {
        select_token: ast::helpers::attached_token::AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from: vec![ast::TableWithJoins { relation, joins: Vec::new() }],
        lateral_views: Vec::new(),
        prewhere: None,
        selection,
        connect_by: Vec::new(),
        group_by: ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: ast::SelectFlavor::Standard,
    };
    ast::Query {
        with: None,
        body: Box::new(ast::SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// Something in a FROM clause.
struct Relation {
    /// The name by which columns are qualified.
    name: String,
    kind: Kind,
}

enum Kind {
    /// One of our tables.
    Table(Arc<Table>),
    /// A subquery or common table expression with these columns.
    Columns(Vec<String>),
    /// Something whose columns we do not know.
    Opaque,
}

/// The relations of one SELECT, and the names of its columns.
#[derive(Default)]
struct Frame {
    relations: Vec<Relation>,
    aliases: Vec<String>,
}

struct Rewriter<'a> {
    scope: &'a Scope<'a>,
    places: &'a Places,
    /// Common table expressions in sight: name, columns if known.
    ctes: Vec<(String, Option<Vec<String>>)>,
    /// From the outermost query inwards.
    frames: Vec<Frame>,
    /// Namespace and name of tables and views that were met.
    uses: Vec<(String, String)>,
    through_views: Vec<(String, String)>,
    /// Views that have become their queries so far, and how deep in each other they stand here.
    views: usize,
    views_deep: usize,
}

impl<'a> Rewriter<'a> {
    fn new(scope: &'a Scope<'a>, places: &'a Places) -> Rewriter<'a> {
        Rewriter {
            scope,
            places,
            ctes: Vec::new(),
            frames: Vec::new(),
            uses: Vec::new(),
            through_views: Vec::new(),
            views: 0,
            views_deep: 0,
        }
    }
}

impl Rewriter<'_> {
    /// Rewrites a query and gives the names of its columns, where they are known.
    fn query(&mut self, query: &mut ast::Query) -> SqlResult<Option<Vec<String>>> {
        let outer_ctes = self.ctes.len();
        if let Some(with) = &mut query.with {
            self.with(with)?;
        }
        let depth = self.frames.len();
        let columns = self.set_expr(&mut query.body)?;
        // ORDER BY and LIMIT see the frame of the SELECT, which is still there.
        self.order_by(query, columns.as_deref(), depth)?;
        self.frames.truncate(depth);
        self.ctes.truncate(outer_ctes);
        Ok(columns)
    }

    /// Common table expressions, seen from here on.
    fn with(&mut self, with: &mut ast::With) -> SqlResult<()> {
        for cte in &mut with.cte_tables {
            quote(&mut cte.alias.name);
            let name = cte.alias.name.value.clone();
            let listed = column_list(&mut cte.alias);
            if with.recursive {
                self.ctes.push((name.clone(), listed.clone()));
            }
            let columns = self.query(&mut cte.query)?;
            self.ctes.push((name, listed.or(columns)));
        }
        Ok(())
    }

    fn order_by(
        &mut self,
        query: &mut ast::Query,
        columns: Option<&[String]>,
        depth: usize,
    ) -> SqlResult<()> {
        if self.frames.len() == depth {
            // Of a set operation or VALUES: its columns are all there is to order by.
            let kind = columns.map_or(Kind::Opaque, |c| Kind::Columns(c.to_vec()));
            let relations = vec![Relation { name: String::new(), kind }];
            self.frames.push(Frame { relations, aliases: Vec::new() });
        }
        if let Some(order_by) = &mut query.order_by
            && let ast::OrderByKind::Expressions(exprs) = &mut order_by.kind
        {
            for e in exprs {
                self.expr(&mut e.expr)?;
            }
        }
        match &mut query.limit_clause {
            Some(ast::LimitClause::LimitOffset { limit, offset, .. }) => {
                limit.iter_mut().try_for_each(|e| self.expr(e))?;
                offset.iter_mut().try_for_each(|o| self.expr(&mut o.value))?;
            }
            Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.expr(offset)?;
                self.expr(limit)?;
            }
            None => {}
        }
        Ok(())
    }

    /// Rewrites a body. A SELECT leaves its frame on the stack for ORDER BY.
    fn set_expr(&mut self, body: &mut ast::SetExpr) -> SqlResult<Option<Vec<String>>> {
        match body {
            ast::SetExpr::Select(select) => self.select(select),
            ast::SetExpr::Query(query) => self.query(query),
            ast::SetExpr::SetOperation { left, right, .. } => {
                let depth = self.frames.len();
                let columns = self.set_expr(left)?;
                self.frames.truncate(depth);
                self.set_expr(right)?;
                self.frames.truncate(depth);
                Ok(columns)
            }
            ast::SetExpr::Values(values) => {
                let depth = self.frames.len();
                self.frames.push(Frame::default());
                let width = values.rows.first().map_or(0, |row| row.content.len());
                for row in &mut values.rows {
                    row.content.iter_mut().try_for_each(|e| self.expr(e))?;
                }
                self.frames.truncate(depth);
                Ok(Some((1..=width).map(|i| format!("column{i}")).collect()))
            }
            ast::SetExpr::Table(table) => {
                let namespace = table.schema_name.take().map(ast::Ident::new);
                let name = table.table_name.take().map(ast::Ident::new);
                let idents: Vec<ast::Ident> = namespace.into_iter().chain(name).collect();
                let star = ast::SelectItem::Wildcard(Default::default());
                let inner = query_of(ast::ObjectName::from(idents), None, vec![star], None);
                *body = *inner.body;
                self.set_expr(body)
            }
            _ => Err(SqlError::unsupported("a write inside a query is not supported")
                .hint("write first, with RETURNING, then query")),
        }
    }

    fn select(&mut self, select: &mut ast::Select) -> SqlResult<Option<Vec<String>>> {
        if select.into.is_some() {
            return Err(SqlError::unsupported("SELECT INTO is not supported")
                .hint("CREATE TABLE with columns, then INSERT INTO .. SELECT"));
        }
        self.frames.push(Frame::default());
        for from in &mut select.from {
            self.table_with_joins(from)?;
        }
        self.projection(select)?;
        if let Some(ast::Distinct::On(exprs)) = &mut select.distinct {
            exprs.iter_mut().try_for_each(|e| self.expr(e))?;
        }
        if let Some(selection) = &mut select.selection {
            // WHERE does not see the aliases of the projection.
            let aliases = self.take_aliases();
            self.expr(selection)?;
            self.put_aliases(aliases);
        }
        if let ast::GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
            exprs.iter_mut().try_for_each(|e| self.expr(e))?;
        }
        select.having.iter_mut().try_for_each(|e| self.expr(e))?;
        select.qualify.iter_mut().try_for_each(|e| self.expr(e))?;
        for window in &mut select.named_window {
            if let ast::NamedWindowExpr::WindowSpec(spec) = &mut window.1 {
                self.window(spec)?;
            }
        }
        Ok(self.columns_of(select))
    }

    fn take_aliases(&mut self) -> Vec<String> {
        self.frames.last_mut().map(|f| std::mem::take(&mut f.aliases)).unwrap_or_default()
    }

    fn put_aliases(&mut self, aliases: Vec<String>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.aliases = aliases;
        }
    }

    /// Rewrites the projection. Columns keep the names that they have: naming the nameless ones is
    /// the query engine's.
    fn projection(&mut self, select: &mut ast::Select) -> SqlResult<()> {
        let mut names = Vec::new();
        for item in &mut select.projection {
            match item {
                ast::SelectItem::UnnamedExpr(e) => {
                    names.push(output_name(e));
                    self.expr(e)?;
                }
                ast::SelectItem::ExprWithAlias { expr, alias } => {
                    self.expr(expr)?;
                    quote(alias);
                    names.push(alias.value.clone());
                }
                ast::SelectItem::QualifiedWildcard(
                    ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => self.qualifier(name)?,
                _ => {}
            }
        }
        self.put_aliases(names);
        Ok(())
    }

    /// Names of a SELECT's columns.
    fn columns_of(&self, select: &ast::Select) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for item in &select.projection {
            match item {
                ast::SelectItem::UnnamedExpr(e) => names.push(output_name(e)),
                ast::SelectItem::ExprWithAlias { alias, .. } => names.push(alias.value.clone()),
                ast::SelectItem::Wildcard(_) => {
                    for relation in self.frames.last().iter().flat_map(|f| &f.relations) {
                        names.extend(relation.columns()?);
                    }
                }
                _ => return None,
            }
        }
        Some(names)
    }

    fn table_with_joins(&mut self, from: &mut ast::TableWithJoins) -> SqlResult<()> {
        self.factor(&mut from.relation)?;
        for join in &mut from.joins {
            self.factor(&mut join.relation)?;
            use ast::JoinOperator as J;
            let constraint = match &mut join.join_operator {
                J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) => Some(c),
                J::RightOuter(c) | J::FullOuter(c) | J::CrossJoin(c) => Some(c),
                J::Semi(c) | J::LeftSemi(c) | J::RightSemi(c) => Some(c),
                J::Anti(c) | J::LeftAnti(c) | J::RightAnti(c) => Some(c),
                _ => None,
            };
            match constraint {
                Some(ast::JoinConstraint::On(e)) => self.expr(e)?,
                Some(ast::JoinConstraint::Using(names)) => {
                    for name in names {
                        if let Some(ast::ObjectNamePart::Identifier(ident)) = name.0.last_mut() {
                            self.column(ident)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &mut ast::TableFactor) -> SqlResult<()> {
        if let ast::TableFactor::Table { name, alias, args: None, .. } = factor
            && let Some(view) = self.view(name)?
        {
            let alias = alias.take();
            *factor = self.view_query(&view, alias)?;
            return Ok(());
        }
        match factor {
            ast::TableFactor::Table { name, alias, args: None, .. } => {
                let (own, kind) = self.table(name)?;
                self.relation(own, alias.as_mut(), kind);
            }
            ast::TableFactor::Table { name, alias, args: Some(args), .. } => {
                let own = name.0.last().map(ToString::to_string).unwrap_or_default();
                args.args.iter_mut().try_for_each(|arg| self.function_arg(arg))?;
                self.relation(own, alias.as_mut(), Kind::Opaque);
            }
            ast::TableFactor::Derived { lateral, subquery, alias, .. } => {
                // A plain subquery does not see its neighbours.
                let aside = (!*lateral).then(|| self.frames.pop()).flatten();
                let columns = self.query(subquery);
                self.frames.extend(aside);
                let kind = columns?.map_or(Kind::Opaque, Kind::Columns);
                self.relation(String::new(), alias.as_mut(), kind);
            }
            ast::TableFactor::NestedJoin { table_with_joins, alias } => {
                self.table_with_joins(table_with_joins)?;
                if let Some(alias) = alias {
                    quote(&mut alias.name);
                }
            }
            ast::TableFactor::UNNEST { array_exprs, alias, .. } => {
                array_exprs.iter_mut().try_for_each(|e| self.expr(e))?;
                self.relation("unnest".to_string(), alias.as_mut(), Kind::Opaque);
            }
            ast::TableFactor::Function { name, args, alias, .. } => {
                args.iter_mut().try_for_each(|arg| self.function_arg(arg))?;
                self.relation(name.to_string(), alias.as_mut(), Kind::Opaque);
            }
            ast::TableFactor::TableFunction { expr, alias } => {
                self.expr(expr)?;
                self.relation(String::new(), alias.as_mut(), Kind::Opaque);
            }
            _ => self.relation(String::new(), None, Kind::Opaque),
        }
        Ok(())
    }

    fn relation(&mut self, own: String, alias: Option<&mut ast::TableAlias>, kind: Kind) {
        let (name, kind) = match alias {
            None => (own, kind),
            Some(alias) => {
                quote(&mut alias.name);
                let kind = column_list(alias).map_or(kind, Kind::Columns);
                (alias.name.value.clone(), kind)
            }
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.relations.push(Relation { name, kind });
        }
    }

    /// Gives a table its exact name. A common table expression stays as it is.
    fn table(&mut self, name: &mut ast::ObjectName) -> SqlResult<(String, Kind)> {
        let span = name.span();
        let parts = TableName::of(name).map_err(|e| self.places.mark(e, span))?;
        let wanted = parts.table.clone();
        if parts.namespace.is_none()
            && let Some((cte, columns)) = self.ctes.iter().rev().find(|(n, _)| same(&wanted, n))
        {
            let kind = columns.clone().map_or(Kind::Opaque, Kind::Columns);
            let own = cte.clone();
            *name = quoted_name([own.as_str()]);
            return Ok((own, kind));
        }
        let ours = self.scope.catalog.resolve(self.scope.namespace, true);
        let quoted = wanted.quote_style.is_some();
        let there = ours.is_some_and(|(_, t)| t.resolve(&wanted.value, quoted).is_some());
        let catalogue = wanted.value.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("pg_"));
        let system = match parts.namespace {
            Some(namespace) if resolve::is_system(namespace) => {
                Some(namespace.value.to_lowercase())
            }
            None if !there && catalogue => Some("pg_catalog".to_string()),
            _ => None,
        };
        if let Some(system) = system {
            let own = wanted.value.to_lowercase();
            *name = quoted_name([system.as_str(), own.as_str()]);
            return Ok((own, Kind::Opaque));
        }
        let table = resolve::table(name, self.scope, self.places)?;
        *name = quoted_name([table.namespace.as_str(), table.name.as_str()]);
        self.uses.push((table.namespace.clone(), table.name.clone()));
        Ok((table.name.clone(), Kind::Table(table)))
    }

    /// `t.*`, `ns.t.*`.
    fn qualifier(&mut self, name: &mut ast::ObjectName) -> SqlResult<()> {
        let span = name.span();
        let Some(ast::ObjectNamePart::Identifier(ident)) = name.0.last() else { return Ok(()) };
        match self.find_relation(ident) {
            Some(relation) => {
                *name = quoted_name([relation.name.as_str()]);
                Ok(())
            }
            None => Err(self.places.mark(no_entry(&name.to_string()), span)),
        }
    }

    fn find_relation(&self, ident: &ast::Ident) -> Option<&Relation> {
        self.frames.iter().rev().find_map(|f| f.relations.iter().find(|r| same(ident, &r.name)))
    }

    /// A column without a qualifier: the innermost scope that knows it.
    fn column(&self, ident: &mut ast::Ident) -> SqlResult<()> {
        let quoted = ident.quote_style.is_some();
        let mut opaque = false;
        let mut last_table = None;
        for frame in self.frames.iter().rev() {
            let alias = frame.aliases.iter().find(|a| same(ident, a)).cloned();
            let found = frame.relations.iter().find_map(|r| r.column(&ident.value, quoted));
            if let Some(exact) = found.or(alias) {
                set(ident, exact);
                return Ok(());
            }
            opaque |= frame.relations.iter().any(|r| matches!(r.kind, Kind::Opaque));
            last_table = last_table.or(frame.relations.iter().find_map(|r| match &r.kind {
                Kind::Table(table) => Some(table),
                _ => None,
            }));
        }
        if let Some(relation) = self.find_relation(ident) {
            // A row as one value.
            set(ident, relation.name.clone());
            return Ok(());
        }
        if opaque || is_keyword_value(ident) {
            if !quoted && opaque && !is_keyword_value(ident) {
                let folded = ident.value.to_lowercase();
                set(ident, folded);
            }
            return Ok(());
        }
        let error = match last_table {
            Some(table) => resolve::no_column(table, &ident.value),
            None => SqlError::new("42703", format!("column \"{}\" does not exist", ident.value))
                .hint("text is written in single quotes"),
        };
        Err(self.places.mark(error, ident.span))
    }

    /// `t.c[1]`, which is parsed as an access to the field `c` of `t`: the element of a column.
    fn qualify_element(&self, e: &mut ast::Expr) {
        if let ast::Expr::CompoundFieldAccess { root, access_chain } = e
            && let ast::Expr::Identifier(relation) = &**root
            && let Some(ast::AccessExpr::Dot(ast::Expr::Identifier(column))) = access_chain.first()
            && self.find_relation(relation).is_some()
        {
            let column = vec![relation.clone(), column.clone()];
            **root = ast::Expr::CompoundIdentifier(column);
            access_chain.remove(0);
        }
    }

    /// `t.c`, `ns.t.c`.
    fn compound(&self, idents: &mut Vec<ast::Ident>) -> SqlResult<()> {
        let system = idents.len() > 2 && resolve::is_system(&idents[0]);
        let [.., qualifier, column] = &idents[..] else { return Ok(()) };
        let span = qualifier.span;
        let Some(relation) = self.find_relation(qualifier) else {
            // A field of a column, or a table that is not there: DataFusion tells.
            let columns = |f: &Frame| {
                f.relations.iter().any(|r| {
                    matches!(r.kind, Kind::Opaque) || r.column(&qualifier.value, false).is_some()
                })
            };
            if self.frames.iter().any(columns) {
                return Ok(());
            }
            return Err(self.places.mark(no_entry(&qualifier.value), span));
        };
        let quoted = column.quote_style.is_some();
        let exact = match (&relation.kind, relation.column(&column.value, quoted)) {
            (_, Some(exact)) => exact,
            (Kind::Opaque, None) if quoted => column.value.clone(),
            (Kind::Opaque, None) => column.value.to_lowercase(),
            (Kind::Table(table), None) => {
                return Err(self
                    .places
                    .mark(resolve::no_column(table, &column.value), column.span));
            }
            (Kind::Columns(_), None) => {
                let name = format!("{}.{}", qualifier.value, column.value);
                let error = SqlError::new("42703", format!("column {name} does not exist"));
                return Err(self.places.mark(error, column.span));
            }
        };
        let keep = if system { idents.len() - 2 } else { idents.len().saturating_sub(2) };
        idents.drain(..keep);
        let name = relation.name.clone();
        set(&mut idents[0], name);
        set(&mut idents[1], exact);
        Ok(())
    }

    fn window(&mut self, spec: &mut ast::WindowSpec) -> SqlResult<()> {
        spec.partition_by.iter_mut().try_for_each(|e| self.expr(e))?;
        spec.order_by.iter_mut().try_for_each(|o| self.expr(&mut o.expr))
    }

    fn function_arg(&mut self, arg: &mut ast::FunctionArg) -> SqlResult<()> {
        let (ast::FunctionArg::Named { arg, .. }
        | ast::FunctionArg::ExprNamed { arg, .. }
        | ast::FunctionArg::Unnamed(arg)) = arg;
        match arg {
            ast::FunctionArgExpr::Expr(e) => self.expr(e),
            _ => Ok(()),
        }
    }

    /// Rewrites the names in an expression, subqueries included.
    fn expr(&mut self, e: &mut ast::Expr) -> SqlResult<()> {
        struct Walk<'r, 'a> {
            rewriter: &'r mut Rewriter<'a>,
            /// Subqueries that are open: their names are done with them.
            inside: usize,
            /// Where fields of composite values stand: they are no columns.
            fields: Vec<Span>,
        }
        impl ast::VisitorMut for Walk<'_, '_> {
            type Break = SqlError;
            fn pre_visit_query(
                &mut self,
                query: &mut ast::Query,
            ) -> std::ops::ControlFlow<SqlError> {
                self.inside += 1;
                match self.inside {
                    1 => flow(self.rewriter.query(query).map(|_| ())),
                    _ => std::ops::ControlFlow::Continue(()),
                }
            }
            fn post_visit_query(&mut self, _: &mut ast::Query) -> std::ops::ControlFlow<SqlError> {
                self.inside -= 1;
                std::ops::ControlFlow::Continue(())
            }
            fn pre_visit_expr(&mut self, e: &mut ast::Expr) -> std::ops::ControlFlow<SqlError> {
                if self.inside > 0 {
                    return std::ops::ControlFlow::Continue(());
                }
                if let ast::Expr::Function(function) = e {
                    names_of_arguments(&mut function.args);
                }
                if let Some(cast) = aql_cast(e) {
                    *e = cast;
                }
                self.rewriter.qualify_element(e);
                if let ast::Expr::CompoundFieldAccess { access_chain, .. } = e {
                    self.fields.extend(access_chain.iter().filter_map(|access| match access {
                        ast::AccessExpr::Dot(ast::Expr::Identifier(field)) => Some(field.span),
                        _ => None,
                    }));
                    self.fields.retain(|span| *span != Span::empty());
                }
                flow(match e {
                    ast::Expr::Identifier(ident) if self.fields.contains(&ident.span) => Ok(()),
                    ast::Expr::Identifier(ident) => self.rewriter.column(ident),
                    ast::Expr::CompoundIdentifier(idents) => self.rewriter.compound(idents),
                    _ => Ok(()),
                })
            }
        }
        fn flow(result: SqlResult<()>) -> std::ops::ControlFlow<SqlError> {
            match result {
                Ok(()) => std::ops::ControlFlow::Continue(()),
                Err(error) => std::ops::ControlFlow::Break(error),
            }
        }
        match ast::VisitMut::visit(e, &mut Walk { rewriter: self, inside: 0, fields: Vec::new() }) {
            std::ops::ControlFlow::Continue(()) => Ok(()),
            std::ops::ControlFlow::Break(error) => Err(error),
        }
    }
}

/// `f(name => value)`: the name is no column.
fn names_of_arguments(args: &mut ast::FunctionArguments) {
    let ast::FunctionArguments::List(list) = args else { return };
    for arg in &mut list.args {
        if let ast::FunctionArg::ExprNamed {
            name: ast::Expr::Identifier(name),
            arg: value,
            operator,
        } = arg
        {
            *arg = ast::FunctionArg::Named {
                name: name.clone(),
                arg: value.clone(),
                operator: operator.clone(),
            };
        }
    }
}

impl Relation {
    /// The exact name of a column.
    fn column(&self, name: &str, quoted: bool) -> Option<String> {
        match &self.kind {
            Kind::Table(table) => {
                if let Some(column) = table.resolve(name, quoted) {
                    return Some(column.name.clone());
                }
                match &table.key[..] {
                    [only] if name.eq_ignore_ascii_case("PK") => Some(only.name.clone()),
                    _ if name.eq_ignore_ascii_case("PK") => Some("PK".to_string()),
                    _ => Pseudo::named(name).map(|(_, name, _)| name.to_string()),
                }
            }
            Kind::Columns(columns) => {
                let exact = columns.iter().find(|c| *c == name);
                let alike = || columns.iter().find(|c| !quoted && c.eq_ignore_ascii_case(name));
                exact.or_else(alike).cloned()
            }
            Kind::Opaque => None,
        }
    }

    fn columns(&self) -> Option<Vec<String>> {
        match &self.kind {
            Kind::Table(table) => {
                Some(table.key.iter().chain(&table.columns).map(|c| c.name.clone()).collect())
            }
            Kind::Columns(columns) => Some(columns.clone()),
            Kind::Opaque => None,
        }
    }
}

/// Words that are values, not columns, to DataFusion's planner.
fn is_keyword_value(ident: &ast::Ident) -> bool {
    const WORDS: [&str; 9] = [
        "current_date",
        "current_time",
        "current_timestamp",
        "localtimestamp",
        "current_user",
        "session_user",
        "user",
        "current_catalog",
        "current_schema",
    ];
    ident.quote_style.is_none() && WORDS.iter().any(|w| w.eq_ignore_ascii_case(&ident.value))
}

/// aql's `INT('5')` as the cast that it is.
fn aql_cast(e: &ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::Function(function) = e else { return None };
    let ([ast::ObjectNamePart::Identifier(name)], ast::FunctionArguments::List(list)) =
        (&function.name.0[..], &function.args)
    else {
        return None;
    };
    let [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(inner))] = &list.args[..] else {
        return None;
    };
    let data_type = match crate::expr::aql_cast(&name.value.to_ascii_lowercase())? {
        ColumnType::Int8 => ast::DataType::BigInt(None),
        ColumnType::Float8 => ast::DataType::DoublePrecision,
        ColumnType::Bool => ast::DataType::Boolean,
        ColumnType::Text => ast::DataType::Text,
        ColumnType::Jsonb => ast::DataType::JSONB,
        _ => return None,
    };
    Some(ast::Expr::Cast {
        kind: ast::CastKind::Cast,
        expr: Box::new(inner.clone()),
        data_type,
        array: false,
        format: None,
    })
}

fn no_entry(name: &str) -> SqlError {
    SqlError::new("42P01", format!("missing FROM-clause entry for table \"{name}\""))
        .hint("a table with an alias is known by its alias alone")
}

fn same(ident: &ast::Ident, name: &str) -> bool {
    match ident.quote_style {
        Some(_) => ident.value == name,
        None => ident.value.eq_ignore_ascii_case(name),
    }
}

fn set(ident: &mut ast::Ident, value: String) {
    ident.value = value;
    quote(ident);
}

fn quote(ident: &mut ast::Ident) {
    ident.quote_style = Some('"');
}

fn quoted_name<'n>(parts: impl IntoIterator<Item = &'n str>) -> ast::ObjectName {
    let idents: Vec<ast::Ident> =
        parts.into_iter().map(|part| ast::Ident::with_quote('"', part)).collect();
    ast::ObjectName::from(idents)
}

/// The column names that an alias lists.
fn column_list(alias: &mut ast::TableAlias) -> Option<Vec<String>> {
    alias.columns.iter_mut().for_each(|c| quote(&mut c.name));
    let names: Vec<String> = alias.columns.iter().map(|c| c.name.value.clone()).collect();
    (!names.is_empty()).then_some(names)
}
