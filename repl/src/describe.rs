//! The catalogue queries behind `\d` and its family, and behind completion.
//!
//! Plain SELECTs with joins of pg_class, pg_namespace, pg_attribute and pg_index, so that
//! PostgreSQL and AerieDB answer them alike; what remains to be computed is computed here.

use crate::command::Kinds;

/// A name to look for: `name`, `schema.name`, with `*` and `?` outside double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    schema: Option<Part>,
    name: Part,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// The name, or with `wild` what LIKE takes.
    text: String,
    wild: bool,
    quoted: bool,
}

impl Pattern {
    /// Nothing to look for gives `None`. Of more than two parts the last two count.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text);
        let name = parts.pop().filter(|part| !part.text.is_empty())?;
        Some(Self { schema: parts.pop().filter(|part| !part.text.is_empty()), name })
    }

    pub(crate) fn is_wild(&self) -> bool {
        self.name.wild || self.schema.as_ref().is_some_and(|part| part.wild)
    }

    /// The same with what is not quoted in lower case, as PostgreSQL keeps it.
    pub(crate) fn folded(&self) -> Self {
        let fold = |part: &Part| {
            let text = if part.quoted { part.text.clone() } else { part.text.to_lowercase() };
            Part { text, ..part.clone() }
        };
        Self { schema: self.schema.as_ref().map(fold), name: fold(&self.name) }
    }

    /// The name as a person wrote it, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name.text
    }

    fn condition(&self, schema: &str, name: &str) -> String {
        let schema = self.schema.as_ref().map(|part| format!(" AND {}", part.condition(schema)));
        format!(" AND {}{}", self.name.condition(name), schema.unwrap_or_default())
    }
}

impl Part {
    fn condition(&self, column: &str) -> String {
        let operator = if self.wild { "LIKE" } else { "=" };
        format!("{column} {operator} {}", literal(&self.text))
    }
}

/// The parts between dots. A wildcard anywhere makes the whole part a LIKE pattern.
fn split(text: &str) -> Vec<Part> {
    let mut parts = vec![Vec::new()];
    let (mut inside, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                parts.iter_mut().last().into_iter().for_each(|part| part.push(('"', true)));
            }
            '"' => inside = !inside,
            '.' if !inside => parts.push(Vec::new()),
            c => parts.iter_mut().last().into_iter().for_each(|part| part.push((c, inside))),
        }
    }
    parts.iter().map(|part| to_part(part)).collect()
}

fn to_part(letters: &[(char, bool)]) -> Part {
    let wild = letters.iter().any(|(c, quoted)| matches!(c, '*' | '?') && !quoted);
    let mut text = String::new();
    for (c, quoted) in letters {
        match (c, quoted) {
            ('*', false) => text.push('%'),
            ('?', false) => text.push('_'),
            ('%' | '_' | '\\', _) if wild => text.extend(['\\', *c]),
            (c, _) => text.push(*c),
        }
    }
    Part { text, wild, quoted: letters.iter().any(|(_, quoted)| *quoted) }
}

/// A string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Where relations are: the join that the rest stands on.
const RELATIONS: &str = "FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
/// Not the system's own.
const OURS: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";

/// `\d`, `\dt`, `\dv`, `\di`: schema, name, kind letter, owner; of indexes their table too.
pub(crate) fn relations(kinds: Kinds, pattern: Option<&Pattern>) -> String {
    let letters = match kinds {
        Kinds::All => "'r', 'p', 'v', 'm', 'f', 'S'",
        Kinds::Tables => "'r', 'p'",
        Kinds::Views => "'v', 'm'",
        Kinds::Indexes => "'i', 'I'",
    };
    let restriction = match pattern {
        Some(pattern) => pattern.condition("n.nspname", "c.relname"),
        None => format!(" AND {OURS}"),
    };
    let (more, join) = match kinds {
        Kinds::Indexes => (
            ", t.relname AS \"Table\"",
            " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
             JOIN pg_catalog.pg_class t ON t.oid = i.indrelid",
        ),
        _ => ("", ""),
    };
    format!(
        "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\", c.relkind AS \"Type\", \
         pg_catalog.pg_get_userbyid(c.relowner) AS \"Owner\"{more} {RELATIONS}{join} \
         WHERE c.relkind IN ({letters}){restriction} ORDER BY 1, 2"
    )
}

/// `\df`: schema, name, result and arguments, of all functions or of the named ones.
pub(crate) fn functions(pattern: Option<&Pattern>) -> String {
    let restriction = match pattern {
        Some(pattern) => pattern.condition("n.nspname", "p.proname"),
        None => format!(" AND {OURS}"),
    };
    format!(
        "SELECT n.nspname AS \"Schema\", p.proname AS \"Name\", \
         pg_catalog.format_type(p.prorettype, NULL) AS \"Result data type\", \
         p.pronargs AS \"Arguments\" FROM pg_catalog.pg_proc p \
         JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
         WHERE true{restriction} ORDER BY 1, 2, 4"
    )
}

/// `\du`.
pub(crate) fn roles(pattern: Option<&Pattern>) -> String {
    let restriction = pattern.map(|pattern| pattern.name.condition("r.rolname"));
    format!(
        "SELECT r.rolname AS \"Role name\", r.rolsuper AS \"Superuser\", \
         r.rolcanlogin AS \"Can login\" FROM pg_catalog.pg_roles r WHERE {} ORDER BY 1",
        restriction.unwrap_or_else(|| "r.rolname NOT LIKE 'pg\\_%'".into())
    )
}

/// The relations that `\d NAME` describes: oid, schema, name, kind letter.
pub(crate) fn find(pattern: &Pattern) -> String {
    format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind {RELATIONS} \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I'){} ORDER BY 2, 3",
        pattern.condition("n.nspname", "c.relname")
    )
}

/// Columns of one relation: name, type, whether NULL is refused, number.
pub(crate) fn columns(oid: u32) -> String {
    format!(
        "SELECT a.attname AS \"Column\", \
         pg_catalog.format_type(a.atttypid, a.atttypmod) AS \"Type\", \
         a.attnotnull AS \"Nullable\", a.attnum FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )
}

/// Indexes of one relation: name, primary, unique, column numbers.
pub(crate) fn indexes(oid: u32) -> String {
    format!(
        "SELECT c.relname, i.indisprimary, i.indisunique, i.indkey FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = {oid} \
         ORDER BY i.indisprimary DESC, c.relname"
    )
}

/// `\dn`.
pub(crate) fn namespaces(pattern: Option<&Pattern>) -> String {
    let restriction = match pattern {
        Some(pattern) => pattern.name.condition("n.nspname"),
        None => format!("{OURS} AND n.nspname NOT LIKE 'pg\\_%temp\\_%'"),
    };
    format!(
        "SELECT n.nspname AS \"Name\", pg_catalog.pg_get_userbyid(n.nspowner) AS \"Owner\" \
         FROM pg_catalog.pg_namespace n WHERE {restriction} ORDER BY 1"
    )
}

/// `\l`.
pub(crate) fn databases() -> &'static str {
    "SELECT d.datname AS \"Name\", pg_catalog.pg_get_userbyid(d.datdba) AS \"Owner\" \
     FROM pg_catalog.pg_database d ORDER BY 1"
}

/// For completion: every namespace and set.
pub(crate) fn all_relations() -> String {
    format!(
        "SELECT n.nspname, c.relname {RELATIONS} \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS} LIMIT 10000"
    )
}

/// For completion: names of indexes.
pub(crate) fn all_indexes() -> String {
    format!("SELECT c.relname {RELATIONS} WHERE c.relkind IN ('i', 'I') AND {OURS} LIMIT 10000")
}

/// For completion: names of functions.
pub(crate) fn all_functions() -> &'static str {
    "SELECT DISTINCT proname FROM pg_catalog.pg_proc LIMIT 10000"
}

/// For completion: names of settings.
pub(crate) fn all_settings() -> &'static str {
    "SELECT name FROM pg_catalog.pg_settings LIMIT 10000"
}

/// For completion: every namespace, with sets or without.
pub(crate) fn all_namespaces() -> &'static str {
    "SELECT nspname FROM pg_catalog.pg_namespace LIMIT 10000"
}

/// For completion: schema, set and bin.
pub(crate) fn all_columns() -> &'static str {
    "SELECT table_schema, table_name, column_name FROM information_schema.columns \
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') LIMIT 10000"
}

/// The word for a kind letter of pg_class.
pub(crate) fn kind_name(letter: &str) -> &'static str {
    match letter {
        "r" => "table",
        "p" => "partitioned table",
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        "S" => "sequence",
        "i" | "I" => "index",
        _ => "relation",
    }
}

/// A line of `\d`'s index list. `columns` are pairs of number and name; number 0 is an expression.
pub(crate) fn index_line(
    name: &str,
    primary: bool,
    unique: bool,
    keys: &str,
    columns: &[(String, String)],
) -> String {
    let named = |key: &str| {
        let column = columns.iter().find(|(number, _)| number == key);
        column.map_or("<expression>", |(_, name)| name.as_str()).to_string()
    };
    let keys: Vec<String> =
        keys.split([' ', ',', '{', '}']).filter(|key| !key.is_empty()).map(named).collect();
    let kind = match (primary, unique) {
        (true, _) => "PRIMARY KEY ",
        (false, true) => "UNIQUE ",
        (false, false) => "",
    };
    format!("    \"{name}\" {kind}({})", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(text: &str) -> String {
        Pattern::parse(text).unwrap().condition("s", "n")
    }

    #[test]
    fn patterns_become_conditions() {
        assert_eq!(conditions("users"), " AND n = 'users'");
        assert_eq!(conditions("test.users"), " AND n = 'users' AND s = 'test'");
        assert_eq!(conditions("db.test.users"), " AND n = 'users' AND s = 'test'");
        assert_eq!(conditions("*.u_s?"), " AND n LIKE 'u\\_s_' AND s LIKE '%'");
        assert_eq!(conditions("\"a.b*\"\"\""), " AND n = 'a.b*\"'");
        assert_eq!(conditions("o'x"), " AND n = 'o''x'");
        assert_eq!(Pattern::parse(""), None);
        assert_eq!(Pattern::parse("test."), None);
    }

    #[test]
    fn only_what_is_not_quoted_folds() {
        let folded = |text: &str| Pattern::parse(text).unwrap().folded().condition("s", "n");
        assert_eq!(folded("Test.\"Users\""), " AND n = 'Users' AND s = 'test'");
    }

    #[test]
    fn index_lines() {
        let columns = [("1".to_string(), "a".to_string()), ("3".to_string(), "c".to_string())];
        let line = |primary, unique, keys| index_line("i", primary, unique, keys, &columns);
        assert_eq!(line(true, true, "1 3"), "    \"i\" PRIMARY KEY (a, c)");
        assert_eq!(line(false, true, "{3}"), "    \"i\" UNIQUE (c)");
        assert_eq!(line(false, false, "0"), "    \"i\" (<expression>)");
    }
}
