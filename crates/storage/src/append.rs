//! Writing: records, groups of records, names and markers go into the stream of writes.

use std::cell::RefCell;
use std::sync::MutexGuard;

use model::{Error, ErrorKind, Key, Result, ValueType, limits};

use crate::blocks::Purpose;
use crate::dictionary::Family;
use crate::flat::{self, Content, KEY_SHAPE, Kind, UNIT};
use crate::footer::{Described, TAG_SIZE};
use crate::marker::{Marker, Markers, Said};
use crate::recover::tag_of;
use crate::stream::{Encoded, Placed};
use crate::{Appended, Sabotage, Storage, Ticket, Write, WriteKind};

impl Storage {
    /// Appends a write. It is readable at once, and durable when its ticket is done.
    pub fn append(&self, write: &Write<'_>) -> Result<Appended> {
        let mut appended = self.append_all(std::slice::from_ref(write))?;
        appended.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "an append gave no place"))
    }

    /// Appends writes that survive a crash together or not at all: they are one part of one commit
    /// group, so they have to fit into a write block.
    pub fn append_all(&self, writes: &[Write<'_>]) -> Result<Vec<Appended>> {
        let ids = writes.iter().map(|write| self.ids(write)).collect::<Result<Vec<_>>>()?;
        SCRATCH.with_borrow_mut(|scratch| {
            let placed = self.append_encoded(writes, &ids, scratch);
            scratch.iter_mut().for_each(|record| record.shrink_to(SCRATCH_MAX));
            scratch.truncate(SCRATCH_RECORDS);
            placed
        })
    }

    fn append_encoded(
        &self,
        writes: &[Write<'_>],
        ids: &[(u16, Vec<u16>)],
        scratch: &mut Vec<Vec<u8>>,
    ) -> Result<Vec<Appended>> {
        let compression = *self.compression.lock().expect("setting does not panic");
        if scratch.len() < writes.len() {
            scratch.resize_with(writes.len(), Vec::new);
        }
        let mut shapes = Vec::with_capacity(writes.len());
        for ((write, (set_id, bin_ids)), record) in writes.iter().zip(ids).zip(&mut *scratch) {
            let plain = flat::encode(&content(write, *set_id, bin_ids), compression, record);
            check_size(plain, limits::RECORD_SIZE_MAX)?;
            check_size(record.len(), self.record_size_max())?;
            shapes.push(shape(write, bin_ids));
        }
        let whole: usize = scratch[..writes.len()].iter().map(Vec::len).sum();
        if whole > self.writes.group_max() {
            let detail = format!(
                "a group of {} writes takes {whole} bytes, a write block holds {}; write less at \
                 once, or raise write-block-size",
                writes.len(),
                self.writes.group_max()
            );
            return Err(Error::new(ErrorKind::RecordTooBig, detail));
        }
        let deletes = writes.iter().all(|write| write.kind == WriteKind::Tombstone);
        let purpose = if deletes { Purpose::Delete } else { Purpose::Write };
        let records = writes.iter().zip(ids).zip(&mut *scratch).zip(&shapes);
        let mut encoded: Vec<Encoded<'_>> = records
            .map(|(((write, (set_id, _)), record), shape)| Encoded {
                described: describe(write, *set_id, record.len()),
                bytes: record,
                shape,
            })
            .collect();
        let together = !self.blocks.sabotaged(Sabotage::SplitGroups);
        let placed = self.writes.append(&mut encoded, purpose, together)?;
        let appended = placed.into_iter().zip(encoded).zip(ids);
        Ok(appended
            .map(|((placed, encoded), (set_id, _))| self.appended(&placed, &encoded, *set_id))
            .collect())
    }

    fn appended(&self, placed: &Placed, encoded: &Encoded<'_>, set_id: u16) -> Appended {
        Appended {
            location: self.blocks.location(placed.block, placed.offset),
            units: encoded.described.units,
            lsn: placed.lsn,
            set_id,
            ticket: match self.blocks.sabotaged(Sabotage::AnswerEarly) {
                true => Ticket::done(),
                false => self.writes.ticket(&placed.done),
            },
        }
    }

    /// Appends a marker, twice, which counts for everything that was written before.
    pub fn append_marker(&self, said: Said) -> Result<(Marker, Ticket)> {
        let mut record = Vec::new();
        let kind = match &said {
            Said::Truncate { set_id, before_lut_ms } => {
                let set_id = set_id.unwrap_or(flat::EVERY_SET);
                flat::encode_truncate(set_id, *before_lut_ms, &mut record);
                Kind::Truncate
            }
            Said::Evict { void_until, void_until_there, partitions, spared } => {
                let limits = (*void_until, *void_until_there, *partitions);
                flat::encode_evict(limits, spared, &mut record);
                Kind::Evict
            }
        };
        let placed = self.append_system(kind, &mut record)?;
        let mut markers = self.markers();
        for placed in &placed {
            markers.note(
                placed.lsn,
                said.clone(),
                self.blocks.location(placed.block, placed.offset),
            );
        }
        let place = self.blocks.location(placed[0].block, placed[0].offset);
        let marker = markers.at(place).cloned();
        drop(markers);
        let marker = marker.ok_or_else(|| Error::new(ErrorKind::Internal, "a marker is gone"))?;
        // One copy is enough to be durable, and the second is in the same group or a later one.
        Ok((marker, self.writes.ticket(&placed[0].done)))
    }

    /// Appends a name or marker at two places, both or none.
    fn append_system(&self, kind: Kind, record: &mut [u8]) -> Result<Vec<Placed>> {
        let mut second = record.to_vec();
        let described = Described {
            kind,
            tag: [0; TAG_SIZE],
            offset: 0,
            units: (record.len() / UNIT) as u32,
            generation: 0,
            void_time: 0,
            set_id: 0,
            lsn: 0,
        };
        let encoded = |bytes| Encoded { bytes, described, shape: &[] };
        let mut both = [encoded(record), encoded(&mut second)];
        self.writes.append(&mut both, Purpose::Delete, true)
    }

    /// The markers that still count.
    pub fn all_markers(&self) -> Vec<Marker> {
        self.markers().0.clone()
    }

    pub(crate) fn markers(&self) -> MutexGuard<'_, Markers> {
        self.markers.lock().expect("nobody panics with the markers")
    }

    fn ids(&self, write: &Write<'_>) -> Result<(u16, Vec<u16>)> {
        let dictionary = self.names();
        let set = dictionary.id(Family::Set, write.set);
        let bins = write.bins.iter().map(|(name, _)| dictionary.id(Family::Bin, name));
        if let (Some(set), Some(bins)) = (set, bins.collect()) {
            return Ok((set, bins));
        }
        drop(dictionary);
        let set = self.intern(Family::Set, write.set)?;
        let bins = write.bins.iter().map(|(name, _)| self.intern(Family::Bin, name));
        Ok((set, bins.collect::<Result<_>>()?))
    }

    /// The id of a name, given now if it is new. The dictionary stays locked until the name is in
    /// the log: nobody can use the id earlier.
    pub(crate) fn intern(&self, family: Family, name: &str) -> Result<u16> {
        if let Some(id) = self.names().id(family, name) {
            return Ok(id);
        }
        let mut dictionary = self.dictionary.write().expect("nobody panics with the dictionary");
        if let Some(id) = dictionary.id(family, name) {
            return Ok(id);
        }
        let kind = match family {
            Family::Set => {
                limits::check_set(name)?;
                Kind::SetName
            }
            Family::Bin => {
                limits::check_bin(name)?;
                Kind::BinName
            }
        };
        let id = dictionary.next_id(family)?;
        let mut record = Vec::new();
        flat::encode_name(kind, id, name, &mut record);
        for placed in self.append_system(kind, &mut record)? {
            let place = self.blocks.location(placed.block, placed.offset);
            dictionary.put(family, id, name, Some(place));
        }
        Ok(id)
    }
}

/// Refuses a record that is too large.
fn check_size(size: usize, most: usize) -> Result<()> {
    if size <= most {
        return Ok(());
    }
    let detail = format!(
        "the record takes {size} bytes, at most {most} are allowed; split it, or raise the \
         namespace's max-record-size and write-block-size"
    );
    Err(Error::new(ErrorKind::RecordTooBig, detail))
}

fn content<'a>(write: &Write<'a>, set_id: u16, bin_ids: &'a [u16]) -> Content<'a> {
    Content {
        kind: kind_of(write),
        digest: write.digest,
        set_id,
        key: write.key,
        bin_ids,
        bins: write.bins,
        generation: write.generation,
        lut_ms: write.lut_ms,
        void_time: write.void_time,
    }
}

fn kind_of(write: &Write<'_>) -> Kind {
    match write.kind {
        WriteKind::Record => Kind::Record,
        WriteKind::Tombstone => Kind::Tombstone,
    }
}

/// Ids and types of key and bins.
fn shape(write: &Write<'_>, bin_ids: &[u16]) -> Vec<(u16, ValueType)> {
    let key = write.key.map(|key| {
        let key_type = match key {
            Key::Integer(_) => ValueType::Integer,
            Key::String(_) => ValueType::String,
            Key::Blob(_) => ValueType::Blob,
        };
        (KEY_SHAPE, key_type)
    });
    let bins = bin_ids.iter().zip(write.bins).map(|(id, (_, value))| (*id, value.value_type()));
    key.into_iter().chain(bins).collect()
}

fn describe(write: &Write<'_>, set_id: u16, size: usize) -> Described {
    Described {
        kind: kind_of(write),
        tag: tag_of(&write.digest),
        offset: 0,
        units: (size / UNIT) as u32,
        generation: write.generation,
        void_time: write.void_time,
        set_id,
        lsn: 0,
    }
}

/// Scratch memory kept per thread for encoding a record, at most, and for how many.
const SCRATCH_MAX: usize = 64 << 10;
const SCRATCH_RECORDS: usize = 4;

thread_local! {
    static SCRATCH: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}
