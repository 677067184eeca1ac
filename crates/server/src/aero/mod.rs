//! The client protocol of Aerospike.

pub mod info;
