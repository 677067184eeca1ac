//! Expressions in Aerospike's own form as SQL, where they are such as SQL makes: for definitions of
//! indexes.

use model::msgpack::{Kind, Reader};
use model::{ColumnType, ValueType};

use super::{Expr, identifier};

/// Deepest nesting that is shown.
const DEPTH_MAX: usize = 64;

/// The expression of these bytes as SQL; `None` where SQL has no words for it.
pub fn shown(bytes: &[u8]) -> Option<String> {
    let mut reader = Reader::new(bytes);
    let text = node(&mut reader, 0)?;
    reader.is_empty().then_some(text)
}

fn node(reader: &mut Reader, depth: usize) -> Option<String> {
    if depth == DEPTH_MAX {
        return None;
    }
    if reader.peek().ok()? != Kind::List {
        let value = reader.value().ok()?;
        let t = ColumnType::of_value(value.value_type());
        let plain = !matches!(value.value_type(), ValueType::List | ValueType::Map);
        return plain.then(|| Expr::of_value(Some(value), t).to_string());
    }
    let count = reader.list_header().ok()?.checked_sub(1)?;
    let code = reader.integer().ok()?;
    if code == 80 && count == 1 {
        reader.integer().ok()?;
        return Some("PK".to_string());
    }
    if matches!((code, count), (81, 2) | (82, 1)) {
        if code == 81 {
            reader.integer().ok()?;
        }
        let name = std::str::from_utf8(reader.raw().ok()?).ok()?;
        return Some(identifier(name).to_string());
    }
    let of_type = |reader: &Reader| {
        let mut ahead = reader.clone();
        ahead.list_header().is_ok() && ahead.integer().ok() == Some(82)
    };
    let is_null = matches!(code, 1 | 2) && count == 2 && of_type(reader);
    let mut args = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        args.push(node(reader, depth + 1)?);
    }
    if is_null {
        return Some(format!("({} IS {}NULL)", args[0], if code == 1 { "" } else { "NOT " }));
    }
    let infix = |symbol: &str| Some(format!("({})", args.join(symbol)));
    let call = |name: &str| Some(format!("{name}({})", args.join(", ")));
    match (code, count) {
        (1, 2) => infix(" = "),
        (2, 2) => infix(" <> "),
        (3, 2) => infix(" > "),
        (4, 2) => infix(" >= "),
        (5, 2) => infix(" < "),
        (6, 2) => infix(" <= "),
        (16, _) => infix(" AND "),
        (17, _) => infix(" OR "),
        (18, 1) => Some(format!("(NOT {})", args[0])),
        (20, _) => infix(" + "),
        (21, 1) => Some(format!("(- {})", args[0])),
        (21, _) => infix(" - "),
        (22, _) => infix(" * "),
        (23, _) => infix(" / "),
        (26, 2) => infix(" % "),
        (27, 1) => call("abs"),
        (28, 1) => call("floor"),
        (29, 1) => call("ceil"),
        (31, 1) => Some(format!("({}::float8)", args[0])),
        _ => None,
    }
}
