//! Devices, write blocks, flat records, group commit, recovery.
