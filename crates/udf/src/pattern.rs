//! Lua's patterns (reference manual 5.4, 6.4.1), matched with a count of steps: a pattern that tries
//! a text over and over again meets its budget, which Lua's own matcher, one call in C, does not.

/// Deepest nesting of one match, as in Lua's own matcher.
const DEPTH_MAX: usize = 200;
/// Most captures of a pattern.
const CAPTURES_MAX: usize = 32;
/// Steps between two looks at the budget: a step looks at one class of the pattern at most, which is
/// as long as that, so that there are milliseconds between them.
const STEPS: u32 = 10_000;
/// Longest pattern, bytes.
const PATTERN_MAX: usize = 4_096;
/// What begins the escape of a character or names a class.
const ESCAPE: u8 = b'%';

/// What a part of a pattern caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    /// The bytes `start..end` of the text.
    Bytes(usize, usize),
    /// A position, counted from 0.
    Position(usize),
    /// It has begun and not ended.
    Open(usize),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// The pattern is malformed.
    Pattern(&'static str),
    /// The budget's error.
    Ended(mlua::Error),
}

/// One pattern on one text.
pub(crate) struct Matcher<'a> {
    text: &'a [u8],
    pattern: &'a [u8],
    captures: Vec<Capture>,
    depth: usize,
    steps: u32,
    check: &'a dyn Fn() -> mlua::Result<()>,
}

type Step<T> = Result<T, Wrong>;

impl<'a> Matcher<'a> {
    /// `check` is asked now and then whether to go on.
    pub(crate) fn new(
        text: &'a [u8],
        pattern: &'a [u8],
        check: &'a dyn Fn() -> mlua::Result<()>,
    ) -> Matcher<'a> {
        Matcher { text, pattern, captures: Vec::new(), depth: 0, steps: 0, check }
    }

    /// Where a match ends that begins at `start`; its captures are in [`Matcher::captures`].
    pub(crate) fn match_at(&mut self, start: usize) -> Step<Option<usize>> {
        if self.pattern.len() > PATTERN_MAX {
            return Err(Wrong::Pattern("the pattern is longer than 4096 bytes"));
        }
        self.captures.clear();
        self.depth = 0;
        self.run(start, 0)
    }

    /// What the last match caught.
    pub(crate) fn captures(&self) -> &[Capture] {
        &self.captures
    }

    fn step(&mut self) -> Step<()> {
        self.steps += 1;
        if self.steps >= STEPS {
            self.steps = 0;
            (self.check)().map_err(Wrong::Ended)?;
        }
        Ok(())
    }

    fn at(&self, place: usize) -> Option<u8> {
        self.pattern.get(place).copied()
    }

    /// Matches the pattern from `p` on at `s`.
    fn run(&mut self, s: usize, p: usize) -> Step<Option<usize>> {
        if self.depth >= DEPTH_MAX {
            return Err(Wrong::Pattern("pattern too complex"));
        }
        self.depth += 1;
        let found = self.items(s, p);
        self.depth -= 1;
        found
    }

    fn items(&mut self, mut s: usize, mut p: usize) -> Step<Option<usize>> {
        loop {
            self.step()?;
            let Some(first) = self.at(p) else { return Ok(Some(s)) };
            match (first, self.at(p + 1)) {
                (b'(', Some(b')')) => return self.open(Capture::Position(s), s, p + 2),
                (b'(', _) => return self.open(Capture::Open(s), s, p + 1),
                (b')', _) => return self.close(s, p + 1),
                (b'$', None) => return Ok((s == self.text.len()).then_some(s)),
                (ESCAPE, Some(b'b')) => match self.balance(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (ESCAPE, Some(b'f')) => match self.frontier(s, p + 2)? {
                    Some(next) => p = next,
                    None => return Ok(None),
                },
                (ESCAPE, Some(digit @ b'0'..=b'9')) => match self.again(s, digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let end = self.class_end(p)?;
                    match self.at(end) {
                        Some(b'?') => {
                            if self.single(s, p, end)
                                && let Some(found) = self.run(s + 1, end + 1)?
                            {
                                return Ok(Some(found));
                            }
                            p = end + 1;
                        }
                        Some(b'*') => return self.longest(s, s, p, end),
                        Some(b'+') => {
                            let one = self.single(s, p, end);
                            return if one { self.longest(s + 1, s + 1, p, end) } else { Ok(None) };
                        }
                        Some(b'-') => return self.shortest(s, p, end),
                        _ if self.single(s, p, end) => (s, p) = (s + 1, end),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    fn open(&mut self, capture: Capture, s: usize, p: usize) -> Step<Option<usize>> {
        if self.captures.len() >= CAPTURES_MAX {
            return Err(Wrong::Pattern("too many captures"));
        }
        let before = self.captures.len();
        self.captures.push(capture);
        let found = self.run(s, p)?;
        if found.is_none() {
            self.captures.truncate(before);
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Step<Option<usize>> {
        let open = self.captures.iter().rposition(|c| matches!(c, Capture::Open(_)));
        let place = open.ok_or(Wrong::Pattern("invalid pattern capture"))?;
        let Capture::Open(start) = self.captures[place] else { return Ok(None) };
        self.captures[place] = Capture::Bytes(start, s);
        let found = self.run(s, p)?;
        if found.is_none() {
            self.captures[place] = Capture::Open(start);
        }
        Ok(found)
    }

    /// `%bxy`: from an x to the y that balances it.
    fn balance(&mut self, s: usize, p: usize) -> Step<Option<usize>> {
        let (Some(open), Some(close)) = (self.at(p), self.at(p + 1)) else {
            return Err(Wrong::Pattern("malformed pattern (missing arguments to '%b')"));
        };
        if self.text.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for at in s + 1..self.text.len() {
            self.step()?;
            let c = self.text[at];
            if c == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if c == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: between a character outside of the set and one inside. Where the pattern goes on.
    fn frontier(&mut self, s: usize, p: usize) -> Step<Option<usize>> {
        if self.at(p) != Some(b'[') {
            return Err(Wrong::Pattern("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(p)?;
        let before = if s == 0 { 0 } else { self.text[s - 1] };
        let here = self.text.get(s).copied().unwrap_or(0);
        let between = !self.in_set(before, p, end - 1) && self.in_set(here, p, end - 1);
        Ok(between.then_some(end))
    }

    /// `%1`: what a capture caught, once more.
    fn again(&mut self, s: usize, digit: u8) -> Step<Option<usize>> {
        let caught = usize::from(digit).checked_sub(usize::from(b'1'));
        let caught = caught.and_then(|n| self.captures.get(n));
        let Some(Capture::Bytes(start, end)) = caught else {
            return Err(Wrong::Pattern("invalid capture index in pattern"));
        };
        let wanted = &self.text[*start..*end];
        // As long as so many steps.
        self.steps = self.steps.saturating_add((wanted.len() / 8) as u32);
        Ok(self.text[s..].starts_with(wanted).then_some(s + wanted.len()))
    }

    /// As many characters of the class as there are from `from` on, then fewer, until the rest
    /// matches. `least` is the first end that will do.
    fn longest(&mut self, from: usize, least: usize, p: usize, end: usize) -> Step<Option<usize>> {
        let mut s = from;
        while self.single(s, p, end) {
            self.step()?;
            s += 1;
        }
        loop {
            if let Some(found) = self.run(s, end + 1)? {
                return Ok(Some(found));
            }
            if s == least {
                return Ok(None);
            }
            s -= 1;
        }
    }

    fn shortest(&mut self, mut s: usize, p: usize, end: usize) -> Step<Option<usize>> {
        loop {
            if let Some(found) = self.run(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.single(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    /// Where the single character class ends that begins at `p`.
    fn class_end(&self, p: usize) -> Step<usize> {
        match self.at(p) {
            Some(ESCAPE) if self.at(p + 1).is_none() => {
                Err(Wrong::Pattern("malformed pattern (ends with '%')"))
            }
            Some(ESCAPE) => Ok(p + 2),
            Some(b'[') => {
                let mut q = if self.at(p + 1) == Some(b'^') { p + 2 } else { p + 1 };
                // The first character of a set is never its end.
                loop {
                    let c = self.at(q);
                    let c = c.ok_or(Wrong::Pattern("malformed pattern (missing ']')"))?;
                    q += if c == ESCAPE { 2 } else { 1 };
                    if self.at(q) == Some(b']') {
                        return Ok(q + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the character at `s` is of the class `p..end`.
    fn single(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(&c) = self.text.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            ESCAPE => in_class(c, self.pattern[p + 1]),
            b'[' => self.in_set(c, p, end - 1),
            literal => literal == c,
        }
    }

    /// Whether `c` is in the set whose brackets stand at `p` and `last`.
    fn in_set(&self, c: u8, p: usize, last: usize) -> bool {
        let (mut q, wanted) = match self.at(p + 1) {
            Some(b'^') => (p + 2, false),
            _ => (p + 1, true),
        };
        while q < last {
            let here = self.pattern[q];
            if here == ESCAPE {
                if in_class(c, self.pattern[q + 1]) {
                    return wanted;
                }
                q += 2;
            } else if self.at(q + 1) == Some(b'-') && q + 2 < last {
                if (here..=self.pattern[q + 2]).contains(&c) {
                    return wanted;
                }
                q += 3;
            } else {
                if here == c {
                    return wanted;
                }
                q += 1;
            }
        }
        !wanted
    }
}

/// Whether `c` is of the class that `%class` names.
fn in_class(c: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'g' => c.is_ascii_graphic(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => c.is_ascii_whitespace() || c == 0x0b,
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        _ => return class == c,
    };
    is != class.is_ascii_uppercase()
}
