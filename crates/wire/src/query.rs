//! What a scan or query asks for: partitions, and how far each was read; values that an index has.

use model::{Digest, PartitionId, Value, ValueType};

use crate::message::{Field, Fields};
use crate::{Malformed, Result};

/// A partition that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Which one.
    pub partition: PartitionId,
    /// The last record that the client has of it.
    pub after: Option<Digest>,
}

/// The partitions that are wanted, in the order in which they are named, whole ones first; without
/// such fields all of them.
pub fn wanted(fields: &Fields<'_>) -> Result<Vec<Wanted>> {
    let (whole, partly) = (fields.get(Field::PARTITIONS), fields.get(Field::DIGESTS));
    if whole.is_none() && partly.is_none() {
        let all = (0..model::PARTITIONS).filter_map(PartitionId::new);
        return Ok(all.map(|partition| Wanted { partition, after: None }).collect());
    }
    let (whole, torn) = whole.unwrap_or_default().as_chunks::<2>();
    let (partly, torn_digest) = partly.unwrap_or_default().as_chunks::<20>();
    if !torn.is_empty() || !torn_digest.is_empty() {
        return Err(Malformed("a list of partitions or digests ends in the middle of one"));
    }
    if whole.len() + partly.len() > usize::from(model::PARTITIONS) {
        return Err(Malformed("more partitions than there are"));
    }
    let whole = whole.iter().map(|number| {
        let partition = PartitionId::new(u16::from_le_bytes(*number));
        let partition = partition.ok_or(Malformed("a partition beyond the last"))?;
        Ok(Wanted { partition, after: None })
    });
    let partly = partly.iter().map(|digest| {
        let digest = Digest(*digest);
        Ok(Wanted { partition: digest.partition(), after: Some(digest) })
    });
    whole.chain(partly).collect()
}

/// The values that an index query asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueRange<'a> {
    /// The bin's name; empty where the index is named, or is over an expression.
    pub bin: &'a str,
    /// The least value, or the only one.
    pub low: Value,
    /// The greatest.
    pub high: Value,
}

/// The range of values of a query, if it asks for one.
pub fn range<'a>(fields: &Fields<'a>) -> Result<Option<ValueRange<'a>>> {
    const TORN: Malformed = Malformed("a range of values that ends too soon");
    let Some(data) = fields.get(Field::INDEX_RANGE) else { return Ok(None) };
    let (count, data) = data.split_first().ok_or(TORN)?;
    if *count != 1 {
        return Err(Malformed("a query of several ranges of values"));
    }
    let (length, data) = data.split_first().ok_or(TORN)?;
    let (bin, data) = data.split_at_checked((*length).into()).ok_or(TORN)?;
    let bin = std::str::from_utf8(bin).map_err(|_| Malformed("a name is not UTF-8"))?;
    let (particle, data) = data.split_first().ok_or(TORN)?;
    let (low, data) = value(*particle, data)?;
    let (high, data) = value(*particle, data)?;
    if !data.is_empty() {
        return Err(Malformed("a range of values with something behind it"));
    }
    Ok(Some(ValueRange { bin, low, high }))
}

/// A value behind its length, and what comes after it.
fn value(particle: u8, data: &[u8]) -> Result<(Value, &[u8])> {
    const TORN: Malformed = Malformed("a value that does not fit its range");
    let (length, data) = data.split_first_chunk::<4>().ok_or(TORN)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| TORN)?;
    let (bytes, rest) = data.split_at_checked(length).ok_or(TORN)?;
    // Shapes are sent as their text alone here.
    let value = match ValueType::from_particle(particle) {
        Some(ValueType::GeoJson) => {
            let text = std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))?;
            Some(Value::GeoJson(text.to_owned()))
        }
        _ => crate::value::read(particle, bytes).map_err(|_| TORN)?,
    };
    Ok((value.ok_or(TORN)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, Message, MessageOut};

    fn of(fields: &[(Field, &[u8])]) -> Result<Vec<Wanted>> {
        let mut out = Vec::new();
        let mut message = MessageOut::begin(&mut out, &Header::default());
        fields.iter().for_each(|(field, data)| message.field(*field, data));
        message.end();
        wanted(&Message::parse(&out)?.0.fields)
    }

    fn range_of(data: &[u8]) -> Result<Option<(String, Value, Value)>> {
        let mut out = Vec::new();
        let mut message = MessageOut::begin(&mut out, &Header::default());
        message.field(Field::INDEX_RANGE, data);
        message.end();
        let (message, _) = Message::parse(&out)?;
        Ok(range(&message.fields)?.map(|range| (range.bin.to_string(), range.low, range.high)))
    }

    #[test]
    fn ranges_of_values() {
        let numbers = |low: i64, high: i64| {
            let mut data = vec![1, 3, b'b', b'i', b'n', 1];
            for number in [low, high] {
                data.extend(8u32.to_be_bytes());
                data.extend(number.to_be_bytes());
            }
            data
        };
        let found = range_of(&numbers(-1, 7)).unwrap().unwrap();
        assert_eq!(found, ("bin".to_string(), Value::Integer(-1), Value::Integer(7)));
        let shape = [&[1, 0, 23][..], &[0, 0, 0, 2, b'{', b'}', 0, 0, 0, 2, b'{', b'}']].concat();
        let shape = range_of(&shape).unwrap().unwrap();
        assert_eq!((shape.0.as_str(), shape.1), ("", Value::GeoJson("{}".into())));
        let whole = numbers(1, 2);
        for length in 0..whole.len() {
            assert!(range_of(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(range_of(&[&whole[..], &[0]].concat()).is_err());
        assert!(range_of(&[2]).is_err());
    }

    #[test]
    fn partitions_and_digests() {
        assert_eq!(of(&[]).unwrap().len(), 4096);
        let digest = [0xff; 20];
        let both = of(&[(Field::PARTITIONS, &[1, 0, 0, 1]), (Field::DIGESTS, &digest)]).unwrap();
        let numbers: Vec<_> = both.iter().map(|w| (w.partition.get(), w.after.is_some())).collect();
        assert_eq!(numbers, [(1, false), (256, false), (4095, true)]);
        assert_eq!(of(&[(Field::PARTITIONS, &[])]), Ok(vec![]));
        assert!(of(&[(Field::PARTITIONS, &[1])]).is_err());
        assert!(of(&[(Field::PARTITIONS, &[0, 16])]).is_err());
        assert!(of(&[(Field::DIGESTS, &digest[1..])]).is_err());
        assert!(of(&[(Field::PARTITIONS, &[0; 2 * 4097])]).is_err());
    }
}
