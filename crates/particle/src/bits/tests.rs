//! Expectations are facts from the suites of the official clients (Java's TestOperateBit, Rust's
//! cdt_bitwise, Python's test_bitwise_operations), said in our own words.

use model::{ErrorKind, Value};

use super::*;

const PLAIN: WriteFlags =
    WriteFlags { create_only: false, update_only: false, no_fail: false, partial: false };

fn range(offset: i64, size: i64) -> Range {
    Range { offset, size }
}

fn set(offset: i64, size: i64, value: &[u8]) -> Change {
    combine(Combine::Set, offset, size, value)
}

fn combine(how: Combine, offset: i64, size: i64, value: &[u8]) -> Change {
    Change::Combine { how, range: range(offset, size), value: value.to_vec() }
}

fn shift(offset: i64, size: i64, by: i64, right: bool) -> Change {
    Change::Shift { range: range(offset, size), by, right }
}

fn add(offset: i64, size: i64, number: i64, signed: bool, overflow: Overflow) -> Change {
    Change::Add { range: range(offset, size), number, signed, overflow, subtract: false }
}

fn subtract(offset: i64, size: i64, number: i64, signed: bool, overflow: Overflow) -> Change {
    Change::Add { range: range(offset, size), number, signed, overflow, subtract: true }
}

fn run(start: &[u8], changes: impl IntoIterator<Item = Change>) -> Vec<u8> {
    changes.into_iter().fold(start.to_vec(), |bytes, change| {
        Edit { flags: PLAIN, change }.on(Some(&bytes)).unwrap().unwrap()
    })
}

fn refused(start: &[u8], change: Change) -> ErrorKind {
    Edit { flags: PLAIN, change }.on(Some(start)).unwrap_err().kind
}

fn ask(bytes: &[u8], offset: i64, size: i64, question: Question) -> Value {
    Read { range: range(offset, size), question }.on(bytes).unwrap()
}

#[test]
fn set_at_any_place() {
    let start = [
        0x01, 0x12, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E,
        0x0F, 0x10, 0x11, 0x41,
    ];
    let (bit, three) = ([0x80], [0x11, 0x22, 0x33]);
    let changes = [
        set(1, 1, &bit),
        set(15, 1, &bit),
        set(16, 24, &three),
        set(40, 22, &three),
        set(73, 21, &three),
        set(100, 20, &three),
        set(120, 17, &three),
        set(144, 1, &bit),
    ];
    let expected = [
        0x41, 0x13, 0x11, 0x22, 0x33, 0x11, 0x22, 0x33, 0x08, 0x08, 0x91, 0x1B, 0x01, 0x12, 0x23,
        0x11, 0x22, 0x11, 0xC1,
    ];
    assert_eq!(run(&start, changes), expected);
}

#[test]
fn combine_and_not() {
    let start = [0x80, 0x40, 0x01, 0x00, 0x00, 0x01, 0x02, 0x03];
    let places = [(0, 5), (9, 7), (23, 6), (32, 8), (40, 24)];
    let value = [0x11, 0x22, 0x33];
    let all = |how| run(&start, places.map(|(offset, size)| combine(how, offset, size, &value)));
    assert_eq!(all(Combine::Or), [0x90, 0x48, 0x01, 0x20, 0x11, 0x11, 0x22, 0x33]);
    assert_eq!(all(Combine::Xor), [0x90, 0x48, 0x01, 0x20, 0x11, 0x10, 0x20, 0x30]);
    assert_eq!(all(Combine::And), [0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03]);
    let turned = run(&start, places.map(|(offset, size)| Change::Not(range(offset, size))));
    assert_eq!(turned, [0x78, 0x3F, 0x00, 0xF8, 0xFF, 0xFE, 0xFD, 0xFC]);
}

#[test]
fn shifts() {
    let left = [(0, 8, 1), (9, 7, 6), (23, 2, 1), (37, 18, 3), (58, 2, 1), (64, 4, 7)];
    let start = [0x01, 0x01, 0x00, 0x80, 0xFF, 0x01, 0x01, 0x18, 0x01];
    assert_eq!(
        run(&start, left.map(|(offset, size, by)| shift(offset, size, by, false))),
        [0x02, 0x40, 0x01, 0x00, 0xF8, 0x08, 0x01, 0x28, 0x01]
    );
    assert_eq!(run(&[0xFF; 3], [shift(0, 20, 15, false)]), [0xF8, 0x00, 0x0F]);
    let right = [(0, 8, 1), (9, 7, 6), (23, 2, 1), (37, 18, 3), (60, 2, 1), (68, 4, 7)];
    let start = [0x80, 0x40, 0x01, 0x00, 0xFF, 0x01, 0x01, 0x18, 0x80];
    assert_eq!(
        run(&start, right.map(|(offset, size, by)| shift(offset, size, by, true))),
        [0x40, 0x01, 0x00, 0x80, 0xF8, 0xE0, 0x21, 0x14, 0x80]
    );
    assert_eq!(refused(&[0xFF], shift(0, 8, -1, true)), ErrorKind::Parameter);
}

#[test]
fn numbers_in_bits() {
    let start = [
        0x38, 0x1F, 0x00, 0xE8, 0x7F, 0x00, 0x00, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x02,
        0x02, 0x02, 0x03, 0x03, 0x03,
    ];
    let sums = [
        (0, 5, 1),
        (9, 7, 1),
        (23, 6, 0x21),
        (32, 8, 1),
        (40, 24, 0x7F7F7F),
        (64, 20, 0x1010),
        (92, 20, 0x10101),
        (113, 22, 0x8082),
        (136, 23, 0x20202),
    ];
    let expected = [
        0x40, 0x20, 0x01, 0xF0, 0x80, 0x7F, 0x7F, 0x7F, 0x02, 0x02, 0x01, 0x02, 0x02, 0x02, 0x03,
        0x03, 0x06, 0x07, 0x07, 0x07,
    ];
    assert_eq!(run(&start, sums.map(|(o, s, n)| add(o, s, n, false, Overflow::Fail))), expected);

    let numbers = [(0, 5, 1), (9, 7, 1), (23, 6, 3), (32, 8, 1), (40, 24, 0x10101)];
    let integer =
        |(offset, size, number)| Change::SetInteger { range: range(offset, size), number };
    let set = run(&start[..8], numbers.map(integer));
    assert_eq!(set, [0x08, 0x01, 0x00, 0x18, 0x01, 0x01, 0x01, 0x01]);
}

#[test]
fn overflow_wraps_saturates_or_fails() {
    use Overflow::{Fail, Saturate, Wrap};
    let twice = |first, second, signed, overflow| {
        run(&[0], [add(0, 8, first, signed, overflow), add(0, 8, second, signed, overflow)])[0]
    };
    assert_eq!(twice(0xFF, 0xFF, false, Wrap), 0xFE);
    assert_eq!(twice(0x7F, 0x7F, true, Wrap), 0xFE);
    assert_eq!(twice(0x80, 0xFF, true, Wrap), 0x7F);
    assert_eq!(twice(0x80, 0x80, false, Saturate), 0xFF);
    assert_eq!(twice(0x77, 0x77, true, Saturate), 0x7F);
    assert_eq!(twice(0x8F, 0x8F, true, Saturate), 0x80);
    assert_eq!(run(&[0], [subtract(0, 8, 1, false, Wrap)]), [0xFF]);
    assert_eq!(run(&[0], [subtract(0, 8, 0xAA, false, Saturate)]), [0]);
    let down = [subtract(0, 8, 0x81, true, Saturate), subtract(0, 8, 0x8F, true, Saturate)];
    assert_eq!(run(&[0], down), [0x7F]);
    for (start, change) in [
        (0xFF, add(0, 8, 0xFF, false, Fail)),
        (0x7F, add(0, 8, 2, true, Fail)),
        (0x81, add(0, 8, 0xFE, true, Fail)),
        (0, subtract(0, 8, 1, false, Fail)),
    ] {
        assert_eq!(refused(&[start], change), ErrorKind::NotApplicable);
    }
    let whole = [add(0, 64, -1, false, Wrap), add(0, 64, 2, false, Wrap)];
    assert_eq!(run(&[0; 8], whole), 1u64.to_be_bytes());
}

#[test]
fn reads() {
    let bytes = [0xC1, 0xAA, 0xAB];
    let bits = |offset, size| ask(&bytes, offset, size, Question::Bits);
    assert_eq!(bits(7, 1), Value::Blob(vec![0x80]));
    assert_eq!(bits(9, 15), Value::Blob(vec![0x55, 0x56]));
    assert_eq!(bits(9, 14), Value::Blob(vec![0x55, 0x54]));
    assert_eq!(bits(-2, 2), Value::Blob(vec![0xC0]));
    let counts = [(0, 1, 1), (0, 8, 3), (8, 16, 9), (9, 15, 8), (9, 14, 7)];
    for (offset, size, count) in counts {
        assert_eq!(ask(&bytes, offset, size, Question::Count), Value::Integer(count));
    }
    let number = [0x0F, 0x0F, 0x00];
    for (offset, size, unsigned, signed) in [
        (4, 4, 15, -1),
        (7, 4, 8, -8),
        (8, 16, 3840, 3840),
        (9, 14, 1920, 1920),
        (5, 17, 115_648, -15_424),
        (-12, 4, 15, -1),
    ] {
        let of = |signed| ask(&number, offset, size, Question::Integer { signed });
        assert_eq!(of(false), Value::Integer(unsigned));
        assert_eq!(of(true), Value::Integer(signed));
    }
}

#[test]
fn scans() {
    let bytes = [0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x01];
    for (offset, size, wanted, first, last) in [
        (0, 1, true, 0, 0),
        (0, 9, true, 0, 8),
        (0, 32, false, -1, -1),
        (1, 30, false, -1, -1),
        (32, 40, true, 39, 39),
        (33, 38, true, -1, -1),
        (32, 40, false, 0, 38),
        (33, 38, false, 0, 37),
        (0, 72, true, 0, 71),
        (0, 72, false, 32, 70),
        (-1, 1, true, 0, 0),
        (-1, 1, false, -1, -1),
    ] {
        assert_eq!(ask(&bytes, offset, size, Question::First(wanted)), Value::Integer(first));
        assert_eq!(ask(&bytes, offset, size, Question::Last(wanted)), Value::Integer(last));
    }
}

#[test]
fn insert_remove_resize() {
    let insert = |offset, bytes: &[u8]| Change::Insert { offset, bytes: bytes.to_vec() };
    assert_eq!(run(&[255; 2], [insert(4, &[3])]), [255, 255, 0, 0, 3]);
    assert_eq!(run(&[255; 2], [insert(1, &[3, 4])]), [255, 3, 4, 255]);
    let created = Edit { flags: PLAIN, change: insert(1, &[10]) }.on(None).unwrap();
    assert_eq!(created, Some(vec![0, 10]));

    let remove = |offset, size| Change::Remove { offset, size };
    assert_eq!(run(&[1, 2, 3, 4], [remove(1, 2)]), [1, 4]);
    for (offset, size) in [(6, 1), (0, 6), (3, 3), (-7, 1)] {
        assert_eq!(refused(&[0; 5], remove(offset, size)), ErrorKind::Parameter);
    }

    let resize = |size, how| Change::Resize { size, flags: how };
    let end = ResizeFlags::default();
    let front = ResizeFlags { from_front: true, ..end };
    assert_eq!(run(&[1, 1], [resize(3, end)]), [1, 1, 0]);
    assert_eq!(run(&[1, 1], [resize(3, front)]), [0, 1, 1]);
    assert_eq!(run(&[0, 1], [resize(1, end)]), [0]);
    assert_eq!(run(&[0, 1], [resize(1, front)]), [1]);
    let grow = ResizeFlags { grow_only: true, ..end };
    assert_eq!(refused(&[0; 5], resize(1, grow)), ErrorKind::Parameter);
    let shrink = ResizeFlags { shrink_only: true, ..end };
    assert_eq!(refused(&[0; 5], resize(9, shrink)), ErrorKind::Parameter);
    assert_eq!(refused(&[], resize(i64::MAX, end)), ErrorKind::RecordTooBig);
    assert_eq!(refused(&[], insert(i64::MAX, &[1])), ErrorKind::RecordTooBig);
}

#[test]
fn flags_allow_and_deny() {
    let grown = || Change::Resize { size: 2, flags: ResizeFlags::default() };
    let on = |flags, change, blob: Option<&[u8]>| Edit { flags, change }.on(blob);
    let kind = |flags, change, blob| on(flags, change, blob).unwrap_err().kind;
    let create = WriteFlags { create_only: true, ..PLAIN };
    let update = WriteFlags { update_only: true, ..PLAIN };
    assert_eq!(kind(create, grown(), Some(&[1])), ErrorKind::BinExists);
    assert_eq!(kind(update, grown(), None), ErrorKind::BinNotFound);
    assert_eq!(kind(PLAIN, set(0, 1, &[1]), None), ErrorKind::BinNotFound);
    let quiet = |flags| WriteFlags { no_fail: true, ..flags };
    assert_eq!(on(quiet(create), grown(), Some(&[1])), Ok(None));
    assert_eq!(on(quiet(update), grown(), None), Ok(None));
    assert_eq!(on(quiet(PLAIN), set(9, 8, &[1]), Some(&[0])), Ok(None));
    assert_eq!(kind(quiet(PLAIN), set(0, 9, &[1]), Some(&[0, 0])), ErrorKind::Parameter);

    let partial = WriteFlags { partial: true, ..PLAIN };
    assert_eq!(on(partial, set(4, 8, &[0xFF]), Some(&[0])), Ok(Some(vec![0x0F])));
    assert_eq!(kind(partial, set(8, 8, &[0xFF]), Some(&[0])), ErrorKind::NotApplicable);
}

#[test]
fn what_is_not_there() {
    for (offset, size) in [(41, 8), (0, 48), (-41, 1), (40, 1), (i64::MIN, 1), (0, i64::MAX)] {
        let read = Read { range: range(offset, size), question: Question::Count };
        assert_eq!(read.on(&[0; 5]).unwrap_err().kind, ErrorKind::NotApplicable);
    }
    assert_eq!(refused(&[0; 5], set(0, 16, &[255])), ErrorKind::Parameter);
    assert_eq!(refused(&[0; 99], add(0, 65, 1, false, Overflow::Wrap)), ErrorKind::Parameter);
    let big = Read { range: range(0, 65), question: Question::Integer { signed: false } };
    assert_eq!(big.on(&[0; 99]).unwrap_err().kind, ErrorKind::Parameter);
    for size in [0, -1, i64::MIN] {
        assert_eq!(refused(&[0; 5], Change::Not(range(0, size))), ErrorKind::Parameter);
    }
}

#[test]
fn decoded() {
    let integers = |numbers: &[i64]| numbers.iter().map(|n| Value::Integer(*n)).collect::<Vec<_>>();
    let read = Read::decode(54, &integers(&[8, 16, 1])).unwrap();
    assert_eq!(read, Read { range: range(8, 16), question: Question::Integer { signed: true } });
    let edit = Edit::decode(10, &integers(&[0, 8, 5, 12, 3])).unwrap();
    assert_eq!(edit.change, add(0, 8, 5, true, Overflow::Saturate));
    assert!(edit.flags.no_fail && edit.flags.partial);
    let mut creating = integers(&[1, 1]);
    creating.push(Value::Blob(vec![0x80]));
    creating.push(Value::Integer(1));
    assert_eq!(Edit::decode(3, &creating).unwrap_err().kind, ErrorKind::Parameter);
    for (operation, arguments) in [(0, &[1, 0, 6][..]), (0, &[1, 16]), (10, &[0, 8, 1, 0, 6])] {
        assert!(Edit::decode(operation, &integers(arguments)).is_err());
    }
    assert!(Edit::decode(13, &integers(&[0, 8])).is_err());
    assert!(Read::decode(50, &integers(&[0])).is_err());
    assert!(Read::decode(50, &integers(&[0, 8, 8])).is_err());
    assert!(Read::decode(52, &integers(&[0, 8, 1])).is_err());
}

#[test]
fn requests_on_bins() {
    let payload = |values: Vec<Value>| model::msgpack::encode(&Value::list(values));
    let insert = payload(vec![
        Value::Integer(1),
        Value::Integer(1),
        Value::Blob(vec![10]),
        Value::Integer(0),
    ]);
    let made = modify(None, &insert).unwrap();
    assert_eq!(made, Modified { bin: Some(Value::Blob(vec![0, 10])), result: None });
    let count = payload([51, 0, 16].map(Value::Integer).to_vec());
    assert_eq!(read(made.bin.as_ref(), &count), Ok(Some(Value::Integer(2))));
    assert_eq!(read(None, &count), Ok(None));
    assert_eq!(read(Some(&Value::Nil), &count).unwrap_err().kind, ErrorKind::BinType);
    assert_eq!(modify(Some(Value::Bool(true)), &insert).unwrap_err().kind, ErrorKind::BinType);
    let denied = payload([0, 9, 5].map(Value::Integer).to_vec());
    assert_eq!(modify(made.bin.clone(), &denied).unwrap(), made);
}

#[test]
fn blobs_inside_lists_and_maps() {
    let key = Value::String("k".into());
    let bin = |blob: u8| {
        let list = Value::list(vec![Value::Integer(5), Value::Blob(vec![blob])]);
        Value::map([(key.clone(), list)])
    };
    let context = Value::list(vec![
        Value::Integer(0x22),
        key.clone(),
        Value::Integer(0x10),
        Value::Integer(-1),
    ]);
    let payload = |context: &Value, operation: Vec<Value>| {
        let all = vec![Value::Integer(255), context.clone(), Value::list(operation)];
        model::msgpack::encode(&Value::list(all))
    };
    let not = || [7, 4, 4, 0].map(Value::Integer).to_vec();
    let count = || [51, 0, 8].map(Value::Integer).to_vec();
    let made = modify(Some(bin(0xF0)), &payload(&context, not())).unwrap();
    assert_eq!(made.bin, Some(bin(0xFF)));
    let counted = read(made.bin.as_ref(), &payload(&context, count()));
    assert_eq!(counted, Ok(Some(Value::Integer(8))));
    let number = Value::list(vec![
        Value::Integer(0x22),
        key.clone(),
        Value::Integer(0x10),
        Value::Integer(0),
    ]);
    let error = modify(Some(bin(1)), &payload(&number, not())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BinType);
    let nowhere = Value::list(vec![Value::Integer(0x10), Value::Integer(9)]);
    let error = modify(Some(bin(1)), &payload(&nowhere, not())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotApplicable);
    let absent = modify(None, &payload(&context, not())).unwrap_err();
    assert_eq!(absent.kind, ErrorKind::BinNotFound);
}
