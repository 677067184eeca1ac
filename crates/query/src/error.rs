//! DataFusion's errors in PostgreSQL's words: SQLSTATE, message, hint.
//!
//! Errors of our own travel through DataFusion as [`DataFusionError::External`] and come out as
//! they went in. The rest is told apart by variant where there is one, else by DataFusion's text.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, Location, SchemaError};
use datafusion::error::DataFusionError;
use sql::SqlError;

/// What the statement's author is told of an error that a stream or a plan gave.
pub fn sql_error(error: DataFusionError) -> SqlError {
    of(&error)
}

/// An error of ours on its way through DataFusion.
pub(crate) fn external(error: impl Into<SqlError>) -> DataFusionError {
    DataFusionError::External(Box::new(error.into()))
}

fn of(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(inner) => of_external(inner.as_ref()),
        DataFusionError::Context(_, inner) => of(inner),
        DataFusionError::Diagnostic(diagnostic, inner) => match (of(inner), diagnostic.span) {
            (error, Some(span)) if error.position.is_none() => placed(error, span.start),
            (error, _) => error,
        },
        DataFusionError::Shared(inner) => of(inner),
        DataFusionError::Collection(all) => {
            all.first().map_or_else(|| SqlError::new("XX000", "an error without a cause"), of)
        }
        DataFusionError::ArrowError(inner, _) => of_arrow(inner),
        DataFusionError::SchemaError(inner, _) => of_schema(inner),
        DataFusionError::ResourcesExhausted(_) => out_of_memory(),
        DataFusionError::NotImplemented(text) => SqlError::unsupported(first_line(text)),
        DataFusionError::Plan(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Configuration(text) => of_text(text),
        DataFusionError::SQL(inner, _) => SqlError::syntax(inner.to_string()),
        DataFusionError::IoError(inner) => SqlError::new("58030", inner.to_string()),
        other => of_internal(&other.to_string()),
    }
}

fn of_external(error: &(dyn std::error::Error + 'static)) -> SqlError {
    if let Some(known) = error.downcast_ref::<SqlError>() {
        return known.clone();
    }
    if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        return of(inner);
    }
    if let Some(inner) = error.downcast_ref::<ArrowError>() {
        return of_arrow(inner);
    }
    let text = error.to_string();
    match text.contains("regex parse error") {
        true => of_text(&text),
        false => SqlError::new("XX000", text),
    }
}

fn of_arrow(error: &ArrowError) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::new("22012", "division by zero"),
        ArrowError::ArithmeticOverflow(_) => out_of_range("value"),
        ArrowError::ExternalError(inner) => of_external(inner.as_ref()),
        ArrowError::MemoryError(_) => out_of_memory(),
        // A spill's file is written through Arrow, which keeps the text of the error alone.
        ArrowError::IoError(text, _) if text.contains("max_temp_directory_size") => out_of_memory(),
        ArrowError::NotYetImplemented(text) => SqlError::unsupported(first_line(text)),
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text) => of_text(text),
        other => SqlError::new("XX000", other.to_string()),
    }
}

/// 53200.
fn out_of_memory() -> SqlError {
    SqlError::new("53200", "out of memory")
        .detail(
            "Running queries share query-memory; what they sort and group beyond it goes to disk, \
             up to query-spill-size.",
        )
        .hint("add a LIMIT or a narrower WHERE, or raise these settings of the service")
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new("22003", format!("{what} out of range"))
}

fn of_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => column_missing(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            let message = format!("column reference \"{}\" is ambiguous", field.name);
            at_column(SqlError::new("42702", message), field)
                .hint("say which table: put its name or alias and a dot before the column")
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            let message = format!("column name \"{name}\" is specified more than once");
            SqlError::new("42701", message).hint("give each its own name with AS")
        }
    }
}

/// 42703, or 42P01 where the column's table itself is not in FROM.
fn column_missing(field: &Column, valid: &[Column]) -> SqlError {
    let Some(relation) = &field.relation else {
        let error = column_unknown(format!("\"{}\"", field.name), &field.name, valid);
        return at_column(error, field);
    };
    let table = relation.table();
    let known = valid.iter().any(|c| c.relation.as_ref().is_some_and(|r| r.table() == table));
    let error = if known || valid.is_empty() {
        column_unknown(format!("{table}.{}", field.name), &field.name, valid)
    } else {
        SqlError::new("42P01", format!("missing FROM-clause entry for table \"{table}\""))
    };
    at_column(error, field)
}

fn column_unknown(shown: String, name: &str, valid: &[Column]) -> SqlError {
    let error = SqlError::new("42703", format!("column {shown} does not exist"));
    match near(name, valid.iter().map(|c| c.name.as_str())) {
        Some(other) => error.hint(format!("perhaps you meant the column \"{other}\"")),
        None => error,
    }
}

/// The error at its place, where that is in the text's first line: spans count lines, PostgreSQL
/// characters.
fn placed(error: SqlError, place: Location) -> SqlError {
    if place.line == 1 { error.at(place.column as usize) } else { error }
}

fn at_column(error: SqlError, field: &Column) -> SqlError {
    match field.spans().first() {
        Some(span) => placed(error, span.start),
        None => error,
    }
}

/// The name most like `name`, if one is near enough to be meant.
pub(crate) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .map(|other| (distance(&lower, &other.to_lowercase()), other))
        .filter(|(distance, other)| *distance <= 1 + other.len() / 4)
        .min()
        .map(|(_, other)| other)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}

/// What stands between the first pair of these marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    rest.find(close).map(|end| &rest[..end])
}

/// PostgreSQL's name of a type that DataFusion calls so.
fn type_name(arrow: &str) -> &str {
    match arrow {
        "Int16" => "smallint",
        "Int32" => "integer",
        "Int64" | "UInt64" => "bigint",
        "Float32" => "real",
        "Float64" => "double precision",
        "Boolean" => "boolean",
        "Date32" => "date",
        t if t.starts_with("Decimal") => "numeric",
        t if t.starts_with("Timestamp") => "timestamp",
        t if t.starts_with("Utf8") => "text",
        other => other,
    }
}

/// An error of which DataFusion tells only a text.
fn of_text(text: &str) -> SqlError {
    let has = |part: &str| text.contains(part);
    if has("Divide by zero") || has("divide by zero") {
        return SqlError::new("22012", "division by zero");
    }
    if has("Cannot cast string '") || has("Cannot cast string \"") {
        return bad_text(text);
    }
    if has("regex parse error") {
        return SqlError::new("2201B", format!("invalid regular expression: {}", last_line(text)));
    }
    if has("Step cannot be zero") {
        return SqlError::new("22023", "step size cannot equal zero");
    }
    if has("unnest() can only be applied") {
        return SqlError::new(
            "42883",
            "function unnest of a value that is no array does not exist",
        );
    }
    if has("Overflow") || has("overflow") || has("Can't cast value") || has("too large to store") {
        let kind = text.split("to type ").nth(1).and_then(|t| t.split_whitespace().next());
        return out_of_range(kind.map_or("value", type_name));
    }
    if has("Error parsing timestamp") || has("Error parsing '") || has("Parser error") {
        let value = between(text, "'", "'").unwrap_or_default();
        let message = format!("invalid input syntax for type timestamp: \"{value}\"");
        return SqlError::new("22007", message);
    }
    of_plan_text(text)
}

fn bad_text(text: &str) -> SqlError {
    let value = between(text, "'", "'").unwrap_or_default();
    let kind = text.split("value of ").nth(1).and_then(|t| t.split_whitespace().next());
    let kind = kind.map_or("unknown", type_name);
    let sqlstate = if matches!(kind, "date" | "timestamp") { "22007" } else { "22P02" };
    SqlError::new(sqlstate, format!("invalid input syntax for type {kind}: \"{value}\""))
}

fn of_plan_text(text: &str) -> SqlError {
    let has = |part: &str| text.contains(part);
    let line = first_line(text);
    if let Some(name) = between(text, "Invalid function '", "'") {
        let error = SqlError::new("42883", format!("function {name} does not exist"));
        return match between(text, "Did you mean '", "'") {
            Some(other) => error.hint(format!("perhaps you meant {other}; check the name")),
            None => error,
        };
    }
    if let Some(name) = between(text, "table function '", "'") {
        return SqlError::new("42883", format!("function {name} does not exist"));
    }
    if has("must appear in GROUP BY")
        || has("must be in GROUP BY")
        || has("must appear in the GROUP BY")
        || has("must be part of an aggregate")
    {
        let what = between(text, "column \"", "\"").or_else(|| between(text, "'", "'"));
        let what = what.unwrap_or("of the select list").replace('"', "");
        let message = format!(
            "column \"{what}\" must appear in the GROUP BY clause or be used in an aggregate \
             function"
        );
        return SqlError::new("42803", message);
    }
    if has("ggregate") && (has("not allowed") || has("not supported in") || has("Invalid")) {
        return SqlError::new("42803", "aggregate functions are not allowed here");
    }
    if has("No function matches") || has("failed to match any signature") || has("Function '") {
        let name = between(text, "types '", "'").or_else(|| between(text, "Function '", "'"));
        let message = format!("function {} does not exist", name.unwrap_or("of these types"));
        return SqlError::new("42883", message)
            .hint("no function matches the given name and argument types; add explicit casts");
    }
    if let Some(operation) = between(text, "coerce arithmetic expression ", " to valid types") {
        let words: Vec<&str> = operation.split(' ').map(type_name).collect();
        let message = format!("operator does not exist: {}", words.join(" "));
        return SqlError::new("42883", message).hint("cast one of the operands");
    }
    if has("Cannot infer common argument type")
        || has("Cannot coerce arithmetic expression")
        || has("Unsupported operation")
        || has("cannot be applied to")
        || has("Invalid arithmetic operation")
    {
        return SqlError::new("42883", format!("operator does not exist: {line}"))
            .hint("no operator matches the given argument types; add explicit casts");
    }
    if has("more than one row") {
        let message = "more than one row returned by a subquery used as an expression";
        return SqlError::new("21000", message);
    }
    if has("same number of columns")
        || has("different number of columns")
        || has("columns but") && has("UNION")
    {
        return SqlError::syntax(
            "each query of a set operation must have the same number of columns",
        );
    }
    if has("should only return one column") || has("must return one column") || has("one column") {
        return SqlError::syntax("subquery has too many columns");
    }
    if has("Order by column out of bounds") || has("ORDER BY position") {
        return SqlError::new("42P10", "ORDER BY position is not in select list");
    }
    if has("Cannot create filter with non-boolean predicate") || has("non-boolean") {
        let kind = text.split("returning ").nth(1).map_or("another", |t| type_name(t.trim()));
        let message = format!("argument of WHERE must be type boolean, not type {kind}");
        return SqlError::new("42804", message);
    }
    if has("LIMIT must be") || has("Limit") && has(">= 0") {
        return SqlError::new("2201W", "LIMIT must not be negative");
    }
    if has("OFFSET must be") {
        return SqlError::new("2201X", "OFFSET must not be negative");
    }
    if has("unique expression names") {
        return SqlError::new("42701", "two columns of the select list have the same name")
            .hint("give each its own name with AS");
    }
    if has("Placeholder") || has("placeholder") {
        return SqlError::new(
            "42P18",
            format!("could not determine the type of a parameter: {line}"),
        );
    }
    if has("ot supported") || has("ot implemented") || has("nsupported") {
        return SqlError::unsupported(line);
    }
    if has("coerce") || has("ype mismatch") || has("ncompatible") {
        return SqlError::new("42804", line);
    }
    if has("ambiguous") {
        return SqlError::new("42702", line);
    }
    SqlError::new("42000", line)
}

fn of_internal(text: &str) -> SqlError {
    let error = of_text(text);
    if error.sqlstate != "42000" {
        return error;
    }
    SqlError::new("XX000", first_line(text))
        .hint("this is a defect of the query engine; a simpler form of the statement may work")
}
