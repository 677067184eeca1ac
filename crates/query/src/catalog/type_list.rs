//! PostgreSQL's built-in types that clients may meet here, with their own object ids.

/// A row of `pg_type` and, where `array` is not 0, of its array type.
pub(super) struct Type {
    pub(super) oid: u32,
    pub(super) name: &'static str,
    pub(super) sql_name: &'static str,
    pub(super) size: i64,
    pub(super) category: &'static str,
    pub(super) array: u32,
}

const fn row(
    oid: u32,
    name: &'static str,
    sql_name: &'static str,
    size: i64,
    category: &'static str,
    array: u32,
) -> Type {
    Type { oid, name, sql_name, size, category, array }
}

pub(super) static TYPES: &[Type] = &[
    row(16, "bool", "boolean", 1, "B", 1000),
    row(17, "bytea", "bytea", -1, "U", 1001),
    row(18, "char", "\"char\"", 1, "Z", 1002),
    row(19, "name", "name", 64, "S", 1003),
    row(20, "int8", "bigint", 8, "N", 1016),
    row(21, "int2", "smallint", 2, "N", 1005),
    row(22, "int2vector", "int2vector", -1, "A", 1006),
    row(23, "int4", "integer", 4, "N", 1007),
    row(24, "regproc", "regproc", 4, "N", 1008),
    row(25, "text", "text", -1, "S", 1009),
    row(26, "oid", "oid", 4, "N", 1028),
    row(28, "xid", "xid", 4, "U", 1011),
    row(30, "oidvector", "oidvector", -1, "A", 1013),
    row(114, "json", "json", -1, "U", 199),
    row(700, "float4", "real", 4, "N", 1021),
    row(701, "float8", "double precision", 8, "N", 1022),
    row(705, "unknown", "unknown", -2, "X", 0),
    row(1042, "bpchar", "character", -1, "S", 1014),
    row(1043, "varchar", "character varying", -1, "S", 1015),
    row(1082, "date", "date", 4, "D", 1182),
    row(1083, "time", "time without time zone", 8, "D", 1183),
    row(1114, "timestamp", "timestamp without time zone", 8, "D", 1115),
    row(1184, "timestamptz", "timestamp with time zone", 8, "D", 1185),
    row(1186, "interval", "interval", 16, "T", 1187),
    row(1700, "numeric", "numeric", -1, "N", 1231),
    row(2205, "regclass", "regclass", 4, "N", 2210),
    row(2206, "regtype", "regtype", 4, "N", 2211),
    row(2249, "record", "record", -1, "P", 2287),
    row(2278, "void", "void", 4, "P", 0),
    row(2950, "uuid", "uuid", 16, "U", 2951),
    row(3802, "jsonb", "jsonb", -1, "U", 3807),
    row(4089, "regnamespace", "regnamespace", 4, "N", 4090),
];
