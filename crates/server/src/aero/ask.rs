//! What one record is asked for: where it is, under which conditions, and what is to happen.

use std::sync::Arc;

use super::udf::Function;
use model::{Digest, Key, Record, limits};
use particle::exp::{Expression, Meta, View};
use store::{Address, Ttl};
use wire::flags::{info1, info2, info3, info4};
use wire::{Field, Header, Message, code, value};

/// A result code that is the whole answer.
pub(super) type Refused = u8;

/// Time to live that means: never.
const TTL_NEVER: u32 = u32::MAX;
/// Time to live that means: as it is.
const TTL_KEEP: u32 = u32::MAX - 1;

/// A command on one record, out of a message of its own or a row of a batch.
pub(super) struct Ask<'a> {
    pub(super) namespace: &'a str,
    pub(super) set: &'a str,
    pub(super) digest: Digest,
    pub(super) key: Option<Key>,
    pub(super) message: Message<'a>,
    pub(super) rules: Rules,
    /// The filter expression.
    pub(super) filter: Option<Arc<Expression>>,
    /// The user's function that is called in place of operations.
    pub(super) function: Option<Function<'a>>,
}

impl<'a> Ask<'a> {
    /// What a message asks of the record of `digest`; where that is not given, of the one that its
    /// fields name.
    pub(super) fn of(message: Message<'a>, digest: Option<Digest>) -> Result<Ask<'a>, Refused> {
        let fields = &message.fields;
        if fields.get(Field::TRANSACTION).is_some()
            || message.header.info4 & info4::TRANSACTION != 0
        {
            return Err(code::UNSUPPORTED);
        }
        let text = |field| fields.text(field).map_err(refused);
        let namespace = text(Field::NAMESPACE)?.ok_or(code::PARAMETER)?;
        let set = text(Field::SET)?.unwrap_or("");
        let key = fields.get(Field::KEY).map(value::key).transpose().map_err(refused)?;
        if let Some(key) = &key {
            limits::check_key(key).map_err(refused)?;
        }
        let named = || match fields.digest().map_err(refused)? {
            Some(digest) => Ok(digest),
            None => key.as_ref().map(|key| key.digest(set)).ok_or(code::PARAMETER),
        };
        let digest = digest.map_or_else(named, Ok)?;
        let rules = Rules::of(&message.header);
        let filter = filter_of(&message)?;
        let function = Function::of(&message)?;
        Ok(Ask { namespace, set, digest, key, message, rules, filter, function })
    }

    /// The same of a record of this set.
    pub(super) fn in_set<'s>(&self, set: &'s str) -> Ask<'s>
    where
        'a: 's,
    {
        let Ask { namespace, digest, message, rules, .. } = *self;
        let (key, filter) = (self.key.clone(), self.filter.clone());
        let function = self.function.clone();
        Ask { namespace, set, digest, key, message, rules, filter, function }
    }

    /// The same of a record of this set, if it is there.
    pub(super) fn of_existing<'s>(&self, set: &'s str) -> Ask<'s>
    where
        'a: 's,
    {
        let mut ask = self.in_set(set);
        ask.rules.exists = Exists::Must;
        ask
    }

    pub(super) fn address(&self) -> Address<'_> {
        let Ask { namespace, set, digest, key, .. } = self;
        Address { namespace, set, digest: *digest, key: key.as_ref() }
    }

    /// Whether the record changes.
    pub(super) fn writes(&self) -> bool {
        self.message.header.info2 & info2::WRITE != 0
    }

    /// Whether only what is about the record is wanted, not its bins.
    pub(super) fn no_bins(&self) -> bool {
        self.message.header.info1 & info1::NO_BIN_DATA != 0
    }

    /// The share of its time to live, percent, below which a record that is read gets the whole of
    /// it again: what a read has in place of a time to live.
    pub(super) fn touch_pct(&self) -> Option<u32> {
        Some(self.message.header.ttl).filter(|pct| (1..=100).contains(pct))
    }

    /// Whether a record that was stored with a key was stored with this one.
    pub(super) fn fits(&self, record: &Record) -> Result<(), Refused> {
        match (&self.key, &record.key) {
            (Some(asked), Some(stored)) if asked != stored => Err(code::KEY_MISMATCH),
            _ => Ok(()),
        }
    }

    /// Whether the filter holds of a record, if there is one.
    pub(super) fn passes(&self, record: &Record, now_ms: u64) -> Result<(), Refused> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let meta = Meta::of(record, self.set, now_ms);
        match filter.holds(&View { meta, bins: record }) {
            true => Ok(()),
            false => Err(code::FILTERED_OUT),
        }
    }
}

/// The filter expression of a message, or of a row of a batch.
pub(super) fn filter_of(message: &Message<'_>) -> Result<Option<Arc<Expression>>, Refused> {
    let bytes = message.fields.get(Field::FILTER).filter(|bytes| !bytes.is_empty());
    let filter = bytes.map(Expression::decode_filter).transpose().map_err(refused)?;
    Ok(filter.map(Arc::new))
}

/// The result code of an error, which goes to the log for those who look for it.
pub(super) fn refused(error: impl Into<model::Error>) -> Refused {
    let error = error.into();
    tracing::debug!(kind = ?error.kind, "a client's command is refused: {error}");
    error.kind.result_code()
}

/// Conditions and manner of a write, out of a message's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    exists: Exists,
    generation: Expected,
    /// Whether bins that are not written go away.
    pub(super) replace: bool,
    /// Whether the record goes.
    pub(super) delete: bool,
    /// Whether each operation gets a result.
    pub(super) respond_all: bool,
    pub(super) ttl: Ttl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exists {
    Whatever,
    Must,
    MustNot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Any,
    Equal(u32),
    /// The record's is less than this.
    Below(u32),
}

impl Rules {
    fn of(header: &Header) -> Rules {
        let two = |flag| header.info2 & flag != 0;
        let three = |flag| header.info3 & flag != 0;
        Rules {
            exists: match () {
                () if two(info2::CREATE_ONLY) => Exists::MustNot,
                () if three(info3::UPDATE_ONLY | info3::REPLACE_ONLY) => Exists::Must,
                () => Exists::Whatever,
            },
            generation: match () {
                () if two(info2::GENERATION) => Expected::Equal(header.generation),
                () if two(info2::GENERATION_GT) => Expected::Below(header.generation),
                () => Expected::Any,
            },
            replace: three(info3::CREATE_OR_REPLACE | info3::REPLACE_ONLY),
            delete: two(info2::DELETE),
            respond_all: two(info2::RESPOND_ALL_OPS),
            ttl: match header.ttl {
                0 => Ttl::Default,
                TTL_NEVER => Ttl::Never,
                TTL_KEEP => Ttl::Keep,
                seconds => Ttl::Seconds(seconds),
            },
        }
    }

    /// Whether the record, as it is, may be written. A record that is not there has generation 0.
    pub(super) fn admit(&self, record: Option<&Record>) -> Result<(), Refused> {
        match (self.exists, record) {
            (Exists::MustNot, Some(_)) => return Err(code::EXISTS),
            (Exists::Must, None) => return Err(code::NOT_FOUND),
            _ if self.delete && record.is_none() => return Err(code::NOT_FOUND),
            _ => {}
        }
        let generation = record.map_or(0, |record| u32::from(record.generation));
        let expected = match self.generation {
            Expected::Any => true,
            Expected::Equal(expected) => expected == generation,
            Expected::Below(newer) => generation < newer,
        };
        if expected { Ok(()) } else { Err(code::GENERATION) }
    }
}
