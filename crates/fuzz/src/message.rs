//! Messages of a client, right and wrong.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Bytes that are sent together: a message, or what is left of it.
pub(crate) struct Step(pub(crate) Vec<u8>);

/// Time of a statement; nothing here is worth more.
const STATEMENT_TIMEOUT: &str = "-c statement_timeout=500";
/// Statements and portals by few names, so that messages meet.
const NAMES: &[&str] = &["", "a", "b", "c", "nosuch"];
/// Types of parameters: real ones, their arrays, and none.
const OIDS: &[u32] = &[
    0,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    30,
    114,
    199,
    700,
    701,
    705,
    1000,
    1005,
    1009,
    1015,
    1016,
    1022,
    1042,
    1043,
    1082,
    1083,
    1114,
    1115,
    1184,
    1186,
    1187,
    1231,
    1700,
    2205,
    2206,
    2278,
    2950,
    2951,
    3802,
    3807,
    99_999,
    u32::MAX,
];
/// Statements of parameters, and those that hold a portal or a COPY open.
const TEXTS: &[&str] = &[
    "SELECT $1, $2, $3",
    "SELECT $1::int8, $2::text",
    "SELECT $1::numeric, $2::timestamptz, $3::jsonb",
    "SELECT $1::int8[], $2::text[], $3::float8[]",
    "SELECT $1::date, $2::time, $3::interval",
    "SELECT $1::uuid, $2::bytea, $3::bool",
    "SELECT * FROM people WHERE id = $1",
    "SELECT * FROM people WHERE id = ANY($1)",
    "SELECT * FROM kinds WHERE n = $1 OR ts = $2 OR j = $3",
    "SELECT * FROM kinds ORDER BY $1 LIMIT $2 OFFSET $3",
    "SELECT g, repeat('x', 100) FROM generate_series(1, 3000) AS s (g)",
    "SELECT * FROM kinds",
    "UPSERT INTO people (id, name, tags) VALUES ($1, $2, $3)",
    "UPSERT INTO kinds (id, i4, n, ts) VALUES ($1, $2, $3, $4)",
    "UPSERT INTO kinds (id, u, by, ia) VALUES ($1, $2, $3, $4) RETURNING *",
    "UPDATE people SET age = age + $1 WHERE id = $2 RETURNING age",
    "DELETE FROM people WHERE id = $1",
    "UPSERT INTO pairs VALUES ($1, $2, $3)",
    "COPY people (id, name) FROM STDIN",
    "COPY kinds (id, n, j) FROM STDIN (FORMAT csv, HEADER)",
    "COPY pairs FROM STDIN (FORMAT binary)",
    "COPY kinds TO STDOUT (FORMAT binary)",
    "COPY (SELECT g FROM generate_series(1, 5000) AS s (g)) TO STDOUT",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM generate_series(1, 100) AS s (g)",
    "FETCH 7 FROM c",
    "MOVE ALL FROM c",
    "CLOSE c",
    "PREPARE b AS SELECT $1::int8",
    "EXECUTE b (1)",
    "DEALLOCATE ALL",
    "DISCARD ALL",
    "SELECT 1/0",
    "TRUNCATE people",
    "",
    ";",
];

fn message(kind: u8, body: &[u8]) -> Step {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    Step(bytes)
}

fn packet(body: &[u8]) -> Step {
    let mut bytes = (body.len() as u32 + 4).to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    Step(bytes)
}

/// A zero inside would end the text early.
fn text(text: &str) -> String {
    format!("{}\0", text.replace('\0', ""))
}

/// A start-up packet.
pub(crate) fn startup() -> Step {
    let parameters = format!("user\0u\0database\0mem\0options\0{STATEMENT_TIMEOUT}\0\0");
    packet(&[&196_608_u32.to_be_bytes()[..], parameters.as_bytes()].concat())
}

pub(crate) fn query(statement: &str) -> Step {
    message(b'Q', text(statement).as_bytes())
}

pub(crate) fn terminate() -> Step {
    message(b'X', b"")
}

/// What brings every state to ReadyForQuery outside of a block, and the end.
pub(crate) fn ending() -> Vec<Step> {
    let fail = message(b'f', b"enough\0");
    vec![fail, message(b'S', b""), query("ROLLBACK"), terminate()]
}

/// Encryption asked for or not, then the start-up packet, now and then of another version; whether
/// a session may come of it.
pub(crate) fn openings(u: &mut Unstructured<'_>) -> Result<(Vec<Step>, bool)> {
    let mut session = true;
    let steps = match u.int_in_range(0..=15)? {
        0 => {
            // The next packet has to wait for the answer; the server may refuse it, and says so.
            vec![packet(&80_877_103_u32.to_be_bytes()), startup()]
        }
        1 => {
            let version = *u.choose(&[196_610_u32, 196_609, 131_072, 262_144, 0])?;
            let body = b"user\0u\0database\0mem\0_pq_.x\0y\0\0";
            vec![packet(&[&version.to_be_bytes()[..], body].concat())]
        }
        2 => {
            // To cancel is never answered.
            session = false;
            vec![packet(&[&80_877_102_u32.to_be_bytes()[..], &[0; 8]].concat())]
        }
        3 => {
            let name =
                *u.choose(&["options", "client_encoding", "DateStyle", "nosuch.x", "TimeZone"])?;
            let value: String = u.arbitrary()?;
            let body = format!("user\0u\0database\0mem\0{name}\0{}\0", text(&value));
            vec![packet(&[&196_608_u32.to_be_bytes()[..], body.as_bytes()].concat())]
        }
        _ => vec![startup()],
    };
    Ok((steps, session))
}

/// The parameters of a Bind.
#[derive(Arbitrary)]
struct Values {
    formats: Vec<Format>,
    results: Vec<Format>,
    values: Vec<Value>,
}

#[derive(Arbitrary)]
enum Format {
    Text,
    Binary,
    Wrong(u16),
}

/// A parameter: fixed sizes in binary, or text that some type reads.
#[derive(Arbitrary)]
enum Value {
    Null,
    Bytes1(u8),
    Bytes2([u8; 2]),
    Bytes4([u8; 4]),
    Bytes8([u8; 8]),
    Bytes16([u8; 16]),
    Small(i8),
    Many(Vec<u8>),
    Text(String),
    Array { dimensions: u8, flags: bool, element: u8, lower: i8, items: Vec<Option<i64>> },
    Numeric { digits: Vec<i16>, weight: i16, sign: u8, scale: u16 },
    Jsonb(String),
}

impl Format {
    fn code(&self) -> u16 {
        match self {
            Format::Text => 0,
            Format::Binary => 1,
            // Few are wrong, or no Bind would be right.
            Format::Wrong(code) => {
                if code % 8 == 0 {
                    *code
                } else {
                    code % 2
                }
            }
        }
    }
}

impl Value {
    fn bytes(&self) -> Option<Vec<u8>> {
        Some(match self {
            Value::Null => return None,
            Value::Bytes1(byte) => vec![*byte],
            Value::Bytes2(bytes) => bytes.to_vec(),
            Value::Bytes4(bytes) => bytes.to_vec(),
            Value::Bytes8(bytes) => bytes.to_vec(),
            Value::Bytes16(bytes) => bytes.to_vec(),
            Value::Small(number) => i64::from(*number).to_be_bytes().to_vec(),
            Value::Many(bytes) => bytes.clone(),
            Value::Text(text) => text.clone().into_bytes(),
            Value::Array { dimensions, flags, element, lower, items } => {
                array(*dimensions, *flags, *element, *lower, items)
            }
            Value::Numeric { digits, weight, sign, scale } => {
                let mut bytes = (digits.len() as u16).to_be_bytes().to_vec();
                bytes.extend(weight.to_be_bytes());
                bytes.extend([[0, 0], [0x40, 0], [0xc0, 0], [0xd0, 0]][usize::from(sign % 4)]);
                bytes.extend((scale % 100).to_be_bytes());
                bytes.extend(digits.iter().flat_map(|d| (d.unsigned_abs() % 10_000).to_be_bytes()));
                bytes
            }
            Value::Jsonb(text) => [&[1], text.as_bytes()].concat(),
        })
    }
}

fn array(dimensions: u8, flags: bool, element: u8, lower: i8, items: &[Option<i64>]) -> Vec<u8> {
    let dimensions = if dimensions > 200 { u32::MAX } else { u32::from(dimensions % 3) };
    let element = OIDS[usize::from(element) % OIDS.len()];
    let mut bytes = [dimensions, u32::from(flags), element].map(u32::to_be_bytes).concat();
    for _ in 0..dimensions.min(3) {
        bytes.extend((items.len() as u32).to_be_bytes());
        bytes.extend(i32::from(lower).to_be_bytes());
    }
    for item in items {
        match item {
            None => bytes.extend([0xff; 4]),
            Some(number) => {
                bytes.extend(8_u32.to_be_bytes());
                bytes.extend(number.to_be_bytes());
            }
        }
    }
    bytes
}

/// The next message or messages; `statement` makes a text.
pub(crate) fn steps(
    u: &mut Unstructured<'_>,
    statement: impl Fn(&mut Unstructured<'_>) -> Result<String>,
) -> Result<Vec<Step>> {
    let one = |step| Ok(vec![step]);
    match u.int_in_range(0..=15)? {
        0 | 1 => one(query(&any_text(u, statement)?)),
        2..=4 => {
            // A whole round, so that portals come to be.
            let (name, portal) = (name(u)?, name(u)?);
            let text = any_text(u, statement)?;
            let bind = bind(u, portal, name, parameters(&text))?;
            let mut steps = vec![parse(u, name, &text)?, bind];
            if u.arbitrary()? {
                steps.push(named(b'D', b'P', portal));
            }
            steps.push(execute(u, portal)?);
            Ok(steps)
        }
        5 => {
            let (name, text) = (name(u)?, any_text(u, statement)?);
            one(parse(u, name, &text)?)
        }
        6 => {
            let (portal, name, count) = (name(u)?, name(u)?, u.int_in_range(0..=4)?);
            one(bind(u, portal, name, count)?)
        }
        7 => {
            let portal = name(u)?;
            one(execute(u, portal)?)
        }
        8 => one(named(b'D', *u.choose(b"SSSPPPx")?, name(u)?)),
        9 => one(named(b'C', *u.choose(b"SSSPPPx")?, name(u)?)),
        10 => one(message(b'S', b"")),
        11 => one(message(*u.choose(b"HHHF")?, b"")),
        12..=14 => copying(u),
        _ => one(message(*u.choose(b"cfdp")?, u.bytes(u.len().min(9))?)),
    }
}

fn any_text(
    u: &mut Unstructured<'_>,
    statement: impl Fn(&mut Unstructured<'_>) -> Result<String>,
) -> Result<String> {
    if u.arbitrary()? { Ok(u.choose(TEXTS)?.to_string()) } else { statement(u) }
}

fn name(u: &mut Unstructured<'_>) -> Result<&'static str> {
    u.choose(NAMES).copied()
}

/// How many parameters a text seems to have.
fn parameters(text: &str) -> usize {
    (1..=4).rev().find(|n| text.contains(&format!("${n}"))).unwrap_or(0)
}

fn parse(u: &mut Unstructured<'_>, name: &str, statement: &str) -> Result<Step> {
    let count = u.int_in_range(0..=3)?;
    let oids: Vec<u32> = (0..count).map(|_| u.choose(OIDS).copied()).collect::<Result<_>>()?;
    let mut body = [text(name), text(statement)].concat().into_bytes();
    body.extend((count as u16).to_be_bytes());
    body.extend(oids.into_iter().flat_map(u32::to_be_bytes));
    Ok(message(b'P', &body))
}

fn bind(u: &mut Unstructured<'_>, portal: &str, statement: &str, count: usize) -> Result<Step> {
    let mut given: Values = u.arbitrary()?;
    if u.ratio(15, 16)? {
        given.values.resize_with(count, || Value::Null);
        for value in &mut given.values {
            *value = u.arbitrary()?;
        }
        given.formats.truncate(1);
        given.results.truncate(1);
    }
    let formats = |formats: &[Format]| {
        let codes = formats.iter().flat_map(|format| format.code().to_be_bytes());
        (formats.len() as u16).to_be_bytes().into_iter().chain(codes).collect::<Vec<u8>>()
    };
    let mut body = [text(portal), text(statement)].concat().into_bytes();
    body.extend(formats(&given.formats));
    body.extend((given.values.len() as u16).to_be_bytes());
    for value in &given.values {
        match value.bytes() {
            None => body.extend(u32::MAX.to_be_bytes()),
            Some(bytes) => {
                body.extend((bytes.len() as u32).to_be_bytes());
                body.extend(bytes);
            }
        }
    }
    body.extend(formats(&given.results));
    Ok(message(b'B', &body))
}

fn execute(u: &mut Unstructured<'_>, portal: &str) -> Result<Step> {
    let rows = *u.choose(&[0_u32, 0, 1, 5, 1000, u32::MAX])?;
    Ok(message(b'E', &[text(portal).as_bytes(), &rows.to_be_bytes()].concat()))
}

fn named(kind: u8, what: u8, name: &str) -> Step {
    message(kind, &[&[what], text(name).as_bytes()].concat())
}

/// A COPY with data of its format or of another, ended or not.
fn copying(u: &mut Unstructured<'_>) -> Result<Vec<Step>> {
    let copies = [
        "COPY people (id, name) FROM STDIN",
        "COPY pairs FROM STDIN (FORMAT csv)",
        "COPY kinds (id, i4, by) FROM STDIN (FORMAT binary)",
        "COPY nosuch FROM STDIN",
    ];
    let mut steps = vec![query(u.choose(&copies)?)];
    while !u.is_empty() && u.ratio(3, 4)? {
        let data = match u.int_in_range(0..=3)? {
            0 => u.choose(&["1\tann\n", "x,2,three\n", "\\.\n", "\"", "\\N\t\\x", "\r\n", "7\t"])?.as_bytes(),
            1 => b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x01x\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff",
            2 => b"\0\x03\xff\xff\xff\xff\x7f\xff\xff\xff",
            _ => u.bytes(u.len().min(20))?,
        };
        steps.push(message(b'd', data));
    }
    match u.int_in_range(0..=4)? {
        0 => {}
        1 => steps.push(message(b'f', b"no\0")),
        _ => steps.push(message(b'c', b"")),
    }
    Ok(steps)
}

impl Step {
    /// Makes it wrong: a byte, its length, its end.
    pub(crate) fn damage(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let place = u.choose_index(self.0.len())?;
        match u.int_in_range(0..=4)? {
            0 => self.0[place] = u.arbitrary()?,
            1 => self.0.truncate(place),
            2 => self.0.extend(u.arbitrary::<Vec<u8>>()?),
            3 => drop(self.0.remove(place)),
            _ => {
                let length =
                    *u.choose(&[0_u32, 3, 4, 5, 0x7fff_ffff, 0x8000_0000, u32::MAX, 70_000_000])?;
                let at = self.0.len().saturating_sub(4).min(1);
                if let Some(place) = self.0[at..].first_chunk_mut::<4>() {
                    *place = length.to_be_bytes();
                }
            }
        }
        Ok(())
    }
}
