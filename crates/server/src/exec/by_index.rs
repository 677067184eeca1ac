//! Reads by secondary index: no DataFusion, no Arrow.
//!
//! 1. A plan has one or several ways to the records; with the values of its parameters at hand,
//!    [`choose`] asks the indexes how many entries each way has, and takes the shortest.
//! 2. Few records are read at once and go out like those of a get ([`find`]). More of them stream
//!    from a query's thread ([`Executor::index_get`]), and where most of the set would be read a query
//!    reads all of it instead.
//! 3. The whole condition is checked on each record, whichever way it came.

use std::sync::Arc;

use model::{Record, Table, Value};
use sql::SqlResult;
use sql::access::{Access, Values};
use sql::expr::Row;
use sql::plan::{Get, IndexGet, Order};
use store::{Bins, IndexRange, IndexWalk, OrderedCursor, Store, View};
use tokio::sync::mpsc;

use super::background::ArrowRows;
use super::get::{self, Hits};
use super::{Executor, Operated, Ready, passes, row};
use crate::pg::{Answer, Chunk, SessionState, Tag};

/// Records that a connection's own thread reads by index: about as long as other connections of the
/// thread can wait.
const INLINE_MAX: usize = 1024;
/// Records that are read at once.
const AT_ONCE: usize = 256;
/// An index is taken as long as it gives no more than one record of so many: reading a record by its
/// digest costs about as much as reading this many as they lie.
const SHARE: u64 = 3;
/// Records beyond LIMIT that are looked at in an index's order before sorting is the better way.
const LOOKED_AT_MAX: usize = 8 * INLINE_MAX;

/// Ranges of indexes, by name.
pub(super) type Reaches = Vec<(String, IndexRange)>;

/// The way that is taken.
pub(super) struct Chosen {
    /// Which of the plan's ways.
    pub(super) number: usize,
    pub(super) reaches: Reaches,
    /// Entries of each range, where they were counted.
    pub(super) entries: Option<u64>,
}

/// A way's ranges with their values.
pub(super) fn reaches(access: &Access, row: &Row) -> SqlResult<Reaches> {
    let mut reaches = Vec::with_capacity(access.reaches.len());
    for reach in &access.reaches {
        let mut add = |range| {
            let reach = (reach.index.clone(), range);
            if !reaches.contains(&reach) {
                reaches.push(reach);
            }
        };
        match reach.range.values(row)? {
            Values::None => {}
            Values::Between(low, high) => add(IndexRange::Between(low, high)),
            Values::Equal(values) => values.into_iter().map(IndexRange::Equal).for_each(add),
            Values::Prefix(text) => add(IndexRange::Prefix(Value::String(text))),
            Values::Geo(text) => add(IndexRange::Geo(text)),
        }
    }
    Ok(reaches)
}

/// The entries of some ranges; counting ends at about `at_most`.
pub(super) fn count<S: Store>(
    store: &S,
    namespace: &str,
    reaches: &Reaches,
    at_most: u64,
) -> SqlResult<u64> {
    let mut entries = 0;
    for (index, range) in reaches {
        if entries >= at_most {
            break;
        }
        entries += store.index_count(namespace, index, range, at_most - entries)?.entries;
    }
    Ok(entries)
}

/// The way with the fewest entries. A single one is not counted.
pub(super) fn choose<S: Store>(
    store: &S,
    namespace: &str,
    accesses: &[Access],
    row: &Row,
) -> SqlResult<Option<Chosen>> {
    if let [only] = accesses {
        return Ok(Some(Chosen { number: 0, reaches: reaches(only, row)?, entries: None }));
    }
    let mut best: Option<Chosen> = None;
    for (number, access) in accesses.iter().enumerate() {
        let reaches = reaches(access, row)?;
        let bound = best.as_ref().and_then(|best| best.entries).unwrap_or(u64::MAX);
        let entries = count(store, namespace, &reaches, bound)?;
        if entries < bound || best.is_none() {
            best = Some(Chosen { number, reaches, entries: Some(entries) });
        }
    }
    Ok(best)
}

/// Whether so many entries are worth more than reading the set.
pub(super) async fn is_cheaper<S: Store>(
    view: &View<S>,
    table: &Table,
    reaches: &Reaches,
) -> SqlResult<bool> {
    let (namespace, set) = (&table.namespace, &table.name);
    let most = view.count(namespace, set).await? / SHARE;
    let most = most.max(INLINE_MAX as u64);
    Ok(count(view.store(), namespace, reaches, most + 1)? <= most)
}

fn bins(get: &Get) -> Bins<'_> {
    match (get.all_bins, &get.bins[..]) {
        (true, _) => Bins::All,
        (false, []) => Bins::None,
        (false, names) => Bins::Named(names),
    }
}

/// A read by index that is going on.
struct Reading<'a, S> {
    view: &'a View<S>,
    get: &'a Get,
    params: &'a [Option<Value>],
    now_ms: u64,
}

impl<S: Store> Reading<'_, S> {
    /// Those of the records that the whole condition is true of.
    fn passing(&self, mut records: Vec<Record>) -> SqlResult<Vec<Record>> {
        let mut wrong = None;
        records.retain(|record| {
            let key = record.key.as_ref();
            let row = row(&self.get.table.name, Some(record), key, self.params, self.now_ms);
            passes(self.get.filter.as_ref(), &row).unwrap_or_else(|error| {
                wrong.get_or_insert(error);
                false
            })
        });
        wrong.map_or(Ok(records), Err)
    }

    /// Up to `wanted` records of the ranges, if these are few.
    async fn few(&self, reaches: Reaches, wanted: usize) -> SqlResult<Option<Vec<Record>>> {
        let of = (self.get.table.namespace.as_str(), self.get.table.name.as_str());
        let mut walk = IndexWalk::new(self.view, of, reaches, 0..model::PARTITIONS);
        let (mut found, mut read) = (Vec::new(), 0);
        while !walk.done() && found.len() < wanted {
            if read > INLINE_MAX {
                return Ok(None);
            }
            let records = walk.next(self.view, bins(self.get), AT_ONCE).await?;
            read += records.len();
            found.extend(self.passing(records)?);
        }
        Ok(Some(found))
    }

    /// The first `wanted` records in the order of an index, if the index has them all and they are
    /// found soon.
    async fn first(
        &self,
        (index, range): &(String, IndexRange),
        order: Order,
        wanted: usize,
    ) -> SqlResult<Option<Vec<Record>>> {
        let (namespace, set) = (&*self.get.table.namespace, &*self.get.table.name);
        if wanted > INLINE_MAX || self.view.writes_to(namespace) {
            return Ok(None);
        }
        let (store, bins) = (self.view.store(), bins(self.get));
        let mut cursor = OrderedCursor::default();
        let (mut found, mut read) = (Vec::new(), 0);
        while !cursor.done && found.len() < wanted {
            if read > LOOKED_AT_MAX {
                return Ok(None);
            }
            let most = (wanted - found.len()).clamp(1, AT_ONCE);
            let descending = order.descending;
            let more = store
                .index_ordered(namespace, index, range, descending, bins, &mut cursor, most)
                .await?;
            read += more.len().max(1);
            let of_set = more.into_iter().filter(|(own, _)| **own == *set);
            found.extend(self.passing(of_set.map(|(_, record)| record).collect())?);
        }
        let whole = found.len() >= wanted || !order.nulls;
        Ok(whole.then_some(found))
    }
}

/// The records of a read by index, where they are few; `None` where others have to do it.
pub(super) async fn find<S: Store>(
    view: &View<S>,
    plan: &IndexGet,
    params: &[Option<Value>],
) -> SqlResult<Option<Hits>> {
    let (get, now_ms) = (&plan.get, view.now_ms());
    let constants = Row { params, now_ms, ..Row::default() };
    let (skip, limit) = get::bounds(get, &constants)?;
    let wanted = usize::try_from(skip.saturating_add(limit)).unwrap_or(usize::MAX);
    let chosen = choose(view.store(), &get.table.namespace, &plan.accesses, &constants)?;
    let Some(Chosen { reaches, entries, .. }) = chosen else { return Ok(None) };
    let reading = Reading { view, get, params, now_ms };
    let found = match (plan.order, &reaches[..]) {
        (Some(order), [reach]) => reading.first(reach, order, wanted).await?,
        (Some(_), []) => Some(Vec::new()),
        (Some(_), _) => None,
        (None, _) if entries.is_some_and(|entries| entries > INLINE_MAX as u64) => None,
        (None, _) => reading.few(reaches, wanted).await?,
    };
    Ok(found.map(|records| Hits::of(records, now_ms)))
}

impl<S: Operated> Executor<S> {
    /// A read by index that is not small: rows that stream from a thread of queries, or the query
    /// that reads the whole set.
    pub(super) async fn index_get(
        &self,
        session: &SessionState,
        ready: &Ready,
        plan: &Arc<IndexGet>,
        params: &[Option<Value>],
    ) -> SqlResult<Answer<ArrowRows>> {
        let view = View::new(self.store.clone(), session.block.clone());
        if let Some(hits) = find(&view, plan, params).await? {
            return Ok(Answer::Values(Tag::Rows("SELECT"), hits.rows(&plan.get, params)?));
        }
        if let Some(query) = self.instead(session, ready, plan, params).await? {
            let rows = self.queries.start(&query, params, self.session_info(session))?;
            return Ok(Answer::Stream(Tag::Rows("SELECT"), rows));
        }
        let (plan, params) = (plan.clone(), params.to_vec());
        let rows = self
            .queries
            .chunks(|send| async move { stream(&view, &plan, &params, &send).await })?;
        Ok(Answer::Stream(Tag::Rows("SELECT"), rows))
    }

    /// The query that is the better way, if it is one.
    pub(super) async fn instead(
        &self,
        session: &SessionState,
        ready: &Ready,
        plan: &IndexGet,
        params: &[Option<Value>],
    ) -> SqlResult<Option<query::Prepared>> {
        let get = &plan.get;
        let view = View::new(self.store.clone(), session.block.clone());
        let constants = Row { params, now_ms: view.now_ms(), ..Row::default() };
        let namespace = &get.table.namespace;
        let chosen = choose(view.store(), namespace, &plan.accesses, &constants)?;
        let cheaper = match chosen {
            Some(Chosen { reaches, .. }) => is_cheaper(&view, &get.table, &reaches).await?,
            None => false,
        };
        if plan.order.is_none() && cheaper {
            return Ok(None);
        }
        let (session, known) = (self.session_info(session), &ready.planned.params);
        let query = self.queries.prepare(&plan.query, session, known).await?;
        // A query whose columns are not quite those that were described is no way at all.
        let types = |field: &query::Field| field.oid;
        let own = ready.columns.iter().flatten().map(|field| field.oid);
        let same = own.eq(query.fields().iter().map(types));
        Ok((same || plan.order.is_some()).then_some(query))
    }
}

/// Sends the rows of a read by index, some at a time.
async fn stream<S: Store>(
    view: &View<S>,
    plan: &IndexGet,
    params: &[Option<Value>],
    send: &mpsc::Sender<SqlResult<Chunk>>,
) -> SqlResult<()> {
    let (get, now_ms) = (&plan.get, view.now_ms());
    let constants = Row { params, now_ms, ..Row::default() };
    let (mut skip, mut left) = get::bounds(get, &constants)?;
    let chosen = choose(view.store(), &get.table.namespace, &plan.accesses, &constants)?;
    let Some(Chosen { reaches, .. }) = chosen else { return Ok(()) };
    let reading = Reading { view, get, params, now_ms };
    let of = (get.table.namespace.as_str(), get.table.name.as_str());
    let mut walk = IndexWalk::new(view, of, reaches, 0..model::PARTITIONS);
    while !walk.done() && left > 0 {
        let records = walk.next(view, bins(get), AT_ONCE).await?;
        let mut records = reading.passing(records)?;
        let over = skip.min(records.len() as u64);
        skip -= over;
        records.drain(..over as usize);
        records.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= records.len() as u64;
        let rows = records.iter().map(|record| {
            let key = record.key.as_ref();
            super::outputs(&get.output, &row(&get.table.name, Some(record), key, params, now_ms))
        });
        let rows = rows.collect::<SqlResult<Vec<_>>>()?;
        if !rows.is_empty() && send.send(Ok(Chunk::Values(rows))).await.is_err() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
