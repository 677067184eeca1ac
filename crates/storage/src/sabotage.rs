//! Bugs to order. A test that never fails proves nothing: the model tests are run with each of these
//! and must notice. They exist only in builds with the feature `sabotage`.

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Groups are written and answered without a sync.
    SkipSync,
    /// A write is answered before its group is written.
    AnswerEarly,
    /// A victim is given back before its copies are durable.
    FreeEarly,
    /// A victim is given back while readers may be in it.
    SkipGrace,
    /// A tombstone is dropped when its block is defragmented.
    DropTombstones,
    /// A record that expired is dropped without leaving a tombstone.
    ForgetExpired,
    /// Blocks have the same incarnation in each life.
    IgnoreIncarnation,
    /// Entries of a checkpoint are believed whatever became of their blocks.
    TrustStaleCheckpoint,
    /// The log after a checkpoint is not replayed.
    SkipReplay,
    /// The checkpoint counts before the log that it knows of is durable.
    CheckpointBeforeLog,
    /// The records of an atomic group are appended one by one.
    SplitGroups,
    /// Names and markers are not copied out of a victim.
    LoseNames,
    /// A record is shown without looking at its checksum.
    SkipChecksum,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 13] = [
        Sabotage::SkipSync,
        Sabotage::AnswerEarly,
        Sabotage::FreeEarly,
        Sabotage::SkipGrace,
        Sabotage::DropTombstones,
        Sabotage::ForgetExpired,
        Sabotage::IgnoreIncarnation,
        Sabotage::TrustStaleCheckpoint,
        Sabotage::SkipReplay,
        Sabotage::CheckpointBeforeLog,
        Sabotage::SplitGroups,
        Sabotage::LoseNames,
        Sabotage::SkipChecksum,
    ];
}

/// The bug that a storage is to have, if any. Without the feature `sabotage` it has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sabotaged(Option<Sabotage>);

impl Sabotaged {
    /// With this bug.
    pub fn with(bug: Sabotage) -> Sabotaged {
        Sabotaged(Some(bug))
    }

    /// Whether it has this bug.
    pub fn is(self, bug: Sabotage) -> bool {
        cfg!(feature = "sabotage") && self.0 == Some(bug)
    }
}
