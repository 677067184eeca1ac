//! Operations as they travel: `[number, argument ..]`, or `[255, context, [number, argument ..]]`; with
//! a path `[254, path, flags]` or `[254, path, flags, expression]`.

use model::limits::NESTING_MAX;
use model::msgpack::Reader;
use model::{ErrorKind, Result, Value};

use super::args::{Args, list_order, map_order};
use super::context::{By, Create, Step};
use super::error;
use super::number::negative;
use super::op::*;
use super::path::{self, Apply, Select};

/// In place of an operation's number: a context comes first.
const IN_CONTEXT: i64 = 0xff;
/// The operation that has a path.
const WITH_PATH: i64 = 0xfe;

/// An operation and where it happens.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) path: Vec<Step>,
    pub(super) op: Op,
}

#[derive(Debug)]
pub(super) enum Op {
    Read(Read),
    Edit(Edit),
}

#[derive(Debug)]
pub(super) enum Read {
    List(ListRead),
    Map(MapRead),
    Path(Select),
}

#[derive(Debug)]
pub(super) enum Edit {
    List(ListEdit),
    Map(MapEdit),
    Path(Apply),
}

impl Call {
    pub(super) fn decode(payload: &[u8]) -> Result<Call> {
        let mut reader = Reader::new(payload);
        let mut args = Args::of(&mut reader)?;
        let number = args.integer()?;
        let call = if number == WITH_PATH {
            Call { path: Vec::new(), op: path::decode(args.reader, args.left)? }
        } else if number == IN_CONTEXT {
            let path = context_of(args.next()?)?;
            let mut inner = Args::of(args.next()?)?;
            let number = inner.integer()?;
            let op = op(number, &mut inner)?;
            args.end()?;
            Call { path, op }
        } else {
            Call { path: Vec::new(), op: op(number, &mut args)? }
        };
        reader.finish()?;
        Ok(call)
    }
}

/// The steps of a context: a flat list of kinds and arguments.
pub(crate) fn context_of(reader: &mut Reader) -> Result<Vec<Step>> {
    let steps = pairs_of_context(reader)?;
    (0..steps).map(|_| reader.integer().and_then(|kind| step_of(kind, reader))).collect()
}

/// The header of a context: how many kinds with an argument follow.
pub(super) fn pairs_of_context(reader: &mut Reader) -> Result<usize> {
    let count = reader.list_header()?;
    if count % 2 != 0 || count / 2 > 2 * NESTING_MAX {
        let detail = format!("a context of {count} elements; it takes pairs, and not that many");
        return Err(error(ErrorKind::Parameter, detail));
    }
    Ok(count / 2)
}

/// The step of this kind, whose argument comes next.
pub(super) fn step_of(kind: i64, reader: &mut Reader) -> Result<Step> {
    /// Flag of a kind: keep an index with what is made.
    const PERSIST_INDEX: i64 = 0x100;
    let kind = kind & !PERSIST_INDEX;
    let create = match kind & 0xc0 {
        0 => None,
        0x40 => Some(Create::Unordered),
        0x80 => Some(Create::PaddedOrKeyOrdered),
        _ => Some(Create::Ordered),
    };
    let by = match kind & !0xc0 {
        0x10 => By::List(Pick::Index(reader.integer()?)),
        0x11 => By::List(Pick::Rank(reader.integer()?)),
        0x13 => By::List(Pick::Value(reader.arg()?)),
        0x20 => By::Map(Pick::Index(reader.integer()?)),
        0x21 => By::Map(Pick::Rank(reader.integer()?)),
        0x22 => By::Map(Pick::Key(reader.arg()?)),
        0x23 => By::Map(Pick::Value(reader.arg()?)),
        _ => {
            let detail = format!("{kind:#x} is no step to one element of a list or a map");
            return Err(error(ErrorKind::Parameter, detail));
        }
    };
    Ok(Step { by, create })
}

fn op(number: i64, args: &mut Args) -> Result<Op> {
    let op = match number {
        0..=15 | 32..=40 => Op::Edit(Edit::List(list_edit(number, args)?)),
        16..=31 => Op::Read(Read::List(list_read(number, args)?)),
        64..=89 => Op::Edit(Edit::Map(map_edit(number, args)?)),
        96..=110 => Op::Read(Read::Map(map_read(number, args)?)),
        _ => return Err(unknown(number)),
    };
    args.end()?;
    Ok(op)
}

fn list_edit(number: i64, args: &mut Args) -> Result<ListEdit> {
    Ok(match number {
        0 => ListEdit::SetOrder(list_order(args.integer()?)?),
        1 => args.append(|args| Ok(vec![args.value()?]))?,
        2 => args.append(Args::items)?,
        3 => {
            let (at, items) = (args.integer()?, vec![args.value()?]);
            ListEdit::Insert { at, items, flags: args.list_flags()? }
        }
        4 => {
            let (at, items) = (args.integer()?, args.items()?);
            ListEdit::Insert { at, items, flags: args.list_flags()? }
        }
        5 => ListEdit::Pop(args.integer()?),
        6 => ListEdit::PopRange(args.span()?),
        7 => ListEdit::Remove(args.integer()?),
        8 => ListEdit::RemoveRange(args.span()?),
        9 => {
            let (at, value) = (args.integer()?, args.value()?);
            ListEdit::Set { at, value, flags: args.list_flags()? }
        }
        10 => ListEdit::Trim(args.span()?),
        11 => ListEdit::Clear,
        12 => {
            let (at, by) = (args.integer()?, args.value_or(Value::Integer(1))?);
            let order = list_order(args.integer_or(0)?)?;
            ListEdit::Increment { at, by, order, flags: args.list_flags()? }
        }
        13 => {
            let flags = args.flags(0x3)?;
            ListEdit::Sort { descending: flags & 1 != 0, unique: flags & 2 != 0 }
        }
        32..=40 => {
            let give = args.give()?;
            ListEdit::RemoveBy(args.list_pick(number - 32 + 19)?, give)
        }
        _ => return Err(unknown(number)),
    })
}

fn list_read(number: i64, args: &mut Args) -> Result<ListRead> {
    Ok(match number {
        16 => ListRead::Size,
        17 => ListRead::Get(args.integer()?),
        18 => ListRead::Range(args.span()?),
        19..=27 => {
            let give = args.give()?;
            ListRead::By(args.list_pick(number)?, give)
        }
        _ => return Err(unknown(number)),
    })
}

fn map_edit(number: i64, args: &mut Args) -> Result<MapEdit> {
    let create = MapFlags { create_only: true, ..MapFlags::default() };
    let update = MapFlags { update_only: true, ..MapFlags::default() };
    Ok(match number {
        64 => MapEdit::SetOrder(map_order(args.integer()?)?),
        65 => args.put(Args::pair, Some(create))?,
        66 => args.put(Args::pairs, Some(create))?,
        67 => args.put(Args::pair, None)?,
        68 => args.put(Args::pairs, None)?,
        69 => args.put(Args::pair, Some(update))?,
        70 => args.put(Args::pairs, Some(update))?,
        73 | 74 => {
            let (key, by) = (args.value()?, args.value_or(Value::Integer(1))?);
            let by = if number == 73 { by } else { negative(by)? };
            MapEdit::Add { key, by, order: map_order(args.integer_or(0)?)? }
        }
        75 => MapEdit::Clear,
        76..=79 => {
            let give = args.give()?;
            MapEdit::RemoveBy(args.map_pick_one(number - 76)?, give)
        }
        81..=89 => {
            let give = args.give()?;
            let pick = match number {
                81 => Pick::Keys(args.list()?),
                82 => Pick::Value(args.next()?.arg()?),
                83 => Pick::Values(args.list()?),
                84 => Pick::KeyInterval(args.interval()?),
                85 => Pick::Indexes(args.span()?),
                86 => Pick::ValueInterval(args.interval()?),
                87 => Pick::Ranks(args.span()?),
                88 => Pick::KeyRelative(args.next()?.arg()?, args.span()?),
                _ => Pick::ValueRelative(args.next()?.arg()?, args.span()?),
            };
            MapEdit::RemoveBy(pick, give)
        }
        _ => return Err(unknown(number)),
    })
}

fn map_read(number: i64, args: &mut Args) -> Result<MapRead> {
    if number == 96 {
        return Ok(MapRead::Size);
    }
    let give = args.give()?;
    let pick = match number {
        97..=100 => args.map_pick_one(number - 97)?,
        102 => Pick::Value(args.next()?.arg()?),
        103 => Pick::KeyInterval(args.interval()?),
        104 => Pick::Indexes(args.span()?),
        105 => Pick::ValueInterval(args.interval()?),
        106 => Pick::Ranks(args.span()?),
        107 => Pick::Keys(args.list()?),
        108 => Pick::Values(args.list()?),
        109 => Pick::KeyRelative(args.next()?.arg()?, args.span()?),
        110 => Pick::ValueRelative(args.next()?.arg()?, args.span()?),
        _ => return Err(unknown(number)),
    };
    Ok(MapRead::By(pick, give))
}

fn unknown(number: i64) -> model::Error {
    error(ErrorKind::Parameter, format!("{number} is no operation on a list or a map"))
}
