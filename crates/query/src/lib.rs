//! Scans, joins and aggregates as DataFusion tables over a Store.
