//! EXPLAIN: how a statement reaches its records.

use std::time::Instant;

use model::Value;
use sql::SqlResult;
use sql::plan::Plan;

use super::{Executor, Operated, Ready, query_of};
use crate::pg::{Answer, SessionState};

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
        let mut lines = sql::explain_lines(plan, params);
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
                while let Some(batch) = stream.next_batch().await? {
                    rows += batch.num_rows() as u64;
                }
                rows
            }
        };
        let ms = begun.elapsed().as_secs_f64() * 1000.0;
        Ok(vec![format!("Rows: {rows}"), format!("Execution Time: {ms:.3} ms")])
    }
}
