//! The settings' table as `pg_settings` tells it.

use std::sync::{Arc, OnceLock};

use query::KnownSetting;

use super::settings::{Kind, Setting, TABLE};

/// All settings, described once.
pub(crate) fn known_settings() -> Arc<[KnownSetting]> {
    static ALL: OnceLock<Arc<[KnownSetting]>> = OnceLock::new();
    ALL.get_or_init(|| TABLE.iter().map(known).collect()).clone()
}

fn known(setting: &Setting) -> KnownSetting {
    let (kind, range, words): (_, _, &'static [&'static str]) = match setting.kind {
        Kind::Bool => ("bool", None, &[]),
        Kind::Int(low, high) => ("integer", Some((low, high)), &[]),
        Kind::Millis => ("integer", Some((0, i64::from(i32::MAX))), &[]),
        Kind::Word(words) => ("enum", None, words),
        Kind::ReadOnly if setting.default.parse::<i64>().is_ok() => ("integer", None, &[]),
        _ => ("string", None, &[]),
    };
    KnownSetting {
        name: setting.name,
        kind,
        default: setting.default,
        range,
        words,
        fixed: matches!(setting.kind, Kind::ReadOnly),
        help: setting.help,
    }
}
