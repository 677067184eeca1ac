//! The arguments of operations, one after the other as they travel.

use model::msgpack::{Arg, Reader};
use model::{ErrorKind, ListOrder, Map, MapOrder, Result, Value};

use super::error;
use super::op::*;

/// Flag of a return type: all others.
const INVERTED: i64 = 0x1_0000;
/// Flag of an order: keep an index of places with the value. Accepted; places need no index here.
const PERSIST_INDEX: i64 = 0x10;

/// A list of arguments.
pub(super) fn list(reader: &mut Reader) -> Result<Vec<Arg>> {
    match reader.arg()? {
        Arg::List(args) => Ok(args),
        Arg::Value(Value::List(list)) => Ok(list.into_iter().map(Arg::Value).collect()),
        _ => Err(error(ErrorKind::Parameter, "an argument should be a list and is none")),
    }
}

/// What is left of an operation's arguments.
pub(super) struct Args<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    pub(super) left: usize,
}

impl<'r, 'a> Args<'r, 'a> {
    pub(super) fn of(reader: &'r mut Reader<'a>) -> Result<Args<'r, 'a>> {
        let left = reader.list_header()?;
        Ok(Args { reader, left })
    }

    /// The reader, at the next argument.
    pub(super) fn next(&mut self) -> Result<&mut Reader<'a>> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            error(ErrorKind::Parameter, "the operation takes more arguments than it was given")
        })?;
        Ok(self.reader)
    }

    pub(super) fn end(&self) -> Result<()> {
        match self.left {
            0 => Ok(()),
            n => {
                let detail = format!("the operation was given {n} arguments too many");
                Err(error(ErrorKind::Parameter, detail))
            }
        }
    }

    pub(super) fn value(&mut self) -> Result<Value> {
        self.next()?.value()
    }

    pub(super) fn value_or(&mut self, absent: Value) -> Result<Value> {
        if self.left == 0 { Ok(absent) } else { self.value() }
    }

    pub(super) fn integer(&mut self) -> Result<i64> {
        self.next()?.integer()
    }

    pub(super) fn integer_or(&mut self, absent: i64) -> Result<i64> {
        if self.left == 0 { Ok(absent) } else { self.integer() }
    }

    pub(super) fn flags(&mut self, known: i64) -> Result<i64> {
        let flags = self.integer_or(0)?;
        if flags & !known == 0 {
            return Ok(flags);
        }
        let detail = format!("{flags:#x} are no flags of this operation; it knows {known:#x}");
        Err(error(ErrorKind::Parameter, detail))
    }

    pub(super) fn list_flags(&mut self) -> Result<ListFlags> {
        let flags = self.flags(0xf)?;
        Ok(ListFlags {
            add_unique: flags & 1 != 0,
            insert_bounded: flags & 2 != 0,
            no_fail: flags & 4 != 0,
            partial: flags & 8 != 0,
        })
    }

    pub(super) fn map_flags(&mut self) -> Result<MapFlags> {
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
    pub(super) fn span(&mut self) -> Result<Span> {
        let start = self.integer()?;
        let count = u64::try_from(self.integer_or(-1)?).ok();
        Ok(Span { start, count })
    }

    pub(super) fn interval(&mut self) -> Result<Interval> {
        let from = self.next()?.arg()?;
        let to = if self.left == 0 { None } else { Some(self.next()?.arg()?) };
        Ok(Interval { from, to })
    }

    pub(super) fn list(&mut self) -> Result<Vec<Arg>> {
        list(self.next()?)
    }

    pub(super) fn items(&mut self) -> Result<Vec<Value>> {
        match self.value()? {
            Value::List(list) => Ok(list.items),
            other => {
                let detail = format!("the items should be a list, not a {}", other.value_type());
                Err(error(ErrorKind::Parameter, detail))
            }
        }
    }

    pub(super) fn pair(&mut self) -> Result<Vec<(Value, Value)>> {
        Ok(vec![(self.value()?, self.value()?)])
    }

    pub(super) fn pairs(&mut self) -> Result<Vec<(Value, Value)>> {
        match self.value()? {
            Value::Map(Map { pairs, .. }) => Ok(pairs),
            other => {
                let detail = format!("the items should be a map, not a {}", other.value_type());
                Err(error(ErrorKind::Parameter, detail))
            }
        }
    }

    pub(super) fn append(
        &mut self,
        items: impl Fn(&mut Self) -> Result<Vec<Value>>,
    ) -> Result<ListEdit> {
        let items = items(self)?;
        let order = list_order(self.integer_or(0)?)?;
        Ok(ListEdit::Append { items, order, flags: self.list_flags()? })
    }

    /// A put of these pairs; flags come with the payload, or from the operation of an old client.
    pub(super) fn put(
        &mut self,
        pairs: impl Fn(&mut Self) -> Result<Vec<(Value, Value)>>,
        flags: Option<MapFlags>,
    ) -> Result<MapEdit> {
        let pairs = pairs(self)?;
        let order = map_order(self.integer_or(0)?)?;
        let flags = flags.map_or_else(|| self.map_flags(), Ok)?;
        Ok(MapEdit::Put { pairs, order, flags })
    }

    pub(super) fn give(&mut self) -> Result<Return> {
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
    pub(super) fn list_pick(&mut self, number: i64) -> Result<Pick> {
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
    pub(super) fn map_pick_one(&mut self, which: i64) -> Result<Pick> {
        Ok(match which {
            0 => Pick::Key(self.next()?.arg()?),
            1 => Pick::Index(self.integer()?),
            2 => Pick::First(self.next()?.arg()?),
            _ => Pick::Rank(self.integer()?),
        })
    }
}

pub(super) fn list_order(number: i64) -> Result<ListOrder> {
    match number & !PERSIST_INDEX {
        0 => Ok(ListOrder::Unordered),
        1 => Ok(ListOrder::Ordered),
        _ => Err(error(ErrorKind::Parameter, format!("{number} is no order of a list"))),
    }
}

pub(super) fn map_order(number: i64) -> Result<MapOrder> {
    match number & !PERSIST_INDEX {
        0 => Ok(MapOrder::Unordered),
        1 => Ok(MapOrder::KeyOrdered),
        3 => Ok(MapOrder::KeyValueOrdered),
        _ => Err(error(ErrorKind::Parameter, format!("{number} is no order of a map"))),
    }
}
