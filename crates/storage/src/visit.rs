//! Reading many records in place, for scans: no value is copied, and the waits for memory overlap.
//!
//! 1. The bytes of up to [`TOGETHER`] records are brought into one buffer, while those of the
//!    records behind them are on their way from memory ([`AHEAD`]).
//! 2. Each is verified and shown to a [`Rows`] straight from the buffer, under one look at the names
//!    of bins.
//!
//! What a record is and when it counts as damaged is as for a read by key (`read.rs`).

use model::{Error, ErrorKind, Result, Rows, Wanted};

use crate::dictionary::{Dictionary, Family};
use crate::flat::{Header, Kind, Metadata};
use crate::{Storage, Ticket};

/// Records that are brought together before they are shown: their bytes fit the cache next to the
/// processor.
const TOGETHER: usize = 32;
/// Bytes after which no more are brought before those that are there were shown.
const BYTES: usize = 64 << 10;
/// Bytes that a buffer begins with: enough for [`TOGETHER`] small records.
const FIRST: usize = 4 << 10;
/// How many records ahead memory is asked for: one core keeps about that many waits going.
const AHEAD: usize = 16;

/// Where a record is: its location, and how many units to read there.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// As the index knows it.
    pub location: u64,
    /// As of [`Storage::read`].
    pub units: u32,
}

/// A record in the buffer.
struct Brought {
    location: u64,
    seed: u32,
    end: usize,
}

/// Bytes of records, one behind the other.
#[derive(Default)]
struct Buffer {
    /// Never shorter, so that nothing is zeroed again.
    bytes: Vec<u8>,
    used: usize,
}

impl Buffer {
    /// The next so many bytes, whatever they are.
    #[inline]
    fn room(&mut self, size: usize) -> &mut [u8] {
        let begin = self.used;
        self.used += size;
        if self.bytes.len() < self.used {
            self.bytes.resize(self.used.next_multiple_of(FIRST), 0);
        }
        &mut self.bytes[begin..self.used]
    }
}

impl Storage {
    /// Shows `rows` the records at these places, in order. What is there must be whole, else the
    /// answer is [`ErrorKind::Corrupt`]. The ticket is of a version that is not durable yet, if one
    /// of them is not. Whoever calls has looked the places up under a [`Pin`](crate::Pin) that it
    /// still holds.
    pub fn visit(
        &self,
        places: &[Place],
        wanted: Wanted<'_>,
        rows: &mut impl Rows,
    ) -> Result<Option<Ticket>> {
        let mut ids = Vec::with_capacity(wanted.bins.len());
        {
            let names = self.names();
            ids.extend(wanted.bins.iter().map(|name| names.id(Family::Bin, name)));
        }
        for place in places.iter().take(AHEAD) {
            self.prefetch(place.location, place.units);
        }
        let mut newest = None;
        let mut buffer = Buffer::default();
        let mut brought = Vec::with_capacity(TOGETHER);
        let kept = self.blocks.recent.keeps() || self.often.keeps();
        for (i, place) in places.iter().enumerate() {
            if let Some(later) = places.get(i + AHEAD) {
                self.prefetch(later.location, later.units);
            }
            let (seed, ticket) = self.bring(place, kept, &mut buffer)?;
            newest = ticket.or(newest);
            brought.push(Brought { location: place.location, seed, end: buffer.used });
            if brought.len() == TOGETHER || buffer.used > BYTES || i + 1 == places.len() {
                self.show(&brought, &mut buffer.bytes, wanted.key, &ids, rows)?;
                brought.clear();
                buffer.used = 0;
            }
        }
        Ok(newest)
    }

    /// Puts the bytes at a place into `buffer`: those of the record that is there, and maybe more.
    /// Gives the seed of its block, and what to wait for while it is not durable. `kept` says
    /// whether it may be among records that are kept beside the device.
    #[inline]
    fn bring(
        &self,
        place: &Place,
        kept: bool,
        buffer: &mut Buffer,
    ) -> Result<(u32, Option<Ticket>)> {
        let (block, offset) = self.blocks.at(place.location);
        if let Some((seed, on_device)) = self.blocks.block(block).filter(|_| !kept)
            && offset < on_device
        {
            return self.fetch_behind(place, buffer).map(|()| (seed, None));
        }
        match self.in_memory(place.location, false)? {
            (seed, Some((bytes, ticket))) => {
                buffer.room(bytes.len()).copy_from_slice(&bytes);
                Ok((seed, ticket))
            }
            (seed, None) => self.fetch_behind(place, buffer).map(|()| (seed, None)),
        }
    }

    /// Reads a record from its device.
    #[inline]
    fn fetch_behind(&self, place: &Place, buffer: &mut Buffer) -> Result<()> {
        let (device, at, size) = self.extent(place.location, place.units);
        let bytes = buffer.room(size);
        device.read_at(at, bytes)?;
        if Header::claimed_size(bytes) > size {
            let missing = self.missing(bytes, place.location);
            device.read_at(at + size as u64, buffer.room(missing))?;
        }
        Ok(())
    }

    fn show(
        &self,
        brought: &[Brought],
        buffer: &mut [u8],
        key: bool,
        ids: &[Option<u16>],
        rows: &mut impl Rows,
    ) -> Result<()> {
        let names = self.names();
        let mut start = 0;
        for one in brought {
            let bytes = &mut buffer[start..one.end];
            start = one.end;
            let header = self.verified_once(one.location, one.seed, bytes)?;
            let record = &bytes[..header.size];
            user_record(&header, record, &names)?.give(&header, &names, key, ids, rows)?;
        }
        Ok(())
    }
}

/// What stands before the bins of a record that a user wrote.
#[inline]
pub(crate) fn user_record<'a>(
    header: &Header,
    record: &'a [u8],
    names: &Dictionary,
) -> Result<Metadata<'a>> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::Corrupt, format!("stored record {} {what}", header.digest))
    };
    if !matches!(header.kind, Kind::Record | Kind::Tombstone) {
        return Err(wrong("is no record of a user"));
    }
    let meta = Metadata::decode(record, header)?;
    if names.set_name(meta.set_id).is_none() {
        return Err(wrong("is in a set whose name cannot be read"));
    }
    Ok(meta)
}
