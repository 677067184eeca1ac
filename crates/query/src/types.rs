//! Column types as Arrow fields, and Arrow fields as types on the Postgres wire.
//!
//! What Arrow cannot tell apart stands in a field's metadata under [`PG_TYPE`]: `jsonb` and
//! `geojson` are Utf8, `uuid` is FixedSizeBinary(16), `hll` is Binary, `name`, `"char"` and
//! other texts of the catalogue are Utf8, `oid` and the `reg*` types are Int64. LargeBinary is
//! `numeric` (see `numbers`).

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use model::ColumnType;

use crate::catalog;

/// Key of a field's metadata that names its PostgreSQL type.
pub const PG_TYPE: &str = "pg_type";
/// Key of a field's metadata that holds its PostgreSQL type modifier.
pub const PG_TYPMOD: &str = "pg_typmod";

/// Types whose values are OIDs and print as the name of what has it.
pub(crate) const REGISTERED: [&str; 6] =
    ["regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"];

/// The Arrow type that values of a column have.
pub(crate) fn data_type(column_type: ColumnType) -> DataType {
    use ColumnType::*;
    match column_type {
        Int2 => DataType::Int16,
        Int4 => DataType::Int32,
        Int8 => DataType::Int64,
        Float4 => DataType::Float32,
        Float8 => DataType::Float64,
        Text | Varchar(_) | Jsonb | GeoJson => DataType::Utf8,
        Bytea | Hll => DataType::Binary,
        Bool => DataType::Boolean,
        Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Date => DataType::Date32,
        Numeric { .. } => DataType::LargeBinary,
        Uuid => DataType::FixedSizeBinary(16),
        Int8Array => list(DataType::Int64),
        Float8Array => list(DataType::Float64),
        TextArray => list(DataType::Utf8),
        BoolArray => list(DataType::Boolean),
    }
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// The Arrow field of a column.
pub(crate) fn field(name: &str, column_type: ColumnType) -> Field {
    use ColumnType::*;
    let mark = match column_type {
        Text => Some("text"),
        Jsonb => Some("jsonb"),
        GeoJson => Some("geojson"),
        Hll => Some("hll"),
        Uuid => Some("uuid"),
        Varchar(_) => Some("varchar"),
        _ => None,
    };
    let mut metadata = HashMap::new();
    if let Some(mark) = mark {
        metadata.insert(PG_TYPE.to_string(), mark.to_string());
    }
    let typmod = typmod(column_type);
    if typmod != -1 {
        metadata.insert(PG_TYPMOD.to_string(), typmod.to_string());
    }
    Field::new(name, data_type(column_type), true).with_metadata(metadata)
}

/// PostgreSQL's type modifier of a column type, or -1.
pub(crate) fn typmod(column_type: ColumnType) -> i32 {
    match column_type {
        ColumnType::Varchar(Some(n)) => n as i32 + 4,
        ColumnType::Numeric { precision, scale } if precision > 0 => {
            (i32::from(precision) << 16 | i32::from(scale)) + 4
        }
        _ => -1,
    }
}

/// The OID that a column type has on the wire.
pub(crate) fn column_oid(column_type: ColumnType) -> u32 {
    field_oid(&field("", column_type))
}

/// The OID of the PostgreSQL type that a column of this field has on the wire.
pub fn field_oid(field: &Field) -> u32 {
    mark(field).and_then(marked_oid).unwrap_or_else(|| data_type_oid(field.data_type()))
}

/// The type that a field's metadata names, unless its Arrow type cannot be that: DataFusion's own
/// casts keep the metadata of what they cast.
pub(crate) fn mark(field: &Field) -> Option<&str> {
    let mark = field.metadata().get(PG_TYPE)?;
    let data_type = field.data_type();
    let fits = match mark.as_str() {
        "uuid" => data_type == &DataType::FixedSizeBinary(16),
        "hll" => matches!(data_type, DataType::Binary | DataType::BinaryView),
        "oid" | "xid" => data_type == &DataType::Int64,
        "int2vector" | "oidvector" => data_type.is_nested(),
        // A struct is what the wire gets: number and name.
        _ if REGISTERED.contains(&mark.as_str()) => {
            matches!(data_type, DataType::Int64 | DataType::Struct(_))
        }
        _ if mark.ends_with("[]") => data_type.is_nested(),
        _ => matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    };
    fits.then_some(mark)
}

/// The `reg*` type of a field's values, if it is one.
pub(crate) fn registered(field: &Field) -> Option<&str> {
    mark(field).filter(|mark| REGISTERED.contains(mark))
}

/// Whether a field's values are vectors, whose elements are counted from 0.
pub(crate) fn is_vector(field: &Field) -> bool {
    matches!(mark(field), Some("int2vector" | "oidvector"))
}

/// The type modifier of a field, or -1.
pub(crate) fn field_typmod(field: &Field) -> i32 {
    let sized = field.data_type() == &DataType::LargeBinary || mark(field) == Some("varchar");
    let typmod = field.metadata().get(PG_TYPMOD).filter(|_| sized);
    typmod.and_then(|text| text.parse().ok()).unwrap_or(-1)
}

/// Precision and scale of a numeric that declares them.
pub(crate) fn numeric_limits(field: &Field) -> Option<(u8, u8)> {
    let bits = field_typmod(field).checked_sub(4).filter(|bits| *bits > 0)?;
    let numeric = field.data_type() == &DataType::LargeBinary;
    numeric.then_some(((bits >> 16) as u8, (bits & 0xff) as u8))
}

fn marked_oid(mark: &str) -> Option<u32> {
    Some(match mark {
        "geojson" => 3802,
        "hll" => 17,
        other => return catalog::type_named(other),
    })
}

fn data_type_oid(data_type: &DataType) -> u32 {
    match data_type {
        DataType::Boolean => 16,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => 21,
        DataType::Int32 | DataType::UInt16 => 23,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => 20,
        DataType::Float16 | DataType::Float32 => 700,
        DataType::Float64 => 701,
        DataType::LargeBinary => 1700,
        DataType::Binary | DataType::BinaryView => 17,
        DataType::FixedSizeBinary(16) => 2950,
        DataType::FixedSizeBinary(_) => 17,
        DataType::Date32 | DataType::Date64 => 1082,
        DataType::Time32(_) | DataType::Time64(_) => 1083,
        DataType::Timestamp(_, None) => 1114,
        DataType::Timestamp(_, Some(_)) => 1184,
        DataType::Interval(_) | DataType::Duration(_) => 1186,
        t if t.is_decimal() => 1700,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            array_oid(data_type_oid(item.data_type()))
        }
        DataType::Dictionary(_, value) => data_type_oid(value),
        DataType::Struct(_) => 2249,
        _ => 25,
    }
}

fn array_oid(element: u32) -> u32 {
    match element {
        16 => 1000,
        17 => 1001,
        20 => 1016,
        21 => 1005,
        23 => 1007,
        700 => 1021,
        701 => 1022,
        1082 => 1182,
        1114 => 1115,
        1184 => 1185,
        1700 => 1231,
        2249 => 2287,
        2950 => 2951,
        _ => 1009,
    }
}

/// The column type whose values a field's cells are.
pub fn column_type(field: &Field) -> ColumnType {
    use ColumnType::*;
    match mark(field) {
        Some("jsonb" | "json") => return Jsonb,
        Some("geojson") => return GeoJson,
        Some("hll") => return Hll,
        _ => {}
    }
    match field.data_type() {
        DataType::Boolean => Bool,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Int2,
        DataType::Int32 | DataType::UInt16 => Int4,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Int8,
        DataType::Float16 | DataType::Float32 => Float4,
        DataType::Float64 => Float8,
        DataType::Binary | DataType::BinaryView => Bytea,
        DataType::FixedSizeBinary(16) => Uuid,
        DataType::Date32 | DataType::Date64 => Date,
        DataType::Timestamp(_, None) => Timestamp,
        DataType::Timestamp(_, Some(_)) => Timestamptz,
        DataType::LargeBinary => {
            let (precision, scale) = numeric_limits(field).unwrap_or((0, 0));
            Numeric { precision, scale }
        }
        t if t.is_decimal() => Numeric { precision: 0, scale: 0 },
        DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
            DataType::Boolean => BoolArray,
            t if t.is_integer() => Int8Array,
            t if t.is_floating() => Float8Array,
            _ => TextArray,
        },
        _ => Text,
    }
}

/// PostgreSQL's name of the type of a field, for messages.
pub(crate) fn type_name(field: &Field) -> String {
    column_type(field).to_string()
}

/// PostgreSQL's name of an Arrow type that nothing else is known of, for messages.
pub(crate) fn data_type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_string(),
        other => type_name(&Field::new("", other.clone(), true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_types_survive_as_fields() {
        use ColumnType::*;
        let sized = Numeric { precision: 10, scale: 2 };
        for t in [Int2, Int8, Float4, Text, Bytea, Bool, Jsonb, Timestamptz, Date, sized, Uuid] {
            assert_eq!(column_type(&field("c", t)), t);
        }
        assert_eq!(column_oid(Varchar(Some(7))), 1043);
        assert_eq!(field_typmod(&field("c", Varchar(Some(7)))), 11);
        assert_eq!(column_oid(TextArray), 1009);
    }
}
