//! Limits on names and sizes, checked where they enter. The numbers are Aerospike's, so that data
//! can move both ways, but for bin names: those may be as long as PostgreSQL's column names.

use crate::{Error, ErrorKind, Key, Result, Value};

/// Longest namespace name, bytes.
pub const NAMESPACE_NAME_MAX: usize = 31;
/// Longest set name, bytes.
pub const SET_NAME_MAX: usize = 63;
/// Longest bin name, bytes. Aerospike allows 15; a column of PostgreSQL may have 63.
pub const BIN_NAME_MAX: usize = 63;
/// Most bins in one record. Aerospike's limit.
pub const BINS_MAX: usize = 32_767;
/// Most sets in a namespace: the set id has 12 bits and 0 means no set.
pub const SETS_MAX: usize = 4_095;
/// Most distinct bin names in a namespace. Bin ids have 16 bits.
pub const BIN_NAMES_MAX: usize = 65_535;
/// Longest name of a secondary index, bytes. PostgreSQL's and Aerospike's limit.
pub const INDEX_NAME_MAX: usize = 63;
/// Most secondary indexes of a namespace. Aerospike's limit.
pub const INDEXES_MAX: usize = 256;
/// Most bytes of an expression or a context of an index: it is evaluated at every write.
pub const INDEX_EXPRESSION_MAX: usize = 16 * 1024;
/// Most bytes of a user key.
pub const KEY_SIZE_MAX: usize = 8 * 1024;
/// Largest record unless the namespace says otherwise, bytes.
pub const RECORD_SIZE_DEFAULT: usize = 1 << 20;
/// Largest record that a namespace may allow, bytes.
pub const RECORD_SIZE_MAX: usize = 8 << 20;
/// Deepest nesting of lists and maps.
pub const NESTING_MAX: usize = 32;
/// Longest time to live: ten years in seconds, Aerospike's MAX_TTL.
pub const TTL_MAX_S: u32 = 10 * 365 * 24 * 3600;

fn name_error(what: &str, name: &str, wrong: &str) -> Error {
    let kind = if what == "bin" { ErrorKind::BinName } else { ErrorKind::Parameter };
    Error::new(kind, format!("{what} name {name:?} {wrong}"))
}

fn check_name(what: &str, name: &str, max: usize) -> Result<()> {
    if name.is_empty() {
        return Err(name_error(what, name, "is empty; give at least one character"));
    }
    if name.len() > max {
        let wrong = format!("has {} bytes; at most {max} are allowed", name.len());
        return Err(name_error(what, name, &wrong));
    }
    match name.chars().find(|c| matches!(c, ':' | ';') || c.is_control()) {
        Some(c) => Err(name_error(what, name, &format!("has the character {c:?}; leave it out"))),
        None => Ok(()),
    }
}

/// Checks a namespace's name.
pub fn check_namespace(name: &str) -> Result<()> {
    check_name("namespace", name, NAMESPACE_NAME_MAX)
}

/// Checks a set's name. The empty name is the namespace's own null set and is allowed.
pub fn check_set(name: &str) -> Result<()> {
    if name.is_empty() { Ok(()) } else { check_name("set", name, SET_NAME_MAX) }
}

/// Checks a bin's name.
pub fn check_bin(name: &str) -> Result<()> {
    check_name("bin", name, BIN_NAME_MAX)
}

/// Checks the name of a secondary index.
pub fn check_index(name: &str) -> Result<()> {
    check_name("index", name, INDEX_NAME_MAX)
}

/// Checks a user key's size.
pub fn check_key(key: &Key) -> Result<()> {
    let size = match key {
        Key::Integer(_) => 8,
        Key::String(s) => s.len(),
        Key::Blob(b) => b.len(),
    };
    if size > KEY_SIZE_MAX {
        let detail = format!("the key has {size} bytes; at most {KEY_SIZE_MAX} are allowed");
        return Err(Error::new(ErrorKind::Parameter, detail));
    }
    Ok(())
}

/// Checks that a value's lists and maps nest at most [`NESTING_MAX`] deep.
pub fn check_value(value: &Value) -> Result<()> {
    fn depth_within(value: &Value, left: usize) -> bool {
        match value {
            Value::List(items) => left > 0 && items.iter().all(|v| depth_within(v, left - 1)),
            Value::Map(pairs) => {
                let fits = |v: &Value| depth_within(v, left.saturating_sub(1));
                left > 0 && pairs.iter().all(|(k, v)| fits(k) && fits(v))
            }
            _ => true,
        }
    }
    if depth_within(value, NESTING_MAX) {
        return Ok(());
    }
    let detail = format!("the value nests lists and maps deeper than {NESTING_MAX} levels");
    Err(Error::new(ErrorKind::Parameter, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(check_bin(&"b".repeat(BIN_NAME_MAX)).is_ok());
        assert_eq!(check_bin(&"b".repeat(64)).unwrap_err().kind, ErrorKind::BinName);
        assert!(check_bin("").is_err());
        assert!(check_bin("a:b").unwrap_err().detail.contains("':'"));
        assert!(check_set("").is_ok());
        assert!(check_set(&"s".repeat(64)).is_err());
        assert!(check_namespace(&"n".repeat(32)).is_err());
    }

    #[test]
    fn nesting() {
        let nest = |n| (0..n).fold(Value::Nil, |v, _| Value::list(vec![v]));
        assert!(check_value(&nest(NESTING_MAX)).is_ok());
        assert!(check_value(&nest(NESTING_MAX + 1)).is_err());
    }
}
