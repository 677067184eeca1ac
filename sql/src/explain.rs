//! EXPLAIN of plans that are not DataFusion's.

use model::Value;

use crate::plan::Plan;

/// The lines of EXPLAIN for a plan; none for [`Plan::Query`], which the query engine explains.
pub fn explain_lines(plan: &Plan, _params: &[Option<Value>]) -> Vec<String> {
    match plan {
        Plan::Query(_) => Vec::new(),
        _ => vec!["Result".to_string()],
    }
}
