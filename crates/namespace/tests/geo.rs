//! The index of shapes against every shape asked one by one: the airports of `testdata`, and points
//! all over the sphere, in regions of every size, across the date line and around the poles, and the
//! other way round, regions around a point.

use std::sync::Arc;

use futures::executor::block_on;
use model::{Collection, IndexDef, IndexSource, IndexType, Key, Name, Value};
use namespace::{Namespace, Options, Settings};
use particle::geo::Shape;
use storage::{Device, MemoryDevice, Storage};
use store::{Bins, Change, IndexRange, ScanCursor, Ttl};

const NOW_MS: u64 = 1_800_000_000_000;

/// A namespace with these shapes under their numbers, and an index of them.
fn namespace_of(shapes: &[String]) -> Namespace {
    let options = Options {
        name: "test".to_string(),
        storage_engine: "memory",
        settings: Settings::default(),
        replication_factor: 1,
        shards_per_partition: 1,
    };
    let storage = storage::Options::new("test", 7);
    let device = Arc::new(MemoryDevice::new(64 << 20));
    let devices = || vec![device.clone() as Arc<dyn Device>];
    let open = |_| Storage::open(devices(), &storage);
    let namespace = Namespace::open(options, NOW_MS, open).expect("it opens");
    let def = IndexDef {
        name: "places".into(),
        set: Some("s".into()),
        source: IndexSource::Bin { bin: "at".into(), context: None },
        collection: Collection::Scalar,
        value_type: IndexType::Geo,
        filter: None,
    };
    namespace.create_index(def, NOW_MS).expect("an index");
    for (number, shape) in (0..).zip(shapes) {
        let key = Key::Integer(number);
        let bins = vec![(Name::from("at"), Some(Value::GeoJson(shape.clone())))];
        let write = Change::Write { bins, replace: false, ttl: Ttl::Never };
        let mut decide = |_: Option<&model::Record>| Ok(write.clone());
        namespace.modify("s", &key.digest("s"), Some(&key), NOW_MS, &mut decide).expect("a write");
    }
    namespace
}

fn found(namespace: &Namespace, region: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut cursor = ScanCursor::all();
    let range = IndexRange::Geo(region.to_string());
    while !cursor.done() {
        let next = namespace.index_scan("places", &range, Bins::None, &mut cursor, 1000, NOW_MS);
        for (_, record) in block_on(next).expect("a scan").0 {
            let Some(Key::Integer(number)) = record.key else { panic!("a record without its key") };
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    numbers
}

/// The numbers of the shapes that have `region`'s point in them, or are in it.
fn judged(shapes: &[Option<Shape>], region: &str) -> Vec<i64> {
    let region = shape_of(region).expect("a shape");
    let fits = |shape: &Shape| region.contains(shape) || shape.contains(&region);
    let judged = (0..).zip(shapes).filter(|(_, shape)| shape.as_ref().is_some_and(fits));
    judged.map(|(number, _)| number).collect()
}

fn shape_of(text: &str) -> Option<Shape> {
    Shape::of(&Value::GeoJson(text.to_string()))
}

fn point(longitude: f64, latitude: f64) -> String {
    format!(r#"{{"type": "Point", "coordinates": [{longitude}, {latitude}]}}"#)
}

fn circle(longitude: f64, latitude: f64, radius_m: f64) -> String {
    format!(r#"{{"type": "AeroCircle", "coordinates": [[{longitude}, {latitude}], {radius_m}]}}"#)
}

fn polygon(corners: &[[f64; 2]]) -> String {
    format!(r#"{{"type": "Polygon", "coordinates": [{corners:?}]}}"#)
}

fn airports() -> Vec<String> {
    let rows = include_str!("../../../testdata/airports/airports.csv").lines().skip(1);
    let place = |row: &str| -> Option<String> {
        let mut fields = row.rsplit(',');
        let (longitude, latitude) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(point(longitude, latitude))
    };
    rows.map(|row| place(row).expect("longitude and latitude end a row")).collect()
}

/// Points of a spiral around the sphere, from pole to pole.
fn spiral(count: usize) -> Vec<String> {
    let at = |n: usize| {
        let height = 1.0 - 2.0 * (n as f64 + 0.5) / count as f64;
        point((n as f64 * 137.507_764) % 360.0 - 180.0, height.asin().to_degrees())
    };
    (0..count).map(at).chain([point(0.0, 90.0), point(77.0, -90.0), point(180.0, 0.0)]).collect()
}

fn regions() -> Vec<String> {
    let mut regions = vec![
        polygon(&[[170., -10.], [-170., -10.], [-170., 10.], [170., 10.], [170., -10.]]),
        polygon(&[[160., 50.], [-160., 50.], [-160., 75.], [160., 75.], [160., 50.]]),
        polygon(&[[0., 70.], [120., 70.], [-120., 70.], [0., 70.]]),
        polygon(&[[0., -80.], [90., -75.], [180., -85.], [-90., -80.], [0., -80.]]),
        polygon(&[[-124., 32.], [-114., 32.], [-114., 42.], [-124., 42.], [-124., 32.]]),
        polygon(&[[-100., 30.], [-90., 30.], [-100., 40.], [-90., 40.], [-95., 20.], [-100., 30.]]),
        circle(179.5, 10.0, 2_000_000.0),
        circle(0.0, 90.0, 1_500_000.0),
        circle(10.0, -89.0, 500_000.0),
        circle(-140.0, 60.0, 9_000_000.0),
    ];
    for radius_m in [10.0, 1_000.0, 20_000.0, 400_000.0] {
        regions.extend(
            [(-122.4, 37.6), (-87.9, 41.98), (-176.6, 51.9), (-161.0, 60.8)]
                .map(|(longitude, latitude)| circle(longitude, latitude, radius_m)),
        );
    }
    regions
}

#[test]
fn points_in_regions() {
    for places in [airports(), spiral(3_000)] {
        let namespace = namespace_of(&places);
        let shapes: Vec<_> = places.iter().map(|place| shape_of(place)).collect();
        let mut hits = 0;
        for region in regions() {
            let found = found(&namespace, &region);
            assert_eq!(found, judged(&shapes, &region), "{region}");
            hits += found.len();
        }
        assert!(hits > 1_000, "only {hits} points were inside");
        namespace.check_indexes().expect("as the records are");
    }
}

#[test]
fn regions_around_points() {
    let regions = regions();
    let namespace = namespace_of(&regions);
    let shapes: Vec<_> = regions.iter().map(|region| shape_of(region)).collect();
    let mut hits = 0;
    for place in airports().iter().step_by(10).chain(&spiral(400)) {
        let found = found(&namespace, place);
        assert_eq!(found, judged(&shapes, place), "{place}");
        hits += found.len();
    }
    assert!(hits > 300, "only {hits} regions were around points");
}
