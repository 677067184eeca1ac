//! Distances on the sphere, in metres.
//!
//! Edges are great circles. The nearest place of an edge is where the great circle through the point,
//! at right angles to the edge's, meets it, if that lies between the corners; else a corner (Todhunter
//! and Leathem, Spherical Trigonometry).

use super::{Direction, EARTH_RADIUS_M, Ring, Shape, add, cross, dot, norm};

impl Shape {
    /// Metres between a point and a shape: 0 inside of a region. `None` where neither is a point, but
    /// for two circles.
    pub fn distance(&self, other: &Shape) -> Option<f64> {
        use Shape::{Circle, Point};
        let radians = match (self, other) {
            (Point(a), Point(b)) => angle(*a, *b),
            (Point(point), Circle(centre, radius)) | (Circle(centre, radius), Point(point)) => {
                (angle(*point, *centre) - radius).max(0.0)
            }
            (Circle(a, r), Circle(b, s)) => (angle(*a, *b) - r - s).max(0.0),
            (point @ Point(place), region @ Shape::Polygons(polygons))
            | (region @ Shape::Polygons(polygons), point @ Point(place)) => {
                if region.contains(point) {
                    return Some(0.0);
                }
                let rings = polygons.iter().flatten();
                rings.map(|ring| ring.angle_to(*place)).fold(f64::INFINITY, f64::min)
            }
            _ => return None,
        };
        Some(radians * EARTH_RADIUS_M)
    }
}

impl Ring {
    /// The angle to the nearest place of the line.
    fn angle_to(&self, point: Direction) -> f64 {
        let edges = self.0.iter().zip(self.0.iter().cycle().skip(1));
        edges.map(|(from, to)| angle_to_edge(point, *from, *to)).fold(f64::INFINITY, f64::min)
    }
}

/// The angle between two directions, exact also where it is small.
fn angle(a: Direction, b: Direction) -> f64 {
    norm(cross(a, b)).atan2(dot(a, b))
}

fn angle_to_edge(point: Direction, from: Direction, to: Direction) -> f64 {
    let corners = angle(point, from).min(angle(point, to));
    let pole = cross(from, to);
    let length = norm(pole);
    if length == 0.0 {
        return corners;
    }
    // The foot lies between the corners if the point is on the inner side of both.
    let between = dot(cross(pole, from), point) > 0.0 && dot(cross(to, pole), point) > 0.0;
    let towards = dot(add(from, to), point) > 0.0;
    match between && towards {
        true => (dot(pole, point) / length).abs().min(1.0).asin(),
        false => corners,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::of(&model::json::parse(text).unwrap()).unwrap()
    }

    fn point(longitude: f64, latitude: f64) -> Shape {
        shape(&format!(r#"{{"type": "Point", "coordinates": [{longitude}, {latitude}]}}"#))
    }

    /// A degree of a great circle.
    const DEGREE: f64 = EARTH_RADIUS_M * std::f64::consts::PI / 180.0;

    #[track_caller]
    fn check(a: &Shape, b: &Shape, metres: f64) {
        for found in [a.distance(b).unwrap(), b.distance(a).unwrap()] {
            assert!((found - metres).abs() < 0.01, "{found} is not {metres}");
        }
    }

    #[test]
    fn points_lie_apart_along_great_circles() {
        check(&point(0.0, 0.0), &point(1.0, 0.0), DEGREE);
        check(&point(179.5, 0.0), &point(-179.5, 0.0), DEGREE);
        check(&point(0.0, 89.0), &point(180.0, 89.0), 2.0 * DEGREE);
        check(&point(0.0, -90.0), &point(0.0, 90.0), 180.0 * DEGREE);
        check(&point(7.0, 7.0), &point(7.0, 7.0), 0.0);
    }

    #[test]
    fn a_region_is_as_far_as_its_nearest_edge_or_corner() {
        let region =
            shape(r#"{"type": "Polygon", "coordinates": [[[0,0],[4,0],[4,4],[0,4],[0,0]]]}"#);
        check(&region, &point(2.0, 1.0), 0.0);
        check(&region, &point(2.0, -1.0), DEGREE);
        check(&region, &point(-3.0, 0.0), 3.0 * DEGREE);
        let circle = shape(r#"{"type": "AeroCircle", "coordinates": [[0, 0], 1000]}"#);
        check(&circle, &point(1.0, 0.0), DEGREE - 1000.0);
        check(&circle, &point(0.0, 0.0), 0.0);
        assert_eq!(region.distance(&circle), None);
    }
}
