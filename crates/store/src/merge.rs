//! A record's bins after a write.

use model::{Error, ErrorKind, Name, Result, Value, limits};

/// The bins that are there after `written` went over `old`: `None` and nil take a bin away, new bins
/// stand behind the old ones. An error where a limit is passed.
pub fn merged(
    mut old: Vec<(Name, Value)>,
    written: Vec<(Name, Option<Value>)>,
) -> Result<Vec<(Name, Value)>> {
    for (name, value) in written {
        limits::check_bin(&name)?;
        let place = old.iter().position(|(n, _)| *n == name);
        match (value.filter(|v| *v != Value::Nil), place) {
            (Some(value), place) => {
                limits::check_value(&value)?;
                match place {
                    Some(i) => old[i].1 = value,
                    None => old.push((name, value)),
                }
            }
            (None, Some(i)) => drop(old.remove(i)),
            (None, None) => {}
        }
    }
    if old.len() > limits::BINS_MAX {
        let detail = format!(
            "the record would have {} bins; at most {} are allowed",
            old.len(),
            limits::BINS_MAX
        );
        return Err(Error::new(ErrorKind::Parameter, detail));
    }
    Ok(old)
}
