//! EXPLAIN (FORMAT JSON): the lines of EXPLAIN as the tree that they draw.
//!
//! An array of one object with `Plan`, as PostgreSQL gives it: each node has `Node Type`, what is
//! said of it, and `Plans` below it. Costs are not estimated here, so there are none.

use serde_json::{Map, Value, json};

/// OID of `json`.
pub(super) const OID: u32 = 114;

/// The document.
pub(super) fn of_lines(lines: &[String]) -> String {
    let mut whole = Map::new();
    let mut rows = None;
    let mut nodes: Vec<(usize, Map<String, Value>)> = Vec::new();
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        let text = line.trim_start();
        match text.split_once(": ") {
            Some(("Execution Time", time)) => {
                let ms = time.trim_end_matches(" ms").parse::<f64>().unwrap_or_default();
                whole.insert("Execution Time".to_string(), json!(ms));
            }
            Some(("Rows", count)) if count.parse::<u64>().is_ok() => rows = count.parse().ok(),
            // What our own plans say of a node.
            Some((key, value)) if !key.ends_with("Exec") => {
                if let Some((_, node)) = nodes.last_mut() {
                    node.insert(key.to_string(), json!(value));
                }
            }
            _ => {
                while nodes.last().is_some_and(|(above, _)| *above >= depth && nodes.len() > 1) {
                    fold(&mut nodes);
                }
                nodes.push((depth, node(text)));
            }
        }
    }
    while nodes.len() > 1 {
        fold(&mut nodes);
    }
    let mut plan = nodes.pop().map(|(_, node)| node).unwrap_or_default();
    if let Some(rows) = rows {
        let rows: u64 = rows;
        plan.insert("Actual Rows".to_string(), json!(rows));
        plan.insert("Actual Loops".to_string(), json!(1));
    }
    whole.insert("Plan".to_string(), Value::Object(plan));
    format!("{:#}", json!([whole]))
}

/// Puts the last node below the one before it.
fn fold(nodes: &mut Vec<(usize, Map<String, Value>)>) {
    let Some((_, below)) = nodes.pop() else { return };
    if let Some((_, above)) = nodes.last_mut() {
        let plans = above.entry("Plans").or_insert_with(|| json!([]));
        if let Value::Array(plans) = plans {
            plans.push(Value::Object(below));
        }
    }
}

/// `PointGet on ns.set`, `FilterExec: id@0 = 1`.
fn node(text: &str) -> Map<String, Value> {
    let mut node = Map::new();
    // What ANALYZE counted stands behind the node's own words.
    let (text, metrics) = match text.split_once(", metrics=[") {
        Some((text, metrics)) => (text, Some(metrics.trim_end_matches(']'))),
        None => (text, None),
    };
    let mut put = |key: &str, value: &str| node.insert(key.to_string(), json!(value));
    match (text.split_once(": "), text.split_once(" on ")) {
        (Some((kind, details)), _) => {
            put("Node Type", kind);
            put("Details", details);
        }
        (None, Some((kind, relation))) => {
            put("Node Type", kind);
            let (relation, details) = relation.split_once("  ").unwrap_or((relation, ""));
            let (schema, name) = relation.split_once('.').unwrap_or(("", relation));
            put("Schema", schema);
            put("Relation Name", name);
            if !details.is_empty() {
                put("Details", details);
            }
        }
        (None, None) => drop(put("Node Type", text)),
    }
    if let Some(metrics) = metrics.filter(|metrics| !metrics.is_empty()) {
        put("Metrics", metrics);
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(lines: &[&str]) -> Value {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        serde_json::from_str(&of_lines(&lines)).expect("JSON")
    }

    #[test]
    fn lines_become_a_tree() {
        let found = document(&[
            "SortExec: expr=[n@0 ASC], metrics=[output_rows=3]",
            "  HashJoinExec: mode=Partitioned",
            "    SetScan: t",
            "    SetScan: u",
            "Rows: 3",
            "Execution Time: 1.500 ms",
        ]);
        assert_eq!(found[0]["Plan"]["Node Type"], "SortExec");
        assert_eq!(found[0]["Plan"]["Metrics"], "output_rows=3");
        assert_eq!(found[0]["Plan"]["Actual Rows"], 3);
        assert_eq!(found[0]["Execution Time"], 1.5);
        let join = &found[0]["Plan"]["Plans"][0];
        assert_eq!(join["Node Type"], "HashJoinExec");
    }

    #[test]
    fn what_is_said_of_a_get_stays_with_it() {
        let found = document(&["PointGet on test.t", "  Key: 1", "  Filter: n > 1"]);
        let plan = &found[0]["Plan"];
        assert_eq!((&plan["Node Type"], &plan["Key"]), (&json!("PointGet"), &json!("1")));
        assert_eq!((&plan["Schema"], &plan["Relation Name"]), (&json!("test"), &json!("t")));
    }
}
