//! HyperLogLog sketches.

use model::Value;
use particle::hll::{Bits, Change, Edit, Read, Sketch, WriteFlags};

use super::Family;
use super::call::Call;
use crate::SqlResult;

/// Index bits of a sketch that is made without saying how many: 1.6 % standard error in 3 KiB.
const INDEX_BITS: i64 = 12;

pub(super) const FAMILY: Family = &[
    ("hll_init(integer, [integer]) hll", |c| {
        let change = Change::Init(bits(&c, 0)?);
        edited(None, change)
    }),
    ("hll_add(sketch, any, [integer], [integer]) hll", |mut c| {
        let elements = match c.value(1) {
            Value::List(list) => list.items,
            one => vec![one],
        };
        let mut bits = bits(&c, 2)?;
        bits.index = bits.index.or(Some(INDEX_BITS));
        let sketch = sketch(&mut c)?;
        edited(sketch, Change::Add { elements, bits })
    }),
    ("hll_set_union(sketch, sketch) hll", |mut c| {
        let others = vec![other(&c)?];
        let sketch = sketch(&mut c)?;
        edited(sketch, Change::Union(others))
    }),
    ("hll_fold(sketch, integer) hll", |mut c| {
        let change = Change::Fold(c.integer(1)?);
        match sketch(&mut c)? {
            None => Ok(None),
            sketch => edited(sketch, change),
        }
    }),
    ("hll_refresh_count(sketch) hll", |mut c| match sketch(&mut c)? {
        None => Ok(None),
        sketch => edited(sketch, Change::RefreshCount),
    }),
    ("hll_get_count(sketch) int8", |c| asked(c, |_| Ok(Read::Count))),
    // By the names of the operations, too.
    ("hll_count(sketch) int8", |c| asked(c, |_| Ok(Read::Count))),
    ("hll_union(sketch, sketch) hll", |c| asked(c, |c| Ok(Read::Union(vec![other(c)?])))),
    ("hll_get_union(sketch, sketch) hll", |c| asked(c, |c| Ok(Read::Union(vec![other(c)?])))),
    ("hll_get_union_count(sketch, sketch) int8", |c| {
        asked(c, |c| Ok(Read::UnionCount(vec![other(c)?])))
    }),
    ("hll_get_intersect_count(sketch, sketch) int8", |c| {
        asked(c, |c| Ok(Read::IntersectCount(vec![other(c)?])))
    }),
    ("hll_get_similarity(sketch, sketch) float8", |c| {
        asked(c, |c| Ok(Read::Similarity(vec![other(c)?])))
    }),
    ("hll_describe(sketch) int8[]", |c| asked(c, |_| Ok(Read::Describe))),
    ("hll_may_contain(sketch, any) bool", |c| {
        let elements = match c.value(1) {
            Value::List(list) => list.items,
            one => vec![one],
        };
        let may = asked(c, |_| Ok(Read::MayContain(elements)))?;
        Ok(may.map(|may| Value::Bool(may == Value::Integer(1))))
    }),
];

/// Index bits, and min-hash bits behind them.
fn bits(c: &Call, at: usize) -> SqlResult<Bits> {
    let said = |at: usize| c.given(at).map(|_| c.integer(at)).transpose();
    Ok(Bits { index: said(at)?, min_hash: said(at + 1)? })
}

fn of(c: &Call, value: Option<Value>) -> SqlResult<Option<Sketch>> {
    match value {
        None => Ok(None),
        Some(Value::Hll(bytes) | Value::Blob(bytes)) => Ok(Some(Sketch::from_bytes(&bytes)?)),
        other => Err(c.wrong("a sketch", other.as_ref())),
    }
}

fn sketch(c: &mut Call) -> SqlResult<Option<Sketch>> {
    let subject = c.subject();
    of(c, subject)
}

fn other(c: &Call) -> SqlResult<Sketch> {
    of(c, c.given(1).cloned())?.ok_or_else(|| c.wrong("a sketch", None))
}

fn edited(sketch: Option<Sketch>, change: Change) -> SqlResult<Option<Value>> {
    let edited = Edit { flags: WriteFlags::default(), change }.on(sketch)?;
    Ok(edited.map(|(sketch, _)| Value::Hll(sketch.into_bytes())))
}

fn asked(mut c: Call, read: impl FnOnce(&Call) -> SqlResult<Read>) -> SqlResult<Option<Value>> {
    let Some(sketch) = sketch(&mut c)? else { return Ok(None) };
    Ok(Some(read(&c)?.on(&sketch)?))
}
