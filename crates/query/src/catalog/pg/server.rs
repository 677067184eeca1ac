//! What `pg_catalog` tells of the server and its sessions: databases, roles, settings.

use super::super::grid::{Cell, Grid, Row};
use super::super::{OWNER_OID, namespace_oid};
use crate::session::Context;

/// OID of the one tablespace.
const TABLESPACE: u32 = 1663;

/// The OID of the database of this name: apart from that of the namespace.
fn database_oid(name: &str) -> u32 {
    namespace_oid(name) | 1 << 30
}

pub(super) fn databases(context: &Context) -> Grid {
    let row =
        |name: &str| -> Row { vec![("oid", database_oid(name).into()), ("datname", name.into())] };
    Grid::new(
        "datdba=10 encoding=6 datlocprovider=c datallowconn=t datconnlimit=-1 dattablespace=1663 \
         datcollate=C datctype=C.UTF-8",
        database_names(context).into_iter().map(row).collect(),
    )
}

/// Each namespace can be connected to as a database.
fn database_names(context: &Context) -> Vec<&str> {
    let mut names: Vec<&str> = context.catalog.namespaces.keys().map(String::as_str).collect();
    if !names.contains(&context.session.database.as_str()) {
        names.push(&context.session.database);
    }
    names
}

pub(super) fn roles(context: &Context) -> Grid {
    let row = vec![("oid", OWNER_OID.into()), ("rolname", context.session.user.as_str().into())];
    Grid::new(
        "rolsuper=t rolinherit=t rolcreaterole=t rolcreatedb=t rolcanlogin=t rolreplication=f \
         rolbypassrls=t rolconnlimit=-1",
        vec![row],
    )
}

pub(super) fn users(context: &Context) -> Grid {
    Grid::new(
        "usesysid=10 usecreatedb=t usesuper=t userepl=f usebypassrls=t",
        vec![vec![("usename", context.session.user.as_str().into())]],
    )
}

pub(super) fn settings(context: &Context) -> Grid {
    let rows = context.session.known_settings.iter().filter_map(|known| -> Option<Row> {
        let value = (context.session.settings)(known.name)?;
        let origin = if value == known.default { "default" } else { "session" };
        Some(vec![
            ("name", known.name.into()),
            ("setting", value.into()),
            ("short_desc", known.help.into()),
            ("context", if known.fixed { "internal" } else { "user" }.into()),
            ("vartype", known.kind.into()),
            ("source", origin.into()),
            ("min_val", known.range.map(|(low, _)| low.to_string()).into()),
            ("max_val", known.range.map(|(_, high)| high.to_string()).into()),
            (
                "enumvals",
                match known.words {
                    [] => Cell::Null,
                    words => Cell::Texts(words.iter().map(|word| word.to_string()).collect()),
                },
            ),
            ("boot_val", known.default.into()),
            ("reset_val", known.default.into()),
        ])
    });
    Grid::new("category=Settings pending_restart=f", rows.collect())
}

pub(super) fn tablespaces() -> Grid {
    let row = vec![("oid", TABLESPACE.into()), ("spcname", Cell::from("pg_default"))];
    Grid::new("spcowner=10", vec![row])
}

/// The session that asks.
pub(super) fn activity(context: &Context) -> Grid {
    let session = &context.session;
    let row = vec![
        ("datid", database_oid(&session.database).into()),
        ("datname", session.database.as_str().into()),
        ("pid", i64::from(session.pid).into()),
        ("usename", session.user.as_str().into()),
        ("application_name", (session.settings)("application_name").into()),
        ("backend_type", "client backend".into()),
    ];
    Grid::new("usesysid=10 state=active", vec![row])
}

/// Which databases there are; nothing is counted for each.
pub(super) fn database_statistics(context: &Context) -> Grid {
    let row = |name: &str| -> Row {
        vec![("datid", database_oid(name).into()), ("datname", name.into())]
    };
    Grid::new("", database_names(context).into_iter().map(row).collect())
}

/// Times are given in UTC.
pub(super) fn time_zones() -> Grid {
    let row = vec![
        ("name", "UTC".into()),
        ("abbrev", "UTC".into()),
        ("utc_offset", 0i64.into()),
        ("is_dst", false.into()),
    ];
    Grid::new("", vec![row])
}
