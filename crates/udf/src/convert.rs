//! Values of bins to Lua and back.

use std::sync::Arc;

use mlua::{Lua, Table, Value as LuaValue};
use model::{List, ListOrder, Map, MapOrder, Value, limits};

use crate::budget::Budget;
use crate::bytes::Bytes;

/// Most bytes of a value that leaves a function; a record holds no more either.
const SIZE_MAX: usize = limits::RECORD_SIZE_MAX;

/// What the types of `prelude/types.lua` are made of.
pub(crate) struct Kit {
    size: Table,
    odd: Table,
    list: Table,
    map: Table,
    geo: Table,
    pub(crate) budget: Arc<Budget>,
}

impl Kit {
    /// Out of what that file returns.
    pub(crate) fn new(types: &Table, budget: Arc<Budget>) -> mlua::Result<Kit> {
        Ok(Kit {
            size: types.get("size")?,
            odd: types.get("odd")?,
            list: types.get("list")?,
            map: types.get("map")?,
            geo: types.get("geo")?,
            budget,
        })
    }

    /// A value for Lua.
    pub(crate) fn give(&self, lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
        Ok(match value {
            Value::Nil => LuaValue::Nil,
            Value::Bool(b) => LuaValue::Boolean(*b),
            Value::Integer(n) => LuaValue::Integer(*n),
            Value::Double(n) => LuaValue::Number(*n),
            Value::String(text) => LuaValue::String(lua.create_string(text)?),
            Value::Blob(data) => self.bytes(lua, data, false)?,
            Value::Hll(data) => self.bytes(lua, data, true)?,
            Value::GeoJson(text) => {
                let geo = lua.create_sequence_from([text.as_str()])?;
                geo.set_metatable(Some(self.geo.clone()))?;
                LuaValue::Table(geo)
            }
            Value::List(list) => LuaValue::Table(self.list(lua, list)?),
            Value::Map(map) => LuaValue::Table(self.map(lua, map)?),
        })
    }

    fn bytes(&self, lua: &Lua, data: &[u8], hll: bool) -> mlua::Result<LuaValue> {
        let bytes = Bytes::new(lua, &self.budget, data.to_vec(), hll)?;
        Ok(LuaValue::UserData(lua.create_userdata(bytes)?))
    }

    fn list(&self, lua: &Lua, list: &List) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(list.len(), 1)?;
        for (at, item) in list.iter().enumerate() {
            if !matches!(item, Value::Nil) {
                table.raw_set(at + 1, self.give(lua, item)?)?;
            }
        }
        table.raw_set(&self.size, list.len())?;
        table.set_metatable(Some(self.list.clone()))?;
        Ok(table)
    }

    fn map(&self, lua: &Lua, map: &Map) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, map.len())?;
        let mut odd = Vec::new();
        for (key, value) in &map.pairs {
            let plain = match key {
                Value::Bool(_) | Value::Integer(_) | Value::String(_) => true,
                // Lua would make an integer of a whole one, and has no key that is no number.
                Value::Double(n) => n.is_finite() && n.fract() != 0.0,
                _ => false,
            };
            let (key, plain) = (self.give(lua, key)?, plain && !matches!(value, Value::Nil));
            match plain {
                true => table.raw_set(key, self.give(lua, value)?)?,
                false => {
                    let entry = lua.create_table_with_capacity(0, 2)?;
                    entry.raw_set("k", key)?;
                    entry.raw_set("v", self.give(lua, value)?)?;
                    odd.push(entry);
                }
            }
        }
        if !odd.is_empty() {
            table.raw_set(&self.odd, lua.create_sequence_from(odd)?)?;
        }
        table.set_metatable(Some(self.map.clone()))?;
        Ok(table)
    }

    /// A value of Lua's as one that a bin can hold.
    pub(crate) fn take(&self, value: &LuaValue) -> mlua::Result<Value> {
        Taker { kit: self, left: SIZE_MAX }.take(value, limits::NESTING_MAX)
    }
}

/// Reads one value, which may refer to the same table many times: so its size is counted.
struct Taker<'a> {
    kit: &'a Kit,
    left: usize,
}

impl Taker<'_> {
    fn spend(&mut self, bytes: usize) -> mlua::Result<()> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| {
            mlua::Error::runtime(format!("a value has more than {} MiB", SIZE_MAX >> 20))
        })?;
        Ok(())
    }

    fn take(&mut self, value: &LuaValue, depth: usize) -> mlua::Result<Value> {
        self.spend(8)?;
        Ok(match value {
            LuaValue::Nil => Value::Nil,
            LuaValue::Boolean(b) => Value::Bool(*b),
            LuaValue::Integer(n) => Value::Integer(*n),
            LuaValue::Number(n) => Value::Double(*n),
            LuaValue::String(text) => {
                let bytes = text.as_bytes();
                self.spend(bytes.len())?;
                match std::str::from_utf8(&bytes) {
                    Ok(text) => Value::String(text.to_string()),
                    Err(_) => Value::Blob(bytes.to_vec()),
                }
            }
            LuaValue::Table(table) => {
                let inner = depth.checked_sub(1).ok_or_else(too_deep)?;
                self.table(table, inner)?
            }
            LuaValue::UserData(data) => {
                let bytes = data.borrow::<Bytes>().map_err(|_| no_value("a record"))?;
                self.spend(bytes.len())?;
                bytes.stored()
            }
            other => return Err(no_value(&format!("a {}", other.type_name()))),
        })
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let kit = self.kit;
        match table.metatable() {
            Some(meta) if meta == kit.list => {
                let size: usize = table.raw_get(&kit.size)?;
                self.items(table, size, depth)
            }
            Some(meta) if meta == kit.map => self.pairs(table, depth),
            Some(meta) if meta == kit.geo => {
                let text: String = table.raw_get(1)?;
                self.spend(text.len())?;
                Ok(Value::GeoJson(text))
            }
            Some(_) => Err(no_value("a table with a metatable")),
            // A table of its own is a list where its keys are 1 to n.
            None => match table.raw_len() {
                size if size > 0 && table.pairs::<LuaValue, LuaValue>().count() == size => {
                    self.items(table, size, depth)
                }
                _ => self.pairs(table, depth),
            },
        }
    }

    fn items(&mut self, table: &Table, size: usize, depth: usize) -> mlua::Result<Value> {
        self.spend(size)?;
        let mut items = Vec::with_capacity(size);
        for at in 1..=size {
            items.push(self.take(&table.raw_get(at)?, depth)?);
        }
        Ok(Value::List(List::new(items, ListOrder::Unordered)))
    }

    fn pairs(&mut self, table: &Table, depth: usize) -> mlua::Result<Value> {
        let mut pairs = Vec::new();
        for pair in table.pairs::<LuaValue, LuaValue>() {
            let (key, value) = pair?;
            if !matches!(&key, LuaValue::Table(key) if *key == self.kit.odd) {
                pairs.push((self.take(&key, depth)?, self.take(&value, depth)?));
            }
        }
        if let Some(odd) = table.raw_get::<Option<Table>>(&self.kit.odd)? {
            for entry in odd.sequence_values::<Table>() {
                let entry = entry?;
                let key = self.take(&entry.raw_get("k")?, depth)?;
                pairs.push((key, self.take(&entry.raw_get("v")?, depth)?));
            }
        }
        // Clients take what a function returns for an unordered map, as Aerospike sends it; the same
        // table is the same map each time all the same.
        pairs.sort();
        Ok(Value::Map(Map::new(pairs, MapOrder::Unordered)))
    }
}

fn too_deep() -> mlua::Error {
    let deepest = limits::NESTING_MAX;
    mlua::Error::runtime(format!("a value nests lists and maps deeper than {deepest} levels"))
}

fn no_value(what: &str) -> mlua::Error {
    mlua::Error::runtime(format!("{what} cannot be stored or returned; use a list or a map"))
}
