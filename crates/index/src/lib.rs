//! Primary index: 20-byte entries in hash-ordered 1 KiB pages, about 24 B of memory a record.
//!
//! One [`Index`] belongs to one namespace and says of each of its records where it lies, how large
//! it is, its generation, set and expiry hour. What it is made of, from the outside in:
//!
//! 1. A digest's first 12 bits name the partition. Its bytes from the third on, read as one
//!    big-endian number, give the rest: the first bits (as many as `shards_per_partition` needs)
//!    name the shard, the next 64 are the *tag* (`index.rs`).
//! 2. A shard is a 64-byte header with a lock, and pages of entries sorted by tag, found by
//!    interpolation: the tag itself says where to look (`shard.rs`).
//! 3. Its pages are listed in the header, beyond twelve in overflow pages (`pages.rs`).
//! 4. Pages come from one arena of 2 MiB-aligned memory (`arena.rs`: all `unsafe` is there).
//! 5. An entry is five words (`entry.rs`).
//! 6. A checkpoint takes whole shards as bytes and gives them back, and a restart changes or builds
//!    them in one pass (`index/bulk.rs`).
//!
//! Always true:
//! * In a partition, order by shard and tag is the order of the digests' bytes from the third on,
//!   for any number of shards. A scan walks in it, and resumes after inserts and removes.
//! * 76 bits of the digest and one more for each doubling of the shards are compared: 79 at the
//!   default of 8 shards, 82 at 64. An absent record matches a stored one by chance once in 2^79
//!   look-ups for each record. Two records that are equal in them are both stored; locations
//!   tell them apart. A *deliberate* pair costs about 2^40 hashes, so whoever must not trust
//!   these bits (deletes and overwrites for untrusted clients) reads the record and compares.
//! * A lock is held for one memory operation on one shard, never across I/O, and never
//!   on two shards.
//!
//! Left to others: records, the lock that spans read-modify-write of one record, secondary
//! indexes, what an expiry hour means, where a checkpoint lies and its checksums. Left out for now:
//! a memory budget, splitting shards while running, posting lists by set.

// Reason: memory comes from mmap, and prefetching is an intrinsic. Each block says why it is sound.
#[allow(unsafe_code)]
mod arena;
mod entry;
mod index;
mod pages;
mod shard;

pub use entry::{ENTRY_SIZE, EXPIRY_HOURS_END, Entry, LOCATION_END, REPLICATION_END, SET_ID_END};
pub use index::{Index, Keep, Matches, Options, ScanPosition};
pub use model::size_class::{UNITS_MAX, class_of, units_of};
