//! The README's first command.

use crate::support::{command, run};

#[test]
fn the_demo_runs_its_tour_and_ends() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("demo");
    let (output, text) =
        run(command().args(["demo", "--exit", "--pg", "127.0.0.1:0", "--data"]).arg(&data));
    assert!(output.status.success(), "{text}");
    for word in
        ["PointGet", "BatchGet", "SetScan", "IndexRange", "JOIN", "GEN", "TTL", "psql", "aql"]
    {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    assert!(!text.contains("ERROR"), "{text}");
}
