//! [`Read`]s and [`Edit`]s on bytes.

use model::limits::RECORD_SIZE_MAX;
use model::{Error, ErrorKind, Result, Value};

use super::region;
use super::{Change, Combine, Edit, NUMBER_BITS_MAX, Overflow, Question, Range, Read, ResizeFlags};

/// A [`Range`] that is inside some bytes.
#[derive(Clone, Copy)]
struct Place {
    offset: usize,
    size: usize,
}

pub(super) fn read(read: &Read, bytes: &[u8]) -> Result<Value> {
    let place = place(read.range, bytes, false)?;
    let bits = region::take(bytes, place.offset, place.size);
    let found = |at: Option<usize>| Value::Integer(at.map_or(-1, |at| at as i64));
    Ok(match read.question {
        Question::Bits => Value::Blob(bits),
        Question::Count => Value::Integer(bits.iter().map(|b| i64::from(b.count_ones())).sum()),
        Question::First(wanted) => found(region::find_first(&bits, place.size, wanted)),
        Question::Last(wanted) => found(region::find_last(&bits, place.size, wanted)),
        Question::Integer { signed } => {
            check_number(read.range)?;
            let number = region::to_number(&bits, place.size);
            Value::Integer(if signed { sign_extend(number, place.size) } else { number as i64 })
        }
    })
}

/// Flags are about the bin, so they come first; what the bytes then refuse may be no failure.
pub(super) fn edit(edit: &Edit, blob: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    check(&edit.change)?;
    match allowed(edit, blob).and_then(|bytes| changed(edit, bytes)) {
        Err(error) if edit.flags.no_fail && error.kind != ErrorKind::RecordTooBig => Ok(None),
        done => done.map(Some),
    }
}

/// What no bytes could answer.
fn check(change: &Change) -> Result<()> {
    match change {
        Change::Resize { size, .. } if *size < 0 => Err(parameter("a blob of negative size")),
        Change::Remove { size, .. } if *size < 0 => Err(parameter("to remove fewer than no bytes")),
        Change::Combine { range, value, .. } => {
            check_size(*range)?;
            let has = value.len() as i64 * 8;
            if has < range.size {
                let size = range.size;
                return Err(parameter(format!("{size} bits out of a value of {has}")));
            }
            Ok(())
        }
        Change::Not(range) => check_size(*range),
        Change::Shift { range, by, .. } => {
            check_size(*range)?;
            if *by < 0 { Err(parameter("a shift by a negative number")) } else { Ok(()) }
        }
        Change::Add { range, .. } | Change::SetInteger { range, .. } => check_number(*range),
        Change::Resize { .. } | Change::Insert { .. } | Change::Remove { .. } => Ok(()),
    }
}

/// The bytes to start from, if the flags allow it.
fn allowed<'a>(edit: &Edit, blob: Option<&'a [u8]>) -> Result<&'a [u8]> {
    let creates = matches!(edit.change, Change::Resize { .. } | Change::Insert { .. });
    match blob {
        Some(_) if edit.flags.create_only => {
            Err(Error::new(ErrorKind::BinExists, "the blob is to be created, but it exists"))
        }
        None if edit.flags.update_only || !creates => {
            Err(Error::new(ErrorKind::BinNotFound, "there is no blob whose bits could change"))
        }
        blob => Ok(blob.unwrap_or(&[])),
    }
}

fn changed(edit: &Edit, bytes: &[u8]) -> Result<Vec<u8>> {
    let partial = edit.flags.partial;
    let over = |range: Range, turn: &dyn Fn(Vec<u8>, Place) -> Result<Vec<u8>>| {
        let place = place(range, bytes, partial)?;
        let mut result = bytes.to_vec();
        let bits = turn(region::take(bytes, place.offset, place.size), place)?;
        region::put(&mut result, place.offset, place.size, &bits);
        Ok(result)
    };
    match &edit.change {
        Change::Resize { size, flags } => resized(bytes, *size, *flags),
        Change::Insert { offset, bytes: new } => inserted(bytes, *offset, new),
        Change::Remove { offset, size } => removed(bytes, *offset, *size, partial),
        Change::Combine { how, range, value } => {
            over(*range, &|bits, _| Ok(combined(*how, &bits, value)))
        }
        Change::Not(range) => over(*range, &|bits, _| Ok(bits.iter().map(|b| !b).collect())),
        Change::Shift { range, by, right } => over(*range, &|bits, _| {
            let by = usize::try_from(*by).unwrap_or(usize::MAX).min(bits.len() * 8);
            Ok(if *right { region::shift_right(&bits, by) } else { region::shift_left(&bits, by) })
        }),
        Change::SetInteger { range, number } => {
            over(*range, &|_, place| Ok(region::from_number(*number as u64, place.size)))
        }
        Change::Add { range, number, signed, overflow, subtract } => {
            over(*range, &|bits, place| {
                let sum = Sum { size: place.size, signed: *signed, overflow: *overflow };
                let old = region::to_number(&bits, place.size);
                Ok(region::from_number(sum.of(old, *number, *subtract)?, place.size))
            })
        }
    }
}

fn combined(how: Combine, bits: &[u8], value: &[u8]) -> Vec<u8> {
    let one = |(old, new): (&u8, &u8)| match how {
        Combine::Set => *new,
        Combine::Or => old | new,
        Combine::Xor => old ^ new,
        Combine::And => old & new,
    };
    bits.iter().zip(value).map(one).collect()
}

fn resized(bytes: &[u8], size: i64, flags: ResizeFlags) -> Result<Vec<u8>> {
    let size = blob_size(size as u64)?;
    if flags.grow_only && size < bytes.len() || flags.shrink_only && size > bytes.len() {
        let (from, way) = (bytes.len(), if flags.grow_only { "grow" } else { "shrink" });
        return Err(parameter(format!("a blob of {from} bytes that may only {way}, with {size}")));
    }
    let kept = size.min(bytes.len());
    let mut result = vec![0; size];
    if flags.from_front {
        result[size - kept..].copy_from_slice(&bytes[bytes.len() - kept..]);
    } else {
        result[..kept].copy_from_slice(&bytes[..kept]);
    }
    Ok(result)
}

fn inserted(bytes: &[u8], offset: i64, new: &[u8]) -> Result<Vec<u8>> {
    let there = bytes.len() as u64;
    let offset = from_end(offset, there)
        .ok_or_else(|| parameter(format!("byte {offset} of a blob of {there}")))?;
    blob_size(offset.max(there).saturating_add(new.len() as u64))?;
    let (offset, mut result) = (offset as usize, bytes.to_vec());
    if offset > result.len() {
        result.resize(offset, 0);
    }
    result.splice(offset..offset, new.iter().copied());
    Ok(result)
}

fn removed(bytes: &[u8], offset: i64, size: i64, partial: bool) -> Result<Vec<u8>> {
    let there = bytes.len() as u64;
    let wrong = || parameter(format!("{size} bytes from byte {offset} of a blob of {there}"));
    let first = from_end(offset, there).filter(|at| *at < there).ok_or_else(wrong)?;
    let end = first.saturating_add(size as u64);
    if end > there && !partial {
        return Err(wrong());
    }
    let mut result = bytes.to_vec();
    result.drain(first as usize..end.min(there) as usize);
    Ok(result)
}

/// Addition of numbers of some bits.
struct Sum {
    size: usize,
    signed: bool,
    overflow: Overflow,
}

impl Sum {
    fn of(&self, old: u64, number: i64, subtract: bool) -> Result<u64> {
        let (old, number) = (self.wide(old), self.wide(number as u64));
        let sum = if subtract { old - number } else { old + number };
        let (low, high) = if self.signed {
            let half = 1i128 << (self.size - 1);
            (-half, half - 1)
        } else {
            (0, (1i128 << self.size) - 1)
        };
        match self.overflow {
            _ if (low..=high).contains(&sum) => Ok(sum as u64),
            Overflow::Wrap => Ok(sum as u64),
            Overflow::Saturate => Ok(sum.clamp(low, high) as u64),
            Overflow::Fail => {
                let size = self.size;
                let detail = format!("the sum {sum} has no room in {size} bits; saturate or wrap");
                Err(Error::new(ErrorKind::NotApplicable, detail))
            }
        }
    }

    /// The low bits of a number, with their sign if they have one.
    fn wide(&self, number: u64) -> i128 {
        let low = number & (u64::MAX >> (64 - self.size));
        if self.signed { sign_extend(low, self.size).into() } else { low.into() }
    }
}

fn sign_extend(number: u64, size: usize) -> i64 {
    let unused = 64 - size;
    (number << unused) as i64 >> unused
}

/// Where `range` is in `bytes`; cut at their end if `partial`.
fn place(range: Range, bytes: &[u8], partial: bool) -> Result<Place> {
    check_size(range)?;
    let (there, Range { offset, size }) = (bytes.len() as u64 * 8, range);
    let wrong = || {
        let detail = format!("{size} bits from bit {offset} on are not in a blob of {there} bits");
        Error::new(ErrorKind::NotApplicable, detail)
    };
    let offset = from_end(offset, there).filter(|at| *at < there).ok_or_else(wrong)?;
    let left = there - offset;
    if size as u64 > left && !partial {
        return Err(wrong());
    }
    Ok(Place { offset: offset as usize, size: left.min(size as u64) as usize })
}

/// An offset from the front; `None` for one before it.
fn from_end(offset: i64, len: u64) -> Option<u64> {
    if offset < 0 { len.checked_sub(offset.unsigned_abs()) } else { Some(offset as u64) }
}

fn check_size(range: Range) -> Result<()> {
    if range.size > 0 { Ok(()) } else { Err(parameter("a range of fewer than one bit")) }
}

fn check_number(range: Range) -> Result<()> {
    check_size(range)?;
    if range.size <= NUMBER_BITS_MAX {
        return Ok(());
    }
    Err(parameter(format!("a number of {} bits; at most {NUMBER_BITS_MAX}", range.size)))
}

fn blob_size(size: u64) -> Result<usize> {
    if size <= RECORD_SIZE_MAX as u64 {
        return Ok(size as usize);
    }
    let detail = format!("a blob of {size} bytes; no record has more than {RECORD_SIZE_MAX}");
    Err(Error::new(ErrorKind::RecordTooBig, detail))
}

fn parameter(asked: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Parameter, format!("a bit operation asks for {asked}"))
}
