//! The protocol against a small backend, through tokio-postgres and through bare sockets.

mod extended;
mod fake;
mod malformed;
mod raw;
mod session;
mod startup;
