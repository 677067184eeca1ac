//! The lines of tables: psql's three borders, of ASCII or drawn.

/// Which line of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    /// Under the header.
    Middle,
    Bottom,
}

/// How columns are kept apart.
#[derive(Clone, Copy)]
pub(super) struct Border {
    /// 0 none, 1 between columns, 2 all around.
    level: u8,
    drawn: bool,
}

impl Border {
    pub(super) fn new(level: u8, drawn: bool) -> Self {
        Self { level: level.min(2), drawn }
    }

    /// Whether there is a line at this place.
    pub(super) fn has(self, place: Place) -> bool {
        self.level == 2 || place == Place::Middle
    }

    /// What a row begins with.
    pub(super) fn left(self) -> &'static str {
        if self.level == 2 { self.bar() } else { "" }
    }

    /// What stands before each cell.
    pub(super) fn pad(self) -> &'static str {
        if self.level == 0 { "" } else { " " }
    }

    /// What stands between two cells, behind the mark of the first.
    pub(super) fn between(self) -> &'static str {
        if self.level == 0 { "" } else { self.bar() }
    }

    /// Whether the last cell is filled up to its width, and a bar follows.
    pub(super) fn closed(self) -> bool {
        self.level == 2
    }

    /// What marks a cell that goes on in the next line.
    pub(super) fn mark(self) -> &'static str {
        if self.drawn { "↵" } else { "+" }
    }

    fn bar(self) -> &'static str {
        if self.drawn { "│" } else { "|" }
    }

    /// Columns of the terminal that a table with these columns takes.
    pub(super) fn width(self, widths: &[usize]) -> usize {
        let per_column = if self.level == 0 { 1 } else { 3 };
        let total: usize = widths.iter().map(|width| width + per_column).sum();
        if self.level == 2 { total + 1 } else { total.saturating_sub(1) }
    }

    /// A whole line at this place, without its line end.
    pub(super) fn line(self, place: Place, widths: &[usize]) -> String {
        let [left, cross, right] = self.joints(place);
        let dash = if self.drawn { "─" } else { "-" };
        let more = if self.level == 0 { 0 } else { 2 };
        let runs: Vec<String> = widths.iter().map(|width| dash.repeat(width + more)).collect();
        format!("{left}{}{right}", runs.join(cross))
    }

    fn joints(self, place: Place) -> [&'static str; 3] {
        match (self.level, self.drawn, place) {
            (0, ..) => ["", " ", ""],
            (1, false, _) => ["", "+", ""],
            (1, true, Place::Top) => ["", "┬", ""],
            (1, true, _) => ["", "┼", ""],
            (_, false, _) => ["+", "+", "+"],
            (_, true, Place::Top) => ["┌", "┬", "┐"],
            (_, true, Place::Middle) => ["├", "┼", "┤"],
            (_, true, Place::Bottom) => ["└", "┴", "┘"],
        }
    }

    /// The heading of an expanded record: `-[ RECORD 1 ]-+----`. The joint stands over the bar
    /// unless the label covers it.
    pub(super) fn record(self, number: Option<u64>, first: bool, widths: [usize; 2]) -> String {
        if self.level == 0 {
            return number.map_or(String::new(), |number| format!("* Record {number}"));
        }
        let place = if first { Place::Top } else { Place::Middle };
        // At level 1 the line has no space at its left.
        let line: Vec<char> = self.line(place, &widths).chars().collect();
        let line = if self.level == 1 { &line[1..line.len() - 1] } else { &line[..] };
        let label = number.map_or(String::new(), |number| format!("[ RECORD {number} ]"));
        let begin = if self.level == 1 { 1 } else { 2 };
        let mut shown: String = line.iter().take(begin).collect();
        if label.is_empty() {
            return line.iter().collect();
        }
        shown.push_str(&label);
        shown.extend(line.iter().skip(begin + label.chars().count()));
        shown
    }
}
