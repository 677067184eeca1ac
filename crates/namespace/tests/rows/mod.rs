//! What a visit of a set shows, as records.

use model::{Head, Key, Name, Record, Result, Rows, Value, ValueRef, Wanted};
use namespace::Namespace;
use store::ScanCursor;

struct Seen<'a> {
    bins: &'a [Name],
    records: Vec<Record>,
}

impl Rows for Seen<'_> {
    fn record(&mut self, head: &Head<'_>) -> bool {
        let key = head.key.clone().map(|key| match key.into_value() {
            Value::Integer(n) => Key::Integer(n),
            Value::String(s) => Key::String(s),
            Value::Blob(b) => Key::Blob(b),
            other => panic!("{other:?} is no key"),
        });
        self.records.push(Record {
            digest: head.digest,
            key,
            bins: Vec::new(),
            generation: head.generation,
            lut_ms: head.lut_ms,
            void_time: head.void_time,
            size: head.size,
        });
        true
    }

    fn bin(&mut self, place: usize, value: ValueRef<'_>) {
        let record = self.records.last_mut().expect("a record comes before its bins");
        record.bins.push((self.bins[place].clone(), value.into_value()));
    }
}

/// The records of a set with these bins, `step` at a time.
pub(crate) fn visited(
    namespace: &Namespace,
    set: &str,
    bins: &[Name],
    step: usize,
    now_ms: u64,
) -> Result<Vec<Record>> {
    let mut seen = Seen { bins, records: Vec::new() };
    let mut cursor = ScanCursor::all();
    while !cursor.done() {
        let wanted = Wanted { key: true, bins };
        let before = seen.records.len();
        namespace.visit(set, wanted, &mut cursor, step, now_ms, &mut seen)?;
        assert!(seen.records.len() <= before + step + 2, "more than were asked for");
    }
    Ok(seen.records)
}
