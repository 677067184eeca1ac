//! From key expressions to records' names.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Digest, Key, Table, Value, encode_composite, json};
use sql::expr::Row;
use sql::plan::{KeyLookup, Keys};
use sql::{SqlError, SqlResult};
use store::Target;

/// The records that `keys` name, each once, in the order in which they are named. A NULL names
/// none.
pub(super) fn targets(table: &Table, keys: &Keys, row: &Row<'_>) -> SqlResult<Vec<Target>> {
    let mut found: Vec<Target> = Vec::new();
    match keys {
        Keys::Each(lookups) => {
            found.reserve_exact(lookups.len());
            for lookup in lookups {
                found.extend(target(table, lookup, row)?);
            }
        }
        Keys::Any(array) => match array.eval(row)? {
            None => {}
            Some(Value::List(items)) => {
                found.reserve_exact(items.len());
                for item in items.into_iter().filter(|item| *item != Value::Nil) {
                    found.push(named(table, key_of(item)?));
                }
            }
            Some(other) => found.push(named(table, key_of(other)?)),
        },
    }
    if repeats(&found) {
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|target| seen.insert(target.digest));
    }
    Ok(found)
}

/// Whether a record is named twice; sorting says so for less than hashing.
fn repeats(targets: &[Target]) -> bool {
    if targets.len() < 2 {
        return false;
    }
    let mut digests: Vec<&Digest> = targets.iter().map(|target| &target.digest).collect();
    digests.sort_unstable();
    digests.windows(2).any(|pair| pair[0] == pair[1])
}

fn target(table: &Table, lookup: &KeyLookup, row: &Row<'_>) -> SqlResult<Option<Target>> {
    match lookup {
        KeyLookup::Key(parts) => {
            if let [part] = &parts[..] {
                let value = part.eval(row)?;
                return Ok(value.map(key_of).transpose()?.map(|key| named(table, key)));
            }
            let mut values = Vec::with_capacity(parts.len());
            for part in parts {
                match part.eval(row)? {
                    Some(value) => values.push(value),
                    None => return Ok(None),
                }
            }
            Ok(Some(named(table, composite(values)?)))
        }
        KeyLookup::Digest(digest) => match digest.eval(row)? {
            None => Ok(None),
            Some(Value::Blob(bytes)) => {
                let digest = bytes.try_into().map_err(|bytes: Vec<u8>| {
                    SqlError::new("22023", format!("a digest has 20 bytes, not {}", bytes.len()))
                })?;
                Ok(Some(Target { digest: Digest(digest), key: None }))
            }
            Some(Value::String(hex)) => {
                Ok(Some(Target { digest: sql::digest_from_text(&hex)?, key: None }))
            }
            Some(_) => Err(SqlError::new("42804", "a digest is compared with bytea or hex text")),
        },
    }
}

/// The target of this key in the table's set.
pub(super) fn named(table: &Table, key: Key) -> Target {
    Target { digest: key.digest(&table.name), key: Some(key) }
}

/// The key that the values of all key columns make.
pub(super) fn composite(mut values: Vec<Value>) -> SqlResult<Key> {
    if values.len() == 1 {
        return key_of(values.remove(0));
    }
    Ok(encode_composite(&values.into_iter().map(key_of).collect::<SqlResult<Vec<_>>>()?))
}

/// A value in its stored representation as a user key.
pub(super) fn key_of(value: Value) -> SqlResult<Key> {
    Ok(match value {
        Value::Integer(n) => Key::Integer(n),
        Value::Bool(b) => Key::Integer(b.into()),
        Value::String(s) => Key::String(s),
        Value::Blob(b) => Key::Blob(b),
        other => {
            let message = format!("a {} cannot be a primary key", other.value_type());
            return Err(SqlError::new("42804", message)
                .hint("integer, text and bytea can; cast the value to one of them"));
        }
    })
}

/// `(id)=(7)`: how PostgreSQL names a key in its details.
pub(super) fn describe(table: &Table, values: &[Option<Value>]) -> String {
    let names: Vec<&str> = table.key.iter().map(|column| column.name.as_str()).collect();
    let text = |value: &Option<Value>| match value {
        Some(Value::String(s)) => s.clone(),
        Some(other) => json::print(other),
        None => "null".to_string(),
    };
    let values: Vec<String> = values.iter().map(text).collect();
    format!("({})=({})", names.join(", "), values.join(", "))
}

/// A key for a row of a table without a primary key: time, a counter and what the process drew at
/// its start, 16 bytes.
pub(super) fn generated(now_ms: u64) -> Key {
    static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let seed = *SEED.get_or_init(|| RandomState::new().hash_one("generated keys"));
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let first = now_ms << 20 | count & 0xf_ffff;
    Key::Blob([first.to_be_bytes(), (seed ^ count >> 20).to_be_bytes()].concat())
}
