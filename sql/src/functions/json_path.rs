//! `jsonb_path_*`: the names are known, the path language is not.

use super::{Call, Datum, Family};
use crate::{SqlError, SqlResult};

pub(super) const FAMILY: Family = &[
    ("jsonb_path_query(jsonb, text) setof jsonb", refused),
    ("jsonb_path_query_array(jsonb, text) jsonb", refused),
    ("jsonb_path_query_first(jsonb, text) jsonb", refused),
    ("jsonb_path_exists(jsonb, text) bool", refused),
    ("jsonb_path_match(jsonb, text) bool", refused),
    ("aeriedb_path_exists(jsonb, text) bool", refused),
    ("aeriedb_path_match(jsonb, text) bool", refused),
];

fn refused(_: &Call<'_>) -> SqlResult<Datum> {
    Err(SqlError::unsupported("the SQL/JSON path language")
        .hint("take parts with ->, ->> and #>, and rows with jsonb_array_elements"))
}
