//! The daemon `aerie`: configuration, sockets, sessions, the executor, the node.
//!
//! [`config`] says what to start, [`daemon`] starts it: [`node`] holds the namespaces, [`exec`]
//! runs plans over them, [`pg`] serves the Postgres wire, [`aero`] the clients of Aerospike, both on
//! the threads of [`workers`]. [`demo`] is a client of all that.

pub mod aero;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod exec;
mod functions;
pub mod listener;
pub mod node;
pub mod pg;
pub mod workers;

/// Stack of the threads that serve sessions, bytes: planning a deeply nested statement needs more
/// than a thread has by default.
pub const STACK_SIZE: usize = 8 << 20;
