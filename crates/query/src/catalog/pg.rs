//! The tables of `pg_catalog`.

use model::{Column, ColumnType, Table};

use super::grid::{Cell, Grid, Row};
use super::type_list::TYPES;
use super::{
    INFORMATION_SCHEMA_OID, OWNER_OID, PG_CATALOG_OID, index_name, index_oid, keyed, namespace_oid,
    tables,
};
use crate::session::Context;
use crate::types::{column_oid, typmod};

/// System tables that clients name in `::regclass`, by PostgreSQL's own OIDs.
pub(super) static SYSTEM_TABLES: &[(&str, u32)] = &[
    ("pg_type", 1247),
    ("pg_attribute", 1249),
    ("pg_proc", 1255),
    ("pg_class", 1259),
    ("pg_authid", 1260),
    ("pg_database", 1262),
    ("pg_attrdef", 2604),
    ("pg_constraint", 2606),
    ("pg_description", 2609),
    ("pg_index", 2610),
    ("pg_namespace", 2615),
    ("pg_trigger", 2620),
    ("pg_extension", 3079),
];

/// The table of this name.
pub(super) fn grid(name: &str, context: &Context) -> Option<Grid> {
    Some(match name {
        "pg_namespace" => namespaces(context),
        "pg_class" => classes(context),
        "pg_attribute" => attributes(context),
        "pg_type" => types(),
        "pg_index" => indexes(context),
        "pg_constraint" => constraints(context),
        "pg_database" => databases(context),
        "pg_roles" | "pg_authid" | "pg_user" | "pg_shadow" => roles(context, name),
        "pg_tables" => pg_tables(context),
        "pg_indexes" => pg_indexes(context),
        "pg_settings" => settings(context),
        "pg_attrdef" => defaults(context),
        "pg_am" => access_methods(),
        "pg_collation" => collations(),
        "pg_language" => languages(),
        "pg_tablespace" => tablespaces(),
        "pg_stat_activity" => activity(context),
        "pg_stat_user_tables" | "pg_stat_all_tables" => Grid::empty(
            "relid:oid schemaname:name relname:name seq_scan:int8 n_live_tup:int8 n_dead_tup:int8",
        ),
        other => Grid::empty(empty(other)?),
    })
}

/// Tables that are always empty here.
fn empty(name: &str) -> Option<&'static str> {
    Some(match name {
        "pg_views" => "schemaname:name viewname:name viewowner:name definition:text",
        "pg_matviews" => {
            "schemaname:name matviewname:name matviewowner:name tablespace:name hasindexes:bool \
             ispopulated:bool definition:text"
        }
        "pg_description" => "objoid:oid classoid:oid objsubid:int4 description:text",
        "pg_shdescription" => "objoid:oid classoid:oid description:text",
        "pg_proc" => {
            "oid:oid proname:name pronamespace:oid proowner:oid prolang:oid prokind:char \
             prosecdef:bool proleakproof:bool proisstrict:bool proretset:bool provolatile:char \
             proparallel:char pronargs:int2 pronargdefaults:int2 prorettype:oid \
             proargtypes:oidvector proallargtypes:oid[] proargmodes:char[] proargnames:text[] \
             prosrc:text probin:text proconfig:text[] proacl:text[]"
        }
        "pg_inherits" => "inhrelid:oid inhparent:oid inhseqno:int4 inhdetachpending:bool",
        "pg_enum" => "oid:oid enumtypid:oid enumsortorder:float4 enumlabel:name",
        "pg_range" => {
            "rngtypid:oid rngsubtype:oid rngmultitypid:oid rngcollation:oid rngsubopc:oid \
             rngcanonical:regproc rngsubdiff:regproc"
        }
        "pg_extension" => {
            "oid:oid extname:name extowner:oid extnamespace:oid extrelocatable:bool \
             extversion:text"
        }
        "pg_trigger" => {
            "oid:oid tgrelid:oid tgparentid:oid tgname:name tgfoid:oid tgtype:int2 tgenabled:char \
             tgisinternal:bool tgconstrrelid:oid tgconstrindid:oid tgconstraint:oid \
             tgdeferrable:bool tginitdeferred:bool tgnargs:int2"
        }
        "pg_policy" => {
            "oid:oid polname:name polrelid:oid polcmd:char polpermissive:bool polroles:oid[] \
             polqual:text polwithcheck:text"
        }
        "pg_statistic_ext" => {
            "oid:oid stxrelid:oid stxname:name stxnamespace:oid stxowner:oid stxstattarget:int4 \
             stxkeys:int2vector stxkind:char[] stxexprs:text"
        }
        "pg_publication" => {
            "oid:oid pubname:name pubowner:oid puballtables:bool pubinsert:bool pubupdate:bool \
             pubdelete:bool pubtruncate:bool pubviaroot:bool"
        }
        "pg_publication_rel" => "oid:oid prpubid:oid prrelid:oid prqual:text prattrs:int2vector",
        "pg_publication_namespace" => "oid:oid pnpubid:oid pnnspid:oid",
        "pg_foreign_table" => "ftrelid:oid ftserver:oid ftoptions:text[]",
        "pg_foreign_server" => "oid:oid srvname:name srvowner:oid srvfdw:oid srvoptions:text[]",
        "pg_foreign_data_wrapper" => "oid:oid fdwname:name fdwowner:oid",
        "pg_sequence" => {
            "seqrelid:oid seqtypid:oid seqstart:int8 seqincrement:int8 seqmax:int8 seqmin:int8 \
             seqcache:int8 seqcycle:bool"
        }
        "pg_sequences" => "schemaname:name sequencename:name sequenceowner:name data_type:text",
        "pg_depend" => {
            "classid:oid objid:oid objsubid:int4 refclassid:oid refobjid:oid refobjsubid:int4 \
             deptype:char"
        }
        "pg_shdepend" => "dbid:oid classid:oid objid:oid objsubid:int4 refclassid:oid refobjid:oid",
        "pg_rewrite" => {
            "oid:oid rulename:name ev_class:oid ev_type:char ev_enabled:char is_instead:bool"
        }
        "pg_rules" => "schemaname:name tablename:name rulename:name definition:text",
        "pg_partitioned_table" => {
            "partrelid:oid partstrat:char partnatts:int2 partdefid:oid partattrs:int2vector"
        }
        "pg_auth_members" => "roleid:oid member:oid grantor:oid admin_option:bool",
        "pg_operator" => {
            "oid:oid oprname:name oprnamespace:oid oprleft:oid oprright:oid oprresult:oid"
        }
        "pg_opclass" => {
            "oid:oid opcmethod:oid opcname:name opcnamespace:oid opcintype:oid opcdefault:bool"
        }
        "pg_cast" => "oid:oid castsource:oid casttarget:oid castfunc:oid castcontext:char",
        "pg_aggregate" => "aggfnoid:oid aggkind:char",
        "pg_event_trigger" => "oid:oid evtname:name evtevent:name evtowner:oid evtenabled:char",
        "pg_locks" => "locktype:text database:oid relation:oid pid:int4 mode:text granted:bool",
        "pg_prepared_xacts" => "transaction:xid gid:text owner:name database:name",
        "pg_stat_gssapi" => "pid:int4 gss_authenticated:bool principal:text encrypted:bool",
        "pg_stat_replication" | "pg_replication_slots" => "pid:int4 slot_name:name plugin:name",
        "pg_seclabel" => "objoid:oid classoid:oid objsubid:int4 provider:text label:text",
        "pg_default_acl" => "oid:oid defaclrole:oid defaclnamespace:oid defaclobjtype:char",
        "pg_db_role_setting" => "setdatabase:oid setrole:oid setconfig:text[]",
        "pg_timezone_names" => "name:text abbrev:text utc_offset:text is_dst:bool",
        "pg_user_mappings" => "umid:oid srvid:oid srvname:name umuser:oid usename:name",
        _ => return None,
    })
}

fn namespaces(context: &Context) -> Grid {
    let own = context.catalog.namespaces.keys().map(|name| (namespace_oid(name), name.as_str()));
    let system = [(PG_CATALOG_OID, "pg_catalog"), (INFORMATION_SCHEMA_OID, "information_schema")];
    let rows = system
        .into_iter()
        .chain(own)
        .map(|(oid, name)| -> Row { vec![("oid", oid.into()), ("nspname", name.into())] });
    Grid::new("oid:oid nspname:name nspowner:oid=10 nspacl:text[]", rows.collect())
}

const CLASS: &str = "oid:oid relname:name relnamespace:oid reltype:oid=0 reloftype:oid=0 \
    relowner:oid=10 relam:oid=0 relfilenode:oid=0 reltablespace:oid=0 relpages:int4=0 \
    reltuples:float4=-1 relallvisible:int4=0 reltoastrelid:oid=0 relhasindex:bool=f \
    relisshared:bool=f relpersistence:char=p relkind:char=r relnatts:int2 relchecks:int2=0 \
    relhasrules:bool=f relhastriggers:bool=f relhassubclass:bool=f relrowsecurity:bool=f \
    relforcerowsecurity:bool=f relispopulated:bool=t relreplident:char=d relispartition:bool=f \
    relrewrite:oid=0 relfrozenxid:xid=0 relminmxid:xid=0 relacl:text[] reloptions:text[] \
    relpartbound:text";

fn classes(context: &Context) -> Grid {
    let table = |table: &Table| -> Row {
        let columns = table.key.len() + table.columns.len();
        vec![
            ("oid", table.oid.into()),
            ("relname", table.name.as_str().into()),
            ("relnamespace", namespace_oid(&table.namespace).into()),
            ("relam", 2u32.into()),
            ("relhasindex", (!table.key.is_empty()).into()),
            ("relnatts", (columns as i64).into()),
        ]
    };
    let index = |table: &Table| -> Row {
        vec![
            ("oid", index_oid(table).into()),
            ("relname", index_name(table).into()),
            ("relnamespace", namespace_oid(&table.namespace).into()),
            ("relam", 405u32.into()),
            ("relkind", "i".into()),
            ("relreplident", "n".into()),
            ("relnatts", (table.key.len() as i64).into()),
        ]
    };
    let system = SYSTEM_TABLES.iter().map(|(name, oid)| -> Row {
        vec![
            ("oid", (*oid).into()),
            ("relname", (*name).into()),
            ("relnamespace", PG_CATALOG_OID.into()),
            ("relam", 2u32.into()),
            ("relnatts", 1i64.into()),
        ]
    });
    let own = tables(context).map(|t| table(t)).chain(keyed(context).map(|t| index(t)));
    Grid::new(CLASS, own.chain(system).collect())
}

const ATTRIBUTE: &str = "attrelid:oid attname:name atttypid:oid attstattarget:int4=-1 attlen:int2 \
    attnum:int2 attndims:int4=0 attcacheoff:int4=-1 atttypmod:int4 attbyval:bool=f \
    attstorage:char=x attalign:char=i attcompression:char= attnotnull:bool atthasdef:bool \
    atthasmissing:bool=f attidentity:char= attgenerated:char= attisdropped:bool=f \
    attislocal:bool=t attinhcount:int4=0 attcollation:oid attacl:text[] attoptions:text[] \
    attfdwoptions:text[] attmissingval:text";

fn attributes(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        let key = table.key.iter().map(|column| (column, true));
        let columns = key.chain(table.columns.iter().map(|column| (column, false)));
        for ((column, is_key), number) in columns.zip(1i64..) {
            rows.push(attribute(table.oid, column, number, is_key || column.not_null));
        }
    }
    for table in keyed(context) {
        for (column, number) in table.key.iter().zip(1i64..) {
            rows.push(attribute(index_oid(table), column, number, false));
        }
    }
    Grid::new(ATTRIBUTE, rows)
}

fn attribute(relation: u32, column: &Column, number: i64, not_null: bool) -> Row {
    let oid = column_oid(column.column_type);
    let textual = matches!(column.column_type, ColumnType::Text | ColumnType::Varchar(_));
    vec![
        ("attrelid", relation.into()),
        ("attname", column.name.as_str().into()),
        ("atttypid", oid.into()),
        ("attlen", size_of(oid).into()),
        ("attnum", number.into()),
        ("attndims", i64::from(is_array(column.column_type)).into()),
        ("atttypmod", i64::from(typmod(column.column_type)).into()),
        ("attstorage", if size_of(oid) > 0 { "p" } else { "x" }.into()),
        ("attnotnull", not_null.into()),
        ("atthasdef", column.default.is_some().into()),
        ("attcollation", if textual { 100u32 } else { 0 }.into()),
    ]
}

fn is_array(column_type: ColumnType) -> bool {
    use ColumnType::{BoolArray, Float8Array, Int8Array, TextArray};
    matches!(column_type, Int8Array | Float8Array | TextArray | BoolArray)
}

fn size_of(oid: u32) -> i64 {
    TYPES.iter().find(|t| t.oid == oid).map_or(-1, |t| t.size)
}

const TYPE: &str = "oid:oid typname:name typnamespace:oid=11 typowner:oid=10 typlen:int2 \
    typbyval:bool=f typtype:char=b typcategory:char typispreferred:bool=f typisdefined:bool=t \
    typdelim:char=, typrelid:oid=0 typsubscript:regproc=- typelem:oid=0 typarray:oid=0 \
    typinput:regproc typoutput:regproc typreceive:regproc typsend:regproc typmodin:regproc=- \
    typmodout:regproc=- typanalyze:regproc=- typalign:char=i typstorage:char=x typnotnull:bool=f \
    typbasetype:oid=0 typtypmod:int4=-1 typndims:int4=0 typcollation:oid=0 typdefault:text \
    typdefaultbin:text typacl:text[]";

fn types() -> Grid {
    let mut rows = Vec::new();
    for t in TYPES {
        let io = |end: &str| -> Cell {
            let separator = if matches!(
                t.name,
                "date"
                    | "numeric"
                    | "timestamp"
                    | "timestamptz"
                    | "json"
                    | "jsonb"
                    | "uuid"
                    | "time"
                    | "interval"
                    | "record"
                    | "void"
            ) {
                "_"
            } else {
                ""
            };
            format!("{}{separator}{end}", t.name).into()
        };
        let textual = matches!(t.name, "text" | "varchar" | "bpchar" | "name");
        rows.push(vec![
            ("oid", t.oid.into()),
            ("typname", t.name.into()),
            ("typlen", t.size.into()),
            ("typtype", if t.category == "P" { "p" } else { "b" }.into()),
            ("typcategory", t.category.into()),
            ("typarray", t.array.into()),
            (
                "typelem",
                match t.name {
                    "int2vector" => 21u32,
                    "oidvector" => 26,
                    "name" => 18,
                    _ => 0,
                }
                .into(),
            ),
            ("typinput", io("in")),
            ("typoutput", io("out")),
            ("typreceive", io("recv")),
            ("typsend", io("send")),
            ("typcollation", if textual { 100u32 } else { 0 }.into()),
        ]);
        if t.array != 0 {
            rows.push(vec![
                ("oid", t.array.into()),
                ("typname", format!("_{}", t.name).into()),
                ("typlen", (-1i64).into()),
                ("typcategory", "A".into()),
                ("typelem", t.oid.into()),
                ("typsubscript", "array_subscript_handler".into()),
                ("typinput", "array_in".into()),
                ("typoutput", "array_out".into()),
                ("typreceive", "array_recv".into()),
                ("typsend", "array_send".into()),
            ]);
        }
    }
    Grid::new(TYPE, rows)
}

const INDEX: &str = "indexrelid:oid indrelid:oid indnatts:int2 indnkeyatts:int2 indisunique:bool=t \
    indnullsnotdistinct:bool=f indisprimary:bool=t indisexclusion:bool=f indimmediate:bool=t \
    indisclustered:bool=f indisvalid:bool=t indcheckxmin:bool=f indisready:bool=t indislive:bool=t \
    indisreplident:bool=f indkey:int2vector indcollation:oidvector indclass:oidvector indoption:int2vector \
    indexprs:text indpred:text";

fn indexes(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        let count = table.key.len() as i64;
        vec![
            ("indexrelid", index_oid(table).into()),
            ("indrelid", table.oid.into()),
            ("indnatts", count.into()),
            ("indnkeyatts", count.into()),
            ("indkey", Cell::Ints((1..=count).collect())),
            ("indoption", Cell::Ints(vec![0; count as usize])),
        ]
    });
    Grid::new(INDEX, rows.collect())
}

const CONSTRAINT: &str = "oid:oid conname:name connamespace:oid contype:char=p condeferrable:bool=f \
    condeferred:bool=f convalidated:bool=t conrelid:oid contypid:oid=0 conindid:oid \
    conparentid:oid=0 confrelid:oid=0 confupdtype:char= confdeltype:char= confmatchtype:char= \
    conislocal:bool=t coninhcount:int4=0 connoinherit:bool=t conkey:int2[] confkey:int2[] \
    conbin:text";

fn constraints(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        vec![
            ("oid", index_oid(table).into()),
            ("conname", index_name(table).into()),
            ("connamespace", namespace_oid(&table.namespace).into()),
            ("conrelid", table.oid.into()),
            ("conindid", index_oid(table).into()),
            ("conkey", Cell::Ints((1..=table.key.len() as i64).collect())),
        ]
    });
    Grid::new(CONSTRAINT, rows.collect())
}

fn databases(context: &Context) -> Grid {
    let mut names: Vec<&str> = context.catalog.namespaces.keys().map(String::as_str).collect();
    if !names.contains(&context.session.database.as_str()) {
        names.push(&context.session.database);
    }
    let rows = names.into_iter().map(|name| -> Row {
        vec![("oid", (namespace_oid(name) | 1 << 30).into()), ("datname", name.into())]
    });
    Grid::new(
        "oid:oid datname:name datdba:oid=10 encoding:int4=6 datlocprovider:char=c \
         datistemplate:bool=f datallowconn:bool=t datconnlimit:int4=-1 datfrozenxid:xid=0 \
         datminmxid:xid=0 dattablespace:oid=1663 datcollate:text=C datctype:text=C \
         daticulocale:text datcollversion:text datacl:text[]",
        rows.collect(),
    )
}

fn roles(context: &Context, table: &str) -> Grid {
    let user = context.session.user.as_str();
    if table == "pg_user" || table == "pg_shadow" {
        return Grid::new(
            "usename:name usesysid:oid=10 usecreatedb:bool=t usesuper:bool=t userepl:bool=f \
             usebypassrls:bool=f passwd:text valuntil:text useconfig:text[]",
            vec![vec![("usename", user.into())]],
        );
    }
    let row = vec![("oid", OWNER_OID.into()), ("rolname", user.into())];
    Grid::new(
        "oid:oid rolname:name rolsuper:bool=t rolinherit:bool=t rolcreaterole:bool=t \
         rolcreatedb:bool=t rolcanlogin:bool=t rolreplication:bool=f rolbypassrls:bool=t \
         rolconnlimit:int4=-1 rolpassword:text rolvaliduntil:timestamptz rolconfig:text[]",
        vec![row],
    )
}

fn pg_tables(context: &Context) -> Grid {
    let owner = context.session.user.as_str();
    let rows = tables(context).map(|table| -> Row {
        vec![
            ("schemaname", table.namespace.as_str().into()),
            ("tablename", table.name.as_str().into()),
            ("tableowner", owner.into()),
            ("hasindexes", (!table.key.is_empty()).into()),
        ]
    });
    Grid::new(
        "schemaname:name tablename:name tableowner:name tablespace:name hasindexes:bool \
         hasrules:bool=f hastriggers:bool=f rowsecurity:bool=f",
        rows.collect(),
    )
}

fn pg_indexes(context: &Context) -> Grid {
    let rows = keyed(context).map(|table| -> Row {
        vec![
            ("schemaname", table.namespace.as_str().into()),
            ("tablename", table.name.as_str().into()),
            ("indexname", index_name(table).into()),
        ]
    });
    Grid::new(
        "schemaname:name tablename:name indexname:name tablespace:name indexdef:text",
        rows.collect(),
    )
}

/// Settings that clients look up by `pg_settings`.
const SETTINGS: [&str; 15] = [
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "DateStyle",
    "default_transaction_isolation",
    "extra_float_digits",
    "IntervalStyle",
    "max_identifier_length",
    "max_index_keys",
    "search_path",
    "server_encoding",
    "server_version",
    "standard_conforming_strings",
    "TimeZone",
];

fn settings(context: &Context) -> Grid {
    let rows = SETTINGS.iter().filter_map(|name| -> Option<Row> {
        let value = match *name {
            "max_identifier_length" => Some("63".to_string()),
            "max_index_keys" => Some("32".to_string()),
            name => (context.session.settings)(name),
        }?;
        Some(vec![
            ("name", (*name).into()),
            ("setting", value.as_str().into()),
            ("reset_val", value.as_str().into()),
            ("boot_val", value.into()),
        ])
    });
    Grid::new(
        "name:text setting:text unit:text category:text short_desc:text extra_desc:text \
         context:text=user vartype:text=string source:text=default min_val:text max_val:text \
         enumvals:text[] boot_val:text reset_val:text sourcefile:text sourceline:int4 \
         pending_restart:bool=f",
        rows.collect(),
    )
}

fn defaults(context: &Context) -> Grid {
    let mut rows = Vec::new();
    for table in tables(context) {
        for (column, number) in table.key.iter().chain(&table.columns).zip(1i64..) {
            if let Some(default) = &column.default {
                rows.push(vec![
                    ("oid", (table.oid ^ 1 << 30 ^ number as u32).into()),
                    ("adrelid", table.oid.into()),
                    ("adnum", number.into()),
                    ("adbin", default.as_str().into()),
                ]);
            }
        }
    }
    Grid::new("oid:oid adrelid:oid adnum:int2 adbin:text", rows)
}

fn access_methods() -> Grid {
    let row = |oid: u32, name: &str, handler: &str, kind: &str| -> Row {
        vec![
            ("oid", oid.into()),
            ("amname", name.into()),
            ("amhandler", handler.into()),
            ("amtype", kind.into()),
        ]
    };
    Grid::new(
        "oid:oid amname:name amhandler:regproc amtype:char",
        vec![row(2, "heap", "heap_tableam_handler", "t"), row(405, "hash", "hashhandler", "i")],
    )
}

fn collations() -> Grid {
    let row =
        |oid: u32, name: &str| -> Row { vec![("oid", oid.into()), ("collname", name.into())] };
    Grid::new(
        "oid:oid collname:name collnamespace:oid=11 collowner:oid=10 collprovider:char=c \
         collisdeterministic:bool=t collencoding:int4=-1 collcollate:text collctype:text \
         colliculocale:text collversion:text",
        vec![row(100, "default"), row(950, "C"), row(951, "POSIX")],
    )
}

fn languages() -> Grid {
    let row = |oid: u32, name: &str| -> Row { vec![("oid", oid.into()), ("lanname", name.into())] };
    Grid::new(
        "oid:oid lanname:name lanowner:oid=10 lanispl:bool=f lanpltrusted:bool=f",
        vec![row(12, "internal"), row(14, "sql")],
    )
}

fn tablespaces() -> Grid {
    let row = vec![("oid", 1663u32.into()), ("spcname", Cell::from("pg_default"))];
    Grid::new("oid:oid spcname:name spcowner:oid=10 spcacl:text[] spcoptions:text[]", vec![row])
}

fn activity(context: &Context) -> Grid {
    let session = &context.session;
    let row = vec![
        ("datname", session.database.as_str().into()),
        ("pid", i64::from(session.pid).into()),
        ("usename", session.user.as_str().into()),
        ("application_name", (session.settings)("application_name").into()),
    ];
    Grid::new(
        "datid:oid datname:name pid:int4 usesysid:oid=10 usename:name application_name:text \
         client_addr:text client_hostname:text client_port:int4 backend_start:text xact_start:text \
         query_start:text state_change:text wait_event_type:text wait_event:text state:text=active \
         query:text backend_type:text=client_backend leader_pid:int4 query_id:int8",
        vec![row],
    )
}
