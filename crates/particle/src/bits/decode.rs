//! Numbers and arguments of the protocol to [`Read`]s and [`Edit`]s.

use model::{Error, ErrorKind, Result, Value};

use super::{Change, Combine, Edit, Overflow, Question, Range, Read, ResizeFlags, WriteFlags};
use crate::arguments::Arguments;

const CREATE_ONLY: i64 = 1;
const UPDATE_ONLY: i64 = 2;
const NO_FAIL: i64 = 4;
const PARTIAL: i64 = 8;

const FROM_FRONT: i64 = 1;
const GROW_ONLY: i64 = 2;
const SHRINK_ONLY: i64 = 4;

const SIGNED: i64 = 1;
const SATURATE: i64 = 2;
const WRAP: i64 = 4;

impl Read {
    /// The read with this number: 50 get, 51 count, 52 scan from the left, 53 from the right, 54
    /// get an integer.
    pub fn decode(operation: i64, arguments: &[Value]) -> Result<Read> {
        let mut left = Arguments::new("a bit read", arguments);
        if !(50..=54).contains(&operation) {
            return Err(unknown("read", operation));
        }
        let range = range(&mut left)?;
        let question = match operation {
            50 => Question::Bits,
            51 => Question::Count,
            52 => Question::First(left.boolean("the bit to find")?),
            53 => Question::Last(left.boolean("the bit to find")?),
            _ => Question::Integer { signed: left.flags(SIGNED, "flags")? != 0 },
        };
        left.end()?;
        Ok(Read { range, question })
    }
}

impl Edit {
    /// The edit with this number: 0 resize, 1 insert, 2 remove, 3 set, 4 or, 5 xor, 6 and, 7 not, 8
    /// shift left, 9 right, 10 add, 11 subtract, 12 set an integer.
    pub fn decode(operation: i64, arguments: &[Value]) -> Result<Edit> {
        let mut left = Arguments::new("a bit operation", arguments);
        let edit = match operation {
            0 => resize(&mut left)?,
            1 => {
                let offset = left.integer("the byte offset")?;
                let bytes = left.bytes("the value")?.to_vec();
                edit(&mut left, CREATE_ONLY, Change::Insert { offset, bytes })?
            }
            2 => {
                let offset = left.integer("the byte offset")?;
                let size = left.integer("the byte size")?;
                edit(&mut left, 0, Change::Remove { offset, size })?
            }
            3 => combine(&mut left, Combine::Set)?,
            4 => combine(&mut left, Combine::Or)?,
            5 => combine(&mut left, Combine::Xor)?,
            6 => combine(&mut left, Combine::And)?,
            7 => {
                let range = range(&mut left)?;
                edit(&mut left, 0, Change::Not(range))?
            }
            8 | 9 => {
                let (range, by) = (range(&mut left)?, left.integer("the shift")?);
                edit(&mut left, 0, Change::Shift { range, by, right: operation == 9 })?
            }
            10 | 11 => add(&mut left, operation == 11)?,
            12 => {
                let (range, number) = (range(&mut left)?, left.integer("the value")?);
                edit(&mut left, 0, Change::SetInteger { range, number })?
            }
            other => return Err(unknown("operation", other)),
        };
        left.end()?;
        Ok(edit)
    }
}

fn range(left: &mut Arguments) -> Result<Range> {
    Ok(Range { offset: left.integer("the bit offset")?, size: left.integer("the bit size")? })
}

/// The write flags follow; `creating` is [`CREATE_ONLY`] for operations that can make a blob.
fn write_flags(left: &mut Arguments, creating: i64) -> Result<WriteFlags> {
    let flags = left.flags(creating | UPDATE_ONLY | NO_FAIL | PARTIAL, "write flags")?;
    Ok(WriteFlags {
        create_only: flags & CREATE_ONLY != 0,
        update_only: flags & UPDATE_ONLY != 0,
        no_fail: flags & NO_FAIL != 0,
        partial: flags & PARTIAL != 0,
    })
}

fn edit(left: &mut Arguments, creating: i64, change: Change) -> Result<Edit> {
    Ok(Edit { flags: write_flags(left, creating)?, change })
}

fn resize(left: &mut Arguments) -> Result<Edit> {
    let size = left.integer("the byte size")?;
    let flags = write_flags(left, CREATE_ONLY)?;
    let how = left.flags(FROM_FRONT | GROW_ONLY | SHRINK_ONLY, "resize flags")?;
    if how & GROW_ONLY != 0 && how & SHRINK_ONLY != 0 {
        return Err(left.wrong("resize flags", "say both grow only and shrink only"));
    }
    let how = ResizeFlags {
        from_front: how & FROM_FRONT != 0,
        grow_only: how & GROW_ONLY != 0,
        shrink_only: how & SHRINK_ONLY != 0,
    };
    Ok(Edit { flags, change: Change::Resize { size, flags: how } })
}

fn combine(left: &mut Arguments, how: Combine) -> Result<Edit> {
    let range = range(left)?;
    let value = left.bytes("the value")?.to_vec();
    edit(left, 0, Change::Combine { how, range, value })
}

fn add(left: &mut Arguments, subtract: bool) -> Result<Edit> {
    let (range, number) = (range(left)?, left.integer("the value")?);
    let flags = write_flags(left, 0)?;
    let how = left.flags(SIGNED | SATURATE | WRAP, "overflow flags")?;
    let overflow = match how & (SATURATE | WRAP) {
        0 => Overflow::Fail,
        SATURATE => Overflow::Saturate,
        WRAP => Overflow::Wrap,
        _ => return Err(left.wrong("overflow flags", "say both saturate and wrap")),
    };
    let signed = how & SIGNED != 0;
    Ok(Edit { flags, change: Change::Add { range, number, signed, overflow, subtract } })
}

fn unknown(kind: &str, operation: i64) -> Error {
    Error::new(ErrorKind::Parameter, format!("there is no bit {kind} {operation}"))
}
