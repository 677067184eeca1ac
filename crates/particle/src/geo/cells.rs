//! Shapes as cells of the sphere, for an index: S2's hierarchy, in which a cell has a number of 64
//! bits, and the numbers of the cells inside it are a range around it.
//!
//! A shape is in the index under the cells that cover it, a point under the smallest one around it.
//! Two shapes that have a point in common have cells of which one is inside the other. So a question
//! looks for what is inside its own cells, and for the cells around them. What it finds may be near
//! and no more: the shapes themselves decide.
//!
//! A cell is taken for the circle around it. That is larger than the cell, so nothing is missed: where
//! no edge comes near the circle, all of it is inside or outside.

use s2::cap::Cap;
use s2::cell::Cell;
use s2::cellid::CellID;
use s2::point::Point;
use s2::region::{Region, RegionCoverer};
use s2::s1::{Angle, Rad};

use super::{Direction, Ring, Shape, add, angle, cross, dot, norm};

/// Most cells that a region is indexed under. Aerospike's default.
const CELLS_INDEXED: usize = 12;
/// Most cells that a region is looked for by: more are closer to its form.
const CELLS_ASKED: usize = 16;
/// What a distance may be wrong by, radians: six millimetres.
const MARGIN: f64 = 1e-9;
/// A region that reaches further from its middle than this, radians, is somewhere on the sphere.
const NEAR_MAX: f64 = 1.4;

impl Shape {
    /// The cells under which an index has the shape: at most 12.
    pub fn cells(&self) -> Vec<u64> {
        self.covering(CELLS_INDEXED).into_iter().map(|cell| cell.0).collect()
    }

    /// Where in the order of cells an index has the shapes that may have a point in common with this
    /// one: ranges with both ends.
    pub fn cell_ranges(&self) -> Vec<(u64, u64)> {
        let cells = self.covering(CELLS_ASKED);
        let inside = |cell: &CellID| (cell.range_min().0, cell.range_max().0);
        let mut ranges: Vec<_> = cells.iter().map(inside).collect();
        for cell in &cells {
            let around = (0..cell.level()).map(|level| cell.parent(level).0);
            ranges.extend(around.map(|id| (id, id)));
        }
        ranges.sort_unstable();
        ranges.dedup();
        ranges
    }

    fn covering(&self, max_cells: usize) -> Vec<CellID> {
        if let Shape::Point(point) = self {
            return vec![CellID::from(point_of(*point))];
        }
        let coverer = RegionCoverer { min_level: 0, max_level: 30, level_mod: 1, max_cells };
        coverer.covering(&Covered(self.clone())).0
    }

    /// Whether a circle, radians, may have a point of the shape in it.
    fn may_meet(&self, centre: Direction, radius: f64) -> bool {
        match self {
            Shape::Point(point) => angle(centre, *point) <= radius,
            Shape::Circle(own, reach) => angle(centre, *own) <= reach + radius,
            Shape::Polygons(polygons) => {
                self.contains(&Shape::Point(centre))
                    || polygons.iter().flatten().any(|ring| ring.comes_near(centre, radius))
            }
        }
    }

    /// Whether a circle, radians, is all inside, as far as can be told cheaply.
    fn holds_all(&self, centre: Direction, radius: f64) -> bool {
        match self {
            Shape::Point(_) => false,
            Shape::Circle(own, reach) => angle(centre, *own) + radius <= *reach,
            Shape::Polygons(polygons) => {
                self.contains(&Shape::Point(centre))
                    && !polygons.iter().flatten().any(|ring| ring.comes_near(centre, radius))
            }
        }
    }
}

impl Ring {
    /// Whether an edge comes as near as this, radians.
    fn comes_near(&self, point: Direction, radius: f64) -> bool {
        let corners = &self.0;
        let next = |i: usize| corners[(i + 1) % corners.len()];
        corners.iter().enumerate().any(|(i, corner)| distance(point, *corner, next(i)) <= radius)
    }
}

/// How far a point is from an edge, radians.
fn distance(point: Direction, a: Direction, b: Direction) -> f64 {
    let to_corner = angle(point, a).min(angle(point, b));
    let across = cross(a, b);
    let length = norm(across);
    // Corners that are the same, or opposite each other.
    if length < 1e-15 {
        return to_corner;
    }
    let inside = dot(cross(across, a), point) > 0.0 && dot(cross(b, across), point) > 0.0;
    if !inside {
        return to_corner;
    }
    let height = (dot(across, point) / length).clamp(-1.0, 1.0);
    height.asin().abs().min(to_corner)
}

fn point_of([x, y, z]: Direction) -> Point {
    Point::from_coords(x, y, z)
}

fn direction_of(point: Point) -> Direction {
    [point.0.x, point.0.y, point.0.z]
}

/// The centre of a cell, and how far its corners are from it, radians.
fn circle_around(cell: &Cell) -> (Direction, f64) {
    let centre = direction_of(cell.center());
    let far = cell.vertices().map(|corner| angle(centre, direction_of(corner)));
    (centre, far.into_iter().fold(0.0, f64::max) + MARGIN)
}

/// A region as the library wants it.
struct Covered(Shape);

impl Region for Covered {
    fn cap_bound(&self) -> Cap {
        let around = |centre: Direction, reach: f64| match reach < NEAR_MAX {
            true => Cap::from_center_angle(&point_of(centre), &Angle::from(Rad(reach + MARGIN))),
            false => Cap::full(),
        };
        match &self.0 {
            Shape::Point(point) => around(*point, 0.0),
            Shape::Circle(centre, reach) => around(*centre, *reach),
            // A circle of less than half the sphere has the edges between any corners in it, and the
            // smaller side of what they run around.
            Shape::Polygons(polygons) => {
                let corners = || polygons.iter().flatten().flat_map(|ring| &ring.0);
                let middle = corners().fold([0.0; 3], |sum, corner| add(sum, *corner));
                let length = norm(middle);
                if length < 1e-6 {
                    return Cap::full();
                }
                let middle = middle.map(|part| part / length);
                around(middle, corners().map(|c| angle(middle, *c)).fold(0.0, f64::max))
            }
        }
    }

    fn contains_cell(&self, cell: &Cell) -> bool {
        let (centre, radius) = circle_around(cell);
        self.0.holds_all(centre, radius)
    }

    fn intersects_cell(&self, cell: &Cell) -> bool {
        let (centre, radius) = circle_around(cell);
        self.0.may_meet(centre, radius)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::of(&model::json::parse(text).expect("JSON")).expect("a shape")
    }

    fn point(longitude: f64, latitude: f64) -> Shape {
        shape(&format!(r#"{{"type": "Point", "coordinates": [{longitude}, {latitude}]}}"#))
    }

    /// Regions of every size and place, across the date line and around poles.
    fn regions() -> Vec<Shape> {
        let polygon = |rings: &str| format!(r#"{{"type": "Polygon", "coordinates": {rings}}}"#);
        let circle = |at: &str, radius: f64| {
            format!(r#"{{"type": "AeroCircle", "coordinates": [{at}, {radius}]}}"#)
        };
        let texts = [
            polygon("[[[170,-10],[-170,-10],[-170,10],[170,10],[170,-10]]]"),
            polygon("[[[0,70],[120,70],[-120,70],[0,70]]]"),
            polygon("[[[0,-89],[90,-89],[180,-89],[-90,-89],[0,-89]]]"),
            polygon("[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[3,1],[3,3],[1,3],[1,1]]]"),
            polygon("[[[-80,-5],[0,-5],[80,-5],[80,5],[0,60],[-80,5],[-80,-5]]]"),
            polygon("[[[8,47],[8.001,47],[8.001,47.001],[8,47]]]"),
            circle("[0, 0]", 1.0),
            circle("[-122.4, 37.8]", 50_000.0),
            circle("[179.9, 0]", 300_000.0),
            circle("[0, 90]", 1_000_000.0),
            circle("[10, 10]", 12_000_000.0),
            r#"{"type": "MultiPolygon", "coordinates":
                [[[[0,0],[1,0],[1,1],[0,0]]], [[[100,50],[101,50],[101,51],[100,50]]]]}"#
                .to_string(),
        ];
        texts.iter().map(|text| shape(text)).collect()
    }

    fn found(ranges: &[(u64, u64)], cells: &[u64]) -> bool {
        cells.iter().any(|cell| ranges.iter().any(|(from, to)| from <= cell && cell <= to))
    }

    #[test]
    fn whatever_is_inside_is_found_both_ways() {
        let mut inside = 0;
        for region in regions() {
            let (ranges, cells) = (region.cell_ranges(), region.cells());
            assert!(cells.len() <= CELLS_INDEXED, "{region:?}");
            for (longitude, latitude) in region.nearby() {
                let point = point(longitude, latitude);
                if region.contains(&point) {
                    inside += 1;
                    assert!(found(&ranges, &point.cells()), "{longitude} {latitude} in {region:?}");
                    assert!(
                        found(&point.cell_ranges(), &cells),
                        "{region:?} around {longitude} {latitude}"
                    );
                }
            }
        }
        assert!(inside > 2000, "only {inside} points were inside");
    }

    #[test]
    fn what_is_far_is_not_found() {
        let small = shape(r#"{"type": "AeroCircle", "coordinates": [[8, 47], 1000]}"#);
        let area = |(from, to): &(u64, u64)| (to - from) as f64;
        let share =
            small.cell_ranges().iter().map(area).sum::<f64>() / (6.0 * (1_u64 << 61) as f64);
        // A thousandth of a millionth of the sphere would be 510 square metres.
        assert!(share < 5e-8, "{share} of the sphere for 3 square kilometres");
        assert!(!found(&small.cell_ranges(), &point(9.0, 47.0).cells()));
    }

    impl Shape {
        /// A grid of the sphere, and finer ones around a corner or the centre.
        fn nearby(&self) -> Vec<(f64, f64)> {
            let mut places = Vec::new();
            for longitude in (-180..=180).step_by(5) {
                places.extend((-90..=90).step_by(5).map(|l| (longitude as f64, l as f64)));
            }
            let corner = match self {
                Shape::Point(at) | Shape::Circle(at, _) => *at,
                Shape::Polygons(polygons) => polygons[0][0].0[0],
            };
            let (longitude, latitude) = (corner[1].atan2(corner[0]), corner[2].asin());
            for size in [1e-6, 1e-4, 1e-2, 1.0] {
                for step in 0..400 {
                    let (east, north) = ((step % 20 - 10) as f64, (step / 20 - 10) as f64);
                    let longitude = longitude.to_degrees() + size * east;
                    let latitude = latitude.to_degrees() + size * north;
                    if longitude.abs() <= 180.0 && latitude.abs() <= 90.0 {
                        places.push((longitude, latitude));
                    }
                }
            }
            places
        }
    }
}
