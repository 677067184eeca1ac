//! `bytes`: rows of bytes that a function changes in place. Places count from 1; what is read beyond
//! the end is 0 or empty, what is written beyond it makes the value longer, with zeros between.

use std::sync::Arc;

use mlua::{AnyUserData, Lua, LuaString, MetaMethod, Table, UserData, UserDataMethods, Value};
use model::{Value as Stored, limits};

use crate::budget::Budget;

/// A bytes value.
pub(crate) struct Bytes {
    data: Vec<u8>,
    /// Whether it is a sketch.
    hll: bool,
    budget: Arc<Budget>,
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.budget.resized(self.data.len(), 0);
    }
}

impl Bytes {
    pub(crate) fn new(
        lua: &Lua,
        budget: &Arc<Budget>,
        data: Vec<u8>,
        hll: bool,
    ) -> mlua::Result<Bytes> {
        room_for(lua, budget, data.len())?;
        budget.resized(0, data.len());
        Ok(Bytes { data, hll, budget: budget.clone() })
    }

    /// What it is in a bin.
    pub(crate) fn stored(&self) -> Stored {
        match self.hll {
            true => Stored::Hll(self.data.clone()),
            false => Stored::Blob(self.data.clone()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    fn resize(&mut self, lua: &Lua, len: usize) -> mlua::Result<()> {
        let old = self.data.len();
        if len > old {
            room_for(lua, &self.budget, len - old)?;
        }
        self.data.resize(len, 0);
        self.budget.resized(old, len);
        Ok(())
    }

    /// Writes at `place`, counted from 1; whether that could be done.
    fn write(&mut self, lua: &Lua, place: i64, data: &[u8]) -> mlua::Result<bool> {
        let Some(start) = start_of(place) else { return Ok(false) };
        let end = start.saturating_add(data.len());
        if end > limits::RECORD_SIZE_MAX {
            return Ok(false);
        }
        if end > self.data.len() {
            self.resize(lua, end)?;
        }
        self.data[start..end].copy_from_slice(data);
        Ok(true)
    }

    fn append(&mut self, lua: &Lua, data: &[u8]) -> mlua::Result<bool> {
        self.write(lua, self.data.len() as i64 + 1, data)
    }

    /// The bytes from `place` on, at most `len`.
    fn part(&self, place: i64, len: i64) -> &[u8] {
        let start = start_of(place).unwrap_or(usize::MAX).min(self.data.len());
        let len = usize::try_from(len).unwrap_or(0);
        &self.data[start..start.saturating_add(len).min(self.data.len())]
    }

    fn array<const N: usize>(&self, place: i64) -> Option<[u8; N]> {
        start_of(place).and_then(|start| self.data.get(start..)?.first_chunk().copied())
    }

    /// A number in groups of 7 bits, the lowest first, and the bytes that it takes; 0 and 0 where
    /// there is none.
    fn var_int(&self, place: i64) -> (i64, i64) {
        let mut value = 0_u32;
        for (at, byte) in self.part(place, 5).iter().enumerate() {
            value |= u32::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return (i64::from(value), at as i64 + 1);
            }
        }
        (0, 0)
    }
}

fn start_of(place: i64) -> Option<usize> {
    usize::try_from(place.checked_sub(1)?).ok()
}

/// Groups of 7 bits, the lowest first.
fn var_int(value: i64) -> Vec<u8> {
    let (mut rest, mut out) = (value as u32, Vec::new());
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

/// Whether `more` bytes may be had outside of Lua: what a function has let go of counts no more.
fn room_for(lua: &Lua, budget: &Budget, more: usize) -> mlua::Result<()> {
    let full = || lua.used_memory() + budget.outside() + more > budget.memory;
    if full() {
        budget.check()?;
        lua.gc_collect()?;
        if full() {
            return Err(budget.out_of_memory());
        }
    }
    Ok(())
}

impl UserData for Bytes {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |_, this, place: i64| {
            Ok(this.array::<1>(place).map_or(0, |[byte]| i64::from(byte)))
        });
        methods.add_meta_method_mut(
            MetaMethod::NewIndex,
            |lua, this, (place, value): (i64, i64)| match this.write(lua, place, &[value as u8])? {
                true => Ok(()),
                false => Err(mlua::Error::runtime(format!("bytes have no place {place}"))),
            },
        );
        methods.add_meta_method(MetaMethod::Len, |_, this, ()| Ok(this.data.len()));
        methods.add_meta_method(MetaMethod::Eq, |_, this, other: AnyUserData| {
            Ok(other.borrow::<Bytes>().is_ok_and(|other| other.data == this.data))
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| {
            // As much as a message can bear.
            let shown = this.data.iter().take(1024).map(|byte| format!("{byte:02X}"));
            Ok(shown.collect::<Vec<_>>().join(" "))
        });
    }
}

type Place = (AnyUserData, i64);
type Set = (AnyUserData, i64, i64);

/// Reading, writing and appending integers of one width and byte order.
macro_rules! integers {
    ($lua:expr, $library:expr, $name:literal, $type:ty, $from:ident, $to:ident) => {
        $library.set(
            concat!("get_", $name),
            $lua.create_function(|_, (bytes, place): Place| {
                let number = bytes.borrow::<Bytes>()?.array(place).map(<$type>::$from);
                Ok(number.map_or(0, i64::from))
            })?,
        )?;
        $library.set(
            concat!("set_", $name),
            $lua.create_function(|lua, (bytes, place, value): Set| {
                bytes.borrow_mut::<Bytes>()?.write(lua, place, &(value as $type).$to())
            })?,
        )?;
        $library.set(
            concat!("append_", $name),
            $lua.create_function(|lua, (bytes, value): Place| {
                bytes.borrow_mut::<Bytes>()?.append(lua, &(value as $type).$to())
            })?,
        )?;
    };
}

/// Puts the library into `env`, and what the types need of it into `host`.
pub(crate) fn register(
    lua: &Lua,
    host: &Table,
    env: &Table,
    budget: &Arc<Budget>,
) -> mlua::Result<()> {
    let library = lua.create_table()?;
    let call = lua.create_table()?;
    let own = budget.clone();
    let new = move |lua: &Lua, _: mlua::MultiValue| Bytes::new(lua, &own, Vec::new(), false);
    call.set("__call", lua.create_function(new)?)?;
    library.set_metatable(Some(call))?;

    integers!(lua, library, "byte", u8, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int16", i16, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int16_be", i16, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int16_le", i16, from_le_bytes, to_le_bytes);
    integers!(lua, library, "int32", i32, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int32_be", i32, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int32_le", i32, from_le_bytes, to_le_bytes);
    integers!(lua, library, "int64", i64, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int64_be", i64, from_be_bytes, to_be_bytes);
    integers!(lua, library, "int64_le", i64, from_le_bytes, to_le_bytes);
    sizes(lua, &library)?;
    texts(lua, &library)?;
    parts(lua, &library, budget)?;
    let same = lua.create_function(|_, (a, b): (Value, Value)| {
        let (Value::UserData(a), Value::UserData(b)) = (a, b) else { return Ok(false) };
        let (Ok(a), Ok(b)) = (a.borrow::<Bytes>(), b.borrow::<Bytes>()) else { return Ok(false) };
        Ok(a.data == b.data)
    })?;
    host.set("same_bytes", same)?;
    host.set("is_bytes", library.get::<mlua::Function>("is_bytes")?)?;
    env.set("bytes", library)
}

fn sizes(lua: &Lua, library: &Table) -> mlua::Result<()> {
    let is = |_: &Lua, v: Value| Ok(matches!(&v, Value::UserData(v) if v.is::<Bytes>()));
    library.set("is_bytes", lua.create_function(is)?)?;
    let size = |_: &Lua, bytes: AnyUserData| Ok(bytes.borrow::<Bytes>()?.data.len());
    library.set("size", lua.create_function(size)?)?;
    // What lies behind the new size goes; a greater one is room, which comes with what is written.
    let set_size = |lua: &Lua, (bytes, size): (AnyUserData, usize)| {
        let mut bytes = bytes.borrow_mut::<Bytes>()?;
        let size = size.min(bytes.data.len());
        bytes.resize(lua, size).map(|()| true)
    };
    library.set("set_size", lua.create_function(set_size)?)?;
    let get_type = |_: &Lua, bytes: AnyUserData| {
        let kind = bytes.borrow::<Bytes>()?.stored().value_type();
        Ok(kind as u8)
    };
    library.set("get_type", lua.create_function(get_type)?)?;
    let set_type = |_: &Lua, (bytes, kind): (AnyUserData, i64)| {
        bytes.borrow_mut::<Bytes>()?.hll = kind == model::ValueType::Hll as i64;
        Ok(true)
    };
    library.set("set_type", lua.create_function(set_type)?)
}

fn texts(lua: &Lua, library: &Table) -> mlua::Result<()> {
    let get = |lua: &Lua, (bytes, place, len): Set| {
        lua.create_string(bytes.borrow::<Bytes>()?.part(place, len))
    };
    library.set("get_string", lua.create_function(get)?)?;
    let set = |lua: &Lua, (bytes, place, text): (AnyUserData, i64, LuaString)| {
        bytes.borrow_mut::<Bytes>()?.write(lua, place, &text.as_bytes())
    };
    library.set("set_string", lua.create_function(set)?)?;
    let append = |lua: &Lua, (bytes, text): (AnyUserData, LuaString)| {
        bytes.borrow_mut::<Bytes>()?.append(lua, &text.as_bytes())
    };
    library.set("append_string", lua.create_function(append)?)
}

fn parts(lua: &Lua, library: &Table, budget: &Arc<Budget>) -> mlua::Result<()> {
    let own = budget.clone();
    let get = move |lua: &Lua, (bytes, place, len): Set| {
        let part = bytes.borrow::<Bytes>()?.part(place, len).to_vec();
        Bytes::new(lua, &own, part, false)
    };
    library.set("get_bytes", lua.create_function(get)?)?;
    // The source's first bytes; all of them where no number is given. It may be the same value.
    let source = |from: &AnyUserData, len: Option<i64>| {
        let from = from.borrow::<Bytes>()?;
        let len = len.filter(|len| *len > 0).unwrap_or(i64::MAX);
        mlua::Result::Ok(from.part(1, len).to_vec())
    };
    let set = move |lua: &Lua, args: (AnyUserData, i64, AnyUserData, Option<i64>)| {
        let (bytes, place, from, len) = args;
        let data = source(&from, len)?;
        bytes.borrow_mut::<Bytes>()?.write(lua, place, &data)
    };
    library.set("set_bytes", lua.create_function(set)?)?;
    let append = move |lua: &Lua, args: (AnyUserData, AnyUserData, Option<i64>)| {
        let (bytes, from, len) = args;
        let data = source(&from, len)?;
        bytes.borrow_mut::<Bytes>()?.append(lua, &data)
    };
    library.set("append_bytes", lua.create_function(append)?)?;

    let get = |_: &Lua, (bytes, place): Place| Ok(bytes.borrow::<Bytes>()?.var_int(place));
    library.set("get_var_int", lua.create_function(get)?)?;
    let set = |lua: &Lua, (bytes, place, value): Set| {
        let data = var_int(value);
        let done = bytes.borrow_mut::<Bytes>()?.write(lua, place, &data)?;
        Ok(if done { data.len() } else { 0 })
    };
    library.set("set_var_int", lua.create_function(set)?)?;
    let append = |lua: &Lua, (bytes, value): Place| {
        let data = var_int(value);
        let done = bytes.borrow_mut::<Bytes>()?.append(lua, &data)?;
        Ok(if done { data.len() } else { 0 })
    };
    library.set("append_var_int", lua.create_function(append)?)
}
