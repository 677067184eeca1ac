//! INSERT, UPDATE and DELETE: each record atomically, expressions evaluated under its lock.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use model::{Column, ColumnType, Digest, Error, ErrorKind, Name, Record, Table, Value};
use sql::access::Access;
use sql::expr::{Expr, Row};
use sql::plan::{
    Assignment, Check, Delete, Insert, InsertSource, OnConflict, Output, Query, Target, Update,
};
use sql::{SqlError, SqlResult};
use store::{Bins, Change, IndexWalk, ScanCursor, Seen, Store, Target as Named, Ttl, View};

use super::background::{ArrowRows, Queries};
use super::sequences::Sequences;
use super::{Rows, Session, by_index, checks, keys, outputs, passes, row};
use crate::pg::Drawn;

/// Where the records of an UPDATE or DELETE come from.
enum Source {
    Set(ScanCursor),
    Index(Box<IndexWalk>),
}

impl Source {
    fn done(&self) -> bool {
        match self {
            Source::Set(cursor) => cursor.done(),
            Source::Index(walk) => walk.done(),
        }
    }
}

/// Records read at once by an UPDATE or DELETE that scans.
const SCAN_BATCH: usize = 1000;
/// How often records that changed between a query and its write are asked for again.
const QUERY_ROUNDS: usize = 16;

/// What a write did.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Records that were changed.
    pub(super) count: u64,
    /// Rows of RETURNING.
    pub(super) rows: Rows,
}

/// What every statement here works with.
pub(super) struct Writer<'a, S: Store> {
    pub(super) store: &'a View<S>,
    pub(super) queries: &'a Queries<S>,
    pub(super) session: &'a Session,
    pub(super) params: &'a [Option<Value>],
    pub(super) now_ms: u64,
    pub(super) sequences: &'a Sequences<S>,
    pub(super) drawn: &'a Arc<Mutex<Drawn>>,
}

/// Carries a statement's error out of a closure that can only give the store's.
#[derive(Default)]
pub(super) struct Carried(Option<SqlError>);

impl Carried {
    pub(super) fn carry<T>(&mut self, result: SqlResult<T>) -> model::Result<T> {
        result.map_err(|error| {
            self.0 = Some(error);
            Error::new(ErrorKind::Parameter, "the statement failed")
        })
    }

    pub(super) fn unwrap<T>(self, result: model::Result<T>) -> SqlResult<T> {
        match (self.0, result) {
            (Some(error), Err(_)) => Err(error),
            (_, result) => Ok(result?),
        }
    }
}

impl<S: Store> Writer<'_, S> {
    fn row<'b>(&'b self, table: &'b Table, record: &'b Record) -> Row<'b> {
        row(&table.name, Some(record), None, self.params, self.now_ms)
    }

    pub(super) fn constants(&self) -> Row<'_> {
        Row { params: self.params, now_ms: self.now_ms, ..Row::default() }
    }

    /// The values of rows of expressions that see no record.
    async fn values(&self, rows: &[Vec<Expr>]) -> SqlResult<Rows> {
        let numbers = self.sequences.draw(rows.iter().flatten(), 1, self.drawn).await?;
        let row = Row { draw: Some(&numbers), ..self.constants() };
        let values = |exprs: &Vec<Expr>| exprs.iter().map(|expr| expr.eval(&row)).collect();
        rows.iter().map(values).collect()
    }

    /// Adds the values of defaults to each row.
    async fn complete(&self, rows: &mut Rows, defaults: &[Expr]) -> SqlResult<()> {
        if defaults.is_empty() {
            return Ok(());
        }
        let numbers = self.sequences.draw(defaults.iter(), rows.len(), self.drawn).await?;
        let constants = Row { draw: Some(&numbers), ..self.constants() };
        for row in rows {
            for default in defaults {
                row.push(default.eval(&constants)?);
            }
        }
        Ok(())
    }

    pub(super) fn ttl(&self, ttl: Option<&Expr>, otherwise: Ttl) -> SqlResult<Ttl> {
        let Some(ttl) = ttl else { return Ok(self.session.record_ttl.unwrap_or(otherwise)) };
        match ttl.eval(&self.constants())? {
            None => Ok(otherwise),
            Some(Value::Integer(0 | -1)) => Ok(Ttl::Never),
            Some(Value::Integer(s)) => {
                let seconds = u32::try_from(s).ok().filter(|s| *s <= model::limits::TTL_MAX_S);
                seconds.map(Ttl::Seconds).ok_or_else(|| {
                    SqlError::new("22023", format!("a time to live of {s} seconds is out of range"))
                        .hint("give 1 second to 10 years, or -1 for never")
                })
            }
            Some(_) => Err(SqlError::new("42804", "a time to live is a number of seconds")),
        }
    }

    /// Runs an INSERT, UPSERT or REPLACE.
    pub(super) async fn insert(&self, insert: &Insert) -> SqlResult<Written> {
        match &insert.source {
            InsertSource::Values(rows) => self.insert_rows(insert, self.values(rows).await?).await,
            InsertSource::Query { query, defaults, whole } => {
                let given = insert.columns.len() - defaults.len();
                let types: Vec<_> = insert.columns[..given].iter().map(|c| c.column_type).collect();
                let mut written = Written::default();
                let mut batches = self.query(query).await?;
                let mut all = Rows::new();
                while let Some(batch) = batches.next_batch().await? {
                    let mut rows = query::batch_values(&batch, &types)?;
                    self.complete(&mut rows, defaults).await?;
                    if *whole {
                        all.append(&mut rows);
                        continue;
                    }
                    let more = self.insert_rows(insert, rows).await?;
                    written.count += more.count;
                    written.rows.extend(more.rows);
                    give_way().await;
                }
                if !all.is_empty() {
                    written = self.insert_rows(insert, all).await?;
                }
                Ok(written)
            }
            InsertSource::Copied { .. } => {
                Err(SqlError::new("XX000", "a COPY was run as an INSERT"))
            }
        }
    }

    /// Stores rows of a COPY.
    pub(super) async fn copied(&self, insert: &Insert, mut rows: Rows) -> SqlResult<Written> {
        if let InsertSource::Copied { defaults } = &insert.source {
            self.complete(&mut rows, defaults).await?;
        }
        self.insert_rows(insert, rows).await
    }

    async fn query(&self, query: &Query) -> SqlResult<ArrowRows> {
        let prepared = self.queries.prepare(query, self.session.info.clone(), &[]).await?;
        self.queries.start(&prepared, self.params, self.session.info.clone())
    }

    async fn insert_rows(&self, insert: &Insert, rows: Rows) -> SqlResult<Written> {
        let table = &insert.table;
        let new_row = |(i, row)| self.new_row(insert, row).map_err(|e: SqlError| e.in_row(i));
        let rows: Vec<NewRow> =
            rows.into_iter().enumerate().map(new_row).collect::<SqlResult<_>>()?;
        self.check_conflicts(insert, &rows).await?;
        let ttl = self.ttl(insert.ttl.as_ref(), Ttl::Default)?;
        let targets: Vec<Named> = rows.iter().map(|row| row.target.clone()).collect();
        let mut carried = Carried::default();
        let mut returned = Returned::new();
        let change = |i: usize, seen: Seen<'_>| {
            let change = self.insert_one(insert, &rows[i], seen, ttl);
            let change = match insert.on_conflict {
                OnConflict::Merge | OnConflict::UpdateOnly | OnConflict::Update { .. } => change
                    .and_then(|change| {
                        let old = seen.record().unwrap_or(None);
                        self.checked(&insert.checks, table, &rows[i].target, old, change)
                    }),
                // The whole row was held to the checks when it was made.
                _ => change,
            };
            let change = carried.carry(change.map_err(|e| e.in_row(i)))?;
            if !insert.returning.is_empty() && change != Change::Keep {
                let old = seen.record().unwrap_or(None);
                let after = self.after(&rows[i].target, old, &change);
                let row = self.row(table, &after);
                returned.insert(i, carried.carry(outputs(&insert.returning, &row))?);
            }
            Ok(change)
        };
        let done = self.store.modify_many(&table.namespace, &table.name, &targets, change).await;
        let outcomes = carried.unwrap(done)?;
        let count = outcomes.iter().filter(|outcome| outcome.changed).count() as u64;
        Ok(Written { count, rows: returned.into_values().collect() })
    }

    /// Splits a row into key and bins, and checks NOT NULL.
    fn new_row(&self, insert: &Insert, values: Vec<Option<Value>>) -> SqlResult<NewRow> {
        let table = &insert.table;
        let mut key = Vec::with_capacity(table.key.len());
        let mut bins = Vec::with_capacity(values.len());
        for key_column in &table.key {
            let place = insert.columns.iter().position(|column| column.name == key_column.name);
            key.push(place.and_then(|i| values[i].clone()));
        }
        if let Some(missing) = key.iter().position(Option::is_none) {
            return Err(null_violation(table, &table.key[missing].name));
        }
        for (column, value) in insert.columns.iter().zip(values) {
            if !table.key.iter().any(|k| k.name == column.name) {
                bins.push((Name::from(column.name.as_str()), value));
            }
        }
        let whole = !matches!(insert.on_conflict, OnConflict::Merge | OnConflict::UpdateOnly);
        for column in table.columns.iter().filter(|column| column.not_null) {
            let given = bins.iter().find(|(name, _)| **name == *column.name);
            if given.map_or(whole, |(_, value)| value.is_none()) {
                return Err(null_violation(table, &column.name));
            }
        }
        let parts = key.clone();
        let key_value = match key.is_empty() {
            true => keys::generated(self.now_ms),
            false => keys::composite(key.into_iter().flatten().collect())?,
        };
        let new = NewRow { target: keys::named(table, key_value), key: parts, bins };
        if whole && !insert.checks.is_empty() {
            let change = Change::Write { bins: new.bins.clone(), replace: true, ttl: Ttl::Keep };
            let record = self.after(&new.target, None, &change);
            checks::hold(&insert.checks, table, &self.row(table, &record))?;
        }
        Ok(new)
    }

    /// The change, once what it leaves of the record is held to the checks.
    pub(super) fn checked(
        &self,
        checks: &[Check],
        table: &Table,
        target: &Named,
        old: Option<&Record>,
        change: Change,
    ) -> SqlResult<Change> {
        if !checks.is_empty() && matches!(change, Change::Write { .. }) {
            let record = self.after(target, old, &change);
            checks::hold(checks, table, &self.row(table, &record))?;
        }
        Ok(change)
    }

    /// A plain INSERT refuses the whole statement before it writes anything if a key is there
    /// already, or twice among its rows.
    async fn check_conflicts(&self, insert: &Insert, rows: &[NewRow]) -> SqlResult<()> {
        let mut seen = HashSet::with_capacity(rows.len());
        let twice = rows.iter().position(|row| !seen.insert(row.target.digest));
        match (&insert.on_conflict, twice) {
            (OnConflict::Update { .. }, Some(_)) => {
                let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
                return Err(SqlError::new("21000", message)
                    .hint("no two rows of one INSERT may have the same key"));
            }
            (OnConflict::Error, Some(i)) => {
                return Err(duplicate(&insert.table, &rows[i]).in_row(i));
            }
            _ => {}
        }
        if matches!(insert.on_conflict, OnConflict::Error) && rows.len() > 1 {
            let digests: Vec<Digest> = rows.iter().map(|row| row.target.digest).collect();
            let (namespace, set) = (&insert.table.namespace, &insert.table.name);
            let there = self.store.get_many(namespace, set, &digests, Bins::None).await?;
            if let Some(i) = there.iter().position(Option::is_some) {
                return Err(duplicate(&insert.table, &rows[i]).in_row(i));
            }
        }
        Ok(())
    }

    /// What becomes of one record of an INSERT.
    fn insert_one(
        &self,
        insert: &Insert,
        new: &NewRow,
        seen: Seen<'_>,
        ttl: Ttl,
    ) -> SqlResult<Change> {
        let write = |replace| Change::Write { bins: new.bins.clone(), replace, ttl };
        let missing = || {
            let message = format!("no row of \"{}\" has this key", insert.table.name);
            SqlError::new("02000", message)
                .detail(format!("Key {} does not exist.", keys::describe(&insert.table, &new.key)))
        };
        if let (OnConflict::Replace | OnConflict::ReplaceOnly, Seen::Damaged(_)) =
            (&insert.on_conflict, seen)
        {
            return Ok(write(true));
        }
        Ok(match (&insert.on_conflict, seen.record()?) {
            (OnConflict::UpdateOnly | OnConflict::ReplaceOnly, None) => return Err(missing()),
            (OnConflict::Merge, None) => {
                self.check_new_row(insert, new)?;
                write(true)
            }
            (_, None) => write(true),
            (OnConflict::Error, Some(_)) => return Err(duplicate(&insert.table, new)),
            (OnConflict::Nothing, Some(_)) => Change::Keep,
            (OnConflict::Merge | OnConflict::UpdateOnly, Some(_)) => write(false),
            (OnConflict::Replace | OnConflict::ReplaceOnly, Some(_)) => write(true),
            (OnConflict::Update { assignments, filter }, Some(record)) => {
                let excluded = |name: &str| new.value(&insert.table, name);
                let row = Row { excluded: Some(&excluded), ..self.row(&insert.table, record) };
                if !passes(filter.as_ref(), &row)? {
                    return Ok(Change::Keep);
                }
                let bins = assigned(&insert.table, assignments, &row)?;
                Change::Write { bins, replace: false, ttl: Ttl::Keep }
            }
        })
    }

    /// An UPSERT that turns out to create a row must give every NOT NULL column.
    fn check_new_row(&self, insert: &Insert, new: &NewRow) -> SqlResult<()> {
        let given = |column: &Column| new.bins.iter().any(|(name, _)| **name == *column.name);
        let mut required = insert.table.columns.iter().filter(|column| column.not_null);
        match required.find(|column| !given(column)) {
            Some(column) => Err(null_violation(&insert.table, &column.name)),
            None => Ok(()),
        }
    }

    /// The record as it will be after a write, for RETURNING.
    fn after(&self, target: &Named, old: Option<&Record>, change: &Change) -> Record {
        let mut record = old.cloned().unwrap_or_else(|| Record {
            digest: target.digest,
            key: target.key.clone(),
            bins: Vec::new(),
            generation: 0,
            lut_ms: 0,
            void_time: 0,
            size: 0,
        });
        record.generation = record.generation.checked_add(1).unwrap_or(1);
        record.lut_ms = self.now_ms;
        if let Change::Write { bins, replace, ttl } = change {
            if *replace {
                record.bins.clear();
            }
            for (name, value) in bins {
                record.bins.retain(|(n, _)| n != name);
                record.bins.extend(value.clone().map(|value| (name.clone(), value)));
            }
            match ttl {
                Ttl::Keep | Ttl::Default => {}
                Ttl::Never => record.void_time = 0,
                Ttl::Seconds(s) => record.void_time = (self.now_ms / 1000) as u32 + s,
            }
        }
        record
    }

    /// Runs an UPDATE.
    pub(super) async fn update(&self, update: &Update) -> SqlResult<Written> {
        let table = &update.table;
        let ttl = self.ttl(update.ttl.as_ref(), Ttl::Keep)?;
        if let Target::Query(query) = &update.target {
            let columns: Vec<&Column> = update.assignments.iter().map(|a| &a.column).collect();
            let change = |record: &Record, values: &[Option<Value>]| {
                let bins = columns.iter().zip(values).map(|(column, value)| {
                    check_null(table, column, value)?;
                    Ok((Name::from(column.name.as_str()), value.clone()))
                });
                let bins = bins.collect::<SqlResult<_>>()?;
                let change = Change::Write { bins, replace: false, ttl };
                self.checked(&update.checks, table, &itself(record), Some(record), change)
            };
            let returning = (&update.returning[..], update.returned.len());
            return self.by_query(table, query, &columns, returning, change).await;
        }
        let change = |record: &Record| {
            let bins = assigned(table, &update.assignments, &self.row(table, record))?;
            let change = Change::Write { bins, replace: false, ttl };
            self.checked(&update.checks, table, &itself(record), Some(record), change)
        };
        self.by_target(table, &update.target, &update.returning, None, change).await
    }

    /// Runs a DELETE.
    pub(super) async fn delete(&self, delete: &Delete) -> SqlResult<Written> {
        let table = &delete.table;
        if let Target::Query(query) = &delete.target {
            let change = |_: &Record, _: &[Option<Value>]| Ok(Change::Delete);
            let returning = (&delete.returning[..], delete.returned.len());
            return self.by_query(table, query, &[], returning, change).await;
        }
        let change = |_: &Record| Ok(Change::Delete);
        let unread = Some(Change::Delete);
        self.by_target(table, &delete.target, &delete.returning, unread, change).await
    }

    /// Changes the records of keys or of a scan that pass the filter, which each record is held to
    /// again under its lock. `unread` is what becomes of a record that is damaged, where nothing of
    /// it has to be known.
    async fn by_target(
        &self,
        table: &Table,
        target: &Target,
        returning: &[Output],
        unread: Option<Change>,
        change: impl Fn(&Record) -> SqlResult<Change> + Sync + Send,
    ) -> SqlResult<Written> {
        let mut written = Written::default();
        match target {
            Target::Keys(keys, filter) => {
                let targets = keys::targets(table, keys, &self.constants())?;
                let unread = unread.filter(|_| filter.is_none() && returning.is_empty());
                let change = (&change, unread);
                self.apply(table, &targets, filter.as_ref(), returning, change, &mut written)
                    .await?;
            }
            Target::Scan(filter, accesses) => {
                let (namespace, set) = (&table.namespace, &table.name);
                let mut scan = self.source(table, accesses).await?;
                while !scan.done() {
                    let records = match &mut scan {
                        Source::Set(cursor) => {
                            let scan =
                                self.store.scan(namespace, set, Bins::All, cursor, SCAN_BATCH);
                            scan.await?
                        }
                        Source::Index(walk) => walk.next(self.store, Bins::All, SCAN_BATCH).await?,
                    };
                    let mut targets = Vec::new();
                    for record in records {
                        if passes(filter.as_ref(), &self.row(table, &record))? {
                            targets.push(Named { digest: record.digest, key: record.key });
                        }
                    }
                    let filter = filter.as_ref();
                    let change = (&change, None);
                    self.apply(table, &targets, filter, returning, change, &mut written).await?;
                    give_way().await;
                }
            }
            Target::Query(_) => return Err(SqlError::new("XX000", "a query is no key target")),
        }
        Ok(written)
    }

    /// The way to the records of a statement without keys: a secondary index, or the whole set.
    async fn source(&self, table: &Table, accesses: &[Access]) -> SqlResult<Source> {
        let (namespace, set) = (table.namespace.as_str(), table.name.as_str());
        let store = self.store.store();
        let chosen = by_index::choose(store, namespace, accesses, &self.constants())?;
        if let Some(chosen) = chosen
            && by_index::is_cheaper(self.store, table, &chosen.reaches).await?
        {
            let all = 0..model::PARTITIONS;
            let walk = IndexWalk::new(self.store, (namespace, set), chosen.reaches, all);
            return Ok(Source::Index(Box::new(walk)));
        }
        Ok(Source::Set(ScanCursor::all()))
    }

    async fn apply(
        &self,
        table: &Table,
        targets: &[Named],
        filter: Option<&Expr>,
        returning: &[Output],
        (change, unread): (&(impl Fn(&Record) -> SqlResult<Change> + Sync + Send), Option<Change>),
        written: &mut Written,
    ) -> SqlResult<()> {
        let mut carried = Carried::default();
        let mut returned = Returned::new();
        let decide = |i: usize, seen: Seen<'_>| {
            if let (Seen::Damaged(_), Some(change)) = (seen, &unread) {
                return Ok(change.clone());
            }
            let Some(record) = seen.record()? else { return Ok(Change::Keep) };
            let decided = passes(filter, &self.row(table, record)).and_then(|pass| match pass {
                true => change(record),
                false => Ok(Change::Keep),
            });
            let change = carried.carry(decided)?;
            let row = self.returned(table, &targets[i], record, &change, returning);
            returned.extend(carried.carry(row)?.map(|row| (i, row)));
            Ok(change)
        };
        let done = self.store.modify_many(&table.namespace, &table.name, targets, decide).await;
        let outcomes = carried.unwrap(done)?;
        written.rows.extend(returned.into_values());
        written.count += outcomes.iter().filter(|outcome| outcome.changed).count() as u64;
        Ok(())
    }

    /// The RETURNING row of a change: of the record after an update, before a delete.
    fn returned(
        &self,
        table: &Table,
        target: &Named,
        old: &Record,
        change: &Change,
        returning: &[Output],
    ) -> SqlResult<Option<Vec<Option<Value>>>> {
        if returning.is_empty() || *change == Change::Keep {
            return Ok(None);
        }
        let shown = match change {
            Change::Delete => old.clone(),
            _ => self.after(target, Some(old), change),
        };
        outputs(returning, &self.row(table, &shown)).map(Some)
    }

    /// Changes the records that a query names by digest and generation. A record that changed
    /// since the query saw it is asked for again.
    async fn by_query(
        &self,
        table: &Table,
        query: &Query,
        columns: &[&Column],
        (returning, returned): (&[Output], usize),
        change: impl Fn(&Record, &[Option<Value>]) -> SqlResult<Change> + Sync + Send,
    ) -> SqlResult<Written> {
        let mut types = vec![ColumnType::Text, ColumnType::Int4];
        types.extend(columns.iter().map(|column| column.column_type));
        let prepared = self.queries.prepare(query, self.session.info.clone(), &[]).await?;
        let fields = prepared.fields();
        let last = &fields[fields.len().saturating_sub(returned)..];
        types.extend(last.iter().map(|field| field.column_type));
        let values = 2..2 + columns.len();
        let mut written = Written::default();
        let mut settled: HashSet<Digest> = HashSet::new();
        for _ in 0..QUERY_ROUNDS {
            let mut again = false;
            // The whole answer first: a scan must not meet what the statement itself wrote.
            let rows = self.query_rows(&prepared, &types).await?;
            for chunk in rows.chunks(SCAN_BATCH) {
                let mut found = Vec::with_capacity(chunk.len());
                for row in chunk {
                    let (target, generation) = identity(row)?;
                    if settled.insert(target.digest) {
                        found.push(Found {
                            target,
                            generation,
                            values: &row[values.clone()],
                            returned: &row[values.end..],
                        });
                    }
                }
                let conflicts =
                    self.apply_seen(table, &found, returning, &change, &mut written).await?;
                again |= !conflicts.is_empty();
                settled.retain(|digest| !conflicts.contains(digest));
                give_way().await;
            }
            if !again {
                return Ok(written);
            }
        }
        Err(SqlError::new("40001", "could not serialize access due to concurrent update")
            .hint("other writers kept changing the rows; try again"))
    }

    async fn query_rows(&self, query: &query::Prepared, types: &[ColumnType]) -> SqlResult<Rows> {
        let mut rows = Vec::new();
        let mut batches = self.queries.start(query, self.params, self.session.info.clone())?;
        while let Some(batch) = batches.next_batch().await? {
            rows.extend(query::batch_values(&batch, types)?);
        }
        Ok(rows)
    }

    /// Applies to each record that still has the generation that was seen; gives the others.
    async fn apply_seen(
        &self,
        table: &Table,
        found: &[Found<'_>],
        returning: &[Output],
        change: &(impl Fn(&Record, &[Option<Value>]) -> SqlResult<Change> + Sync + Send),
        written: &mut Written,
    ) -> SqlResult<Vec<Digest>> {
        let targets: Vec<Named> = found.iter().map(|found| found.target.clone()).collect();
        let mut carried = Carried::default();
        let mut conflicts = Vec::new();
        let mut returned = Returned::new();
        let decide = |i: usize, seen: Seen<'_>| {
            let Found { target, generation, values, returned: by_query } = &found[i];
            match seen.record()? {
                None => Ok(Change::Keep),
                Some(record) if record.generation != *generation => {
                    conflicts.push(target.digest);
                    Ok(Change::Keep)
                }
                Some(record) => {
                    let change = carried.carry(change(record, values))?;
                    let row = self.returned(table, target, record, &change, returning);
                    let row = carried.carry(row)?;
                    let queried = (!by_query.is_empty()).then(|| by_query.to_vec());
                    returned.extend(row.or(queried).map(|row| (i, row)));
                    Ok(change)
                }
            }
        };
        let done = self.store.modify_many(&table.namespace, &table.name, &targets, decide).await;
        let outcomes = carried.unwrap(done)?;
        written.rows.extend(returned.into_values());
        written.count += outcomes.iter().filter(|outcome| outcome.changed).count() as u64;
        Ok(conflicts)
    }
}

/// Lets others run, those too who may end the statement: records in memory keep nobody waiting, so
/// that many of them would be written without a pause.
async fn give_way() {
    tokio::task::yield_now().await;
}

/// Rows of RETURNING by the number of their target: a change that is decided twice, because there
/// was no room the first time, is told once.
type Returned = BTreeMap<usize, Vec<Option<Value>>>;

/// A record that a query names, and what it gives for it.
struct Found<'a> {
    target: Named,
    /// The generation that the query has seen.
    generation: u16,
    /// New values.
    values: &'a [Option<Value>],
    /// RETURNING, where the query computes it.
    returned: &'a [Option<Value>],
}

/// A row of an INSERT, ready to write.
struct NewRow {
    target: Named,
    key: Vec<Option<Value>>,
    bins: Vec<(Name, Option<Value>)>,
}

impl NewRow {
    /// `excluded.name`.
    fn value(&self, table: &Table, name: &str) -> Option<Value> {
        match table.key.iter().position(|column| column.name == name) {
            Some(i) => self.key[i].clone(),
            None => self.bins.iter().find(|(n, _)| **n == *name)?.1.clone(),
        }
    }
}

/// The record as what is changed.
fn itself(record: &Record) -> Named {
    Named { digest: record.digest, key: record.key.clone() }
}

/// The bins that SET writes.
fn assigned(
    table: &Table,
    assignments: &[Assignment],
    row: &Row<'_>,
) -> SqlResult<Vec<(Name, Option<Value>)>> {
    let one = |assignment: &Assignment| {
        let value = assignment.expr.eval(row)?;
        check_null(table, &assignment.column, &value)?;
        Ok((Name::from(assignment.column.name.as_str()), value))
    };
    assignments.iter().map(one).collect()
}

fn check_null(table: &Table, column: &Column, value: &Option<Value>) -> SqlResult<()> {
    match value.is_none() && column.not_null {
        true => Err(null_violation(table, &column.name)),
        false => Ok(()),
    }
}

fn identity(row: &[Option<Value>]) -> SqlResult<(Named, u16)> {
    match row {
        [Some(Value::String(digest)), Some(Value::Integer(generation)), ..] => {
            let digest = Digest::from_hex(digest).map_err(|_| no_identity())?;
            let generation = u16::try_from(*generation).map_err(|_| no_identity())?;
            Ok((Named { digest, key: None }, generation))
        }
        _ => Err(no_identity()),
    }
}

fn no_identity() -> SqlError {
    SqlError::new("XX000", "a row to change came without digest and generation")
}

pub(super) fn null_violation(table: &Table, column: &str) -> SqlError {
    let message = format!(
        "null value in column \"{column}\" of relation \"{}\" violates not-null constraint",
        table.name
    );
    SqlError::new("23502", message)
        .hint("give the column a value, or a DEFAULT")
        .of_table(table)
        .of_column(column)
}

fn duplicate(table: &Table, row: &NewRow) -> SqlError {
    let message = format!("duplicate key value violates unique constraint \"{}_pkey\"", table.name);
    SqlError::new("23505", message)
        .of_table(table)
        .of_constraint(format!("{}_pkey", table.name))
        .detail(format!("Key {} already exists.", keys::describe(table, &row.key)))
        .hint("use UPSERT INTO or INSERT .. ON CONFLICT to write over it")
}
