//! Markers: what many records at once are told by one record of the log.
//!
//! A truncate or an eviction is one marker; it counts for every record with a smaller LSN, in memory
//! at once and again after each restart, for as long as such records may be found on a device.

use model::PartitionId;

use crate::dictionary::{Places, note_place};

/// What a marker says of the records that were written before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Records of the set (`None`: of every set) whose last update time, ms since 1970, is not
    /// after this are gone; [`u64::MAX`] = all of them.
    Truncate {
        /// Id of the set.
        set_id: Option<u16>,
        /// The time.
        before_lut_ms: u64,
    },
    /// Records whose void-time is set and below a limit are gone, but for those of some sets. Some
    /// partitions have a later limit than the others, so that any share of the records of one hour
    /// can be named.
    Evict {
        /// The limit, seconds since 1970.
        void_until: u32,
        /// The limit in the partitions below `partitions`.
        void_until_there: u32,
        /// The first partition that has the lower limit.
        partitions: u16,
        /// Ids of the sets that are spared.
        spared: Vec<u16>,
    },
}

/// A marker with its place in the order of all writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Records with a smaller LSN are meant.
    pub lsn: u64,
    /// What it says.
    pub said: Said,
    /// Where its two records are.
    pub(crate) places: Places,
}

impl Marker {
    /// Whether it can be told without reading the record that a version with these properties is
    /// gone. `None` where the record's last update time decides.
    pub fn removes(
        &self,
        lsn: u64,
        partition: PartitionId,
        set_id: u16,
        void_time: u32,
    ) -> Option<bool> {
        if lsn >= self.lsn {
            return Some(false);
        }
        match &self.said {
            Said::Truncate { set_id: set, .. } if set.is_some_and(|set| set != set_id) => {
                Some(false)
            }
            Said::Truncate { before_lut_ms: u64::MAX, .. } => Some(true),
            Said::Truncate { .. } => None,
            Said::Evict { void_until, void_until_there, partitions, spared } => {
                let there = partition.get() < *partitions;
                let limit = if there { *void_until_there } else { *void_until };
                Some(void_time != 0 && void_time < limit && !spared.contains(&set_id))
            }
        }
    }
}

/// The markers that still count, by LSN.
#[derive(Debug, Default)]
pub(crate) struct Markers(pub(crate) Vec<Marker>);

impl Markers {
    /// Adds a marker, or another place of one that is known. Its second record has the next LSN.
    pub(crate) fn note(&mut self, lsn: u64, said: Said, place: u64) {
        let twin = |known: &&mut Marker| {
            known.said == said && (known.lsn == lsn || known.lsn + 1 == lsn || known.lsn == lsn + 1)
        };
        match self.0.iter_mut().find(twin) {
            Some(known) => {
                known.lsn = known.lsn.min(lsn);
                note_place(&mut known.places, Some(place));
            }
            None => {
                self.0.push(Marker { lsn, said, places: [Some(place), None] });
                self.0.sort_by_key(|marker| marker.lsn);
            }
        }
    }

    /// Forgets places where no record is any more.
    pub(crate) fn keep_places(&mut self, keep: impl Fn(u64) -> bool) {
        for place in self.0.iter_mut().flat_map(|marker| &mut marker.places) {
            *place = place.filter(|place| keep(*place));
        }
    }

    /// Forgets markers that have no record any more: nothing was left that they could mean.
    pub(crate) fn drop_lost(&mut self) {
        self.0.retain(|marker| marker.places.iter().any(Option::is_some));
    }

    /// Adds a marker from a checkpoint.
    pub(crate) fn restore(&mut self, marker: Marker) {
        self.0.push(marker);
    }

    /// The marker that has a record at this place.
    pub(crate) fn at(&mut self, place: u64) -> Option<&mut Marker> {
        self.0.iter_mut().find(|marker| marker.places.contains(&Some(place)))
    }

    /// Forgets a place; a marker without any is gone.
    pub(crate) fn moved(&mut self, old: u64, new: Option<u64>) {
        if let Some(marker) = self.at(old) {
            marker.places.iter_mut().filter(|p| **p == Some(old)).for_each(|p| *p = new);
        }
        self.drop_lost();
    }
}
