//! OPERATE: several operations on one record, one after the other, all or none.
//!
//! 1. The front parser makes an [`Operation`] of each name with its arguments: the table in
//!    `names.rs` knows how many and of which kinds.
//! 2. [`apply`] runs them on the bins of one record, which its caller holds locked, and says what
//!    becomes of the record and what each operation answered.
//!
//! Each operation sees what those before it did. Those on lists and maps are `particle`'s
//! (`collection.rs`).

mod collection;
mod names;
mod scalar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{MapOrder, Name, Value};
use particle::cdt::MapFlags;

use crate::{SqlError, SqlResult};
use names::Verb;

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The bin; `None` where the operation is about the record.
    bin: Option<Name>,
    /// Its name, as the table of names has it.
    known_as: &'static str,
    verb: Verb,
    args: Vec<Value>,
    policy: MapPolicy,
}

/// As it is written, without its arguments.
impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({})", self.known_as, self.bin.as_deref().unwrap_or_default())
    }
}

/// What a map may do with a key that is given to it, and the order of a map that is made.
#[derive(Debug, Clone, Copy, Default)]
struct MapPolicy {
    order: MapOrder,
    flags: MapFlags,
}

/// What becomes of the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It was only read.
    None,
    /// These bins are written; without a value they go.
    Write(Vec<(Name, Option<Value>)>),
    /// It is deleted.
    Delete,
}

/// What the operations did.
#[derive(Debug, Clone, PartialEq)]
pub struct Operated {
    /// What becomes of the record.
    pub effect: Effect,
    /// The answers, one for each operation that [`Operation::answers`].
    pub answers: Vec<Option<Value>>,
}

impl Operation {
    /// The operation of this name, any case.
    pub(crate) fn new(
        verb: &str,
        bin: Option<String>,
        args: Vec<Value>,
        policy: &[String],
    ) -> SqlResult<Operation> {
        let (verb, shape) = names::find(verb)?;
        let bin = shape.check(bin, &args)?;
        let mut map_policy = MapPolicy::default();
        for word in policy {
            let flags = MapFlags::default();
            match word.to_ascii_uppercase().as_str() {
                "AS_MAP_UPDATE" => map_policy.flags = flags,
                "AS_MAP_UPDATE_ONLY" => map_policy.flags = MapFlags { update_only: true, ..flags },
                "AS_MAP_CREATE_ONLY" => map_policy.flags = MapFlags { create_only: true, ..flags },
                other if collection::order_named(other).is_ok() => {
                    map_policy.order = collection::order_named(other)?;
                }
                other => {
                    return Err(SqlError::new("22023", format!("map policy {other} is unknown"))
                        .hint(
                            "AS_MAP_UPDATE, AS_MAP_UPDATE_ONLY and AS_MAP_CREATE_ONLY are there",
                        ));
                }
            }
        }
        if !policy.is_empty() && !shape.takes_policy {
            return Err(SqlError::new("22023", format!("{} takes no policy", shape.name))
                .hint("WITH_POLICY stands behind operations that write into a map"));
        }
        Ok(Operation { bin, known_as: shape.name, verb, args, policy: map_policy })
    }

    /// The bin that the operation is about.
    pub fn bin(&self) -> Option<&Name> {
        self.bin.as_ref()
    }

    /// Whether it answers anything.
    pub fn answers(&self) -> bool {
        !matches!(
            self.verb,
            Verb::Touch
                | Verb::Delete
                | Verb::Write
                | Verb::Append
                | Verb::Prepend
                | Verb::Incr
                | Verb::ListSet
                | Verb::ListClear
                | Verb::MapClear
                | Verb::MapSetType
        )
    }

    /// Whether it reads alone.
    pub fn reads(&self) -> bool {
        use Verb::*;
        matches!(self.verb, Read | ListGet | ListGetRange | ListSize | MapSize)
            || matches!(self.verb, ListGetBy(_) | MapGetBy(_))
    }

    fn name(&self) -> &str {
        self.bin.as_deref().unwrap_or_default()
    }

    fn arg(&self, i: usize) -> &Value {
        self.args.get(i).unwrap_or(&Value::Nil)
    }

    /// Argument `i` as a number of elements or a place among them.
    fn index(&self, i: usize) -> Option<i64> {
        match self.args.get(i) {
            Some(Value::Integer(n)) => Some(*n),
            _ => None,
        }
    }

    fn kind_error(&self, value: &Value, wanted: &str) -> SqlError {
        let message =
            format!("bin \"{}\" holds a {}, not a {wanted}", self.name(), value.value_type());
        SqlError::new("42804", message).hint("WRITE(bin, value) gives the bin another value")
    }

    /// Runs it on a bin's value. Gives the answer.
    fn run(&self, value: &mut Option<Value>) -> SqlResult<Option<Value>> {
        use Verb::*;
        match self.verb {
            Touch | Delete => Ok(None),
            Read => Ok(value.clone()),
            Write | Append | Prepend | Incr => scalar::run(self, value),
            _ => collection::run(self, value),
        }
    }
}

/// Runs operations on the bins of a record.
pub fn apply(operations: &[Operation], bins: &[(Name, Value)]) -> SqlResult<Operated> {
    let mut now: BTreeMap<&str, Option<Value>> =
        bins.iter().map(|(name, value)| (&**name, Some(value.clone()))).collect();
    let mut written: Vec<&Name> = Vec::new();
    let mut answers = Vec::new();
    let (mut deleted, mut touched) = (false, false);
    for operation in operations {
        match (&operation.bin, operation.verb) {
            (None, Verb::Delete) => {
                now.values_mut().for_each(|value| *value = None);
                (deleted, touched) = (true, false);
            }
            (None, _) => touched = true,
            (Some(bin), _) => {
                let answer = operation.run(now.entry(bin).or_default())?;
                if operation.answers() {
                    answers.push(answer);
                }
                if !operation.reads() {
                    touched = true;
                    if !written.contains(&bin) {
                        written.push(bin);
                    }
                }
            }
        }
    }
    let gone = deleted && now.values().all(Option::is_none);
    let effect = match (gone, touched) {
        (true, _) => Effect::Delete,
        (false, false) => Effect::None,
        (false, true) => {
            let names = match deleted {
                true => now.keys().map(|name| Name::from(*name)).collect(),
                false => written.into_iter().cloned().collect::<Vec<Name>>(),
            };
            let value = |name: &Name| now.get(&**name).cloned().flatten();
            Effect::Write(names.into_iter().map(|name| (name.clone(), value(&name))).collect())
        }
    };
    Ok(Operated { effect, answers })
}
