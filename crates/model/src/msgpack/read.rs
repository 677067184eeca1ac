//! Bytes to values.

use super::{
    Arg, EXT_COMPARE, INFINITY, LIST_ORDERED, MAP_KEY_ORDERED, MAP_VALUE_ORDERED, WILDCARD,
};
use crate::limits::NESTING_MAX;
use crate::{Error, ErrorKind, List, ListOrder, Map, MapOrder, Result, Value, ValueType};

/// Most elements that memory is taken for before they have been seen: a header is a few bytes, and
/// each level of nesting could promise all that follows.
const PREALLOCATED_MAX: usize = 256;

/// One value, and nothing behind it.
pub fn decode(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader::new(bytes);
    let value = reader.value()?;
    reader.finish()?;
    Ok(value)
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nil.
    Nil,
    /// True or false.
    Bool,
    /// An integer of any width.
    Integer,
    /// A float or a double.
    Double,
    /// A string of msgpack: text with its type in front, or a plain name.
    Raw,
    /// A list.
    List,
    /// A map.
    Map,
    /// An extension: flags, or an argument that is no value.
    Extension,
}

/// Reads elements from the front of bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of these bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails if something has not been read.
    pub fn finish(&self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            n => Err(wrong(format!("{n} bytes stand behind the last element"))),
        }
    }

    /// What the next element is.
    pub fn peek(&self) -> Result<Kind> {
        let marker = *self.rest.first().ok_or_else(too_short)?;
        Ok(match marker {
            0x00..=0x7f | 0xcc..=0xd3 | 0xe0..=0xff => Kind::Integer,
            0x80..=0x8f | 0xde | 0xdf => Kind::Map,
            0x90..=0x9f | 0xdc | 0xdd => Kind::List,
            0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb => Kind::Raw,
            0xc0 => Kind::Nil,
            0xc1 => return Err(wrong("c1 begins no element".into())),
            0xc2 | 0xc3 => Kind::Bool,
            0xc7..=0xc9 | 0xd4..=0xd8 => Kind::Extension,
            0xca | 0xcb => Kind::Double,
        })
    }

    /// The next element, a value.
    pub fn value(&mut self) -> Result<Value> {
        self.value_within(NESTING_MAX)
    }

    /// The next element, an argument of an operation.
    pub fn arg(&mut self) -> Result<Arg> {
        self.arg_within(NESTING_MAX)
    }

    /// The next element, an integer. One of 64 bits without a sign keeps its bits.
    pub fn integer(&mut self) -> Result<i64> {
        let marker = self.byte()?;
        Ok(match marker {
            0x00..=0x7f => i64::from(marker),
            0xe0..=0xff => i64::from(marker as i8),
            0xcc => i64::from(self.byte()?),
            0xcd => i64::from(u16::from_be_bytes(self.array()?)),
            0xce => i64::from(u32::from_be_bytes(self.array()?)),
            0xcf | 0xd3 => i64::from_be_bytes(self.array()?),
            0xd0 => i64::from(self.byte()? as i8),
            0xd1 => i64::from(i16::from_be_bytes(self.array()?)),
            0xd2 => i64::from(i32::from_be_bytes(self.array()?)),
            _ => return Err(wrong(format!("an integer was expected, {marker:02x} is none"))),
        })
    }

    /// The next element, true or false.
    pub fn bool(&mut self) -> Result<bool> {
        match self.byte()? {
            0xc2 => Ok(false),
            0xc3 => Ok(true),
            other => Err(wrong(format!("a boolean was expected, {other:02x} is none"))),
        }
    }

    /// The next element, a float or a double.
    pub fn double(&mut self) -> Result<f64> {
        match self.byte()? {
            0xca => Ok(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Ok(f64::from_be_bytes(self.array()?)),
            other => Err(wrong(format!("a double was expected, {other:02x} is none"))),
        }
    }

    /// The next element, a string of msgpack: its bytes, with the type if it has one.
    pub fn raw(&mut self) -> Result<&'a [u8]> {
        let marker = self.byte()?;
        let size = match marker {
            0xa0..=0xbf => usize::from(marker & 0x1f),
            0xc4 | 0xd9 => usize::from(self.byte()?),
            0xc5 | 0xda => usize::from(u16::from_be_bytes(self.array()?)),
            0xc6 | 0xdb => u32::from_be_bytes(self.array()?) as usize,
            _ => return Err(wrong(format!("a string was expected, {marker:02x} is none"))),
        };
        self.take(size)
    }

    /// The header of a list: how many elements follow, flags among them. As many bytes are there.
    pub fn list_header(&mut self) -> Result<usize> {
        let marker = self.byte()?;
        let count = match marker {
            0x90..=0x9f => usize::from(marker & 0x0f),
            0xdc => usize::from(u16::from_be_bytes(self.array()?)),
            0xdd => u32::from_be_bytes(self.array()?) as usize,
            _ => return Err(wrong(format!("a list was expected, {marker:02x} is none"))),
        };
        if count > self.rest.len() { Err(too_short()) } else { Ok(count) }
    }

    /// The header of a map: how many pairs follow, flags among them. Twice as many bytes are there.
    pub fn map_header(&mut self) -> Result<usize> {
        let marker = self.byte()?;
        let count = match marker {
            0x80..=0x8f => usize::from(marker & 0x0f),
            0xde => usize::from(u16::from_be_bytes(self.array()?)),
            0xdf => u32::from_be_bytes(self.array()?) as usize,
            _ => return Err(wrong(format!("a map was expected, {marker:02x} is none"))),
        };
        if count > self.rest.len() / 2 { Err(too_short()) } else { Ok(count) }
    }

    /// The bytes of the next element, whatever it is and however deep it nests.
    pub fn element(&mut self) -> Result<&'a [u8]> {
        let start = self.rest;
        // Elements that are still to come.
        let mut open = 1usize;
        while open > 0 {
            open -= 1;
            open += match self.peek()? {
                Kind::List => self.list_header()?,
                Kind::Map => 2 * self.map_header()?,
                Kind::Raw => self.raw().map(|_| 0)?,
                Kind::Integer => self.integer().map(|_| 0)?,
                Kind::Double => self.double().map(|_| 0)?,
                Kind::Extension => self.extension().map(|_| 0)?,
                Kind::Nil | Kind::Bool => self.byte().map(|_| 0)?,
            };
        }
        Ok(&start[..start.len() - self.rest.len()])
    }

    fn value_within(&mut self, depth: usize) -> Result<Value> {
        match self.arg_within(depth)? {
            Arg::Value(value) => Ok(value),
            _ => Err(wrong("infinity and wildcard are no values that can be stored".into())),
        }
    }

    fn arg_within(&mut self, depth: usize) -> Result<Arg> {
        Ok(Arg::Value(match self.peek()? {
            Kind::Nil => self.byte().map(|_| Value::Nil)?,
            Kind::Bool => Value::Bool(self.bool()?),
            Kind::Integer => Value::Integer(self.integer()?),
            Kind::Double => Value::Double(self.double()?),
            Kind::Raw => typed(self.raw()?)?,
            Kind::List => return self.list(inner(depth)?),
            Kind::Map => self.map(inner(depth)?)?,
            Kind::Extension => {
                return match self.extension()? {
                    (EXT_COMPARE, [WILDCARD]) => Ok(Arg::Wildcard),
                    (EXT_COMPARE, [INFINITY]) => Ok(Arg::Infinity),
                    (kind, _) => Err(wrong(format!("an extension of type {kind} is no value"))),
                };
            }
        }))
    }

    fn list(&mut self, depth: usize) -> Result<Arg> {
        let mut count = self.list_header()?;
        let flags = self.flags(count)?;
        count -= usize::from(flags.is_some());
        let mut args = Vec::with_capacity(count.min(PREALLOCATED_MAX));
        for _ in 0..count {
            match self.arg_within(depth)? {
                Arg::Value(value) => args.push(value),
                arg => return self.list_of_args(args, arg, count, depth),
            }
        }
        let ordered = flags.unwrap_or(0) & LIST_ORDERED != 0;
        let order = if ordered { ListOrder::Ordered } else { ListOrder::Unordered };
        Ok(Arg::Value(Value::List(List::new(args, order))))
    }

    /// The rest of a list of `count` elements in which `arg`, behind `values`, is no value.
    fn list_of_args(
        &mut self,
        values: Vec<Value>,
        arg: Arg,
        count: usize,
        depth: usize,
    ) -> Result<Arg> {
        let mut args: Vec<Arg> = values.into_iter().map(Arg::Value).chain([arg]).collect();
        while args.len() < count {
            args.push(self.arg_within(depth)?);
        }
        Ok(Arg::List(args))
    }

    fn map(&mut self, depth: usize) -> Result<Value> {
        let mut count = self.map_header()?;
        let flags = self.flags(count)?;
        if flags.is_some() {
            count -= 1;
            self.element()?;
        }
        let mut pairs = Vec::with_capacity(count.min(PREALLOCATED_MAX));
        for _ in 0..count {
            let key = self.value_within(depth)?;
            pairs.push((key, self.value_within(depth)?));
        }
        let flags = flags.unwrap_or(0);
        let order = match (flags & MAP_KEY_ORDERED != 0, flags & MAP_VALUE_ORDERED != 0) {
            (false, _) => MapOrder::Unordered,
            (true, false) => MapOrder::KeyOrdered,
            (true, true) => MapOrder::KeyValueOrdered,
        };
        Ok(Value::Map(Map::new(pairs, order)))
    }

    /// The flags in front of a collection of `count` elements, if it has any.
    fn flags(&mut self, count: usize) -> Result<Option<u8>> {
        if count == 0 || self.peek()? != Kind::Extension {
            return Ok(None);
        }
        let before = self.rest;
        match self.extension()? {
            (EXT_COMPARE, _) => {
                self.rest = before;
                Ok(None)
            }
            (flags, _) => Ok(Some(flags)),
        }
    }

    /// The next element, an extension: its type and its bytes.
    fn extension(&mut self) -> Result<(u8, &'a [u8])> {
        let size = match self.byte()? {
            0xd4 => 1,
            0xd5 => 2,
            0xd6 => 4,
            0xd7 => 8,
            0xd8 => 16,
            0xc7 => usize::from(self.byte()?),
            0xc8 => usize::from(u16::from_be_bytes(self.array()?)),
            0xc9 => u32::from_be_bytes(self.array()?) as usize,
            other => return Err(wrong(format!("{other:02x} begins no extension"))),
        };
        Ok((self.byte()?, self.take(size)?))
    }

    fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (front, rest) = self.rest.split_first_chunk().ok_or_else(too_short)?;
        self.rest = rest;
        Ok(*front)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8]> {
        let (front, rest) = self.rest.split_at_checked(size).ok_or_else(too_short)?;
        self.rest = rest;
        Ok(front)
    }
}

/// The value of bytes that begin with their particle type.
fn typed(bytes: &[u8]) -> Result<Value> {
    let (number, bytes) =
        bytes.split_first().ok_or_else(|| wrong("a string has no type in front".into()))?;
    let text = || match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_string()),
        Err(error) => Err(wrong(format!("a text is not UTF-8: {error}"))),
    };
    match (number, ValueType::from_particle(*number)) {
        (_, Some(ValueType::String)) => Ok(Value::String(text()?)),
        (_, Some(ValueType::GeoJson)) => Ok(Value::GeoJson(text()?)),
        (_, Some(ValueType::Hll)) => Ok(Value::Hll(bytes.to_vec())),
        (7..=12, _) | (_, Some(ValueType::Blob)) => Ok(Value::Blob(bytes.to_vec())),
        _ => Err(wrong(format!("{number} is no type of text or bytes"))),
    }
}

/// The depth that is left inside a collection.
fn inner(depth: usize) -> Result<usize> {
    depth
        .checked_sub(1)
        .ok_or_else(|| wrong(format!("it nests lists and maps deeper than {NESTING_MAX} levels")))
}

fn too_short() -> Error {
    wrong("it ends before its last element does".into())
}

fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Parameter, format!("the msgpack of a value is wrong: {what}"))
}
