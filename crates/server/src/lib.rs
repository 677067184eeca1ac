//! The daemon aerie: configuration, sockets, sessions.
