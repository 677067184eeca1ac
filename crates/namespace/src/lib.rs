//! One node's records: index and storage moved together.
