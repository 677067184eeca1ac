//! The Aerospike client protocol as a codec: bytes to typed requests, answers to bytes. No socket.
//!
//! Every length is checked against what is there before anything is allocated: bytes from a client
//! give a request or an error with a result code, never a panic.
