//! `\d`, `\dt`, `\dn` and `\l`: asks the catalogue, then shows the answer as a result.

use crate::command::{Kinds, nearest};
use crate::describe::{self, Pattern};
use crate::session::Fetched;
use crate::shell::{Shell, Step, Stop};
use crate::wire::Column;

/// The type of the columns that are made here.
const TEXT: u32 = 25;

impl Shell {
    pub(crate) fn list_relations(&mut self, kinds: Kinds, pattern: Option<Pattern>) -> Step {
        let folded = pattern.as_ref().map(Pattern::folded);
        let mut found = self.fetch(&describe::relations(kinds, pattern.as_ref()))?;
        if found.rows.is_empty() && folded != pattern {
            found = self.fetch(&describe::relations(kinds, folded.as_ref()))?;
        }
        if found.rows.is_empty() {
            return match pattern {
                Some(pattern) => self.not_found(&pattern),
                None => self.print(match kinds {
                    Kinds::Views => "There are no views.\n",
                    Kinds::Indexes => "There are no indexes.\n",
                    _ => "There are no sets (tables) yet; CREATE TABLE or INSERT makes one.\n",
                }),
            };
        }
        for row in &mut found.rows {
            if let Some(Some(kind)) = row.get_mut(2) {
                *kind = describe::kind_name(kind).into();
            }
        }
        self.show_list(&found, "List of relations")
    }

    pub(crate) fn list_namespaces(&mut self, pattern: Option<Pattern>) -> Step {
        let found = self.fetch(&describe::namespaces(pattern.as_ref()))?;
        self.show_list(&found, "List of namespaces (schemas)")
    }

    pub(crate) fn list_functions(&mut self, pattern: Option<Pattern>) -> Step {
        let found = self.fetch(&describe::functions(pattern.as_ref()))?;
        self.show_list(&found, "List of functions")
    }

    pub(crate) fn list_roles(&mut self, pattern: Option<Pattern>) -> Step {
        let found = self.fetch(&describe::roles(pattern.as_ref()))?;
        self.show_list(&found, "List of roles")
    }

    pub(crate) fn list_databases(&mut self) -> Step {
        let found = self.fetch(describe::databases())?;
        self.show_list(&found, "List of databases")
    }

    fn show_list(&mut self, found: &Fetched, title: &str) -> Step {
        let held = self.interrupts.hold(true);
        let before = self.begin_paging();
        let step = self.show(found, Some(title.into())).and_then(|()| self.blank());
        self.end_paging(before);
        self.interrupts.hold(held);
        step
    }

    fn blank(&mut self) -> Step {
        if self.look.format.is_lined_up() { self.print("\n") } else { Ok(()) }
    }

    /// Columns and indexes of every relation that the pattern names, exactly or in lower case.
    pub(crate) fn describe(&mut self, pattern: &Pattern) -> Step {
        let mut found = self.fetch(&describe::find(pattern))?;
        if found.rows.is_empty() && pattern.folded() != *pattern {
            found = self.fetch(&describe::find(&pattern.folded()))?;
        }
        if found.rows.is_empty() {
            return self.not_found(pattern);
        }
        for row in &found.rows {
            if let [Some(oid), Some(schema), Some(name), Some(kind)] = &row[..] {
                let title =
                    format!("{} \"{schema}.{name}\"", capitalized(describe::kind_name(kind)));
                self.describe_one(oid.parse().unwrap_or(0), title)?;
            }
        }
        Ok(())
    }

    fn describe_one(&mut self, oid: u32, title: String) -> Step {
        let columns = self.fetch(&describe::columns(oid))?;
        let cell =
            |row: &[Option<String>], i: usize| row.get(i).cloned().flatten().unwrap_or_default();
        let names = ["Column", "Type", "Nullable"];
        let shown = Fetched {
            columns: names.map(|name| Column { name: name.into(), type_oid: TEXT }).to_vec(),
            rows: columns
                .rows
                .iter()
                .map(|row| described(&cell(row, 0), &cell(row, 1), &cell(row, 2)))
                .collect(),
        };
        let footer = std::mem::replace(&mut self.look.footer, false);
        let step = self.show(&shown, Some(title));
        self.look.footer = footer;
        step?;
        if !self.look.format.is_data() {
            let numbers: Vec<_> =
                columns.rows.iter().map(|row| (cell(row, 3), cell(row, 0))).collect();
            self.print_indexes(oid, &numbers)?;
        }
        self.blank()
    }

    fn print_indexes(&mut self, oid: u32, columns: &[(String, String)]) -> Step {
        let indexes = self.fetch(&describe::indexes(oid))?;
        let mut text = String::new();
        for row in &indexes.rows {
            if let [Some(name), primary, unique, Some(keys)] = &row[..] {
                let set = |flag: &Option<String>| flag.as_deref() == Some("t");
                text += &describe::index_line(name, set(primary), set(unique), keys, columns);
                text.push('\n');
            }
        }
        if text.is_empty() { Ok(()) } else { self.print(&format!("Indexes:\n{text}")) }
    }

    fn not_found(&mut self, pattern: &Pattern) -> Step {
        let mut hint = String::new();
        if !pattern.is_wild() {
            let all = self.fetch(&describe::all_relations())?;
            let names = all.rows.iter().filter_map(|row| row.get(1)?.as_deref());
            hint = nearest(pattern.name(), names)
                .map(|near| format!(" Did you mean \"{near}\"?"))
                .unwrap_or_default();
        }
        self.tell_error(&format!("There is no relation named \"{}\".{hint}\n", pattern.name()));
        Err(Stop::Failed)
    }
}

fn described(name: &str, kind: &str, not_null: &str) -> Vec<Option<String>> {
    let nullable = if not_null == "t" { "not null" } else { "" };
    vec![Some(name.into()), Some(kind.into()), Some(nullable.into())]
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
