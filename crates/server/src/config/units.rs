//! Values as operators write them: sizes with K, M, G, T, P; times with s, m, h, d; flags;
//! addresses. Letters may be large or small. Errors are half a sentence, to follow the value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// Reads `16G`, `128k`, `4096`: bytes, by powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let shift = |unit| "kmgtp".find(unit).map(|at| 10 * (at as u32 + 1));
    let scale = |unit| shift(unit).map(|by| 1u64 << by);
    scaled(text, scale)
        .ok_or_else(|| "is not a size; write a number with K, M, G, T or P".to_owned())
}

/// Reads `30D`, `12h`, `90`: seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let scale = |unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(24 * 3600),
        _ => None,
    };
    scaled(text, scale).ok_or_else(|| "is not a time; write a number with s, m, h or d".to_owned())
}

fn scaled(text: &str, scale: impl Fn(char) -> Option<u64>) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = count(digits).ok()?;
    match text[digits.len()..].to_ascii_lowercase().chars().collect::<Vec<_>>()[..] {
        [] => Some(number),
        [unit] => number.checked_mul(scale(unit)?),
        _ => None,
    }
}

/// Reads a plain number. Aerospike's files also scale those: `proto-fd-max 15K` is 15,360.
pub(super) fn number(text: &str) -> Result<u64, String> {
    size(text).map_err(|_| "is not a whole number".to_owned())
}

/// Digits only: `+5` is not one of ours.
fn count(text: &str) -> Result<u64, String> {
    let whole = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parsed = whole.then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| "is not a whole number".to_owned())
}

/// Reads `true`, `false`, `yes`, `no`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// Writes bytes the way operators read them: the largest unit that divides them.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(50, "P"), (40, "T"), (30, "G"), (20, "M"), (10, "K")];
    let fits = |(shift, _): &(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match units.into_iter().find(fits) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// Where to listen or connect, as written: a host name or an IP address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: String,
    /// 0 lets the system choose when listening.
    pub port: u16,
}

impl HostPort {
    /// Host and port from their parts; `any` is every address of the machine.
    pub fn new(host: &str, port: u16) -> HostPort {
        let any = host == "any" || host == "*";
        HostPort { host: if any { "0.0.0.0" } else { host }.to_owned(), port }
    }

    /// Whether this is an IP address that other machines can reach. A name is judged when it is
    /// looked up.
    pub fn is_open(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|ip| !ip.to_canonical().is_loopback())
    }
}

impl Default for HostPort {
    /// PostgreSQL's port on loopback.
    fn default() -> HostPort {
        HostPort::new(&Ipv4Addr::LOCALHOST.to_string(), 5432)
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPort, String> {
        let wrong = || format!("{text:?} is not HOST:PORT; write for instance 127.0.0.1:5432");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let bare_v6 = inner.is_none() && host.contains(':');
        let host = inner.unwrap_or(host);
        if bare_v6 || host.is_empty() || host.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(HostPort::new(host, port.parse().map_err(|_| wrong())?))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        assert_eq!(size("128K"), Ok(128 << 10));
        assert_eq!(size("16g"), Ok(16 << 30));
        assert_eq!(size("2P"), Ok(2 << 50));
        assert_eq!(size("4096"), Ok(4096));
        for bad in ["", "K", "1KB", "-1", "+1", "1.5G", "20000P", "99999999999999999999", "1é"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(seconds("30D"), Ok(30 * 86_400));
        assert_eq!(seconds("12h"), Ok(12 * 3600));
        assert_eq!(seconds("2m"), Ok(120));
        assert_eq!(seconds("300S"), Ok(300));
        assert!(seconds("5w").is_err());
        assert_eq!(show_size(128 << 10), "128K");
        assert_eq!(show_size(5000), "5000");
        assert_eq!(show_size(0), "0");
    }

    #[test]
    fn hosts() {
        let shown = |t: &str| t.parse::<HostPort>().map(|h| h.to_string());
        assert_eq!(shown("localhost:0"), Ok("localhost:0".to_owned()));
        assert_eq!(shown("[::1]:5432"), Ok("[::1]:5432".to_owned()));
        assert_eq!(shown("any:1"), Ok("0.0.0.0:1".to_owned()));
        for bad in ["", "5432", ":5432", "a:b", "::1:5432", "h:70000", "a b:1"] {
            assert!(shown(bad).is_err(), "{bad}");
        }
        assert!("0.0.0.0:1".parse::<HostPort>().unwrap().is_open());
        assert!(!"127.0.0.9:1".parse::<HostPort>().unwrap().is_open());
    }
}
