//! `histogram`: how long records have to live, or how large they are, over 100 buckets of one width.
//!
//! Every record of the namespace or set is looked at when it is asked for; other work goes on in
//! between.

use model::{Record, Result};
use store::{Bins, ScanCursor};

use super::{Ask, parameter};
use crate::exec::Operated;

/// Buckets of every histogram.
const BUCKETS: usize = 100;
/// Records of one step.
const STEP: usize = 1024;

pub(super) async fn answer<S: Operated>(node: &S, ask: &Ask<'_>) -> Option<Result<String>> {
    match ask.name {
        "histogram" => Some(histogram(node, ask).await),
        _ => None,
    }
}

/// Counts of values below 100 widths; the width doubles where a value is larger.
#[derive(Debug, PartialEq, Eq)]
struct Linear {
    width: u64,
    counts: [u64; BUCKETS],
}

impl Linear {
    fn of_width(width: u64) -> Linear {
        Linear { width, counts: [0; BUCKETS] }
    }

    fn add(&mut self, value: u64) {
        while value / self.width >= BUCKETS as u64 {
            self.width *= 2;
            let halves = std::array::from_fn(|at| match self.counts.get(2 * at..2 * at + 2) {
                Some(pair) => pair.iter().sum(),
                None => 0,
            });
            self.counts = halves;
        }
        self.counts[(value / self.width) as usize] += 1;
    }

    fn text(&self, units: &str) -> String {
        let counts: Vec<String> = self.counts.iter().map(u64::to_string).collect();
        let (width, whole) = (self.width, self.width * BUCKETS as u64);
        let counts = counts.join(",");
        format!("units={units}:hist-width={whole}:bucket-width={width}:buckets={counts}")
    }
}

/// Counts between powers of two.
fn powers(counts: &[u64; 64]) -> String {
    let mut text = "units=bytes".to_string();
    for (power, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        text += &format!(":[{}-{})={count}", 1u128 << power, 1u128 << (power + 1));
    }
    text
}

async fn histogram<S: Operated>(node: &S, ask: &Ask<'_>) -> Result<String> {
    let namespace = ask.need_namespace()?;
    let sets = match ask.get("set").filter(|set| !set.is_empty()) {
        Some(set) => vec![set.to_string()],
        // Records of no set are listed under an empty name.
        None => node.sets(namespace)?.into_iter().map(|set| set.name).collect(),
    };
    let now_s = node.now_ms() / 1000;
    match ask.need("type")? {
        "ttl" => {
            let mut ttl = Linear::of_width(1);
            each(node, namespace, &sets, |record| {
                if record.void_time != 0 {
                    ttl.add(u64::from(record.void_time).saturating_sub(now_s));
                }
            })
            .await?;
            Ok(ttl.text("seconds"))
        }
        "object-size-linear" => {
            let mut sizes = Linear::of_width(16);
            each(node, namespace, &sets, |record| sizes.add(record.size.into())).await?;
            Ok(sizes.text("bytes"))
        }
        "object-size" => {
            let mut sizes = [0; 64];
            each(node, namespace, &sets, |record| sizes[record.size.max(1).ilog2() as usize] += 1)
                .await?;
            Ok(powers(&sizes))
        }
        other => Err(parameter(format!(
            "no histogram of type {other:?}; ttl, object-size and object-size-linear are there"
        ))),
    }
}

async fn each<S: Operated>(
    node: &S,
    namespace: &str,
    sets: &[String],
    mut see: impl FnMut(&Record) + Send,
) -> Result<()> {
    for set in sets {
        let mut cursor = ScanCursor::all();
        while !cursor.done() {
            let records = node.scan(namespace, set, Bins::None, &mut cursor, STEP).await?;
            records.iter().for_each(&mut see);
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_doubles() {
        let mut linear = Linear::of_width(1);
        (0..100).for_each(|value| linear.add(value));
        assert_eq!((linear.width, linear.counts), (1, [1; BUCKETS]));
        linear.add(399);
        assert_eq!(linear.width, 4);
        assert_eq!(&linear.counts[24..26], [4, 0]);
        assert_eq!((linear.counts[99], linear.counts.iter().sum::<u64>()), (1, 101));
        linear.add(u64::from(u32::MAX));
        assert_eq!(linear.counts.iter().sum::<u64>(), 102);
    }

    #[test]
    fn powers_of_two() {
        let mut counts = [0; 64];
        (counts[6], counts[63]) = (3, 1);
        let top = 1u128 << 63;
        assert_eq!(powers(&counts), format!("units=bytes:[64-128)=3:[{top}-{})=1", top * 2));
    }
}
