//! PostgreSQL's functions that DataFusion lacks.
//!
//! Each is a row of [`all`]: name, arguments, result, body. Bodies that need the session find it in
//! the statement's configuration ([`Context`]).

mod catalogue;
mod datum;
mod describe;
mod marked;
mod matches;
pub(crate) mod only;
mod particles;
mod registered;
mod row;
pub(crate) mod sequences;
mod shared;
mod sleep;
mod zone;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, FixedSizeBinaryBuilder, Int64Array, ListBuilder,
    StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use sql::SqlError;

use crate::error::external;
use crate::numbers;
use crate::session::Context;
use crate::text::{self, parse_bytea, parse_uuid};
use crate::types::{PG_TYPE, mark};

pub(crate) use datum::{array_of, datums, type_of};
pub(crate) use marked::marked;
pub(crate) use particles::PARTICLE;
pub(crate) use shared::{LIST, pick};

type Body = fn(&ScalarFunctionArgs) -> Result<ColumnarValue>;

/// One function.
#[derive(Debug)]
struct Plain {
    name: &'static str,
    signature: Signature,
    returns: Returns,
    body: Body,
}

/// What a function returns.
#[derive(Debug, Clone)]
enum Returns {
    Fixed(DataType, Option<&'static str>),
    /// This, marked with the argument's own type.
    Named(DataType),
}

impl PartialEq for Plain {
    fn eq(&self, other: &Plain) -> bool {
        self.name == other.name
    }
}

impl Eq for Plain {}

impl Hash for Plain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Plain {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match &self.returns {
            Returns::Fixed(data_type, _) => data_type.clone(),
            Returns::Named(data_type) => data_type.clone(),
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let given: Vec<_> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let field = Field::new(self.name, self.return_type(&given)?, true);
        Ok(Arc::new(match &self.returns {
            Returns::Fixed(_, Some(mark)) => {
                field.with_metadata([(PG_TYPE.to_string(), mark.to_string())].into())
            }
            Returns::Named(_) => match args.arg_fields.first().and_then(|field| mark(field)) {
                Some(mark) => field.with_metadata([(PG_TYPE.to_string(), mark.to_string())].into()),
                None => field,
            },
            _ => field,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.body)(&args)
    }
}

/// Registers every function.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    for function in all() {
        state.register_udf(function.clone())?;
    }
    state.register_udf(Arc::new(sleep::pg_sleep()))?;
    for function in sequences::functions() {
        state.register_udf(function)?;
    }
    for aggregate in numbers::aggregates() {
        state.register_udaf(aggregate)?;
    }
    Ok(())
}

/// The function of this name, for plans that we change ourselves.
pub(crate) fn internal(name: &str) -> Arc<ScalarUDF> {
    let found = all().iter().find(|function| function.name() == name);
    found.cloned().unwrap_or_else(|| panic!("{name} is one of our functions"))
}

fn all() -> &'static [Arc<ScalarUDF>] {
    static ALL: OnceLock<Vec<Arc<ScalarUDF>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut list = Vec::new();
        session(&mut list);
        constants(&mut list);
        casts(&mut list);
        strings(&mut list);
        catalogue::add(&mut list);
        describe::add(&mut list);
        matches::add(&mut list);
        registered::add(&mut list);
        list.extend(shared::all().iter().cloned());
        list.extend(particles::all());
        list.extend(numbers::scalar_functions());
        list.extend([row::row(), zone::timezone()]);
        list
    })
}

fn add(
    list: &mut Vec<Arc<ScalarUDF>>,
    name: &'static str,
    volatility: Volatility,
    returns: Returns,
    body: Body,
) {
    let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
    let signature = Signature::one_of(any, volatility);
    let function = Plain { name, signature, returns, body };
    list.push(Arc::new(ScalarUDF::new_from_impl(function)));
}

fn text_type() -> Returns {
    Returns::Fixed(DataType::Utf8, None)
}

fn text_value(text: impl Into<String>) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(text.into()))))
}

fn null_text(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)))
}

fn yes(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
}

fn no(_: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(false))))
}

fn names(values: &[&str]) -> Result<ColumnarValue> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    values.iter().for_each(|value| builder.values().append_value(value));
    builder.append(true);
    ScalarValue::try_from_array(&builder.finish(), 0).map(ColumnarValue::Scalar)
}

/// Argument `i` as an array; `None` where it is not given.
fn arg(args: &ScalarFunctionArgs, i: usize) -> Result<Option<ArrayRef>> {
    args.args.get(i).map(|value| value.clone().into_array(args.number_rows)).transpose()
}

/// Argument `i` as texts.
fn texts(args: &ScalarFunctionArgs, i: usize) -> Result<ArrayRef> {
    let array = arg(args, i)?.ok_or_else(|| missing(i))?;
    text::to_text(&array, &args.arg_fields[i]).map_err(external)
}

/// Argument `i` as numbers.
fn numbers(args: &ScalarFunctionArgs, i: usize) -> Result<ArrayRef> {
    let array = arg(args, i)?.ok_or_else(|| missing(i))?;
    Ok(cast(&array, &DataType::Int64)?)
}

fn missing(i: usize) -> DataFusionError {
    external(SqlError::new("42883", format!("the function needs at least {} arguments", i + 1)))
}

/// A text of each text.
fn each_text(
    args: &ScalarFunctionArgs,
    of: impl Fn(&str) -> Result<Option<String>>,
) -> Result<ColumnarValue> {
    let input = texts(args, 0)?;
    let mut builder = StringBuilder::new();
    for text in input.as_string::<i32>() {
        builder.append_option(text.map(&of).transpose()?.flatten());
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

/// A text of each number.
fn each_number(
    args: &ScalarFunctionArgs,
    of: impl Fn(i64) -> Option<String>,
) -> Result<ColumnarValue> {
    let input = numbers(args, 0)?;
    let mut builder = StringBuilder::new();
    for number in input.as_primitive::<Int64Type>() {
        builder.append_option(number.and_then(&of));
    }
    Ok(ColumnarValue::Array(Arc::new(builder.finish())))
}

fn timestamptz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

fn now(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let micros = Context::of(&args.config_options)?.now_ms as i64 * 1000;
    let time = ScalarValue::TimestampMicrosecond(Some(micros), Some("+00:00".into()));
    Ok(ColumnarValue::Scalar(time))
}

fn localtimestamp(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let micros = Context::of(&args.config_options)?.now_ms as i64 * 1000;
    Ok(ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(micros), None)))
}

/// Functions that tell of the session.
fn session(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::Stable;
    let int = |data_type| Returns::Fixed(data_type, None);
    let name = || Returns::Fixed(DataType::Utf8, Some("name"));
    add(list, "current_schema", Stable, name(), |args| {
        text_value(&Context::of(&args.config_options)?.session.namespace)
    });
    for function in ["current_database", "current_catalog"] {
        add(list, function, Stable, name(), |args| {
            text_value(&Context::of(&args.config_options)?.session.database)
        });
    }
    for function in ["current_user", "session_user", "user", "current_role"] {
        add(list, function, Stable, name(), |args| {
            text_value(&Context::of(&args.config_options)?.session.user)
        });
    }
    let list_of = DataType::new_list(DataType::Utf8, true);
    add(list, "current_schemas", Stable, Returns::Fixed(list_of, Some("name[]")), |args| {
        let namespace = &Context::of(&args.config_options)?.session.namespace;
        match args.args.first() {
            Some(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))) => {
                names(&["pg_catalog", namespace])
            }
            _ => names(&[namespace]),
        }
    });
    add(list, "pg_backend_pid", Stable, int(DataType::Int32), |args| {
        let pid = Context::of(&args.config_options)?.session.pid;
        Ok(ColumnarValue::Scalar(ScalarValue::Int32(Some(pid))))
    });
    add(list, "current_setting", Stable, text_type(), |args| {
        let lenient = matches!(
            args.args.get(1),
            Some(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
        );
        let context = Context::of(&args.config_options)?;
        each_text(args, |name| match (context.session.settings)(name) {
            Some(value) => Ok(Some(value)),
            None if lenient => Ok(None),
            None => Err(external(SqlError::new(
                "42704",
                format!("unrecognized configuration parameter \"{name}\""),
            ))),
        })
    });
    add(list, "set_config", Stable, text_type(), |args| Ok(ColumnarValue::Array(texts(args, 1)?)));
    for function in [
        "now",
        "current_timestamp",
        "transaction_timestamp",
        "statement_timestamp",
        "clock_timestamp",
        "pg_postmaster_start_time",
        "pg_conf_load_time",
    ] {
        add(list, function, Stable, int(timestamptz()), now);
    }
    let local = DataType::Timestamp(TimeUnit::Microsecond, None);
    add(list, "localtimestamp", Stable, int(local), localtimestamp);
}

/// Functions whose answer never changes here.
fn constants(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::Immutable;
    let of = |data_type| Returns::Fixed(data_type, None);
    add(list, "version", Immutable, text_type(), |_| {
        text_value(format!(
            "PostgreSQL 15.0 (AerieDB {}) on {}-{}, compiled by rustc, 64-bit",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            std::env::consts::OS
        ))
    });
    for function in [
        "has_table_privilege",
        "has_schema_privilege",
        "has_database_privilege",
        "has_column_privilege",
        "has_any_column_privilege",
        "has_function_privilege",
        "has_sequence_privilege",
        "has_type_privilege",
        "has_tablespace_privilege",
        "has_language_privilege",
        "has_server_privilege",
        "pg_has_role",
        "pg_type_is_visible",
        "pg_function_is_visible",
        "pg_operator_is_visible",
        "pg_opclass_is_visible",
        "pg_collation_is_visible",
        "pg_conversion_is_visible",
        "pg_ts_config_is_visible",
        "pg_statistics_obj_is_visible",
        "pg_advisory_unlock",
        "pg_try_advisory_lock",
        "pg_cancel_backend",
    ] {
        add(list, function, Immutable, of(DataType::Boolean), yes);
    }
    for function in [
        "pg_is_in_recovery",
        "pg_is_other_temp_schema",
        "pg_relation_is_publishable",
        "row_security_active",
    ] {
        add(list, function, Immutable, of(DataType::Boolean), no);
    }
    for function in [
        "shobj_description",
        "pg_get_ruledef",
        "pg_get_triggerdef",
        "pg_get_partkeydef",
        "pg_get_statisticsobjdef",
        "pg_get_statisticsobjdef_columns",
        "pg_relation_filepath",
        "inet_server_addr",
        "inet_client_addr",
        "array_to_json_null",
        "pg_describe_object",
        "pg_get_partition_constraintdef",
    ] {
        add(list, function, Immutable, text_type(), null_text);
    }
    for function in ["inet_server_port", "inet_client_port"] {
        add(list, function, Immutable, of(DataType::Int32), |_| {
            Ok(ColumnarValue::Scalar(ScalarValue::Int32(None)))
        });
    }
    for function in ["pg_advisory_unlock_all", "pg_advisory_lock", "pg_notify"] {
        let void = Returns::Fixed(DataType::Utf8, Some("void"));
        add(list, function, Immutable, void, |_| text_value(""));
    }
    for function in ["txid_current", "pg_current_xact_id"] {
        add(list, function, Immutable, of(DataType::Int64), |_| {
            Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(1))))
        });
    }
    add(list, "pg_my_temp_schema", Immutable, Returns::Fixed(DataType::Int64, Some("oid")), |_| {
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(0))))
    });
}

/// Casts with PostgreSQL's rules; `semantics` puts them in.
fn casts(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::Immutable;
    add(list, "aeriedb_text", Immutable, text_type(), |args| {
        Ok(ColumnarValue::Array(texts(args, 0)?))
    });
    let jsonb = Returns::Fixed(DataType::Utf8, Some("jsonb"));
    add(list, "aeriedb_jsonb", Immutable, jsonb, |args| {
        each_text(args, |text| sql::functions::jsonb_of_text(text).map(Some).map_err(external))
    });
    add(list, "aeriedb_left", Immutable, text_type(), |args| {
        let length = numbers(args, 1)?;
        let length = length.as_primitive::<Int64Type>();
        let length = if length.is_empty() { 0 } else { length.value(0) };
        each_text(args, |text| Ok(Some(text.chars().take(length as usize).collect())))
    });
    let binary = Returns::Fixed(DataType::Binary, None);
    add(list, "aeriedb_bytea", Immutable, binary, |args| {
        let input = texts(args, 0)?;
        let mut builder = BinaryBuilder::new();
        for text in input.as_string::<i32>() {
            let bad = || external(SqlError::new("22023", "invalid hexadecimal data"));
            let bytes = text.map(|text| parse_bytea(text).ok_or_else(bad)).transpose()?;
            builder.append_option(bytes);
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    });
    let uuid = Returns::Fixed(DataType::FixedSizeBinary(16), Some("uuid"));
    add(list, "gen_random_uuid", Volatility::Volatile, uuid.clone(), sequences::random_uuids);
    add(list, "aeriedb_uuid", Immutable, uuid, |args| {
        let input = texts(args, 0)?;
        let mut builder = FixedSizeBinaryBuilder::new(16);
        for text in input.as_string::<i32>() {
            match text {
                None => builder.append_null(),
                Some(text) => builder.append_value(parse_uuid(text).ok_or_else(|| {
                    let message = format!("invalid input syntax for type uuid: \"{text}\"");
                    external(SqlError::new("22P02", message))
                })?)?,
            }
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    });
}

fn strings(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::Immutable;
    add(list, "pg_typeof", Immutable, text_type(), |args| {
        let name = match args.arg_fields.first() {
            Some(field) => {
                type_of(field, matches!(args.args[0], ColumnarValue::Scalar(_))).to_string()
            }
            None => return Err(missing(0)),
        };
        text_value(name)
    });
    add(list, "aeriedb_escape", Immutable, text_type(), |args| {
        let escape = texts(args, 1)?;
        let escape = escape.as_string::<i32>().iter().next().flatten();
        let escape = escape.and_then(|text| text.chars().next());
        each_text(args, |pattern| Ok(Some(backslashed(pattern, escape))))
    });
    add(list, "pg_size_pretty", Immutable, text_type(), |args| {
        each_number(args, |n| Some(pretty_size(n)))
    });
    let name = Returns::Fixed(DataType::Utf8, Some("name"));
    add(list, "pg_encoding_to_char", Immutable, name, |args| {
        each_number(args, |n| Some(if n == 6 { "UTF8" } else { "SQL_ASCII" }.to_string()))
    });
    add(list, "pg_char_to_encoding", Immutable, Returns::Fixed(DataType::Int32, None), |_| {
        Ok(ColumnarValue::Scalar(ScalarValue::Int32(Some(6))))
    });
    let int = Returns::Fixed(DataType::Int64, None);
    add(list, "pg_column_size", Immutable, int, |args| {
        let input = texts(args, 0)?;
        let size = |text: Option<&str>| text.map(|text| text.len() as i64);
        let sizes: Int64Array = input.as_string::<i32>().iter().map(size).collect();
        Ok(ColumnarValue::Array(Arc::new(sizes)))
    });
}

/// A pattern of LIKE with another escape character, as one that escapes by backslash.
fn backslashed(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::with_capacity(pattern.len() + 2);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => {
                out.push('\\');
                out.extend(chars.next());
            }
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out
}

/// A name as SQL must write it.
pub(crate) fn quoted_ident(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    match starts && name.chars().all(plain) {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

fn pretty_size(size: i64) -> String {
    let mut size = size as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size.abs() < 10_240.0 {
            return format!("{} {unit}", size.round());
        }
        size /= 1024.0;
    }
    format!("{} TB", size.round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_names() {
        assert_eq!(pretty_size(10_239), "10239 bytes");
        assert_eq!(pretty_size(1 << 20), "1024 kB");
        assert_eq!(backslashed("a/_\\%", Some('/')), "a\\_\\\\%");
        assert_eq!(quoted_ident("plain_1"), "plain_1");
        assert_eq!(quoted_ident("With \"q\""), "\"With \"\"q\"\"\"");
    }
}
