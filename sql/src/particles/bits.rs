//! Operations on the bits of a blob. Offsets and sizes count bits, from the highest of the first byte.

use model::{ErrorKind, Value};
use particle::bits::{
    Change, Combine, Edit, Overflow, Question, Range, Read, ResizeFlags, WriteFlags,
};

use super::Family;
use super::call::Call;
use crate::SqlResult;

pub(super) const FAMILY: Family = &[
    ("bit_resize(bytes, integer, [text]) bytea", |c| {
        edited(c, |c| {
            let plain = ResizeFlags::default();
            let flags = c.word(
                2,
                &[
                    ("default", plain),
                    ("from_front", ResizeFlags { from_front: true, ..plain }),
                    ("grow_only", ResizeFlags { grow_only: true, ..plain }),
                    ("shrink_only", ResizeFlags { shrink_only: true, ..plain }),
                ],
            )?;
            Ok(Change::Resize { size: c.integer(1)?, flags })
        })
    }),
    ("bit_insert(bytes, integer, bytes) bytea", |c| {
        edited(c, |c| Ok(Change::Insert { offset: c.integer(1)?, bytes: c.bytes(2)? }))
    }),
    ("bit_remove(bytes, integer, integer) bytea", |c| {
        edited(c, |c| Ok(Change::Remove { offset: c.integer(1)?, size: c.integer(2)? }))
    }),
    ("bit_set(bytes, integer, integer, bytes) bytea", |c| combined(c, Combine::Set)),
    ("bit_or(bytes, integer, integer, bytes) bytea", |c| combined(c, Combine::Or)),
    ("bit_xor(bytes, integer, integer, bytes) bytea", |c| combined(c, Combine::Xor)),
    ("bit_and(bytes, integer, integer, bytes) bytea", |c| combined(c, Combine::And)),
    ("bit_not(bytes, integer, integer) bytea", |c| edited(c, |c| Ok(Change::Not(range(c)?)))),
    ("bit_lshift(bytes, integer, integer, integer) bytea", |c| shifted(c, false)),
    ("bit_rshift(bytes, integer, integer, integer) bytea", |c| shifted(c, true)),
    ("bit_add(bytes, integer, integer, integer, [bool], [text]) bytea", |c| added(c, false)),
    ("bit_subtract(bytes, integer, integer, integer, [bool], [text]) bytea", |c| added(c, true)),
    ("bit_set_int(bytes, integer, integer, integer) bytea", |c| {
        edited(c, |c| Ok(Change::SetInteger { range: range(c)?, number: c.integer(3)? }))
    }),
    ("bit_get(bytes, integer, integer) bytea", |c| asked(c, |_| Ok(Question::Bits))),
    ("bit_count(bytes, [integer], [integer]) int8", |c| asked(c, |_| Ok(Question::Count))),
    ("bit_lscan(bytes, integer, integer, bool) int8", |c| {
        asked(c, |c| Ok(Question::First(c.bool_or(3, true)?)))
    }),
    ("bit_rscan(bytes, integer, integer, bool) int8", |c| {
        asked(c, |c| Ok(Question::Last(c.bool_or(3, true)?)))
    }),
    ("bit_get_int(bytes, integer, integer, [bool]) int8", |c| {
        asked(c, |c| Ok(Question::Integer { signed: c.bool_or(3, false)? }))
    }),
];

fn range(c: &Call) -> SqlResult<Range> {
    Ok(Range { offset: c.integer(1)?, size: c.integer(2)? })
}

fn blob(c: &mut Call) -> SqlResult<Option<Vec<u8>>> {
    match c.subject() {
        None => Ok(None),
        Some(Value::Blob(bytes)) => Ok(Some(bytes)),
        other => Err(c.wrong("bytes", other.as_ref())),
    }
}

/// Resize and insert make bytes of NULL.
fn edited(
    mut c: Call,
    change: impl FnOnce(&Call) -> SqlResult<Change>,
) -> SqlResult<Option<Value>> {
    let blob = blob(&mut c)?;
    let edit = Edit { flags: WriteFlags::default(), change: change(&c)? };
    match edit.on(blob.as_deref()) {
        Err(error) if error.kind == ErrorKind::BinNotFound => Ok(None),
        edited => Ok(edited?.map(Value::Blob)),
    }
}

fn combined(c: Call, how: Combine) -> SqlResult<Option<Value>> {
    edited(c, |c| Ok(Change::Combine { how, range: range(c)?, value: c.bytes(3)? }))
}

fn shifted(c: Call, right: bool) -> SqlResult<Option<Value>> {
    edited(c, |c| Ok(Change::Shift { range: range(c)?, by: c.integer(3)?, right }))
}

fn added(c: Call, subtract: bool) -> SqlResult<Option<Value>> {
    edited(c, |c| {
        let overflow = c.word(
            5,
            &[("fail", Overflow::Fail), ("saturate", Overflow::Saturate), ("wrap", Overflow::Wrap)],
        )?;
        let (number, signed) = (c.integer(3)?, c.bool_or(4, false)?);
        Ok(Change::Add { range: range(c)?, number, signed, overflow, subtract })
    })
}

/// The range of a count may be left out: all bits, or all from an offset on.
fn asked(
    mut c: Call,
    question: impl FnOnce(&Call) -> SqlResult<Question>,
) -> SqlResult<Option<Value>> {
    let Some(blob) = blob(&mut c)? else { return Ok(None) };
    let offset = c.integer_or(1, 0)?;
    let from = if offset < 0 { offset } else { offset - blob.len() as i64 * 8 };
    let size = c.integer_or(2, from.saturating_neg())?;
    if blob.is_empty() && c.given(2).is_none() {
        return Ok(Some(Value::Integer(0)));
    }
    let read = Read { range: Range { offset, size }, question: question(&c)? };
    Ok(Some(read.on(&blob)?))
}
