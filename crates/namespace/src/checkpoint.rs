//! Checkpoints: the index as it is goes to storage, while reads and writes go on.

use std::sync::atomic::Ordering::Relaxed;

use model::Result;

use crate::Namespace;
use crate::metrics::Timer;

impl Namespace {
    /// Whether the records outlive the process, so that a restart has use for a checkpoint.
    pub(crate) fn keeps_checkpoints(&self) -> bool {
        self.storage.backends().iter().any(|backend| *backend != "memory")
    }

    /// Writes a checkpoint. Writers wait only while it begins.
    pub fn checkpoint(&self) -> Result<()> {
        let _timer = Timer::of(&self.metrics.checkpoint);
        let gate = self.gate.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let shards = self.index.shard_count();
        let mut writer =
            self.storage.begin_checkpoint(shards, self.index.len(), &self.sets.encode())?;
        drop(gate);
        let mut entries = Vec::new();
        for shard in 0..shards {
            entries.clear();
            if self.index.dump_shard(shard, &mut entries) > 0 {
                writer.shard(shard, &entries)?;
            }
        }
        let (lsn, bytes) = (writer.lsn(), writer.finish()?);
        self.metrics.checkpoint_bytes.fetch_add(bytes, Relaxed);
        tracing::debug!(namespace = self.options.name, lsn, bytes, "checkpoint written");
        Ok(())
    }
}
