//! Aerospike's msgpack: how lists and maps travel, and what the values inside them look like.
//!
//! It is [msgpack](https://github.com/msgpack/msgpack/blob/master/spec.md) with three habits:
//!
//! - A string, a blob, a GeoJSON text and a sketch are all msgpack strings whose first byte says
//!   which: the particle type ([`ValueType`]). Blobs of a client's own language (7 to 12) are blobs.
//! - The order that a list or a map was declared to keep is an extension element in front of the
//!   others: `c7 00 FLAGS`, and in a map a nil as its value.
//! - Arguments of operations know two values more, "above everything" and "anything": [`Arg`].
//!
//! [`Reader`] takes bytes apart, [`decode`] takes one whole value; the `put_` functions write, in the
//! shortest form that clients write too. Bytes are never trusted: a length is compared with what is
//! there before it is believed, and lists and maps nest at most [`NESTING_MAX`] deep, which is what a
//! record may hold. (Aerospike's clients stop at 256.) All errors are [`ErrorKind::Parameter`].
//!
//! [`ValueType`]: crate::ValueType
//! [`NESTING_MAX`]: crate::limits::NESTING_MAX
//! [`ErrorKind::Parameter`]: crate::ErrorKind::Parameter

mod arg;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use arg::Arg;
pub use read::{Kind, Reader, decode};
pub use write::{
    encode, put_arg, put_bool, put_double, put_integer, put_list_header, put_map_header, put_nil,
    put_pairs, put_raw, put_text, put_value,
};

/// Flag of an ordered list, in its extension element.
const LIST_ORDERED: u8 = 0x01;
/// Flag of a map ordered by key.
const MAP_KEY_ORDERED: u8 = 0x01;
/// Flag of a map whose values are ranked as well; never without the other.
const MAP_VALUE_ORDERED: u8 = 0x02;
/// Flag of pairs that are to be kept in the order in which they are sent.
const MAP_PAIRS: u8 = 0x08;
/// Type of the extension elements that are no order but a value of [`Arg`].
const EXT_COMPARE: u8 = 0xff;
/// What stands in such an element for [`Arg::Wildcard`].
const WILDCARD: u8 = 0;
/// What stands in such an element for [`Arg::Infinity`].
const INFINITY: u8 = 1;
