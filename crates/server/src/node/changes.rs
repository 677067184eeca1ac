//! What SQL makes and changes while the node runs.
//!
//! One change at a time. Each is decided on a copy of what is kept, then saved, then done, so that
//! a crash leaves it whole or not at all; a crash between saving and deleting files leaves files
//! that belong to nobody, which a later CREATE NAMESPACE names.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use model::{Error, ErrorKind, Result};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::{Node, open};
use crate::config::{Kept, Shown};

/// Most namespaces of a node: each has threads, locks and write buffers of its own. Aerospike's
/// limit.
const NAMESPACES_MAX: usize = 32;

/// Files are made and threads awaited here: other sessions of this runtime's thread move on.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

impl Node {
    fn change<T>(&self, change: impl FnOnce(&mut Kept, &Kept) -> Result<T>) -> Result<T> {
        apart(|| {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let mut next = kept.clone();
            let done = change(&mut next, &kept)?;
            *kept = next;
            Ok(done)
        })
    }

    pub(super) fn create(&self, name: &str, settings: &[(String, String)]) -> Result<()> {
        self.change(|next, before| {
            let config = next.create(name, settings)?;
            if self.members.now().iter().count() >= NAMESPACES_MAX {
                let detail = format!("a node has at most {NAMESPACES_MAX} namespaces; drop one");
                return Err(Error::new(ErrorKind::NoSpace, detail));
            }
            open::check_new(&config)?;
            let undo = |error| {
                // What is left of a namespace that failed is of no use; the first error counts.
                let _ = open::delete_files(&config);
                error
            };
            let namespace = open::open(&config).map_err(undo)?;
            next.save().map_err(undo)?;
            self.members.add(namespace).map_err(|error| {
                let _ = before.save();
                undo(error)
            })
        })
    }

    pub(super) fn alter(
        &self,
        name: &str,
        set: Option<&str>,
        settings: &[(String, String)],
    ) -> Result<()> {
        self.change(|next, _| {
            let config = next.alter(name, set, settings)?;
            let namespace = self.namespace(name)?;
            next.save()?;
            namespace.change_settings(config.settings)
        })
    }

    pub(super) fn forget(&self, name: &str) -> Result<()> {
        self.change(|next, _| {
            let config = next.forget(name)?;
            next.save()?;
            self.objects.forget(name);
            if let Err(error) = self.members.remove(name) {
                tracing::warn!(namespace = name, %error, "closing a dropped namespace failed");
            }
            if let Err(error) = open::delete_files(&config) {
                tracing::warn!(namespace = name, %error, "a dropped namespace left a file behind");
            }
            Ok(())
        })
    }

    /// Changes a dynamic setting of the node itself, durably.
    pub(super) fn change_node(&self, name: &str, value: &str) -> Result<()> {
        self.change(|next, _| {
            let config = next.set_node(name, value)?;
            next.save()?;
            self.connections_max.store(config.connections_max as usize, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Every setting that has an effect, with the value that holds.
    pub(super) fn shown(&self) -> Result<Vec<Shown>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).shown()
    }

    /// Whether changes survive a restart.
    pub(super) fn keeps(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keeps()
    }
}
