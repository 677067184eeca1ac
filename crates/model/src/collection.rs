//! Lists and maps: elements, and the order that the collection was declared to keep.

use std::cmp::Ordering;
use std::ops::{Deref, DerefMut};

use crate::Value;

/// What a list promises of its elements' order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ListOrder {
    /// Elements stay where they were put.
    #[default]
    Unordered,
    /// Elements are in ascending order.
    Ordered,
}

/// What a map was declared to keep in order. Its pairs lie in ascending key order in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum MapOrder {
    /// Nothing was asked for.
    #[default]
    Unordered,
    /// By key.
    KeyOrdered,
    /// By key, and the values ranked.
    KeyValueOrdered,
}

/// A list. Two lists with the same items are equal, whatever their order attribute says.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The elements.
    pub items: Vec<Value>,
    /// Whether they are kept in order: who changes an ordered list's items keeps them sorted.
    pub order: ListOrder,
}

/// A map: pairs in ascending key order, keys unique. Two maps with the same pairs are equal, whatever
/// their order attribute says.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// The pairs.
    pub pairs: Vec<(Value, Value)>,
    /// What the map was declared to keep in order.
    pub order: MapOrder,
}

impl List {
    /// A list of these elements, kept as `order` says: an ordered one is sorted here.
    pub fn new(mut items: Vec<Value>, order: ListOrder) -> List {
        if order == ListOrder::Ordered {
            items.sort();
        }
        List { items, order }
    }
}

impl Map {
    /// A map of these pairs. Of pairs with equal keys the last one stays.
    pub fn new(mut pairs: Vec<(Value, Value)>, order: MapOrder) -> Map {
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            // The sort is stable: of equal keys the later pair stands behind.
            pairs.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(later, earlier);
                }
                same
            });
        }
        Map { pairs, order }
    }

    /// The place of `key`, or where it would come.
    pub fn find(&self, key: &Value) -> Result<usize, usize> {
        self.pairs.binary_search_by(|pair| pair.0.cmp(key))
    }

    /// The value of `key`.
    pub fn get(&self, key: &Value) -> Option<&Value> {
        self.find(key).ok().map(|at| &self.pairs[at].1)
    }
}

impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> List {
        List { items, order: ListOrder::Unordered }
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> List {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl FromIterator<(Value, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> Map {
        Map::new(pairs.into_iter().collect(), MapOrder::Unordered)
    }
}

impl Deref for List {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.items
    }
}

impl DerefMut for List {
    fn deref_mut(&mut self) -> &mut Vec<Value> {
        &mut self.items
    }
}

impl Deref for Map {
    type Target = Vec<(Value, Value)>;

    fn deref(&self) -> &Vec<(Value, Value)> {
        &self.pairs
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut Vec<(Value, Value)> {
        &mut self.pairs
    }
}

impl IntoIterator for List {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = std::vec::IntoIter<(Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a (Value, Value);
    type IntoIter = std::slice::Iter<'a, (Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.iter()
    }
}

/// Element by element, then the shorter first.
impl Ord for List {
    fn cmp(&self, other: &List) -> Ordering {
        self.items.cmp(&other.items)
    }
}

/// The one with fewer pairs first, then pair by pair.
impl Ord for Map {
    fn cmp(&self, other: &Map) -> Ordering {
        self.len().cmp(&other.len()).then_with(|| self.pairs.cmp(&other.pairs))
    }
}

impl PartialOrd for List {
    fn partial_cmp(&self, other: &List) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialOrd for Map {
    fn partial_cmp(&self, other: &Map) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.items == other.items
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.pairs == other.pairs
    }
}

impl Eq for List {}
impl Eq for Map {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_ordered_and_the_last_pair_wins() {
        let int = Value::Integer;
        let pairs = vec![(int(2), int(0)), (int(1), int(1)), (int(2), int(2)), (int(1), int(3))];
        let map = Map::new(pairs, MapOrder::KeyOrdered);
        assert_eq!(map.pairs, [(int(1), int(3)), (int(2), int(2))]);
        assert_eq!((map.get(&int(2)), map.get(&int(3))), (Some(&int(2)), None));
    }

    #[test]
    fn ordered_lists_are_sorted() {
        let items = vec![Value::String("a".into()), Value::Integer(2), Value::Nil];
        let sorted = [Value::Nil, Value::Integer(2), Value::String("a".into())];
        assert_eq!(List::new(items.clone(), ListOrder::Ordered).items, sorted);
        assert_eq!(List::new(items.clone(), ListOrder::Unordered).items, items);
    }
}
