//! Reads that renew: a record that was read gets its whole time to live again.

use model::{Record, Result};

use crate::{Change, Ttl};

/// What renews `record`, which was read at `now_ms`, where less than `pct` percent of the time to live
/// that it was given is left: a change of the record as it is then, which leaves it alone if somebody
/// has written it meanwhile. `None` where nothing is due.
pub fn renewal(
    record: &Record,
    pct: u32,
    now_ms: u64,
) -> Option<impl Fn(Option<&Record>) -> Result<Change> + use<>> {
    // A void time is counted from the next whole second of the write.
    let whole_s = u64::from(record.void_time).saturating_sub(record.lut_ms.div_ceil(1000));
    let left_s = u64::from(record.void_time).saturating_sub(now_ms / 1000);
    if record.void_time == 0 || left_s * 100 >= whole_s * u64::from(pct) {
        return None;
    }
    let generation = record.generation;
    let ttl = Ttl::Seconds(u32::try_from(whole_s).unwrap_or(u32::MAX));
    Some(move |now: Option<&Record>| {
        Ok(match now {
            Some(now) if now.generation == generation => {
                Change::Write { bins: Vec::new(), replace: false, ttl }
            }
            _ => Change::Keep,
        })
    })
}
