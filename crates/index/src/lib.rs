//! Primary index: 20-byte entries in hash-ordered 1 KiB pages.
