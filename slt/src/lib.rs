//! SQL-visible behaviour as .slt files, and the runner for them.
