//! How functions are declared: of PostgreSQL's list, which `pg_proc` shows too.

use super::format_type;
use super::lists::{self, Routine};
use crate::functions::quoted_ident;

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
