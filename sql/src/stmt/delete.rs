//! DELETE.

use sqlparser::ast;

use super::update::with_generation;
use super::{Context, Params, plain_table};
use crate::expr::Unfit;
use crate::parse::Options;
use crate::plan::{Delete, Plan};
use crate::resolve;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn delete(
        &self,
        delete: &ast::Delete,
        options: &Options,
    ) -> SqlResult<(Plan, Params)> {
        let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) =
            &delete.from;
        let plain = delete.tables.is_empty() && delete.using.is_none() && delete.output.is_none();
        let named = match &from[..] {
            [one] if plain && one.joins.is_empty() => plain_table(&one.relation),
            _ => None,
        };
        let Some((name, alias)) = named else {
            return Err(SqlError::unsupported("DELETE with USING or a join is not supported")
                .hint("use a subquery: DELETE FROM t WHERE id IN (SELECT ..)"));
        };
        if !delete.order_by.is_empty() || delete.limit.is_some() {
            return Err(SqlError::unsupported("DELETE with ORDER BY or LIMIT is not supported")
                .hint("name the rows: WHERE id IN (SELECT id FROM .. ORDER BY .. LIMIT ..)"));
        }
        if options.ttl.is_some() {
            return Err(SqlError::new("22023", "a DELETE has no time to live")
                .hint("leave WITH (ttl = ..) out"));
        }
        let table = resolve::table(name, self.scope, self.places)?;
        let alias = alias.map(|a| a.name.value.as_str());
        let mut c = self.compiler(Some(&table));
        c.alias = alias;
        let selection = with_generation(delete.selection.as_ref(), options.generation.as_ref());
        let target = match self.target(&c, &table, selection.as_ref()) {
            Ok(target) => target,
            Err(Unfit::Wrong(error)) => return Err(error),
            Err(Unfit::NotOurs) => {
                self.target_query(name, alias, std::iter::empty(), selection.as_ref())?
            }
        };
        let returning = self.returning(&c, delete.returning.as_ref())?;
        let params = self.params_of(&c, &target);
        Ok((Plan::Delete(Delete { table: table.clone(), target, returning }), params))
    }
}
