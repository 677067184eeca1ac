//! What operations mean, said as plainly as can be.

use model::{ErrorKind, List, ListOrder, Map, MapOrder, Value};
use particle::cdt::Answer;

use super::{Arg, MAP_ORDERS};

type Done = Result<Option<Answer>, ErrorKind>;

/// A list or a map: elements one behind the other. The keys of a list are nil.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    elements: Vec<(Value, Value)>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    List(ListOrder),
    Map(MapOrder),
}

/// By what elements are picked.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Index,
    Indexes,
    Rank,
    Ranks,
    FirstValue,
    Value,
    Values,
    ValueInterval,
    RelativeRank,
    Key,
    Keys,
    KeyInterval,
    RelativeIndex,
}

impl Reference {
    pub(crate) fn of(value: &Value) -> Reference {
        match value {
            Value::List(list) => Reference {
                elements: list.iter().map(|item| (Value::Nil, item.clone())).collect(),
                kind: Kind::List(list.order),
            },
            Value::Map(map) => {
                Reference { elements: map.pairs.clone(), kind: Kind::Map(map.order) }
            }
            _ => panic!("{value:?} is no collection"),
        }
    }

    pub(crate) fn bin(&self) -> Value {
        match self.kind {
            Kind::List(order) => Value::List(List { items: self.values(), order }),
            Kind::Map(order) => Value::Map(Map { pairs: self.elements.clone(), order }),
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    fn values(&self) -> Vec<Value> {
        self.elements.iter().map(|(_, value)| value.clone()).collect()
    }

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn is_ordered_list(&self) -> bool {
        self.kind == Kind::List(ListOrder::Ordered)
    }

    /// How many elements come before this one in the order of the values.
    fn rank(&self, at: usize) -> usize {
        let value = &self.elements[at].1;
        let before = |i: &usize| {
            let other = &self.elements[*i].1;
            other < value || other == value && *i < at
        };
        (0..self.len()).filter(before).count()
    }

    pub(crate) fn run(&mut self, number: i64, args: &[Arg]) -> Done {
        match number {
            0..=18 => self.list(number, args),
            19..=27 => self.select(list_by(number - 19), args, false),
            32..=40 => self.select(list_by(number - 32), args, true),
            76..=89 => self.select(map_by(number), args, true),
            97..=110 => self.select(map_by(number), args, false),
            _ => self.map(number, args),
        }
    }

    fn size(&self) -> Done {
        Ok(Some(Value::Integer(self.len() as i64).into()))
    }

    fn list(&mut self, number: i64, args: &[Arg]) -> Done {
        let len = self.len();
        match number {
            0 => {
                let order = [ListOrder::Unordered, ListOrder::Ordered][int(args, 0) as usize];
                self.kind = Kind::List(order);
                self.restore_order();
                Ok(None)
            }
            1 => self.add(len, vec![value(args, 0)], flags(args, 2)),
            2 => self.add(len, items(args, 0), flags(args, 2)),
            3 => self.insert(int(args, 0), vec![value(args, 1)], flags(args, 2)),
            4 => self.insert(int(args, 0), items(args, 1), flags(args, 2)),
            5 => Ok(Some(self.elements.remove(self.place(int(args, 0))?).1.into())),
            7 => {
                self.elements.remove(self.place(int(args, 0))?);
                Ok(Some(Value::Integer(1).into()))
            }
            9 => self.set(int(args, 0), value(args, 1), flags(args, 2)),
            11 => {
                self.elements.clear();
                Ok(None)
            }
            12 => self.increment(args),
            13 => {
                self.sort(int(args, 0));
                Ok(None)
            }
            16 => self.size(),
            17 => Ok(Some(self.elements[self.place(int(args, 0))?].1.clone().into())),
            _ => self.spans(number, args),
        }
    }

    /// pop-range, remove-range, trim and get-range.
    fn spans(&mut self, number: i64, args: &[Arg]) -> Done {
        let inside = |i: usize| in_span(i, args, if int(args, 0) < 0 { self.len() } else { 0 });
        let (taken, left): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|i| inside(*i));
        let of = |places: &[usize]| places.iter().map(|i| self.elements[*i].clone()).collect();
        let (taken, left): (Vec<_>, Vec<_>) = (of(&taken), of(&left));
        let list = |elements: &[(Value, Value)]| {
            let values = elements.iter().map(|(_, value)| value.clone());
            Some(Value::list(values.collect::<Vec<_>>()).into())
        };
        let count = |n: usize| Some(Value::Integer(n as i64).into());
        let (answer, kept) = match number {
            6 => (list(&taken), left),
            8 => (count(taken.len()), left),
            10 => (count(left.len()), taken),
            _ => (list(&taken), self.elements.clone()),
        };
        self.elements = kept;
        Ok(answer)
    }

    fn place(&self, index: i64) -> Result<usize, ErrorKind> {
        let means = |i: &usize| *i as i64 == index || *i as i64 - self.len() as i64 == index;
        (0..self.len()).find(means).ok_or(ErrorKind::NotApplicable)
    }

    /// Sorts by exchanging neighbours, if the order asks for it.
    fn restore_order(&mut self) {
        if !self.is_ordered_list() {
            return;
        }
        for end in (0..self.len()).rev() {
            for i in 0..end {
                if self.elements[i].1 > self.elements[i + 1].1 {
                    self.elements.swap(i, i + 1);
                }
            }
        }
    }

    /// The items that may get in.
    fn new_items(&self, items: Vec<Value>, flags: i64) -> Result<Vec<Value>, ErrorKind> {
        let (unique, no_fail, partial) = (flags & 1 != 0, flags & 4 != 0, flags & 8 != 0);
        let mut new: Vec<Value> = Vec::new();
        for item in &items {
            if !unique || !self.values().contains(item) && !new.contains(item) {
                new.push(item.clone());
            }
        }
        match (new.len() == items.len(), no_fail, partial) {
            (true, ..) | (_, true, true) => Ok(new),
            (_, true, false) => Ok(Vec::new()),
            _ => Err(ErrorKind::ElementExists),
        }
    }

    fn add(&mut self, at: usize, items: Vec<Value>, flags: i64) -> Done {
        let items = self.new_items(items, flags)?;
        while !items.is_empty() && self.len() < at {
            self.elements.push((Value::Nil, Value::Nil));
        }
        for (i, item) in items.into_iter().enumerate() {
            self.elements.insert(at + i, (Value::Nil, item));
        }
        self.restore_order();
        self.size()
    }

    /// The place of an insert or a set; `None` where nothing is to happen.
    fn free_place(&self, at: i64, flags: i64) -> Result<Option<usize>, ErrorKind> {
        if self.is_ordered_list() {
            return Err(ErrorKind::NotApplicable);
        }
        if at < 0 {
            return self.place(at).map(Some);
        }
        match (at as usize > self.len() && flags & 2 != 0, flags & 4 != 0) {
            (true, true) => Ok(None),
            (true, false) => Err(ErrorKind::NotApplicable),
            _ => Ok(Some(at as usize)),
        }
    }

    fn insert(&mut self, at: i64, items: Vec<Value>, flags: i64) -> Done {
        match self.free_place(at, flags)? {
            Some(at) => self.add(at, items, flags),
            None => self.size(),
        }
    }

    fn set(&mut self, at: i64, value: Value, flags: i64) -> Done {
        let Some(at) = self.free_place(at, flags)? else { return Ok(None) };
        if !self.new_items(vec![value.clone()], flags)?.is_empty() {
            self.add(at, vec![value], 0)?;
            if at + 1 < self.len() {
                self.elements.remove(at + 1);
            }
        }
        Ok(None)
    }

    fn increment(&mut self, args: &[Arg]) -> Done {
        let (at, by, flags) = (int(args, 0), value(args, 1), flags(args, 3));
        let behind = at >= self.len() as i64;
        if at > self.len() as i64 && flags & 2 != 0 {
            return if flags & 4 != 0 {
                Ok(Some(by.into()))
            } else {
                Err(ErrorKind::NotApplicable)
            };
        }
        if at > self.len() as i64 && self.is_ordered_list() {
            return Err(ErrorKind::NotApplicable);
        }
        let at = if behind { at as usize } else { self.place(at)? };
        let old = match (behind, &by) {
            (false, _) => self.elements[at].1.clone(),
            (true, Value::Double(_)) => Value::Double(0.0),
            (true, _) => Value::Integer(0),
        };
        let new = sum(&old, &by)?;
        for new in self.new_items(vec![new.clone()], flags)? {
            if !behind {
                self.elements.remove(at);
            }
            self.add(at, vec![new], 0)?;
        }
        Ok(Some(new.into()))
    }

    fn sort(&mut self, flags: i64) {
        let kind = std::mem::replace(&mut self.kind, Kind::List(ListOrder::Ordered));
        self.restore_order();
        self.kind = kind;
        if flags & 2 != 0 {
            let values = self.values();
            let mut i = 0;
            self.elements.retain(|_| {
                i += 1;
                !values[..i - 1].contains(&values[i - 1])
            });
        }
        if flags & 1 != 0 && !self.is_ordered_list() {
            self.elements.reverse();
        }
    }

    fn map(&mut self, number: i64, args: &[Arg]) -> Done {
        match number {
            64 => {
                let named = MAP_ORDERS.iter().find(|(order, _)| *order == int(args, 0));
                self.kind = Kind::Map(named.expect("an order").1);
                Ok(None)
            }
            65 | 67 | 69 => {
                self.put(vec![(value(args, 0), value(args, 1))], put_flags(number, args, 3))
            }
            66 | 68 | 70 => {
                let Value::Map(map) = value(args, 0) else { panic!("{args:?}") };
                self.put(map.pairs, put_flags(number, args, 2))
            }
            73 | 74 => {
                let zero = match value(args, 1) {
                    Value::Double(_) => Value::Double(0.0),
                    _ => Value::Integer(0),
                };
                let by = match (number, value(args, 1)) {
                    (74, Value::Integer(n)) => Value::Integer(-n),
                    (74, Value::Double(d)) => Value::Double(-d),
                    (_, by) => by,
                };
                let key = value(args, 0);
                let known = self.elements.iter().find(|(known, _)| *known == key);
                let new = sum(known.map_or(&zero, |(_, value)| value), &by)?;
                self.put(vec![(key, new.clone())], 0)?;
                Ok(Some(new.into()))
            }
            75 => {
                self.elements.clear();
                Ok(None)
            }
            _ => self.size(),
        }
    }

    fn put(&mut self, pairs: Vec<(Value, Value)>, flags: i64) -> Done {
        if flags & 3 == 3 {
            return Err(ErrorKind::Parameter);
        }
        let there = |key: &Value| self.elements.iter().any(|(known, _)| known == key);
        let wrong = |key: &Value| flags & 1 != 0 && there(key) || flags & 2 != 0 && !there(key);
        let (bad, good): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| wrong(key));
        match (bad.is_empty(), flags & 4 != 0, flags & 8 != 0) {
            (true, ..) | (_, true, true) => {}
            (_, true, false) => return self.size(),
            _ if flags & 1 != 0 => return Err(ErrorKind::ElementExists),
            _ => return Err(ErrorKind::ElementNotFound),
        }
        for (key, value) in good {
            self.elements.retain(|(known, _)| *known != key);
            let before = self.elements.iter().filter(|(known, _)| *known < key).count();
            self.elements.insert(before, (key, value));
        }
        self.size()
    }

    fn select(&mut self, by: By, args: &[Arg], removes: bool) -> Done {
        let (inverted, what) = (int(args, 0) & 0x1_0000 != 0, int(args, 0) & 0xffff);
        let args = &args[1..];
        let single = matches!(by, By::Index | By::Rank | By::Key | By::FirstValue);
        if single && inverted {
            return Err(ErrorKind::Parameter);
        }
        if matches!(by, By::Index | By::Rank) {
            self.place(int(args, 0))?;
        }
        let mut meant: Vec<usize> =
            (0..self.len()).filter(|i| self.means(by, args, *i) != inverted).collect();
        if by == By::FirstValue {
            meant.truncate(1);
        }
        let answer = self.answer(by, args, what, inverted, single, &meant);
        if removes {
            let mut i = 0;
            self.elements.retain(|_| {
                i += 1;
                !meant.contains(&(i - 1))
            });
        }
        Ok(answer)
    }

    /// Whether an element is meant.
    fn means(&self, by: By, args: &[Arg], at: usize) -> bool {
        let (key, own) = &self.elements[at];
        let from_end = |n: usize| if int(args, 0) < 0 { n } else { 0 };
        match by {
            By::Index => self.place(int(args, 0)) == Ok(at),
            By::Rank => self.place(int(args, 0)) == Ok(self.rank(at)),
            By::Indexes => in_span(at, args, from_end(self.len())),
            By::Ranks => in_span(self.rank(at), args, from_end(self.len())),
            By::FirstValue | By::Value => *own == value(args, 0),
            By::Values => items(args, 0).contains(own),
            By::ValueInterval => in_interval(own, args),
            By::RelativeRank => {
                let lower = self.elements.iter().filter(|(_, v)| *v < value(args, 0)).count();
                in_span(self.rank(at), &args[1..], lower)
            }
            By::Key => *key == value(args, 0),
            By::Keys => items(args, 0).contains(key),
            By::KeyInterval => in_interval(key, args),
            By::RelativeIndex => {
                let lower = self.elements.iter().filter(|(k, _)| *k < value(args, 0)).count();
                in_span(at, &args[1..], lower)
            }
        }
    }

    /// What is answered of the elements that are meant, which are in the order of their places.
    fn answer(
        &self,
        by: By,
        args: &[Arg],
        what: i64,
        inverted: bool,
        single: bool,
        meant: &[usize],
    ) -> Option<Answer> {
        let by_place = matches!(
            by,
            By::Index | By::Indexes | By::Key | By::Keys | By::KeyInterval | By::RelativeIndex
        );
        let by_ranks = matches!(by, By::Ranks | By::RelativeRank);
        let mut order = meant.to_vec();
        match self.kind {
            Kind::Map(_) if !by_place && by != By::Values => order.sort_by_key(|i| self.rank(*i)),
            Kind::List(_) if by_ranks && !inverted => {
                order.sort_by_key(|i| self.rank(*i));
                let above = order.last().map_or(0, |i| self.len() - 1 - self.rank(*i));
                let below = order.first().map_or(0, |i| self.rank(*i));
                if !self.is_ordered_list() && below < above {
                    order.reverse();
                }
            }
            _ => {}
        }
        let mut ranked = order.clone();
        match (by, inverted) {
            (By::Values, false) => {
                let values = items(args, 0);
                let given = |i: &usize| values.iter().position(|v| *v == self.elements[*i].1);
                ranked.sort_by_key(|i| (given(i), self.rank(*i)));
            }
            _ if by_place => {}
            _ => ranked.sort_by_key(|i| self.rank(*i)),
        }
        let last = |n: usize| self.len() - 1 - n;
        let pairs = || order.iter().map(|i| self.elements[*i].clone()).collect::<Vec<_>>();
        let list: Vec<Value> = match what {
            0 => return None,
            1 => order.iter().map(|i| number(*i)).collect(),
            2 => order.iter().map(|i| number(last(*i))).collect(),
            3 => ranked.iter().map(|i| number(self.rank(*i))).collect(),
            4 => ranked.iter().map(|i| number(last(self.rank(*i)))).collect(),
            5 => return Some(number(meant.len()).into()),
            6 => pairs().into_iter().map(|(key, _)| key).collect(),
            7 => pairs().into_iter().map(|(_, value)| value).collect(),
            8 => return Some(Answer::Pairs(pairs())),
            13 => return Some(Value::Bool(!meant.is_empty()).into()),
            _ => return Some(Value::map(pairs()).into()),
        };
        Some(match (single, list.first()) {
            (false, _) => Value::list(list).into(),
            (true, Some(one)) => one.clone().into(),
            (true, None) if what <= 4 => Value::Integer(-1).into(),
            (true, None) => Value::Nil.into(),
        })
    }
}

fn list_by(offset: i64) -> By {
    let all = [By::Index, By::FirstValue, By::Rank, By::Value, By::Values];
    let ranges = [By::Indexes, By::ValueInterval, By::Ranks, By::RelativeRank];
    all.into_iter().chain(ranges).nth(offset as usize).expect("an operation")
}

fn map_by(number: i64) -> By {
    match number {
        76 | 97 => By::Key,
        77 | 98 => By::Index,
        78 | 99 => By::FirstValue,
        79 | 100 => By::Rank,
        81 | 107 => By::Keys,
        82 | 102 => By::Value,
        83 | 108 => By::Values,
        84 | 103 => By::KeyInterval,
        85 | 104 => By::Indexes,
        86 | 105 => By::ValueInterval,
        87 | 106 => By::Ranks,
        88 | 109 => By::RelativeIndex,
        _ => By::RelativeRank,
    }
}

fn number(n: usize) -> Value {
    Value::Integer(n as i64)
}

fn value(args: &[Arg], at: usize) -> Value {
    match &args[at] {
        Arg::Value(value) => value.clone(),
        Arg::Infinity => panic!("argument {at} of {args:?} should be a value"),
    }
}

fn int(args: &[Arg], at: usize) -> i64 {
    match value(args, at) {
        Value::Integer(n) => n,
        other => panic!("{other:?} should be a number"),
    }
}

fn items(args: &[Arg], at: usize) -> Vec<Value> {
    match value(args, at) {
        Value::List(list) => list.items,
        other => panic!("{other:?} should be a list"),
    }
}

fn flags(args: &[Arg], at: usize) -> i64 {
    if at < args.len() { int(args, at) } else { 0 }
}

/// The flags of a put, with those that an old operation stands for.
fn put_flags(number: i64, args: &[Arg], at: usize) -> i64 {
    match number {
        65 | 66 => 1,
        69 | 70 => 2,
        _ => flags(args, at),
    }
}

/// Whether `n` is among those from `base + args[0]` on, `args[1]` of them if that is there.
fn in_span(n: usize, args: &[Arg], base: usize) -> bool {
    let start = base as i64 + int(args, 0);
    let n = n as i64;
    n >= start && (args.len() < 2 || int(args, 1) < 0 || n < start + int(args, 1))
}

fn in_interval(own: &Value, args: &[Arg]) -> bool {
    let below_end = match args.get(1) {
        None | Some(Arg::Infinity) => true,
        Some(Arg::Value(end)) => own < end,
    };
    *own >= value(args, 0) && below_end
}

fn sum(a: &Value, b: &Value) -> Result<Value, ErrorKind> {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => Ok(Value::Integer(a + b)),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        (Value::Double(a), Value::Integer(b)) => Ok(Value::Double(a + *b as f64)),
        _ => Err(ErrorKind::Parameter),
    }
}
