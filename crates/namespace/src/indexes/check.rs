//! Whether the indexes are what the records say.

use model::{Error, ErrorKind, Result};
use sindex::EVERYTHING;
use store::{Bins, ScanCursor};

use super::{Fields, Secondary, tag_of};
use crate::Namespace;

impl Namespace {
    /// Compares every index that is built with the records, and fails with [`ErrorKind::Internal`] at
    /// the first difference. For tests and for operators in doubt; writers wait meanwhile.
    pub fn check_indexes(&self) -> Result<()> {
        let _gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for index in self.indexes.now().iter().filter(|index| index.ready()) {
            index.entries.check()?;
            let expected = self.entries_of(index)?;
            let all = |tree| index.entries.walk(tree, EVERYTHING, None, false, usize::MAX);
            let mut found: Vec<_> = (0..index.entries.trees()).flat_map(all).collect();
            found.sort_unstable();
            if found != expected {
                let (name, first) =
                    (&index.def.name, |of: &[(u128, u64)], other: &[(u128, u64)]| {
                        of.iter().find(|entry| other.binary_search(entry).is_err()).copied()
                    });
                let detail = format!(
                    "index {name} has {} entries, by the records {}; too many {:x?}, missing {:x?}",
                    found.len(),
                    expected.len(),
                    first(&found, &expected),
                    first(&expected, &found),
                );
                return Err(Error::new(ErrorKind::Internal, detail));
            }
        }
        Ok(())
    }

    /// The entries that an index has by what the records are, in order.
    fn entries_of(&self, index: &Secondary) -> Result<Vec<(u128, u64)>> {
        let mut entries = Vec::new();
        self.walk(&mut ScanCursor::all(), |_, entry| {
            let set = self.sets.get(entry.set_id).filter(|set| index.covers(&set.name));
            let Some(set) = set.filter(|_| !entry.tombstone) else { return Ok(true) };
            if let Some(read) = self.read_entry(entry, None, Bins::All)? {
                let keys = index.keys(&Fields::of(&read.record, &set.name));
                let tag = tag_of(&read.record.digest);
                entries.extend(keys.into_iter().map(|key| (key, tag)));
            }
            Ok(true)
        })?;
        entries.sort_unstable();
        entries.dedup();
        Ok(entries)
    }
}
