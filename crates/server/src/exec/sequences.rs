//! Numbers of sequences: each given once, also after a crash.
//!
//! A node keeps how far each sequence may have been given (`store::Given`), and takes some numbers
//! more than it needs at a time: so most `nextval`s write nothing. What was taken and not given when
//! the node stops is lost, as in PostgreSQL.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use model::Sequence;
use query::Numbers;
use sql::expr::{Draw, Expr};
use sql::{SqlError, SqlResult};
use store::{Given, Store};

use crate::pg::Drawn;

/// Numbers that are taken at once, if no more are needed.
const TAKE: usize = 32;

/// The sequences of a node.
pub(super) struct Sequences<S> {
    store: Arc<S>,
    open: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<Taken>>>>,
}

/// Namespace and name.
type Name = (String, String);

/// What was taken of a sequence and not given yet.
#[derive(Default)]
struct Taken {
    /// The declaration that the numbers are of; another one begins anew.
    of: Option<Arc<Sequence>>,
    numbers: VecDeque<i64>,
}

impl<S: Store> Sequences<S> {
    pub(super) fn new(store: Arc<S>) -> Sequences<S> {
        Sequences { store, open: Mutex::default() }
    }

    fn find(&self, namespace: &str, name: &str) -> SqlResult<Arc<Sequence>> {
        let catalog = self.store.catalog();
        catalog.objects(namespace).sequence(name, true).cloned().ok_or_else(|| missing(name))
    }

    fn taken(&self, sequence: &Sequence) -> Arc<tokio::sync::Mutex<Taken>> {
        let name = (sequence.namespace.clone(), sequence.name.clone());
        lock(&self.open).entry(name).or_default().clone()
    }

    /// The next `count` numbers.
    async fn next(&self, namespace: &str, name: &str, count: usize) -> SqlResult<Vec<i64>> {
        let sequence = self.find(namespace, name)?;
        let taken = self.taken(&sequence);
        let mut taken = taken.lock().await;
        if !taken.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &sequence)) {
            *taken = Taken { of: Some(sequence.clone()), numbers: VecDeque::new() };
        }
        if taken.numbers.len() < count {
            self.take(&sequence, &mut taken, count.max(TAKE)).await?;
        }
        match taken.numbers.len() < count {
            true => Err(exhausted(&sequence)),
            false => Ok(taken.numbers.drain(..count).collect()),
        }
    }

    /// Takes numbers until there are `count`, or no more.
    async fn take(&self, sequence: &Sequence, taken: &mut Taken, count: usize) -> SqlResult<()> {
        let (namespace, name) = (&sequence.namespace, &sequence.name);
        let given = self.store.sequence(namespace, name).await?;
        let mut next = match given {
            None => Some(sequence.start),
            Some(Given { last, called: false }) => Some(last),
            Some(Given { last, called: true }) => after(sequence, last),
        };
        let mut numbers = Vec::with_capacity(count);
        while let Some(number) = next
            && taken.numbers.len() + numbers.len() < count
        {
            numbers.push(number);
            next = after(sequence, number);
        }
        // Durable before the first of them is given.
        if let Some(last) = numbers.last() {
            let given = Given { last: *last, called: true };
            self.store.set_sequence(namespace, name, given).await?;
        }
        taken.numbers.extend(numbers);
        Ok(())
    }

    /// Lets a sequence go on after this number, or with it.
    pub(super) async fn set(&self, sequence: &Sequence, given: Given) -> SqlResult<()> {
        let (least, most) = (sequence.min, sequence.max);
        if !(least..=most).contains(&given.last) {
            let message = format!(
                "setval: value {} is out of bounds for sequence \"{}\" ({least}..{most})",
                given.last, sequence.name
            );
            return Err(SqlError::new("22003", message));
        }
        let taken = self.taken(sequence);
        let mut taken = taken.lock().await;
        self.store.set_sequence(&sequence.namespace, &sequence.name, given).await?;
        taken.numbers.clear();
        Ok(())
    }

    /// Draws what the evaluation of each of these rows needs.
    pub(super) async fn draw<'e>(
        &self,
        rows: impl Iterator<Item = &'e Expr>,
        times: usize,
        drawn: &Arc<Mutex<Drawn>>,
    ) -> SqlResult<Numbered> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        rows.for_each(|expr| expr.sequences(&mut names));
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        names.into_iter().for_each(|name| *counts.entry(name).or_default() += times);
        let mut numbers = HashMap::with_capacity(counts.len());
        for ((namespace, name), count) in counts {
            let next = self.next(namespace, name, count).await?;
            numbers.insert((namespace.to_string(), name.to_string()), next.into());
        }
        Ok(Numbered {
            numbers: Mutex::new(numbers),
            drawn: drawn.clone(),
            random: RandomState::new(),
        })
    }
}

/// Numbers at hand for the evaluation of expressions.
pub(super) struct Numbered {
    numbers: Mutex<HashMap<Name, VecDeque<i64>>>,
    drawn: Arc<Mutex<Drawn>>,
    random: RandomState,
}

impl Draw for Numbered {
    fn number(&self, namespace: &str, name: &str) -> SqlResult<i64> {
        let name = (namespace.to_string(), name.to_string());
        let number = lock(&self.numbers).get_mut(&name).and_then(VecDeque::pop_front);
        let number = number
            .ok_or_else(|| SqlError::new("XX000", "too few numbers were drawn for a statement"))?;
        note(&self.drawn, name, number);
        Ok(number)
    }

    fn random(&self) -> u128 {
        random(&self.random)
    }
}

/// 128 bits: a counter under a keyed hash whose keys the system drew.
fn random(state: &RandomState) -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let (high, low) = (state.hash_one((count, 0)), state.hash_one((count, 1)));
    u128::from(high) << 64 | u128::from(low)
}

/// The functions of sequences for the query engine, as one session has them.
pub(super) struct SessionNumbers<S> {
    pub(super) sequences: Arc<Sequences<S>>,
    pub(super) drawn: Arc<Mutex<Drawn>>,
}

impl<S: Store> Numbers for SessionNumbers<S> {
    fn next<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        count: usize,
    ) -> BoxFuture<'a, SqlResult<Vec<i64>>> {
        Box::pin(async move {
            let numbers = self.sequences.next(namespace, name, count).await?;
            if let Some(last) = numbers.last() {
                note(&self.drawn, (namespace.to_string(), name.to_string()), *last);
            }
            Ok(numbers)
        })
    }

    fn set<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        value: i64,
        called: bool,
    ) -> BoxFuture<'a, SqlResult<()>> {
        Box::pin(async move {
            let sequence = self.sequences.find(namespace, name)?;
            self.sequences.set(&sequence, Given { last: value, called }).await?;
            if called {
                let mut drawn = lock(&self.drawn);
                drawn.values.insert((namespace.to_string(), name.to_string()), value);
            }
            Ok(())
        })
    }

    fn current(&self, namespace: &str, name: &str) -> SqlResult<i64> {
        self.sequences.find(namespace, name)?;
        let name = (namespace.to_string(), name.to_string());
        lock(&self.drawn).values.get(&name).copied().ok_or_else(|| {
            let message =
                format!("currval of sequence \"{}\" is not yet defined in this session", name.1);
            SqlError::new("55000", message).hint("call nextval first")
        })
    }

    fn random(&self) -> u128 {
        random(&RandomState::new())
    }

    fn last(&self) -> SqlResult<i64> {
        lock(&self.drawn).last.ok_or_else(|| {
            SqlError::new("55000", "lastval is not yet defined in this session")
                .hint("call nextval first")
        })
    }
}

fn note(drawn: &Mutex<Drawn>, name: Name, number: i64) {
    let mut drawn = lock(drawn);
    drawn.last = Some(number);
    drawn.values.insert(name, number);
}

/// The number after this one; `None` after the last.
fn after(sequence: &Sequence, number: i64) -> Option<i64> {
    let next = number.checked_add(sequence.increment);
    let next = next.filter(|next| (sequence.min..=sequence.max).contains(next));
    let first = if sequence.increment > 0 { sequence.min } else { sequence.max };
    next.or(sequence.cycle.then_some(first))
}

fn exhausted(sequence: &Sequence) -> SqlError {
    let (end, value) = match sequence.increment > 0 {
        true => ("maximum", sequence.max),
        false => ("minimum", sequence.min),
    };
    let name = &sequence.name;
    SqlError::new("2200H", format!("nextval: reached {end} value of sequence \"{name}\" ({value})"))
}

fn missing(name: &str) -> SqlError {
    SqlError::new("42P01", format!("relation \"{name}\" does not exist"))
        .hint("CREATE SEQUENCE makes one")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one insertion: nothing is half done where somebody panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
