//! PostgreSQL's types by OID, and which of them a [`ColumnType`] is on the wire.

use model::ColumnType;

/// OIDs of built-in types, as `pg_type` numbers them.
#[allow(missing_docs)]
pub mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const NAME: u32 = 19;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT2VECTOR: u32 = 22;
    pub const INT4: u32 = 23;
    pub const REGPROC: u32 = 24;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const XID: u32 = 28;
    pub const OIDVECTOR: u32 = 30;
    pub const JSON: u32 = 114;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const BPCHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIME: u32 = 1083;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const INTERVAL: u32 = 1186;
    pub const NUMERIC: u32 = 1700;
    pub const REGPROCEDURE: u32 = 2202;
    pub const REGCLASS: u32 = 2205;
    pub const REGTYPE: u32 = 2206;
    pub const RECORD: u32 = 2249;
    pub const VOID: u32 = 2278;
    pub const UUID: u32 = 2950;
    pub const JSONB: u32 = 3802;
    pub const REGNAMESPACE: u32 = 4089;
    pub const REGROLE: u32 = 4096;
    pub const BOOL_ARRAY: u32 = 1000;
    pub const FLOAT8_ARRAY: u32 = 1022;
    pub const INT8_ARRAY: u32 = 1016;
    pub const TEXT_ARRAY: u32 = 1009;
}

/// One row of `pg_type`, as far as the wire needs it.
struct Type {
    oid: u32,
    /// Bytes of a value, or -1.
    size: i16,
    /// OID of the array of it, or 0.
    array: u32,
    /// Names in SQL, the first one PostgreSQL's own.
    names: &'static [&'static str],
}

const fn row(oid: u32, size: i16, array: u32, names: &'static [&'static str]) -> Type {
    Type { oid, size, array, names }
}

static TYPES: &[Type] = &[
    row(oid::BOOL, 1, oid::BOOL_ARRAY, &["bool", "boolean"]),
    row(oid::BYTEA, -1, 1001, &["bytea", "blob"]),
    row(oid::CHAR, 1, 1002, &["\"char\""]),
    row(oid::NAME, 64, 1003, &["name"]),
    row(oid::INT8, 8, oid::INT8_ARRAY, &["int8", "bigint"]),
    row(oid::INT2, 2, 1005, &["int2", "smallint"]),
    row(oid::INT2VECTOR, -1, 1006, &["int2vector"]),
    row(oid::INT4, 4, 1007, &["int4", "integer", "int"]),
    row(oid::REGPROC, 4, 1008, &["regproc"]),
    row(oid::TEXT, -1, oid::TEXT_ARRAY, &["text", "string"]),
    row(oid::OID, 4, 1028, &["oid"]),
    row(oid::XID, 4, 1011, &["xid"]),
    row(oid::OIDVECTOR, -1, 1013, &["oidvector"]),
    row(oid::JSON, -1, 199, &["json"]),
    row(oid::FLOAT4, 4, 1021, &["float4", "real"]),
    row(oid::FLOAT8, 8, oid::FLOAT8_ARRAY, &["float8", "double precision", "double", "float"]),
    row(oid::UNKNOWN, -2, 0, &["unknown"]),
    row(oid::BPCHAR, -1, 1014, &["bpchar", "character", "char"]),
    row(oid::VARCHAR, -1, 1015, &["varchar", "character varying"]),
    row(oid::DATE, 4, 1182, &["date"]),
    row(oid::TIME, 8, 1183, &["time", "time without time zone"]),
    row(oid::TIMESTAMP, 8, 1115, &["timestamp", "timestamp without time zone"]),
    row(oid::TIMESTAMPTZ, 8, 1185, &["timestamptz", "timestamp with time zone"]),
    row(oid::INTERVAL, 16, 1187, &["interval"]),
    row(oid::NUMERIC, -1, 1231, &["numeric", "decimal"]),
    row(oid::REGPROCEDURE, 4, 2207, &["regprocedure"]),
    row(oid::REGCLASS, 4, 2210, &["regclass"]),
    row(oid::REGTYPE, 4, 2211, &["regtype"]),
    row(oid::RECORD, -1, 2287, &["record"]),
    row(oid::VOID, 4, 0, &["void"]),
    row(oid::UUID, 16, 2951, &["uuid"]),
    row(oid::JSONB, -1, 3807, &["jsonb"]),
    row(oid::REGNAMESPACE, 4, 4090, &["regnamespace"]),
    row(oid::REGROLE, 4, 4097, &["regrole"]),
];

/// Bytes of a value of this type as RowDescription tells it; -1 = varies.
pub fn size_of(oid: u32) -> i16 {
    TYPES.iter().find(|t| t.oid == oid).map_or(-1, |t| t.size)
}

/// The element type of an array type.
pub fn element_of(array: u32) -> Option<u32> {
    match array {
        oid::INT2VECTOR => Some(oid::INT2),
        oid::OIDVECTOR => Some(oid::OID),
        _ => TYPES.iter().find(|t| t.array == array && array != 0).map(|t| t.oid),
    }
}

/// The type that SQL calls so, `int[]` and `varchar(10)` included.
pub fn named(name: &str) -> Option<u32> {
    let name = name.trim().to_ascii_lowercase();
    if let Some(element) = name.strip_suffix("[]") {
        let element = named(element)?;
        return TYPES.iter().find(|t| t.oid == element && t.array != 0).map(|t| t.array);
    }
    let bare = match name.split_once('(') {
        Some((head, tail)) => {
            format!("{}{}", head.trim_end(), tail.split_once(')').map_or("", |(_, rest)| rest))
        }
        None => name,
    };
    TYPES.iter().find(|t| t.names.contains(&bare.as_str())).map(|t| t.oid)
}

/// Whether a value of this type is its own text.
pub fn is_text(oid: u32) -> bool {
    matches!(oid, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::CHAR | oid::UNKNOWN)
}

/// Whether a value of this type is an OID that prints as a name.
pub fn is_registered(oid: u32) -> bool {
    use oid::{REGCLASS, REGNAMESPACE, REGPROC, REGPROCEDURE, REGROLE, REGTYPE};
    matches!(oid, REGPROC | REGPROCEDURE | REGCLASS | REGTYPE | REGNAMESPACE | REGROLE)
}

/// The OID that a column of this type has on the wire.
pub fn oid_of(column_type: ColumnType) -> u32 {
    use ColumnType::*;
    match column_type {
        Int2 => oid::INT2,
        Int4 => oid::INT4,
        Int8 => oid::INT8,
        Float4 => oid::FLOAT4,
        Float8 => oid::FLOAT8,
        Text => oid::TEXT,
        Varchar(_) => oid::VARCHAR,
        Bytea | Hll => oid::BYTEA,
        Bool => oid::BOOL,
        Jsonb | GeoJson => oid::JSONB,
        Timestamptz => oid::TIMESTAMPTZ,
        Timestamp => oid::TIMESTAMP,
        Date => oid::DATE,
        Numeric { .. } => oid::NUMERIC,
        Uuid => oid::UUID,
        Int8Array => oid::INT8_ARRAY,
        Float8Array => oid::FLOAT8_ARRAY,
        TextArray => oid::TEXT_ARRAY,
        BoolArray => oid::BOOL_ARRAY,
    }
}

/// The type modifier of a column of this type, as `atttypmod`; -1 = none.
pub fn typmod_of(column_type: ColumnType) -> i32 {
    match column_type {
        ColumnType::Varchar(Some(n)) => i32::try_from(n).map_or(-1, |n| n.saturating_add(4)),
        ColumnType::Numeric { precision, scale } if precision > 0 => {
            (i32::from(precision) << 16 | i32::from(scale)) + 4
        }
        _ => -1,
    }
}

/// The column type that stores values of this wire type; `None` where none does (0, unknown,
/// interval, arrays without a column type of their own).
pub fn column_type(oid: u32) -> Option<ColumnType> {
    use ColumnType::*;
    Some(match oid {
        oid::BOOL => Bool,
        oid::BYTEA => Bytea,
        oid::INT2 => Int2,
        oid::INT4 => Int4,
        oid::INT8 | oid::OID | oid::XID => Int8,
        _ if is_registered(oid) => Int8,
        oid::TEXT | oid::NAME | oid::CHAR | oid::BPCHAR => Text,
        oid::VARCHAR => Varchar(None),
        oid::JSON | oid::JSONB => Jsonb,
        oid::FLOAT4 => Float4,
        oid::FLOAT8 => Float8,
        oid::DATE => Date,
        oid::TIMESTAMP => Timestamp,
        oid::TIMESTAMPTZ => Timestamptz,
        oid::NUMERIC => Numeric { precision: 0, scale: 0 },
        oid::UUID => Uuid,
        oid::BOOL_ARRAY => BoolArray,
        _ => match element_of(oid)? {
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Int8Array,
            oid::FLOAT4 | oid::FLOAT8 => Float8Array,
            oid::TEXT | oid::VARCHAR | oid::NAME | oid::BPCHAR => TextArray,
            _ => return None,
        },
    })
}

/// The type of the elements of an array column.
pub fn element_type(column_type: ColumnType) -> Option<ColumnType> {
    use ColumnType::*;
    match column_type {
        Int8Array => Some(Int8),
        Float8Array => Some(Float8),
        TextArray => Some(Text),
        BoolArray => Some(Bool),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sizes_and_arrays() {
        assert_eq!(named("INT"), Some(oid::INT4));
        assert_eq!(named("varchar(10)"), Some(oid::VARCHAR));
        assert_eq!(named("timestamp(3) with time zone"), Some(oid::TIMESTAMPTZ));
        assert_eq!(named("double precision[]"), Some(oid::FLOAT8_ARRAY));
        assert_eq!(named("nonsense"), None);
        assert_eq!(element_of(2951), Some(oid::UUID));
        assert_eq!(element_of(0), None);
        assert_eq!((size_of(oid::UUID), size_of(oid::TEXT), size_of(99_999)), (16, -1, -1));
    }

    #[test]
    fn column_types_survive_the_wire() {
        use ColumnType::*;
        for t in [Int2, Int4, Int8, Float4, Float8, Text, Bytea, Bool, Jsonb, Timestamptz, Date] {
            assert_eq!(column_type(oid_of(t)), Some(t));
        }
        assert_eq!(typmod_of(Varchar(Some(10))), 14);
        assert_eq!(typmod_of(Numeric { precision: 10, scale: 2 }), 655_366);
    }
}
