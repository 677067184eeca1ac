//! Type names in statements.

use model::ColumnType;
use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};

use crate::{SqlError, SqlResult};

/// The column type that a type's name in a statement means: PostgreSQL's names, and aql's `STRING`,
/// `LIST`, `MAP`, `GEOJSON`, `HLL`.
pub fn from_sql_name(name: &DataType) -> SqlResult<ColumnType> {
    use ColumnType::*;
    Ok(match name {
        DataType::SmallInt(_) | DataType::Int2(_) => Int2,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Int4,
        DataType::BigInt(_) | DataType::Int8(_) | DataType::Int64 => Int8,
        DataType::Real | DataType::Float4 => Float4,
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => Float8,
        DataType::Float(ExactNumberInfo::Precision(p)) if *p <= 24 => Float4,
        DataType::Float(_) | DataType::Float64 => Float8,
        DataType::Text | DataType::String(_) => Text,
        DataType::Varchar(n) | DataType::CharacterVarying(n) | DataType::CharVarying(n) => {
            Varchar(length(n.as_ref())?)
        }
        DataType::Char(n) | DataType::Character(n) => {
            Varchar(Some(length(n.as_ref())?.unwrap_or(1)))
        }
        DataType::Bytea | DataType::Blob(_) => Bytea,
        DataType::Bool | DataType::Boolean => Bool,
        DataType::JSON | DataType::JSONB => Jsonb,
        DataType::Timestamp(_, zone) => match zone {
            TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => Timestamptz,
            _ => Timestamp,
        },
        DataType::TimestampNtz(_) => Timestamp,
        DataType::Date => Date,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(*info)?,
        DataType::Uuid => Uuid,
        DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _))
        | DataType::Array(ArrayElemTypeDef::AngleBracket(inner)) => array_of(inner)?,
        DataType::Custom(custom, args) => {
            let words: Vec<String> = custom.0.iter().map(|p| p.to_string()).collect();
            let word = words.last().map(|w| w.trim_matches('"').to_ascii_lowercase());
            return named(word.as_deref().unwrap_or_default(), args);
        }
        other => return Err(unknown(&other.to_string())),
    })
}

fn named(word: &str, args: &[String]) -> SqlResult<ColumnType> {
    use ColumnType::*;
    Ok(match word {
        "int2" => Int2,
        "int4" => Int4,
        "int8" => Int8,
        "float4" => Float4,
        "float8" => Float8,
        "bool" => Bool,
        "string" | "name" | "bpchar" | "citext" => Text,
        "list" | "map" | "json" | "jsonb" => Jsonb,
        "geojson" => GeoJson,
        "hll" => Hll,
        "blob" => Bytea,
        "timestamptz" => Timestamptz,
        "varchar" => Varchar(args.first().and_then(|n| n.parse().ok())),
        other => return Err(unknown(other)),
    })
}

fn array_of(inner: &DataType) -> SqlResult<ColumnType> {
    use ColumnType::*;
    match from_sql_name(inner)? {
        Int2 | Int4 | Int8 => Ok(Int8Array),
        Float4 | Float8 => Ok(Float8Array),
        Text | Varchar(_) => Ok(TextArray),
        Bool => Ok(BoolArray),
        other => Err(SqlError::unsupported(format!("arrays of {other} are not supported")).hint(
            "arrays of bigint, double precision, text and boolean are; jsonb holds any list",
        )),
    }
}

fn length(length: Option<&CharacterLength>) -> SqlResult<Option<u32>> {
    match length {
        None | Some(CharacterLength::Max) => Ok(None),
        Some(CharacterLength::IntegerLength { length: n, .. }) => {
            let fits = u32::try_from(*n).ok().filter(|n| (1..=10_485_760).contains(n));
            fits.map(Some).ok_or_else(|| {
                SqlError::new("22023", "length for type varchar must be between 1 and 10485760")
            })
        }
    }
}

fn numeric(info: ExactNumberInfo) -> SqlResult<ColumnType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(ColumnType::Numeric { precision: 0, scale: 0 }),
        ExactNumberInfo::Precision(p) => (p, 0),
        ExactNumberInfo::PrecisionAndScale(p, s) => (p, s),
    };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(p @ 1..=255), Ok(s)) if s <= p => Ok(ColumnType::Numeric { precision: p, scale: s }),
        _ => Err(SqlError::new(
            "22023",
            format!("NUMERIC precision {precision}, scale {scale} is out of range"),
        )
        .hint("precision is 1 to 255, scale 0 to the precision; numeric alone has no limit")),
    }
}

fn unknown(name: &str) -> SqlError {
    SqlError::new("42704", format!("type \"{name}\" does not exist")).hint(
        "types are smallint, integer, bigint, real, double precision, numeric, text, varchar, bytea, \
         boolean, jsonb, date, timestamp, timestamptz, uuid, geojson, hll and arrays of bigint, \
         double precision, text and boolean",
    )
}
