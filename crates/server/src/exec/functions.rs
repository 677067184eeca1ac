//! Modules of users' functions, and their functions on records: REGISTER, REMOVE, SHOW and DESC MODULE,
//! EXECUTE and AGGREGATE.

use std::sync::Arc;

use futures::StreamExt;
use model::{ColumnType, Digest, Error, Key, Name, Record, Table, Value};
use sql::expr::{Expr, Row};
use sql::plan::{Call as Called, Target};
use sql::{SqlError, SqlResult};
use store::{Address, Bins, ScanCursor, Target as Named};
use udf::{Call, Input, Module, Part, StreamRun, TIME_MAX, module_name};

use super::show::{answer, fields, text};
use super::{ArrowRows, Executor, Operated, keys, passes, row};
use crate::functions::{Applied, Cancel, apply, waited};
use crate::pg::{Answer, Field, SessionState, Tag};

/// Records of a scan that are worked on together.
const AT_ONCE: usize = 64;

pub(super) fn module_fields() -> Vec<Field> {
    use ColumnType::{Int8, Text};
    fields(&[("filename", Text), ("type", Text), ("bytes", Int8)])
}

pub(super) fn modules<S: Operated>(store: &S) -> Answer<ArrowRows> {
    let modules = store.functions().modules();
    let row = |module: &Arc<Module>| {
        let bytes = Value::Integer(module.source.len() as i64);
        vec![text(&module.file()), text("LUA"), Some(bytes)]
    };
    answer(modules.values().map(row).collect())
}

pub(super) fn source_fields() -> Vec<Field> {
    fields(&[("module", ColumnType::Text)])
}

pub(super) fn describe<S: Operated>(store: &S, file: &str) -> SqlResult<Answer<ArrowRows>> {
    let modules = store.functions().modules();
    let module = modules.get(module_name(file)?).ok_or_else(|| no_module(file))?;
    Ok(Answer::Values(Tag::Text("DESC"), vec![vec![text(&module.source)]]))
}

fn no_module(file: &str) -> SqlError {
    SqlError::new("42704", format!("module \"{file}\" does not exist"))
        .hint("SHOW MODULES lists those that are registered")
}

/// A column named after the function, which may return anything; none where records are counted.
pub(super) fn call_fields(call: &Called) -> Option<Vec<Field>> {
    call.answers().then(|| vec![Field::new(call.function.as_str(), ColumnType::Jsonb)])
}

/// Why a record has no result: it does not pass the condition, or something is wrong.
enum Unanswered {
    Passed,
    Wrong(SqlError),
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Unanswered {
        Unanswered::Wrong(error.into())
    }
}

impl<S: Operated> Executor<S> {
    pub(super) async fn register_module(
        &self,
        file: &str,
        source: &str,
    ) -> SqlResult<Answer<ArrowRows>> {
        let module = Module::new(file, source.as_bytes())?;
        self.store.put_module(module).await?;
        Ok(Answer::Done(Tag::Text("REGISTER MODULE")))
    }

    pub(super) async fn remove_module(&self, file: &str) -> SqlResult<Answer<ArrowRows>> {
        match self.store.remove_module(module_name(file)?).await? {
            true => Ok(Answer::Done(Tag::Text("REMOVE MODULE"))),
            false => Err(no_module(file)),
        }
    }

    pub(super) async fn call(
        &self,
        session: &SessionState,
        call: &Called,
        params: &[Option<Value>],
    ) -> SqlResult<Answer<ArrowRows>> {
        if session.block.is_some() {
            let verb = if call.aggregate { "AGGREGATE" } else { "EXECUTE .. ON" };
            let message = format!("{verb} cannot run inside a transaction block");
            let hint = "a function sees and changes records at once; run it before BEGIN";
            return Err(SqlError::new("25001", message).hint(hint));
        }
        // What is not there would else be an error only of the first record.
        let functions = self.store.functions();
        if !functions.modules().contains_key(&call.module) {
            return Err(no_module(&call.module));
        }
        let rows = |values: Vec<Value>| {
            let given = |value: Value| Some(value).filter(|value| *value != Value::Nil);
            values.into_iter().map(|value| vec![given(value)]).collect()
        };
        let done = match (&call.target, call.aggregate) {
            (_, true) => {
                let values = self.aggregate(call, params).await;
                values.map(|values| Answer::Values(Tag::Rows("AGGREGATE"), rows(values)))
            }
            (Target::Keys(..), false) => {
                let values = self.on_keys(call, params).await;
                values.map(|values| Answer::Values(Tag::Rows("EXECUTE"), rows(values)))
            }
            (_, false) => {
                let count = self.on_all(call, params).await;
                count.map(|count| Answer::Done(Tag::Count("EXECUTE", count)))
            }
        };
        let of = || format!("{}.{}: ", call.module, call.function);
        done.map_err(|error| match error.sqlstate {
            "38000" => SqlError { message: of() + &error.message, ..error },
            _ => error,
        })
    }

    /// The records of keys that are there to be looked at, or to be made.
    async fn on_keys(&self, call: &Called, params: &[Option<Value>]) -> SqlResult<Vec<Value>> {
        let Target::Keys(named, filter) = &call.target else { return Ok(Vec::new()) };
        let constants = Row { params, now_ms: self.store.now_ms(), ..Row::default() };
        let targets = keys::targets(&call.table, named, &constants)?;
        let mut values = Vec::new();
        for Named { digest, key } in targets.into_iter().take(most(call)) {
            let done = self.one(call, (digest, key.as_ref()), filter.as_ref(), params).await;
            match done {
                Ok(done) => values.push(done.result),
                Err(Unanswered::Passed) => {}
                Err(Unanswered::Wrong(error)) => return Err(error),
            }
        }
        Ok(values)
    }

    /// All records of the set that pass the condition: how many those were.
    async fn on_all(&self, call: &Called, params: &[Option<Value>]) -> SqlResult<u64> {
        let Target::Scan(filter, _) = &call.target else { return Ok(0) };
        let (mut count, mut cursor) = (0, ScanCursor::all());
        while !cursor.done() && count < most(call) as u64 {
            let records = self.some(&call.table, filter.as_ref(), params, &mut cursor).await?;
            let left = most(call).saturating_sub(count as usize);
            let calls = records.iter().take(left).map(|record| {
                self.one(call, (record.digest, record.key.as_ref()), filter.as_ref(), params)
            });
            let calls: Vec<_> = calls.collect();
            let mut calls = futures::stream::iter(calls).buffered(AT_ONCE);
            while let Some(done) = calls.next().await {
                match done {
                    Ok(_) => count += 1,
                    Err(Unanswered::Passed) => {}
                    Err(Unanswered::Wrong(error)) => {
                        return Err(error.detail(format!("{count} records were done before")));
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(count)
    }

    /// The next records of the set that pass the condition.
    async fn some(
        &self,
        table: &Table,
        filter: Option<&Expr>,
        params: &[Option<Value>],
        cursor: &mut ScanCursor,
    ) -> SqlResult<Vec<Record>> {
        let (namespace, set) = (&table.namespace, &table.name);
        let records = self.store.scan(namespace, set, Bins::All, cursor, AT_ONCE).await?;
        let now_ms = self.store.now_ms();
        let mut some = Vec::with_capacity(records.len());
        for record in records {
            if passes(filter, &row(set, Some(&record), None, params, now_ms))? {
                some.push(record);
            }
        }
        Ok(some)
    }

    async fn one(
        &self,
        call: &Called,
        (digest, key): (Digest, Option<&Key>),
        filter: Option<&Expr>,
        params: &[Option<Value>],
    ) -> Result<Applied, Unanswered> {
        let Table { namespace, name: set, .. } = &*call.table;
        let of_all = matches!(call.target, Target::Scan(..));
        let admit = |record: Option<&Record>| {
            let now_ms = self.store.now_ms();
            // A record of a scan that went meanwhile is none.
            if record.is_none() && (of_all || filter.is_some()) {
                return Err(Unanswered::Passed);
            }
            match passes(filter, &row(set, record, key, params, now_ms)) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Unanswered::Passed),
                Err(error) => Err(Unanswered::Wrong(error)),
            }
        };
        let at = Address { namespace, set, digest, key };
        let functions = self.store.functions();
        apply(&*self.store, &self.locks, functions, at, &called(call), admit).await
    }

    /// What the function makes of the stream of records.
    async fn aggregate(&self, call: &Called, params: &[Option<Value>]) -> SqlResult<Vec<Value>> {
        let functions = self.store.functions();
        let beside = called(call);
        let _cancel = Cancel(beside.cancelled.clone());
        let run = waited(|then| functions.stream(beside, Part::Beside, then));
        let mut run = run.await.map_err(Error::from)?;
        let mut parts = Vec::new();
        let mut left = most(call);
        let (filter, mut cursor) = match &call.target {
            Target::Scan(filter, _) => (filter.as_ref(), ScanCursor::all()),
            // The records of keys are few enough to come at once.
            target => {
                let records = self.named(call, target, params).await?;
                run = self.feed(run, &call.table, records, &mut parts).await?;
                (None, ScanCursor::new(0, 0))
            }
        };
        while !cursor.done() && left > 0 {
            let mut records = self.some(&call.table, filter, params, &mut cursor).await?;
            records.truncate(left);
            left -= records.len();
            run = self.feed(run, &call.table, records, &mut parts).await?;
            tokio::task::yield_now().await;
        }
        parts.extend(waited(|then| functions.finish(run, then)).await.map_err(Error::from)?);
        self.together(call, parts).await
    }

    /// Puts the parts of a stream together, which are one here.
    async fn together(&self, call: &Called, parts: Vec<Value>) -> SqlResult<Vec<Value>> {
        let functions = self.store.functions();
        let call = called(call);
        let _cancel = Cancel(call.cancelled.clone());
        let run = waited(|then| functions.stream(call, Part::Together, then));
        let run = run.await.map_err(Error::from)?;
        let fed = waited(|then| functions.feed(run, Input::Values(parts), then));
        let (run, mut values) = fed.await.map_err(Error::from)?;
        values.extend(waited(|then| functions.finish(run, then)).await.map_err(Error::from)?);
        Ok(values)
    }

    async fn feed(
        &self,
        run: StreamRun,
        table: &Table,
        records: Vec<Record>,
        parts: &mut Vec<Value>,
    ) -> SqlResult<StreamRun> {
        /// Values that a stream may give: they are in memory until all are there.
        const VALUES_MAX: usize = 1_000_000;
        let set = Name::from(table.name.as_str());
        let records = records.into_iter().map(|record| (set.clone(), record)).collect();
        let input = Input::Records(records, self.store.now_ms());
        let functions = self.store.functions();
        let fed = waited(|then| functions.feed(run, input, then));
        let (run, values) = fed.await.map_err(Error::from)?;
        parts.extend(values);
        if parts.len() > VALUES_MAX {
            let message = format!("the stream gave more than {VALUES_MAX} values");
            return Err(SqlError::new("54000", message).hint("reduce or aggregate them"));
        }
        Ok(run)
    }

    async fn named(
        &self,
        call: &Called,
        target: &Target,
        params: &[Option<Value>],
    ) -> SqlResult<Vec<Record>> {
        let Target::Keys(named, filter) = target else { return Ok(Vec::new()) };
        let now_ms = self.store.now_ms();
        let constants = Row { params, now_ms, ..Row::default() };
        let targets = keys::targets(&call.table, named, &constants)?;
        let digests: Vec<_> = targets.iter().map(|target| target.digest).collect();
        let (namespace, set) = (&call.table.namespace, &call.table.name);
        let found = self.store.get_many(namespace, set, &digests, Bins::All).await?;
        let mut records = Vec::new();
        for record in found.into_iter().flatten().take(most(call)) {
            if passes(filter.as_ref(), &row(set, Some(&record), None, params, now_ms))? {
                records.push(record);
            }
        }
        Ok(records)
    }
}

fn called(call: &Called) -> Call {
    Call::new(&call.module, &call.function, call.args.clone(), TIME_MAX)
}

/// Records at most.
fn most(call: &Called) -> usize {
    call.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
