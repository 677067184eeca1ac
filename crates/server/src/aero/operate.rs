//! The operations of one command on one record, one after the other: each sees what those before it
//! have done.
//!
//! What they answer is encoded at once, since a command may be asked again from the start.

use model::{Key, Name, Record, Value, ValueType, msgpack};
use particle::cdt::Answer;
use particle::exp::{self, Meta, View};
use particle::geo::Shape;
use particle::{Modified, bits, cdt, hll};
use store::Change;
use wire::{Op, OpKind, code, value};

use super::ask::{Ask, Refused, refused};

/// The answers of operations, as they stand in a reply.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u16,
}

impl Results {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    pub(super) fn put(&mut self, bin: &str, result: Option<&Value>) {
        put_bin(&mut self.bytes, bin, result);
        self.count += 1;
    }

    /// Pairs that keep their order.
    fn put_pairs(&mut self, bin: &str, pairs: &[(Value, Value)]) {
        wire::put_op(&mut self.bytes, OpKind::Read as u8, bin, |out| {
            msgpack::put_pairs(out, pairs);
            ValueType::Map as u8
        });
        self.count += 1;
    }
}

/// Appends a bin of a reply; without a value, one that says so.
pub(super) fn put_bin(out: &mut Vec<u8>, bin: &str, result: Option<&Value>) {
    wire::put_op(out, OpKind::Read as u8, bin, |out| match result {
        Some(result) => value::put(result, out),
        None => 0,
    });
}

/// A record that operations work on: the old one, and what has become of it.
struct Bench<'r> {
    ask: &'r Ask<'r>,
    now_ms: u64,
    old: Option<&'r Record>,
    /// Whether the old bins are out of sight.
    emptied: bool,
    written: Vec<(Name, Option<Value>)>,
    /// Whether anything was to be written, were it only the time.
    touched: bool,
}

impl<'r> Bench<'r> {
    /// The old bins that are in sight.
    fn old_bins(&self) -> &'r [(Name, Value)] {
        match self.old {
            Some(record) if !self.emptied => &record.bins,
            _ => &[],
        }
    }

    fn get(&self, bin: &str) -> Option<&Value> {
        match self.written.iter().find(|(name, _)| **name == *bin) {
            Some((_, value)) => value.as_ref(),
            None => self.old_bins().iter().find(|(name, _)| **name == *bin).map(|(_, v)| v),
        }
    }

    /// The value of a bin, to be changed: nobody asks for it before it is set again.
    fn take(&mut self, bin: &str) -> Option<Value> {
        match self.written.iter_mut().find(|(name, _)| **name == *bin) {
            Some((_, value)) => value.take(),
            None => self.get(bin).cloned(),
        }
    }

    fn set(&mut self, bin: &str, value: Option<Value>) -> Result<(), Refused> {
        self.touched = true;
        if let Some((_, written)) = self.written.iter_mut().find(|(name, _)| **name == *bin) {
            *written = value;
            return Ok(());
        }
        if bin.is_empty() {
            return Err(code::PARAMETER);
        }
        let old = self.old.and_then(|record| record.bins.iter().find(|(n, _)| **n == *bin));
        let name = match old {
            Some((name, _)) => name.clone(),
            None if bin.len() > wire::BIN_NAME_MAX => return Err(code::BIN_NAME),
            None => Name::from(bin),
        };
        self.written.push((name, value));
        Ok(())
    }

    /// The record goes, with all its bins.
    fn empty(&mut self) {
        self.touched = true;
        self.emptied = true;
        self.written.clear();
    }

    /// The bins that are in sight, old ones first.
    fn bins(&self) -> impl Iterator<Item = (&Name, &Value)> {
        let unwritten = |name: &Name| !self.written.iter().any(|(written, _)| written == name);
        let old = self.old_bins().iter().filter(move |(name, _)| unwritten(name));
        let new = self.written.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        old.map(|(name, value)| (name, value)).chain(new)
    }

    /// The record as it is by now, for an expression.
    fn view(&self) -> View<'_> {
        let Bench { ask, now_ms, old, .. } = self;
        let meta = match old {
            Some(record) => Meta::of(record, ask.set, *now_ms),
            None => Meta {
                digest: Some(ask.digest),
                set: Some(ask.set),
                key_stored: Some(ask.key.is_some()),
                now_ms: *now_ms,
                ..Meta::default()
            },
        };
        View { meta, bins: self }
    }

    /// What it comes to. A record whose last bin was taken away goes.
    fn change(self) -> Change {
        if !self.touched {
            return Change::Keep;
        }
        let gone = self.emptied || self.written.iter().any(|(_, value)| value.is_none());
        if gone && self.bins().next().is_none() {
            return if self.old.is_some() { Change::Delete } else { Change::Keep };
        }
        Change::Write { bins: self.written, replace: self.emptied, ttl: self.ask.rules.ttl }
    }
}

impl exp::Bins for Bench<'_> {
    fn bin(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn key(&self) -> Option<&Key> {
        self.old.and_then(|record| record.key.as_ref()).or(self.ask.key.as_ref())
    }
}

/// Does what a command asks to the record, which is read as `None` where there is none: what becomes
/// of it, and `results` are what is answered.
pub(super) fn apply(
    ask: &Ask<'_>,
    old: Option<&Record>,
    now_ms: u64,
    results: &mut Results,
) -> Result<Change, Refused> {
    let emptied = ask.rules.replace && ask.writes();
    let mut bench = Bench { ask, now_ms, old, emptied, written: Vec::new(), touched: false };
    for op in ask.message.ops.iter() {
        step(ask, op, &mut bench, results)?;
    }
    Ok(bench.change())
}

fn step(
    ask: &Ask<'_>,
    op: Op<'_>,
    bench: &mut Bench<'_>,
    results: &mut Results,
) -> Result<(), Refused> {
    let kind = OpKind::of(op.kind).ok_or(code::PARAMETER)?;
    if !kind.reads() && !ask.writes() {
        return Err(code::PARAMETER);
    }
    let bin = op.bin;
    let result = match kind {
        OpKind::Read if bin.is_empty() => {
            if !ask.no_bins() {
                bench.bins().for_each(|(name, value)| results.put(name, Some(value)));
            }
            return Ok(());
        }
        OpKind::Read => {
            let value = bench.get(bin);
            if value.is_some() || ask.rules.respond_all {
                results.put(bin, value);
            }
            return Ok(());
        }
        OpKind::Write => {
            bench.set(bin, brought(op)?)?;
            None
        }
        OpKind::Add => {
            let sum = add(bench.get(bin), operand(op)?)?;
            bench.set(bin, Some(sum))?;
            None
        }
        OpKind::Append | OpKind::Prepend => {
            let joined = join(bench.take(bin), operand(op)?, kind == OpKind::Append)?;
            bench.set(bin, Some(joined))?;
            None
        }
        OpKind::Touch => {
            if bench.old.is_none() && bench.written.is_empty() {
                return Err(code::NOT_FOUND);
            }
            bench.touched = true;
            None
        }
        OpKind::Delete => {
            bench.empty();
            None
        }
        OpKind::CollectionRead => cdt::read(bench.get(bin), op.value).map_err(refused)?,
        OpKind::CollectionModify => modify(bench, bin, |old| cdt::modify(old, op.value))?,
        OpKind::BitsRead => value_of(bits::read(bench.get(bin), op.value))?,
        OpKind::BitsModify => {
            modify(bench, bin, |old| bits::modify(old, op.value))?.map(Answer::Value)
        }
        OpKind::HllRead => value_of(hll::read(bench.get(bin), op.value))?,
        OpKind::HllModify => {
            modify(bench, bin, |old| hll::modify(old, op.value))?.map(Answer::Value)
        }
        OpKind::ExpressionRead => value_of(exp::read_op(op.value, &bench.view()))?,
        OpKind::ExpressionModify => {
            let done = exp::write_op(bench.get(bin).cloned(), op.value, &bench.view());
            let done = done.map_err(refused)?;
            bench.set(bin, done.bin)?;
            done.result.map(Answer::Value)
        }
    };
    match result {
        Some(Answer::Value(value)) => results.put(bin, Some(&value)),
        Some(Answer::Pairs(pairs)) => results.put_pairs(bin, &pairs),
        None if ask.rules.respond_all => results.put(bin, None),
        None => {}
    }
    Ok(())
}

fn value_of(read: model::Result<Option<Value>>) -> Result<Option<Answer>, Refused> {
    Ok(read.map_err(refused)?.map(Answer::Value))
}

/// Changes the inside of a bin; the answer of the operation.
fn modify<A>(
    bench: &mut Bench<'_>,
    bin: &str,
    change: impl FnOnce(Option<Value>) -> model::Result<Modified<A>>,
) -> Result<Option<A>, Refused> {
    let old = bench.take(bin);
    let done = change(old).map_err(refused)?;
    bench.set(bin, done.bin)?;
    Ok(done.result)
}

/// The value that an operation brings. GeoJSON has to be a shape; inside lists and maps it is what
/// it is.
fn brought(op: Op<'_>) -> Result<Option<Value>, Refused> {
    let value = value::read(op.particle, op.value).map_err(refused)?;
    match &value {
        Some(geo @ Value::GeoJson(_)) if Shape::of(geo).is_none() => Err(code::GEO_JSON),
        _ => Ok(value),
    }
}

/// The value that an operation brings, which it has to.
fn operand(op: Op<'_>) -> Result<Value, Refused> {
    brought(op)?.ok_or(code::PARAMETER)
}

/// The sum of a bin and a number of its type; integers wrap around. What is not there becomes what
/// is added to it, of whatever type that is.
fn add(old: Option<&Value>, more: Value) -> Result<Value, Refused> {
    match (old, more) {
        (None, more) => Ok(more),
        (Some(Value::Integer(old)), Value::Integer(more)) => {
            Ok(Value::Integer(old.wrapping_add(more)))
        }
        (Some(Value::Double(old)), Value::Double(more)) => Ok(Value::Double(old + more)),
        _ => Err(code::BIN_TYPE),
    }
}

/// A text or blob with more of its type behind it, or before.
fn join(old: Option<Value>, more: Value, behind: bool) -> Result<Value, Refused> {
    let joined = |old: Vec<u8>, more: Vec<u8>| match behind {
        true => [old, more].concat(),
        false => [more, old].concat(),
    };
    match (old, more) {
        (None, more @ (Value::String(_) | Value::Blob(_))) => Ok(more),
        (Some(Value::Blob(old)), Value::Blob(more)) => Ok(Value::Blob(joined(old, more))),
        (Some(Value::String(old)), Value::String(more)) => Ok(Value::String(match behind {
            true => old + &more,
            false => more + &old,
        })),
        _ => Err(code::BIN_TYPE),
    }
}
