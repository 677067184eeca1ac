//! Planning, one file a statement.

mod alter;
mod aql;
mod by_index;
mod check;
mod comment;
mod copy;
mod ddl;
mod delete;
mod index;
mod insert;
mod joined;
pub(crate) mod keys;
mod like;
mod namespace;
mod select;
mod sequence;
mod show;
mod update;
mod view;

use std::sync::Arc;

use model::{ColumnType, Table};
use sqlparser::ast::{self, Spanned};

use crate::expr::{Compiler, Expr, Unfit};
use crate::parse::{Places, Statement};
use crate::plan::{Output, Plan, Planned, Session};
use crate::resolve;
use crate::rewrite;
use crate::{Parsed, Scope, SqlError, SqlResult};

pub(crate) use select::output_name;

/// Types of parameters, as far as a plan knows them.
type Params = Vec<Option<ColumnType>>;

/// Plans one statement.
pub(crate) fn plan(parsed: &Parsed, scope: &Scope) -> SqlResult<Planned> {
    let context = Context { scope, places: &parsed.places };
    let (plan, params) = parsed.nesting.run(|| context.statement(&parsed.statement))?;
    Ok(Planned { plan, params, catalog_version: scope.catalog.version })
}

/// What planning needs at hand.
#[derive(Clone, Copy)]
struct Context<'a> {
    scope: &'a Scope<'a>,
    places: &'a Places,
}

impl Context<'_> {
    fn statement(&self, statement: &Statement) -> SqlResult<(Plan, Params)> {
        let alone = |plan| Ok((plan, Vec::new()));
        match statement {
            Statement::Query(query) => self.select(query),
            Statement::Insert(insert, mode, options) => self.insert(insert, *mode, options),
            Statement::Update(update, options) => self.update(update, options),
            Statement::Delete(delete, options) => self.delete(delete, options),
            Statement::Copy(copy) => self.copy(copy),
            Statement::CreateTable(table, likes) => alone(self.create_table(table, likes)?),
            Statement::CreateTableAs(create) => self.create_table_as(create),
            Statement::CreateView(view) => alone(self.create_view(view)?),
            Statement::DropTable { names, if_exists, cascade } => {
                let (tables, missing) = self.dropped(names, *if_exists)?;
                alone(Plan::DropTable { tables, missing, cascade: *cascade })
            }
            Statement::Comment { kind, name, text } => {
                alone(self.comment(kind, name, text.as_deref())?)
            }
            Statement::CreateSequence(create) => alone(self.create_sequence(create)?),
            Statement::CreateIndex(create) => alone(self.create_index(create)?),
            Statement::DropIndex(drop) => alone(self.drop_indexes(drop)?),
            Statement::ShowIndexes(of) => alone(self.show_indexes(of.as_ref())?),
            Statement::StatIndex { namespace, name } => {
                let (namespace, _) = resolve::namespace(Some(namespace), self.scope, self.places)?;
                alone(Plan::StatIndex { namespace: namespace.to_string(), name: name.clone() })
            }
            Statement::AlterSequence { name, restart } => {
                let sequence = self.sequence(name)?;
                alone(Plan::RestartSequences { sequences: vec![(sequence, *restart)] })
            }
            Statement::DropSequence { names, if_exists } => {
                let (sequences, missing) = self.sequences(names, *if_exists)?;
                alone(Plan::DropSequence { sequences, missing })
            }
            Statement::DropView { names, if_exists, cascade } => {
                let (views, missing) = self.views(names, *if_exists)?;
                alone(Plan::DropView { views, missing, cascade: *cascade })
            }
            Statement::Truncate { names, if_exists, before_lut_ms, restart_identity } => {
                let tables = self.tables_or_namespaces(names, *if_exists)?;
                let restart = match restart_identity {
                    true => tables.iter().flat_map(|table| self.owned_by(table)).collect(),
                    false => Vec::new(),
                };
                alone(Plan::Truncate { tables, before_lut_ms: *before_lut_ms, restart })
            }
            Statement::CreateNamespace { name, settings, if_not_exists, word } => {
                alone(self.create_namespace(name, settings, *if_not_exists, word)?)
            }
            Statement::DropNamespace { names, if_exists, cascade, word } => {
                alone(self.drop_namespace(names, *if_exists, *cascade, word)?)
            }
            Statement::AlterNamespace { name, settings } => {
                alone(self.alter_namespace(name, settings, "ALTER NAMESPACE")?)
            }
            Statement::AlterColumns(alter) => alone(self.alter_columns(alter)?),
            Statement::AlterTable { name, if_exists, settings } => {
                alone(self.alter_table(name, *if_exists, settings)?)
            }
            Statement::SetConfig { name, value, namespace } => {
                alone(self.set_config(name, value, namespace.as_ref())?)
            }
            Statement::ShowConfig { like, namespace } => {
                let namespace = self.namespace_of(namespace.as_ref())?;
                alone(Plan::ShowConfig { like: like.clone(), namespace })
            }
            Statement::ShowStats(namespace) => {
                alone(Plan::ShowStats(self.namespace_of(namespace.as_ref())?))
            }
            Statement::ShowLatencies(namespace) => {
                alone(Plan::ShowLatencies(self.namespace_of(namespace.as_ref())?))
            }
            Statement::ShowNamespaces => alone(Plan::ShowNamespaces),
            Statement::ShowSets(namespace) => alone(self.show_sets(namespace.as_ref())?),
            Statement::ShowBins(name) => alone(self.show_bins(name.as_ref())?),
            Statement::Operate(operate) => self.operate(operate),
            Statement::Call(call) => self.call(call),
            Statement::RegisterModule { file, source } => {
                alone(Plan::RegisterModule { file: file.clone(), source: source.clone() })
            }
            Statement::RemoveModule(file) => alone(Plan::RemoveModule(file.clone())),
            Statement::DescModule(file) => alone(Plan::DescModule(file.clone())),
            Statement::ShowModules => alone(Plan::ShowModules),
            Statement::Info(request) => alone(Plan::Info(request.clone())),
            Statement::Explain { analyze, json, statement } => {
                let (plan, params) = self.statement(statement)?;
                let (analyze, json) = (*analyze, *json);
                Ok((Plan::Explain { analyze, json, plan: Box::new(plan) }, params))
            }
            Statement::Session(Session::Declare { name, hold, query }) => {
                let mut query = query.clone();
                rewrite::prepare(&mut query, self.scope, self.places)?;
                let declare = Session::Declare { name: name.clone(), hold: *hold, query };
                Ok((Plan::Session(declare), self.scope.params.to_vec()))
            }
            Statement::Session(session) => alone(Plan::Session(session.clone())),
        }
    }

    fn compiler<'c>(&'c self, table: Option<&'c Arc<Table>>) -> Compiler<'c> {
        Compiler::new(self.places, self.scope.params, table)
    }

    /// A query for DataFusion.
    fn query(&self, query: &ast::Query) -> SqlResult<Box<ast::Query>> {
        let mut query = Box::new(query.clone());
        rewrite::prepare(&mut query, self.scope, self.places)?;
        Ok(query)
    }

    /// An error at the place of this syntax.
    fn at(&self, error: SqlError, syntax: &impl Spanned) -> SqlError {
        self.places.mark(error, syntax.span())
    }

    /// The columns of RETURNING.
    fn returning(
        &self,
        c: &Compiler,
        items: Option<&Vec<ast::SelectItem>>,
    ) -> SqlResult<Vec<Output>> {
        let Some(items) = items else { return Ok(Vec::new()) };
        ours(self.outputs(c, items), "this expression in RETURNING")
    }

    /// `WITH (ttl = ..)`.
    fn ttl(&self, c: &Compiler, ttl: Option<&ast::Expr>) -> SqlResult<Option<Expr>> {
        ttl.map(|e| ours(c.integer(e), "this expression as a time to live")).transpose()
    }
}

/// Where only our own evaluator can do it, what it cannot is an error.
fn ours<T>(compiled: Result<T, Unfit>, what: &str) -> SqlResult<T> {
    compiled.map_err(|unfit| match unfit {
        Unfit::Wrong(error) => error,
        Unfit::NotOurs => SqlError::unsupported(format!("{what} is not supported"))
            .hint("use columns, constants and simple functions here"),
    })
}

/// The table that a FROM item names, with its alias.
fn plain_table(factor: &ast::TableFactor) -> Option<(&ast::ObjectName, Option<&ast::TableAlias>)> {
    match factor {
        ast::TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
            let columns = alias.as_ref().is_some_and(|a| !a.columns.is_empty());
            (!columns).then_some((name, alias.as_ref()))
        }
        _ => None,
    }
}
