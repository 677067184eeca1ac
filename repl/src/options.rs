//! The options of aql's SET, GET and RESET.
//!
//! Some are the shell's, some are another name of a setting of the server, two change what
//! `SELECT *` asks for, and some steer what does not exist here: these are kept and given back, so
//! that old scripts run, and a notice tells that they do nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::command::switch;
use crate::copy::Feed;
use crate::format::Format;
use crate::lexer::tokens;
use crate::shell::{Shell, Step, Stop};
use crate::terminal::say_error;

/// An option.
#[derive(Debug)]
pub(crate) struct OptionRow {
    pub(crate) name: &'static str,
    takes: Takes,
    default: &'static str,
    meaning: Meaning,
}

#[derive(Debug)]
enum Takes {
    Bool,
    Number,
    Text,
}

#[derive(Debug)]
enum Meaning {
    Output,
    Echo,
    /// A setting of the server, and how a value is said there.
    Setting(&'static str, fn(&str) -> &str),
    /// What `SELECT *` asks for.
    Columns,
    /// What to do instead.
    None(&'static str),
}

const fn row(
    name: &'static str,
    takes: Takes,
    default: &'static str,
    meaning: Meaning,
) -> OptionRow {
    OptionRow { name, takes, default, meaning }
}

/// Every option, in aql's order.
pub(crate) const TABLE: &[OptionRow] = &[
    row("ECHO", Takes::Bool, "false", Meaning::Echo),
    row("VERBOSE", Takes::Bool, "false", Meaning::None("\\timing shows times")),
    row("OUTPUT", Takes::Text, "TABLE", Meaning::Output),
    row("OUTPUT_TYPES", Takes::Bool, "true", Meaning::None("lists and maps are shown as JSON")),
    row("TIMEOUT", Takes::Number, "0", Meaning::Setting("statement_timeout", same)),
    row("SOCKET_TIMEOUT", Takes::Number, "-1", Meaning::None("TIMEOUT limits a statement")),
    row("LUA_USERPATH", Takes::Text, "", Meaning::None("modules are on the server")),
    row("RECORD_TTL", Takes::Text, "default", Meaning::Setting("record_ttl", ttl)),
    row("RECORD_PRINT_METADATA", Takes::Bool, "false", Meaning::Columns),
    row("KEY_SEND", Takes::Bool, "true", Meaning::Setting("key_send", same)),
    row("DURABLE_DELETE", Takes::Bool, "true", Meaning::Setting("durable_delete", same)),
    row(
        "SCAN_RECORDS_PER_SECOND",
        Takes::Number,
        "0",
        Meaning::None("scans run as fast as they can; LIMIT shortens them"),
    ),
    row("NO_BINS", Takes::Bool, "false", Meaning::Columns),
    row("USE_SMD", Takes::Bool, "false", Meaning::None("it was for an older server")),
    row("REPLICA_ANY", Takes::Bool, "false", Meaning::None("read_mode is the server's setting")),
    row("LINEARIZE_READ", Takes::Bool, "false", Meaning::Setting("read_mode", read_mode)),
];

fn same(value: &str) -> &str {
    value
}

/// aql's 0 is the namespace's default.
fn ttl(value: &str) -> &str {
    if value == "0" { "default" } else { value }
}

fn read_mode(value: &str) -> &str {
    if value == "true" { "linearize" } else { "session" }
}

/// The option of this name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static OptionRow> {
    TABLE.iter().find(|option| option.name.eq_ignore_ascii_case(name))
}

/// Values of the options that neither the rest of the shell nor the server keeps, where they are
/// not the default.
pub(crate) type Options = BTreeMap<&'static str, String>;

impl PartialEq for OptionRow {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OptionRow {}

impl OptionRow {
    /// The value as it is kept, or what is wrong with it.
    fn check(&self, value: &str) -> Result<String, String> {
        let wrong = |wanted: &str| Err(format!("{} is {wanted}, not {value}\n", self.name));
        match self.takes {
            Takes::Bool => {
                switch(value).map_or_else(|| wrong("true or false"), |on| Ok(on.to_string()))
            }
            Takes::Number if value.parse::<i64>().is_err() => wrong("a whole number"),
            _ => Ok(value.into()),
        }
    }
}

impl Shell {
    pub(crate) fn set_option(
        &mut self,
        option: &'static OptionRow,
        value: &str,
        feed: &mut dyn Feed,
    ) -> Step {
        let value = match option.check(value) {
            Ok(value) => value,
            Err(why) => return self.complain(&why),
        };
        match &option.meaning {
            Meaning::Output => match Format::parse(&value) {
                Some(format) => self.look.format = format,
                None => {
                    return self.complain(&format!("OUTPUT is {}, not {value}\n", Format::NAMES));
                }
            },
            Meaning::Echo => self.echo = value == "true",
            Meaning::Setting(setting, say) => {
                let value = say(&value).replace('\'', "''");
                return self.run_sql(&format!("SET {setting} = '{value}'"), feed);
            }
            Meaning::Columns => {
                self.options.insert(option.name, value);
            }
            Meaning::None(instead) => {
                let name = option.name;
                say_error(&format!("NOTICE:  {name} has no effect here: {instead}\n"));
                self.options.insert(name, value);
            }
        }
        Ok(())
    }

    pub(crate) fn reset_option(&mut self, option: &'static OptionRow, feed: &mut dyn Feed) -> Step {
        match &option.meaning {
            Meaning::Output => self.look.format = Format::Table,
            Meaning::Echo => self.echo = false,
            Meaning::Setting(setting, _) => return self.run_sql(&format!("RESET {setting}"), feed),
            Meaning::Columns | Meaning::None(_) => {
                self.options.remove(option.name);
            }
        }
        Ok(())
    }

    /// `NAME = value`.
    pub(crate) fn option_line(&mut self, option: &'static OptionRow) -> Result<String, Stop> {
        let value = match &option.meaning {
            Meaning::Output => self.look.format.name().into(),
            Meaning::Echo => self.echo.to_string(),
            Meaning::Setting(setting, _) => {
                let found = self.fetch(&format!("SHOW {setting}"))?;
                let value = found.rows.into_iter().flatten().flatten().next().unwrap_or_default();
                match option.takes {
                    Takes::Bool => (value == "on" || value == "linearize").to_string(),
                    Takes::Number => without_unit(&value),
                    Takes::Text => value,
                }
            }
            Meaning::Columns | Meaning::None(_) => {
                self.options.get(option.name).map_or(option.default, String::as_str).into()
            }
        };
        Ok(format!("{} = {value}\n", option.name))
    }

    /// `sql` with the columns that RECORD_PRINT_METADATA and NO_BINS ask for, if it is a
    /// `SELECT *` of one set.
    pub(crate) fn with_columns<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        let on = |name| self.options.get(name).is_some_and(|value| value == "true");
        let columns = match (on("NO_BINS"), on("RECORD_PRINT_METADATA")) {
            (false, false) => return sql.into(),
            (false, true) => {
                "*, EDIGEST AS \"{edigest}\", SET_NAME AS \"{set}\", \
                 TTL AS \"{ttl}\", GEN AS \"{gen}\""
            }
            (true, false) => "DIGEST AS \"{digest}\"",
            (true, true) => {
                "DIGEST AS \"{digest}\", SET_NAME AS \"{set}\", \
                 TTL AS \"{ttl}\", GEN AS \"{gen}\""
            }
        };
        let aerie = self.session.as_ref().is_some_and(|session| session.is_aerie());
        let asked = star(sql).filter(|_| aerie);
        asked.map_or(sql.into(), |at| format!("{}{columns}{}", &sql[..at], &sql[at + 1..]).into())
    }

    /// All of them. A server that is not AerieDB has no settings of these names.
    pub(crate) fn option_lines(&mut self) -> Result<String, Stop> {
        let aerie = self.connected()?.is_aerie();
        let asked = |option: &&OptionRow| aerie || !matches!(option.meaning, Meaning::Setting(..));
        TABLE.iter().filter(asked).map(|option| self.option_line(option)).collect()
    }
}

/// A time as the server shows it (`1min`) in milliseconds; other values as they are.
fn without_unit(value: &str) -> String {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ms = match &value[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return value.into(),
    };
    let time = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(ms));
    time.map_or(value.into(), |ms| ms.to_string())
}

/// Where the star of `SELECT * FROM set` is, if no row of the result is more than a record.
fn star(sql: &str) -> Option<usize> {
    let found = tokens(sql);
    let [select, star, from, rest @ ..] = &found[..] else { return None };
    let more = ["JOIN", "GROUP", "UNION", "INTERSECT", "EXCEPT"];
    let combines =
        rest.iter().any(|token| token.text == "," || more.iter().any(|word| token.is(word)));
    let fits = select.is("SELECT") && star.text == "*" && from.is("FROM") && !combines;
    fits.then(|| star.text.as_ptr() as usize - sql.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds() {
        for (shown, ms) in [
            ("0", "0"),
            ("500ms", "500"),
            ("5s", "5000"),
            ("1min", "60000"),
            ("2h", "7200000"),
            ("1d", "86400000"),
            ("-1", "-1"),
            ("default", "default"),
        ] {
            assert_eq!(without_unit(shown), ms);
        }
    }

    #[test]
    fn values_are_checked() {
        let check = |name: &str, value: &str| find(name).unwrap().check(value);
        assert_eq!(check("key_send", "1"), Ok("true".into()));
        assert_eq!(check("Echo", "F"), Ok("false".into()));
        assert_eq!(check("TIMEOUT", "1000"), Ok("1000".into()));
        assert!(check("TIMEOUT", "soon").is_err_and(|why| why.contains("a whole number")));
        assert!(check("NO_BINS", "maybe").is_err_and(|why| why.contains("true or false")));
        assert_eq!(find("OUTPUTS"), None);
    }

    #[test]
    fn stars_of_one_set_are_found() {
        assert_eq!(star("select * from t where a = 1"), Some(7));
        assert_eq!(star("/* * */ SELECT /**/ * FROM t"), Some(20));
        for sql in ["select a from t", "select * from t, u", "select * from t join u on true", "*"]
        {
            assert_eq!(star(sql), None, "{sql}");
        }
    }

    #[test]
    fn values_have_the_servers_words() {
        assert_eq!((ttl("0"), ttl("-1"), ttl("30d")), ("default", "-1", "30d"));
        assert_eq!((read_mode("true"), read_mode("false")), ("linearize", "session"));
    }
}
