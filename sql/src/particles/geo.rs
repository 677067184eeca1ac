//! Points and regions, under the names that PostGIS has for them.
//!
//! Shapes are GeoJSON and lie on the sphere: distances are metres, as for PostGIS's type geography.
//! What is no Point, Polygon, MultiPolygon or AeroCircle is unknown: NULL.

use model::{Value, json};
use particle::geo::Shape;

use super::Family;
use super::call::Call;
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("st_point(number, number) geojson", point),
    ("st_makepoint(number, number) geojson", point),
    ("st_geomfromgeojson(geo) geojson", |mut c| Ok(text(c.subject()).map(Value::GeoJson))),
    ("st_asgeojson(geo) text", |mut c| Ok(text(c.subject()).map(Value::String))),
    ("st_x(geo) float8", |c| Ok(degrees(&c).map(|(longitude, _)| Value::Double(longitude)))),
    ("st_y(geo) float8", |c| Ok(degrees(&c).map(|(_, latitude)| Value::Double(latitude)))),
    ("st_contains(geo, geo) bool", |c| Ok(holds(&c, 0, 1))),
    ("st_covers(geo, geo) bool", |c| Ok(holds(&c, 0, 1))),
    ("st_within(geo, geo) bool", |c| Ok(holds(&c, 1, 0))),
    ("st_coveredby(geo, geo) bool", |c| Ok(holds(&c, 1, 0))),
    ("st_distance(geo, geo) float8", |c| Ok(distance(&c)?.map(Value::Double))),
    ("st_dwithin(geo, geo, number) bool", |c| {
        let most = number(&c, 2)?;
        Ok(distance(&c)?.map(|metres| Value::Bool(metres <= most)))
    }),
];

/// The shape that an argument is; `None` where it is NULL or no shape of ours.
fn shape(c: &Call, at: usize) -> Option<Shape> {
    match c.given(at)? {
        Value::String(text) => Shape::of(&json::parse(text).ok()?),
        value => Shape::of(value),
    }
}

/// A shape as text.
fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::GeoJson(text) | Value::String(text) => {
            Shape::of(&json::parse(&text).ok()?)?;
            Some(text)
        }
        value => Shape::of(&value).map(|_| json::print(&value)),
    }
}

fn number(c: &Call, at: usize) -> SqlResult<f64> {
    match c.given(at) {
        Some(Value::Integer(n)) => Ok(*n as f64),
        Some(Value::Double(d)) => Ok(*d),
        other => Err(c.wrong("a number", other)),
    }
}

/// Longitude and latitude, as in PostGIS.
fn point(c: Call) -> SqlResult<Option<Value>> {
    if c.given(0).is_none() {
        return Ok(None);
    }
    let (longitude, latitude) = (number(&c, 0)?, number(&c, 1)?);
    let inside = longitude.abs() <= 180.0 && latitude.abs() <= 90.0;
    if !inside {
        let message = format!("there is no place at longitude {longitude}, latitude {latitude}");
        return Err(SqlError::new("22023", message)
            .hint("longitude comes first, -180 to 180; latitude is -90 to 90"));
    }
    let text = format!(r#"{{"type":"Point","coordinates":[{longitude},{latitude}]}}"#);
    Ok(Some(Value::GeoJson(text)))
}

/// Longitude and latitude of a point.
fn degrees(c: &Call) -> Option<(f64, f64)> {
    match c.given(0)? {
        Value::String(text) => particle::geo::coordinates(&json::parse(text).ok()?),
        value => particle::geo::coordinates(value),
    }
}

/// Whether one shape holds the other: a region a point, or a point itself.
fn holds(c: &Call, outer: usize, inner: usize) -> Option<Value> {
    let (outer, inner) = (shape(c, outer)?, shape(c, inner)?);
    let same = matches!((&outer, &inner), (Shape::Point(a), Shape::Point(b)) if a == b);
    Some(Value::Bool(same || outer.contains(&inner)))
}

fn distance(c: &Call) -> SqlResult<Option<f64>> {
    let (Some(a), Some(b)) = (shape(c, 0), shape(c, 1)) else { return Ok(None) };
    a.distance(&b).map(Some).ok_or_else(|| {
        SqlError::unsupported("the distance of two regions is not supported")
            .hint("one of the two is a Point")
    })
}
