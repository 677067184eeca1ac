//! Points and regions of GeoJSON on the sphere.
//!
//! A region is a Polygon, a MultiPolygon or Aerospike's AeroCircle (`[[longitude, latitude],
//! radius in metres]`). Edges are great circles, so a region may lie across the date line or
//! around a pole. A ring's inside is its smaller side, whichever way it runs.

mod cells;
mod distance;

use model::Value;

/// Mean radius of the Earth, metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A direction from the centre of the Earth, of length one.
type Direction = [f64; 3];

/// A point or a region.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A place.
    Point(Direction),
    /// Polygons: each an outer ring and its holes.
    Polygons(Vec<Vec<Ring>>),
    /// What lies no further from the centre than this angle, radians.
    Circle(Direction, f64),
}

/// A closed line; its last corner is joined to its first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring(Vec<Direction>);

impl Shape {
    /// The shape that a GeoJSON object means; `None` if it is none of ours.
    pub fn of(value: &Value) -> Option<Shape> {
        if let Value::GeoJson(text) = value {
            return Shape::of(&model::json::parse(text).ok()?);
        }
        let Value::String(kind) = field(value, "type")? else { return None };
        if kind == "Feature" {
            return Shape::of(field(value, "geometry")?);
        }
        let coordinates = field(value, "coordinates")?;
        match kind.as_str() {
            "Point" => Some(Shape::Point(direction(coordinates)?)),
            "Polygon" => Some(Shape::Polygons(vec![rings(coordinates)?])),
            "MultiPolygon" => {
                items(coordinates)?.iter().map(rings).collect::<Option<_>>().map(Shape::Polygons)
            }
            "AeroCircle" => match items(coordinates)? {
                [centre, radius] => {
                    let angle = number(radius)? / EARTH_RADIUS_M;
                    (angle >= 0.0).then_some(Shape::Circle(direction(centre)?, angle))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether `other` is a point inside this region.
    pub fn contains(&self, other: &Shape) -> bool {
        let Shape::Point(point) = other else { return false };
        match self {
            Shape::Point(_) => false,
            Shape::Circle(centre, reach) => angle(*centre, *point) <= *reach,
            Shape::Polygons(polygons) => polygons.iter().any(|rings| match &rings[..] {
                [outer, holes @ ..] => {
                    outer.contains(*point) && !holes.iter().any(|hole| hole.contains(*point))
                }
                [] => false,
            }),
        }
    }
}

impl Ring {
    /// Whether the ring winds around the point. A corner belongs to the ring.
    fn contains(&self, point: Direction) -> bool {
        let corners = &self.0;
        let next = |i: usize| corners[(i + 1) % corners.len()];
        let mut turned = 0.0;
        let (mut centre, mut area) = ([0.0; 3], [0.0; 3]);
        for (i, corner) in corners.iter().enumerate() {
            if *corner == point {
                return true;
            }
            let (a, b) = (tangent(point, *corner), tangent(point, next(i)));
            turned += dot(point, cross(a, b)).atan2(dot(a, b));
            centre = add(centre, *corner);
            area = add(area, cross(*corner, next(i)));
        }
        // Around the point's antipode a ring turns the other way.
        turned * dot(area, centre).signum() > std::f64::consts::PI
    }
}

/// The part of `to` that is at right angles to `from`.
fn tangent(from: Direction, to: Direction) -> Direction {
    let along = dot(from, to);
    [to[0] - along * from[0], to[1] - along * from[1], to[2] - along * from[2]]
}

fn dot(a: Direction, b: Direction) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Direction, b: Direction) -> Direction {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn add(a: Direction, b: Direction) -> Direction {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// The angle between two directions, radians.
fn angle(a: Direction, b: Direction) -> f64 {
    norm(cross(a, b)).atan2(dot(a, b))
}

fn norm(a: Direction) -> f64 {
    dot(a, a).sqrt()
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let Value::Map(pairs) = value else { return None };
    let named = |key: &Value| matches!(key, Value::String(text) if text == name);
    pairs.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
}

fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Double(d) if d.is_finite() => Some(*d),
        _ => None,
    }
}

/// Longitude and latitude of a Point as they are written, degrees; `None` of anything else.
pub fn coordinates(value: &Value) -> Option<(f64, f64)> {
    if let Value::GeoJson(text) = value {
        return coordinates(&model::json::parse(text).ok()?);
    }
    if let Some(geometry) = field(value, "geometry") {
        return coordinates(geometry);
    }
    let Shape::Point(_) = Shape::of(value)? else { return None };
    let [longitude, latitude, ..] = items(field(value, "coordinates")?)? else { return None };
    Some((number(longitude)?, number(latitude)?))
}

/// `[longitude, latitude]`, degrees; a height is left out.
fn direction(value: &Value) -> Option<Direction> {
    let [longitude, latitude, ..] = items(value)? else { return None };
    let (longitude, latitude) = (number(longitude)?, number(latitude)?);
    if longitude.abs() > 180.0 || latitude.abs() > 90.0 {
        return None;
    }
    let (longitude, latitude) = (longitude.to_radians(), latitude.to_radians());
    let level = latitude.cos();
    Some([level * longitude.cos(), level * longitude.sin(), latitude.sin()])
}

fn rings(value: &Value) -> Option<Vec<Ring>> {
    let ring = |value: &Value| {
        let mut corners: Vec<Direction> =
            items(value)?.iter().map(direction).collect::<Option<_>>()?;
        if corners.len() > 1 && corners.first() == corners.last() {
            corners.pop();
        }
        (corners.len() >= 3).then_some(Ring(corners))
    };
    items(value)?.iter().map(ring).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Option<Shape> {
        Shape::of(&model::json::parse(text).unwrap())
    }

    fn point(longitude: f64, latitude: f64) -> Shape {
        shape(&format!(r#"{{"type": "Point", "coordinates": [{longitude}, {latitude}]}}"#)).unwrap()
    }

    fn polygon(rings: &str) -> Shape {
        shape(&format!(r#"{{"type": "Polygon", "coordinates": {rings}}}"#)).unwrap()
    }

    #[test]
    fn a_polygon_holds_what_it_runs_around_either_way() {
        for rings in ["[[[0,0],[4,0],[4,4],[0,4],[0,0]]]", "[[[0,0],[0,4],[4,4],[4,0],[0,0]]]"] {
            let region = polygon(rings);
            assert!(region.contains(&point(1.0, 1.0)));
            assert!(region.contains(&point(0.0, 0.0)));
            assert!(!region.contains(&point(5.0, 1.0)));
            assert!(!region.contains(&point(-179.0, -1.0)), "the antipode is outside");
        }
    }

    #[test]
    fn holes_are_outside() {
        let region = polygon("[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[3,1],[3,3],[1,3],[1,1]]]");
        assert!(region.contains(&point(0.5, 0.5)));
        assert!(!region.contains(&point(2.0, 2.0)));
    }

    #[test]
    fn regions_lie_across_the_date_line_and_around_a_pole() {
        let pacific = polygon("[[[170,-10],[-170,-10],[-170,10],[170,10],[170,-10]]]");
        assert!(pacific.contains(&point(180.0, 0.0)));
        assert!(pacific.contains(&point(-175.0, 5.0)));
        assert!(!pacific.contains(&point(0.0, 0.0)));
        let north = polygon("[[[0,70],[120,70],[-120,70],[0,70]]]");
        assert!(north.contains(&point(45.0, 89.0)));
        assert!(!north.contains(&point(45.0, -89.0)));
    }

    #[test]
    fn a_circle_reaches_as_far_as_its_radius() {
        let circle = shape(r#"{"type": "AeroCircle", "coordinates": [[0, 0], 112000]}"#).unwrap();
        assert!(circle.contains(&point(1.0, 0.0)), "a degree is 111.2 km");
        assert!(!circle.contains(&point(1.1, 0.0)));
    }

    #[test]
    fn what_is_no_shape_is_none() {
        let wrong = [
            r#"{"type": "Point", "coordinates": [200, 0]}"#,
            r#"{"type": "Point", "coordinates": []}"#,
            r#"{"type": "Polygon", "coordinates": [[[0,0],[1,1]]]}"#,
            r#"{"type": "LineString", "coordinates": [[0,0],[1,1]]}"#,
            r#"{"type": "AeroCircle", "coordinates": [[0,0], -1]}"#,
            "{}",
            "5",
        ];
        for text in wrong {
            assert_eq!(shape(text), None, "{text}");
        }
    }
}
