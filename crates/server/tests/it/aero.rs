//! Aerospike's client protocol, frame by frame, as no client of the field would test it.

mod batches;
mod client;
mod frames;
mod records;
mod scans;
mod udf;
