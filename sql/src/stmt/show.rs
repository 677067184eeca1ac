//! SHOW SETS, SHOW BINS.

use sqlparser::ast;

use super::Context;
use crate::SqlResult;
use crate::plan::Plan;
use crate::resolve::{self, TableName};

impl Context<'_> {
    pub(super) fn show_sets(&self, namespace: Option<&ast::Ident>) -> SqlResult<Plan> {
        Ok(Plan::ShowSets(self.namespace_of(namespace)?))
    }

    /// Of `ns`, of `ns.set`, or of a set of the default namespace.
    pub(super) fn show_bins(&self, name: Option<&ast::ObjectName>) -> SqlResult<Plan> {
        let Some(name) = name else {
            return Ok(Plan::ShowBins { namespace: None, set: None });
        };
        let parts = TableName::of(name).map_err(|e| self.at(e, name))?;
        let quoted = parts.table.quote_style.is_some();
        let whole = self.scope.catalog.resolve(&parts.table.value, quoted);
        if let (None, Some((namespace, _))) = (parts.namespace, whole) {
            return Ok(Plan::ShowBins { namespace: Some(namespace.to_string()), set: None });
        }
        let table = resolve::table(name, self.scope, self.places)?;
        let (namespace, set) = (table.namespace.clone(), table.name.clone());
        Ok(Plan::ShowBins { namespace: Some(namespace), set: Some(set) })
    }
}
