//! Which server, database and user: flags, then the URL, then PG* variables, then defaults, as
//! libpq has it.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// What the command line or `\c` says; what is absent comes from elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    /// A name, a `postgres://` URL, or `key=value` pairs.
    pub(crate) database: Option<String>,
}

/// Everything needed to connect.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// A host name, an address, or the folder of a Unix socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) password: Option<String>,
    pub(crate) options: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

/// The environment as a function, so that tests bring their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Target {
    /// Settles every field, or says which one is wrong.
    pub(crate) fn resolve(wanted: &Wanted, env: Environment<'_>) -> Result<Self, String> {
        let url = match wanted.database.as_deref().filter(|text| is_connection_string(text)) {
            Some(text) => Given::parse(text)?,
            None => Given { database: wanted.database.clone(), ..Given::default() },
        };
        let mode = env("PGSSLMODE").unwrap_or_default();
        if url.tls || mode == "require" || mode.starts_with("verify") {
            return Err("TLS is asked for (sslmode), but this shell has none yet; \
                        use sslmode=disable on a trusted network, or a tunnel"
                .into());
        }
        let user = first([&wanted.user, &url.user, &env("PGUSER"), &env("USER"), &env("LOGNAME")]);
        let user = user.unwrap_or_else(|| "postgres".into());
        let database = first([&url.database, &env("PGDATABASE")]).unwrap_or_else(|| user.clone());
        let host = first([&wanted.host, &url.host, &env("PGHOST")]);
        Ok(Self {
            host: host.unwrap_or_else(|| "localhost".into()),
            port: match wanted.port.or(url.port) {
                Some(port) => port,
                None => number(env, "PGPORT")?.unwrap_or(5432),
            },
            user,
            database,
            password: first([&url.password, &env("PGPASSWORD")]),
            options: first([&url.options, &env("PGOPTIONS")]),
            timeout: match url.timeout {
                Some(timeout) => Some(timeout),
                None => number(env, "PGCONNECT_TIMEOUT")?
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs),
            },
        })
    }

    /// This target with what `\c` names changed; the password stays only for the same user and
    /// server.
    pub(crate) fn changed(&self, wanted: &Wanted, env: Environment<'_>) -> Result<Self, String> {
        if wanted.database.as_deref().is_some_and(is_connection_string) {
            return Self::resolve(wanted, env);
        }
        let mut next = self.clone();
        next.host = wanted.host.clone().unwrap_or(next.host);
        next.port = wanted.port.unwrap_or(next.port);
        next.user = wanted.user.clone().unwrap_or(next.user);
        next.database = wanted.database.clone().unwrap_or(next.database);
        if (&next.host, next.port, &next.user) != (&self.host, self.port, &self.user) {
            next.password = None;
        }
        Ok(next)
    }

    /// What tokio-postgres needs for a stream that is already connected.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.user(&self.user).dbname(&self.database).application_name("aql");
        config.ssl_mode(SslMode::Disable);
        if let Some(password) = &self.password {
            config.password(password);
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        config
    }

    /// The path of the Unix socket, when the host is a folder.
    pub(crate) fn socket_path(&self) -> Option<String> {
        self.host.starts_with('/').then(|| format!("{}/.s.PGSQL.{}", self.host, self.port))
    }

    /// The password that a `.pgpass` file holds for this target.
    pub(crate) fn password_in(&self, pgpass: &str) -> Option<String> {
        let host = if self.host.starts_with('/') { "localhost" } else { &self.host };
        let port = self.port.to_string();
        let own = [host, &port, &self.database, &self.user];
        pgpass.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let fields = pgpass_fields(line);
            let (names, password) = (fields.get(..4)?, fields.get(4)?);
            let fits = names.iter().zip(own).all(|(name, own)| name == "*" || name == own);
            fits.then(|| password.clone())
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.socket_path() {
            Some(path) => f.write_str(&path),
            None if self.host.contains(':') => write!(f, "[{}]:{}", self.host, self.port),
            None => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What a connection string gives.
#[derive(Default)]
struct Given {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    database: Option<String>,
    password: Option<String>,
    options: Option<String>,
    timeout: Option<Duration>,
    tls: bool,
}

impl Given {
    fn parse(text: &str) -> Result<Self, String> {
        let config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
            let why = std::error::Error::source(&error).map(|source| format!(": {source}"));
            format!(
                "the connection string cannot be read{}; it looks like \
                 postgres://user@host:5432/database",
                why.unwrap_or_default()
            )
        })?;
        Ok(Self {
            host: config.get_hosts().first().map(|host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.to_string_lossy().into_owned(),
            }),
            port: config.get_ports().first().copied(),
            user: config.get_user().map(str::to_string),
            database: config.get_dbname().map(str::to_string),
            password: config.get_password().map(|p| String::from_utf8_lossy(p).into_owned()),
            options: config.get_options().map(str::to_string),
            timeout: config.get_connect_timeout().copied(),
            tls: !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer),
        })
    }
}

/// Whether a database argument is more than a name.
pub(crate) fn is_connection_string(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://") || text.contains('=')
}

fn first<const N: usize>(sources: [&Option<String>; N]) -> Option<String> {
    sources.into_iter().flatten().find(|text| !text.is_empty()).cloned()
}

fn number<T: std::str::FromStr>(env: Environment<'_>, name: &str) -> Result<Option<T>, String> {
    match env(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| format!("{name} is no number: {text}")),
    }
}

/// Fields between colons; a backslash takes the next character as it is.
fn pgpass_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '\\' => fields[last].extend(chars.next()),
            ':' if fields.len() < 5 => fields.push(String::new()),
            c => fields[last].push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(wanted: &Wanted, env: &[(&str, &str)]) -> Result<Target, String> {
        Target::resolve(wanted, &|name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string())
        })
    }

    fn place(target: &Target) -> String {
        format!("{}@{}:{}/{}", target.user, target.host, target.port, target.database)
    }

    #[test]
    fn flags_beat_urls_beat_the_environment() {
        let env = [
            ("PGHOST", "e"),
            ("PGPORT", "1"),
            ("PGUSER", "eu"),
            ("PGDATABASE", "ed"),
            ("USER", "os"),
        ];
        let none = Wanted::default();
        assert_eq!(place(&resolve(&none, &env).unwrap()), "eu@e:1/ed");
        assert_eq!(place(&resolve(&none, &env[4..]).unwrap()), "os@localhost:5432/os");
        let url = Wanted { database: Some("postgres://u:p%40@h:2/d".into()), ..none };
        let target = resolve(&url, &env).unwrap();
        assert_eq!((place(&target).as_str(), target.password.as_deref()), ("u@h:2/d", Some("p@")));
        let both = Wanted { host: Some("f".into()), port: Some(3), ..url };
        assert_eq!(place(&resolve(&both, &env).unwrap()), "u@f:3/d");
    }

    #[test]
    fn pairs_and_sockets() {
        let pairs =
            Wanted { database: Some("host=/run port=7 dbname=d".into()), ..Wanted::default() };
        let target = resolve(&pairs, &[("USER", "os")]).unwrap();
        assert_eq!(target.to_string(), "/run/.s.PGSQL.7");
        assert_eq!(target.database, "d");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let bad = |text: &str| Wanted { database: Some(text.into()), ..Wanted::default() };
        let error =
            |wanted: &Wanted, env: &[(&str, &str)]| resolve(wanted, env).err().unwrap_or_default();
        assert!(error(&bad("postgres://h:port/d"), &[]).contains("connection string"));
        assert!(error(&bad("nonsense=1"), &[]).contains("connection string"));
        assert!(error(&bad("postgres://h/d?sslmode=require"), &[]).contains("TLS"));
        assert!(error(&Wanted::default(), &[("PGPORT", "x")]).contains("PGPORT"));
        assert!(error(&Wanted::default(), &[("PGSSLMODE", "verify-full")]).contains("TLS"));
    }

    #[test]
    fn passwords_come_from_the_first_fitting_line() {
        let target = resolve(
            &Wanted { host: Some("h".into()), user: Some("u:x".into()), ..Wanted::default() },
            &[("PGDATABASE", "d")],
        )
        .unwrap();
        let file = "# c\nh:5432:other:*:1\nshort:line\n*:*:d:u\\:x:a:b\\\\c\n*:*:*:*:last\n";
        assert_eq!(target.password_in(file).as_deref(), Some("a:b\\c"));
        assert_eq!(target.password_in("x:*:*:*:p"), None);
    }

    #[test]
    fn reconnecting_forgets_the_password_of_another_user() {
        let url = Wanted { database: Some("postgres://u:p@h/d".into()), ..Wanted::default() };
        let target = resolve(&url, &[]).unwrap();
        let change = |wanted: Wanted| target.changed(&wanted, &|_| None).unwrap();
        let other = change(Wanted { database: Some("e".into()), ..Wanted::default() });
        assert_eq!((other.database.as_str(), other.password.as_deref()), ("e", Some("p")));
        assert_eq!(change(Wanted { user: Some("v".into()), ..Wanted::default() }).password, None);
    }
}
