//! Operations on the bits of a blob against the same on a row of booleans.

use model::msgpack::encode;
use model::{ErrorKind, Value};
use particle::bits;

use crate::draw::Draw;
use crate::number_of;

/// Enough for every operation at every alignment, in a second of an unoptimized build.
const RUNS: u64 = 20_000;

/// What an operation gave: the bits of the blob afterwards, or of the answer.
#[derive(Debug, PartialEq)]
enum Outcome {
    Blob(Option<Vec<bool>>),
    Answer(Value),
    Error(ErrorKind),
}

/// An operation as the protocol has it.
#[derive(Debug)]
struct Operation {
    number: i64,
    offset: i64,
    size: i64,
    /// The value's bits of set, or, xor, and, insert.
    value: Vec<u8>,
    /// The number that is added, the places that are shifted by, the bit that is looked for.
    by: i64,
    /// Write flags.
    flags: i64,
    /// Resize or overflow flags.
    how: i64,
}

impl Operation {
    fn draw(draw: &mut Draw, bytes: i64) -> Operation {
        let number = match draw.below(18) {
            read @ 13.. => read as i64 + 37,
            edit => edit as i64,
        };
        let unit = if number < 3 { 1 } else { 8 };
        let reach = bytes * unit + 4;
        let creates = if number < 2 { 1 } else { 0 };
        let known = [0, 0, 0, 2, 4, 8, 12, creates];
        let hows = [0, 1, 2, 3, 4, 5, 6];
        let value = (0..draw.below(6)).map(|_| draw.below(256) as u8).collect();
        let by = match number {
            8 | 9 => draw.number(-1, reach),
            52 | 53 => draw.number(0, 2),
            _ => draw.next() as i64 >> draw.below(64),
        };
        Operation {
            number,
            offset: draw.number(-reach, reach),
            size: if draw.one_in(2) { draw.number(1, 9) } else { draw.number(-1, reach) },
            value,
            by,
            flags: known[draw.below(known.len() as u64) as usize],
            how: hows[draw.below(hows.len() as u64) as usize],
        }
    }

    fn payload(&self) -> Vec<u8> {
        let integer = Value::Integer;
        let (offset, size, flags) = (integer(self.offset), integer(self.size), integer(self.flags));
        let (value, by) = (Value::Blob(self.value.clone()), integer(self.by));
        let arguments = match self.number {
            0 => vec![size, flags, integer(self.how)],
            1 => vec![offset, value, flags],
            2 | 7 => vec![offset, size, flags],
            3..=6 => vec![offset, size, value, flags],
            8 | 9 | 12 => vec![offset, size, by, flags],
            10 | 11 => vec![offset, size, by, flags, integer(self.how)],
            52 | 53 => vec![offset, size, Value::Bool(self.by != 0)],
            54 => vec![offset, size, integer(self.how & 1)],
            _ => vec![offset, size],
        };
        encode(&Value::list([vec![integer(self.number)], arguments].concat()))
    }
}

#[test]
fn bits_are_those_of_a_row_of_booleans() {
    let seed = number_of("AERIE_MODEL_SEED", 1);
    let mut failed = [0u64; 2];
    for case in 0..number_of("AERIE_MODEL_RUNS", RUNS) {
        let mut draw = Draw::new(seed.wrapping_add(case));
        let bytes: Vec<u8> = (0..draw.below(12)).map(|_| draw.below(256) as u8).collect();
        let blob = (!draw.one_in(10)).then_some(bytes);
        let operation = Operation::draw(&mut draw, blob.as_ref().map_or(0, Vec::len) as i64);
        let row = blob.as_ref().map(|bytes| row(bytes));
        let expected = by_row(row, &operation);
        let got = by_particle(blob.clone(), &operation);
        let told = || format!("seed {}: {operation:?} on {blob:?}", seed.wrapping_add(case));
        assert_eq!(got, expected, "{}", told());
        failed[usize::from(matches!(got, Outcome::Error(_)))] += 1;
    }
    // A generator that only makes errors would find nothing.
    assert!(failed[0] * 2 > failed[1], "{failed:?} cases did and did not succeed");
}

fn by_particle(blob: Option<Vec<u8>>, operation: &Operation) -> Outcome {
    let bin = blob.map(Value::Blob);
    let payload = operation.payload();
    if operation.number >= 50 {
        return match bits::read(bin.as_ref(), &payload) {
            Ok(answer) => Outcome::Answer(answer.unwrap_or(Value::Nil)),
            Err(error) => Outcome::Error(error.kind),
        };
    }
    match bits::modify(bin, &payload) {
        Ok(modified) => Outcome::Blob(modified.bin.map(|bin| match bin {
            Value::Blob(bytes) => row(&bytes),
            other => panic!("a bit operation left {other:?}"),
        })),
        Err(error) => Outcome::Error(error.kind),
    }
}

fn row(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0)).collect()
}

fn blob(row: &[bool]) -> Value {
    let byte = |bits: &[bool]| {
        (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)))
    };
    Value::Blob(row.chunks(8).map(byte).collect())
}

fn by_row(blob: Option<Vec<bool>>, operation: &Operation) -> Outcome {
    let no_fail = operation.flags & 4 != 0 && operation.number < 50;
    if let Err(kind) = possible(operation) {
        return Outcome::Error(kind);
    }
    if operation.number >= 50 {
        let Some(row) = blob else { return Outcome::Answer(Value::Nil) };
        return answer(&row, operation).map_or_else(Outcome::Error, Outcome::Answer);
    }
    let before = blob.clone();
    let done = match blob {
        Some(_) if operation.flags & 1 != 0 => Err(ErrorKind::BinExists),
        None if operation.flags & 2 != 0 || operation.number > 1 => Err(ErrorKind::BinNotFound),
        blob => edited(blob.unwrap_or_default(), operation),
    };
    match done {
        Ok(row) => Outcome::Blob(Some(row)),
        Err(_) if no_fail => Outcome::Blob(before),
        Err(kind) => Outcome::Error(kind),
    }
}

/// What is wrong with an operation, whatever the blob.
fn possible(operation: &Operation) -> Result<(), ErrorKind> {
    let Operation { number, size, .. } = *operation;
    let wrong = match number {
        0 => size < 0 || operation.how & 6 == 6,
        1 => false,
        2 => size < 0,
        3..=6 => size <= 0 || (operation.value.len() * 8) < size as usize,
        8 | 9 => size <= 0 || operation.by < 0,
        10 | 11 => !(1..=64).contains(&size) || operation.how & 6 == 6,
        12 => !(1..=64).contains(&size),
        // A read of a number says so only when there is a blob: of none it reads nothing.
        _ => number < 50 && size <= 0,
    };
    if wrong { Err(ErrorKind::Parameter) } else { Ok(()) }
}

/// The bits that are meant.
fn range(row: &[bool], operation: &Operation) -> Result<std::ops::Range<usize>, ErrorKind> {
    let len = row.len() as i64;
    let start = if operation.offset < 0 { operation.offset + len } else { operation.offset };
    if operation.size <= 0 {
        return Err(ErrorKind::Parameter);
    }
    if !(0..len).contains(&start) {
        return Err(ErrorKind::NotApplicable);
    }
    let partial = operation.flags & 8 != 0 && operation.number < 50;
    let end = start + operation.size;
    if end > len && !partial {
        return Err(ErrorKind::NotApplicable);
    }
    Ok(start as usize..end.min(len) as usize)
}

fn number(row: &[bool], signed: bool) -> i128 {
    let plain = row.iter().fold(0i128, |number, bit| number << 1 | i128::from(*bit));
    if signed && row.first() == Some(&true) { plain - (1 << row.len()) } else { plain }
}

fn answer(row: &[bool], operation: &Operation) -> Result<Value, ErrorKind> {
    let bits = &row[range(row, operation)?];
    let wanted = operation.by != 0;
    let place = |at: Option<usize>| Value::Integer(at.map_or(-1, |at| at as i64));
    Ok(match operation.number {
        50 => blob(bits),
        51 => Value::Integer(bits.iter().filter(|bit| **bit).count() as i64),
        52 => place(bits.iter().position(|bit| *bit == wanted)),
        53 => place(bits.iter().rposition(|bit| *bit == wanted)),
        _ if bits.len() > 64 => return Err(ErrorKind::Parameter),
        _ => Value::Integer(number(bits, operation.how & 1 != 0) as i64),
    })
}

fn edited(mut row: Vec<bool>, operation: &Operation) -> Result<Vec<bool>, ErrorKind> {
    if operation.number < 3 {
        return bytes_edited(row, operation);
    }
    let range = range(&row, operation)?;
    let bits = &mut row[range];
    let value = self::row(&operation.value);
    match operation.number {
        3 => bits.iter_mut().zip(value).for_each(|(bit, value)| *bit = value),
        4 => bits.iter_mut().zip(value).for_each(|(bit, value)| *bit |= value),
        5 => bits.iter_mut().zip(value).for_each(|(bit, value)| *bit ^= value),
        6 => bits.iter_mut().zip(value).for_each(|(bit, value)| *bit &= value),
        7 => bits.iter_mut().for_each(|bit| *bit = !*bit),
        8 | 9 => {
            for _ in 0..operation.by.min(bits.len() as i64) {
                if operation.number == 8 {
                    bits.rotate_left(1);
                    *bits.last_mut().unwrap() = false;
                } else {
                    bits.rotate_right(1);
                    bits[0] = false;
                }
            }
        }
        12 => write(bits, operation.by.into()),
        _ => {
            let signed = operation.how & 1 != 0;
            let mut added = bits.to_vec();
            write(&mut added, operation.by.into());
            let by = number(&added, signed);
            let by = if operation.number == 10 { by } else { -by };
            let sum = number(bits, signed) + by;
            let (low, high) = match signed {
                true => (-(1 << (bits.len() - 1)), (1i128 << (bits.len() - 1)) - 1),
                false => (0, (1i128 << bits.len()) - 1),
            };
            match operation.how & 6 {
                0 if sum < low || sum > high => return Err(ErrorKind::NotApplicable),
                2 => write(bits, sum.clamp(low, high)),
                _ => write(bits, sum),
            }
        }
    }
    Ok(row)
}

fn write(bits: &mut [bool], number: i128) {
    bits.iter_mut().rev().enumerate().for_each(|(at, bit)| *bit = number >> at & 1 != 0);
}

fn bytes_edited(mut row: Vec<bool>, operation: &Operation) -> Result<Vec<bool>, ErrorKind> {
    let len = row.len() as i64 / 8;
    let start = if operation.offset < 0 { operation.offset + len } else { operation.offset };
    match operation.number {
        0 => {
            let size = operation.size;
            if operation.how & 2 != 0 && size < len || operation.how & 4 != 0 && size > len {
                return Err(ErrorKind::Parameter);
            }
            let front = operation.how & 1 != 0;
            while row.len() as i64 / 8 > size {
                let from = if front { 0 } else { row.len() - 8 };
                row.drain(from..from + 8);
            }
            while (row.len() as i64 / 8) < size {
                let at = if front { 0 } else { row.len() };
                row.splice(at..at, [false; 8]);
            }
        }
        1 if start < 0 => return Err(ErrorKind::Parameter),
        1 => {
            while (row.len() as i64 / 8) < start {
                row.extend([false; 8]);
            }
            let at = start as usize * 8;
            row.splice(at..at, self::row(&operation.value));
        }
        _ => {
            let end = start + operation.size;
            let partial = operation.flags & 8 != 0;
            if !(0..len).contains(&start) || end > len && !partial {
                return Err(ErrorKind::Parameter);
            }
            row.drain(start as usize * 8..end.min(len) as usize * 8);
        }
    }
    Ok(row)
}
