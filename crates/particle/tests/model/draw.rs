//! Random collections and operations: few values, so that they meet.

use model::{List, ListOrder, Map, Value};

use super::reference::Reference;
use super::{Arg, Around, MAP_ORDERS, Operation};

/// Numbers that come from a seed (splitmix64, as in Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", 2014).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Draw {
        Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn number(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from) as u64) as i64
    }

    fn text(&mut self) -> Value {
        Value::String(["", "a", "ab", "b"][self.below(4) as usize].into())
    }

    fn value(&mut self) -> Value {
        match self.below(12) {
            0 => Value::Nil,
            1 => Value::Bool(self.one_in(2)),
            2 => Value::Double([-1.5, 0.5, 2.0][self.below(3) as usize]),
            3 => self.text(),
            4 => Value::Blob(vec![self.below(2) as u8]),
            5 => {
                let items = (0..self.below(3)).map(|_| Value::Integer(self.number(0, 2)));
                Value::list(items.collect::<Vec<_>>())
            }
            _ => Value::Integer(self.number(-2, 4)),
        }
    }

    fn key(&mut self) -> Value {
        match self.below(4) {
            0 => self.text(),
            1 => Value::Blob(vec![self.below(2) as u8]),
            _ => Value::Integer(self.number(-2, 5)),
        }
    }

    fn values(&mut self) -> Vec<Value> {
        (0..self.below(5)).map(|_| self.value()).collect()
    }

    fn pairs(&mut self, most: u64) -> Vec<(Value, Value)> {
        (0..self.below(most)).map(|_| (self.key(), self.value())).collect()
    }

    /// A list or a map of up to eight elements.
    pub(crate) fn collection(&mut self) -> Reference {
        if self.one_in(2) {
            let items = (0..self.below(9)).map(|_| self.value()).collect();
            let order = if self.one_in(2) { ListOrder::Ordered } else { ListOrder::Unordered };
            return Reference::of(&Value::List(List::new(items, order)));
        }
        let (_, order) = MAP_ORDERS[self.below(3) as usize];
        Reference::of(&Value::Map(Map::new(self.pairs(9), order)))
    }

    /// A context, and what lies around the collection there.
    pub(crate) fn place(&mut self) -> (Vec<Value>, Option<Around>) {
        if self.one_in(2) {
            let before = self.values();
            let step = vec![Value::Integer(0x10), Value::Integer(before.len() as i64)];
            return (step, Some(Around::List(before)));
        }
        let key = Value::Integer(self.number(0, 3));
        (vec![Value::Integer(0x22), key.clone()], Some(Around::Map(key)))
    }

    /// An operation that the collection has, mostly with arguments that fit.
    pub(crate) fn operation(&mut self, on: &Reference) -> Operation {
        let number = match on.is_map() {
            true => [64, 67, 68, 73, 74, 75, 65, 66, 69, 70]
                .into_iter()
                .chain(76..=79)
                .chain(81..=89)
                .chain(96..=100)
                .chain(102..=110)
                .nth(self.below(37) as usize),
            false => (0..=13).chain(16..=27).chain(32..=40).nth(self.below(35) as usize),
        };
        let number = number.unwrap_or_default();
        Operation { number, args: self.args(number) }
    }

    fn args(&mut self, number: i64) -> Vec<Arg> {
        let int = |n: i64| Arg::Value(Value::Integer(n));
        let value = |value: Value| Arg::Value(value);
        let list = |values: Vec<Value>| Arg::Value(Value::list(values));
        let mut args = match number {
            19..=27 | 32..=40 | 76..=79 | 81..=89 | 97..=100 | 102..=110 => {
                return self.selection(number);
            }
            0 => vec![int(self.number(0, 2))],
            1 => vec![value(self.value()), int(self.number(0, 2))],
            2 => vec![list(self.values()), int(self.number(0, 2))],
            3 | 9 => vec![int(self.number(-3, 11)), value(self.value())],
            4 => vec![int(self.number(-3, 11)), list(self.values())],
            5 | 7 | 17 => vec![int(self.number(-9, 9))],
            6 | 8 | 10 | 18 => return self.span(),
            12 => vec![int(self.number(-9, 11)), value(self.amount()), int(0)],
            13 => vec![int(self.number(0, 4))],
            64 => vec![int(MAP_ORDERS[self.below(3) as usize].0)],
            65 | 67 | 69 => vec![value(self.key()), value(self.value()), int(0)],
            66 | 68 | 70 => {
                let pairs = self.pairs(5);
                vec![value(Value::map(pairs)), int(0)]
            }
            73 | 74 => vec![value(self.key()), value(self.amount()), int(0)],
            _ => Vec::new(),
        };
        let flagged = matches!(number, 1..=4 | 9 | 12 | 67 | 68);
        if flagged && self.one_in(2) {
            args.push(int(self.number(0, 16)));
        }
        args
    }

    fn amount(&mut self) -> Value {
        if self.one_in(4) { Value::Double(0.5) } else { Value::Integer(self.number(-3, 4)) }
    }

    fn span(&mut self) -> Vec<Arg> {
        let mut span = vec![Arg::Value(Value::Integer(self.number(-10, 10)))];
        if self.one_in(2) {
            span.push(Arg::Value(Value::Integer(self.number(-1, 10))));
        }
        span
    }

    fn selection(&mut self, number: i64) -> Vec<Arg> {
        let kinds: &[i64] = match number > 63 {
            true => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 17],
            false => &[0, 1, 2, 3, 4, 5, 7, 13],
        };
        let kind = kinds[self.below(kinds.len() as u64) as usize];
        let inverted = if self.one_in(4) { 0x1_0000 } else { 0 };
        let mut args = vec![Arg::Value(Value::Integer(kind | inverted))];
        match number {
            19 | 21 | 32 | 34 | 77 | 79 | 98 | 100 => {
                args.push(Arg::Value(Value::Integer(self.number(-9, 9))));
            }
            20 | 22 | 33 | 35 | 78 | 82 | 99 | 102 => args.push(Arg::Value(self.value())),
            23 | 36 | 83 | 108 => args.push(Arg::Value(Value::list(self.values()))),
            24 | 26 | 37 | 39 | 85 | 87 | 104 | 106 => args.extend(self.span()),
            25 | 38 | 86 | 105 => args.extend(self.interval(Draw::value)),
            27 | 40 | 89 | 110 => {
                args.push(Arg::Value(self.value()));
                args.extend(self.span());
            }
            76 | 97 => args.push(Arg::Value(self.key())),
            81 | 107 => {
                let keys = (0..self.below(5)).map(|_| self.key()).collect::<Vec<_>>();
                args.push(Arg::Value(Value::list(keys)));
            }
            84 | 103 => args.extend(self.interval(Draw::key)),
            _ => {
                args.push(Arg::Value(self.key()));
                args.extend(self.span());
            }
        }
        args
    }

    fn interval(&mut self, end: impl Fn(&mut Draw) -> Value) -> Vec<Arg> {
        let mut interval = vec![Arg::Value(end(self))];
        match self.below(4) {
            0 => {}
            1 => interval.push(Arg::Infinity),
            _ => interval.push(Arg::Value(end(self))),
        }
        interval
    }
}
