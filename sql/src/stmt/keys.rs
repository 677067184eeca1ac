//! Keys in a WHERE clause.
//!
//! Of the conditions that AND joins, one (or, for a composite key, one for each of its columns) may
//! pin the key: `=`, `IN`, `= ANY`, or an OR of equalities. The others stay as the filter.

use std::sync::Arc;

use model::{ColumnType, Digest, Table, Value};
use sqlparser::ast;

use crate::expr::compile::{Compiled, operands, unnested};
use crate::expr::{Compiler, Expr, Unfit};
use crate::plan::{KeyLookup, Keys};
use crate::{SqlError, SqlResult};

/// What a WHERE clause says: the keys, where it pins them, and the conditions left.
pub(super) struct Pinned<'e> {
    pub(super) keys: Option<Keys>,
    pub(super) rest: Vec<&'e ast::Expr>,
}

/// What an identifier means to a look-up.
#[derive(Clone, Copy, PartialEq)]
enum KeyPart {
    Column(usize),
    Digest,
    Edigest,
}

/// Looks for the key of `table` in a WHERE clause.
pub(super) fn pinned<'e>(
    c: &Compiler,
    table: &Arc<Table>,
    selection: Option<&'e ast::Expr>,
) -> Compiled<Pinned<'e>> {
    let Some(selection) = selection else { return Ok(Pinned { keys: None, rest: Vec::new() }) };
    let mut rest = operands(selection, false);
    for (i, condition) in rest.iter().enumerate() {
        if let Some(keys) = alternatives(c, table, condition)? {
            rest.remove(i);
            return Ok(Pinned { keys: Some(keys), rest });
        }
    }
    let keys = conjunction(c, table, &mut rest)?;
    Ok(Pinned { keys: keys.map(|lookup| Keys::Each(vec![lookup])), rest })
}

/// One key from equalities that AND joins; those used are taken out of `rest`.
fn conjunction(
    c: &Compiler,
    table: &Arc<Table>,
    rest: &mut Vec<&ast::Expr>,
) -> Compiled<Option<KeyLookup>> {
    let mut parts: Vec<Option<Expr>> = vec![None; table.key.len()];
    let mut used = Vec::new();
    for (i, condition) in rest.iter().enumerate() {
        let Some((part, value)) = equality(c, table, condition) else { continue };
        match part {
            KeyPart::Column(index) if parts[index].is_none() => {
                if let Some(expr) = c.key(value, &table.key[index], !table.declared)? {
                    parts[index] = Some(expr);
                    used.push(i);
                }
            }
            KeyPart::Column(_) => {}
            part => {
                if let Some(digest) = digest(c, part, value)? {
                    rest.remove(i);
                    return Ok(Some(KeyLookup::Digest(digest)));
                }
            }
        }
    }
    match parts.into_iter().collect::<Option<Vec<Expr>>>() {
        Some(parts) if !parts.is_empty() => {
            for i in used.iter().rev() {
                rest.remove(*i);
            }
            Ok(Some(KeyLookup::Key(parts)))
        }
        _ => Ok(None),
    }
}

/// Keys from one condition that names several: IN, = ANY, OR.
fn alternatives(c: &Compiler, table: &Arc<Table>, e: &ast::Expr) -> Compiled<Option<Keys>> {
    match unnested(e) {
        ast::Expr::InList { expr, list, negated: false } => in_list(c, table, expr, list),
        ast::Expr::AnyOp { left, compare_op: ast::BinaryOperator::Eq, right, .. } => {
            match (part_of(c, table, left), &table.key[..]) {
                (Some(KeyPart::Column(_)), [column]) => {
                    let array = c.key_array(unnested(right), column, !table.declared)?;
                    Ok(array.map(Keys::Any))
                }
                _ => Ok(None),
            }
        }
        ast::Expr::BinaryOp { op: ast::BinaryOperator::Or, .. } => {
            let mut lookups = Vec::new();
            for alternative in operands(e, true) {
                let mut rest = operands(alternative, false);
                if let [only] = rest[..]
                    && let Some(Keys::Each(more)) = alternatives(c, table, only)?
                {
                    lookups.extend(more);
                    continue;
                }
                match conjunction(c, table, &mut rest)? {
                    Some(lookup) if rest.is_empty() => lookups.push(lookup),
                    _ => return Ok(None),
                }
            }
            Ok(Some(Keys::Each(lookups)))
        }
        _ => Ok(None),
    }
}

fn in_list(
    c: &Compiler,
    table: &Arc<Table>,
    left: &ast::Expr,
    list: &[ast::Expr],
) -> Compiled<Option<Keys>> {
    let mut lookups = Vec::with_capacity(list.len());
    if let ast::Expr::Tuple(columns) = unnested(left) {
        return tuples(c, table, columns, list);
    }
    let Some(part) = part_of(c, table, left) else { return Ok(None) };
    for value in list {
        lookups.push(match (part, &table.key[..]) {
            (KeyPart::Column(_), [column]) => match c.key(value, column, !table.declared)? {
                Some(expr) => KeyLookup::Key(vec![expr]),
                None => return Ok(None),
            },
            (KeyPart::Column(_), _) => return Ok(None),
            (part, _) => match digest(c, part, value)? {
                Some(expr) => KeyLookup::Digest(expr),
                None => return Ok(None),
            },
        });
    }
    Ok(Some(Keys::Each(lookups)))
}

/// `(a, b) IN ((1, 2), (3, 4))`.
fn tuples(
    c: &Compiler,
    table: &Arc<Table>,
    columns: &[ast::Expr],
    list: &[ast::Expr],
) -> Compiled<Option<Keys>> {
    let mut order = Vec::with_capacity(columns.len());
    for column in columns {
        match part_of(c, table, column) {
            Some(KeyPart::Column(index)) if !order.contains(&index) => order.push(index),
            _ => return Ok(None),
        }
    }
    if order.len() != table.key.len() {
        return Ok(None);
    }
    let mut lookups = Vec::with_capacity(list.len());
    for row in list {
        let ast::Expr::Tuple(values) = unnested(row) else { return Ok(None) };
        if values.len() != order.len() {
            return Ok(None);
        }
        let mut parts: Vec<Option<Expr>> = vec![None; order.len()];
        for (value, index) in values.iter().zip(&order) {
            parts[*index] = c.key(value, &table.key[*index], !table.declared)?;
        }
        match parts.into_iter().collect::<Option<Vec<Expr>>>() {
            Some(parts) => lookups.push(KeyLookup::Key(parts)),
            None => return Ok(None),
        }
    }
    Ok(Some(Keys::Each(lookups)))
}

/// `key = value` either way round.
fn equality<'e>(
    c: &Compiler,
    table: &Arc<Table>,
    e: &'e ast::Expr,
) -> Option<(KeyPart, &'e ast::Expr)> {
    let ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right } = unnested(e) else {
        return None;
    };
    match (part_of(c, table, left), part_of(c, table, right)) {
        (Some(part), None) => Some((part, right)),
        (None, Some(part)) => Some((part, left)),
        _ => None,
    }
}

fn part_of(c: &Compiler, table: &Arc<Table>, e: &ast::Expr) -> Option<KeyPart> {
    let e = unnested(e);
    let ident = match e {
        ast::Expr::Identifier(ident) => ident,
        ast::Expr::CompoundIdentifier(idents) => {
            // A qualifier that is not this table's is the compiler's to refuse.
            c.any(e).ok()?;
            idents.last()?
        }
        _ => return None,
    };
    let quoted = ident.quote_style.is_some();
    if let Some(column) = table.resolve(&ident.value, quoted) {
        return table.key.iter().position(|k| k.name == column.name).map(KeyPart::Column);
    }
    match ident.value.to_ascii_uppercase().as_str() {
        "PK" if table.key.len() == 1 => Some(KeyPart::Column(0)),
        "DIGEST" => Some(KeyPart::Digest),
        "EDIGEST" => Some(KeyPart::Edigest),
        _ => None,
    }
}

/// A digest's 20 bytes from hexadecimal digits or base64; of a parameter, text of the former.
fn digest(c: &Compiler, part: KeyPart, value: &ast::Expr) -> Compiled<Option<Expr>> {
    let expr = match c.any(value) {
        Ok(expr) => expr,
        Err(Unfit::NotOurs) => return Ok(None),
        Err(wrong) => return Err(wrong),
    };
    match expr.as_const() {
        Some(Some(Value::String(text))) => {
            let bytes = digest_bytes(part, text)?;
            Ok(Some(Expr::constant(Some(Value::Blob(bytes)), ColumnType::Bytea)))
        }
        Some(Some(Value::Blob(_))) => Ok(Some(expr)),
        None if expr.is_constant() && part == KeyPart::Digest => Ok(Some(expr)),
        _ => Ok(None),
    }
}

fn digest_bytes(part: KeyPart, text: &str) -> SqlResult<Vec<u8>> {
    match part {
        KeyPart::Edigest => {
            crate::expr::from_base64(text).filter(|bytes| bytes.len() == 20).ok_or_else(|| {
                SqlError::new(
                    "22P02",
                    format!("an edigest is 20 bytes in base64, this is \"{text}\""),
                )
                .hint("a digest in hexadecimal digits is compared with DIGEST")
            })
        }
        _ => Ok(digest_from_text(text)?.0.to_vec()),
    }
}

/// Reads a digest as text has it: 40 hexadecimal digits, also behind bytea's `\x`; else 22P02.
pub fn digest_from_text(text: &str) -> SqlResult<Digest> {
    let hex = text.strip_prefix("\\x").unwrap_or(text);
    Digest::from_hex(hex).map_err(|e| SqlError::new("22P02", e.detail))
}
