//! The trait Store: what a statement may ask of a key-value core.
