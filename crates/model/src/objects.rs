//! What a namespace has beside its sets: views and sequences, and what is said of a declared table
//! or a view beyond its columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Column, ColumnType};

/// The objects of one namespace, each kind by exact name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objects {
    /// Views. No set that is declared has the name of one.
    pub views: BTreeMap<String, Arc<View>>,
    /// Sequences.
    pub sequences: BTreeMap<String, Arc<Sequence>>,
    /// What is said of relations, by their names.
    pub notes: BTreeMap<String, Arc<Notes>>,
}

impl Objects {
    /// The view that an identifier means: the exact name, else the only one that is equal but for
    /// case, unless the identifier was quoted.
    pub fn view(&self, name: &str, quoted: bool) -> Option<&Arc<View>> {
        crate::schema::unique(self.views.values(), |view| &view.name, name, quoted)
    }

    /// The sequence that an identifier means, found like a view.
    pub fn sequence(&self, name: &str, quoted: bool) -> Option<&Arc<Sequence>> {
        crate::schema::unique(self.sequences.values(), |sequence| &sequence.name, name, quoted)
    }

    /// The checks of a declared table, by name.
    pub fn checks(&self, table: &str) -> &[Check] {
        self.notes.get(table).map_or(&[], |notes| &notes.checks)
    }
}

/// A query with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Namespace, the view's schema.
    pub namespace: String,
    /// Name, case kept.
    pub name: String,
    /// Its columns, as they were when the view was made.
    pub columns: Vec<Column>,
    /// Whether the statement named the columns itself.
    pub named: bool,
    /// The query as it was written.
    pub text: String,
    /// Namespace of the names in it that give none.
    pub path: String,
    /// Namespace and name of the tables and views that it reads.
    pub uses: Vec<(String, String)>,
}

/// A counter that gives each number once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Namespace, the sequence's schema.
    pub namespace: String,
    /// Name, case kept.
    pub name: String,
    /// Type of its numbers: `Int2`, `Int4` or `Int8`.
    pub column_type: ColumnType,
    /// First number.
    pub start: i64,
    /// From one number to the next; not 0.
    pub increment: i64,
    /// Least number.
    pub min: i64,
    /// Greatest number.
    pub max: i64,
    /// Whether it begins anew after its last number.
    pub cycle: bool,
    /// The column that it numbers, with which it goes.
    pub owner: Option<Owner>,
}

/// The column that a sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Set, of the sequence's namespace.
    pub table: String,
    /// Column.
    pub column: String,
    /// `GENERATED .. AS IDENTITY`, and whether ALWAYS; `None` for serial and OWNED BY.
    pub identity: Option<bool>,
}

/// What is said of a declared table, a view or a sequence beyond its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// Conditions on each row, in the order of their names.
    pub checks: Vec<Check>,
    /// Comments: of the relation itself under the empty name, else of its column.
    pub comments: BTreeMap<String, String>,
}

/// A condition that no row may make false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Name of the constraint.
    pub name: String,
    /// The condition as SQL text.
    pub text: String,
}

/// One object as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A view.
    View(View),
    /// A sequence.
    Sequence(Sequence),
    /// What is said of a relation; nothing at all is not kept.
    Notes(Notes),
}

/// The kinds of [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A view.
    View,
    /// A sequence.
    Sequence,
    /// What is said of a relation.
    Notes,
}

/// First object id of relations, as in PostgreSQL the first that is not the system's own.
const FIRST_OID: u32 = 16_384;

/// The object id of a relation: the same for the same name at every node and after every restart,
/// FNV-1a over the names, in 30 bits. Declared sets are numbered in this way, too.
pub fn relation_oid(namespace: &str, name: &str) -> u32 {
    let bytes = namespace.bytes().chain([b'.']).chain(name.bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    FIRST_OID + (hash & 0x3fff_ffff)
}
