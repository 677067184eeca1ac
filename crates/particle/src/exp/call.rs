//! Calls of operations on lists, maps, bits and sketches.
//!
//! A call is `[127, result type, module, [operation, argument ..], subject]`, where the operation may
//! be one in a context, `[255, context, [operation, argument ..]]`. Arguments are expressions, but for
//! those of an operation with a path, which stay as they are; where all are values, the operation is
//! made once, when the call is decoded, and is checked there. An operation that fails makes the call
//! unknown, and so does a result of another type than the call says.

use model::msgpack::{self, Arg, Reader};
use model::{ErrorKind, Result, Value};

use super::decode::{Decoder, Typed, result_type, wrong};
use super::evaluate::{Computed, Evaluation, length, weight};
use super::tree::{Node, Type};
use crate::arguments::IN_CONTEXT;
use crate::{bits, cdt, hll};

/// Modules of operations; the protocol adds 64 for those that modify.
const LISTS_AND_MAPS: i64 = 0;
const BITS: i64 = 1;
const HLL: i64 = 2;
const MODIFY: i64 = 64;
/// The operation on lists and maps that has a path.
const WITH_PATH: i64 = 254;

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) result: Type,
    module: Module,
    request: Request,
    subject: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Module {
    CdtRead,
    CdtEdit,
    BitRead,
    BitEdit,
    HllRead,
    HllEdit,
}

#[derive(Debug)]
enum Request {
    /// Made of values alone.
    Ready(Operation),
    /// Made anew in each evaluation.
    Open(Header, Vec<Node>),
}

/// Where an operation happens, and which it is.
#[derive(Debug)]
struct Header {
    /// The context, as it came.
    context: Option<Vec<u8>>,
    number: i64,
}

#[derive(Debug)]
enum Operation {
    CdtRead(Vec<u8>),
    CdtEdit(Vec<u8>),
    BitRead(bits::Read),
    BitEdit(bits::Edit),
    HllRead(hll::Read),
    HllEdit(hll::Edit),
}

impl Module {
    fn of(number: i64) -> Result<Module> {
        let edits = number & MODIFY != 0;
        Ok(match (number & !MODIFY, edits) {
            (LISTS_AND_MAPS, false) => Module::CdtRead,
            (LISTS_AND_MAPS, true) => Module::CdtEdit,
            (BITS, false) => Module::BitRead,
            (BITS, true) => Module::BitEdit,
            (HLL, false) => Module::HllRead,
            (HLL, true) => Module::HllEdit,
            _ => return Err(wrong(format!("a call of module {number}, which there is not"))),
        })
    }

    fn operation(self, header: &Header, arguments: Vec<Arg>) -> Result<Operation> {
        let number = header.number;
        if matches!(self, Module::CdtRead | Module::CdtEdit) {
            let payload = payload(header, &arguments);
            cdt::check(&payload, self == Module::CdtEdit)?;
            return Ok(match self {
                Module::CdtRead => Operation::CdtRead(payload),
                _ => Operation::CdtEdit(payload),
            });
        }
        if header.context.is_some() {
            return Err(wrong("a context, but calls of this module have none".into()));
        }
        let values: Option<Vec<Value>> = arguments.into_iter().map(Arg::into_value).collect();
        let values = values.ok_or_else(|| wrong("infinity or wildcard in a call".into()))?;
        Ok(match self {
            Module::BitRead => Operation::BitRead(bits::Read::decode(number, &values)?),
            Module::BitEdit => Operation::BitEdit(bits::Edit::decode(number, &values)?),
            Module::HllRead => Operation::HllRead(hll::Read::decode(number, &values)?),
            _ => Operation::HllEdit(hll::Edit::decode(number, &values)?),
        })
    }

    /// An operation with a path: its arguments stay as they came.
    fn with_path(
        self,
        decoder: &Decoder,
        header: &Header,
        count: usize,
        reader: &mut Reader,
    ) -> Result<Operation> {
        let lists_and_maps = matches!(self, Module::CdtRead | Module::CdtEdit);
        if decoder.in_path || header.context.is_some() || !lists_and_maps {
            return Err(wrong("a path inside a path or a context, or of another module".into()));
        }
        let mut payload = Vec::new();
        msgpack::put_list_header(&mut payload, count + 1);
        msgpack::put_integer(&mut payload, WITH_PATH);
        for _ in 0..count {
            payload.extend_from_slice(reader.element()?);
        }
        let edits = self == Module::CdtEdit;
        cdt::check(&payload, edits)?;
        Ok(if edits { Operation::CdtEdit(payload) } else { Operation::CdtRead(payload) })
    }

    fn edits(self) -> bool {
        matches!(self, Module::CdtEdit | Module::BitEdit | Module::HllEdit)
    }

    /// Whether the operations work on something of this type. On nil those that modify make it.
    fn works_on(self, subject: Type) -> bool {
        match self {
            Module::CdtRead | Module::CdtEdit => {
                subject.fits(Type::List) || subject == Type::Map || subject == Type::Nil
            }
            Module::BitRead | Module::BitEdit => subject.fits(Type::Blob) || subject == Type::Nil,
            Module::HllRead | Module::HllEdit => subject.fits(Type::Hll) || subject == Type::Nil,
        }
    }
}

/// An operation on a list or a map as it travels.
fn payload(header: &Header, arguments: &[Arg]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(context) = &header.context {
        msgpack::put_list_header(&mut out, 3);
        msgpack::put_integer(&mut out, IN_CONTEXT);
        out.extend_from_slice(context);
    }
    msgpack::put_list_header(&mut out, arguments.len() + 1);
    msgpack::put_integer(&mut out, header.number);
    arguments.iter().for_each(|argument| msgpack::put_arg(&mut out, argument));
    out
}

pub(super) fn decode(decoder: &mut Decoder, reader: &mut Reader) -> Result<Typed> {
    let result = result_type(reader)?;
    let module = Module::of(reader.integer()?)?;
    let (header, count) = header(reader)?;
    if header.number == WITH_PATH {
        let request = Request::Ready(module.with_path(decoder, &header, count, reader)?);
        return call(decoder, reader, result, module, request);
    }
    let mut arguments = Vec::new();
    for _ in 0..count {
        arguments.push(decoder.node(reader)?.0);
    }
    let constants: Option<Vec<Arg>> = arguments.iter().map(constant).collect();
    let request = match constants {
        Some(values) => Request::Ready(module.operation(&header, values)?),
        None => Request::Open(header, arguments),
    };
    call(decoder, reader, result, module, request)
}

/// The call, whose subject comes next.
fn call(
    decoder: &mut Decoder,
    reader: &mut Reader,
    result: Type,
    module: Module,
    request: Request,
) -> Result<Typed> {
    let (subject, given) = decoder.node(reader)?;
    if !module.works_on(given) {
        return Err(wrong(format!("a call of {module:?} on a {given:?}")));
    }
    Ok((Node::Call(Box::new(Call { result, module, request, subject })), result))
}

/// The front of an operation, and how many arguments follow.
fn header(reader: &mut Reader) -> Result<(Header, usize)> {
    let front = |reader: &mut Reader| match reader.list_header()?.checked_sub(1) {
        Some(count) => Ok((reader.integer()?, count)),
        None => Err(wrong("a call without an operation".into())),
    };
    match front(reader)? {
        (IN_CONTEXT, 2) => {
            let context = Some(reader.element()?.to_vec());
            let (number, count) = front(reader)?;
            Ok((Header { context, number }, count))
        }
        (number, count) => Ok((Header { context: None, number }, count)),
    }
}

fn constant(node: &Node) -> Option<Arg> {
    match node {
        Node::Literal(value) => Some(Arg::Value(value.clone())),
        Node::Pattern(arg) => Some(arg.clone()),
        _ => None,
    }
}

/// The call's result; `None` if it is unknown.
pub(super) fn run<'a>(evaluation: &mut Evaluation<'a>, call: &'a Call) -> Option<Value> {
    let subject = match evaluation.run(&call.subject) {
        Computed::Unknown => return None,
        subject => subject,
    };
    // What modifies copies its subject.
    let cost = if call.module.edits() { weight } else { length };
    evaluation.spend(subject.value().map_or(1, cost)).then_some(())?;
    let result = match &call.request {
        Request::Ready(operation) => operation.run(subject, evaluation.steps()),
        Request::Open(header, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(evaluated(evaluation, argument)?);
            }
            call.module.operation(header, values).ok()?.run(subject, evaluation.steps())
        }
    };
    let made = result.ok()??;
    evaluation.spend(weight(&made)).then_some(made)
}

fn evaluated<'a>(evaluation: &mut Evaluation<'a>, argument: &'a Node) -> Option<Arg> {
    match evaluation.run(argument) {
        Computed::Pattern(arg) => Some(arg.clone()),
        other => {
            let value = other.into_value()?;
            evaluation.spend(length(&value)).then_some(Arg::Value(value))
        }
    }
}

impl Operation {
    /// The answer of a read, the subject after an edit. Nil is no subject.
    fn run(&self, subject: Computed, steps: &mut u64) -> Result<Option<Value>> {
        let there = subject.value().filter(|value| **value != Value::Nil);
        match (self, there) {
            (Operation::CdtRead(payload), there) => {
                Ok(cdt::read_within(there, payload, steps)?.map(cdt::Answer::into_value))
            }
            (Operation::CdtEdit(payload), None) => {
                Ok(cdt::modify_within(None, payload, steps)?.bin)
            }
            (Operation::CdtEdit(payload), Some(_)) => {
                Ok(cdt::modify_within(subject.into_value(), payload, steps)?.bin)
            }
            (Operation::BitRead(read), Some(Value::Blob(bytes))) => read.on(bytes).map(Some),
            (Operation::BitEdit(edit), Some(Value::Blob(bytes))) => {
                Ok(Some(Value::Blob(edit.on(Some(bytes))?.unwrap_or_else(|| bytes.clone()))))
            }
            (Operation::BitEdit(edit), None) => Ok(edit.on(None)?.map(Value::Blob)),
            (Operation::HllRead(read), Some(Value::Hll(bytes))) => {
                read.on(&hll::Sketch::from_bytes(bytes)?).map(Some)
            }
            (Operation::HllEdit(edit), Some(Value::Hll(bytes))) => {
                let sketch = edit.on(Some(hll::Sketch::from_bytes(bytes)?))?;
                let bytes = sketch.map_or_else(|| bytes.clone(), |(it, _)| it.into_bytes());
                Ok(Some(Value::Hll(bytes)))
            }
            (Operation::HllEdit(edit), None) => {
                Ok(edit.on(None)?.map(|(sketch, _)| Value::Hll(sketch.into_bytes())))
            }
            (Operation::BitRead(_) | Operation::HllRead(_), None) => Ok(None),
            (_, Some(other)) => {
                let detail = format!("a call on a {}", other.value_type());
                Err(model::Error::new(ErrorKind::BinType, detail))
            }
        }
    }
}
