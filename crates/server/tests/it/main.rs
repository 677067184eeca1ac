//! The daemon as its users meet it: a real process, real files, real sockets, `kill -9`.

mod aero;
mod bank;
mod declared;
mod fields;
mod flip;
mod kill9;
mod limits;
mod malformed;
mod namespaces;
mod start;
mod support;
mod together;
mod tour;
