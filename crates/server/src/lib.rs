//! The daemon `aerie`: configuration, sockets, sessions, the executor, the node.
//!
//! [`config`] says what to start, [`daemon`] starts it: [`node`] holds the namespaces, [`exec`]
//! runs plans over them, [`pg`] serves the Postgres wire. [`demo`] is a client of all that.

pub mod config;
pub mod daemon;
pub mod demo;
pub mod exec;
pub mod node;
pub mod pg;
