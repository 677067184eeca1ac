//! The nouns of AerieDB: key, digest, partition, bin, value, record, schema, error kinds.
