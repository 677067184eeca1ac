//! Operations on a list.

use std::collections::BTreeSet;

use model::limits::RECORD_SIZE_DEFAULT;
use model::{ErrorKind, List, ListOrder, Result, Value};

use super::answer::{Answer, answer, count};
use super::error;
use super::number::{sum, zero_for};
use super::op::{ListEdit, ListFlags, ListRead, Pick, Return};
use super::select::{Picked, picked, place};

/// Longest list that a place behind the end fills up with nil: as many as a record of usual size could
/// hold. Else a request of ten bytes would take all memory.
pub(super) const PADDED_MAX: usize = RECORD_SIZE_DEFAULT;

/// Answers what is asked of a list.
pub(super) fn read(list: &List, read: &ListRead) -> Result<Option<Answer>> {
    match read {
        ListRead::Size => Ok(count(list.len())),
        ListRead::Get(at) => Ok(Some(list[place(*at, list.len())?].clone().into())),
        ListRead::Range(span) => {
            let items = list[span.within(list.len())].to_vec();
            Ok(Some(Value::list(items).into()))
        }
        ListRead::By(pick, give) => answer(list, &picked(list, pick, give.inverted)?, give.what),
    }
}

/// Does something to a list. Where it fails, the list may have changed.
pub(super) fn edit(list: &mut List, edit: ListEdit) -> Result<Option<Answer>> {
    let len = list.len();
    match edit {
        ListEdit::SetOrder(order) => *list = List::new(std::mem::take(&mut list.items), order),
        ListEdit::Append { items, flags, .. } => return append(list, items, flags),
        ListEdit::Insert { at, items, flags } => return insert(list, at, items, flags),
        ListEdit::Set { at, value, flags } => set(list, at, value, flags)?,
        ListEdit::Increment { at, by, flags, .. } => return increment(list, at, &by, flags),
        ListEdit::Pop(at) => return Ok(Some(list.remove(place(at, len)?).into())),
        ListEdit::PopRange(span) => {
            let gone: Vec<Value> = list.drain(span.within(len)).collect();
            return Ok(Some(Value::list(gone).into()));
        }
        ListEdit::Remove(at) => {
            list.remove(place(at, len)?);
            return Ok(count(1));
        }
        ListEdit::RemoveRange(span) => return Ok(count(list.drain(span.within(len)).count())),
        ListEdit::Trim(span) => {
            let kept = span.within(len);
            list.truncate(kept.end);
            list.drain(..kept.start);
            return Ok(count(len - kept.len()));
        }
        ListEdit::Clear => list.clear(),
        ListEdit::Sort { descending, unique } => sort(list, descending, unique),
        ListEdit::RemoveBy(pick, give) => return remove(list, &pick, give),
    }
    Ok(None)
}

/// The list that an operation makes where there is none; `None` if it does not make one.
pub(super) fn made_for(edit: &ListEdit) -> Option<List> {
    match edit {
        ListEdit::SetOrder(order)
        | ListEdit::Append { order, .. }
        | ListEdit::Increment { order, .. } => Some(List::new(Vec::new(), *order)),
        ListEdit::Insert { .. } | ListEdit::Set { .. } => Some(List::default()),
        _ => None,
    }
}

fn append(list: &mut List, items: Vec<Value>, flags: ListFlags) -> Result<Option<Answer>> {
    let items = admitted(list, items, flags)?;
    match (list.order, items.len()) {
        (ListOrder::Unordered, _) => list.extend(items),
        (ListOrder::Ordered, 1) => items.into_iter().for_each(|item| put_in_order(list, item)),
        (ListOrder::Ordered, _) => {
            list.extend(items);
            list.sort();
        }
    }
    Ok(count(list.len()))
}

fn insert(list: &mut List, at: i64, items: Vec<Value>, flags: ListFlags) -> Result<Option<Answer>> {
    only_unordered(list, "insert")?;
    if let Some(at) = padded_place(list, at, flags)? {
        let items = admitted(list, items, flags)?;
        if !items.is_empty() {
            pad(list, at);
            list.splice(at..at, items);
        }
    }
    Ok(count(list.len()))
}

fn set(list: &mut List, at: i64, value: Value, flags: ListFlags) -> Result<()> {
    only_unordered(list, "set")?;
    let Some(at) = padded_place(list, at, flags)? else { return Ok(()) };
    for value in admitted(list, vec![value], flags)? {
        pad(list, at + 1);
        list[at] = value;
    }
    Ok(())
}

fn increment(list: &mut List, at: i64, by: &Value, flags: ListFlags) -> Result<Option<Answer>> {
    let Some(at) = padded_place(list, at, flags)? else { return Ok(Some(by.clone().into())) };
    if at > list.len() {
        only_unordered(list, "increment")?;
    }
    let value = match list.get(at) {
        Some(number) => sum(number, by)?,
        None => sum(&zero_for(by), by)?,
    };
    // Aerospike answers the sum even where `no_fail` has kept it out.
    let answer = Some(value.clone().into());
    for value in admitted(list, vec![value], flags)? {
        match list.order {
            ListOrder::Unordered => {
                pad(list, at + 1);
                list[at] = value;
            }
            ListOrder::Ordered => {
                if at < list.len() {
                    list.remove(at);
                }
                put_in_order(list, value);
            }
        }
    }
    Ok(answer)
}

fn sort(list: &mut List, descending: bool, unique: bool) {
    list.sort();
    if unique {
        list.dedup();
    }
    if descending && list.order == ListOrder::Unordered {
        list.reverse();
    }
}

fn remove(list: &mut List, pick: &Pick, give: Return) -> Result<Option<Answer>> {
    let picked = picked(list, pick, give.inverted)?;
    let answer = answer(list, &picked, give.what)?;
    take_out(&mut list.items, &picked);
    Ok(answer)
}

/// Takes the elements that were picked out of all.
pub(super) fn take_out<T>(items: &mut Vec<T>, picked: &Picked) {
    if let [place] = picked.places[..] {
        items.remove(place);
        return;
    }
    let mut kept = vec![true; items.len()];
    picked.places.iter().for_each(|place| kept[*place] = false);
    let mut kept = kept.into_iter();
    items.retain(|_| kept.next().unwrap_or(true));
}

/// Puts an item where it belongs, behind those that are equal.
fn put_in_order(list: &mut List, item: Value) {
    let at = list.partition_point(|known| *known <= item);
    list.insert(at, item);
}

/// The items that may get in.
fn admitted(list: &List, mut items: Vec<Value>, flags: ListFlags) -> Result<Vec<Value>> {
    if !flags.add_unique {
        return Ok(items);
    }
    let new = are_new(list, &items);
    if new.iter().all(|new| *new) {
        return Ok(items);
    }
    if !flags.no_fail {
        let detail = "an item is in the list already, and only unique ones may be added";
        return Err(error(ErrorKind::ElementExists, detail));
    }
    let mut new = new.into_iter().map(|new| new && flags.partial);
    items.retain(|_| new.next().unwrap_or(false));
    Ok(items)
}

/// For each of the items whether neither the list nor the items before it have it.
fn are_new(list: &List, items: &[Value]) -> Vec<bool> {
    if let [item] = items {
        return vec![!list.contains(item)];
    }
    let mut known: BTreeSet<&Value> = list.iter().collect();
    items.iter().map(|item| known.insert(item)).collect()
}

/// The place that `at` means to who may go behind the end; `None` where flags keep that from failing.
fn padded_place(list: &List, at: i64, flags: ListFlags) -> Result<Option<usize>> {
    if at < 0 {
        return place(at, list.len()).map(Some);
    }
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    if flags.insert_bounded && at > list.len() {
        if flags.no_fail {
            return Ok(None);
        }
        let detail = format!("place {at} is behind the end of a list of {}", list.len());
        return Err(error(ErrorKind::NotApplicable, detail));
    }
    if at > list.len() && at >= PADDED_MAX {
        let detail = format!("a list of {at} elements is too long for a record");
        return Err(error(ErrorKind::RecordTooBig, detail));
    }
    Ok(Some(at))
}

/// Makes a list at least `len` long.
pub(super) fn pad(list: &mut List, len: usize) {
    if list.len() < len {
        list.resize(len, Value::Nil);
    }
}

fn only_unordered(list: &List, what: &str) -> Result<()> {
    match list.order {
        ListOrder::Unordered => Ok(()),
        ListOrder::Ordered => {
            let detail = format!("{what} names a place, but the list keeps its elements in order");
            Err(error(ErrorKind::NotApplicable, detail))
        }
    }
}
