//! `CREATE TABLE t (LIKE other ..)`: columns and what belongs to them from a table that is there.

use model::{Column, Notes};

use super::Context;
use crate::parse::Like;
use crate::resolve;
use crate::{SqlError, SqlResult};

/// What a LIKE gives.
pub(super) struct Alike {
    /// The columns, in their order.
    pub(super) columns: Vec<Column>,
    /// Names of the key's columns, where the key comes too.
    pub(super) key: Vec<String>,
    /// Checks and comments, where they come too.
    pub(super) notes: Notes,
}

impl Context<'_> {
    pub(super) fn alike(&self, like: &Like) -> SqlResult<Alike> {
        if let Some(view) = resolve::view(&like.name, self.scope)? {
            return Ok(Alike {
                columns: view.columns.clone(),
                key: Vec::new(),
                notes: Notes::default(),
            });
        }
        let table = resolve::table(&like.name, self.scope, self.places)?;
        if !table.declared {
            let message = format!("set \"{}\" is not declared", table.name);
            return Err(self.at(
                SqlError::new("42809", message).hint("CREATE TABLE declares its columns"),
                &like.name,
            ));
        }
        let mut columns: Vec<Column> = table.key.iter().chain(&table.columns).cloned().collect();
        if !like.defaults {
            columns.iter_mut().for_each(|column| column.default = None);
        }
        let said = self.scope.catalog.objects(&table.namespace).notes.get(&table.name);
        let mut notes = said.map_or_else(Notes::default, |notes| (**notes).clone());
        if !like.constraints {
            notes.checks.clear();
        }
        if !like.comments {
            notes.comments.clear();
        }
        // The comment on the table itself stays with the table.
        notes.comments.remove("");
        let key = table.key.iter().filter(|_| like.key).map(|column| column.name.clone());
        Ok(Alike { columns, key: key.collect(), notes })
    }
}
