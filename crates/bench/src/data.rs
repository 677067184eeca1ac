//! The records that are written, and which of them is picked next.

use std::sync::Arc;

use model::{Digest, Error, ErrorKind, Key, Name, Record, Result, Value};
use namespace::Namespace;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use storage::Ticket;
use store::{Bins, Change, Ttl};

use crate::engine::{Engine, Setup, now_ms};

/// The set of all records.
pub const SET: &str = "bench";

/// Bytes of a key.
pub(crate) const KEY_SIZE: u64 = 16;

/// A prime above every count of records, so that steps of it visit each record once.
const STEP: u64 = (1 << 48) + 21;

/// Records 0 to `records`: a key of 16 characters, one blob that says which record and version it
/// belongs to and is random otherwise.
#[derive(Debug, Clone)]
pub struct Data {
    /// How many.
    pub records: u64,
    /// Bytes of the blob.
    pub value_size: usize,
    /// Whether the key is stored beside its digest.
    pub store_key: bool,
    /// Seed of the blobs.
    pub seed: u64,
}

impl Data {
    /// The key of a record.
    pub fn key(&self, n: u64) -> Key {
        Key::String(format!("user{n:012}"))
    }

    /// The digest of a record.
    pub fn digest(&self, n: u64) -> Digest {
        self.key(n).digest(SET)
    }

    /// The blob of a version of a record.
    pub fn value(&self, n: u64, version: u64) -> Vec<u8> {
        let mut value = vec![0; self.value_size];
        let seed = self.seed ^ n.wrapping_mul(STEP) ^ version.rotate_left(40);
        SmallRng::seed_from_u64(seed).fill_bytes(&mut value);
        for (place, byte) in value.iter_mut().zip(version.to_le_bytes()) {
            *place = byte;
        }
        value
    }

    /// Writes a version of a record.
    pub fn write(&self, namespace: &Namespace, n: u64, version: u64) -> Result<Option<Ticket>> {
        let key = self.key(n);
        let digest = key.digest(SET);
        let stored = self.store_key.then_some(&key);
        let (_, ticket) = namespace.modify(SET, &digest, stored, now_ms(), &mut |_| {
            let value = Value::Blob(self.value(n, version));
            let bins = vec![(bin(), Some(value))];
            Ok(Change::Write { bins, replace: true, ttl: Ttl::Default })
        })?;
        Ok(ticket)
    }

    /// The version that a record holds; an error if it is absent or not what was written.
    pub fn check(&self, n: u64, record: Option<&Record>) -> Result<u64> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Corrupt, format!("record {n} of the measurement {what}"))
        };
        let record = record.ok_or_else(|| wrong("is gone"))?;
        let Some(Value::Blob(found)) = record.bin("value") else {
            return Err(wrong("has lost its bin"));
        };
        let mut version = [0; 8];
        let known = found.len().min(version.len());
        version[..known].copy_from_slice(&found[..known]);
        let version = u64::from_le_bytes(version);
        match *found == self.value(n, version) {
            true => Ok(version),
            false => Err(wrong("holds bytes that were never written")),
        }
    }

    /// Reads this many records spread over all and checks them.
    pub fn check_sample(&self, namespace: &Namespace, sample: u64) -> Result<u64> {
        let sample = sample.min(self.records);
        for n in (0..sample).map(|i| spread(i, self.records)) {
            let found = namespace.get(&self.digest(n), Bins::All, now_ms())?;
            self.check(n, found.record.as_ref())?;
        }
        Ok(sample)
    }

    /// Bytes that a record takes in storage, header and padding included.
    pub fn record_size(&self) -> Result<u64> {
        let engine = Engine::open(&Setup::in_memory(64 << 20))?;
        self.write(&engine, 0, 0)?;
        let found = engine.get(&self.digest(0), Bins::None, now_ms())?;
        let size = found.record.map(|record| u64::from(record.size));
        engine.close()?;
        size.ok_or_else(|| Error::new(ErrorKind::Internal, "a record is gone at once"))
    }
}

/// The `i`th of all numbers below `records`, in an order without neighbours.
fn spread(i: u64, records: u64) -> u64 {
    (u128::from(i) * u128::from(STEP) % u128::from(records)) as u64
}

fn bin() -> Name {
    thread_local! {
        static BIN: Name = Arc::from("value");
    }
    BIN.with(Name::clone)
}

/// Draws records: uniformly, or by Zipf's law with the popular ones spread over all.
#[derive(Debug, Clone)]
pub struct Picks {
    rng: SmallRng,
    records: u64,
    zipf: Option<Zipf<f64>>,
}

impl Picks {
    /// Draws from the records of `data`; `theta` is Zipf's exponent.
    pub fn new(data: &Data, theta: Option<f64>, seed: u64) -> Result<Picks> {
        let wrong = |theta: f64| {
            let detail = format!("a Zipf exponent of {theta}; give one above 0, such as 0.99");
            Error::new(ErrorKind::Parameter, detail)
        };
        if data.records == 0 {
            return Err(Error::new(ErrorKind::Parameter, "no records; give --records 1 or more"));
        }
        let zipf = match theta {
            Some(theta) if theta > 0.0 => {
                Some(Zipf::new(data.records as f64, theta).map_err(|_| wrong(theta))?)
            }
            Some(theta) => return Err(wrong(theta)),
            None => None,
        };
        Ok(Picks { rng: SmallRng::seed_from_u64(seed), records: data.records, zipf })
    }

    /// The next record.
    pub fn draw(&mut self) -> u64 {
        match &self.zipf {
            None => self.rng.random_range(0..self.records),
            Some(zipf) => {
                let rank = zipf.sample(&mut self.rng) as u64 - 1;
                spread(rank, self.records)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Data = Data { records: 1000, value_size: 100, store_key: true, seed: 7 };

    #[test]
    fn what_is_written_is_found_and_known() {
        let engine = Engine::open(&Setup::in_memory(64 << 20)).unwrap();
        DATA.write(&engine, 5, 42).unwrap();
        let found = engine.get(&DATA.digest(5), Bins::All, now_ms()).unwrap().record;
        assert_eq!(DATA.check(5, found.as_ref()).unwrap(), 42);
        assert_eq!(DATA.check(6, found.as_ref()).unwrap_err().kind, ErrorKind::Corrupt);
        assert_eq!(DATA.check(5, None).unwrap_err().kind, ErrorKind::Corrupt);
        assert_eq!(DATA.record_size().unwrap(), u64::from(found.unwrap().size));
        engine.close().unwrap();
    }

    #[test]
    fn keys_have_16_bytes() {
        let Key::String(key) = DATA.key(123_456_789) else { panic!("a string") };
        assert_eq!(key.len() as u64, KEY_SIZE);
    }

    #[test]
    fn zipf_prefers_few_and_stays_inside() {
        let mut picks = Picks::new(&DATA, Some(0.99), 1).unwrap();
        let mut counts = vec![0u32; 1000];
        (0..100_000).for_each(|_| counts[picks.draw() as usize] += 1);
        counts.sort_unstable();
        // H(1000, 0.99) is about 7.7: the most popular one gets 13 %.
        assert!((11_000..15_000).contains(&counts[999]), "{}", counts[999]);
        let mut picks = Picks::new(&DATA, None, 1).unwrap();
        assert!((0..100_000).all(|_| picks.draw() < 1000));
        assert!(Picks::new(&DATA, Some(-1.0), 1).is_err());
    }
}
