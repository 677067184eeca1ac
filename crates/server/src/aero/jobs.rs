//! Scans that take a while: who runs, how far they are, and to end them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use wire::code;

/// Jobs that have ended and are still shown, as many as Aerospike shows.
const ENDED_MAX: usize = 100;

/// The jobs of a node.
#[derive(Debug, Default)]
pub struct Jobs {
    /// Those that run, and the latest that have ended, in the order in which they began.
    jobs: Mutex<VecDeque<Arc<Job>>>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Gives records to a client.
    Read,
    /// Changes records in the background.
    Operate,
    /// Calls a function on records in the background.
    Function,
    /// Gives a client what a function made of a stream of records.
    Aggregate,
}

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    /// The client's number for it.
    id: u64,
    namespace: String,
    set: Option<String>,
    work: Work,
    records_per_second: u32,
    began: Instant,
    /// How it ended, and how long it took.
    ended: OnceLock<(u8, Duration)>,
    aborted: AtomicBool,
    pub(super) succeeded: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) filtered: AtomicU64,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        // Every change is one insertion or removal.
        self.jobs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A job begins.
    pub(super) fn begin(
        &self,
        id: u64,
        namespace: &str,
        set: Option<&str>,
        work: Work,
        records_per_second: u32,
    ) -> Running {
        let job = Arc::new(Job {
            id,
            namespace: namespace.to_string(),
            set: set.map(str::to_string),
            work,
            records_per_second,
            began: Instant::now(),
            ended: OnceLock::new(),
            aborted: AtomicBool::new(false),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
        });
        let mut jobs = self.lock();
        let ended = jobs.iter().filter(|job| job.ended.get().is_some()).count();
        if ended >= ENDED_MAX
            && let Some(oldest) = jobs.iter().position(|job| job.ended.get().is_some())
        {
            jobs.remove(oldest);
        }
        jobs.push_back(job.clone());
        Running(job)
    }

    /// What there is to tell of the job of this number, the latest first, or of all.
    pub fn show(&self, id: Option<u64>) -> Vec<String> {
        let jobs = self.lock();
        let named = jobs.iter().rev().filter(|job| id.is_none_or(|id| job.id == id));
        named.map(|job| job.line()).collect()
    }

    /// Ends the jobs of this number, or all: how many those were.
    pub fn abort(&self, id: Option<u64>) -> usize {
        let jobs = self.lock();
        let runs = |job: &&Arc<Job>| job.ended.get().is_none();
        let named = jobs.iter().filter(runs).filter(|job| id.is_none_or(|id| job.id == id));
        named.map(|job| job.aborted.store(true, Relaxed)).count()
    }
}

impl Job {
    /// The code that ends it, where somebody wants it to end.
    pub(super) fn check(&self) -> Result<(), u8> {
        if self.aborted.load(Relaxed) { Err(code::QUERY_ABORTED) } else { Ok(()) }
    }

    /// In the words of `query-show`.
    fn line(&self) -> String {
        let (status, took) = match self.ended.get() {
            None => ("active(ok)".to_string(), self.began.elapsed()),
            Some((code::OK, took)) => ("done(ok)".to_string(), *took),
            Some((code::QUERY_ABORTED, took)) => ("done(user-aborted)".to_string(), *took),
            Some((result, took)) => (format!("done(error {result})"), *took),
        };
        let work = match self.work {
            Work::Read => "basic",
            Work::Operate => "background-ops",
            Work::Function => "background-udf",
            Work::Aggregate => "aggregation",
        };
        let set = self.set.as_ref().map_or(String::new(), |set| format!(":set={set}"));
        format!(
            "trid={}:job-type={work}:ns={}{set}:status={status}:rps={}:run-time={}:\
             recs-succeeded={}:recs-failed={}:recs-filtered-bins={}",
            self.id,
            self.namespace,
            self.records_per_second,
            took.as_millis(),
            self.succeeded.load(Relaxed),
            self.failed.load(Relaxed),
            self.filtered.load(Relaxed),
        )
    }
}

/// A job that runs, until this is ended or dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<Job>);

impl Running {
    /// It has ended, with this result.
    pub(super) fn end(self, result: u8) {
        let _ = self.0.ended.set((result, self.0.began.elapsed()));
    }
}

impl std::ops::Deref for Running {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever waited for it has gone.
        let _ = self.0.ended.set((code::QUERY_ABORTED, self.0.began.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_shown_ended_and_forgotten() {
        let jobs = Jobs::default();
        let first = jobs.begin(7, "test", Some("s"), Work::Operate, 50);
        first.succeeded.store(3, Relaxed);
        let line = &jobs.show(Some(7))[0];
        assert!(
            line.starts_with(
                "trid=7:job-type=background-ops:ns=test:set=s:status=active(ok):rps=50:"
            )
        );
        assert!(line.contains(":recs-succeeded=3:"), "{line}");
        assert_eq!((first.check(), jobs.abort(Some(8)), jobs.abort(Some(7))), (Ok(()), 0, 1));
        assert_eq!(first.check(), Err(code::QUERY_ABORTED));
        first.end(code::QUERY_ABORTED);
        assert!(jobs.show(Some(7))[0].contains("status=done(user-aborted):"));
        let stays = jobs.begin(8, "test", None, Work::Read, 0);
        (0..150).for_each(|id| jobs.begin(100 + id, "test", None, Work::Read, 0).end(code::OK));
        assert_eq!(jobs.show(None).len(), ENDED_MAX + 1);
        assert!(jobs.show(Some(7)).is_empty());
        assert!(jobs.show(Some(249))[0].contains("status=done(ok):"));
        assert_eq!(jobs.abort(None), 1);
        drop(stays);
        assert!(jobs.show(Some(8))[0].contains("status=done(user-aborted):"));
    }
}
