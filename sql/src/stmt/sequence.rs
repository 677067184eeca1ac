//! Sequences: CREATE, ALTER and DROP SEQUENCE, serial columns and identity columns.

use std::sync::Arc;

use model::{Column, ColumnType, Owner, Sequence, Table};
use sqlparser::ast::{self, SequenceOptions};

use super::Context;
use crate::expr::identifier;
use crate::parse::CreateSequence;
use crate::plan::Plan;
use crate::resolve::{self, TableName};
use crate::types::from_sql_name;
use crate::{SqlError, SqlResult};

impl Context<'_> {
    pub(super) fn create_sequence(&self, create: &CreateSequence) -> SqlResult<Plan> {
        let (namespace, name) = self.new_name(&create.name)?;
        let column_type = match &create.data_type {
            None => ColumnType::Int8,
            Some(data_type) => match from_sql_name(data_type)? {
                t @ (ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8) => t,
                _ => {
                    let message = "sequence type must be smallint, integer, or bigint";
                    return Err(SqlError::new("22023", message));
                }
            },
        };
        let mut sequence = sequence(namespace, name, column_type, &create.options)?;
        if let Some(owner) = &create.owned_by {
            sequence.owner = Some(self.owner(owner)?);
        }
        Ok(Plan::CreateSequence { sequence, if_not_exists: create.if_not_exists })
    }

    /// `table.column` of OWNED BY.
    fn owner(&self, name: &ast::ObjectName) -> SqlResult<Owner> {
        let mut parts = name.0.clone();
        let column = parts.pop().map(|part| part.to_string()).unwrap_or_default();
        let table = resolve::table(&ast::ObjectName(parts), self.scope, self.places)?;
        let column = column.trim_matches('"');
        let column =
            table.resolve(column, false).ok_or_else(|| resolve::no_column(&table, column))?;
        Ok(Owner { table: table.name.clone(), column: column.name.clone(), identity: None })
    }

    /// The sequence of this name, which must be there.
    pub(super) fn sequence(&self, name: &ast::ObjectName) -> SqlResult<Arc<Sequence>> {
        let parts = TableName::of(name).map_err(|e| self.at(e, name))?;
        let (namespace, _) = resolve::namespace(parts.namespace, self.scope, self.places)?;
        let quoted = parts.table.quote_style.is_some();
        let found = self.scope.catalog.objects(namespace).sequence(&parts.table.value, quoted);
        found.cloned().ok_or_else(|| {
            let missing = SqlError::new("42P01", format!("relation \"{name}\" does not exist"));
            match resolve::table(name, self.scope, self.places) {
                Err(_) => self.at(missing, name),
                Ok(table) => {
                    let message = format!("\"{}\" is not a sequence", table.name);
                    self.at(SqlError::new("42809", message), name)
                }
            }
        })
    }

    /// Those of the named sequences that exist, and the notices about the others.
    pub(super) fn sequences(
        &self,
        names: &[ast::ObjectName],
        if_exists: bool,
    ) -> SqlResult<(Vec<Arc<Sequence>>, Vec<String>)> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.sequence(name) {
                Ok(sequence) => found.push(sequence),
                Err(error) if error.sqlstate != "42P01" => return Err(error),
                Err(_) if if_exists => {
                    missing.push(format!("sequence \"{name}\" does not exist, skipping"));
                }
                Err(error) => {
                    let message = format!("sequence \"{name}\" does not exist");
                    return Err(SqlError { message, ..error });
                }
            }
        }
        Ok((found, missing))
    }

    /// The sequence that numbers a column, if its definition asks for one; the column then draws its
    /// default from it.
    pub(super) fn numbered(
        &self,
        (namespace, table): (&str, &str),
        def: &ast::ColumnDef,
        column: &mut Column,
    ) -> SqlResult<Option<Sequence>> {
        let place = |error| self.places.mark(error, def.name.span);
        let generated = def.options.iter().find_map(|option| match &option.option {
            ast::ColumnOption::Generated {
                generated_as,
                sequence_options,
                generation_expr: None,
                ..
            } => Some((generated_as, sequence_options.as_deref().unwrap_or_default())),
            _ => None,
        });
        let serial = serial_type(&def.data_type).is_some();
        let (identity, options) = match generated {
            None if serial => (None, &[][..]),
            None => return Ok(None),
            Some((ast::GeneratedAs::Always, options)) => (Some(true), options),
            Some((_, options)) => (Some(false), options),
        };
        if !matches!(column.column_type, ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8) {
            let message = "identity column type must be smallint, integer, or bigint";
            return Err(place(SqlError::new("22023", message)));
        }
        if column.default.is_some() {
            let message = format!(
                "multiple default values specified for column \"{}\" of table \"{table}\"",
                column.name
            );
            return Err(place(SqlError::syntax(message)));
        }
        let base = format!("{table}_{}_seq", column.name);
        let name = self.free_name(namespace, base);
        column.default = Some(format!("nextval('{}'::regclass)", identifier(&name)));
        column.not_null = true;
        let mut sequence = sequence(namespace.to_string(), name, column.column_type, options)?;
        let (table, column) = (table.to_string(), column.name.clone());
        sequence.owner = Some(Owner { table, column, identity });
        Ok(Some(sequence))
    }

    /// The sequences that number a table's columns.
    pub(super) fn owned_by(&self, table: &Table) -> Vec<Arc<Sequence>> {
        let all = self.scope.catalog.objects(&table.namespace).sequences.values();
        let of = |sequence: &&Arc<Sequence>| {
            sequence.owner.as_ref().is_some_and(|owner| owner.table == table.name)
        };
        all.filter(of).cloned().collect()
    }

    fn free_name(&self, namespace: &str, base: String) -> String {
        let objects = self.scope.catalog.objects(namespace);
        let tables = self.scope.catalog.namespaces.get(namespace);
        let free = |name: &String| {
            !objects.sequences.contains_key(name)
                && !objects.views.contains_key(name)
                && !tables.is_some_and(|tables| tables.tables.contains_key(name))
        };
        let numbered = (1..).map(|n| format!("{base}{n}"));
        std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or(base)
    }

    /// Whether a column is an identity column, and whether ALWAYS.
    pub(super) fn identity(&self, table: &Table, column: &str) -> Option<bool> {
        self.scope.catalog.objects(&table.namespace).sequences.values().find_map(|sequence| {
            let owner = sequence.owner.as_ref()?;
            (owner.table == table.name && owner.column == column).then_some(owner.identity)?
        })
    }
}

/// The integer type of a serial one.
pub(super) fn serial_type(data_type: &ast::DataType) -> Option<ColumnType> {
    let ast::DataType::Custom(name, _) = data_type else { return None };
    let [ast::ObjectNamePart::Identifier(ident)] = &name.0[..] else { return None };
    match ident.value.to_ascii_lowercase().as_str() {
        "smallserial" | "serial2" => Some(ColumnType::Int2),
        "serial" | "serial4" => Some(ColumnType::Int4),
        "bigserial" | "serial8" => Some(ColumnType::Int8),
        _ => None,
    }
}

/// A sequence with these options, the others as PostgreSQL has them.
fn sequence(
    namespace: String,
    name: String,
    column_type: ColumnType,
    options: &[SequenceOptions],
) -> SqlResult<Sequence> {
    let (least, most) = match column_type {
        ColumnType::Int2 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        ColumnType::Int4 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let wrong = |message: String| SqlError::new("22023", message);
    let (mut increment, mut min, mut max) = (1, None, None);
    let (mut start, mut cycle) = (None, false);
    for option in options {
        match option {
            SequenceOptions::IncrementBy(e, _) => increment = number(e)?,
            SequenceOptions::MinValue(e) => min = e.as_ref().map(number).transpose()?,
            SequenceOptions::MaxValue(e) => max = e.as_ref().map(number).transpose()?,
            SequenceOptions::StartWith(e, _) => start = Some(number(e)?),
            SequenceOptions::Cache(e) if number(e)? < 1 => {
                return Err(wrong(format!("CACHE ({e}) must be greater than zero")));
            }
            // How many numbers are taken at once is our own affair.
            SequenceOptions::Cache(_) => {}
            SequenceOptions::Cycle(no) => cycle = !no,
        }
    }
    if increment == 0 {
        return Err(wrong("INCREMENT must not be zero".to_string()));
    }
    let up = increment > 0;
    let min = min.unwrap_or(if up { 1 } else { least });
    let max = max.unwrap_or(if up { most } else { -1 });
    if min < least || max > most {
        let (what, value) = if min < least { ("MINVALUE", min) } else { ("MAXVALUE", max) };
        return Err(wrong(format!(
            "{what} ({value}) is out of range for sequence data type {column_type}"
        )));
    }
    if min >= max {
        return Err(wrong(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")));
    }
    let start = start.unwrap_or(if up { min } else { max });
    if start < min {
        return Err(wrong(format!("START value ({start}) cannot be less than MINVALUE ({min})")));
    }
    if start > max {
        return Err(wrong(format!(
            "START value ({start}) cannot be greater than MAXVALUE ({max})"
        )));
    }
    Ok(Sequence { namespace, name, column_type, start, increment, min, max, cycle, owner: None })
}

/// An integer as it is written in an option.
pub(super) fn number(e: &ast::Expr) -> SqlResult<i64> {
    let text = e.to_string().replace([' ', '(', ')'], "");
    let text = text.strip_prefix('+').unwrap_or(&text);
    text.parse().map_err(|_| {
        SqlError::new("22023", format!("value \"{e}\" is no integer of 64 bits"))
            .hint("write the number itself: START WITH 100")
    })
}
