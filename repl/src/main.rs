//! The shell aql; all of it is in the library beside.

use std::process::ExitCode;

fn main() -> ExitCode {
    repl::run()
}
