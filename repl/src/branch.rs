//! `\if`, `\elif`, `\else`, `\endif`: parts of a script that run or do not.
//!
//! Only whole statements and commands are passed over; a branch inside a statement is none.
//! An included file closes what it opens.

use crate::command::switch;
use crate::shell::{Shell, Step, Stop};

/// One `\if` that waits for its `\endif`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    runs: bool,
    /// Whether no later part may run: one did, or what stands around does not.
    done: bool,
    /// Whether `\else` came.
    last: bool,
}

impl Shell {
    /// Whether what comes next is run.
    pub(crate) fn reaches(&self) -> bool {
        self.branches.last().is_none_or(|branch| branch.runs)
    }

    /// Carries out a command that is one of these four.
    pub(crate) fn branch(&mut self, text: &str) -> Option<Step> {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let step = match name {
            "if" => self.begin_branch(rest),
            "elif" => self.other_branch(Some(rest)),
            "else" => self.other_branch(None),
            "endif" => match self.branches.pop() {
                Some(_) => Ok(()),
                None => self.complain("\\endif has no \\if before it\n"),
            },
            _ => return None,
        };
        Some(step)
    }

    fn begin_branch(&mut self, condition: &str) -> Step {
        let reached = self.reaches();
        let judged = if reached { self.judge("if", condition) } else { Ok(false) };
        let runs = judged == Ok(true);
        self.branches.push(Branch { runs, done: runs || !reached, last: false });
        judged.map(drop)
    }

    /// `\elif` with its condition, or `\else`.
    fn other_branch(&mut self, condition: Option<&str>) -> Step {
        let name = if condition.is_some() { "elif" } else { "else" };
        let Some(branch) = self.branches.last().copied().filter(|branch| !branch.last) else {
            return self.complain(&format!("\\{name} has no \\if before it, or an \\else\n"));
        };
        let judged = match condition {
            _ if branch.done => Ok(false),
            Some(condition) => self.judge(name, condition),
            None => Ok(true),
        };
        let runs = judged == Ok(true);
        self.branches.pop();
        let (done, last) = (branch.done || runs, condition.is_none());
        self.branches.push(Branch { runs, done, last });
        judged.map(drop)
    }

    fn judge(&mut self, name: &str, condition: &str) -> Result<bool, Stop> {
        let text = match self.vars.words(condition) {
            Ok(words) => words.concat(),
            Err(why) => return self.complain(&why).map(|()| false),
        };
        match switch(&text) {
            Some(value) => Ok(value),
            None => {
                let why = format!("\\{name} takes true or false, not \"{text}\"\n");
                self.complain(&why).map(|()| false)
            }
        }
    }

    /// What is still open where a script ends.
    pub(crate) fn end_branches(&mut self) -> Step {
        if std::mem::take(&mut self.branches).is_empty() {
            return Ok(());
        }
        self.complain("the script ends before its \\endif\n")
    }
}
