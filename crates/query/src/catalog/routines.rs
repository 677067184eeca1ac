//! How functions are declared: of PostgreSQL's list, which `pg_proc` shows too.

use datafusion::catalog::Session;

use super::grid::{Cell, Grid, Row};
use super::lists::{self, Routine, type_of};
use super::{format_type, pg};
use crate::functions::quoted_ident;
use crate::session::Context;

/// The arguments of the function of this OID, as its declaration has them.
pub(crate) fn arguments(oid: i64) -> Option<String> {
    lists::routine(oid).map(|routine| arguments_of(&routine))
}

/// The type that the function of this OID returns.
pub(crate) fn result(oid: i64) -> Option<String> {
    lists::routine(oid).map(|routine| result_of(&routine))
}

fn arguments_of(routine: &Routine) -> String {
    let mut shown = Vec::new();
    for (i, oid) in routine.arguments.split(' ').filter_map(|oid| oid.parse().ok()).enumerate() {
        let name = routine.names.get(i).filter(|name| !name.is_empty());
        let kind = format_type(oid, -1);
        let variadic = if routine.variadic && i + 1 == routine.count { "VARIADIC " } else { "" };
        shown.push(match name {
            Some(name) => format!("{variadic}{name} {kind}"),
            None => format!("{variadic}{kind}"),
        });
    }
    shown.join(", ")
}

fn result_of(routine: &Routine) -> String {
    let set = if routine.returns_set { "SETOF " } else { "" };
    format!("{set}{}", format_type(routine.result, -1))
}

/// The statement that would make the function of this OID; `None` for aggregates and no function.
pub(crate) fn definition(oid: i64) -> Option<String> {
    let routine = lists::routine(oid).filter(|routine| matches!(routine.kind, "f" | "w"))?;
    let mut words = Vec::new();
    match routine.volatility {
        "i" => words.push("IMMUTABLE"),
        "s" => words.push("STABLE"),
        _ => {}
    }
    if routine.kind == "w" {
        words.insert(0, "WINDOW");
    }
    match routine.parallel {
        "s" => words.push("PARALLEL SAFE"),
        "r" => words.push("PARALLEL RESTRICTED"),
        _ => {}
    }
    if routine.strict {
        words.push("STRICT");
    }
    if routine.leakproof {
        words.push("LEAKPROOF");
    }
    let words = if words.is_empty() { String::new() } else { format!(" {}\n", words.join(" ")) };
    let name = quoted_ident(routine.name);
    let (arguments, result) = (arguments_of(&routine), result_of(&routine));
    Some(format!(
        "CREATE OR REPLACE FUNCTION pg_catalog.{name}({arguments})\n RETURNS {result}\n \
         LANGUAGE internal\n{words}AS $function${}$function$\n",
        routine.source
    ))
}

/// The rows of `information_schema.routines`.
pub(super) fn grid(context: &Context, session: &dyn Session) -> Grid {
    let row = |(oid, routine): (i64, Routine)| -> Row {
        let mut row = specific(context, oid, &routine);
        row.extend(typed(routine.result));
        row.extend([
            ("routine_catalog", context.session.database.as_str().into()),
            ("routine_name", routine.name.into()),
            ("type_udt_catalog", context.session.database.as_str().into()),
            ("type_udt_name", udt_name(routine.result)),
            ("routine_type", if routine.kind == "f" { "FUNCTION".into() } else { Cell::Null }),
            ("is_deterministic", if routine.volatility == "i" { "YES" } else { "NO" }.into()),
            ("is_null_call", if routine.strict { "YES" } else { "NO" }.into()),
        ]);
        row.retain(|(name, _)| *name != "udt_name");
        row
    };
    Grid::new(
        "routine_schema=pg_catalog type_udt_schema=pg_catalog dtd_identifier=0 \
         routine_body=EXTERNAL external_language=INTERNAL parameter_style=GENERAL \
         sql_data_access=MODIFIES schema_level_routine=YES security_type=INVOKER \
         is_udt_dependent=NO specific_schema=pg_catalog",
        known(session).map(row).collect(),
    )
}

/// The rows of `information_schema.parameters`.
pub(super) fn parameters(context: &Context, session: &dyn Session) -> Grid {
    let mut rows = Vec::new();
    for (oid, routine) in known(session) {
        let types = routine.arguments.split(' ').filter_map(|oid| oid.parse::<i64>().ok());
        for ((i, kind), number) in types.enumerate().zip(1i64..) {
            let name = routine.names.get(i).filter(|name| !name.is_empty());
            let mut row = specific(context, oid, &routine);
            row.extend(typed(kind));
            row.extend([
                ("ordinal_position", number.into()),
                ("parameter_name", name.copied().into()),
                ("udt_catalog", context.session.database.as_str().into()),
                ("dtd_identifier", number.to_string().into()),
            ]);
            rows.push(row);
        }
    }
    Grid::new(
        "specific_schema=pg_catalog parameter_mode=IN is_result=NO as_locator=NO \
         udt_schema=pg_catalog",
        rows,
    )
}

/// The functions that `pg_proc` shows.
fn known(session: &dyn Session) -> impl Iterator<Item = (i64, Routine)> {
    let rows = lists::find("pg_catalog", "pg_proc").map(|proc| pg::functions(proc, session));
    rows.into_iter().flatten().filter_map(|row| match row.first() {
        Some(("oid", Cell::Int(oid))) => Some((*oid, lists::routine(*oid)?)),
        _ => None,
    })
}

fn specific(context: &Context, oid: i64, routine: &Routine) -> Row {
    vec![
        ("specific_catalog", context.session.database.as_str().into()),
        ("specific_name", format!("{}_{oid}", routine.name).into()),
    ]
}

fn udt_name(oid: i64) -> Cell {
    u32::try_from(oid).ok().and_then(type_of).map(|known| known.name).into()
}

fn typed(oid: i64) -> Row {
    let known = u32::try_from(oid).ok().and_then(type_of);
    let array = known.is_some_and(|known| known.element != 0 && known.size == -1);
    let name = if array { "ARRAY".to_string() } else { format_type(oid, -1) };
    vec![("data_type", name.into()), ("udt_name", udt_name(oid))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_declared_as_postgres_does() {
        let lower = "CREATE OR REPLACE FUNCTION pg_catalog.lower(text)\n RETURNS text\n LANGUAGE \
                     internal\n IMMUTABLE PARALLEL SAFE STRICT\nAS $function$lower$function$\n";
        assert_eq!(definition(870).as_deref(), Some(lower));
        assert_eq!(arguments(438).as_deref(), Some("VARIADIC \"any\""));
        assert_eq!(result(1067).as_deref(), Some("SETOF integer"));
        assert_eq!(result(1), None);
    }
}
