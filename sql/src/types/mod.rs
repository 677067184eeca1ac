//! SQL types: text in, text out, conversion between them.
//!
//! A value always stands in the stored representation of its [`model::ColumnType`] (see there): a date is
//! an integer of days, a numeric a string of digits.

mod array;
mod cast;
mod names;
pub mod numeric;
mod text_in;
mod text_out;
mod time;

#[cfg(test)]
mod tests;

/// A UUID of version 4 of random bits: RFC 4122.
pub fn random_uuid(bits: u128) -> [u8; 16] {
    let free = !(0xf << 76 | 0b11 << 62);
    (bits & free | 0x4 << 76 | 0b10 << 62).to_be_bytes()
}

pub use cast::coerce;
pub(crate) use cast::{can_cast, cast, jsonb_text};
pub use names::from_sql_name;
pub use text_in::parse_text;
pub use text_out::format_text;
pub(crate) use text_out::text_of;
pub(crate) use time::{
    DAY_US, Field, civil, days as days_of, days_in, field_of, parse_interval_s, parse_interval_us,
};
