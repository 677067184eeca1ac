//! INSERT, UPSERT, REPLACE.

use std::sync::Arc;

use model::{Column, ColumnType, Table, limits};
use sqlparser::ast;

use super::{Context, Params, ours};
use crate::expr::compile::Compiled;
use crate::expr::{Compiler, Expr, Unfit};
use crate::parse::{self, InsertMode, Options};
use crate::plan::{Assignment, Insert, InsertSource, OnConflict, Plan};
use crate::{SqlError, SqlResult};
use crate::{resolve, rewrite};

impl Context<'_> {
    pub(super) fn insert(
        &self,
        insert: &ast::Insert,
        mode: InsertMode,
        options: &Options,
    ) -> SqlResult<(Plan, Params)> {
        refuse_foreign(insert)?;
        let ast::TableObject::TableName(name) = &insert.table else {
            return Err(SqlError::unsupported("INSERT INTO a function or query is not supported")
                .hint("INSERT INTO namespace.set (PK, ..) VALUES (..)"));
        };
        if options.generation.is_some() {
            return Err(SqlError::unsupported("INSERT WITH (generation = ..) is not supported")
                .hint("UPDATE .. WHERE PK = .. AND GEN = .. is a compare-and-set"));
        }
        let table = resolve::table_or_new(name, self.scope, self.places)?;
        let mut columns = self.target_columns(insert, &table)?;
        if !columns.iter().any(|c| table.key.iter().any(|k| k.name == c.name)) {
            // Without a key nothing can be put into a set that is not there.
            resolve::table(name, self.scope, self.places)?;
        }
        let mut c = self.compiler(None);
        c.draws = Some(self.scope.namespace);
        let given = columns.len();
        if let Some(query) = insert.source.as_ref().filter(|_| !options.overriding) {
            self.check_identity(&table, &columns, plain_values(query))?;
        }
        let defaults = self.defaults(&table, &mut columns)?;
        let source = self.source(&c, insert, &table, &mut columns, given, defaults)?;
        let known = seen(&table, &columns);
        let mut c = c.of_table(&known);
        c.alias = insert.table_alias.as_ref().map(|a| a.alias.value.as_str());
        let on_conflict = self.on_conflict(&mut c, insert, mode, &known)?;
        let ttl = self.ttl(&c, options.ttl.as_ref())?;
        let returning = self.returning(&c, insert.returning.as_ref())?;
        let params = match source {
            InsertSource::Values(_) => c.params(),
            InsertSource::Query { .. } | InsertSource::Copied { .. } => self.scope.params.to_vec(),
        };
        let checks = self.checks(&table)?;
        let plan = Insert { table, columns, source, on_conflict, ttl, checks, returning };
        Ok((Plan::Insert(plan), params))
    }

    /// The columns that the statement names, or all.
    fn target_columns(&self, insert: &ast::Insert, table: &Table) -> SqlResult<Vec<Column>> {
        if insert.columns.is_empty() {
            if table.columns.is_empty() && !table.declared && insert.source.is_some() {
                return Err(SqlError::syntax(format!(
                    "the bins of \"{}\" are not known",
                    table.name
                ))
                .hint("name the columns: INSERT INTO set (PK, bin, ..) VALUES (..)"));
            }
            let all = insert.source.is_some();
            let columns = table.key.iter().chain(&table.columns).filter(|_| all);
            return Ok(columns.cloned().collect());
        }
        let mut columns: Vec<Column> = Vec::with_capacity(insert.columns.len());
        for name in &insert.columns {
            let column = self.target_column(name, table)?;
            if columns.iter().any(|c| c.name == column.name) {
                let message = format!("column \"{}\" specified more than once", column.name);
                return Err(self.at(SqlError::new("42701", message), name));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    fn target_column(&self, name: &ast::ObjectName, table: &Table) -> SqlResult<Column> {
        let Some(ast::ObjectNamePart::Identifier(ident)) = name.0.last() else {
            return Err(self.at(SqlError::syntax("a column name is an identifier"), name));
        };
        self.column(ident, table)
    }

    /// A column to write: of an undeclared set any bin.
    pub(super) fn column(&self, ident: &ast::Ident, table: &Table) -> SqlResult<Column> {
        let name = &ident.value;
        if let Some(column) = table.resolve(name, ident.quote_style.is_some()) {
            return Ok(column.clone());
        }
        if let ([only], true) = (&table.key[..], name.eq_ignore_ascii_case("PK")) {
            return Ok(only.clone());
        }
        let place = |error| Err(self.places.mark(error, ident.span));
        if let Some((_, pseudo, _)) = crate::expr::Pseudo::named(name) {
            let error = SqlError::unsupported(format!("column \"{pseudo}\" cannot be written"));
            let hint = match pseudo {
                "TTL" => "say WITH (ttl = '30d') at the end of the statement",
                _ => "the store keeps it by itself",
            };
            return place(error.hint(hint));
        }
        if table.declared {
            let error = resolve::no_column(table, name);
            let message =
                format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
            return place(SqlError { message, ..error });
        }
        if let Err(error) = limits::check_bin(name) {
            let sqlstate = if name.len() > limits::BIN_NAME_MAX { "42622" } else { "42602" };
            return place(SqlError::new(sqlstate, error.detail).hint("choose another bin name"));
        }
        Ok(Column {
            name: name.clone(),
            column_type: ColumnType::Text,
            not_null: false,
            default: None,
        })
    }

    /// Adds every column that has a default and is not named, and gives its value.
    fn defaults(&self, table: &Table, columns: &mut Vec<Column>) -> SqlResult<Vec<Expr>> {
        let mut values = Vec::new();
        for column in table.key.iter().chain(&table.columns) {
            if column.default.is_none() || columns.iter().any(|c| c.name == column.name) {
                continue;
            }
            values.push(self.default(table, column)?);
            columns.push(column.clone());
        }
        Ok(values)
    }

    /// A number that is given for a column that is GENERATED ALWAYS: 428C9.
    fn check_identity(
        &self,
        table: &Table,
        columns: &[Column],
        values: Option<&ast::Values>,
    ) -> SqlResult<()> {
        for (i, column) in columns.iter().enumerate() {
            let default =
                |row: &ast::Parens<Vec<ast::Expr>>| row.content.get(i).is_none_or(is_default);
            let given = values.is_none_or(|values| !values.rows.iter().all(default));
            if given && self.identity(table, &column.name) == Some(true) {
                let name = &column.name;
                let message = format!("cannot insert a non-DEFAULT value into column \"{name}\"");
                let detail =
                    format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS.");
                return Err(SqlError::new("428C9", message)
                    .detail(detail)
                    .hint("Use OVERRIDING SYSTEM VALUE to override."));
            }
        }
        Ok(())
    }

    /// The value of DEFAULT for a column.
    pub(super) fn default(&self, table: &Table, column: &Column) -> SqlResult<Expr> {
        let Some(text) = &column.default else {
            return Ok(Expr::constant(None, column.column_type));
        };
        let e = parse::expression(text)?;
        let mut c = Compiler::new(self.places, &[], None);
        c.draws = Some(&table.namespace);
        ours(c.assigned(&e, column, false), &format!("the default of column \"{}\"", column.name))
    }

    fn source(
        &self,
        c: &Compiler,
        insert: &ast::Insert,
        table: &Table,
        columns: &mut [Column],
        given: usize,
        defaults: Vec<Expr>,
    ) -> SqlResult<InsertSource> {
        let Some(query) = &insert.source else {
            return Ok(InsertSource::Values(vec![defaults]));
        };
        if let Some(values) = plain_values(query) {
            let explicit = !insert.columns.is_empty();
            match self.rows(c, values, table, columns, (given, explicit), &defaults) {
                Ok(rows) => return Ok(InsertSource::Values(rows)),
                Err(Unfit::Wrong(error)) => return Err(error),
                Err(Unfit::NotOurs) => {}
            }
        }
        if let ast::SetExpr::Select(select) = &*query.body {
            let star = |i: &ast::SelectItem| {
                !matches!(
                    i,
                    ast::SelectItem::UnnamedExpr(_) | ast::SelectItem::ExprWithAlias { .. }
                )
            };
            if !select.projection.iter().any(star) {
                check_count(select.projection.len(), given, !insert.columns.is_empty())?;
            }
        }
        if !table.declared {
            // A bin takes whatever the query gives.
            columns.iter_mut().for_each(|column| column.column_type = ColumnType::Jsonb);
        }
        let mut query = query.clone();
        let whole = rewrite::prepare_noting(&mut query, self.scope, self.places)?.table(table);
        Ok(InsertSource::Query { query, defaults, whole })
    }

    fn rows(
        &self,
        c: &Compiler,
        values: &ast::Values,
        table: &Table,
        columns: &mut [Column],
        (given, explicit): (usize, bool),
        defaults: &[Expr],
    ) -> Compiled<Vec<Vec<Expr>>> {
        let mut rows = Vec::with_capacity(values.rows.len());
        for values in &values.rows {
            check_count(values.content.len(), given, explicit).map_err(|e| {
                match values.content.first() {
                    Some(first) => self.at(e, first),
                    None => e,
                }
            })?;
            let mut row = Vec::with_capacity(columns.len());
            for (i, column) in columns[..given].iter().enumerate() {
                row.push(match values.content.get(i) {
                    Some(e) if !is_default(e) => c.assigned(e, column, !table.declared)?,
                    _ => self.default(table, column)?,
                });
            }
            row.extend(defaults.iter().cloned());
            rows.push(row);
        }
        if !table.declared {
            settle_types(&rows, &mut columns[..given]);
        }
        Ok(rows)
    }

    fn on_conflict(
        &self,
        c: &mut Compiler,
        insert: &ast::Insert,
        mode: InsertMode,
        table: &Arc<Table>,
    ) -> SqlResult<OnConflict> {
        let clause = match &insert.on {
            None => None,
            Some(ast::OnInsert::OnConflict(clause)) => Some(clause),
            Some(_) => {
                return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE is not supported")
                    .hint("ON CONFLICT DO UPDATE SET .. says the same"));
            }
        };
        let mode = if insert.replace_into { InsertMode::Replace } else { mode };
        let Some(clause) = clause else {
            return Ok(match mode {
                InsertMode::Insert => self.scope.insert.clone(),
                InsertMode::Upsert => OnConflict::Merge,
                InsertMode::Replace => OnConflict::Replace,
            });
        };
        if mode != InsertMode::Insert {
            return Err(SqlError::syntax("ON CONFLICT stands only with INSERT").hint(
                "UPSERT merges bins, REPLACE replaces the record, both without ON CONFLICT",
            ));
        }
        self.check_target(clause.conflict_target.as_ref(), table)?;
        let update = match &clause.action {
            ast::OnConflictAction::DoNothing => return Ok(OnConflict::Nothing),
            ast::OnConflictAction::DoUpdate(update) => update,
        };
        c.excluded = true;
        let assignments = self.assignments(c, table, &update.assignments)?;
        let assignments = assignments
            .into_iter()
            .map(|(column, e)| {
                let expr =
                    ours(self.new_value(c, table, &column, e), "this expression in DO UPDATE")?;
                Ok(Assignment { column: typed(column, &expr, table), expr })
            })
            .collect::<SqlResult<_>>()?;
        let filter = update.selection.as_ref().map(|e| c.condition(e)).transpose();
        let filter = ours(filter, "this condition in DO UPDATE")?;
        c.excluded = false;
        Ok(OnConflict::Update { assignments, filter })
    }

    /// ON CONFLICT is always about the primary key.
    fn check_target(&self, target: Option<&ast::ConflictTarget>, table: &Table) -> SqlResult<()> {
        let key = || table.key.iter().map(|k| k.name.as_str()).collect::<Vec<_>>().join(", ");
        match target {
            None => Ok(()),
            Some(ast::ConflictTarget::Columns(columns)) => {
                let is_key = |ident: &ast::Ident| {
                    self.column(ident, table)
                        .is_ok_and(|c| table.key.iter().any(|k| k.name == c.name))
                };
                if columns.len() == table.key.len() && columns.iter().all(is_key) {
                    return Ok(());
                }
                let message = "there is no unique or exclusion constraint matching the ON CONFLICT \
                               specification";
                let error = SqlError::new("42P10", message)
                    .hint(format!("the primary key is ({}); nothing else is unique", key()));
                Err(match columns.first() {
                    Some(first) => self.places.mark(error, first.span),
                    None => error,
                })
            }
            Some(ast::ConflictTarget::OnConstraint(name)) => {
                let wanted = format!("{}_pkey", table.name);
                let last = name.0.last().map(ToString::to_string).unwrap_or_default();
                if last.trim_matches('"').eq_ignore_ascii_case(&wanted) {
                    return Ok(());
                }
                let message =
                    format!("constraint \"{last}\" for table \"{}\" does not exist", table.name);
                Err(self
                    .at(SqlError::new("42704", message).hint(format!("there is {wanted}")), name))
            }
        }
    }

    /// The pairs of SET, columns resolved.
    pub(super) fn assignments<'e>(
        &self,
        c: &Compiler,
        table: &Table,
        assignments: &'e [ast::Assignment],
    ) -> SqlResult<Vec<(Column, &'e ast::Expr)>> {
        let mut found: Vec<(Column, &ast::Expr)> = Vec::with_capacity(assignments.len());
        let mut add = |name: &ast::ObjectName, value: &'e ast::Expr| {
            let column = match &name.0[..] {
                [ast::ObjectNamePart::Identifier(ident)] => self.column(ident, table)?,
                [ast::ObjectNamePart::Identifier(of), ast::ObjectNamePart::Identifier(ident)]
                    if of.value.eq_ignore_ascii_case(c.alias.unwrap_or(&table.name)) =>
                {
                    self.column(ident, table)?
                }
                _ => return Err(self.at(resolve::no_column(table, &name.to_string()), name)),
            };
            if table.key.iter().any(|k| k.name == column.name) {
                let message = format!("key column \"{}\" cannot be changed", column.name);
                let error = SqlError::unsupported(message)
                    .hint("INSERT the row under its new key and DELETE the old one");
                return Err(self.at(error, name));
            }
            if found.iter().any(|(c, _)| c.name == column.name) {
                let message = format!("multiple assignments to same column \"{}\"", column.name);
                return Err(self.at(SqlError::new("42601", message), name));
            }
            found.push((column, value));
            Ok(())
        };
        for assignment in assignments {
            match (&assignment.target, &assignment.value) {
                (ast::AssignmentTarget::ColumnName(name), value) => add(name, value)?,
                (ast::AssignmentTarget::Tuple(names), ast::Expr::Nested(value))
                    if names.len() == 1 =>
                {
                    add(&names[0], value)?;
                }
                (ast::AssignmentTarget::Tuple(names), ast::Expr::Tuple(values))
                    if names.len() == values.len() =>
                {
                    names.iter().zip(values).try_for_each(|(n, v)| add(n, v))?;
                }
                _ => {
                    return Err(SqlError::unsupported(
                        "SET (..) takes as many values in parentheses",
                    )
                    .hint("SET a = 1, b = 2"));
                }
            }
        }
        Ok(found)
    }

    /// The value of one assignment.
    pub(super) fn new_value(
        &self,
        c: &Compiler,
        table: &Table,
        column: &Column,
        e: &ast::Expr,
    ) -> Compiled<Expr> {
        match is_default(e) {
            true => match self.default(table, column)? {
                drawn if drawn.draws() => Err(Unfit::NotOurs),
                expr => Ok(expr),
            },
            false => c.assigned(e, column, !table.declared),
        }
    }
}

/// A column of an undeclared set has the type of what is written to it.
pub(super) fn typed(mut column: Column, expr: &Expr, table: &Table) -> Column {
    if !table.declared {
        column.column_type = expr.column_type();
    }
    column
}

/// The table as it will be known after this statement has written to it.
fn seen(table: &Arc<Table>, columns: &[Column]) -> Arc<Table> {
    if table.declared {
        return table.clone();
    }
    let mut seen = Table::clone(table);
    for column in columns {
        let known = seen.key.iter_mut().chain(&mut seen.columns).find(|c| c.name == column.name);
        match known {
            None => seen.columns.push(column.clone()),
            Some(known) if known.column_type != column.column_type => {
                known.column_type = ColumnType::Jsonb;
            }
            Some(_) => {}
        }
    }
    if let (true, [key]) = (table.oid == 0, &mut seen.key[..]) {
        let given = columns.iter().find(|c| c.name == key.name);
        key.column_type = given.map_or(key.column_type, |c| c.column_type);
    }
    Arc::new(seen)
}

/// The type of each column is that of its values, jsonb where they differ.
fn settle_types(rows: &[Vec<Expr>], columns: &mut [Column]) {
    for (i, column) in columns.iter_mut().enumerate() {
        let null = |e: &&Expr| matches!(e.as_const(), Some(None));
        let mut types = rows.iter().filter_map(|r| r.get(i)).filter(|e| !null(e));
        let Some(first) = types.next().map(Expr::column_type) else { continue };
        let same = types.all(|e| e.column_type() == first);
        column.column_type = if same { first } else { ColumnType::Jsonb };
    }
}

fn refuse_foreign(insert: &ast::Insert) -> SqlResult<()> {
    let foreign = insert.or.is_some()
        || insert.ignore
        || insert.overwrite
        || !insert.assignments.is_empty()
        || insert.partitioned.is_some()
        || !insert.after_columns.is_empty()
        || insert.priority.is_some()
        || insert.insert_alias.is_some()
        || insert.output.is_some();
    match foreign {
        true => Err(SqlError::unsupported("this form of INSERT is not supported")
            .hint("INSERT INTO ns.set (PK, ..) VALUES (..) [ON CONFLICT ..] [RETURNING ..]")),
        false => Ok(()),
    }
}

/// VALUES and nothing else.
fn plain_values(query: &ast::Query) -> Option<&ast::Values> {
    let plain = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    match (&*query.body, plain) {
        (ast::SetExpr::Values(values), true) => Some(values),
        _ => None,
    }
}

pub(super) fn is_default(e: &ast::Expr) -> bool {
    matches!(e, ast::Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("default"))
}

fn check_count(values: usize, columns: usize, explicit: bool) -> SqlResult<()> {
    if values > columns {
        let error = SqlError::syntax("INSERT has more expressions than target columns");
        return Err(error.detail(format!("There are {values} values for {columns} columns.")));
    }
    if explicit && values < columns {
        let error = SqlError::syntax("INSERT has more target columns than expressions");
        return Err(error.detail(format!("There are {values} values for {columns} columns.")));
    }
    Ok(())
}
