//! Numbers and arguments of the protocol to [`Read`]s and [`Edit`]s.

use model::{Error, ErrorKind, Result, Value};

use super::{Bits, Change, Edit, Read, Sketch, WriteFlags};
use crate::arguments::Arguments;

const CREATE_ONLY: i64 = 1;
const UPDATE_ONLY: i64 = 2;
const NO_FAIL: i64 = 4;
const ALLOW_FOLD: i64 = 8;

/// The number that leaves a number of bits to the sketch that is there.
const UNSAID: i64 = -1;

impl Read {
    /// The read with this number: 50 count, 51 union, 52 union count, 53 intersect count, 54
    /// similarity, 55 describe, 56 may contain.
    pub fn decode(operation: i64, arguments: &[Value]) -> Result<Read> {
        let mut left = Arguments::new("a HyperLogLog read", arguments);
        let read = match operation {
            50 => Read::Count,
            51 => Read::Union(sketches(&mut left)?),
            52 => Read::UnionCount(sketches(&mut left)?),
            53 => Read::IntersectCount(sketches(&mut left)?),
            54 => Read::Similarity(sketches(&mut left)?),
            55 => Read::Describe,
            56 => Read::MayContain(elements(&mut left)?),
            other => return Err(unknown("read", other)),
        };
        left.end()?;
        Ok(read)
    }
}

impl Edit {
    /// The edit with this number: 0 init, 1 add, 2 union, 3 refresh count, 4 fold.
    pub fn decode(operation: i64, arguments: &[Value]) -> Result<Edit> {
        let mut left = Arguments::new("a HyperLogLog operation", arguments);
        let (change, known) = match operation {
            0 => (Change::Init(bits(&mut left)?), CREATE_ONLY | UPDATE_ONLY | NO_FAIL),
            1 => {
                let elements = elements(&mut left)?;
                (Change::Add { elements, bits: bits(&mut left)? }, CREATE_ONLY | NO_FAIL)
            }
            2 => {
                let all = CREATE_ONLY | UPDATE_ONLY | NO_FAIL | ALLOW_FOLD;
                (Change::Union(sketches(&mut left)?), all)
            }
            3 => (Change::RefreshCount, 0),
            4 => (Change::Fold(left.integer("index bits")?), 0),
            other => return Err(unknown("operation", other)),
        };
        let flags = left.flags(known, "write flags")?;
        left.end()?;
        let flags = WriteFlags {
            create_only: flags & CREATE_ONLY != 0,
            update_only: flags & UPDATE_ONLY != 0,
            no_fail: flags & NO_FAIL != 0,
            allow_fold: flags & ALLOW_FOLD != 0,
        };
        Ok(Edit { flags, change })
    }
}

fn bits(left: &mut Arguments) -> Result<Bits> {
    let said = |bits| (bits != UNSAID).then_some(bits);
    Ok(Bits {
        index: said(left.integer_or(UNSAID, "index bits")?),
        min_hash: said(left.integer_or(UNSAID, "min-hash bits")?),
    })
}

fn elements(left: &mut Arguments) -> Result<Vec<Value>> {
    match left.value("the elements")? {
        Value::List(list) => Ok(list.items.clone()),
        other => Err(left.wrong("the elements", &format!("are a {}", other.value_type()))),
    }
}

/// A list of sketches; in an expression also one sketch as it is.
fn sketches(left: &mut Arguments) -> Result<Vec<Sketch>> {
    match left.value("the sketches")? {
        Value::List(list) => list.items.iter().map(sketch).collect(),
        one => Ok(vec![sketch(one)?]),
    }
}

fn sketch(value: &Value) -> Result<Sketch> {
    match value {
        Value::Hll(bytes) | Value::Blob(bytes) => Sketch::from_bytes(bytes),
        other => {
            let detail = format!("a {} where a HyperLogLog sketch is needed", other.value_type());
            Err(Error::new(ErrorKind::Parameter, detail))
        }
    }
}

fn unknown(kind: &str, operation: i64) -> Error {
    Error::new(ErrorKind::Parameter, format!("there is no HyperLogLog {kind} {operation}"))
}
