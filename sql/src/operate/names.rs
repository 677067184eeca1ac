//! The operations by name, and what each takes.

use model::{Name, Value, limits};

use crate::resolve::nearest;
use crate::{SqlError, SqlResult};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Touch,
    Delete,
    Read,
    Write,
    Append,
    Prepend,
    Incr,
    ListAppend,
    ListInsert,
    ListSet,
    ListGet,
    ListPop,
    ListRemove,
    ListAppendItems,
    ListInsertItems,
    ListGetRange,
    ListPopRange,
    ListRemoveRange,
    ListTrim,
    ListIncrement,
    ListClear,
    ListSize,
    ListGetBy(By),
    ListRemoveBy(By),
    MapPut,
    MapPutItems,
    MapIncrement,
    MapDecrement,
    MapClear,
    MapSetType,
    MapSize,
    MapGetBy(By),
    MapRemoveBy(By),
}

/// By what elements are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Key,
    KeyList,
    /// From the first on, up to before the second; nil is no bound there.
    KeyRange,
    Value,
    ValueList,
    ValueRange,
    /// Place; negative from the end.
    Index,
    IndexRange,
    /// Place in the order of the values; negative from the highest.
    Rank,
    RankRange,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Any,
    Index,
    /// An index or a number of elements, which may be left out.
    Count,
    Number,
    Text,
    List,
    Map,
}

/// How an operation is written.
pub(super) struct Shape {
    pub(super) name: &'static str,
    verb: Verb,
    takes: &'static [Takes],
    pub(super) takes_policy: bool,
}

const fn row(name: &'static str, verb: Verb, takes: &'static [Takes]) -> Shape {
    Shape { name, verb, takes, takes_policy: false }
}

const fn put(name: &'static str, verb: Verb, takes: &'static [Takes]) -> Shape {
    Shape { name, verb, takes, takes_policy: true }
}

use By as P;
use Takes::{Any, Count, Index, List, Map, Number, Text};
use Verb::*;

const TABLE: &[Shape] = &[
    row("TOUCH", Touch, &[]),
    row("DELETE", Delete, &[]),
    row("READ", Read, &[]),
    row("WRITE", Write, &[Any]),
    row("APPEND", Append, &[Text]),
    row("PREPEND", Prepend, &[Text]),
    row("INCR", Incr, &[Number]),
    row("LIST_APPEND", ListAppend, &[Any]),
    row("LIST_INSERT", ListInsert, &[Index, Any]),
    row("LIST_SET", ListSet, &[Index, Any]),
    row("LIST_GET", ListGet, &[Index]),
    row("LIST_POP", ListPop, &[Index]),
    row("LIST_REMOVE", ListRemove, &[Index]),
    row("LIST_APPEND_ITEMS", ListAppendItems, &[List]),
    row("LIST_INSERT_ITEMS", ListInsertItems, &[Index, List]),
    row("LIST_GET_RANGE", ListGetRange, &[Index, Count]),
    row("LIST_POP_RANGE", ListPopRange, &[Index, Count]),
    row("LIST_REMOVE_RANGE", ListRemoveRange, &[Index, Count]),
    row("LIST_TRIM", ListTrim, &[Index, Count]),
    row("LIST_INCREMENT", ListIncrement, &[Index, Number]),
    row("LIST_CLEAR", ListClear, &[]),
    row("LIST_SIZE", ListSize, &[]),
    row("LIST_GET_BY_INDEX", ListGetBy(P::Index), &[Index]),
    row("LIST_GET_BY_INDEX_RANGE", ListGetBy(P::IndexRange), &[Index, Count]),
    row("LIST_GET_BY_RANK", ListGetBy(P::Rank), &[Index]),
    row("LIST_GET_BY_RANK_RANGE", ListGetBy(P::RankRange), &[Index, Count]),
    row("LIST_GET_BY_VALUE", ListGetBy(P::Value), &[Any]),
    row("LIST_GET_BY_VALUE_RANGE", ListGetBy(P::ValueRange), &[Any, Any]),
    row("LIST_GET_BY_VALUE_LIST", ListGetBy(P::ValueList), &[List]),
    row("LIST_REMOVE_BY_INDEX", ListRemoveBy(P::Index), &[Index]),
    row("LIST_REMOVE_BY_INDEX_RANGE", ListRemoveBy(P::IndexRange), &[Index, Count]),
    row("LIST_REMOVE_BY_RANK", ListRemoveBy(P::Rank), &[Index]),
    row("LIST_REMOVE_BY_RANK_RANGE", ListRemoveBy(P::RankRange), &[Index, Count]),
    row("LIST_REMOVE_BY_VALUE", ListRemoveBy(P::Value), &[Any]),
    row("LIST_REMOVE_BY_VALUE_RANGE", ListRemoveBy(P::ValueRange), &[Any, Any]),
    row("LIST_REMOVE_BY_VALUE_LIST", ListRemoveBy(P::ValueList), &[List]),
    put("MAP_PUT", MapPut, &[Any, Any]),
    put("MAP_PUT_ITEMS", MapPutItems, &[Map]),
    put("MAP_INCREMENT", MapIncrement, &[Any, Number]),
    put("MAP_DECREMENT", MapDecrement, &[Any, Number]),
    row("MAP_CLEAR", MapClear, &[]),
    row("MAP_SET_TYPE", MapSetType, &[Text]),
    row("MAP_SIZE", MapSize, &[]),
    row("MAP_GET_BY_KEY", MapGetBy(P::Key), &[Any]),
    row("MAP_GET_BY_KEY_LIST", MapGetBy(P::KeyList), &[List]),
    row("MAP_GET_BY_KEY_RANGE", MapGetBy(P::KeyRange), &[Any, Any]),
    row("MAP_GET_BY_VALUE", MapGetBy(P::Value), &[Any]),
    row("MAP_GET_BY_VALUE_LIST", MapGetBy(P::ValueList), &[List]),
    row("MAP_GET_BY_VALUE_RANGE", MapGetBy(P::ValueRange), &[Any, Any]),
    row("MAP_GET_BY_INDEX", MapGetBy(P::Index), &[Index]),
    row("MAP_GET_BY_INDEX_RANGE", MapGetBy(P::IndexRange), &[Index, Count]),
    row("MAP_GET_BY_RANK", MapGetBy(P::Rank), &[Index]),
    row("MAP_GET_BY_RANK_RANGE", MapGetBy(P::RankRange), &[Index, Count]),
    row("MAP_REMOVE_BY_KEY", MapRemoveBy(P::Key), &[Any]),
    row("MAP_REMOVE_BY_KEY_LIST", MapRemoveBy(P::KeyList), &[List]),
    row("MAP_REMOVE_BY_KEY_RANGE", MapRemoveBy(P::KeyRange), &[Any, Any]),
    row("MAP_REMOVE_BY_VALUE", MapRemoveBy(P::Value), &[Any]),
    row("MAP_REMOVE_BY_VALUE_LIST", MapRemoveBy(P::ValueList), &[List]),
    row("MAP_REMOVE_BY_VALUE_RANGE", MapRemoveBy(P::ValueRange), &[Any, Any]),
    row("MAP_REMOVE_BY_INDEX", MapRemoveBy(P::Index), &[Index]),
    row("MAP_REMOVE_BY_INDEX_RANGE", MapRemoveBy(P::IndexRange), &[Index, Count]),
    row("MAP_REMOVE_BY_RANK", MapRemoveBy(P::Rank), &[Index]),
    row("MAP_REMOVE_BY_RANK_RANGE", MapRemoveBy(P::RankRange), &[Index, Count]),
];

/// The operation of this name.
pub(super) fn find(name: &str) -> SqlResult<(Verb, &'static Shape)> {
    let found = TABLE.iter().find(|shape| shape.name.eq_ignore_ascii_case(name));
    found.map(|shape| (shape.verb, shape)).ok_or_else(|| {
        let error = SqlError::new("42883", format!("operation {name} does not exist"));
        match nearest(name, TABLE.iter().map(|shape| shape.name)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("READ, WRITE, INCR, APPEND, TOUCH, LIST_.. and MAP_.. are there"),
        }
    })
}

impl Shape {
    /// The bin's name, once everything that is given is what it should be.
    pub(super) fn check(&self, bin: Option<String>, args: &[Value]) -> SqlResult<Option<Name>> {
        let least = self.takes.iter().filter(|takes| **takes != Count).count();
        let fits = (least..=self.takes.len()).contains(&args.len())
            && self.takes.iter().zip(args).all(|(takes, arg)| takes.fits(arg))
            && bin.is_some() != matches!(self.verb, Touch | Delete);
        if !fits {
            return Err(SqlError::new("22023", format!("{} does not take this", self.name))
                .hint(format!("it is written {}", self.written())));
        }
        if let Some(bin) = &bin {
            let check = limits::check_bin(bin);
            check
                .map_err(|error| SqlError::new("42602", error.detail).hint("choose another bin"))?;
        }
        Ok(bin.map(|bin| Name::from(bin.as_str())))
    }

    fn written(&self) -> String {
        let arg = |takes: &Takes| match takes {
            Any => ", value",
            Index => ", index",
            Count => " [, count]",
            Number => ", number",
            Text => ", 'text'",
            List => ", LIST('[..]')",
            Map => ", MAP('{..}')",
        };
        let args: String = self.takes.iter().map(arg).collect();
        match self.verb {
            Touch | Delete => format!("{}()", self.name),
            _ => format!("{}(bin{args})", self.name),
        }
    }
}

impl Takes {
    fn fits(self, arg: &Value) -> bool {
        match self {
            Any => true,
            Index | Count => matches!(arg, Value::Integer(_)),
            Number => matches!(arg, Value::Integer(_) | Value::Double(_)),
            Text => matches!(arg, Value::String(_)),
            List => matches!(arg, Value::List(_)),
            Map => matches!(arg, Value::Map(_)),
        }
    }
}
