//! Text to plan: the statements of one text are parsed and planned against a catalogue with tables
//! of every kind, DataFusion's share too. Nothing of a case is run.

use std::fmt;
use std::sync::Arc;

use arbitrary::Unstructured;
use server::exec::Executor;
use server::node::Node;
use server::pg::{Answer, Backend, SessionState};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Target, mutate, node};

/// The planner of a node.
#[derive(Default)]
pub struct Planner(Option<Planning>);

struct Planning {
    runtime: Runtime,
    executor: Arc<Executor<Node>>,
    _folder: TempDir,
}

/// A text and the OIDs that the client says of its parameters.
pub struct Text {
    text: String,
    declared: Vec<u32>,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "declared {:?}: {:?}", self.declared, self.text)
    }
}

fn session(executor: &Executor<Node>) -> SessionState {
    SessionState::new(1, "fuzz", "mem", "mem", executor.namespaces())
}

async fn set_up(executor: Arc<Executor<Node>>) {
    let mut state = session(&executor);
    for parsed in executor.parse(&state, node::TABLES).expect("the tables' own text") {
        let prepared = executor.prepare(&state, parsed, &[]).await.expect("a plan");
        let statement = Arc::new(prepared.statement);
        let done = executor.execute(&mut state, &statement, Vec::new()).await.expect("a table");
        assert!(matches!(done, Answer::Done(_)));
    }
}

async fn plan(executor: Arc<Executor<Node>>, text: String, declared: Vec<u32>) {
    let state = session(&executor);
    let Ok(parsed) = executor.parse(&state, &text) else { return };
    for one in parsed {
        // An error is as good as a plan.
        drop(executor.prepare(&state, one, &declared).await);
    }
}

impl Target for Planner {
    type Input = Text;

    fn renew(&mut self) {
        // Planning changes nothing.
        self.0.get_or_insert_with(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let config = node::config(&folder);
            let options = config.queries();
            let node = Arc::new(Node::open(config).expect("a node"));
            let executor = Arc::new(Executor::new(node, options).expect("threads"));
            let runtime = node::runtime();
            runtime.block_on(set_up(executor.clone()));
            Planning { runtime, executor, _folder: folder }
        });
    }

    fn input(&self, bytes: &[u8]) -> arbitrary::Result<Text> {
        let mut u = Unstructured::new(bytes);
        let declared = u.choose(&[&[][..], &[20], &[25, 1043], &[17, 2950, 99]])?.to_vec();
        let mut text = mutate::statement(&mut u)?;
        while !u.is_empty() && u.ratio(1, 8)? {
            text = format!("{text}; {}", mutate::statement(&mut u)?);
        }
        Ok(Text { text, declared })
    }

    fn feed(&mut self, input: &Text) -> Result<(), String> {
        let Some(planning) = &self.0 else { return Err("no node".into()) };
        let work = plan(planning.executor.clone(), input.text.clone(), input.declared.clone());
        // On a thread with the stack that sessions have.
        let done = planning.runtime.block_on(planning.runtime.spawn(work));
        done.map_err(|error| format!("planning ended: {error}"))
    }
}
