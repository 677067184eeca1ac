//! Operations on lists.

use model::{ListOrder, Value};
use particle::cdt::{self, ListEdit, ListFlags, ListRead, Pick};

use super::Family;
use super::call::{Call, answered};
use crate::SqlResult;

pub(super) const FAMILY: Family = &[
    ("list_append(list, any) same", |mut c| {
        let items = vec![c.value(1)];
        added(&mut c, |flags, order| ListEdit::Append { items, order, flags })
    }),
    ("list_append_items(list, list) same", |mut c| {
        let items = c.items(1)?;
        added(&mut c, |flags, order| ListEdit::Append { items, order, flags })
    }),
    ("list_insert(list, integer, any) same", |mut c| {
        let (at, items) = (c.integer(1)?, vec![c.value(2)]);
        added(&mut c, |flags, _| ListEdit::Insert { at, items, flags })
    }),
    ("list_insert_items(list, integer, list) same", |mut c| {
        let (at, items) = (c.integer(1)?, c.items(2)?);
        added(&mut c, |flags, _| ListEdit::Insert { at, items, flags })
    }),
    ("list_set(list, integer, any) same", |mut c| {
        let (at, value) = (c.integer(1)?, c.value(2));
        added(&mut c, |flags, _| ListEdit::Set { at, value, flags })
    }),
    ("list_pop(list, integer) same", |c| changed(c, |c| Ok(ListEdit::Pop(c.integer(1)?)))),
    ("list_pop_range(list, integer, [integer]) same", |c| {
        changed(c, |c| Ok(ListEdit::PopRange(c.span(1)?)))
    }),
    ("list_remove_range(list, integer, [integer]) same", |c| {
        changed(c, |c| Ok(ListEdit::RemoveRange(c.span(1)?)))
    }),
    ("list_trim(list, integer, integer) same", |c| changed(c, |c| Ok(ListEdit::Trim(c.span(1)?)))),
    ("list_clear(list) same", |c| changed(c, |_| Ok(ListEdit::Clear))),
    ("list_increment(list, integer, [any]) same", |c| {
        changed(c, |c| {
            let by = c.given(2).cloned().unwrap_or(Value::Integer(1));
            let (order, flags) = (ListOrder::Unordered, ListFlags::default());
            Ok(ListEdit::Increment { at: c.integer(1)?, by, order, flags })
        })
    }),
    ("list_sort(list, [text]) same", |c| {
        changed(c, |c| {
            let orders = [("ascending", (false, false)), ("descending", (true, false))];
            let unique = [("drop_duplicates", (false, true))];
            let (descending, unique) = c.word(1, &[&orders[..], &unique[..]].concat())?;
            Ok(ListEdit::Sort { descending, unique })
        })
    }),
    ("list_size(list) int8", |c| asked(c, |_| Ok(ListRead::Size))),
    ("list_get(list, integer) jsonb", |c| asked(c, |c| Ok(ListRead::Get(c.integer(1)?)))),
    ("list_get_range(list, integer, [integer]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::Range(c.span(1)?)))
    }),
    ("list_get_by_index(list, integer, [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::Index(c.integer(1)?), c.what(2)?)))
    }),
    ("list_remove_by_index(list, integer) same", |c| {
        removed(c, |c| Ok(Pick::Index(c.integer(1)?)))
    }),
    ("list_get_by_index_range(list, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::Indexes(c.span(1)?), c.what(3)?)))
    }),
    ("list_remove_by_index_range(list, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::Indexes(c.span(1)?)))
    }),
    ("list_get_by_rank(list, integer, [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::Rank(c.integer(1)?), c.what(2)?)))
    }),
    ("list_remove_by_rank(list, integer) same", |c| removed(c, |c| Ok(Pick::Rank(c.integer(1)?)))),
    ("list_get_by_rank_range(list, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::Ranks(c.span(1)?), c.what(3)?)))
    }),
    ("list_remove_by_rank_range(list, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::Ranks(c.span(1)?)))
    }),
    ("list_get_by_value(list, any, [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::Value(c.bound(1)), c.what(2)?)))
    }),
    ("list_remove_by_value(list, any) same", |c| removed(c, |c| Ok(Pick::Value(c.bound(1))))),
    ("list_get_by_value_list(list, list, [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::Values(c.bounds(1)?), c.what(2)?)))
    }),
    ("list_remove_by_value_list(list, list) same", |c| {
        removed(c, |c| Ok(Pick::Values(c.bounds(1)?)))
    }),
    ("list_get_by_value_range(list, any, [any], [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::ValueInterval(c.interval(1)), c.what(3)?)))
    }),
    ("list_remove_by_value_range(list, any, [any]) same", |c| {
        removed(c, |c| Ok(Pick::ValueInterval(c.interval(1))))
    }),
    ("list_get_by_value_rank_range_relative(list, any, integer, [integer], [text]) jsonb", |c| {
        asked(c, |c| Ok(ListRead::By(Pick::ValueRelative(c.bound(1), c.span(2)?), c.what(4)?)))
    }),
    ("list_remove_by_value_rank_range_relative(list, any, integer, [integer]) same", |c| {
        removed(c, |c| Ok(Pick::ValueRelative(c.bound(1), c.span(2)?)))
    }),
];

/// The list with more in it; of NULL a list of it alone.
fn added(
    c: &mut Call,
    edit: impl FnOnce(ListFlags, ListOrder) -> ListEdit,
) -> SqlResult<Option<Value>> {
    let edit = edit(ListFlags::default(), ListOrder::Unordered);
    Ok(cdt::edit_list(c.subject(), edit)?.bin)
}

fn changed(
    mut c: Call,
    edit: impl FnOnce(&Call) -> SqlResult<ListEdit>,
) -> SqlResult<Option<Value>> {
    let edit = edit(&c)?;
    Ok(cdt::edit_list(c.subject(), edit)?.bin)
}

fn removed(c: Call, pick: impl FnOnce(&Call) -> SqlResult<Pick>) -> SqlResult<Option<Value>> {
    changed(c, |c| Ok(ListEdit::RemoveBy(pick(c)?, cdt::What::Nothing.into())))
}

fn asked(mut c: Call, read: impl FnOnce(&Call) -> SqlResult<ListRead>) -> SqlResult<Option<Value>> {
    let read = read(&c)?;
    answered(cdt::read_list(c.subject().as_ref(), read))
}
