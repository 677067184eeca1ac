//! The record that a function works on: `rec.bin`, the library `record` and the object `aerospike`.
//!
//! Bins are made Lua values when they are asked for, and lists and maps only once, so that what is
//! changed inside of them is seen wherever they are. Bins that are assigned wait until
//! `aerospike:create` or `aerospike:update` takes them; what has been taken when the function
//! returns is what becomes of the record, in one write. A function that fails changes nothing.

use std::sync::Arc;

use mlua::Value as LuaValue;
use mlua::{AnyUserData, Lua, LuaString, MetaMethod, Table, UserData, UserDataMethods};
use model::{Digest, Key, Name, Record, Value, limits};
use store::{Change, Ttl};

use crate::convert::Kit;

/// A record as a function is given it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// As it is; `None` where there is none.
    pub record: Option<Record>,
    /// Its digest.
    pub digest: Digest,
    /// Its set.
    pub set: Name,
    /// The key that the caller has, where it has one.
    pub key: Option<Key>,
    /// Milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
}

impl Subject {
    /// A record that was read.
    pub fn of(record: Record, set: Name, now_ms: u64) -> Subject {
        Subject { digest: record.digest, set, key: None, now_ms, record: Some(record) }
    }
}

/// The record while the function runs.
pub(crate) struct Rec {
    kit: Arc<Kit>,
    subject: Subject,
    /// Whether the function may change it.
    writable: bool,
    exists: bool,
    /// Whether the bins that it had are out of sight.
    emptied: bool,
    /// Bins that were assigned, or that are lists and the like and were read.
    seen: Vec<(Name, LuaValue)>,
    /// Bins that were assigned and not taken yet.
    assigned: Vec<Name>,
    /// Bins that were taken.
    written: Vec<(Name, Option<Value>)>,
    touched: bool,
    ttl: Ttl,
}

/// What `aerospike:create` and the others say.
const DONE: i64 = 0;
const REFUSED: i64 = 1;

impl Rec {
    pub(crate) fn new(kit: Arc<Kit>, subject: Subject, writable: bool) -> Rec {
        let exists = subject.record.is_some();
        Rec {
            kit,
            subject,
            writable,
            exists,
            emptied: false,
            seen: Vec::new(),
            assigned: Vec::new(),
            written: Vec::new(),
            touched: false,
            ttl: Ttl::Default,
        }
    }

    /// What becomes of the record. The function has ended: whoever kept the record has none now.
    pub(crate) fn end(&mut self) -> Change {
        let record = self.subject.record.take();
        let written = std::mem::take(&mut self.written);
        self.seen.clear();
        self.assigned.clear();
        self.writable = false;
        if !self.touched {
            return Change::Keep;
        }
        let old = record.as_ref().filter(|_| !self.emptied).map_or(&[][..], |r| &r.bins);
        let stays = |(name, _): &(Name, Value)| !written.iter().any(|(written, _)| written == name);
        let empty = !written.iter().any(|(_, value)| value.is_some()) && !old.iter().any(stays);
        match (self.exists && !empty, &record) {
            (true, _) => Change::Write { bins: written, replace: self.emptied, ttl: self.ttl },
            (false, Some(_)) => Change::Delete,
            (false, None) => Change::Keep,
        }
    }

    fn get(&mut self, lua: &Lua, name: &str) -> mlua::Result<LuaValue> {
        if let Some((_, value)) = self.seen.iter().find(|(seen, _)| **seen == *name) {
            return Ok(value.clone());
        }
        let record = self.subject.record.as_ref().filter(|_| !self.emptied);
        let bin = record.and_then(|record| record.bins.iter().find(|(bin, _)| **bin == *name));
        let Some((name, value)) = bin else { return Ok(LuaValue::Nil) };
        let given = self.kit.give(lua, value)?;
        if matches!(given, LuaValue::Table(_) | LuaValue::UserData(_)) {
            self.seen.push((name.clone(), given.clone()));
        }
        Ok(given)
    }

    fn set(&mut self, name: &str, value: LuaValue) -> mlua::Result<()> {
        limits::check_bin(name).map_err(mlua::Error::runtime)?;
        let known = self.seen.iter_mut().find(|(seen, _)| **seen == *name);
        let name = match known {
            Some((name, old)) => {
                *old = value;
                name.clone()
            }
            None => {
                let name = Name::from(name);
                self.seen.push((name.clone(), value));
                name
            }
        };
        if !self.assigned.contains(&name) {
            self.assigned.push(name);
        }
        Ok(())
    }

    /// Takes what was assigned.
    fn flush(&mut self) -> mlua::Result<()> {
        for name in &self.assigned {
            let seen = self.seen.iter().find(|(seen, _)| seen == name);
            let value = match seen {
                None | Some((_, LuaValue::Nil)) => None,
                Some((_, value)) => {
                    let value = self.kit.take(value);
                    let at = |e| mlua::Error::runtime(format!("bin {name:?}: {}", plain(&e)));
                    Some(value.map_err(at)?)
                }
            };
            match self.written.iter_mut().find(|(written, _)| written == name) {
                Some((_, old)) => *old = value,
                None => self.written.push((name.clone(), value)),
            }
        }
        self.assigned.clear();
        self.touched = true;
        Ok(())
    }

    fn change(&mut self) -> mlua::Result<()> {
        match self.writable {
            true => Ok(()),
            false => Err(mlua::Error::runtime("this record can only be read here")),
        }
    }

    fn create(&mut self) -> mlua::Result<i64> {
        self.change()?;
        if self.exists {
            return Ok(REFUSED);
        }
        self.exists = true;
        self.flush().map(|()| DONE)
    }

    fn update(&mut self) -> mlua::Result<i64> {
        self.change()?;
        if !self.exists {
            return Ok(REFUSED);
        }
        self.flush().map(|()| DONE)
    }

    fn remove(&mut self) -> mlua::Result<i64> {
        self.change()?;
        if !self.exists {
            return Ok(REFUSED);
        }
        self.exists = false;
        self.emptied = true;
        self.touched = true;
        self.seen.clear();
        self.assigned.clear();
        self.written.clear();
        Ok(DONE)
    }

    fn bin_names(&self) -> Vec<Name> {
        let record = self.subject.record.as_ref().filter(|_| !self.emptied);
        let old = record.map_or(&[][..], |record| &record.bins);
        let mut names: Vec<Name> = old.iter().map(|(name, _)| name.clone()).collect();
        for (name, value) in &self.seen {
            match (value, names.iter().position(|known| known == name)) {
                (LuaValue::Nil, Some(at)) => drop(names.remove(at)),
                (LuaValue::Nil, None) | (_, Some(_)) => {}
                (_, None) => names.push(name.clone()),
            }
        }
        names
    }

    /// Seconds that it has left; 0 where it never dies, as Aerospike says it.
    fn ttl_s(&self) -> i64 {
        let record = self.subject.record.as_ref();
        record.map_or(0, |record| record.ttl_s(self.subject.now_ms).max(0))
    }

    fn set_ttl(&mut self, seconds: i64) -> mlua::Result<()> {
        self.ttl = match seconds {
            0 => Ttl::Default,
            -1 => Ttl::Never,
            -2 => Ttl::Keep,
            seconds => match u32::try_from(seconds) {
                Ok(seconds) if seconds <= limits::TTL_MAX_S => Ttl::Seconds(seconds),
                _ => {
                    let what = format!("{seconds} is no time to live: seconds, 0, -1 or -2");
                    return Err(mlua::Error::runtime(what));
                }
            },
        };
        Ok(())
    }
}

/// An error's own text.
fn plain(error: &mlua::Error) -> String {
    crate::failure::failure_of(error).to_string()
}

impl UserData for Rec {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method_mut(MetaMethod::Index, |lua, this, name: LuaString| {
            this.get(lua, &name.to_str()?)
        });
        methods.add_meta_method_mut(
            MetaMethod::NewIndex,
            |_, this, (name, value): (LuaString, LuaValue)| this.set(&name.to_str()?, value),
        );
        methods.add_meta_method(MetaMethod::ToString, |_, _, ()| Ok("[ REC ]"));
    }
}

/// Puts `record` and `aerospike` into `env`.
pub(crate) fn register(lua: &Lua, env: &Table, kit: &Arc<Kit>) -> mlua::Result<()> {
    env.set("record", library(lua, kit)?)?;
    let object = lua.create_table()?;
    type Call = (LuaValue, AnyUserData);
    let create = |_: &Lua, (_, rec): Call| rec.borrow_mut::<Rec>()?.create();
    object.set("create", lua.create_function(create)?)?;
    let update = |_: &Lua, (_, rec): Call| rec.borrow_mut::<Rec>()?.update();
    object.set("update", lua.create_function(update)?)?;
    let remove = |_: &Lua, (_, rec): Call| rec.borrow_mut::<Rec>()?.remove();
    object.set("remove", lua.create_function(remove)?)?;
    let exists = |_: &Lua, (_, rec): Call| Ok(rec.borrow::<Rec>()?.exists);
    object.set("exists", lua.create_function(exists)?)?;
    env.set("aerospike", object)
}

fn library(lua: &Lua, kit: &Arc<Kit>) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    /// A function of the library that says something of the record.
    macro_rules! says {
        ($name:literal, $say:expr) => {
            let say: fn(&Rec) -> i64 = $say;
            library.set(
                $name,
                lua.create_function(move |_, rec: AnyUserData| Ok(say(&*rec.borrow::<Rec>()?)))?,
            )?;
        };
    }
    fn of(rec: &Rec, say: fn(&Record) -> i64) -> i64 {
        rec.subject.record.as_ref().map_or(0, say)
    }
    says!("ttl", |rec| rec.ttl_s());
    says!("gen", |rec| of(rec, |r| i64::from(r.generation)));
    says!("last_update_time", |rec| of(rec, |r| r.lut_ms as i64));
    says!("size", |rec| of(rec, |r| i64::from(r.size)));
    says!("record_size", |rec| of(rec, |r| i64::from(r.size)));
    says!("device_size", |rec| of(rec, |r| i64::from(r.size)));
    says!("numbins", |rec| rec.bin_names().len() as i64);
    let names = |_: &Lua, rec: AnyUserData| {
        let names = rec.borrow::<Rec>()?.bin_names();
        Ok(names.iter().map(|name| name.to_string()).collect::<Vec<_>>())
    };
    library.set("bin_names", lua.create_function(names)?)?;
    let set = |_: &Lua, rec: AnyUserData| Ok(rec.borrow::<Rec>()?.subject.set.to_string());
    library.set("setname", lua.create_function(set)?)?;
    let own = kit.clone();
    let digest = move |lua: &Lua, rec: AnyUserData| {
        own.give(lua, &Value::Blob(rec.borrow::<Rec>()?.subject.digest.0.to_vec()))
    };
    library.set("digest", lua.create_function(digest)?)?;
    let own = kit.clone();
    let key = move |lua: &Lua, rec: AnyUserData| {
        let rec = rec.borrow::<Rec>()?;
        let stored = rec.subject.record.as_ref().and_then(|record| record.key.as_ref());
        match stored.or(rec.subject.key.as_ref()) {
            None => Ok(LuaValue::Nil),
            Some(Key::Integer(n)) => Ok(LuaValue::Integer(*n)),
            Some(Key::String(text)) => own.give(lua, &Value::String(text.clone())),
            Some(Key::Blob(data)) => own.give(lua, &Value::Blob(data.clone())),
        }
    };
    library.set("key", lua.create_function(key)?)?;
    let set_ttl =
        |_: &Lua, (rec, seconds): (AnyUserData, i64)| rec.borrow_mut::<Rec>()?.set_ttl(seconds);
    library.set("set_ttl", lua.create_function(set_ttl)?)?;
    let drop_key = |_: &Lua, _: AnyUserData| -> mlua::Result<()> {
        Err(mlua::Error::runtime("record.drop_key is not available: a stored key stays"))
    };
    library.set("drop_key", lua.create_function(drop_key)?)?;
    Ok(library)
}
