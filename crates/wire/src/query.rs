//! What a scan or query asks for: partitions, and how far each was read.

use model::{Digest, PartitionId};

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
