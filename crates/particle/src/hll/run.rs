//! [`Read`]s and [`Edit`]s on sketches.

use model::{Error, ErrorKind, Result, Value};

use super::{Bits, Change, Edit, Read, Shape, Sketch, estimate};

pub(super) fn read(read: &Read, sketch: &Sketch) -> Result<Value> {
    Ok(match read {
        Read::Count => integer(sketch.count()),
        Read::Union(others) => Value::Hll(union(sketch, others)?.into_bytes()),
        Read::UnionCount(others) => integer(union(sketch, others)?.count()),
        Read::IntersectCount(others) => integer(intersect_count(sketch, others)?),
        Read::Similarity(others) => Value::Double(similarity(sketch, others)?),
        Read::Describe => {
            let shape = sketch.shape();
            Value::list(vec![
                Value::Integer(shape.index_bits().into()),
                Value::Integer(shape.min_hash_bits().into()),
            ])
        }
        Read::MayContain(elements) => {
            let all = elements.iter().all(|element| sketch.may_contain(element));
            Value::Integer(all.into())
        }
    })
}

pub(super) fn edit(edit: &Edit, sketch: Option<Sketch>) -> Result<Option<(Sketch, Option<Value>)>> {
    match &edit.change {
        Change::Init(bits) | Change::Add { bits, .. } => check_bits(*bits)?,
        Change::Fold(index_bits) => drop(shape(*index_bits, 0)?),
        Change::Union(others) => check_others(others)?,
        Change::RefreshCount => {}
    }
    let flags = edit.flags;
    let denied = match &sketch {
        Some(_) if flags.create_only => Some((ErrorKind::BinExists, "the sketch exists")),
        None if flags.update_only => Some((ErrorKind::BinNotFound, "there is no sketch")),
        _ => None,
    };
    match denied {
        Some(_) if flags.no_fail => Ok(None),
        Some((kind, detail)) => Err(Error::new(kind, detail)),
        None => changed(&edit.change, flags.allow_fold, sketch).map(Some),
    }
}

fn changed(
    change: &Change,
    allow_fold: bool,
    sketch: Option<Sketch>,
) -> Result<(Sketch, Option<Value>)> {
    match change {
        Change::Init(bits) => Ok((Sketch::new(shape_for(*bits, sketch.as_ref())?), None)),
        Change::Add { elements, bits } => {
            let mut sketch = match sketch {
                Some(sketch) => sketch,
                None => Sketch::new(shape_for(*bits, None)?),
            };
            let new = elements.iter().filter(|element| sketch.add(element)).count();
            Ok((sketch, Some(integer(new as u64))))
        }
        Change::Union(others) => Ok((united(sketch, others, allow_fold)?, None)),
        Change::RefreshCount => {
            let mut sketch = required(sketch)?;
            let count = sketch.refresh_count();
            Ok((sketch, Some(integer(count))))
        }
        Change::Fold(index_bits) => folded(required(sketch)?, *index_bits).map(|it| (it, None)),
    }
}

/// The shape of an empty sketch.
fn shape_for(bits: Bits, sketch: Option<&Sketch>) -> Result<Shape> {
    let there = sketch.map(|sketch| sketch.shape());
    let index = bits.index.or(there.map(|shape| shape.index_bits().into()));
    let min_hash = bits.min_hash.or(there.map(|shape| shape.min_hash_bits().into())).unwrap_or(0);
    let shape = index.and_then(|index| Shape::new(index, min_hash));
    shape.ok_or_else(|| {
        let detail = match index {
            Some(index) => format!("{index} index bits and {min_hash} min-hash bits do not fit"),
            None => "a new sketch needs its index bits".into(),
        };
        Error::new(ErrorKind::NotApplicable, detail)
    })
}

fn folded(sketch: Sketch, index_bits: i64) -> Result<Sketch> {
    let has = sketch.shape();
    if has.min_hash_bits() > 0 || i64::from(has.index_bits()) < index_bits {
        let detail = format!(
            "a sketch of {} index bits and {} min-hash bits does not fold to {index_bits}; only one \
             without min-hash bits, and only to fewer index bits",
            has.index_bits(),
            has.min_hash_bits()
        );
        return Err(Error::new(ErrorKind::NotApplicable, detail));
    }
    Ok(sketch.fold(shape(index_bits, 0)?))
}

fn united(sketch: Option<Sketch>, others: &[Sketch], allow_fold: bool) -> Result<Sketch> {
    let all: Vec<&Sketch> = sketch.iter().chain(others).collect();
    let shape = common_shape(&all);
    match &sketch {
        Some(sketch) if sketch.shape() != shape && !allow_fold => {
            let detail = format!(
                "the union would have {} index bits and {} min-hash bits, less than the sketch has; \
                 allow it to fold",
                shape.index_bits(),
                shape.min_hash_bits()
            );
            Err(Error::new(ErrorKind::NotApplicable, detail))
        }
        _ => Ok(merged(&all, shape)),
    }
}

fn union(sketch: &Sketch, others: &[Sketch]) -> Result<Sketch> {
    check_others(others)?;
    let all: Vec<&Sketch> = std::iter::once(sketch).chain(others).collect();
    Ok(merged(&all, common_shape(&all)))
}

/// The most precise shape that all these sketches have or can be folded to.
fn common_shape(sketches: &[&Sketch]) -> Shape {
    let first = sketches[0].shape();
    if sketches.iter().all(|sketch| sketch.shape() == first) {
        return first;
    }
    let index_bits = sketches.iter().map(|sketch| sketch.shape().index_bits()).min();
    Shape::new(index_bits.map_or(4, i64::from), 0).unwrap_or(first)
}

fn merged(sketches: &[&Sketch], shape: Shape) -> Sketch {
    let mut union = Sketch::new(shape);
    for sketch in sketches {
        if sketch.shape() == shape {
            union.merge(sketch);
        } else {
            union.merge(&sketch.fold(shape));
        }
    }
    union
}

/// With min-hash bits a share of the union; without, what two counts exceed that of their union by.
fn intersect_count(sketch: &Sketch, others: &[Sketch]) -> Result<u64> {
    let union_count = union(sketch, others)?.count();
    match compared(sketch, others)? {
        Some(share) => Ok((share * union_count as f64).round() as u64),
        None => Ok((sketch.count() + others[0].count()).saturating_sub(union_count)),
    }
}

fn similarity(sketch: &Sketch, others: &[Sketch]) -> Result<f64> {
    if let Some(share) = compared(sketch, others)? {
        return Ok(share);
    }
    let union_count = union(sketch, others)?.count();
    let both = intersect_count(sketch, others)?;
    Ok(if union_count == 0 { 0.0 } else { (both as f64 / union_count as f64).min(1.0) })
}

/// The similarity by min-hash; `None` for two sketches that have to be compared by their counts.
fn compared(sketch: &Sketch, others: &[Sketch]) -> Result<Option<f64>> {
    check_others(others)?;
    let all: Vec<&Sketch> = std::iter::once(sketch).chain(others).collect();
    if common_shape(&all).min_hash_bits() > 0 {
        return Ok(Some(estimate::similarity(&all)));
    }
    if others.len() == 1 {
        return Ok(None);
    }
    Err(parameter(format!("{} sketches can be compared only with min-hash bits", all.len())))
}

fn required(sketch: Option<Sketch>) -> Result<Sketch> {
    sketch.ok_or_else(|| Error::new(ErrorKind::BinNotFound, "there is no sketch"))
}

/// What a request says is right, whatever it leaves out.
fn check_bits(bits: Bits) -> Result<()> {
    shape(bits.index.unwrap_or(4), bits.min_hash.unwrap_or(0)).map(drop)
}

fn check_others(others: &[Sketch]) -> Result<()> {
    if others.is_empty() {
        Err(parameter("no sketch to unite or compare with".into()))
    } else {
        Ok(())
    }
}

fn shape(index_bits: i64, min_hash_bits: i64) -> Result<Shape> {
    Shape::new(index_bits, min_hash_bits).ok_or_else(|| {
        parameter(format!(
            "{index_bits} index bits and {min_hash_bits} min-hash bits; there are 4 to 16 and 0 or \
             4 to 51, together at most 64"
        ))
    })
}

fn parameter(detail: String) -> Error {
    Error::new(ErrorKind::Parameter, detail)
}

fn integer(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
