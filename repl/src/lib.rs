//! The shell aql: a Postgres-wire client.
