//! The prompt: what the shell waits for.

use crate::lexer::Open;
use crate::shell::Shell;
use crate::wire::Transaction;

impl Shell {
    /// `aql> `, with `*` in a transaction and `!` in a failed one; later lines show what is open.
    /// PROMPT1 and PROMPT2 change them.
    pub(crate) fn prompt(&self, open: Open) -> String {
        let sign = match open {
            Open::Nothing => match self.session.as_ref().map(|session| session.transaction()) {
                None => "?",
                Some(Transaction::Idle) => "",
                Some(Transaction::Open) => "*",
                Some(Transaction::Failed) => "!",
            },
            Open::Statement => "-",
            Open::SingleQuote => "'",
            Open::DoubleQuote => "\"",
            Open::Dollar => "$",
            Open::Comment => "/*",
            Open::Paren => "(",
        };
        let name = if open == Open::Nothing { "PROMPT1" } else { "PROMPT2" };
        match self.vars.get(name) {
            Some(template) => self.filled(template, sign),
            None => format!("aql{sign}> "),
        }
    }

    /// A prompt of psql's: `%/` database, `%n` user, `%m` and `%M` host, `%>` port, `%x` or `%R` the
    /// sign, `%#` `>`, `%:name:` a variable.
    fn filled(&self, template: &str, sign: &str) -> String {
        let mut shown = String::new();
        let mut chars = template.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                shown.push(c);
                continue;
            }
            match chars.next() {
                Some('/' | '~') => shown.push_str(&self.target.database),
                Some('n') => shown.push_str(&self.target.user),
                Some('m') => shown.push_str(self.target.host.split('.').next().unwrap_or("")),
                Some('M') => shown.push_str(&self.target.host),
                Some('>') => shown.push_str(&self.target.port.to_string()),
                Some('x' | 'R') => shown.push_str(sign),
                Some('#') => shown.push('>'),
                Some(':') => {
                    let name: String = chars.by_ref().take_while(|c| *c != ':').collect();
                    shown.push_str(self.vars.get(&name).unwrap_or(""));
                }
                // Marks of what takes no room; the editor knows that by itself.
                Some('[' | ']') => {}
                Some(c) => shown.push(c),
                None => shown.push('%'),
            }
        }
        shown
    }
}
