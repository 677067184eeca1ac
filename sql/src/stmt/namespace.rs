//! CREATE, ALTER and DROP NAMESPACE, ALTER TABLE .. SET, SET CONFIG.

use sqlparser::ast;

use super::Context;
use crate::plan::Plan;
use crate::{SqlError, SqlResult, front, resolve};

/// Settings and their values as the configuration file spells them.
type Settings = [(String, String)];

impl Context<'_> {
    pub(super) fn create_namespace(
        &self,
        name: &ast::Ident,
        settings: &Settings,
        if_not_exists: bool,
        word: &str,
    ) -> SqlResult<Plan> {
        if let Some(error) = front::reserved(&name.value) {
            return Err(self.places.mark(error, name.span));
        }
        let tag = if word == "SCHEMA" { "CREATE SCHEMA" } else { "CREATE NAMESPACE" };
        let (name, settings) = (name.value.clone(), settings.to_vec());
        Ok(Plan::CreateNamespace { name, settings, if_not_exists, tag })
    }

    pub(super) fn drop_namespace(
        &self,
        names: &[ast::Ident],
        if_exists: bool,
        cascade: bool,
        word: &str,
    ) -> SqlResult<Plan> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            // Elsewhere `public` stands for the session's namespace; nobody means to drop that.
            if name.value.eq_ignore_ascii_case("public")
                && self.scope.catalog.resolve(&name.value, true).is_none()
            {
                if if_exists {
                    continue;
                }
                let error = SqlError::new("3F000", "namespace \"public\" does not exist")
                    .hint("give the namespace's own name; SHOW NAMESPACES lists them");
                return Err(self.places.mark(error, name.span));
            }
            match self.namespace_of(Some(name)) {
                Err(error) if if_exists && error.sqlstate == "3F000" => {}
                named => found.extend(named?),
            }
        }
        found.dedup();
        let tag = if word == "SCHEMA" { "DROP SCHEMA" } else { "DROP NAMESPACE" };
        Ok(Plan::DropNamespace { names: found, cascade, tag })
    }

    pub(super) fn alter_namespace(
        &self,
        name: &ast::Ident,
        settings: &Settings,
        tag: &'static str,
    ) -> SqlResult<Plan> {
        let name = self.namespace_of(Some(name))?;
        Ok(Plan::AlterNamespace { name, set: None, settings: settings.to_vec(), tag })
    }

    pub(super) fn alter_table(
        &self,
        name: &ast::ObjectName,
        if_exists: bool,
        settings: &Settings,
    ) -> SqlResult<Plan> {
        let (settings, tag) = (settings.to_vec(), "ALTER TABLE");
        match resolve::table(name, self.scope, self.places) {
            Err(error) if if_exists && error.sqlstate == "42P01" => {
                Ok(Plan::AlterNamespace { name: None, set: None, settings, tag })
            }
            table => {
                let table = table?;
                let (name, set) = (Some(table.namespace.clone()), Some(table.name.clone()));
                Ok(Plan::AlterNamespace { name, set, settings, tag })
            }
        }
    }

    pub(super) fn set_config(
        &self,
        name: &str,
        value: &str,
        namespace: Option<&ast::Ident>,
    ) -> SqlResult<Plan> {
        let (name, value) = (name.to_string(), value.to_string());
        match namespace {
            Some(ident) => self.alter_namespace(ident, &[(name, value)], "SET CONFIG"),
            None => Ok(Plan::SetConfig { name, value }),
        }
    }

    /// The namespace that is named, if one is.
    pub(super) fn namespace_of(&self, name: Option<&ast::Ident>) -> SqlResult<Option<String>> {
        let Some(ident) = name else { return Ok(None) };
        let (name, _) = resolve::namespace(Some(ident), self.scope, self.places)?;
        Ok(Some(name.to_string()))
    }
}
