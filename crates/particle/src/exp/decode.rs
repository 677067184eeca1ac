//! Bytes to trees, checked.

use model::msgpack::{Arg, Kind, Reader};
use model::{Error, ErrorKind, Result};

use super::tree::{Arithmetic, Comparison, Field, Node, Part, Type};
use super::{CALLS_MAX, DEPTH_MAX, Expression, SIZE_MAX, call, regex};

/// Operations whose arguments are something other than expressions.
mod code {
    pub(super) const REGEX: i64 = 7;
    pub(super) const DIGEST_MODULO: i64 = 64;
    pub(super) const KEY: i64 = 80;
    pub(super) const BIN: i64 = 81;
    pub(super) const BIN_TYPE: i64 = 82;
    pub(super) const LOOP_VARIABLE: i64 = 122;
    pub(super) const COND: i64 = 123;
    pub(super) const VARIABLE: i64 = 124;
    pub(super) const LET: i64 = 125;
    pub(super) const QUOTE: i64 = 126;
    pub(super) const CALL: i64 = 127;
}

pub(super) fn expression(bytes: &[u8], in_path: bool) -> Result<Expression> {
    if bytes.len() > SIZE_MAX {
        return Err(wrong(format!("{} bytes; at most {SIZE_MAX} are allowed", bytes.len())));
    }
    let mut reader = Reader::new(bytes);
    let mut decoder =
        Decoder { depth: 0, calls: 0, variables: Vec::new(), in_path, of_content: true };
    let (root, result) = decoder.node(&mut reader)?;
    reader.finish()?;
    Ok(Expression { root, result, of_content: decoder.of_content })
}

/// A node and what it gives.
pub(super) type Typed = (Node, Type);

/// What is around the node that is being decoded.
pub(super) struct Decoder {
    depth: usize,
    /// Calls and regular expressions so far.
    calls: usize,
    /// Names of variables that are known here, the outermost first.
    variables: Vec<(Vec<u8>, Type)>,
    /// Whether the expression is one inside a path, where no other path may begin.
    pub(super) in_path: bool,
    /// Whether nothing so far is about the record's size or its times.
    of_content: bool,
}

impl Decoder {
    pub(super) fn node(&mut self, reader: &mut Reader) -> Result<Typed> {
        if reader.peek()? != Kind::List {
            return reader.arg().map(literal);
        }
        if self.depth == DEPTH_MAX {
            return Err(wrong(format!("a nesting of more than {DEPTH_MAX} operations")));
        }
        self.depth += 1;
        let node = self.operation(reader);
        self.depth -= 1;
        node
    }

    fn operation(&mut self, reader: &mut Reader) -> Result<Typed> {
        let Some(count) = reader.list_header()?.checked_sub(1) else {
            return Err(wrong("an empty list; a list is quoted".into()));
        };
        let operation = reader.integer()?;
        let need = |wanted: usize| arity(operation, count, count == wanted);
        match operation {
            code::REGEX => {
                need(3)?;
                self.count_call()?;
                let (flags, pattern) = (reader.integer()?, text(reader.raw()?)?);
                let compiled = regex::compile(pattern, flags)?;
                let subject = self.wanted(reader, operation, Type::String)?;
                Ok((Node::Regex(compiled, Box::new(subject)), Type::Bool))
            }
            code::DIGEST_MODULO => {
                need(1)?;
                match reader.integer()? {
                    modulo @ 1.. => Ok((Node::DigestModulo(modulo), Type::Integer)),
                    modulo => Err(wrong(format!("a digest modulo {modulo}"))),
                }
            }
            code::KEY => {
                need(1)?;
                let wanted = result_type(reader)?;
                Ok((Node::Key(wanted), wanted))
            }
            code::BIN => {
                need(2)?;
                let wanted = result_type(reader)?;
                Ok((Node::Bin(wanted, text(reader.raw()?)?.into()), wanted))
            }
            code::BIN_TYPE => {
                need(1)?;
                Ok((Node::BinType(text(reader.raw()?)?.into()), Type::Integer))
            }
            code::LOOP_VARIABLE => {
                need(2)?;
                let wanted = result_type(reader)?;
                Ok((Node::Loop(wanted, part(reader.integer()?)?), wanted))
            }
            code::COND => {
                arity(operation, count, count >= 3 && count % 2 == 1)?;
                self.cond(reader, count)
            }
            code::VARIABLE => {
                need(1)?;
                self.variable(reader.raw()?)
            }
            code::LET => {
                arity(operation, count, count % 2 == 1)?;
                self.variables_in(reader, count / 2)
            }
            code::QUOTE => {
                need(1)?;
                reader.arg().map(literal)
            }
            code::CALL => {
                need(4)?;
                self.count_call()?;
                call::decode(self, reader)
            }
            _ => match field(operation) {
                Some((field, given)) => {
                    need(0)?;
                    self.of_content &= matches!(field, Field::SetName | Field::KeyExists);
                    Ok((Node::Meta(field), given))
                }
                None => self.plain(reader, operation, count),
            },
        }
    }

    /// An operation whose arguments are all expressions.
    fn plain(&mut self, reader: &mut Reader, operation: i64, count: usize) -> Result<Typed> {
        let mut arguments = Vec::with_capacity(count.min(DEPTH_MAX));
        for _ in 0..count {
            arguments.push(self.node(reader)?);
        }
        checked(operation, arguments)
    }

    fn cond(&mut self, reader: &mut Reader, count: usize) -> Result<Typed> {
        let mut branches = Vec::new();
        let mut result = Type::Any;
        for _ in 0..count / 2 {
            let test = self.wanted(reader, code::COND, Type::Bool)?;
            let action = self.action(reader, &mut result)?;
            branches.push((test, action));
        }
        let otherwise = self.action(reader, &mut result)?;
        Ok((Node::Cond(branches, Box::new(otherwise)), result))
    }

    /// A branch of a `cond`, which gives what the others give.
    fn action(&mut self, reader: &mut Reader, result: &mut Type) -> Result<Node> {
        let (action, given) = self.node(reader)?;
        if !given.fits(*result) {
            return Err(ill_typed(code::COND, given, *result));
        }
        if *result == Type::Any {
            *result = given;
        }
        Ok(action)
    }

    fn variable(&self, name: &[u8]) -> Result<Typed> {
        let found = self.variables.iter().rposition(|(known, _)| known == name);
        let place = found.ok_or_else(|| {
            wrong(format!("a variable {:?} that no let defines", String::from_utf8_lossy(name)))
        })?;
        Ok((Node::Variable(place), self.variables[place].1))
    }

    /// Each definition sees those before it.
    fn variables_in(&mut self, reader: &mut Reader, count: usize) -> Result<Typed> {
        let outside = self.variables.len();
        let mut definitions = Vec::new();
        for _ in 0..count {
            let name = reader.raw()?.to_vec();
            let (definition, given) = self.node(reader)?;
            definitions.push(definition);
            self.variables.push((name, given));
        }
        let (scope, given) = self.node(reader)?;
        self.variables.truncate(outside);
        Ok((Node::Let(definitions, Box::new(scope)), given))
    }

    fn wanted(&mut self, reader: &mut Reader, operation: i64, wanted: Type) -> Result<Node> {
        let (node, given) = self.node(reader)?;
        if given.fits(wanted) { Ok(node) } else { Err(ill_typed(operation, given, wanted)) }
    }

    fn count_call(&mut self) -> Result<()> {
        self.calls += 1;
        if self.calls <= CALLS_MAX {
            return Ok(());
        }
        Err(wrong(format!("more than {CALLS_MAX} calls and regular expressions")))
    }
}

fn literal(arg: Arg) -> Typed {
    match arg {
        Arg::Value(value) => {
            let given = Type::of(&value);
            (Node::Literal(value), given)
        }
        list @ Arg::List(_) => (Node::Pattern(list), Type::List),
        other => (Node::Pattern(other), Type::Any),
    }
}

/// A node of an operation whose arguments are expressions, if they fit it.
fn checked(operation: i64, arguments: Vec<Typed>) -> Result<Typed> {
    let count = arguments.len();
    let (nodes, types): (Vec<Node>, Vec<Type>) = arguments.into_iter().unzip();
    let exactly = |wanted: usize| arity(operation, count, count == wanted);
    let some = || arity(operation, count, count > 0);
    let all = |wanted: Type| match types.iter().find(|given| !given.fits(wanted)) {
        Some(given) => Err(ill_typed(operation, *given, wanted)),
        None => Ok(()),
    };
    if let Some(how) = comparison(operation) {
        exactly(2)?;
        let nil = types.contains(&Type::Nil);
        if !nil && !types[0].fits(types[1]) {
            return Err(ill_typed(operation, types[1], types[0]));
        }
        return Ok((Node::Compare(how, pair(operation, nodes)?), Type::Bool));
    }
    if let Some(what) = arithmetic(operation) {
        some()?;
        let given = computed_type(operation, what, &types)?;
        return Ok((Node::Compute(what, nodes), given));
    }
    let node = match operation {
        0 => {
            exactly(0)?;
            return Ok((Node::Unknown, Type::Any));
        }
        8 => {
            exactly(2)?;
            all(Type::GeoJson)?;
            Node::Geo(pair(operation, nodes)?)
        }
        9 => {
            exactly(2)?;
            if !types[1].fits(Type::List) {
                return Err(ill_typed(operation, types[1], Type::List));
            }
            Node::InList(pair(operation, nodes)?)
        }
        16..=19 => {
            some()?;
            all(Type::Bool)?;
            match operation {
                16 => Node::And(nodes),
                17 => Node::Or(nodes),
                18 => Node::Not(only(operation, nodes)?),
                _ => Node::Exclusive(nodes),
            }
        }
        100 => {
            exactly(0)?;
            return Ok((Node::Remove, Type::Any));
        }
        101 | 102 => {
            exactly(1)?;
            all(Type::Map)?;
            let map = only(operation, nodes)?;
            let node = if operation == 101 { Node::MapKeys(map) } else { Node::MapValues(map) };
            return Ok((node, Type::List));
        }
        other => return Err(wrong(format!("an operation {other}, which there is not"))),
    };
    Ok((node, Type::Bool))
}

fn pair(operation: i64, nodes: Vec<Node>) -> Result<Box<[Node; 2]>> {
    let count = nodes.len();
    nodes.try_into().map(Box::new).map_err(|_| wrong_arity(operation, count))
}

fn only(operation: i64, mut nodes: Vec<Node>) -> Result<Box<Node>> {
    match (nodes.pop(), nodes.len()) {
        (Some(node), 0) => Ok(Box::new(node)),
        (_, more) => Err(wrong_arity(operation, more + 1)),
    }
}

/// What a computation gives, if its arguments are numbers that it takes, all of one type.
fn computed_type(operation: i64, what: Arithmetic, types: &[Type]) -> Result<Type> {
    use Arithmetic::*;
    let (least, most) = match what {
        Absolute | Floor | Ceiling | ToInteger | ToDouble | Not | Count => (1, 1),
        Power | Logarithm | Modulo | ShiftLeft | ShiftRight | ShiftRightSigned => (2, 2),
        FindFirst | FindLast => (2, 2),
        _ => (1, usize::MAX),
    };
    arity(operation, types.len(), (least..=most).contains(&types.len()))?;
    let (wanted, numbers) = match what {
        Power | Logarithm | Floor | Ceiling | ToInteger => (Type::Double, types),
        Modulo | And | Or | Xor | Not | ShiftLeft | ShiftRight | ShiftRightSigned | Count
        | ToDouble => (Type::Integer, types),
        FindFirst | FindLast => {
            if !types[1].fits(Type::Bool) {
                return Err(ill_typed(operation, types[1], Type::Bool));
            }
            (Type::Integer, &types[..1])
        }
        _ => {
            let first = types.iter().find(|given| **given != Type::Any).copied();
            match first {
                Some(Type::Integer | Type::Double) | None => (first.unwrap_or(Type::Any), types),
                Some(other) => return Err(ill_typed(operation, other, Type::Integer)),
            }
        }
    };
    if let Some(given) = numbers.iter().find(|given| !given.fits(wanted)) {
        return Err(ill_typed(operation, *given, wanted));
    }
    Ok(match what {
        ToInteger => Type::Integer,
        ToDouble => Type::Double,
        _ => wanted,
    })
}

fn comparison(operation: i64) -> Option<Comparison> {
    Some(match operation {
        1 => Comparison::Equal,
        2 => Comparison::NotEqual,
        3 => Comparison::Greater,
        4 => Comparison::GreaterOrEqual,
        5 => Comparison::Less,
        6 => Comparison::LessOrEqual,
        _ => return None,
    })
}

fn arithmetic(operation: i64) -> Option<Arithmetic> {
    Some(match operation {
        20 => Arithmetic::Add,
        21 => Arithmetic::Subtract,
        22 => Arithmetic::Multiply,
        23 => Arithmetic::Divide,
        24 => Arithmetic::Power,
        25 => Arithmetic::Logarithm,
        26 => Arithmetic::Modulo,
        27 => Arithmetic::Absolute,
        28 => Arithmetic::Floor,
        29 => Arithmetic::Ceiling,
        30 => Arithmetic::ToInteger,
        31 => Arithmetic::ToDouble,
        32 => Arithmetic::And,
        33 => Arithmetic::Or,
        34 => Arithmetic::Xor,
        35 => Arithmetic::Not,
        36 => Arithmetic::ShiftLeft,
        37 => Arithmetic::ShiftRight,
        38 => Arithmetic::ShiftRightSigned,
        39 => Arithmetic::Count,
        40 => Arithmetic::FindFirst,
        41 => Arithmetic::FindLast,
        50 => Arithmetic::Minimum,
        51 => Arithmetic::Maximum,
        _ => return None,
    })
}

fn field(operation: i64) -> Option<(Field, Type)> {
    Some(match operation {
        65 | 74 => (Field::Size, Type::Integer),
        66 => (Field::LastUpdate, Type::Integer),
        67 => (Field::SinceUpdate, Type::Integer),
        68 => (Field::VoidTime, Type::Integer),
        69 => (Field::TimeToLive, Type::Integer),
        70 => (Field::SetName, Type::String),
        71 => (Field::KeyExists, Type::Bool),
        72 => (Field::IsTombstone, Type::Bool),
        73 => (Field::MemorySize, Type::Integer),
        _ => return None,
    })
}

fn part(number: i64) -> Result<Part> {
    match number {
        0 => Ok(Part::Key),
        1 => Ok(Part::Value),
        2 => Ok(Part::Index),
        other => Err(wrong(format!("part {other} of a loop variable"))),
    }
}

/// The type that an expression says it gives.
pub(super) fn result_type(reader: &mut Reader) -> Result<Type> {
    let number = reader.integer()?;
    Type::from_number(number).ok_or_else(|| wrong(format!("a type {number}, which there is not")))
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| wrong(format!("a text that is not UTF-8: {error}")))
}

fn arity(operation: i64, count: usize, right: bool) -> Result<()> {
    if right { Ok(()) } else { Err(wrong_arity(operation, count)) }
}

fn wrong_arity(operation: i64, count: usize) -> Error {
    wrong(format!("operation {operation} with {count} arguments"))
}

fn ill_typed(operation: i64, given: Type, wanted: Type) -> Error {
    wrong(format!("a {given:?} where operation {operation} takes a {wanted:?}"))
}

pub(super) fn wrong(detail: String) -> Error {
    Error::new(ErrorKind::Parameter, format!("the expression has {detail}"))
}
