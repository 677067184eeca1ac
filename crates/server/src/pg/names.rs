//! What a session calls by name: prepared statements, portals.
//!
//! Drivers use the unnamed one for nearly everything, so it has a place of its own and costs no
//! look-up.

use std::collections::HashMap;

/// Things by name; the unnamed one is "".
pub(crate) struct Names<T> {
    unnamed: Option<T>,
    named: HashMap<String, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Names<T> {
        Names { unnamed: None, named: HashMap::new() }
    }
}

impl<T> Names<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) }
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        if name.is_empty() { self.unnamed.as_mut() } else { self.named.get_mut(name) }
    }

    /// Puts it in the place of what had the name.
    pub(crate) fn insert(&mut self, name: &str, thing: T) {
        if name.is_empty() {
            self.unnamed = Some(thing);
        } else {
            self.named.insert(name.to_string(), thing);
        }
    }

    /// Puts it there unless the name is taken.
    pub(crate) fn insert_if_free(&mut self, name: &str, thing: T) {
        if self.get(name).is_none() {
            self.insert(name, thing);
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        if name.is_empty() { self.unnamed.take() } else { self.named.remove(name) }
    }

    /// How many have a name.
    pub(crate) fn named(&self) -> usize {
        self.named.len()
    }

    pub(crate) fn clear_named(&mut self) {
        self.named.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.unnamed = None;
        self.named.clear();
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.unnamed = self.unnamed.take().filter(&keep);
        if !self.named.is_empty() {
            self.named.retain(|_, thing| keep(thing));
        }
    }

    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.unnamed.iter_mut().chain(self.named.values_mut())
    }
}
