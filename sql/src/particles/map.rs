//! Operations on maps.

use model::{MapOrder, Value};
use particle::cdt::{self, MapEdit, MapFlags, MapRead, Pick};

use super::Family;
use super::call::{Call, answered};
use crate::SqlResult;

pub(super) const FAMILY: Family = &[
    ("map_put(map, key, any, [text]) same", |mut c| {
        let pairs = vec![(c.value(1), c.value(2))];
        put(&mut c, pairs, 3)
    }),
    ("map_put_items(map, map, [text]) same", |mut c| match c.given(1) {
        Some(Value::Map(items)) => {
            let pairs = items.pairs.clone();
            put(&mut c, pairs, 2)
        }
        other => Err(c.wrong("a map", other)),
    }),
    ("map_increment(map, key, [any]) same", |c| {
        let by = c.given(2).cloned().unwrap_or(Value::Integer(1));
        increased(c, by)
    }),
    ("map_decrement(map, key, [any]) same", |c| match c.given(2) {
        None => increased(c, Value::Integer(-1)),
        Some(Value::Integer(by)) => {
            let by = Value::Integer(by.wrapping_neg());
            increased(c, by)
        }
        Some(Value::Double(by)) => {
            let by = Value::Double(-by);
            increased(c, by)
        }
        other => Err(c.wrong("a number", other)),
    }),
    ("map_clear(map) same", |c| changed(c, |_| Ok(MapEdit::Clear))),
    ("map_size(map) int8", |c| asked(c, |_| Ok(MapRead::Size))),
    ("map_get_by_key(map, key, [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Key(c.bound(1)), c.what(2)?)))
    }),
    ("map_remove_by_key(map, key) same", |c| removed(c, |c| Ok(Pick::Key(c.bound(1))))),
    ("map_get_by_key_list(map, keys, [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Keys(c.bounds(1)?), c.what(2)?)))
    }),
    ("map_remove_by_key_list(map, keys) same", |c| removed(c, |c| Ok(Pick::Keys(c.bounds(1)?)))),
    ("map_get_by_key_range(map, key, [key], [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::KeyInterval(c.interval(1)), c.what(3)?)))
    }),
    ("map_remove_by_key_range(map, key, [key]) same", |c| {
        removed(c, |c| Ok(Pick::KeyInterval(c.interval(1))))
    }),
    ("map_get_by_key_index_range_relative(map, key, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::KeyRelative(c.bound(1), c.span(2)?), c.what(4)?)))
    }),
    ("map_remove_by_key_index_range_relative(map, key, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::KeyRelative(c.bound(1), c.span(2)?)))
    }),
    ("map_get_by_index(map, integer, [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Index(c.integer(1)?), c.what(2)?)))
    }),
    ("map_remove_by_index(map, integer) same", |c| removed(c, |c| Ok(Pick::Index(c.integer(1)?)))),
    ("map_get_by_index_range(map, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Indexes(c.span(1)?), c.what(3)?)))
    }),
    ("map_remove_by_index_range(map, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::Indexes(c.span(1)?)))
    }),
    ("map_get_by_rank(map, integer, [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Rank(c.integer(1)?), c.what(2)?)))
    }),
    ("map_remove_by_rank(map, integer) same", |c| removed(c, |c| Ok(Pick::Rank(c.integer(1)?)))),
    ("map_get_by_rank_range(map, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Ranks(c.span(1)?), c.what(3)?)))
    }),
    ("map_remove_by_rank_range(map, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::Ranks(c.span(1)?)))
    }),
    ("map_get_by_value(map, any, [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Value(c.bound(1)), c.what(2)?)))
    }),
    ("map_remove_by_value(map, any) same", |c| removed(c, |c| Ok(Pick::Value(c.bound(1))))),
    ("map_get_by_value_list(map, list, [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::Values(c.bounds(1)?), c.what(2)?)))
    }),
    ("map_remove_by_value_list(map, list) same", |c| {
        removed(c, |c| Ok(Pick::Values(c.bounds(1)?)))
    }),
    ("map_get_by_value_range(map, any, [any], [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::ValueInterval(c.interval(1)), c.what(3)?)))
    }),
    ("map_remove_by_value_range(map, any, [any]) same", |c| {
        removed(c, |c| Ok(Pick::ValueInterval(c.interval(1))))
    }),
    ("map_get_by_value_rank_range_relative(map, any, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(MapRead::By(Pick::ValueRelative(c.bound(1), c.span(2)?), c.what(4)?)))
    }),
    ("map_remove_by_value_rank_range_relative(map, any, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::ValueRelative(c.bound(1), c.span(2)?)))
    }),
];

/// Which keys a put may write, by name.
const WRITES: [(&str, MapFlags); 3] = [
    (
        "default",
        MapFlags { create_only: false, update_only: false, no_fail: false, partial: false },
    ),
    (
        "create_only",
        MapFlags { create_only: true, update_only: false, no_fail: false, partial: false },
    ),
    (
        "update_only",
        MapFlags { create_only: false, update_only: true, no_fail: false, partial: false },
    ),
];

/// The map with these pairs; of NULL a map of them alone.
fn put(c: &mut Call, pairs: Vec<(Value, Value)>, flags: usize) -> SqlResult<Option<Value>> {
    let edit = MapEdit::Put { pairs, order: MapOrder::Unordered, flags: c.word(flags, &WRITES)? };
    Ok(cdt::edit_map(c.subject(), edit)?.bin)
}

fn increased(c: Call, by: Value) -> SqlResult<Option<Value>> {
    changed(c, |c| Ok(MapEdit::Add { key: c.value(1), by, order: MapOrder::Unordered }))
}

fn changed(
    mut c: Call,
    edit: impl FnOnce(&Call) -> SqlResult<MapEdit>,
) -> SqlResult<Option<Value>> {
    let edit = edit(&c)?;
    Ok(cdt::edit_map(c.subject(), edit)?.bin)
}

fn removed(c: Call, pick: impl FnOnce(&Call) -> SqlResult<Pick>) -> SqlResult<Option<Value>> {
    changed(c, |c| Ok(MapEdit::RemoveBy(pick(c)?, cdt::What::Nothing.into())))
}

fn asked(mut c: Call, read: impl FnOnce(&Call) -> SqlResult<MapRead>) -> SqlResult<Option<Value>> {
    let read = read(&c)?;
    answered(cdt::read_map(c.subject().as_ref(), read))
}
