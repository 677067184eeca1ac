//! What a row of the settings table is, and how rows are found. The rows are in `rows.rs`.
//!
//! Everything that knows a parameter knows it from here: the reader of values, the typed
//! configuration, `aerie config check`, the sample file and the reference page.

use std::sync::LazyLock;

use namespace::SetSettings;

use super::draft::Draft;
use super::{Config, NamespaceConfig, near, rows, units};

/// One parameter of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The contexts around it, outermost first, with dots: `namespace.storage-engine`.
    pub context: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// The value it has when no layer says otherwise, as it would be written; empty for none.
    pub default: &'static str,
    /// Whether it may be said several times, each adding to the others.
    pub many: bool,
    /// Whether a running node may change it.
    pub dynamic: bool,
    /// What the node does with it.
    pub status: Status,
    /// What it is for, in one line.
    pub help: &'static str,
    /// Takes the value into the configuration.
    pub(super) apply: Apply,
    /// Says what holds, for `SHOW CONFIG`.
    pub(super) show: Show,
}

/// How the value that holds is said.
#[derive(Debug, Clone, Copy)]
pub(super) enum Show {
    /// Not at all: another name of another setting, or without effect.
    Nowhere,
    Node(fn(&Config) -> String),
    Namespace(fn(&NamespaceConfig) -> String),
    /// `None` where the namespace decides.
    Set(fn(&SetSettings) -> Option<String>),
}

/// Takes a value into the draft. `Ok(None)`: the row's own status holds; `Ok(Some(..))`: this value
/// has another one; `Err`: half a sentence on what is wrong with the value.
pub(super) type Apply = fn(&mut Draft, &Given<'_>) -> Result<Option<Verdict>, String>;

/// What a value is, with its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No value: a context, `service {`.
    Block,
    /// A context with a name: `namespace NAME {`.
    Named(&'static str),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from and to.
    Count(u64, u64),
    /// Bytes from and to, with K, M, G, T or P.
    Size(u64, u64),
    /// Seconds from and to, with s, m, h or d.
    Seconds(u64, u64),
    /// True or false.
    Flag,
    /// Text of so many words at least and at most; the string names them.
    Words(usize, usize, &'static str),
    /// Whatever stands there: the node does not look at it.
    Any,
}

/// What the node does with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It means what operators of the field expect.
    Honoured,
    /// It means something else here, and what.
    Translated(&'static str),
    /// It has no effect, and why.
    Ignored(&'static str),
    /// The node would break a promise if it went on; why, and what to do.
    Refused(&'static str),
}

/// What became of one parameter of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds as written.
    Honoured,
    /// It holds in another form, which the text names.
    Translated(String),
    /// It has no effect; the text says why.
    Ignored(String),
    /// No parameter has this name here; the nearest one that exists.
    Unknown(Option<String>),
    /// The node does not start with it; what is wrong and what to try.
    Wrong(String),
}

impl From<Status> for Verdict {
    fn from(status: Status) -> Verdict {
        match status {
            Status::Honoured => Verdict::Honoured,
            Status::Translated(to) => Verdict::Translated(to.to_owned()),
            Status::Ignored(why) => Verdict::Ignored(why.to_owned()),
            Status::Refused(why) => Verdict::Wrong(why.to_owned()),
        }
    }
}

/// A value read by its kind.
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// The words as written.
    pub(super) words: &'a [String],
    /// The number of a `Count`, `Size` or `Seconds`; 1 or 0 of a `Flag`; the position of a
    /// `Choice`.
    pub(super) number: u64,
}

impl Given<'_> {
    pub(super) fn text(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub(super) fn flag(&self) -> bool {
        self.number != 0
    }

    /// The number as 32 bits. Rows that use this have a range that fits.
    pub(super) fn u32(&self) -> u32 {
        u32::try_from(self.number).unwrap_or(u32::MAX)
    }

    /// The same as 16 bits.
    pub(super) fn u16(&self) -> u16 {
        u16::try_from(self.number).unwrap_or(u16::MAX)
    }

    /// The same as 8 bits.
    pub(super) fn u8(&self) -> u8 {
        u8::try_from(self.number).unwrap_or(u8::MAX)
    }
}

/// Parameters that one sentence is true of: the node does not have what they tune.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) context: &'static str,
    pub(super) why: &'static str,
    /// Names with spaces between.
    pub(super) names: &'static str,
}

impl Setting {
    /// Whom it belongs to: the node, a namespace or a set.
    pub fn scope(&self) -> &'static str {
        match self.context {
            c if c.starts_with("namespace.set") => "set",
            c if c.starts_with("namespace") => "namespace",
            _ => "node",
        }
    }

    /// Whether it has an effect.
    pub(super) fn works(&self) -> bool {
        matches!(self.status, Status::Honoured | Status::Translated(_))
    }

    /// What its number counts; empty for words and plain numbers.
    pub fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Size(..) => "bytes",
            Kind::Seconds(..) => "seconds",
            _ if self.name.ends_with("-tenths-pct") => "0.1 %",
            _ if self.name.ends_with("-pct") => "%",
            _ => "",
        }
    }

    pub(super) fn read<'a>(&self, words: &'a [String]) -> Result<Given<'a>, String> {
        let number = self.kind.read(words)?;
        Ok(Given { words, number })
    }

    /// The rows of a group.
    fn of_group(group: &'static Group) -> impl Iterator<Item = Setting> {
        group.names.split_whitespace().map(|name| Setting {
            context: group.context,
            name,
            kind: Kind::Any,
            default: "",
            many: true,
            dynamic: false,
            status: Status::Ignored(group.why),
            help: "",
            apply: rows::nothing,
            show: Show::Nowhere,
        })
    }
}

impl Kind {
    /// Reads a value; the error is half a sentence that begins with the value.
    fn read(self, words: &[String]) -> Result<u64, String> {
        let (least, most) = self.word_count();
        if words.len() < least {
            return Err(format!("has no value; give {}", self.describe()));
        }
        if words.len() > most {
            let extra = &words[most];
            return Err(format!(
                "has `{extra}` too many; write one parameter a line, or two spaces between them"
            ));
        }
        // A flag without a value is set, as Aerospike has it; other kinds have a word here.
        let Some(word) = words.first() else { return Ok(1) };
        let (number, range) = match self {
            Kind::Count(from, to) => (units::number(word), Some((from, to))),
            Kind::Size(from, to) => (units::size(word), Some((from, to))),
            Kind::Seconds(from, to) => (units::seconds(word), Some((from, to))),
            Kind::Flag => (units::flag(word).map(u64::from), None),
            Kind::Choice(of) => (position(word, of), None),
            Kind::Block | Kind::Named(_) | Kind::Words(..) | Kind::Any => return Ok(0),
        };
        let number = number.map_err(|e| format!("`{word}` {e}"))?;
        match range {
            Some((from, to)) if number < from || number > to => {
                Err(format!("`{word}` is out of range; give {}", self.describe()))
            }
            _ => Ok(number),
        }
    }

    fn word_count(self) -> (usize, usize) {
        match self {
            Kind::Block => (0, 0),
            Kind::Flag => (0, 1),
            Kind::Words(least, most, _) => (least, most),
            Kind::Any => (0, usize::MAX),
            _ => (1, 1),
        }
    }

    /// Type and range in words: `a size from 128K to 8M`.
    pub fn describe(self) -> String {
        let size = units::show_size;
        match self {
            Kind::Block => "a context".to_owned(),
            Kind::Named(what) => format!("a context with a {what}"),
            Kind::Choice(of) => format!("one of {}", of.join(", ")),
            Kind::Count(from, to) => format!("a number from {from} to {to}"),
            Kind::Size(from, to) => format!("a size from {} to {}", size(from), size(to)),
            Kind::Seconds(from, to) => format!("a time from {from} to {to} seconds"),
            Kind::Flag => "true or false".to_owned(),
            Kind::Words(_, _, what) => what.to_owned(),
            Kind::Any => "not looked at".to_owned(),
        }
    }
}

fn position(word: &str, of: &[&str]) -> Result<u64, String> {
    let at = of.iter().position(|choice| *choice == word);
    at.map(|n| n as u64).ok_or_else(|| format!("is none of {}", of.join(", ")))
}

/// The whole table, honoured rows first, in the order of the sample file.
pub fn settings() -> &'static [Setting] {
    static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let ignored = rows::IGNORED.iter().flat_map(Setting::of_group);
        rows::ROWS.iter().copied().chain(ignored).collect()
    });
    &ALL
}

/// The rows of a context.
pub(super) fn rows_of(context: &str) -> impl Iterator<Item = &'static Setting> {
    settings().iter().filter(move |s| s.context == context)
}

/// The row of a name in a context.
pub(super) fn find(context: &str, name: &str) -> Option<&'static Setting> {
    rows_of(context).find(|s| s.name == name)
}

/// The row of a namespace's setting whose name stands alone, without `storage-engine` around it; one
/// that has an effect where there are two.
pub(super) fn of_namespace(name: &str) -> Option<&'static Setting> {
    let found = ["namespace.storage-engine", "namespace"].map(|context| find(context, name));
    let found = found.into_iter().flatten().filter(|row| !matches!(row.kind, Kind::Block));
    found.max_by_key(|row| row.works())
}

/// The name nearest to an unknown one: in its own context, else in any, with where that is.
pub(super) fn suggest(context: &str, name: &str) -> Option<String> {
    if let Some(here) = near::nearest(name, rows_of(context).map(|s| s.name)) {
        return Some(here.to_owned());
    }
    let elsewhere = settings().iter().find(|s| s.name == name)?;
    let place = if elsewhere.context.is_empty() { "the top" } else { elsewhere.context };
    Some(format!("{name} of {place}"))
}

/// Whether a word is the name of a parameter here, or nearly one.
pub(super) fn is_name(path: &[&str], word: &str) -> bool {
    let context = path.join(".");
    find(&context, word).is_some()
        || near::nearest(word, rows_of(&context).map(|s| s.name)).is_some()
}
