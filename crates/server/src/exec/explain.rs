//! EXPLAIN: how a statement reaches its records.

use std::time::Instant;

use model::Value;
use sql::expr::Row;
use sql::plan::{Delete, IndexGet, Plan, Target, Update};
use sql::{SqlResult, Way};
use store::View;

use super::{Executor, Operated, Ready, by_index, query_of};
use crate::pg::{Answer, Chunk, RowSource, SessionState};

impl<S: Operated> Executor<S> {
    /// The lines of EXPLAIN; with `analyze` the statement is run.
    pub(super) async fn explain(
        &self,
        session: &mut SessionState,
        ready: &Ready,
        plan: &Plan,
        analyze: bool,
        params: &[Option<Value>],
    ) -> SqlResult<Vec<String>> {
        if let Plan::IndexGet(get) = plan
            && !self.in_order(session, get, params).await?
            && let Some(query) = self.instead(session, &ready.with_plan(plan), get, params).await?
        {
            let below = self.queries.explain(&query, params, analyze, self.session_info(session));
            return below.await;
        }
        let way = self.way(session, plan, params).await?;
        let mut lines = sql::explain_lines(plan, params, way);
        if let (Some(_), Some(query)) = (query_of(plan), &ready.query) {
            // A write's own query is only planned here: it runs with the write.
            let run = analyze && matches!(plan, Plan::Query(_));
            let below = self.queries.explain(query, params, run, self.session_info(session));
            let below = below.await?;
            let indent = if lines.is_empty() { "" } else { "  " };
            lines.extend(below.into_iter().map(|line| format!("{indent}{line}")));
        }
        if analyze && !matches!(plan, Plan::Query(_)) {
            lines.extend(self.measured(session, ready, plan, params).await?);
        }
        Ok(lines)
    }

    /// Whether rows come in the order of an index, which shows only when they are looked for.
    async fn in_order(
        &self,
        session: &SessionState,
        plan: &IndexGet,
        params: &[Option<Value>],
    ) -> SqlResult<bool> {
        let view = View::new(self.store.clone(), session.block.clone());
        Ok(plan.order.is_some() && by_index::find(&view, plan, params).await?.is_some())
    }

    /// The way that a plan with secondary indexes takes.
    async fn way(
        &self,
        session: &SessionState,
        plan: &Plan,
        params: &[Option<Value>],
    ) -> SqlResult<Option<Way>> {
        let (table, accesses, filter) = match plan {
            Plan::IndexGet(plan) => (&plan.get.table, &plan.accesses, false),
            Plan::Update(Update { table, target: Target::Scan(_, accesses), .. })
            | Plan::Delete(Delete { table, target: Target::Scan(_, accesses), .. }) => {
                (table, accesses, true)
            }
            _ => return Ok(None),
        };
        let view = View::new(self.store.clone(), session.block.clone());
        let row = Row { params, now_ms: view.now_ms(), ..Row::default() };
        let store = view.store();
        let Some(chosen) = by_index::choose(store, &table.namespace, accesses, &row)? else {
            return Ok(None);
        };
        if filter && !by_index::is_cheaper(&view, table, &chosen.reaches).await? {
            return Ok(Some(Way::Scan));
        }
        let entries = by_index::count(store, &table.namespace, &chosen.reaches, u64::MAX)?;
        Ok(Some(Way::Index { number: chosen.number, entries }))
    }

    /// Runs a plan and says how many rows it gave or changed, and how long it took.
    async fn measured(
        &self,
        session: &mut SessionState,
        ready: &Ready,
        plan: &Plan,
        params: &[Option<Value>],
    ) -> SqlResult<Vec<String>> {
        let begun = Instant::now();
        let alone = ready.with_plan(plan);
        let rows = match Box::pin(self.run(session, &alone, params)).await? {
            Answer::Done(tag) => tag.count(),
            Answer::Values(_, rows) => rows.len() as u64,
            // EXPLAIN takes no COPY.
            Answer::CopyIn(_) | Answer::CopyOut(_) => 0,
            Answer::Stream(_, mut stream) => {
                let mut rows = 0;
                while let Some(chunk) = stream.next().await? {
                    rows += match chunk {
                        Chunk::Arrow(batch) => batch.num_rows() as u64,
                        Chunk::Values(rows) => rows.len() as u64,
                        Chunk::Notice(_) => 0,
                    };
                }
                rows
            }
        };
        let ms = begun.elapsed().as_secs_f64() * 1000.0;
        Ok(vec![format!("Rows: {rows}"), format!("Execution Time: {ms:.3} ms")])
    }
}
