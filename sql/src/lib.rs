//! The AQL/SQL dialect: text in, plan out. No I/O.
