//! Functions and operators of json and jsonb.

use super::json::{Json, quote};
use super::{Call, Datum, Family, Type, text};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("aeriedb_get(json, text) json", |c| field(c, false)),
    ("aeriedb_get(json, int4) json", |c| element(c, false)),
    ("aeriedb_get(jsonb, text) jsonb", |c| field(c, false)),
    ("aeriedb_get(jsonb, int4) jsonb", |c| element(c, false)),
    ("aeriedb_get_text(json, text) text", |c| field(c, true)),
    ("aeriedb_get_text(json, int4) text", |c| element(c, true)),
    ("aeriedb_get_text(jsonb, text) text", |c| field(c, true)),
    ("aeriedb_get_text(jsonb, int4) text", |c| element(c, true)),
    ("aeriedb_path(json, text[]) json", |c| path(c, false)),
    ("aeriedb_path(jsonb, text[]) jsonb", |c| path(c, false)),
    ("aeriedb_path_text(json, text[]) text", |c| path(c, true)),
    ("aeriedb_path_text(jsonb, text[]) text", |c| path(c, true)),
    ("json_extract_path(json, variadic text) json", |c| path(c, false)),
    ("jsonb_extract_path(jsonb, variadic text) jsonb", |c| path(c, false)),
    ("json_extract_path_text(json, variadic text) text", |c| path(c, true)),
    ("jsonb_extract_path_text(jsonb, variadic text) text", |c| path(c, true)),
    ("aeriedb_contains(jsonb, jsonb) bool", |c| holds(&json(c, 0)?, &json(c, 1)?)),
    ("aeriedb_within(jsonb, jsonb) bool", |c| holds(&json(c, 1)?, &json(c, 0)?)),
    ("aeriedb_exists(jsonb, text) bool", |c| Ok(Datum::Bool(has(&json(c, 0)?, c.text(1))))),
    ("aeriedb_exists_any(jsonb, text[]) bool", |c| {
        let value = json(c, 0)?;
        Ok(Datum::Bool(strings(c.items(1)).iter().any(|key| has(&value, key))))
    }),
    ("aeriedb_exists_all(jsonb, text[]) bool", |c| {
        let value = json(c, 0)?;
        Ok(Datum::Bool(strings(c.items(1)).iter().all(|key| has(&value, key))))
    }),
    ("aeriedb_concat(jsonb, jsonb) jsonb", |c| concat(json(c, 0)?, json(c, 1)?)),
    ("aeriedb_minus(jsonb, text) jsonb", |c| without(json(c, 0)?, &[c.text(1).to_string()])),
    ("aeriedb_minus(jsonb, text[]) jsonb", |c| without(json(c, 0)?, &strings(c.items(1)))),
    ("aeriedb_minus(jsonb, int4) jsonb", |c| without_element(json(c, 0)?, c.int(1))),
    ("aeriedb_delete_path(jsonb, text[]) jsonb", |c| {
        delete_path(json(c, 0)?, &strings(c.items(1)))
    }),
    ("json_typeof(json) text", |c| text(json(c, 0)?.kind())),
    ("jsonb_typeof(jsonb) text", |c| text(json(c, 0)?.kind())),
    ("json_array_length(json) int4", length),
    ("jsonb_array_length(jsonb) int4", length),
    ("json_array_elements(json) setof json", |c| elements(c, false)),
    ("jsonb_array_elements(jsonb) setof jsonb", |c| elements(c, false)),
    ("json_array_elements_text(json) setof text", |c| elements(c, true)),
    ("jsonb_array_elements_text(jsonb) setof text", |c| elements(c, true)),
    ("json_object_keys(json) setof text", |c| pairs(c, |key, _| Datum::Text(key))),
    ("jsonb_object_keys(jsonb) setof text", |c| pairs(c, |key, _| Datum::Text(key))),
    ("aeriedb_each_value(json) setof json", |c| pairs(c, |_, value| Datum::Json(value.print()))),
    ("aeriedb_each_value(jsonb) setof jsonb", |c| pairs(c, |_, value| Datum::Json(value.print()))),
    ("aeriedb_each_text(jsonb) setof text", |c| pairs(c, |_, v| optional(v.as_text()))),
    ("aeriedb_each_text(json) setof text", |c| pairs(c, |_, v| optional(v.as_text()))),
    ("jsonb_set(jsonb, text[], jsonb) jsonb", set),
    ("jsonb_set(jsonb, text[], jsonb, bool) jsonb", set),
    ("jsonb_insert(jsonb, text[], jsonb) jsonb", insert),
    ("jsonb_insert(jsonb, text[], jsonb, bool) jsonb", insert),
    ("jsonb_strip_nulls(jsonb) jsonb", |c| Ok(Datum::Json(stripped(json(c, 0)?).print()))),
    ("json_strip_nulls(json) json", |c| Ok(Datum::Json(compact(&stripped(json(c, 0)?))))),
    ("jsonb_pretty(jsonb) text", |c| {
        let mut out = String::new();
        json(c, 0)?.pretty(0, &mut out);
        text(out)
    }),
    ("to_json(any) json", |c| Ok(Datum::Json(json_text(&c.values[0], &c.types[0])))),
    ("to_jsonb(any) jsonb", |c| Ok(Datum::Json(to_json(&c.values[0], &c.types[0])?.print()))),
    ("row_to_json(any) json", |c| Ok(Datum::Json(json_text(&c.values[0], &c.types[0])))),
    ("array_to_json(anyarray) json", |c| Ok(Datum::Json(json_text(&c.values[0], &c.types[0])))),
    ("?json_build_array(variadic any) json", |c| {
        let items = c.values.iter().zip(c.types).map(|(v, t)| json_text(v, t));
        Ok(Datum::Json(format!("[{}]", items.collect::<Vec<_>>().join(", "))))
    }),
    ("?jsonb_build_array(variadic any) jsonb", |c| {
        let items = c.values.iter().zip(c.types).map(|(v, t)| to_json(v, t));
        Ok(Datum::Json(Json::Array(items.collect::<SqlResult<_>>()?).print()))
    }),
    ("?json_build_object(variadic any) json", |c| {
        let pair = |(key, value): (String, String)| format!("{key} : {value}");
        let pairs = built(c, |v, t| Ok(json_text(v, t)))?.into_iter().map(pair);
        Ok(Datum::Json(format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))))
    }),
    ("?jsonb_build_object(variadic any) jsonb", |c| {
        let mut pairs = Vec::new();
        for (key, value) in built(c, to_json)? {
            pairs.push((Json::parse(&key)?.as_text().unwrap_or_default(), value));
        }
        Ok(Datum::Json(Json::object(pairs).print()))
    }),
    ("json_build_array() json", |_| Ok(Datum::Json("[]".into()))),
    ("jsonb_build_array() jsonb", |_| Ok(Datum::Json("[]".into()))),
    ("json_build_object() json", |_| Ok(Datum::Json("{}".into()))),
    ("jsonb_build_object() jsonb", |_| Ok(Datum::Json("{}".into()))),
    ("json_object(text[]) json", |c| object(c, false)),
    ("json_object(text[], text[]) json", |c| object(c, false)),
    ("jsonb_object(text[]) jsonb", |c| object(c, true)),
    ("jsonb_object(text[], text[]) jsonb", |c| object(c, true)),
    // What the aggregates are made of: each row's part, and the parts together.
    ("?aeriedb_json_item(any) text", |c| {
        // json_agg writes arrays and rows on lines of their own.
        let line = matches!(c.values[0], Datum::Array(_) | Datum::Record(_));
        let item = json_text(&c.values[0], &c.types[0]);
        text(if line {
            format!(
                "
 {item}"
            )
        } else {
            item
        })
    }),
    ("?aeriedb_json_pair(any, any) text", |c| {
        let pair = built(c, |v, t| Ok(json_text(v, t)))?;
        text(pair.into_iter().map(|(key, value)| format!("{key} : {value}")).collect::<String>())
    }),
    ("aeriedb_json_array(text[]) json", |c| {
        let items = strings(c.items(0)).join(", ");
        Ok(Datum::Json(format!("[{}]", items.trim_start_matches("\n "))))
    }),
    ("aeriedb_jsonb_array(text[]) jsonb", |c| {
        Ok(Datum::Json(Json::parse_b(&format!("[{}]", strings(c.items(0)).join(",")))?.print()))
    }),
    ("aeriedb_json_object(text[]) json", |c| {
        Ok(Datum::Json(format!("{{ {} }}", strings(c.items(0)).join(", "))))
    }),
    ("aeriedb_jsonb_object(text[]) jsonb", |c| {
        Ok(Datum::Json(Json::parse_b(&format!("{{{}}}", strings(c.items(0)).join(",")))?.print()))
    }),
    ("aeriedb_as_jsonb(text) jsonb", |c| Ok(Datum::Json(c.text(0).to_string()))),
    ("aeriedb_as_jsonb(jsonb) jsonb", |c| Ok(c.values[0].clone())),
    ("aeriedb_as_json(text) json", |c| {
        json(c, 0)?;
        Ok(Datum::Json(c.text(0).to_string()))
    }),
    ("aeriedb_as_json(json) json", |c| Ok(c.values[0].clone())),
    ("aeriedb_as_json(jsonb) json", |c| Ok(c.values[0].clone())),
    ("aeriedb_json_scalar(jsonb, text) text", scalar_text),
    ("aeriedb_subscript(jsonb, text) jsonb", |c| field(c, false)),
    ("aeriedb_subscript(jsonb, int4) jsonb", |c| element(c, false)),
];

/// The text of a scalar that is cast to the type of this name.
fn scalar_text(c: &Call<'_>) -> SqlResult<Datum> {
    let (value, to) = (json(c, 0)?, c.text(1));
    let fits = match &value {
        Json::Bool(_) => to == "boolean",
        Json::Number(_) => !matches!(to, "boolean" | "text"),
        _ => false,
    };
    match fits {
        true => text(value.print()),
        false => {
            let message = format!("cannot cast jsonb {} to type {to}", value.kind());
            Err(SqlError::new("22023", message).hint("take its text with ->> and cast that"))
        }
    }
}

fn json(c: &Call<'_>, i: usize) -> SqlResult<Json> {
    Json::parse(c.text(i))
}

/// `@>`: an array holds a scalar that is one of its elements, too.
fn holds(value: &Json, part: &Json) -> SqlResult<Datum> {
    Ok(Datum::Bool(match (value, part) {
        (Json::Array(_), Json::Array(_) | Json::Object(_)) => value.contains(part),
        (Json::Array(items), scalar) => items.iter().any(|item| item.same(scalar)),
        _ => value.contains(part),
    }))
}

fn optional(text: Option<String>) -> Datum {
    text.map_or(Datum::Null, Datum::Text)
}

/// The texts of an array; NULL is left out.
fn strings(items: &[Datum]) -> Vec<String> {
    let text = |item: &Datum| match item {
        Datum::Text(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

/// Parts of json stand as they were written, those of jsonb as it prints.
fn shown(found: Option<&Json>, as_text: bool) -> SqlResult<Datum> {
    Ok(match (found, as_text) {
        (None, _) => Datum::Null,
        (Some(value), true) => optional(value.as_text()),
        (Some(value), false) => Datum::Json(value.print()),
    })
}

fn field(c: &Call<'_>, as_text: bool) -> SqlResult<Datum> {
    shown(json(c, 0)?.field(c.text(1)), as_text)
}

fn element(c: &Call<'_>, as_text: bool) -> SqlResult<Datum> {
    shown(json(c, 0)?.element(c.int(1)), as_text)
}

fn path(c: &Call<'_>, as_text: bool) -> SqlResult<Datum> {
    let steps = match c.types.get(1) {
        Some(Type::Array(_)) => {
            if c.items(1).contains(&Datum::Null) {
                return Ok(Datum::Null);
            }
            strings(c.items(1))
        }
        _ => strings(&c.values[1..]),
    };
    shown(json(c, 0)?.at(&steps), as_text)
}

/// `?`: a key of an object, an element of an array that is this string, or the string itself.
fn has(value: &Json, key: &str) -> bool {
    match value {
        Json::Object(_) => value.field(key).is_some(),
        Json::Array(items) => items.iter().any(|item| matches!(item, Json::String(s) if s == key)),
        Json::String(text) => text == key,
        _ => false,
    }
}

fn concat(a: Json, b: Json) -> SqlResult<Datum> {
    let value = match (a, b) {
        (Json::Object(mut a), Json::Object(b)) => {
            a.extend(b);
            Json::object(a)
        }
        (a, b) => {
            let list = |value| match value {
                Json::Array(items) => items,
                other => vec![other],
            };
            let mut items = list(a);
            items.extend(list(b));
            Json::Array(items)
        }
    };
    Ok(Datum::Json(value.print()))
}

fn scalar(what: &str) -> SqlError {
    SqlError::new("22023", format!("cannot {what} a scalar"))
}

fn without(value: Json, keys: &[String]) -> SqlResult<Datum> {
    let value = match value {
        Json::Object(pairs) => {
            Json::Object(pairs.into_iter().filter(|(key, _)| !keys.contains(key)).collect())
        }
        Json::Array(items) => {
            let kept = |item: &Json| !matches!(item, Json::String(s) if keys.contains(s));
            Json::Array(items.into_iter().filter(kept).collect())
        }
        _ => return Err(scalar("delete from")),
    };
    Ok(Datum::Json(value.print()))
}

fn place(at: i64, length: usize) -> Option<usize> {
    let at = if at < 0 { at + length as i64 } else { at };
    usize::try_from(at).ok().filter(|at| *at < length)
}

fn without_element(value: Json, at: i64) -> SqlResult<Datum> {
    match value {
        Json::Array(mut items) => {
            if let Some(at) = place(at, items.len()) {
                items.remove(at);
            }
            Ok(Datum::Json(Json::Array(items).print()))
        }
        Json::Object(_) => {
            Err(SqlError::new("22023", "cannot delete from object using integer index"))
        }
        _ => Err(scalar("delete from")),
    }
}

fn delete_path(mut value: Json, path: &[String]) -> SqlResult<Datum> {
    if !matches!(value, Json::Array(_) | Json::Object(_)) {
        return Err(scalar("delete path in"));
    }
    if let Some((last, parents)) = path.split_last()
        && let Some(parent) = parent(&mut value, parents)?
    {
        match parent {
            Json::Object(pairs) => pairs.retain(|(key, _)| key != last),
            Json::Array(items) => {
                if let Some(at) = place(number(last, path.len())?, items.len()) {
                    items.remove(at);
                }
            }
            _ => {}
        }
    }
    Ok(Datum::Json(value.print()))
}

fn number(step: &str, position: usize) -> SqlResult<i64> {
    step.trim().parse().map_err(|_| {
        let message = format!("path element at position {position} is not an integer: \"{step}\"");
        SqlError::new("22P02", message)
    })
}

/// What lies at a path, to be changed.
fn parent<'a>(value: &'a mut Json, path: &[String]) -> SqlResult<Option<&'a mut Json>> {
    let mut at = value;
    for (i, step) in path.iter().enumerate() {
        at = match at {
            Json::Object(pairs) => match pairs.iter_mut().find(|(key, _)| key == step) {
                Some((_, value)) => value,
                None => return Ok(None),
            },
            Json::Array(items) => match place(number(step, i + 1)?, items.len()) {
                Some(place) => &mut items[place],
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
    }
    Ok(Some(at))
}

fn set(c: &Call<'_>) -> SqlResult<Datum> {
    let (mut value, path, new) = (json(c, 0)?, strings(c.items(1)), json(c, 2)?);
    if !matches!(value, Json::Array(_) | Json::Object(_)) {
        return Err(scalar("set path in"));
    }
    let create = !c.given(3) || c.bool(3);
    if let Some((last, parents)) = path.split_last()
        && let Some(parent) = parent(&mut value, parents)?
    {
        match parent {
            Json::Object(pairs) => match pairs.iter_mut().find(|(key, _)| key == last) {
                Some(pair) => pair.1 = new,
                None if create => {
                    pairs.push((last.clone(), new));
                    *parent = Json::object(std::mem::take(pairs));
                }
                None => {}
            },
            Json::Array(items) => {
                let at = number(last, path.len())?;
                match place(at, items.len()) {
                    Some(at) => items[at] = new,
                    None if create && at < 0 => items.insert(0, new),
                    None if create => items.push(new),
                    None => {}
                }
            }
            _ => {}
        }
    }
    Ok(Datum::Json(value.print()))
}

fn insert(c: &Call<'_>) -> SqlResult<Datum> {
    let (mut value, path, new) = (json(c, 0)?, strings(c.items(1)), json(c, 2)?);
    if !matches!(value, Json::Array(_) | Json::Object(_)) {
        return Err(scalar("set path in"));
    }
    let after = c.bool(3);
    if let Some((last, parents)) = path.split_last()
        && let Some(parent) = parent(&mut value, parents)?
    {
        match parent {
            Json::Object(pairs) if pairs.iter().any(|(key, _)| key == last) => {
                return Err(SqlError::new("22023", "cannot replace existing key")
                    .hint("Try using the function jsonb_set to replace key value."));
            }
            Json::Object(pairs) => {
                pairs.push((last.clone(), new));
                *parent = Json::object(std::mem::take(pairs));
            }
            Json::Array(items) => {
                let at = number(last, path.len())?;
                match place(at, items.len()) {
                    Some(at) => items.insert(at + usize::from(after), new),
                    None if at < 0 => items.insert(0, new),
                    None => items.push(new),
                }
            }
            _ => {}
        }
    }
    Ok(Datum::Json(value.print()))
}

fn length(c: &Call<'_>) -> SqlResult<Datum> {
    match json(c, 0)? {
        Json::Array(items) => Ok(Datum::Int(items.len() as i64)),
        Json::Object(_) => Err(SqlError::new("22023", "cannot get array length of a non-array")),
        _ => Err(SqlError::new("22023", "cannot get array length of a scalar")),
    }
}

fn elements(c: &Call<'_>, as_text: bool) -> SqlResult<Datum> {
    match json(c, 0)? {
        Json::Array(items) => {
            let items = items.iter().map(|item| shown(Some(item), as_text));
            Ok(Datum::Array(items.collect::<SqlResult<_>>()?))
        }
        Json::Object(_) => Err(SqlError::new("22023", "cannot extract elements from an object")),
        _ => Err(SqlError::new("22023", "cannot extract elements from a scalar")),
    }
}

fn pairs(c: &Call<'_>, part: fn(String, Json) -> Datum) -> SqlResult<Datum> {
    match json(c, 0)? {
        Json::Object(pairs) => {
            Ok(Datum::Array(pairs.into_iter().map(|(key, value)| part(key, value)).collect()))
        }
        other => {
            let kind = if matches!(other, Json::Array(_)) { "an array" } else { "a scalar" };
            let message = format!("cannot call this function on {kind}");
            Err(SqlError::new("22023", message).hint("the function takes an object"))
        }
    }
}

fn stripped(value: Json) -> Json {
    match value {
        Json::Object(pairs) => Json::Object(
            pairs
                .into_iter()
                .filter(|(_, value)| *value != Json::Null)
                .map(|(key, value)| (key, stripped(value)))
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(stripped).collect()),
        other => other,
    }
}

/// Without spaces, as `json_strip_nulls` and `row_to_json` write.
fn compact(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(compact).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(pairs) => {
            let pair =
                |(key, value): &(String, Json)| format!("{}:{}", string(key), compact(value));
            let pairs: Vec<String> = pairs.iter().map(pair).collect();
            format!("{{{}}}", pairs.join(","))
        }
        other => other.print(),
    }
}

fn string(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

/// Whether a value of this type stands in JSON without quotes.
fn bare(text: &str, t: &Type) -> bool {
    t.is_number() && !text.contains(['N', 'I'])
}

/// A value as json: text of arrays and rows without spaces, json as it was written.
fn json_text(value: &Datum, t: &Type) -> String {
    match (value, t) {
        (Datum::Null, _) => "null".into(),
        (Datum::Bool(b), _) => b.to_string(),
        (Datum::Json(text), _) => text.clone(),
        (Datum::Array(items), t) => {
            let element = if let Type::Array(element) = t { element } else { t };
            let items: Vec<String> = items.iter().map(|item| json_text(item, element)).collect();
            format!("[{}]", items.join(","))
        }
        (Datum::Record(values), Type::Record(columns)) => {
            let pair = |(value, (name, t)): (&Datum, &(String, Type))| {
                format!("{}:{}", string(name), json_text(value, t))
            };
            let pairs: Vec<String> = values.iter().zip(columns.iter()).map(pair).collect();
            format!("{{{}}}", pairs.join(","))
        }
        (value, t) => {
            let text = value.print(t);
            if bare(&text, t) { text } else { string(&moment(text, t)) }
        }
    }
}

/// Times in JSON are ISO 8601.
fn moment(text: String, t: &Type) -> String {
    match t {
        Type::Timestamp => text.replacen(' ', "T", 1),
        Type::Timestamptz => match text.strip_suffix("+00") {
            Some(plain) => format!("{}+00:00", plain.replacen(' ', "T", 1)),
            None => text.replacen(' ', "T", 1),
        },
        _ => text,
    }
}

fn to_json(value: &Datum, t: &Type) -> SqlResult<Json> {
    Json::parse_b(&json_text(value, t))
}

/// Keys, as JSON strings, and values of `json_build_object`.
fn built<T>(
    c: &Call<'_>,
    value: impl Fn(&Datum, &Type) -> SqlResult<T>,
) -> SqlResult<Vec<(String, T)>> {
    if !c.values.len().is_multiple_of(2) {
        return Err(SqlError::new("22023", "argument list must have even number of elements")
            .hint(
                "The arguments of json_build_object() must consist of alternating keys and values.",
            ));
    }
    let pair = |i: usize| {
        let (key, t) = (&c.values[i], &c.types[i]);
        if *key == Datum::Null {
            let message = format!("argument {} cannot be null", i + 1);
            return Err(SqlError::new("22023", message).hint("Object keys should be text."));
        }
        if matches!(key, Datum::Json(_) | Datum::Array(_) | Datum::Record(_)) {
            let message = "key value must be scalar, not array, composite, or json";
            return Err(SqlError::new("22023", message));
        }
        let shown = match key {
            Datum::Bool(b) => b.to_string(),
            key => key.print(t),
        };
        Ok((string(&shown), value(&c.values[i + 1], &c.types[i + 1])?))
    };
    (0..c.values.len()).step_by(2).map(pair).collect()
}

fn object(c: &Call<'_>, sorted: bool) -> SqlResult<Datum> {
    let (keys, values): (Vec<&Datum>, Vec<&Datum>) = match c.given(1) {
        true => (c.items(0).iter().collect(), c.items(1).iter().collect()),
        false => {
            if !c.items(0).len().is_multiple_of(2) {
                return Err(SqlError::new("2202E", "array must have even number of elements"));
            }
            (c.items(0).iter().step_by(2).collect(), c.items(0).iter().skip(1).step_by(2).collect())
        }
    };
    if keys.len() != values.len() {
        return Err(SqlError::new("2202E", "mismatched array dimensions"));
    }
    let mut pairs = Vec::new();
    for (key, value) in keys.into_iter().zip(values) {
        let Datum::Text(key) = key else {
            return Err(SqlError::new("22004", "null value not allowed for object key"));
        };
        let value = match value {
            Datum::Text(text) => Json::String(text.clone()),
            _ => Json::Null,
        };
        pairs.push((key.clone(), value));
    }
    if sorted {
        return Ok(Datum::Json(Json::object(pairs).print()));
    }
    let pair = |(key, value): (String, Json)| format!("{} : {}", string(&key), value.print());
    let pairs: Vec<String> = pairs.into_iter().map(pair).collect();
    Ok(Datum::Json(format!("{{{}}}", pairs.join(", "))))
}
