//! Queries run on threads of their own.
//!
//! A join may compute for seconds between two awaits. On the threads that serve sockets that would
//! keep everybody waiting, the request to cancel it too; so a query runs on a runtime of its own
//! and its batches come through a channel. Who drops the receiving end ends the query: its token is
//! cancelled, which it sees while it computes, and its task aborted, which it sees while it waits.

use std::sync::Arc;

use futures::StreamExt;
use model::{ColumnType, Value};
use query::arrow::array::RecordBatch;
use query::{Engine, Prepared, SessionInfo};
use sql::plan::Query;
use sql::{SqlError, SqlResult};
use store::Store;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use crate::pg::{Chunk, RowSource};

/// Batches that wait for a slow client: the one that is read next, and the one after it.
const BATCHES_AHEAD: usize = 2;
/// Stack of a query's thread: plans of deeply nested statements recurse.
const STACK_SIZE: usize = 16 << 20;

/// The query engine with its threads.
pub(super) struct Queries<S: Store> {
    engine: Arc<Engine<S>>,
    /// Taken when dropped.
    runtime: Option<Runtime>,
}

/// Rows of a running query, or of other work that gives some.
pub struct ArrowRows {
    chunks: mpsc::Receiver<SqlResult<Chunk>>,
    _query: AbortOnDropHandle<()>,
    _cancel: DropGuard,
}

impl<S: Store> Queries<S> {
    pub(super) fn new(store: Arc<S>, options: query::Options) -> SqlResult<Queries<S>> {
        let engine = Arc::new(Engine::new(store, options)?);
        let runtime = Builder::new_multi_thread()
            .thread_name("query")
            .thread_stack_size(STACK_SIZE)
            .enable_all()
            .build()
            .map_err(|error| SqlError::new("53000", format!("cannot start threads: {error}")))?;
        Ok(Queries { engine, runtime: Some(runtime) })
    }

    /// Plans a query.
    pub(super) async fn prepare(
        &self,
        query: &Query,
        session: SessionInfo,
        declared: &[Option<ColumnType>],
    ) -> SqlResult<Prepared> {
        let (query, declared) = (query.clone(), declared.to_vec());
        let engine = self.engine.clone();
        self.run(async move { engine.prepare(&query, &session, &declared).await }).await
    }

    /// Starts a query.
    pub(super) fn start(
        &self,
        prepared: &Prepared,
        params: &[Option<Value>],
        session: SessionInfo,
    ) -> SqlResult<ArrowRows> {
        let (send, chunks) = mpsc::channel(BATCHES_AHEAD);
        let (engine, prepared, params) = (self.engine.clone(), prepared.clone(), params.to_vec());
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        let query = async move {
            let mut stream = match engine.execute(&prepared, &params, &session, &cancel).await {
                Ok(stream) => stream,
                Err(error) => return drop(send.send(Err(error)).await),
            };
            while let Some(batch) = stream.next().await {
                let chunk = batch.map(Chunk::Arrow).map_err(query::sql_error);
                if send.send(chunk).await.is_err() {
                    return;
                }
            }
        };
        let query = AbortOnDropHandle::new(self.runtime()?.spawn(query));
        Ok(ArrowRows { chunks, _query: query, _cancel: guard })
    }

    /// Starts work that sends rows.
    pub(super) fn chunks<W>(
        &self,
        work: impl FnOnce(mpsc::Sender<SqlResult<Chunk>>) -> W,
    ) -> SqlResult<ArrowRows>
    where
        W: Future<Output = SqlResult<()>> + Send + 'static,
    {
        let (send, chunks) = mpsc::channel(BATCHES_AHEAD);
        let work = work(send.clone());
        let work = async move {
            if let Err(error) = work.await {
                let _ = send.send(Err(error)).await;
            }
        };
        let query = AbortOnDropHandle::new(self.runtime()?.spawn(work));
        Ok(ArrowRows { chunks, _query: query, _cancel: CancellationToken::new().drop_guard() })
    }

    /// The lines of EXPLAIN.
    pub(super) async fn explain(
        &self,
        prepared: &Prepared,
        params: &[Option<Value>],
        analyze: bool,
        session: SessionInfo,
    ) -> SqlResult<Vec<String>> {
        let (engine, prepared, params) = (self.engine.clone(), prepared.clone(), params.to_vec());
        let cancel = CancellationToken::new();
        let _guard = cancel.clone().drop_guard();
        let work =
            async move { engine.explain(&prepared, &params, analyze, &session, &cancel).await };
        self.run(work).await
    }

    /// Runs work that keeps its thread busy, which no thread that serves connections may be.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = SqlResult<T>> + Send + 'static,
    ) -> SqlResult<T> {
        let work = AbortOnDropHandle::new(self.runtime()?.spawn(work));
        work.await.map_err(|_| broken())?
    }

    fn runtime(&self) -> SqlResult<&Runtime> {
        self.runtime.as_ref().ok_or_else(broken)
    }
}

impl<S: Store> Drop for Queries<S> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl ArrowRows {
    /// The next batch of a query.
    pub(super) async fn next_batch(&mut self) -> SqlResult<Option<RecordBatch>> {
        match self.chunks.recv().await.transpose()? {
            Some(Chunk::Arrow(batch)) => Ok(Some(batch)),
            Some(_) => Err(broken()),
            None => Ok(None),
        }
    }
}

impl RowSource for ArrowRows {
    async fn next(&mut self) -> SqlResult<Option<Chunk>> {
        self.chunks.recv().await.transpose()
    }
}

impl std::fmt::Debug for ArrowRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArrowRows")
    }
}

/// A panic of a query is that query's error.
fn broken() -> SqlError {
    SqlError::new("XX000", "the query ended in an internal error; the log says more")
}
