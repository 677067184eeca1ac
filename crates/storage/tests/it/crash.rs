//! Power cuts. The device keeps any subset of the sectors that were not synced; what was
//! acknowledged must be there, what was not may be, and nothing torn is ever shown.

use std::collections::HashMap;
use std::sync::Arc;

use storage::{Faults, Options, SimDevice, Ticket};

use crate::{Model, options};

const KEYS: u64 = 40;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What a key may be after a crash: versions (`None` = deleted or never written), oldest first, each
/// with the ticket of its write. The newest acknowledged one and everything after it is allowed.
#[derive(Default)]
struct History(HashMap<i64, Vec<(Option<i64>, Ticket)>>);

impl History {
    fn of(&mut self, key: i64) -> &mut Vec<(Option<i64>, Ticket)> {
        self.0.entry(key).or_insert_with(|| vec![(None, Ticket::done())])
    }

    /// Forgets what is older than the newest acknowledged version, as of now.
    fn freeze(&mut self) {
        for versions in self.0.values_mut() {
            let acked = |v: &(Option<i64>, Ticket)| matches!(v.1.outcome(), Some(Ok(())));
            let newest = versions.iter().rposition(acked).expect("the first one is");
            versions.drain(..newest);
        }
    }

    /// Checks what is there after a restart. From here on it must stay: it has been seen.
    fn check(&mut self, model: &Model, context: &str) {
        for key in 0..KEYS as i64 {
            let found = model.get(key).unwrap_or_else(|e| panic!("{context}, key {key}: {e}"));
            let allowed: Vec<_> = self.of(key).iter().map(|(version, _)| *version).collect();
            assert!(allowed.contains(&found), "{context}, key {key}: {found:?} of {allowed:?}");
            *self.of(key) = vec![(found, Ticket::done())];
        }
    }
}

/// Writes until the power is cut or enough is written.
fn write(model: &mut Model, history: &mut History, version: &mut i64, random: &mut Random) {
    for _ in 0..random.below(120) {
        *version += 1;
        let key = random.below(KEYS) as i64;
        let (new, outcome) = match random.below(4) {
            0 => (None, model.delete(key)),
            _ => (Some(*version), model.put(key, *version, random.below(6_000) as usize)),
        };
        let Ok(appended) = outcome else { return };
        history.of(key).push((new, appended.ticket.clone()));
        if random.below(4) == 0 {
            appended.ticket.hasten();
        }
        if random.below(3) == 0 && appended.ticket.wait_blocking().is_err() {
            return;
        }
    }
}

/// Lives and crashes of one storage. Returns how many openings found a torn group.
fn crashes(seed: u64, options: &Options) -> u64 {
    let mut torn = 0;
    let random = &mut Random(seed);
    let mut history = History::default();
    let mut device = Arc::new(SimDevice::new(8 << 20));
    let mut version = 0;
    for life in 0..4 {
        let context = format!("seed {seed} life {life}");
        // The power may go while the storage is being opened, too.
        let cut = Faults { power_cut_after: Some(random.below(80)), ..Faults::default() };
        device.set_faults(cut);
        let opened = Model::open(vec![device.clone()], options);
        if let Ok(mut model) = opened {
            let damage = model.storage.stats().damage;
            assert_eq!((damage.records, damage.unidentified), (0, 0), "{context}");
            write(&mut model, &mut history, &mut version, random);
            if random.below(4) == 0 {
                let _ = model.storage.close();
            }
            // Acknowledged first, then the crash: what the flusher still does is not counted.
            history.freeze();
            let after = device.crash(random.below(u64::MAX));
            drop(model);
            device = Arc::new(after);
        } else {
            device = Arc::new(device.crash(random.below(u64::MAX)));
        }
        let model = Model::open(vec![device.clone()], options).expect("opens after a crash");
        history.check(&model, &context);
        torn += u64::from(model.storage.stats().damage.torn);
    }
    let model = Model::open(vec![device], options).expect("opens in the end");
    history.check(&model, &format!("seed {seed} at the end"));
    torn
}

#[test]
fn acknowledged_writes_survive_power_cuts() {
    let torn: u64 = (0..250).map(|seed| crashes(seed, &options())).sum();
    assert!(torn > 50, "only {torn} torn groups were met");
}
