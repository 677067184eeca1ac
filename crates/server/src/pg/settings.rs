//! The session's settings: one row each in [`TABLE`], from which SET, SHOW, RESET and
//! `pg_settings` come.
//!
//! A value is text in its canonical form, checked when it is set. Inside a transaction block each
//! first change keeps the old value: ROLLBACK restores it, COMMIT restores it for SET LOCAL. What
//! the client gave at start-up is what RESET goes back to.

use std::collections::BTreeMap;
use std::time::Duration;

use sql::{SqlError, SqlResult};

use super::backend::Notice;

/// What values a setting takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// on or off.
    Bool,
    /// A whole number from .. to.
    Int(i64, i64),
    /// A time; a bare number is milliseconds.
    Millis,
    /// Seconds to live: `default`, `never` (-1), or a time such as `30d`; a bare number is seconds.
    Ttl,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// PostgreSQL's date style; the output is always ISO.
    DateStyle,
    /// Any zone is taken; times are always given in UTC.
    TimeZone,
    /// Only UTF8, or no conversion at all.
    Encoding,
    /// Cannot be set.
    ReadOnly,
}

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// Name as SHOW prints it.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Value of a new session.
    pub default: &'static str,
    /// Whether the client is told of changes (ParameterStatus).
    pub reported: bool,
    /// One line of help.
    pub help: &'static str,
}

const fn row(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Setting {
    Setting { name, kind, default, reported: false, help }
}

const fn told(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, kind, default, reported: true, help }
}

const ISOLATION: Kind =
    Kind::Word(&["serializable", "repeatable read", "read committed", "read uncommitted"]);
const MESSAGES: Kind = Kind::Word(&[
    "debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error", "info",
    "debug",
]);
const COMPAT: &str = "Accepted for PostgreSQL clients; has no effect.";

/// Every setting, by name.
pub static TABLE: &[Setting] = &[
    told("application_name", Kind::Text, "", "The client's name of itself."),
    row("array_nulls", Kind::Bool, "on", COMPAT),
    row("backslash_quote", Kind::Word(&["safe_encoding", "on", "off"]), "safe_encoding", COMPAT),
    row("block_size", Kind::ReadOnly, "8192", COMPAT),
    row("bytea_output", Kind::Word(&["hex"]), "hex", "Text form of bytea."),
    row("check_function_bodies", Kind::Bool, "on", COMPAT),
    told("client_encoding", Kind::Encoding, "UTF8", "Encoding of text on the wire."),
    row("client_min_messages", MESSAGES, "notice", "The least severe notices that are sent."),
    row(
        "commit_level",
        Kind::Word(&["all", "master"]),
        "all",
        "Which copies hold a write before it is answered.",
    ),
    told("DateStyle", Kind::DateStyle, "ISO, MDY", "Order of ambiguous dates; output is ISO."),
    row("default_table_access_method", Kind::Text, "heap", COMPAT),
    row("default_tablespace", Kind::Text, "", COMPAT),
    row("default_transaction_deferrable", Kind::Bool, "off", COMPAT),
    row(
        "default_transaction_isolation",
        ISOLATION,
        "read committed",
        "Isolation of new transactions; from repeatable read on, those that only read are checked.",
    ),
    told(
        "default_transaction_read_only",
        Kind::Bool,
        "off",
        "Whether statements that write are refused.",
    ),
    row("durable_delete", Kind::Bool, "on", "Whether a deletion leaves a tombstone."),
    row("enable_hashjoin", Kind::Bool, "on", COMPAT),
    row("enable_indexscan", Kind::Bool, "on", COMPAT),
    row("enable_mergejoin", Kind::Bool, "on", COMPAT),
    row("enable_nestloop", Kind::Bool, "on", COMPAT),
    row("enable_seqscan", Kind::Bool, "on", COMPAT),
    row("escape_string_warning", Kind::Bool, "on", COMPAT),
    row("extra_float_digits", Kind::Int(-15, 3), "1", "Floats are always shortest round trip."),
    row("from_collapse_limit", Kind::Int(1, i32::MAX as i64), "8", COMPAT),
    row("geqo", Kind::Bool, "on", COMPAT),
    row(
        "idle_in_transaction_session_timeout",
        Kind::Millis,
        "0",
        "Ends a session that idles in a transaction block; 0 = never.",
    ),
    row("idle_session_timeout", Kind::Millis, "0", "Ends a session that idles; 0 = never."),
    told("in_hot_standby", Kind::ReadOnly, "off", "Whether this node only reads."),
    told("integer_datetimes", Kind::ReadOnly, "on", "Times are 64-bit integers on the wire."),
    told("IntervalStyle", Kind::Word(&["postgres"]), "postgres", "Text form of intervals."),
    told("is_superuser", Kind::ReadOnly, "on", "Whether the user may do everything."),
    row("jit", Kind::Bool, "off", COMPAT),
    row("join_collapse_limit", Kind::Int(1, i32::MAX as i64), "8", COMPAT),
    row("key_send", Kind::Bool, "on", "Whether a write stores the user key."),
    row("lc_collate", Kind::ReadOnly, "C", "Order of text."),
    row("lc_ctype", Kind::ReadOnly, "C.UTF-8", "Classes of characters."),
    row("lc_messages", Kind::Text, "C", COMPAT),
    row("lc_monetary", Kind::Text, "C", COMPAT),
    row("lc_numeric", Kind::Text, "C", COMPAT),
    row("lc_time", Kind::Text, "C", COMPAT),
    row("lock_timeout", Kind::Millis, "0", COMPAT),
    row("max_connections", Kind::ReadOnly, "", "Sessions at a time."),
    row("max_identifier_length", Kind::ReadOnly, "63", "Longest name, bytes."),
    row("max_index_keys", Kind::ReadOnly, "32", COMPAT),
    row("max_parallel_workers_per_gather", Kind::Int(0, 1024), "2", COMPAT),
    row("password_encryption", Kind::Text, "scram-sha-256", COMPAT),
    row("plan_cache_mode", Kind::Text, "auto", COMPAT),
    row("quote_all_identifiers", Kind::Bool, "off", COMPAT),
    row(
        "read_mode",
        Kind::Word(&["session", "linearize", "all", "one"]),
        "session",
        "How fresh a read must be.",
    ),
    row(
        "record_exists_action",
        Kind::Word(&["create_only", "update", "replace", "update_only", "replace_only"]),
        "create_only",
        "What INSERT does to a record that exists.",
    ),
    row("record_ttl", Kind::Ttl, "default", "Time to live of records that are written."),
    row("role", Kind::Text, "none", COMPAT),
    row("row_security", Kind::Bool, "on", COMPAT),
    row("search_path", Kind::Text, "", "Namespaces in which bare set names are looked up."),
    told("server_encoding", Kind::ReadOnly, "UTF8", "Encoding of stored text."),
    told("server_version", Kind::ReadOnly, "15.0 (AerieDB 0.1.0)", "The dialect's version."),
    row("server_version_num", Kind::ReadOnly, "150000", "The dialect's version as a number."),
    told("session_authorization", Kind::Text, "", "The session's user."),
    row("session_replication_role", Kind::Text, "origin", COMPAT),
    row("ssl", Kind::ReadOnly, "off", "Whether connections may be encrypted."),
    told("standard_conforming_strings", Kind::Word(&["on"]), "on", "Backslash is a character."),
    row("statement_timeout", Kind::Millis, "0", "Longest time of a statement; 0 = no limit."),
    row("synchronize_seqscans", Kind::Bool, "on", COMPAT),
    row("synchronous_commit", Kind::Text, "on", COMPAT),
    row("temp_buffers", Kind::Text, "8MB", COMPAT),
    row("temp_tablespaces", Kind::Text, "", COMPAT),
    told("TimeZone", Kind::TimeZone, "UTC", "Zone in which times are given: always UTC."),
    row("transaction_deferrable", Kind::Bool, "off", COMPAT),
    row("transaction_isolation", ISOLATION, "read committed", "Isolation of this transaction."),
    row("transaction_read_only", Kind::Bool, "off", "Whether this transaction may write."),
    row("transaction_timeout", Kind::Millis, "0", COMPAT),
    row("transform_null_equals", Kind::Bool, "off", COMPAT),
    row("vacuum_cost_delay", Kind::Text, "0", COMPAT),
    row("work_mem", Kind::Text, "4MB", COMPAT),
    row("xmlbinary", Kind::Word(&["base64", "hex"]), "base64", COMPAT),
    row("xmloption", Kind::Word(&["content", "document"]), "content", COMPAT),
];

/// The setting of this name, in any case, or by one of its other names.
fn find(name: &str) -> Option<&'static Setting> {
    let name = match name.to_ascii_lowercase().as_str() {
        "time zone" | "timezone" => "TimeZone",
        "names" => "client_encoding",
        "schema" => "search_path",
        "session characteristics" | "transaction isolation level" => "transaction_isolation",
        "session authorization" => "session_authorization",
        _ => name,
    };
    TABLE.iter().find(|s| s.name.eq_ignore_ascii_case(name))
}

fn letters_and_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

fn unknown(name: &str) -> SqlError {
    let error = SqlError::new("42704", format!("unrecognized configuration parameter \"{name}\""));
    let alike = TABLE.iter().map(|s| (distance(s.name, name), s.name)).min();
    match alike {
        Some((d, near)) if d <= 2 => error.hint(format!("perhaps you mean {near}")),
        _ => error.hint("SHOW ALL lists the settings; your own must have a dot in the name"),
    }
}

/// Edits from one name to the other, case aside.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(!x.eq_ignore_ascii_case(&y));
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Whether a name that the table does not have may be set: `prefix.name`, each part a plain name.
fn is_custom(name: &str) -> bool {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    };
    name.contains('.') && name.len() <= 128 && name.split('.').all(plain)
}

/// The longest value of a setting, bytes: enough for any search path, too little to fill memory.
const VALUE_MAX: usize = 8 * 1024;
/// Most custom settings in a session.
const CUSTOM_MAX: usize = 1_000;

/// The values of one session.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What differs from the table, by the table's name, and custom settings.
    values: BTreeMap<String, String>,
    /// What RESET goes back to, where that differs from the table.
    start: BTreeMap<String, String>,
    /// Changes of the open transaction block.
    changes: BTreeMap<String, Change>,
    in_block: bool,
    /// What every statement asks.
    hot: Hot,
    /// Names of reported settings that changed since the client was told.
    dirty: Vec<&'static str>,
}

/// Settings that every statement asks, kept as what they mean.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hot {
    /// Longest time of a statement; zero = no limit.
    pub statement_timeout: Duration,
    /// Longest wait outside a transaction block; zero = no limit.
    pub idle_session_timeout: Duration,
    /// Longest wait inside one; zero = no limit.
    pub idle_in_transaction_timeout: Duration,
    /// Whether statements that write are refused.
    pub read_only: bool,
}

/// Settings of one transaction.
const OF_TRANSACTION: [&str; 3] =
    ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];

#[derive(Debug, Clone)]
struct Change {
    before: Option<String>,
    /// The value after COMMIT where a plain SET gave one.
    session: Option<Option<String>>,
}

impl Settings {
    /// Sets; `None` is RESET. A warning may come back.
    pub fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        local: bool,
    ) -> SqlResult<Option<Notice>> {
        let (key, value, warning) = match find(name) {
            Some(setting) => {
                if matches!(setting.kind, Kind::ReadOnly) {
                    let message = format!("parameter \"{}\" cannot be changed", setting.name);
                    return Err(SqlError::new("55P02", message));
                }
                let checked = value.map(|v| check(setting, v)).transpose()?;
                let warning = zone_warning(setting, value);
                (setting.name.to_string(), checked, warning)
            }
            None if is_custom(name) => (name.to_ascii_lowercase(), value.map(str::to_string), None),
            None => return Err(unknown(name)),
        };
        if value.as_ref().is_some_and(|v| v.len() > VALUE_MAX) {
            let message = format!("the value of \"{name}\" is longer than {VALUE_MAX} bytes");
            return Err(SqlError::new("22023", message));
        }
        if !self.values.contains_key(&key) && self.values.len() >= CUSTOM_MAX {
            return Err(SqlError::new("53400", format!("more than {CUSTOM_MAX} settings")));
        }
        let value = value.or_else(|| self.start.get(&key).cloned());
        if self.in_block {
            let before = self.values.get(&key).cloned();
            let change =
                self.changes.entry(key.clone()).or_insert(Change { before, session: None });
            if !local {
                change.session = Some(value.clone());
            }
        }
        self.put(key, value);
        Ok(warning)
    }

    /// Sets what the session begins with, read-only settings included.
    pub(crate) fn begin_with(&mut self, name: &'static str, value: String) {
        self.start.insert(name.to_string(), value.clone());
        self.put(name.to_string(), Some(value));
    }

    /// Makes the present values the ones that RESET goes back to.
    pub(crate) fn keep_as_start(&mut self) {
        self.start = self.values.clone();
        self.dirty.clear();
    }

    fn put(&mut self, key: String, value: Option<String>) {
        if let Some(setting) = find(&key).filter(|setting| setting.reported) {
            let changed = self.value(setting) != value.as_deref().unwrap_or(setting.default);
            if changed && !self.dirty.contains(&setting.name) {
                self.dirty.push(setting.name);
            }
        }
        match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(&key),
        };
        self.hot = Hot {
            statement_timeout: self.time("statement_timeout"),
            idle_session_timeout: self.time("idle_session_timeout"),
            idle_in_transaction_timeout: self.time("idle_in_transaction_session_timeout"),
            read_only: self.is_on("transaction_read_only")
                || self.is_on("default_transaction_read_only"),
        };
    }

    /// RESET ALL.
    pub fn reset_all(&mut self) -> SqlResult<()> {
        let settable = |name: &str| find(name).is_none_or(|s| !matches!(s.kind, Kind::ReadOnly));
        let names: Vec<String> = self.values.keys().filter(|n| settable(n)).cloned().collect();
        names.iter().try_for_each(|name| self.set(name, None, false).map(|_| ()))
    }

    /// The value as SHOW prints it, `None` where there is no such setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        match find(name) {
            Some(setting) => Some(self.value(setting)),
            None => self.values.get(&name.to_ascii_lowercase()).map(String::as_str),
        }
    }

    /// The value as SHOW prints it, or 42704.
    pub fn show(&self, name: &str) -> SqlResult<&str> {
        self.get(name).ok_or_else(|| unknown(name))
    }

    /// A setting's name as SHOW prints it.
    pub fn canonical(name: &str) -> String {
        find(name).map_or_else(|| name.to_ascii_lowercase(), |s| s.name.to_string())
    }

    /// Every setting of the table and its value.
    pub fn all(&self) -> impl Iterator<Item = (&'static Setting, &str)> {
        TABLE.iter().map(|setting| (setting, self.value(setting)))
    }

    fn value(&self, setting: &Setting) -> &str {
        self.values.get(setting.name).map_or(setting.default, String::as_str)
    }

    /// Whether a switch of the table is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("on")
    }

    /// A time of the table; zero is "no limit".
    pub fn time(&self, name: &str) -> Duration {
        let value = self.get(name).unwrap_or("0");
        Duration::from_millis(millis(value, 1).unwrap_or(0).unsigned_abs())
    }

    /// What every statement asks.
    pub fn hot(&self) -> Hot {
        self.hot
    }

    /// `record_ttl` in seconds: `None` = what the set or the namespace says, 0 = never.
    pub fn record_ttl_s(&self) -> Option<u32> {
        match self.get("record_ttl")? {
            "default" => None,
            "-1" => Some(0),
            seconds => seconds.parse().ok(),
        }
    }

    /// Whether notices of this severity are wanted.
    pub(crate) fn wants(&self, severity: &str) -> bool {
        let rank = |word: &str| match word {
            "error" => 5,
            "warning" => 4,
            "notice" => 3,
            "log" => 2,
            w if w.starts_with("debug") => 1,
            _ => 6, // INFO is always sent.
        };
        let least = self.get("client_min_messages").unwrap_or("notice");
        rank(&severity.to_ascii_lowercase()) >= rank(least).min(5)
    }

    /// BEGIN.
    pub(crate) fn begin(&mut self) {
        self.in_block = true;
    }

    /// COMMIT: what SET LOCAL did ends.
    pub(crate) fn commit(&mut self) {
        self.in_block = false;
        for (name, change) in std::mem::take(&mut self.changes) {
            self.put(name, change.session.unwrap_or(change.before));
        }
        self.forget_transaction();
    }

    /// ROLLBACK: what any SET did ends.
    pub(crate) fn rollback(&mut self) {
        self.in_block = false;
        for (name, change) in std::mem::take(&mut self.changes) {
            self.put(name, change.before);
        }
        self.forget_transaction();
    }

    fn forget_transaction(&mut self) {
        for name in OF_TRANSACTION {
            if self.values.contains_key(name) {
                self.put(name.to_string(), None);
            }
        }
    }

    /// Reported settings that changed since the last call, with their values.
    pub(crate) fn take_changes(&mut self) -> Vec<(&'static str, String)> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.into_iter().map(|n| (n, self.get(n).unwrap_or("").to_string())).collect()
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.dirty.is_empty()
    }
}

/// The canonical form of a value, or why it is none.
fn check(setting: &Setting, value: &str) -> SqlResult<String> {
    let bad = || {
        let message = format!("invalid value for parameter \"{}\": \"{value}\"", setting.name);
        SqlError::new("22023", message)
    };
    let trimmed = value.trim();
    match setting.kind {
        Kind::Bool => {
            let lower = trimmed.to_ascii_lowercase();
            match lower.as_str() {
                "on" | "true" | "t" | "yes" | "y" | "1" => Ok("on".into()),
                "off" | "false" | "f" | "no" | "n" | "0" => Ok("off".into()),
                _ => Err(bad().hint("on or off")),
            }
        }
        Kind::Int(from, to) => match trimmed.parse::<i64>() {
            Ok(n) if (from..=to).contains(&n) => Ok(n.to_string()),
            _ => Err(bad().hint(format!("a whole number from {from} to {to}"))),
        },
        Kind::Millis => match millis(trimmed, 1) {
            Some(ms) if (0..=i64::from(i32::MAX)).contains(&ms) => Ok(print_millis(ms)),
            _ => Err(bad().hint("milliseconds, or a number with ms, s, min, h or d")),
        },
        Kind::Ttl => ttl(trimmed)
            .ok_or_else(|| bad().hint("seconds, or a number with s, m, h or d, never, default")),
        Kind::Word(words) => {
            let lower = trimmed.to_ascii_lowercase();
            let found = words.iter().find(|w| **w == lower).map(|w| w.to_string());
            found.ok_or_else(|| bad().hint(format!("available values: {}", words.join(", "))))
        }
        // PostgreSQL looks at letters and digits alone: asyncpg sends the name in quotes.
        Kind::Encoding => match letters_and_digits(trimmed).as_str() {
            "UTF8" | "UNICODE" => Ok("UTF8".into()),
            "SQLASCII" => Ok("SQL_ASCII".into()),
            _ => Err(bad().hint("the only encoding is UTF8")),
        },
        Kind::DateStyle => {
            date_style(trimmed).ok_or_else(|| bad().hint("ISO with MDY, DMY or YMD"))
        }
        Kind::TimeZone => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-:<>., ".contains(c);
            let fits = trimmed.len() <= 64 && trimmed.chars().all(plain);
            if fits { Ok("UTC".into()) } else { Err(bad()) }
        }
        Kind::Text | Kind::ReadOnly => Ok(value.to_string()),
    }
}

fn zone_warning(setting: &Setting, value: Option<&str>) -> Option<Notice> {
    let zone = value.filter(|_| matches!(setting.kind, Kind::TimeZone))?.trim();
    let utc = ["UTC", "Etc/UTC", "GMT", "Zulu", "Universal", "UCT", "0", "+00", "+00:00", "00:00"];
    if utc.iter().any(|u| u.eq_ignore_ascii_case(zone)) {
        return None;
    }
    let message = format!("time zone \"{zone}\" is not applied: times are given in UTC");
    Some(Notice::warning("01000", message))
}

/// `ISO, DMY` and the like; the parts may stand alone and in any order.
fn date_style(value: &str) -> Option<String> {
    let mut order = "MDY";
    for part in value.split(',') {
        order = match part.trim().to_ascii_uppercase().as_str() {
            "ISO" | "DEFAULT" => continue,
            "MDY" | "US" | "NONEURO" | "NONEUROPEAN" => "MDY",
            "DMY" | "EURO" | "EUROPEAN" => "DMY",
            "YMD" => "YMD",
            _ => return None,
        };
    }
    Some(format!("ISO, {order}"))
}

/// A number with an optional unit, in milliseconds; `bare` is what a number without one counts.
fn millis(text: &str, bare: i64) -> Option<i64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: i64 = text.get(..split)?.trim().parse().ok()?;
    let unit = match text.get(split..)?.to_ascii_lowercase().as_str() {
        "" => bare,
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// As SHOW prints a time: in the largest unit that leaves no rest.
fn print_millis(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    match units.iter().find(|(size, _)| ms != 0 && ms % size == 0) {
        Some((size, unit)) => format!("{}{unit}", ms / size),
        None => "0".into(),
    }
}

fn ttl(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "default" | "" => return Some("default".into()),
        "never" | "-1" => return Some("-1".into()),
        _ => {}
    }
    let seconds = millis(&lower, 1_000)? / 1_000;
    match u32::try_from(seconds).ok()? {
        0 => Some("default".into()),
        s if s <= model::limits::TTL_MAX_S => Some(s.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &mut Settings, name: &str, value: &str) -> Result<(), &'static str> {
        settings.set(name, Some(value), false).map(|_| ()).map_err(|e| e.sqlstate)
    }

    #[test]
    fn values_are_checked_and_canonical() {
        let mut s = Settings::default();
        for (name, given, shown) in [
            ("statement_timeout", "1500", "1500ms"),
            ("statement_timeout", "60s", "1min"),
            ("jit", "TRUE", "on"),
            ("datestyle", "dmy", "ISO, DMY"),
            ("client_encoding", "utf-8", "UTF8"),
            ("client_encoding", "'utf-8'", "UTF8"),
            ("timezone", "Europe/Berlin", "UTC"),
            ("record_ttl", "30D", "2592000"),
            ("record_exists_action", "UPDATE", "update"),
            ("my.thing", "x", "x"),
        ] {
            assert_eq!(set(&mut s, name, given), Ok(()), "{name}");
            assert_eq!(s.get(name), Some(shown), "{name}");
        }
        assert_eq!(s.hot().statement_timeout, Duration::from_secs(60));
        assert_eq!(s.record_ttl_s(), Some(2_592_000));
        assert_eq!(set(&mut s, "jit", "perhaps"), Err("22023"));
        assert_eq!(set(&mut s, "datestyle", "German"), Err("22023"));
        assert_eq!(set(&mut s, "client_encoding", "LATIN1"), Err("22023"));
        assert_eq!(set(&mut s, "server_version", "16"), Err("55P02"));
        assert_eq!(set(&mut s, "nonsense", "1"), Err("42704"));
        assert_eq!(s.show("a.b").map_err(|e| e.sqlstate), Err("42704"));
        let hint = s.show("record_ttk").expect_err("a typing error").hint;
        assert_eq!(hint.as_deref(), Some("perhaps you mean record_ttl"));
    }

    #[test]
    fn a_block_decides_what_stays() {
        let mut s = Settings::default();
        s.begin();
        s.set("jit", Some("on"), true).expect("SET LOCAL");
        s.set("work_mem", Some("1GB"), false).expect("SET");
        s.commit();
        assert_eq!((s.get("jit"), s.get("work_mem")), (Some("off"), Some("1GB")));
        s.begin();
        s.set("work_mem", Some("2GB"), false).expect("SET");
        s.set("work_mem", Some("3GB"), true).expect("SET LOCAL");
        s.commit();
        assert_eq!(s.get("work_mem"), Some("2GB"));
        s.begin();
        s.set("work_mem", None, false).expect("RESET");
        s.rollback();
        assert_eq!(s.get("work_mem"), Some("2GB"));
        s.reset_all().expect("RESET ALL");
        assert_eq!(s.get("work_mem"), Some("4MB"));
    }

    #[test]
    fn reported_changes_are_told_once() {
        let mut s = Settings::default();
        set(&mut s, "application_name", "a").expect("set");
        set(&mut s, "jit", "on").expect("set");
        assert_eq!(s.take_changes(), [("application_name", "a".to_string())]);
        assert!(!s.has_changes());
    }

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_valid() {
        let names: Vec<String> = TABLE.iter().map(|s| s.name.to_ascii_lowercase()).collect();
        assert!(names.is_sorted());
        for s in TABLE {
            assert_eq!(check(s, s.default).as_deref(), Ok(s.default), "{}", s.name);
        }
    }
}
