//! Names to tables and columns.
