//! Locks on records, held by transaction blocks from their first change of a record to their end, so
//! that blocks that want one record come one after the other instead of failing at COMMIT.
//!
//! Nothing depends on these locks for being right: a commit compares generations whoever holds what.
//! They are in memory, of one node, and known by digest alone.
//!
//! A block that would wait for itself, through others, is told so ([`ErrorKind::Deadlock`]) in place
//! of waiting.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use model::{Digest, Error, ErrorKind, Result};
use tokio::sync::oneshot;

/// The locks of one node.
#[derive(Debug, Default)]
pub struct Locks {
    inner: Mutex<Inner>,
    /// Locks held, for those who only want to know that there are none.
    count: AtomicUsize,
    owners: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    held: HashMap<Digest, Lock>,
    /// What an owner waits for.
    waiting: HashMap<u64, Digest>,
}

#[derive(Debug)]
struct Lock {
    owner: u64,
    waiters: VecDeque<(u64, oneshot::Sender<Held>)>,
}

/// A lock, given on when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    locks: Arc<Locks>,
    digest: Digest,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.release(&self.digest);
    }
}

/// A wait, over when this is dropped.
struct Waiting<'a>(&'a Locks, u64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting.remove(&self.1);
    }
}

impl Locks {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insertion or removal.
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A new owner of locks.
    pub(crate) fn owner(&self) -> u64 {
        self.owners.fetch_add(1, Relaxed)
    }

    /// Takes the lock of a record, after those who came before. The owner does not hold it.
    pub(crate) async fn take(self: &Arc<Locks>, owner: u64, digest: Digest) -> Result<Held> {
        let receive = {
            let mut inner = self.lock();
            if let Entry::Vacant(free) = inner.held.entry(digest) {
                free.insert(Lock { owner, waiters: VecDeque::new() });
                self.count.fetch_add(1, Relaxed);
                return Ok(Held { locks: self.clone(), digest });
            }
            if inner.waits_for(&digest, owner) {
                let detail = format!(
                    "deadlock detected: record {digest} is held by a transaction that waits for \
                     this one"
                );
                return Err(Error::new(ErrorKind::Deadlock, detail));
            }
            let (send, receive) = oneshot::channel();
            inner.waiting.insert(owner, digest);
            if let Some(lock) = inner.held.get_mut(&digest) {
                lock.waiters.push_back((owner, send));
            }
            receive
        };
        let _waiting = Waiting(self, owner);
        receive.await.map_err(|_| Error::new(ErrorKind::Internal, "a lock was lost"))
    }

    /// Waits until no block holds any of these records.
    pub async fn wait(self: &Arc<Locks>, digests: impl Iterator<Item = Digest>) -> Result<()> {
        if self.count.load(Relaxed) == 0 {
            return Ok(());
        }
        let owner = self.owner();
        for digest in digests {
            let held = self.lock().held.contains_key(&digest);
            if held {
                drop(self.take(owner, digest).await?);
            }
        }
        Ok(())
    }

    fn release(self: &Arc<Locks>, digest: &Digest) {
        loop {
            let next = {
                let mut inner = self.lock();
                let Some(lock) = inner.held.get_mut(digest) else { return };
                match lock.waiters.pop_front() {
                    Some((owner, send)) => {
                        lock.owner = owner;
                        send
                    }
                    None => {
                        inner.held.remove(digest);
                        self.count.fetch_sub(1, Relaxed);
                        return;
                    }
                }
            };
            match next.send(Held { locks: self.clone(), digest: *digest }) {
                Ok(()) => return,
                // Whoever waited has gone: on to the next, without releasing once more.
                Err(held) => std::mem::forget(held),
            }
        }
    }
}

impl Inner {
    /// Whether the holder of a record waits, through whoever, for what this owner holds.
    fn waits_for(&self, digest: &Digest, owner: u64) -> bool {
        let mut at = digest;
        // No chain is longer than there are waits.
        for _ in 0..=self.waiting.len() {
            let Some(lock) = self.held.get(at) else { return false };
            if lock.owner == owner {
                return true;
            }
            match self.waiting.get(&lock.owner) {
                Some(next) => at = next,
                None => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn taken<T>(poll: Poll<Result<T>>) -> T {
        match poll {
            Poll::Ready(Ok(held)) => held,
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn those_who_wait_come_in_order_and_may_leave() {
        let locks = Arc::new(Locks::default());
        let digest = Digest([7; 20]);
        let mut first = pin!(locks.take(1, digest));
        let first = taken(poll(first.as_mut()));
        let mut second = Box::pin(locks.take(2, digest));
        let mut third = pin!(locks.take(3, digest));
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        drop(second);
        drop(first);
        let third = taken(poll(third.as_mut()));
        assert_eq!(locks.count.load(Relaxed), 1);
        drop(third);
        assert_eq!(locks.count.load(Relaxed), 0);
        assert!(locks.lock().held.is_empty() && locks.lock().waiting.is_empty());
    }

    #[test]
    fn a_lock_given_to_somebody_who_has_gone_is_given_on() {
        let locks = Arc::new(Locks::default());
        let digest = Digest([7; 20]);
        let mut first = pin!(locks.take(1, digest));
        let first = taken(poll(first.as_mut()));
        let mut second = Box::pin(locks.take(2, digest));
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        drop(second);
        assert!(locks.lock().held.is_empty());
    }

    #[test]
    fn a_ring_of_waits_is_a_deadlock() {
        let locks = Arc::new(Locks::default());
        let digest = |n| Digest([n; 20]);
        let mut a = pin!(locks.take(1, digest(1)));
        let mut b = pin!(locks.take(2, digest(2)));
        let mut c = pin!(locks.take(3, digest(3)));
        let (_a, _b, _c) =
            (taken(poll(a.as_mut())), taken(poll(b.as_mut())), taken(poll(c.as_mut())));
        let mut one = pin!(locks.take(1, digest(2)));
        let mut two = pin!(locks.take(2, digest(3)));
        let mut three = pin!(locks.take(3, digest(1)));
        assert!(poll(one.as_mut()).is_pending());
        assert!(poll(two.as_mut()).is_pending());
        match poll(three.as_mut()) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind, ErrorKind::Deadlock),
            other => panic!("{other:?}"),
        };
    }
}
