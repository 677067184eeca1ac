//! Operations as they travel: `[number, argument ..]`, or `[255, context, [number, argument ..]]`; with
//! a path `[254, path, flags]` or `[254, path, flags, expression]`.

use model::limits::NESTING_MAX;
use model::msgpack::{Arg, Reader};
use model::{ErrorKind, ListOrder, Map, MapOrder, Result, Value};

use super::context::{By, Create, Step};
use super::error;
use super::number::negative;
use super::op::*;
use super::path::{self, Apply, Select};

/// In place of an operation's number: a context comes first.
const IN_CONTEXT: i64 = 0xff;
/// The operation that has a path.
const WITH_PATH: i64 = 0xfe;
/// Flag of a return type: all others.
const INVERTED: i64 = 0x1_0000;
/// Flag of an order: keep an index of places with the value. Accepted; places need no index here.
const PERSIST_INDEX: i64 = 0x10;

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

/// A list of arguments.
pub(super) fn args(reader: &mut Reader) -> Result<Vec<Arg>> {
    match reader.arg()? {
        Arg::List(args) => Ok(args),
        Arg::Value(Value::List(list)) => Ok(list.into_iter().map(Arg::Value).collect()),
        _ => Err(error(ErrorKind::Parameter, "an argument should be a list and is none")),
    }
}

/// What is left of an operation's arguments.
struct Args<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
}

impl<'r, 'a> Args<'r, 'a> {
    fn of(reader: &'r mut Reader<'a>) -> Result<Args<'r, 'a>> {
        let left = reader.list_header()?;
        Ok(Args { reader, left })
    }

    /// The reader, at the next argument.
    fn next(&mut self) -> Result<&mut Reader<'a>> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            error(ErrorKind::Parameter, "the operation takes more arguments than it was given")
        })?;
        Ok(self.reader)
    }

    fn end(&self) -> Result<()> {
        match self.left {
            0 => Ok(()),
            n => {
                let detail = format!("the operation was given {n} arguments too many");
                Err(error(ErrorKind::Parameter, detail))
            }
        }
    }

    fn value(&mut self) -> Result<Value> {
        self.next()?.value()
    }

    fn value_or(&mut self, absent: Value) -> Result<Value> {
        if self.left == 0 { Ok(absent) } else { self.value() }
    }

    fn integer(&mut self) -> Result<i64> {
        self.next()?.integer()
    }

    fn integer_or(&mut self, absent: i64) -> Result<i64> {
        if self.left == 0 { Ok(absent) } else { self.integer() }
    }

    fn flags(&mut self, known: i64) -> Result<i64> {
        let flags = self.integer_or(0)?;
        if flags & !known == 0 {
            return Ok(flags);
        }
        let detail = format!("{flags:#x} are no flags of this operation; it knows {known:#x}");
        Err(error(ErrorKind::Parameter, detail))
    }

    fn list_flags(&mut self) -> Result<ListFlags> {
        let flags = self.flags(0xf)?;
        Ok(ListFlags {
            add_unique: flags & 1 != 0,
            insert_bounded: flags & 2 != 0,
            no_fail: flags & 4 != 0,
            partial: flags & 8 != 0,
        })
    }

    fn map_flags(&mut self) -> Result<MapFlags> {
        let flags = self.flags(0xf)?;
        if flags & 3 == 3 {
            let detail = "create-only and update-only leave no key that could be put";
            return Err(error(ErrorKind::Parameter, detail));
        }
        Ok(MapFlags {
            create_only: flags & 1 != 0,
            update_only: flags & 2 != 0,
            no_fail: flags & 4 != 0,
            partial: flags & 8 != 0,
        })
    }

    /// A start and, if it is there, a count; a negative one is all.
    fn span(&mut self) -> Result<Span> {
        let start = self.integer()?;
        let count = u64::try_from(self.integer_or(-1)?).ok();
        Ok(Span { start, count })
    }

    fn interval(&mut self) -> Result<Interval> {
        let from = self.next()?.arg()?;
        let to = if self.left == 0 { None } else { Some(self.next()?.arg()?) };
        Ok(Interval { from, to })
    }

    fn list(&mut self) -> Result<Vec<Arg>> {
        args(self.next()?)
    }

    fn items(&mut self) -> Result<Vec<Value>> {
        match self.value()? {
            Value::List(list) => Ok(list.items),
            other => {
                let detail = format!("the items should be a list, not a {}", other.value_type());
                Err(error(ErrorKind::Parameter, detail))
            }
        }
    }

    fn pair(&mut self) -> Result<Vec<(Value, Value)>> {
        Ok(vec![(self.value()?, self.value()?)])
    }

    fn pairs(&mut self) -> Result<Vec<(Value, Value)>> {
        match self.value()? {
            Value::Map(Map { pairs, .. }) => Ok(pairs),
            other => {
                let detail = format!("the items should be a map, not a {}", other.value_type());
                Err(error(ErrorKind::Parameter, detail))
            }
        }
    }

    fn append(&mut self, items: impl Fn(&mut Self) -> Result<Vec<Value>>) -> Result<ListEdit> {
        let items = items(self)?;
        let order = list_order(self.integer_or(0)?)?;
        Ok(ListEdit::Append { items, order, flags: self.list_flags()? })
    }

    /// A put of these pairs; flags come with the payload, or from the operation of an old client.
    fn put(
        &mut self,
        pairs: impl Fn(&mut Self) -> Result<Vec<(Value, Value)>>,
        flags: Option<MapFlags>,
    ) -> Result<MapEdit> {
        let pairs = pairs(self)?;
        let order = map_order(self.integer_or(0)?)?;
        let flags = flags.map_or_else(|| self.map_flags(), Ok)?;
        Ok(MapEdit::Put { pairs, order, flags })
    }

    fn give(&mut self) -> Result<Return> {
        let number = self.integer()?;
        let what = match number & !INVERTED {
            0 => What::Nothing,
            1 => What::Index,
            2 => What::ReverseIndex,
            3 => What::Rank,
            4 => What::ReverseRank,
            5 => What::Count,
            6 => What::Key,
            7 => What::Value,
            8 => What::KeyValue,
            13 => What::Exists,
            16 => What::UnorderedMap,
            17 => What::OrderedMap,
            _ => {
                let detail = format!("{number} is no return type");
                return Err(error(ErrorKind::NotApplicable, detail));
            }
        };
        Ok(Return { what, inverted: number & INVERTED != 0 })
    }

    /// What a get-by operation of a list picks; remove-by operations have the same order.
    fn list_pick(&mut self, number: i64) -> Result<Pick> {
        Ok(match number {
            19 => Pick::Index(self.integer()?),
            20 => Pick::First(self.next()?.arg()?),
            21 => Pick::Rank(self.integer()?),
            22 => Pick::Value(self.next()?.arg()?),
            23 => Pick::Values(self.list()?),
            24 => Pick::Indexes(self.span()?),
            25 => Pick::ValueInterval(self.interval()?),
            26 => Pick::Ranks(self.span()?),
            _ => Pick::ValueRelative(self.next()?.arg()?, self.span()?),
        })
    }

    /// What an operation on one pair of a map picks: by key, place, value or rank.
    fn map_pick_one(&mut self, which: i64) -> Result<Pick> {
        Ok(match which {
            0 => Pick::Key(self.next()?.arg()?),
            1 => Pick::Index(self.integer()?),
            2 => Pick::First(self.next()?.arg()?),
            _ => Pick::Rank(self.integer()?),
        })
    }
}

fn list_order(number: i64) -> Result<ListOrder> {
    match number & !PERSIST_INDEX {
        0 => Ok(ListOrder::Unordered),
        1 => Ok(ListOrder::Ordered),
        _ => Err(error(ErrorKind::Parameter, format!("{number} is no order of a list"))),
    }
}

fn map_order(number: i64) -> Result<MapOrder> {
    match number & !PERSIST_INDEX {
        0 => Ok(MapOrder::Unordered),
        1 => Ok(MapOrder::KeyOrdered),
        3 => Ok(MapOrder::KeyValueOrdered),
        _ => Err(error(ErrorKind::Parameter, format!("{number} is no order of a map"))),
    }
}

fn unknown(number: i64) -> model::Error {
    error(ErrorKind::Parameter, format!("{number} is no operation on a list or a map"))
}
