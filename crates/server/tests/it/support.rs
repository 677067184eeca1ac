//! What several tests use.

use std::process::{Command, Output, Stdio};

pub(crate) use slt::node::{Node, command};
pub(crate) use slt::random::Random;

/// Runs a command that is expected to end by itself.
pub(crate) fn run(command: &mut Command) -> (Output, String) {
    let output = command.stdin(Stdio::null()).output().expect("aerie runs");
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8_lossy(&text).into_owned())
}
