//! Operations on lists and maps, with their arguments, as SQL and payloads both say them.

use model::msgpack::Arg;
use model::{ListOrder, MapOrder, Value};

/// What is asked of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum ListRead {
    /// How many elements it has.
    Size,
    /// The element at a place, which must be there.
    Get(i64),
    /// The elements of a span.
    Range(Span),
    /// Something of the elements that are picked.
    By(Pick, Return),
}

/// What is done to a list.
#[derive(Debug, Clone, PartialEq)]
pub enum ListEdit {
    /// Declares the order; an ordered list is sorted at once. Answers nothing.
    SetOrder(ListOrder),
    /// Puts items behind the others, or where they belong. Answers the size.
    Append {
        /// The items.
        items: Vec<Value>,
        /// The order of a list that is made for them.
        order: ListOrder,
        /// What may go wrong with them.
        flags: ListFlags,
    },
    /// Puts items before the element at a place. Answers the size.
    Insert {
        /// The place; one behind the end is filled up to with nil.
        at: i64,
        /// The items.
        items: Vec<Value>,
        /// What may go wrong with them.
        flags: ListFlags,
    },
    /// Takes the element at a place and answers it.
    Pop(i64),
    /// Takes the elements of a span and answers them.
    PopRange(Span),
    /// Takes the element at a place and answers 1.
    Remove(i64),
    /// Takes the elements of a span and answers how many they were.
    RemoveRange(Span),
    /// Replaces the element at a place. Answers nothing.
    Set {
        /// The place; one behind the end is filled up to with nil.
        at: i64,
        /// What comes there.
        value: Value,
        /// What may go wrong with it.
        flags: ListFlags,
    },
    /// Takes all elements but those of a span and answers how many they were.
    Trim(Span),
    /// Takes all elements. Answers nothing.
    Clear,
    /// Adds to the number at a place; one behind the end has 0, and is filled up to with nil. Answers
    /// the sum.
    Increment {
        /// The place.
        at: i64,
        /// What is added: an integer or a double.
        by: Value,
        /// The order of a list that is made for it.
        order: ListOrder,
        /// What may go wrong with it.
        flags: ListFlags,
    },
    /// Sorts the elements once. Answers nothing.
    Sort {
        /// The highest first; of no effect on a list that is declared ordered.
        descending: bool,
        /// Of equal elements one stays.
        unique: bool,
    },
    /// Takes the elements that are picked and answers something of them.
    RemoveBy(Pick, Return),
}

/// What is asked of a map.
#[derive(Debug, Clone, PartialEq)]
pub enum MapRead {
    /// How many pairs it has.
    Size,
    /// Something of the pairs that are picked.
    By(Pick, Return),
}

/// What is done to a map.
#[derive(Debug, Clone, PartialEq)]
pub enum MapEdit {
    /// Declares the order. Answers nothing.
    SetOrder(MapOrder),
    /// Puts pairs. Answers the size.
    Put {
        /// The pairs; of equal keys the last one counts.
        pairs: Vec<(Value, Value)>,
        /// The order of a map that is made for them.
        order: MapOrder,
        /// Which keys may be put.
        flags: MapFlags,
    },
    /// Adds to the number of a key; a key that is not there has 0. Answers the sum.
    Add {
        /// The key.
        key: Value,
        /// What is added: an integer or a double.
        by: Value,
        /// The order of a map that is made for it.
        order: MapOrder,
    },
    /// Takes all pairs. Answers nothing.
    Clear,
    /// Takes the pairs that are picked and answers something of them.
    RemoveBy(Pick, Return),
}

/// What may happen to items that a list gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListFlags {
    /// An item that is in the list already is an error.
    pub add_unique: bool,
    /// A place behind the end is an error.
    pub insert_bounded: bool,
    /// What would be an error changes nothing instead.
    pub no_fail: bool,
    /// With `no_fail`, the items that are no error get in.
    pub partial: bool,
}

/// Which keys may be put into a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MapFlags {
    /// A key that is there already is an error.
    pub create_only: bool,
    /// A key that is not there yet is an error.
    pub update_only: bool,
    /// What would be an error changes nothing instead.
    pub no_fail: bool,
    /// With `no_fail`, the pairs that are no error get in.
    pub partial: bool,
}

/// Places from `start` on. Places count from the end where `start` is negative, from 0 else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first place.
    pub start: i64,
    /// How many; `None` is up to the end.
    pub count: Option<u64>,
}

impl Span {
    /// The part of this span that lies within `len` places.
    pub(crate) fn within(self, len: usize) -> std::ops::Range<usize> {
        let from_end = if self.start < 0 { len as i128 } else { 0 };
        self.from(i128::from(self.start) + from_end, len)
    }

    /// The part within `len` places of this span, counted from place `base`.
    pub(crate) fn relative_to(self, base: usize, len: usize) -> std::ops::Range<usize> {
        self.from(i128::from(self.start) + base as i128, len)
    }

    fn from(self, start: i128, len: usize) -> std::ops::Range<usize> {
        let end = self.count.map_or(i128::MAX, |count| start + i128::from(count));
        let clamp = |at: i128| at.clamp(0, len as i128) as usize;
        clamp(start)..clamp(end).max(clamp(start))
    }
}

/// Elements from `from` on and below `to`; `None` is up to the highest.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The lowest.
    pub from: Arg,
    /// The first that is too high.
    pub to: Option<Arg>,
}

/// Which elements are meant. Ranks are places in the order of the values, the lowest first.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// The one at a place, which must be there.
    Index(i64),
    /// Those of a span of places.
    Indexes(Span),
    /// The one of a rank, which must be there.
    Rank(i64),
    /// Those of a span of ranks.
    Ranks(Span),
    /// The first of a value, if there is one.
    First(Arg),
    /// All of a value.
    Value(Arg),
    /// All of any of these values.
    Values(Vec<Arg>),
    /// All whose value lies in an interval.
    ValueInterval(Interval),
    /// A span of ranks, counted from the first that is not below a value.
    ValueRelative(Arg, Span),
    /// The one of a key, if it is there. Of maps only, as all with keys.
    Key(Arg),
    /// All of these keys.
    Keys(Vec<Arg>),
    /// All whose key lies in an interval.
    KeyInterval(Interval),
    /// A span of places, counted from the first whose key is not below a key.
    KeyRelative(Arg, Span),
}

/// What is answered of the elements that are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    /// What of each of them.
    pub what: What,
    /// Whether all others are meant. Not where one element is picked.
    pub inverted: bool,
}

/// What is answered of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Nothing.
    Nothing,
    /// Its place.
    Index,
    /// Its place, counted from the end.
    ReverseIndex,
    /// Its place in the order of the values.
    Rank,
    /// Its place in that order, counted from the highest.
    ReverseRank,
    /// How many there are.
    Count,
    /// Its key.
    Key,
    /// Its value.
    Value,
    /// Its key with its value, in the order in which they were picked.
    KeyValue,
    /// Whether there is any.
    Exists,
    /// Its key with its value, in an unordered map.
    UnorderedMap,
    /// Its key with its value, in a map ordered by key.
    OrderedMap,
}

impl From<What> for Return {
    fn from(what: What) -> Return {
        Return { what, inverted: false }
    }
}
