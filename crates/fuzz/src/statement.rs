//! Statements that follow SQL's shape, without sense: types mostly do not fit, names mostly exist.

use arbitrary::{Result, Unstructured};

/// Levels of an expression or a query inside another, at most.
const DEPTH: u32 = 4;

const TABLES: &[&str] =
    &["people", "pairs", "kinds", "keyless", "loose", "mem.people", "pg_class", "nosuch", "q"];
const COLUMNS: &[&str] = &[
    "id",
    "name",
    "age",
    "city",
    "tags",
    "a",
    "b",
    "v",
    "w",
    "i2",
    "i4",
    "i8",
    "f4",
    "f8",
    "n",
    "t",
    "by",
    "d",
    "ts",
    "tz",
    "u",
    "j",
    "ia",
    "ta",
    "PK",
    "GEN",
    "TTL",
    "DIGEST",
    "q.a",
    "people.id",
    "nosuch",
    "\"Mixed\"",
];
const TYPES: &[&str] = &[
    "int2",
    "int4",
    "int8",
    "real",
    "float8",
    "numeric",
    "numeric(38,10)",
    "numeric(3)",
    "text",
    "varchar(3)",
    "char(2)",
    "name",
    "bytea",
    "bool",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "oid",
    "regclass",
    "regtype",
    "int8[]",
    "text[]",
    "float8[]",
    "bool[]",
    "nosuch",
];
const OPERATORS: &[&str] = &[
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "||",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "AND",
    "OR",
    "LIKE",
    "ILIKE",
    "NOT LIKE",
    "~",
    "!~*",
    "IS DISTINCT FROM",
    "&",
    "|",
    "#",
    "<<",
    ">>",
    "->",
    "->>",
    "#>",
    "@>",
    "<@",
    "?",
    "SIMILAR TO",
    "AT TIME ZONE",
    "COLLATE",
];
const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "32768",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "0.1",
    "1e308",
    "1e-320",
    "12345678901234567890123456789012345678",
    "'a'",
    "''",
    "'%_\\'",
    "'2024-02-30'",
    "'2024-02-29'",
    "'24:00:00'",
    "'{}'",
    "'{1,2}'",
    "'[1]'",
    "'{\"a\":1}'",
    "'\\xff'",
    "'t'",
    "'NaN'",
    "'infinity'",
    "NULL",
    "true",
    "false",
    "$1",
    "$2",
    "date '0001-01-01'",
    "timestamp '9999-12-31'",
    "interval '1 mon'",
    "interval '-1 day'",
    "ARRAY[1,NULL]",
    "ARRAY['a']",
    "'\u{1f600}e\u{301}'",
    "-9223372036854775808",
    "'00000000-0000-0000-0000-000000000000'",
    "4294967296",
    "-2147483649",
];
/// With how many arguments they are called.
const FUNCTIONS: &[(&str, usize)] = &[
    ("abs", 1),
    ("ceil", 1),
    ("floor", 1),
    ("round", 1),
    ("round", 2),
    ("trunc", 2),
    ("sqrt", 1),
    ("ln", 1),
    ("exp", 1),
    ("power", 2),
    ("mod", 2),
    ("sign", 1),
    ("div", 2),
    ("gcd", 2),
    ("lcm", 2),
    ("factorial", 1),
    ("length", 1),
    ("lower", 1),
    ("upper", 1),
    ("initcap", 1),
    ("substr", 2),
    ("substr", 3),
    ("substring", 3),
    ("left", 2),
    ("right", 2),
    ("lpad", 2),
    ("rpad", 3),
    ("repeat", 2),
    ("replace", 3),
    ("split_part", 3),
    ("strpos", 2),
    ("translate", 3),
    ("reverse", 1),
    ("chr", 1),
    ("ascii", 1),
    ("concat", 3),
    ("concat_ws", 3),
    ("format", 2),
    ("btrim", 2),
    ("md5", 1),
    ("encode", 2),
    ("decode", 2),
    ("to_hex", 1),
    ("regexp_replace", 3),
    ("regexp_match", 2),
    ("regexp_matches", 2),
    ("coalesce", 2),
    ("nullif", 2),
    ("greatest", 2),
    ("least", 2),
    ("date_trunc", 2),
    ("date_part", 2),
    ("age", 2),
    ("to_char", 2),
    ("to_date", 2),
    ("to_timestamp", 1),
    ("make_date", 3),
    ("now", 0),
    ("array_length", 2),
    ("cardinality", 1),
    ("array_append", 2),
    ("array_cat", 2),
    ("array_position", 2),
    ("array_remove", 2),
    ("array_to_string", 2),
    ("string_to_array", 2),
    ("unnest", 1),
    ("list_append", 2),
    ("jsonb_array_length", 1),
    ("jsonb_typeof", 1),
    ("to_jsonb", 1),
    ("jsonb_set", 3),
    ("jsonb_build_object", 2),
    ("sum", 1),
    ("avg", 1),
    ("min", 1),
    ("max", 1),
    ("count", 1),
    ("string_agg", 2),
    ("array_agg", 1),
    ("bool_and", 1),
    ("stddev", 1),
    ("percentile_cont", 1),
    ("row_number", 0),
    ("lag", 2),
    ("ntile", 1),
    ("pg_typeof", 1),
    ("format_type", 2),
    ("current_setting", 1),
    ("pg_get_expr", 2),
    ("nosuch", 1),
];

/// A statement of any kind.
pub(crate) fn statement(u: &mut Unstructured<'_>) -> Result<String> {
    let select = |u: &mut Unstructured<'_>| query(u, DEPTH);
    Ok(match u.int_in_range(0..=20)? {
        0..=9 => select(u)?,
        10 => insert(u)?,
        11 => format!(
            "UPDATE {} SET {} WHERE {}{}",
            table(u)?,
            sets(u)?,
            expression(u, 3)?,
            returning(u)?
        ),
        12 => format!("DELETE FROM {} WHERE {}{}", table(u)?, expression(u, 3)?, returning(u)?),
        13 => format!("CREATE TABLE c{} ({})", u.int_in_range(0..=9)?, definitions(u)?),
        14 => format!("ALTER TABLE {} {}", table(u)?, alteration(u)?),
        15 => format!("EXPLAIN {}", select(u)?),
        16 => format!(
            "COPY ({}) TO STDOUT (FORMAT {})",
            select(u)?,
            u.choose(&["text", "csv", "binary"])?
        ),
        17 => format!("DECLARE c CURSOR WITH HOLD FOR {}", select(u)?),
        18 => format!("PREPARE p AS {}", select(u)?),
        19 => format!("EXECUTE p ({})", list(u, 3, |u| expression(u, 2))?),
        _ => format!(
            "SET {} = {}",
            u.choose(&["search_path", "datestyle", "nosuch.x"])?,
            literal(u)?
        ),
    })
}

/// A value's text, with `depth` levels inside it at most.
pub(crate) fn expression(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    let Some(less) = depth.checked_sub(1).filter(|_| !u.is_empty()) else { return leaf(u) };
    let inner = |u: &mut Unstructured<'_>| expression(u, less);
    Ok(match u.int_in_range(0..=19)? {
        0..=3 => leaf(u)?,
        4..=7 => format!("({} {} {})", inner(u)?, u.choose(OPERATORS)?, inner(u)?),
        8..=10 => call(u, less)?,
        11 => format!("{}::{}", inner(u)?, kind(u)?),
        12 => format!("CAST({} AS {})", inner(u)?, kind(u)?),
        13 => format!(
            "CASE {} WHEN {} THEN {} ELSE {} END",
            if u.arbitrary()? { inner(u)? } else { String::new() },
            inner(u)?,
            inner(u)?,
            inner(u)?
        ),
        14 => format!("{} {}IN ({})", inner(u)?, not(u)?, list(u, 4, inner)?),
        15 => format!("{} {}BETWEEN {} AND {}", inner(u)?, not(u)?, inner(u)?, inner(u)?),
        16 => format!("{} IS {}{}", inner(u)?, not(u)?, u.choose(&["NULL", "TRUE", "UNKNOWN"])?),
        17 => format!("{} = {} ({})", inner(u)?, u.choose(&["ANY", "ALL"])?, inner(u)?),
        18 => match u.int_in_range(0..=3)? {
            0 => format!("({})", query(u, less)?),
            1 => format!("EXISTS ({})", query(u, less)?),
            2 => format!("{} IN ({})", inner(u)?, query(u, less)?),
            _ => format!("ARRAY({})", query(u, less)?),
        },
        _ => match u.int_in_range(0..=4)? {
            0 => format!("- {}", inner(u)?),
            1 => format!("NOT {}", inner(u)?),
            2 => format!("ARRAY[{}]", list(u, 3, inner)?),
            3 => format!("({})[{}]", inner(u)?, inner(u)?),
            _ => format!("ROW({})", list(u, 3, inner)?),
        },
    })
}

fn leaf(u: &mut Unstructured<'_>) -> Result<String> {
    if u.arbitrary()? { column(u) } else { literal(u) }
}

fn call(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    let (name, arguments) = *u.choose(FUNCTIONS)?;
    let given: Vec<String> = (0..arguments).map(|_| expression(u, depth)).collect::<Result<_>>()?;
    let call = format!("{name}({})", given.join(", "));
    Ok(match u.int_in_range(0..=15)? {
        0 => format!("{call} OVER (PARTITION BY {} ORDER BY {})", column(u)?, column(u)?),
        1 => format!("{call} FILTER (WHERE {})", expression(u, depth)?),
        _ => call,
    })
}

fn query(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    let Some(less) = depth.checked_sub(1).filter(|_| !u.is_empty()) else {
        return Ok(format!("SELECT {}", literal(u)?));
    };
    let mut text = String::new();
    if u.ratio(1, 10)? {
        text = format!("WITH q (a, b) AS ({}) ", query(u, less)?);
    }
    let items = match u.int_in_range(0..=5)? {
        0 => "*".into(),
        _ => list(u, 4, |u| expression(u, less))?,
    };
    text += &format!("SELECT {}{items}", if u.ratio(1, 8)? { "DISTINCT " } else { "" });
    if u.ratio(7, 8)? {
        text += &format!(" FROM {}", source(u, less)?);
    }
    if u.arbitrary()? {
        text += &format!(" WHERE {}", expression(u, less)?);
    }
    if u.ratio(1, 4)? {
        text += &format!(" GROUP BY {}", list(u, 2, column)?);
    }
    if u.ratio(1, 8)? {
        text += &format!(" HAVING {}", expression(u, less)?);
    }
    if u.ratio(1, 8)? {
        let word = u.choose(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])?;
        text += &format!(" {word} {}", query(u, less)?);
    }
    if u.ratio(1, 4)? {
        text += &format!(" ORDER BY {}", list(u, 2, |u| expression(u, 1))?);
    }
    if u.ratio(1, 4)? {
        text += &format!(" LIMIT {} OFFSET {}", literal(u)?, literal(u)?);
    }
    Ok(text)
}

fn source(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    let Some(less) = depth.checked_sub(1) else { return table(u) };
    Ok(match u.int_in_range(0..=9)? {
        0..=5 => table(u)?,
        6 => format!("({}) AS q (a)", query(u, less)?),
        7 => format!(
            "generate_series(1, {}) AS q (a)",
            u.choose(&["3", "0", "NULL", "$1", "-1", "'a'"])?
        ),
        8 => format!("(VALUES ({})) AS q", list(u, 3, |u| expression(u, less))?),
        _ => format!(
            "{} {} JOIN {} ON {}",
            source(u, less)?,
            u.choose(&["", "LEFT", "RIGHT", "FULL"])?,
            source(u, less)?,
            expression(u, less)?
        ),
    })
}

fn insert(u: &mut Unstructured<'_>) -> Result<String> {
    let word = u.choose(&["INSERT", "UPSERT", "REPLACE"])?;
    let (table, columns) = (table(u)?, list(u, 4, column)?);
    let rows = match u.int_in_range(0..=3)? {
        0 => query(u, 2)?,
        _ => format!("VALUES ({})", list(u, 4, |u| expression(u, 2))?),
    };
    let conflict = match u.int_in_range(0..=3)? {
        0 => format!(" ON CONFLICT ({}) DO UPDATE SET {}", column(u)?, sets(u)?),
        1 => " ON CONFLICT DO NOTHING".into(),
        _ => String::new(),
    };
    Ok(format!("{word} INTO {table} ({columns}) {rows}{conflict}{}", returning(u)?))
}

fn alteration(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=4)? {
        0 => format!("ADD COLUMN {} {}", column(u)?, kind(u)?),
        1 => format!("DROP COLUMN {}", column(u)?),
        2 => format!("ALTER COLUMN {} SET DEFAULT {}", column(u)?, expression(u, 2)?),
        3 => format!("ALTER COLUMN {} TYPE {}", column(u)?, kind(u)?),
        _ => format!("RENAME COLUMN {} TO {}", column(u)?, column(u)?),
    })
}

fn definitions(u: &mut Unstructured<'_>) -> Result<String> {
    list(u, 5, |u| {
        let default =
            if u.ratio(1, 4)? { format!(" DEFAULT {}", expression(u, 2)?) } else { String::new() };
        let key = if u.ratio(1, 4)? { " PRIMARY KEY" } else { "" };
        Ok(format!("{} {}{default}{key}", column(u)?, kind(u)?))
    })
}

fn sets(u: &mut Unstructured<'_>) -> Result<String> {
    list(u, 3, |u| Ok(format!("{} = {}", column(u)?, expression(u, 3)?)))
}

fn returning(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.ratio(1, 3)? {
        true => format!(" RETURNING {}", list(u, 2, |u| expression(u, 2))?),
        false => String::new(),
    })
}

fn not(u: &mut Unstructured<'_>) -> Result<&'static str> {
    Ok(if u.arbitrary()? { "NOT " } else { "" })
}

fn table(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(u.choose(TABLES)?.to_string())
}

fn column(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(u.choose(COLUMNS)?.to_string())
}

fn kind(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(u.choose(TYPES)?.to_string())
}

fn literal(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(u.choose(LITERALS)?.to_string())
}

/// One to `most` things with commas between them.
fn list(
    u: &mut Unstructured<'_>,
    most: usize,
    one: impl Fn(&mut Unstructured<'_>) -> Result<String>,
) -> Result<String> {
    let count = u.int_in_range(1..=most)?;
    let all: Vec<String> = (0..count).map(|_| one(u)).collect::<Result<_>>()?;
    Ok(all.join(", "))
}
