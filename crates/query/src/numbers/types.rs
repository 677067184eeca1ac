//! Number types and the order of promotion among them.

use datafusion::arrow::datatypes::DataType;

/// A number type of PostgreSQL. In ascending order: where values of two types come together, as in
/// CASE or UNION, the result has the higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Int2,
    Int4,
    Int8,
    Numeric,
    Float4,
    Float8,
}

use Kind::{Float4, Float8, Int2, Int4, Int8, Numeric};

impl Kind {
    /// The number type that an Arrow type is, if it is one.
    pub(crate) fn of(data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Int2,
            DataType::UInt16 | DataType::Int32 => Int4,
            DataType::UInt32 | DataType::UInt64 | DataType::Int64 => Int8,
            DataType::Float16 | DataType::Float32 => Float4,
            DataType::Float64 => Float8,
            DataType::LargeBinary => Numeric,
            t if t.is_decimal() => Numeric,
            _ => return None,
        })
    }

    /// Its Arrow type.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Int2 => DataType::Int16,
            Int4 => DataType::Int32,
            Int8 => DataType::Int64,
            Numeric => DataType::LargeBinary,
            Float4 => DataType::Float32,
            Float8 => DataType::Float64,
        }
    }

    /// PostgreSQL's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Int2 => "smallint",
            Int4 => "integer",
            Int8 => "bigint",
            Numeric => "numeric",
            Float4 => "real",
            Float8 => "double precision",
        }
    }

    pub(crate) fn is_integer(self) -> bool {
        self <= Int8
    }

    pub(crate) fn is_float(self) -> bool {
        self >= Float4
    }

    /// The type that an operator between these two computes in.
    pub(crate) fn operated(self, other: Kind) -> Kind {
        match self.max(other) {
            Float4 if self != other => Float8,
            higher => higher,
        }
    }
}
