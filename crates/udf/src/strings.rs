//! `string.find`, `match`, `gmatch` and `gsub`, on [`Matcher`].

use std::sync::Arc;

use mlua::{Lua, LuaString, MultiValue, Table, Value, Variadic};

use crate::budget::Budget;
use crate::pattern::{Capture, Matcher, Wrong};

/// Puts them into `host`.
pub(crate) fn register(lua: &Lua, host: &Table, budget: &Arc<Budget>) -> mlua::Result<()> {
    let own = budget.clone();
    let find = move |lua: &Lua, args: (LuaString, LuaString, Option<i64>, Option<bool>)| {
        let (text, pattern, init, plain) = args;
        search(lua, &own, &text, &pattern, init, plain.unwrap_or(false), true)
    };
    host.set("find", lua.create_function(find)?)?;
    let own = budget.clone();
    let matched = move |lua: &Lua, (text, pattern, init): (LuaString, LuaString, Option<i64>)| {
        search(lua, &own, &text, &pattern, init, false, false)
    };
    host.set("match", lua.create_function(matched)?)?;
    let own = budget.clone();
    let gmatch = move |lua: &Lua, (text, pattern): (LuaString, LuaString)| {
        each_match(lua, own.clone(), text, pattern)
    };
    host.set("gmatch", lua.create_function(gmatch)?)?;
    let own = budget.clone();
    let gsub = move |lua: &Lua, args: (LuaString, LuaString, Value, Option<i64>)| {
        let (text, pattern, with, most) = args;
        Replace { lua, budget: &own, text: &text.as_bytes(), with }.run(&pattern.as_bytes(), most)
    };
    host.set("gsub", lua.create_function(gsub)?)
}

fn wrong(wrong: Wrong) -> mlua::Error {
    match wrong {
        Wrong::Pattern(what) => mlua::Error::runtime(what),
        Wrong::Ended(error) => error,
    }
}

/// A pattern without the anchor in front, and whether it had one.
fn anchored(pattern: &[u8]) -> (&[u8], bool) {
    match pattern.split_first() {
        Some((b'^', rest)) => (rest, true),
        _ => (pattern, false),
    }
}

/// The place, counted from 0, that a Lua index means; `None` beyond the end.
fn start_of(init: Option<i64>, len: usize) -> Option<usize> {
    let start = match init.unwrap_or(1) {
        i if i > 0 => usize::try_from(i - 1).unwrap_or(usize::MAX),
        0 => 0,
        i => len.saturating_sub(usize::try_from(i.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    (start <= len).then_some(start)
}

fn search(
    lua: &Lua,
    budget: &Budget,
    text: &LuaString,
    pattern: &LuaString,
    init: Option<i64>,
    plain: bool,
    places: bool,
) -> mlua::Result<MultiValue> {
    let (text, pattern) = (&*text.as_bytes(), &*pattern.as_bytes());
    let nothing = || Ok(MultiValue::from_iter([Value::Nil]));
    let Some(start) = start_of(init, text.len()) else { return nothing() };
    let range =
        |from: usize, to: usize| [Value::Integer(from as i64 + 1), Value::Integer(to as i64)];
    if places && (plain || !pattern.iter().any(|c| b"^$*+?.([%-".contains(c))) {
        return match plain_find(&text[start..], pattern, budget)? {
            Some(at) => Ok(MultiValue::from_iter(range(start + at, start + at + pattern.len()))),
            None => nothing(),
        };
    }
    let check = || budget.check();
    let (pattern, anchor) = anchored(pattern);
    let mut matcher = Matcher::new(text, pattern, &check);
    let last = if anchor { start } else { text.len() };
    for at in start..=last {
        let Some(end) = matcher.match_at(at).map_err(wrong)? else { continue };
        let captures = matcher.captures();
        let mut found = MultiValue::new();
        if places {
            found.extend(range(at, end));
        } else if captures.is_empty() {
            found.push_back(Value::String(lua.create_string(&text[at..end])?));
        }
        for capture in captures {
            found.push_back(caught(lua, text, *capture)?);
        }
        return Ok(found);
    }
    nothing()
}

/// Where `wanted` begins, by Two-Way search of the standard library where both are text, else
/// candidate by candidate.
fn plain_find(text: &[u8], wanted: &[u8], budget: &Budget) -> mlua::Result<Option<usize>> {
    if let (Ok(text), Ok(wanted)) = (std::str::from_utf8(text), std::str::from_utf8(wanted)) {
        return Ok(text.find(wanted));
    }
    let Some(last) = text.len().checked_sub(wanted.len()) else { return Ok(None) };
    for at in 0..=last {
        if at.is_multiple_of(1024) {
            budget.check()?;
        }
        if text[at..].starts_with(wanted) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn caught(lua: &Lua, text: &[u8], capture: Capture) -> mlua::Result<Value> {
    match capture {
        Capture::Bytes(start, end) => Ok(Value::String(lua.create_string(&text[start..end])?)),
        Capture::Position(at) => Ok(Value::Integer(at as i64 + 1)),
        Capture::Open(_) => Err(mlua::Error::runtime("unfinished capture")),
    }
}

fn each_match(
    lua: &Lua,
    budget: Arc<Budget>,
    text: LuaString,
    pattern: LuaString,
) -> mlua::Result<mlua::Function> {
    // Where the next match may begin, and where the last one ended: none is found twice.
    let (mut next, mut ended) = (0, None);
    lua.create_function_mut(move |lua, ()| {
        let (text, pattern) = (&*text.as_bytes(), &*pattern.as_bytes());
        let check = || budget.check();
        let mut matcher = Matcher::new(text, pattern, &check);
        while next <= text.len() {
            let at = next;
            match matcher.match_at(at).map_err(wrong)? {
                Some(end) if ended != Some(end) => {
                    (next, ended) = (end, Some(end));
                    if matcher.captures().is_empty() {
                        let whole = lua.create_string(&text[at..end])?;
                        return Ok(MultiValue::from_iter([Value::String(whole)]));
                    }
                    let captures = matcher.captures().iter();
                    return captures.map(|capture| caught(lua, text, *capture)).collect();
                }
                _ => next += 1,
            }
        }
        Ok(MultiValue::from_iter([Value::Nil]))
    })
}

/// One `gsub`.
struct Replace<'a> {
    lua: &'a Lua,
    budget: &'a Budget,
    text: &'a [u8],
    /// What matches become: a text, a table or a function.
    with: Value,
}

impl Replace<'_> {
    fn run(&self, pattern: &[u8], most: Option<i64>) -> mlua::Result<(LuaString, i64)> {
        if !matches!(
            self.with,
            Value::String(_)
                | Value::Table(_)
                | Value::Function(_)
                | Value::Integer(_)
                | Value::Number(_)
        ) {
            let what = "bad argument #3 to 'gsub' (string, function or table expected)";
            return Err(mlua::Error::runtime(what));
        }
        let check = || self.budget.check();
        let (pattern, anchor) = anchored(pattern);
        let mut matcher = Matcher::new(self.text, pattern, &check);
        let (mut out, mut at, mut count, mut ended) = (Vec::new(), 0, 0, None);
        while most.is_none_or(|most| count < most) {
            match matcher.match_at(at).map_err(wrong)? {
                Some(end) if ended != Some(end) => {
                    count += 1;
                    self.put(&mut out, at, end, matcher.captures())?;
                    (at, ended) = (end, Some(end));
                }
                _ if at < self.text.len() => {
                    out.push(self.text[at]);
                    at += 1;
                }
                _ => break,
            }
            self.fits(&out)?;
            if anchor {
                break;
            }
        }
        out.extend_from_slice(self.text.get(at..).unwrap_or_default());
        Ok((self.lua.create_string(out)?, count))
    }

    /// What grows outside of Lua may not grow beyond what Lua could have.
    fn fits(&self, out: &[u8]) -> mlua::Result<()> {
        if out.len() > self.budget.memory { Err(self.budget.out_of_memory()) } else { Ok(()) }
    }

    /// Appends what the match `start..end` becomes.
    fn put(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        end: usize,
        captures: &[Capture],
    ) -> mlua::Result<()> {
        let whole = || self.lua.create_string(&self.text[start..end]).map(Value::String);
        let first = || match captures.first() {
            Some(capture) => caught(self.lua, self.text, *capture),
            None => whole(),
        };
        let becomes = match &self.with {
            Value::Table(table) => table.get(first()?)?,
            Value::Function(function) if captures.is_empty() => function.call::<Value>(whole()?)?,
            Value::Function(function) => {
                let captures = captures.iter().map(|c| caught(self.lua, self.text, *c));
                function.call(captures.collect::<mlua::Result<Variadic<Value>>>()?)?
            }
            text => {
                let text = self
                    .lua
                    .coerce_string(text.clone())?
                    .ok_or_else(|| mlua::Error::runtime("the replacement is no text"))?;
                return self.expand(out, &text.as_bytes(), start, end, captures);
            }
        };
        match becomes {
            Value::Nil | Value::Boolean(false) => out.extend_from_slice(&self.text[start..end]),
            Value::String(_) | Value::Integer(_) | Value::Number(_) => {
                if let Some(text) = self.lua.coerce_string(becomes)? {
                    out.extend_from_slice(&text.as_bytes());
                }
            }
            other => {
                let what = format!("invalid replacement value (a {})", other.type_name());
                return Err(mlua::Error::runtime(what));
            }
        }
        Ok(())
    }

    /// A replacement text: `%0` is the whole match, `%1` a capture, `%%` a percent sign.
    fn expand(
        &self,
        out: &mut Vec<u8>,
        with: &[u8],
        start: usize,
        end: usize,
        captures: &[Capture],
    ) -> mlua::Result<()> {
        let mut with = with.iter();
        while let Some(&c) = with.next() {
            if c != b'%' {
                out.push(c);
                continue;
            }
            match with.next() {
                Some(b'%') => out.push(b'%'),
                Some(b'0') => out.extend_from_slice(&self.text[start..end]),
                Some(b'1') if captures.is_empty() => out.extend_from_slice(&self.text[start..end]),
                Some(digit @ b'1'..=b'9') => match captures.get(usize::from(digit - b'1')) {
                    Some(Capture::Bytes(from, to)) => out.extend_from_slice(&self.text[*from..*to]),
                    Some(Capture::Position(at)) => {
                        out.extend_from_slice((at + 1).to_string().as_bytes());
                    }
                    _ => {
                        let what = "invalid capture index in replacement string";
                        return Err(mlua::Error::runtime(what));
                    }
                },
                _ => return Err(mlua::Error::runtime("invalid use of '%' in replacement string")),
            }
            self.fits(out)?;
        }
        Ok(())
    }
}
