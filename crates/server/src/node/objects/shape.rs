//! Objects as bins and back.

use std::collections::BTreeMap;

use model::{Check, Column, Name, Notes, Object, Owner, Record, Sequence, Value, View};
use store::Given;

type Bins = Vec<(Name, Option<Value>)>;

/// The bins of an object.
pub(super) fn bins_of(object: &Object) -> Bins {
    let values = match object {
        Object::View(view) => vec![
            ("columns", columns(&view.columns)),
            ("named", Value::Bool(view.named)),
            ("text", text(&view.text)),
            ("path", text(&view.path)),
            ("uses", pairs(view.uses.iter().map(|(a, b)| (a, b)))),
        ],
        Object::Sequence(sequence) => vec![
            ("type", text(&sequence.column_type.to_string())),
            ("start", Value::Integer(sequence.start)),
            ("increment", Value::Integer(sequence.increment)),
            ("min", Value::Integer(sequence.min)),
            ("max", Value::Integer(sequence.max)),
            ("cycle", Value::Bool(sequence.cycle)),
            ("owner", owner(sequence.owner.as_ref())),
        ],
        Object::Notes(notes) => vec![
            ("checks", pairs(notes.checks.iter().map(|check| (&check.name, &check.text)))),
            ("comments", pairs(notes.comments.iter())),
        ],
    };
    values.into_iter().map(|(name, value)| (Name::from(name), Some(value))).collect()
}

/// The view of this name.
pub(super) fn view_of(namespace: &str, name: &str, record: &Record) -> Option<View> {
    let Value::List(columns) = record.bin("columns")? else { return None };
    let Value::Bool(named) = record.bin("named")? else { return None };
    Some(View {
        namespace: namespace.to_string(),
        name: name.to_string(),
        columns: columns.iter().map(column_of).collect::<Option<_>>()?,
        named: *named,
        text: text_of(record.bin("text")?)?,
        path: text_of(record.bin("path")?)?,
        uses: pairs_of(record.bin("uses")?)?,
    })
}

/// The sequence of this name.
pub(super) fn sequence_of(namespace: &str, name: &str, record: &Record) -> Option<Sequence> {
    let Value::Bool(cycle) = record.bin("cycle")? else { return None };
    let number = |bin: &str| number_of(record.bin(bin)?);
    Some(Sequence {
        namespace: namespace.to_string(),
        name: name.to_string(),
        column_type: text_of(record.bin("type")?)?.parse().ok()?,
        start: number("start")?,
        increment: number("increment")?,
        min: number("min")?,
        max: number("max")?,
        cycle: *cycle,
        owner: owner_of(record.bin("owner")?)?,
    })
}

/// What is said of a relation.
pub(super) fn notes_of(record: &Record) -> Option<Notes> {
    let checks = pairs_of(record.bin("checks")?)?.into_iter();
    let comments: BTreeMap<String, String> =
        pairs_of(record.bin("comments")?)?.into_iter().collect();
    Some(Notes { checks: checks.map(|(name, text)| Check { name, text }).collect(), comments })
}

/// How far a sequence is, as bins.
pub(super) fn given_bins(given: Given) -> Bins {
    vec![
        (Name::from("last"), Some(Value::Integer(given.last))),
        (Name::from("called"), Some(Value::Bool(given.called))),
    ]
}

/// How far a sequence is.
pub(super) fn given_of(record: &Record) -> Option<Given> {
    let Value::Bool(called) = record.bin("called")? else { return None };
    Some(Given { last: number_of(record.bin("last")?)?, called: *called })
}

fn text(text: &str) -> Value {
    Value::String(text.to_string())
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn number_of(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> Value {
    Value::List(pairs.map(|(a, b)| Value::list(vec![text(a), text(b)])).collect())
}

fn pairs_of(value: &Value) -> Option<Vec<(String, String)>> {
    let Value::List(items) = value else { return None };
    let pair = |item: &Value| match item {
        Value::List(parts) => match &parts[..] {
            [a, b] => Some((text_of(a)?, text_of(b)?)),
            _ => None,
        },
        _ => None,
    };
    items.iter().map(pair).collect()
}

fn columns(columns: &[Column]) -> Value {
    let column = |c: &Column| Value::list(vec![text(&c.name), text(&c.column_type.to_string())]);
    Value::List(columns.iter().map(column).collect())
}

fn column_of(item: &Value) -> Option<Column> {
    let Value::List(parts) = item else { return None };
    let [Value::String(name), Value::String(column_type)] = &parts[..] else { return None };
    let column_type = column_type.parse().ok()?;
    Some(Column { name: name.clone(), column_type, not_null: false, default: None })
}

fn owner(owner: Option<&Owner>) -> Value {
    let Some(owner) = owner else { return Value::list(Vec::new()) };
    let identity = owner.identity.map_or(Value::Nil, Value::Bool);
    Value::list(vec![text(&owner.table), text(&owner.column), identity])
}

fn owner_of(value: &Value) -> Option<Option<Owner>> {
    let Value::List(parts) = value else { return None };
    match &parts[..] {
        [] => Some(None),
        [Value::String(table), Value::String(column), identity] => {
            let identity = match identity {
                Value::Bool(always) => Some(*always),
                _ => None,
            };
            Some(Some(Owner { table: table.clone(), column: column.clone(), identity }))
        }
        _ => None,
    }
}
