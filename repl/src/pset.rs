//! `\pset`: how results look, an option at a time.

use crate::command::switch;
use crate::format::{Expanded, Format, Look};
use crate::pager::Paging;

/// The options, in the order of the list.
pub(crate) const OPTIONS: &[&str] = &[
    "border",
    "expanded",
    "fieldsep",
    "footer",
    "format",
    "linestyle",
    "null",
    "pager",
    "pager_min_lines",
    "title",
    "tuples_only",
];

/// Sets an option, or turns it where no value is given; what it is then comes back as a sentence.
/// The error says what there is.
pub(crate) fn set(
    look: &mut Look,
    paging: &mut Paging,
    option: &str,
    value: Option<&str>,
) -> Result<String, String> {
    let wrong = |values: &str| {
        format!(
            "{option} is {values}, not {}\n",
            value.filter(|v| !v.is_empty()).unwrap_or("empty")
        )
    };
    let turn = |now: bool| match value {
        None => Ok(!now),
        Some(word) => switch(word).ok_or_else(|| wrong("on or off")),
    };
    let text = || value.filter(|text| !text.is_empty()).map(str::to_string);
    match option {
        "border" => match value.map(str::parse) {
            Some(Ok(border @ 0..=2)) => look.border = border,
            Some(_) => return Err(wrong("0, 1 or 2")),
            None => {}
        },
        "expanded" | "x" => {
            look.expanded = match value.map(str::to_ascii_lowercase).as_deref() {
                Some("auto") => Expanded::Auto,
                _ if turn(look.expanded == Expanded::On)? => Expanded::On,
                _ => Expanded::Off,
            }
        }
        "fieldsep" => look.separator = value.map(str::to_string).or(look.separator.take()),
        "footer" => look.footer = turn(look.footer)?,
        "format" => match value.map(Format::parse) {
            Some(Some(format)) => look.format = format,
            Some(None) => return Err(wrong(Format::NAMES)),
            None => {}
        },
        "linestyle" => match value.map(str::to_ascii_lowercase).as_deref() {
            Some("ascii" | "old-ascii") => look.drawn = false,
            Some("unicode") => look.drawn = true,
            Some(_) => return Err(wrong("ascii or unicode")),
            None => {}
        },
        "null" => look.null = value.map(str::to_string).or(look.null.take()),
        "pager" => match value.map(str::to_ascii_lowercase).as_deref() {
            Some("always") => paging.wanted = true,
            _ => paging.wanted = turn(paging.wanted)?,
        },
        "pager_min_lines" => match value.map(str::parse) {
            Some(Ok(lines)) => paging.min_lines = lines,
            Some(Err(_)) => return Err(wrong("a number of lines")),
            None => {}
        },
        "title" | "C" => look.title = text(),
        "tuples_only" | "t" => look.tuples_only = turn(look.tuples_only)?,
        unknown => return Err(unknown_option(unknown)),
    }
    Ok(sentence(look, paging, option))
}

fn unknown_option(option: &str) -> String {
    match crate::command::nearest(option, OPTIONS.iter().copied()) {
        Some(near) => format!("\\pset has no option {option}; did you mean {near}?\n"),
        None => format!("\\pset has no option {option}; there are {}\n", OPTIONS.join(", ")),
    }
}

/// All options and their values.
pub(crate) fn list(look: &Look, paging: &Paging) -> String {
    OPTIONS.iter().map(|name| format!("{name:<16} {}\n", value(look, paging, name))).collect()
}

fn value(look: &Look, paging: &Paging, option: &str) -> String {
    let on = |on: bool| if on { "on".to_string() } else { "off".to_string() };
    let quoted = |text: Option<&str>| format!("'{}'", text.unwrap_or(""));
    match option {
        "border" => look.border.to_string(),
        "expanded" => match look.expanded {
            Expanded::Auto => "auto".into(),
            expanded => on(expanded == Expanded::On),
        },
        "fieldsep" => quoted(Some(look.separator.as_deref().unwrap_or("|"))),
        "footer" => on(look.footer),
        "format" => look.format.name().to_ascii_lowercase(),
        "linestyle" => if look.drawn { "unicode" } else { "ascii" }.into(),
        "null" => quoted(look.null.as_deref()),
        "pager" => on(paging.wanted),
        "pager_min_lines" => paging.min_lines.to_string(),
        "title" => quoted(look.title.as_deref()),
        _ => on(look.tuples_only),
    }
}

fn sentence(look: &Look, paging: &Paging, option: &str) -> String {
    let value = |name: &str| value(look, paging, name);
    match option {
        "border" => format!("Border style is {}.\n", value("border")),
        "expanded" | "x" => match look.expanded {
            Expanded::On => "Expanded display is on.\n".into(),
            Expanded::Off => "Expanded display is off.\n".into(),
            Expanded::Auto => {
                "Expanded display is used for what is wider than the terminal.\n".into()
            }
        },
        "fieldsep" => format!("Field separator is {}.\n", value("fieldsep")),
        "footer" => format!("Footer is {}.\n", value("footer")),
        "format" => format!("Output format is {}.\n", value("format")),
        "linestyle" => format!("Line style is {}.\n", value("linestyle")),
        "null" => format!("Null display is {}.\n", value("null")),
        "pager" if paging.wanted => "Pager is used for long output.\n".into(),
        "pager" => "Pager is not used.\n".into(),
        "pager_min_lines" => {
            format!("Pager is not used for less than {} lines.\n", paging.min_lines)
        }
        "title" | "C" => format!("Title is {}.\n", value("title")),
        _ => format!("Tuples only is {}.\n", value("tuples_only")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let (mut look, mut paging) = (Look::default(), Paging::default());
        let mut set =
            |option: &str, value: Option<&str>| super::set(&mut look, &mut paging, option, value);
        for (option, value, said) in [
            ("border", Some("2"), "Border style is 2.\n"),
            ("border", None, "Border style is 2.\n"),
            ("format", Some("csv"), "Output format is csv.\n"),
            ("null", Some("-"), "Null display is '-'.\n"),
            ("null", None, "Null display is '-'.\n"),
            ("t", None, "Tuples only is on.\n"),
            (
                "expanded",
                Some("auto"),
                "Expanded display is used for what is wider than the terminal.\n",
            ),
            ("x", None, "Expanded display is on.\n"),
            ("pager", Some("off"), "Pager is not used.\n"),
            ("linestyle", Some("unicode"), "Line style is unicode.\n"),
            ("title", Some("T"), "Title is 'T'.\n"),
            ("title", None, "Title is ''.\n"),
        ] {
            assert_eq!(set(option, value).as_deref(), Ok(said), "{option}");
        }
        for (option, value, advice) in [
            ("border", "3", "0, 1 or 2"),
            ("format", "pdf", "MARKDOWN"),
            ("footer", "maybe", "on or off"),
            ("nul", "", "did you mean null?"),
            ("zzzzzz", "", "tuples_only"),
        ] {
            assert!(set(option, Some(value)).is_err_and(|why| why.contains(advice)), "{option}");
        }
        assert_eq!(list(&look, &paging).lines().count(), OPTIONS.len());
    }
}
