//! What stands in front of the records: the superblock of a device, the header of a block.
//!
//! A device is cut into blocks of one size, a power of two. Its block 0 holds the superblock, twice:
//! at 0 and at 4096; on the first device the manifest of the index checkpoint, twice, at 8192 and at
//! 12288 (`checkpoint.rs`); the rest of block 0 is left for the partition table. All structures fill less than one 512-byte sector, so a torn write leaves either
//! the old or the new one. Numbers are little-endian; what is not listed is zero.
//!
//! Superblock, 4096 bytes, written at each open (copy 0, sync, copy 1, sync) and at a clean stop:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `AERIEDB1` |
//! | 8 | 4 | CRC-32C over everything but itself |
//! | 12 | 4 | format version, now 1 |
//! | 16 | 16 | storage id, chosen when it was formatted |
//! | 32 | 8 | how often it was opened |
//! | 40 | 4 | block size |
//! | 44 | 4 | flags: bit 0 = stopped cleanly |
//! | 48 | 2 | number of this device, from 0 |
//! | 50 | 2 | number of devices |
//! | 52 | 1 | which copy, 0 or 1 |
//! | 53 | 1 | length of the namespace's name |
//! | 54 | 32 | namespace |
//!
//! Block header, twice in the block's first 4096 bytes, at 0 and at 2048; records follow from 4096:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `AERIEBLK` |
//! | 8 | 4 | CRC-32C over everything but itself, to 512 |
//! | 12 | 4 | where the data area ends at most: the last page is the footer's (`footer.rs`) |
//! | 16 | 16 | storage id |
//! | 32 | 8 | block id |
//! | 40 | 8 | incarnation: never twice the same for one block |
//! | 48 | 8 | sequence: one more than that of the block opened before it, in whichever stream |
//! | 56 | 8 | next LSN when it was opened; in stream 0 the LSN of its first record |
//! | 64 | 8 | number of its first commit group; in stream 2 the number of the checkpoint |
//! | 72 | 8 | id of the block before it in the stream, 0 = none |
//! | 80 | 4 | where the data of that block ends |
//! | 84 | 2 | stream: 0 writes, 1 copies of defragmentation, 2 a checkpoint |
//! | 86 | 2 | flags, now 0 |
//!
//! With n devices, block id b lies on device b mod n, at offset (b div n) x block size. A record's
//! location is its byte address (b x block size + offset in block) divided by 16.
//!
//! A block's header is written with its first commit group, after every group of the block before
//! it was synced: a header proves the whole block before it in its stream (0: it is the first since a
//! restart, which gave the block before it a footer). A block that was given back has zeros in place
//! of its header, synced before anything relies on it; only blocks of an outdated checkpoint keep
//! theirs, which its number tells. No block is ever
//! continued after a restart, so what lies behind its last group means nothing.

use model::{Error, ErrorKind, Result};

use crate::device::Device;

/// Commit groups begin and end at multiples of this; a header takes one page.
pub(crate) const PAGE: usize = 4096;
/// Version of everything in this crate that reaches a device.
pub(crate) const FORMAT_VERSION: u32 = 1;

const SUPER_MAGIC: &[u8; 8] = b"AERIEDB1";
const BLOCK_MAGIC: &[u8; 8] = b"AERIEBLK";
const BLOCK_COPIES: [usize; 2] = [0, 2048];
const BLOCK_HEADER_SIZE: usize = 512;
const CLEAN: u32 = 1;

/// Fixed-size fields at fixed offsets of a page.
pub(crate) fn field<const N: usize>(page: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&page[at..at + N]);
    bytes
}

pub(crate) fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    page[at..at + bytes.len()].copy_from_slice(bytes);
}

/// CRC over a page but for bytes 8..12, where the CRC itself stands.
fn page_crc(page: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&page[..8]), &page[12..])
}

pub(crate) fn seal(page: &mut [u8]) {
    let crc = page_crc(page);
    put(page, 8, &crc.to_le_bytes());
}

pub(crate) fn sealed(page: &[u8], magic: &[u8; 8]) -> bool {
    field(page, 0) == *magic && u32::from_le_bytes(field(page, 8)) == page_crc(page)
}

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) storage_id: u128,
    pub(crate) opened: u64,
    pub(crate) block_size: u32,
    pub(crate) clean: bool,
    pub(crate) device: u16,
    pub(crate) devices: u16,
    pub(crate) namespace: String,
}

/// What the superblock's place holds.
pub(crate) enum Found {
    Nothing,
    Superblock(Superblock),
}

impl Superblock {
    fn encode(&self, copy: u8) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        put(&mut page, 0, SUPER_MAGIC);
        put(&mut page, 12, &FORMAT_VERSION.to_le_bytes());
        put(&mut page, 16, &self.storage_id.to_le_bytes());
        put(&mut page, 32, &self.opened.to_le_bytes());
        put(&mut page, 40, &self.block_size.to_le_bytes());
        put(&mut page, 44, &(if self.clean { CLEAN } else { 0 }).to_le_bytes());
        put(&mut page, 48, &self.device.to_le_bytes());
        put(&mut page, 50, &self.devices.to_le_bytes());
        page[52] = copy;
        page[53] = self.namespace.len() as u8;
        put(&mut page, 54, self.namespace.as_bytes());
        seal(&mut page);
        page
    }

    /// Reads one copy; `Ok(None)` if it is not whole, an error if a newer version wrote it.
    fn decode(page: &[u8], copy: u8, name: &str) -> Result<Option<Superblock>> {
        if !sealed(page, SUPER_MAGIC) || page[52] != copy {
            return Ok(None);
        }
        let version = u32::from_le_bytes(field(page, 12));
        if version != FORMAT_VERSION {
            let detail = format!(
                "{name} has storage format {version}, this release reads {FORMAT_VERSION}; use \
                 the release that wrote it"
            );
            return Err(Error::new(ErrorKind::Unsupported, detail));
        }
        let end = 54 + usize::from(page[53]).min(32);
        let namespace = String::from_utf8_lossy(&page[54..end]).into_owned();
        Ok(Some(Superblock {
            storage_id: u128::from_le_bytes(field(page, 16)),
            opened: u64::from_le_bytes(field(page, 32)),
            block_size: u32::from_le_bytes(field(page, 40)),
            clean: u32::from_le_bytes(field(page, 44)) & CLEAN != 0,
            device: u16::from_le_bytes(field(page, 48)),
            devices: u16::from_le_bytes(field(page, 50)),
            namespace,
        }))
    }

    /// Reads the newest whole copy. Bytes that are neither zero nor ours are refused, so that
    /// nothing foreign is ever overwritten.
    pub(crate) fn read(device: &dyn Device) -> Result<Found> {
        let name = device.name();
        let mut pages = vec![0; 2 * PAGE];
        let there = device.size().min(pages.len() as u64) as usize;
        device.read_at(0, &mut pages[..there])?;
        let copies = [
            Superblock::decode(&pages[..PAGE], 0, &name)?,
            Superblock::decode(&pages[PAGE..], 1, &name)?,
        ];
        if copies.iter().any(Option::is_none) && copies.iter().any(Option::is_some) {
            tracing::warn!(device = name, "one of two superblocks is damaged; the other is used");
        }
        match copies.into_iter().flatten().max_by_key(|s| s.opened) {
            Some(superblock) => Ok(Found::Superblock(superblock)),
            None if pages.iter().all(|b| *b == 0) => Ok(Found::Nothing),
            None if field(&pages, 0) == *SUPER_MAGIC || field(&pages, PAGE) == *SUPER_MAGIC => {
                let detail = format!("both superblocks of {name} are damaged; restore a backup");
                Err(Error::new(ErrorKind::Corrupt, detail))
            }
            None => Err(foreign(&name)),
        }
    }

    /// Writes both copies, one durable before the other is touched.
    pub(crate) fn write(&self, device: &dyn Device) -> Result<()> {
        for copy in 0..2u8 {
            device.write_at(u64::from(copy) * PAGE as u64, &self.encode(copy))?;
            device.sync()?;
        }
        Ok(())
    }
}

/// Refuses a device that has blocks but no superblock: somebody wiped the wrong thing.
pub(crate) fn check_unused(device: &dyn Device, block_size: u64) -> Result<()> {
    if device.size() < block_size + PAGE as u64 {
        return Ok(());
    }
    let mut page = vec![0; PAGE];
    device.read_at(block_size, &mut page)?;
    if BLOCK_COPIES.iter().any(|at| sealed(&page[*at..*at + BLOCK_HEADER_SIZE], BLOCK_MAGIC)) {
        let detail = format!(
            "the superblock of {} is gone but its blocks hold data; restore a backup, or wipe the \
             device to have it formatted",
            device.name()
        );
        return Err(Error::new(ErrorKind::Corrupt, detail));
    }
    Ok(())
}

fn foreign(name: &str) -> Error {
    let detail = format!(
        "{name} is not AerieDB storage and is not empty; name another file, or wipe its first \
         8 KiB to have it formatted"
    );
    Error::new(ErrorKind::Corrupt, detail)
}

/// What a block says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) storage_id: u128,
    pub(crate) id: u64,
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
    pub(crate) base_lsn: u64,
    pub(crate) first_group: u64,
    pub(crate) previous: u64,
    pub(crate) previous_end: u32,
    pub(crate) data_end: u32,
    pub(crate) stream: u16,
}

/// Stream of what users write.
pub(crate) const WRITES: u16 = 0;
/// Stream of the copies that defragmentation makes.
pub(crate) const COPIES: u16 = 1;
/// Blocks of a checkpoint.
pub(crate) const CHECKPOINT: u16 = 2;

impl BlockHeader {
    /// The block's first page: two copies.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        for at in BLOCK_COPIES {
            let copy = &mut page[at..at + BLOCK_HEADER_SIZE];
            put(copy, 0, BLOCK_MAGIC);
            put(copy, 12, &self.data_end.to_le_bytes());
            put(copy, 16, &self.storage_id.to_le_bytes());
            put(copy, 32, &self.id.to_le_bytes());
            put(copy, 40, &self.incarnation.to_le_bytes());
            put(copy, 48, &self.sequence.to_le_bytes());
            put(copy, 56, &self.base_lsn.to_le_bytes());
            put(copy, 64, &self.first_group.to_le_bytes());
            put(copy, 72, &self.previous.to_le_bytes());
            put(copy, 80, &self.previous_end.to_le_bytes());
            put(copy, 84, &self.stream.to_le_bytes());
            seal(copy);
        }
        page
    }

    /// Reads the header out of a block's first page, from whichever copy is whole; `None` for a
    /// block that was never written, or not as block `id` of this storage.
    pub(crate) fn decode(page: &[u8], storage_id: u128, id: u64) -> Option<BlockHeader> {
        BLOCK_COPIES
            .iter()
            .map(|at| &page[*at..*at + BLOCK_HEADER_SIZE])
            .filter(|copy| sealed(copy, BLOCK_MAGIC))
            .map(|copy| BlockHeader {
                storage_id: u128::from_le_bytes(field(copy, 16)),
                id: u64::from_le_bytes(field(copy, 32)),
                incarnation: u64::from_le_bytes(field(copy, 40)),
                sequence: u64::from_le_bytes(field(copy, 48)),
                base_lsn: u64::from_le_bytes(field(copy, 56)),
                first_group: u64::from_le_bytes(field(copy, 64)),
                previous: u64::from_le_bytes(field(copy, 72)),
                previous_end: u32::from_le_bytes(field(copy, 80)),
                data_end: u32::from_le_bytes(field(copy, 12)),
                stream: u16::from_le_bytes(field(copy, 84)),
            })
            .find(|header| header.storage_id == storage_id && header.id == id)
    }

    /// What every checksum of a record in this block begins with.
    pub(crate) fn seed(&self) -> u32 {
        let mut bytes = [0; 32];
        put(&mut bytes, 0, &self.storage_id.to_le_bytes());
        put(&mut bytes, 16, &self.id.to_le_bytes());
        put(&mut bytes, 24, &self.incarnation.to_le_bytes());
        crc32c::crc32c(&bytes)
    }
}
