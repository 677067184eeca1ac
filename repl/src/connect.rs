//! The session of the shell: opened, opened anew, changed by `\c`, and whose password it takes.

use std::sync::Arc;

use crate::edit::ask_password;
use crate::session::{OpenError, Session};
use crate::shell::{Asking, Shell, Step, Stop};
use crate::target::{Target, Wanted};
use crate::terminal::say_error;

impl Shell {
    /// Opens the session; asks for a password where that is allowed and needed.
    pub(crate) fn connect(&mut self, target: Target) -> Step {
        let mut target = target;
        if target.password.is_none() {
            target.password = stored_password(&target);
        }
        if self.asking == Asking::First && target.password.is_none() {
            target.password = ask_password(&target.user);
        }
        let mut opened = self.open(&target);
        let asks = self.asking != Asking::Never && target.password.is_none();
        if asks && matches!(opened, Err(OpenError::PasswordNeeded)) {
            target.password = ask_password(&target.user);
            if target.password.is_some() {
                opened = self.open(&target);
            }
        }
        match opened {
            Ok(session) => self.adopt(session),
            Err(why) => {
                self.tell_error(&open_failure(&target, why));
                Err(Stop::Lost)
            }
        }
    }

    /// Makes `session` ours. On AerieDB an INSERT gets aql's meaning.
    fn adopt(&mut self, session: Session) -> Step {
        let upsert = session.is_aerie() && !self.postgres_insert;
        self.target = session.target.clone();
        self.session = Some(Arc::new(session));
        self.names.outdate();
        self.note_connection();
        if upsert {
            self.fetch("SET record_exists_action = 'update'")?;
        }
        Ok(())
    }

    /// The session, opened anew after a loss.
    pub(crate) fn connected(&mut self) -> Result<Arc<Session>, Stop> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        self.connect(self.target.clone())?;
        self.session.clone().ok_or(Stop::Lost)
    }

    /// Ends the session in good manners.
    pub(crate) fn disconnect(&mut self) {
        if let Some(session) = self.session.take().and_then(Arc::into_inner) {
            self.runtime.block_on(session.close());
        }
    }

    pub(crate) fn reconnect(&mut self, words: &[String]) -> Step {
        let word = |i: usize| words.get(i).filter(|word| *word != "-").cloned();
        let port = match word(3).map(|port| port.parse()) {
            Some(Err(_)) => return self.complain("\\c takes a port number as its fourth word\n"),
            Some(Ok(port)) => Some(port),
            None => None,
        };
        let wanted = Wanted { database: word(0), user: word(1), host: word(2), port };
        match self.target.changed(&wanted, &|name| std::env::var(name).ok()) {
            Err(why) => return self.complain(&format!("{why}\n")),
            Ok(target) => match self.connect(target) {
                Ok(()) => {}
                Err(stop) if self.interactive && self.session.is_some() => {
                    say_error("The connection before it is kept.\n");
                    return if stop == Stop::Lost { Err(Stop::Failed) } else { Err(stop) };
                }
                Err(stop) => return Err(stop),
            },
        }
        let (database, user) = (self.target.database.clone(), self.target.user.clone());
        self.remark(&format!("Connected to database \"{database}\" as user \"{user}\".\n"))
    }

    pub(crate) fn connection_info(&mut self) -> Step {
        let session = self.connected()?;
        let target = &session.target;
        self.print(&format!(
            "Connected to database \"{}\" as user \"{}\" at {}, server {}.\n",
            target.database, target.user, target, session.server_version
        ))
    }

    fn note_connection(&mut self) {
        let (target, port) = (self.target.clone(), self.target.port.to_string());
        let version = self.session.as_ref().map(|session| session.server_version.clone());
        self.note([
            ("DBNAME", target.database.as_str()),
            ("USER", &target.user),
            ("HOST", &target.host),
            ("PORT", &port),
            ("SERVER_VERSION_NAME", version.as_deref().unwrap_or("")),
        ]);
    }
}

fn open_failure(target: &Target, why: OpenError) -> String {
    match why {
        OpenError::Refused(text) => text,
        OpenError::PasswordNeeded => format!(
            "{target} asks user {} for a password; give it in PGPASSWORD or ~/.pgpass, \
             or at a terminal without -w\n",
            target.user
        ),
    }
}

/// The password from PGPASSFILE or `~/.pgpass`, if only its owner can read that file.
fn stored_password(target: &Target) -> Option<String> {
    let named = std::env::var_os("PGPASSFILE").filter(|path| !path.is_empty());
    let home = || std::env::var_os("HOME").map(|home| std::path::Path::new(&home).join(".pgpass"));
    let path = named.map(Into::into).or_else(home)?;
    let text = std::fs::read_to_string(&path).ok()?;
    if !is_private(&path) {
        let path = path.display();
        say_error(&format!("{path} is not read: others can read it too; chmod 600 mends it\n"));
        return None;
    }
    target.password_in(&text)
}

#[cfg(unix)]
fn is_private(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &std::path::Path) -> bool {
    true
}
