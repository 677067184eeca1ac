//! Names of sets and bins, stored once per namespace and named by number in each record.
//!
//! Ids are given in order and never taken back. A name is in the dictionary only once its record
//! has been appended to the log, so whoever can see an id may use it: the name comes first.

use std::collections::HashMap;

use model::limits::{BIN_NAMES_MAX, SETS_MAX};
use model::{Error, ErrorKind, Name, Result};

/// A name and where in the log its two records are, in 16-byte units.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: Name,
    places: Places,
}

/// Locations of the copies of a system record: it is written twice, at two places.
pub(crate) type Places = [Option<u64>; 2];

/// Notes one more place of a record. What is there twice already needs no third.
pub(crate) fn note_place(places: &mut Places, place: Option<u64>) {
    if let Some(free) = places.iter_mut().find(|p| p.is_none() || **p == place) {
        *free = place;
    }
}

/// One numbering of names.
#[derive(Debug)]
struct Names {
    /// By id; `None` where recovery found no readable copy.
    by_id: Vec<Option<Named>>,
    ids: HashMap<Name, u16>,
    /// Ids are below this.
    end: usize,
}

impl Names {
    fn new(end: usize) -> Names {
        Names { by_id: Vec::new(), ids: HashMap::new(), end }
    }

    fn put(&mut self, id: u16, name: Name, place: Option<u64>) {
        let at = usize::from(id);
        if self.by_id.len() <= at {
            self.by_id.resize(at + 1, None);
        }
        if let Some(known) = self.by_id[at].as_mut().filter(|known| known.name == name) {
            return note_place(&mut known.places, place);
        }
        // An id is written again where the first attempt met a full device; nobody used that one.
        let named = Named { name: name.clone(), places: [place, None] };
        if let Some(unused) = self.by_id[at].replace(named) {
            self.ids.remove(&unused.name);
        }
        self.ids.insert(name, id);
    }

    fn next_id(&self) -> Option<u16> {
        (self.by_id.len() < self.end).then_some(self.by_id.len() as u16)
    }

    fn name(&self, id: u16) -> Option<&Name> {
        self.by_id.get(usize::from(id))?.as_ref().map(|named| &named.name)
    }
}

/// The names of a namespace.
#[derive(Debug)]
pub(crate) struct Dictionary {
    sets: Names,
    bins: Names,
}

/// Which of the two numberings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Set,
    Bin,
}

impl Dictionary {
    /// The dictionary of an empty namespace: only the null set, id 0.
    pub(crate) fn new() -> Dictionary {
        let mut sets = Names::new(SETS_MAX + 1);
        sets.put(0, Name::from(""), None);
        Dictionary { sets, bins: Names::new(BIN_NAMES_MAX) }
    }

    fn names(&self, family: Family) -> &Names {
        match family {
            Family::Set => &self.sets,
            Family::Bin => &self.bins,
        }
    }

    pub(crate) fn id(&self, family: Family, name: &str) -> Option<u16> {
        self.names(family).ids.get(name).copied()
    }

    pub(crate) fn set_name(&self, id: u16) -> Option<&Name> {
        self.sets.name(id)
    }

    pub(crate) fn bin_name(&self, id: u16) -> Option<&Name> {
        self.bins.name(id)
    }

    /// Every name of the family, in order of ids.
    pub(crate) fn all(&self, family: Family) -> Vec<Name> {
        self.names(family).by_id.iter().flatten().map(|named| named.name.clone()).collect()
    }

    /// Every name with its id and places, but for the null set, which has none.
    pub(crate) fn entries(&self, family: Family) -> impl Iterator<Item = (u16, &Name, Places)> {
        let named = self.names(family).by_id.iter().enumerate();
        named.filter_map(move |(id, named)| {
            let named = named.as_ref().filter(|named| !named.name.is_empty())?;
            Some((id as u16, &named.name, named.places))
        })
    }

    /// Forgets places where no record is any more.
    pub(crate) fn keep_places(&mut self, keep: impl Fn(u64) -> bool) {
        let named = self.sets.by_id.iter_mut().chain(&mut self.bins.by_id).flatten();
        for place in named.flat_map(|named| &mut named.places) {
            *place = place.filter(|place| keep(*place));
        }
    }

    /// A name's record moved, or is gone (`new` is `None`). False if it was not known to be there.
    pub(crate) fn moved(&mut self, family: Family, id: u16, old: u64, new: Option<u64>) -> bool {
        let Some(Some(named)) = self.names_mut(family).by_id.get_mut(usize::from(id)) else {
            return false;
        };
        let place = named.places.iter_mut().find(|place| **place == Some(old));
        place.map(|place| *place = new).is_some()
    }

    fn names_mut(&mut self, family: Family) -> &mut Names {
        match family {
            Family::Set => &mut self.sets,
            Family::Bin => &mut self.bins,
        }
    }

    /// The id that a new name gets.
    pub(crate) fn next_id(&self, family: Family) -> Result<u16> {
        self.names(family).next_id().ok_or_else(|| {
            let (what, max) = match family {
                Family::Set => ("sets", SETS_MAX),
                Family::Bin => ("distinct bin names", BIN_NAMES_MAX),
            };
            let detail = format!("the namespace has {max} {what}, the most it can; reuse names");
            Error::new(ErrorKind::Parameter, detail)
        })
    }

    /// Adds a name, or one more place of it, whose record is in the log. An id beyond the limits is
    /// left out.
    pub(crate) fn put(&mut self, family: Family, id: u16, name: &str, place: Option<u64>) {
        let names = self.names_mut(family);
        if usize::from(id) < names.end {
            names.put(id, Name::from(name), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_in_order_up_to_the_limit() {
        let mut names = Dictionary::new();
        assert_eq!(names.id(Family::Set, ""), Some(0));
        for id in 1..=SETS_MAX as u16 {
            assert_eq!(names.next_id(Family::Set), Ok(id));
            names.put(Family::Set, id, &format!("s{id}"), None);
        }
        let error = names.next_id(Family::Set).unwrap_err();
        assert!(error.detail.contains("4095 sets"), "{error}");
        names.put(Family::Set, u16::MAX, "beyond", None);
        assert_eq!(names.id(Family::Set, "beyond"), None);
        assert_eq!(names.next_id(Family::Bin), Ok(0));
        names.put(Family::Bin, (BIN_NAMES_MAX - 1) as u16, "last", None);
        assert!(names.next_id(Family::Bin).is_err());
    }

    #[test]
    fn an_id_that_is_written_again_has_the_later_name() {
        let mut names = Dictionary::new();
        names.put(Family::Bin, 0, "never used", None);
        names.put(Family::Bin, 0, "used", None);
        assert_eq!(names.id(Family::Bin, "never used"), None);
        assert_eq!(names.all(Family::Bin), [Name::from("used")]);
    }
}
