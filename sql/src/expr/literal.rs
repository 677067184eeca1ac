//! Literals: numbers, strings and their casts.

use model::{ColumnType, Value};

use super::Expr;
use crate::types::parse_text;
use crate::{SqlError, SqlResult};

const ANY_NUMERIC: ColumnType = ColumnType::Numeric { precision: 0, scale: 0 };

/// A number as PostgreSQL types it: integer, bigint, numeric.
pub(super) fn number(text: &str, negative: bool) -> SqlResult<Expr> {
    let clean = text.replace('_', "");
    let signed = if negative { format!("-{clean}") } else { clean };
    if let Ok(n) = signed.parse::<i64>() {
        let small = i32::try_from(n).is_ok();
        let t = if small { ColumnType::Int4 } else { ColumnType::Int8 };
        return Ok(Expr::constant(Some(Value::Integer(n)), t));
    }
    let value = parse_text(ANY_NUMERIC, &signed)?;
    Ok(Expr::constant(Some(value), ANY_NUMERIC))
}

/// `0x1F`.
pub(super) fn hex(text: &str) -> SqlResult<Expr> {
    let n = i64::from_str_radix(text, 16).map_err(|_| {
        SqlError::new("22003", format!("hexadecimal number \"{text}\" is out of range"))
            .hint("64 bits are the most; bytes are written '\\x..'")
    })?;
    number(&n.to_string(), false)
}
