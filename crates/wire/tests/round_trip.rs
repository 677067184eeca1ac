//! What is written is read again; what nobody wrote is refused or read, but never a panic.

use model::{Digest, Key, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use wire::batch::{Batch, BatchOut};
use wire::frame::{self, Frame, Kind};
use wire::{Field, Header, Message, MessageOut, compress, put_op, query, value};

type Fields = Vec<(u8, Vec<u8>)>;
type Ops = Vec<(u8, String, u8, Vec<u8>)>;

fn header() -> impl Strategy<Value = Header> {
    (any::<[u8; 5]>(), any::<[u32; 3]>()).prop_map(|(flags, [generation, ttl, timeout])| {
        let [info1, info2, info3, info4, result] = flags;
        Header { info1, info2, info3, info4, result, generation, ttl, timeout }
    })
}

fn fields() -> impl Strategy<Value = Fields> {
    vec((any::<u8>(), vec(any::<u8>(), 0..30)), 0..6)
}

fn ops() -> impl Strategy<Value = Ops> {
    vec((any::<u8>(), "[a-zä]{0,20}", any::<u8>(), vec(any::<u8>(), 0..30)), 0..6)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        ".{0,20}".prop_map(Value::String),
        vec(any::<u8>(), 0..20).prop_map(Value::Blob),
        vec(any::<u8>(), 0..20).prop_map(Value::Hll),
        ".{0,20}".prop_map(Value::GeoJson),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 30, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|items| Value::List(items.into())),
            vec((scalar(), inner), 0..6).prop_map(Value::map),
        ]
    })
}

/// Header, fields and operations behind one another.
fn written(header: &Header, fields: &Fields, ops: &Ops) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = MessageOut::begin(&mut out, header);
    fields.iter().for_each(|(number, data)| message.field(Field(*number), data));
    for (kind, bin, particle, data) in ops {
        message.op(*kind, bin, |out| {
            out.extend_from_slice(data);
            *particle
        });
    }
    message.end();
    out
}

fn read(message: &Message<'_>) -> (Fields, Ops) {
    let field = |(field, data): (Field, &[u8])| (field.0, data.to_vec());
    let op = |op: wire::Op<'_>| (op.kind, op.bin.to_string(), op.particle, op.value.to_vec());
    (message.fields.iter().map(field).collect(), message.ops.iter().map(op).collect())
}

/// Everything that reads strangers' bytes.
fn read_all(bytes: &[u8]) {
    let _ = Frame::parse(bytes);
    let _ = compress::unpack(bytes, &mut Vec::new());
    let _ = value::key(bytes);
    (0..=30).for_each(|particle| drop(value::read(particle, bytes)));
    if let Ok(batch) = Batch::parse(bytes) {
        batch.rows().for_each(drop);
    }
    if let Ok((message, _)) = Message::parse(bytes) {
        let _ = query::wanted(&message.fields);
        let _ = read(&message);
    }
}

proptest! {
    #[test]
    fn messages(header in header(), fields in fields(), ops in ops(), behind in vec(any::<u8>(), 0..9)) {
        let mut bytes = written(&header, &fields, &ops);
        bytes.extend_from_slice(&behind);
        let (message, rest) = Message::parse(&bytes).expect("what was written");
        prop_assert_eq!(message.header, header);
        prop_assert_eq!(message.ops.len(), ops.len());
        prop_assert_eq!(read(&message), (fields, ops));
        prop_assert_eq!(rest, &behind[..]);
        // Cut anywhere, it is refused.
        for end in 0..bytes.len() - behind.len() {
            prop_assert!(Message::parse(&bytes[..end]).is_err(), "{}", end);
        }
    }

    #[test]
    fn values(value in any_value()) {
        let mut bytes = Vec::new();
        let particle = value::put(&value, &mut bytes);
        prop_assert_eq!(value::read(particle, &bytes), Ok(Some(value)));
    }

    #[test]
    fn keys(n: i64, text in ".{0,20}", blob in vec(any::<u8>(), 0..20)) {
        for key in [Key::Integer(n), Key::String(text), Key::Blob(blob)] {
            let mut out = Vec::new();
            let mut message = MessageOut::begin(&mut out, &Header::default());
            message.key(&key);
            message.end();
            let (message, _) = Message::parse(&out).expect("what was written");
            prop_assert_eq!(value::key(message.fields.get(Field::KEY).expect("a key")), Ok(key));
        }
    }

    #[test]
    fn batches(rows in vec((any::<[u8; 20]>(), header(), fields(), ops(), any::<bool>()), 0..8)) {
        let mut batch = BatchOut::new(4);
        let mut expected: Vec<(Digest, Header, Fields, Ops)> = Vec::new();
        for (digest, header, fields, ops, repeats) in rows {
            let digest = Digest(digest);
            if let (true, Some((_, header, fields, ops))) = (repeats, expected.last().cloned()) {
                batch.repeat(&digest);
                expected.push((digest, header, fields, ops));
                continue;
            }
            // What a row has of a header.
            let generation = header.generation & 0xffff;
            let header = Header { info4: 0, result: 0, timeout: 0, generation, ..header };
            let parts = written(&header, &fields, &ops).split_off(22);
            batch.row(&digest, &header, (fields.len() as u16, ops.len() as u16), &parts);
            expected.push((digest, header, fields, ops));
        }
        let field = batch.end();
        let batch = Batch::parse(&field).expect("what was written");
        let mut found = Vec::new();
        for (place, row) in batch.rows().enumerate() {
            let row = row.expect("a row");
            prop_assert_eq!(row.index as usize, place);
            let (fields, ops) = read(&row.message);
            found.push((row.digest, row.message.header, fields, ops));
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn compressed(body in vec(0u8..4, 0..2000)) {
        let mut message = Vec::new();
        let start = frame::begin(&mut message, Kind::Message);
        message.extend_from_slice(&body);
        frame::end(&mut message, start);
        let mut packed = Vec::new();
        compress::pack(&message, &mut packed);
        let frame = Frame::parse(&packed).expect("a frame").expect("whole");
        prop_assert_eq!(frame.kind, Kind::Compressed);
        let mut out = Vec::new();
        prop_assert_eq!(compress::unpack(&packed[frame::HEADER_SIZE..], &mut out), Ok(&body[..]));
    }

    #[test]
    fn bytes_of_strangers(bytes in vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn bytes_that_were_right_once(
        header in header(), fields in fields(), value in any_value(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = written(&header, &fields, &Vec::new());
        put_op(&mut bytes, 2, "bin", |out| value::put(&value, out));
        bytes[21] = 1;
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read_all(&bytes);
        if let Ok((message, _)) = Message::parse(&bytes) {
            message.ops.iter().for_each(|op| drop(value::read(op.particle, op.value)));
        }
    }
}
