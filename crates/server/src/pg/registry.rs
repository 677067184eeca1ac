//! Who is here: sessions by number, so that a cancel request finds the one that it means.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use super::guard::Interrupt;

/// Sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<Sessions>);

#[derive(Debug, Default)]
struct Sessions {
    last_pid: i32,
    by_pid: HashMap<i32, (Vec<u8>, Arc<Interrupt>)>,
}

/// A session's place; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) pid: i32,
    pub(crate) secret: Vec<u8>,
    pub(crate) interrupt: Arc<Interrupt>,
    registry: Arc<Registry>,
}

impl Registry {
    /// Takes a place, unless there are `max` sessions. Protocol 3.2 knows long secrets.
    pub(crate) fn enter(self: &Arc<Registry>, max: usize, long_secret: bool) -> Option<Place> {
        let secret = random(if long_secret { 32 } else { 4 });
        let interrupt = Arc::new(Interrupt::default());
        let mut sessions = self.lock();
        if sessions.by_pid.len() >= max {
            return None;
        }
        let pid = loop {
            sessions.last_pid = sessions.last_pid.checked_add(1).unwrap_or(1);
            if !sessions.by_pid.contains_key(&sessions.last_pid) {
                break sessions.last_pid;
            }
        };
        sessions.by_pid.insert(pid, (secret.clone(), interrupt.clone()));
        Some(Place { pid, secret, interrupt, registry: self.clone() })
    }

    /// Cancels the statement of the session that these name; nothing where they name none.
    pub(crate) fn cancel(&self, pid: i32, secret: &[u8]) {
        let sessions = self.lock();
        if let Some((own, interrupt)) = sessions.by_pid.get(&pid)
            && own.len() == secret.len()
            && own.iter().zip(secret).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
        {
            interrupt.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().by_pid.remove(&self.pid);
    }
}

/// Bytes that nobody can guess.
fn random(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if read.is_err() {
        // The standard library seeds its hasher from the system too.
        let keys = RandomState::new();
        bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = keys.hash_one(i) as u8);
    }
    bytes
}
