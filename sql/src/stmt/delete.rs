//! DELETE.

use sqlparser::ast;

use super::joined::Joined;
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
        let plain = delete.tables.is_empty() && delete.output.is_none();
        let named = match &from[..] {
            [one] if plain && one.joins.is_empty() => plain_table(&one.relation),
            _ => None,
        };
        let Some((name, alias)) = named else {
            return Err(SqlError::unsupported("DELETE from a join is not supported")
                .hint("DELETE FROM t USING other WHERE .. joins them"));
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
        let using = delete.using.as_deref().unwrap_or_default();
        let alone = using.is_empty() && options.with.is_none();
        let items = delete.returning.as_ref();
        let returning = match alone {
            true => self.outputs_of(&c, items),
            false => Err(Unfit::NotOurs),
        };
        let target = match (alone, &returning) {
            (true, Ok(_)) => self.target(&c, &table, selection.as_ref()),
            _ => Err(Unfit::NotOurs),
        };
        let by_query = match &returning {
            Ok(_) => &[],
            Err(_) => items.map(Vec::as_slice).unwrap_or_default(),
        };
        let (target, returned) = match target {
            Ok(target) => (target, Vec::new()),
            Err(Unfit::Wrong(error)) => return Err(error),
            Err(Unfit::NotOurs) => self.joined(Joined {
                name,
                alias,
                table: &table,
                with: options.with.as_ref(),
                from: using,
                values: &[],
                selection,
                returning: by_query,
            })?,
        };
        let returning = match returning {
            Err(Unfit::Wrong(error)) => return Err(error),
            returning => returning.unwrap_or_default(),
        };
        let params = self.params_of(&c, &target);
        Ok((Plan::Delete(Delete { table: table.clone(), target, returning, returned }), params))
    }
}
