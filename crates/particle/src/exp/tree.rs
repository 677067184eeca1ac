//! An expression as it is evaluated: checked once, when it was decoded.

use model::msgpack::Arg;
use model::{Value, ValueType};
use regex::Regex;

use super::call::Call;

/// What an expression gives. The protocol's numbers are the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Nil.
    Nil,
    /// True or false.
    Bool,
    /// 64-bit integer.
    Integer,
    /// Text.
    String,
    /// List.
    List,
    /// Map.
    Map,
    /// Bytes.
    Blob,
    /// 64-bit double.
    Double,
    /// GeoJSON.
    GeoJson,
    /// Sketch.
    Hll,
    /// Not known before a record is there, or of no value: unknown, remove, infinity, wildcard.
    Any,
}

impl Type {
    const BY_NUMBER: [Type; 10] = [
        Type::Nil,
        Type::Bool,
        Type::Integer,
        Type::String,
        Type::List,
        Type::Map,
        Type::Blob,
        Type::Double,
        Type::GeoJson,
        Type::Hll,
    ];

    pub(super) fn from_number(number: i64) -> Option<Type> {
        usize::try_from(number).ok().and_then(|at| Type::BY_NUMBER.get(at)).copied()
    }

    pub(super) fn of(value: &Value) -> Type {
        match value.value_type() {
            ValueType::Nil => Type::Nil,
            ValueType::Bool => Type::Bool,
            ValueType::Integer => Type::Integer,
            ValueType::Double => Type::Double,
            ValueType::String => Type::String,
            ValueType::Blob => Type::Blob,
            ValueType::Hll => Type::Hll,
            ValueType::Map => Type::Map,
            ValueType::List => Type::List,
            ValueType::GeoJson => Type::GeoJson,
        }
    }

    /// Whether something of this type may stand where `wanted` is needed.
    pub(super) fn fits(self, wanted: Type) -> bool {
        self == wanted || self == Type::Any || wanted == Type::Any
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// What is computed from numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Logarithm,
    Modulo,
    Absolute,
    Floor,
    Ceiling,
    ToInteger,
    ToDouble,
    And,
    Or,
    Xor,
    Not,
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    Count,
    FindFirst,
    FindLast,
    Minimum,
    Maximum,
}

/// What of a record's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Size,
    MemorySize,
    LastUpdate,
    SinceUpdate,
    VoidTime,
    TimeToLive,
    SetName,
    KeyExists,
    IsTombstone,
}

/// Which part of the element that a path has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
    Index,
}

/// One node of the tree.
#[derive(Debug)]
pub(super) enum Node {
    Unknown,
    Literal(Value),
    /// A literal that is no value, or a list with one in it.
    Pattern(Arg),
    Compare(Comparison, Box<[Node; 2]>),
    Regex(Regex, Box<Node>),
    Geo(Box<[Node; 2]>),
    InList(Box<[Node; 2]>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Exclusive(Vec<Node>),
    Compute(Arithmetic, Vec<Node>),
    DigestModulo(i64),
    Meta(Field),
    Key(Type),
    Bin(Type, String),
    BinType(String),
    Remove,
    MapKeys(Box<Node>),
    MapValues(Box<Node>),
    Loop(Type, Part),
    Cond(Vec<(Node, Node)>, Box<Node>),
    /// The variable at this place, counted from the outermost `let`.
    Variable(usize),
    Let(Vec<Node>, Box<Node>),
    Call(Box<Call>),
}
