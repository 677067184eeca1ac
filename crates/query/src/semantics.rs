//! What PostgreSQL means and DataFusion does not: types by name, literals that take the type of
//! what they meet, casts, parameters without a type.
//!
//! [`apply`] runs over a logical plan once names are resolved and before DataFusion's own type
//! coercion, so that a literal is read by PostgreSQL's rules and an error says so.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::expr::{
    Cast, GroupingSet, InList, InSubquery, Placeholder, ScalarFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery,
};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, TimezoneInfo,
};
use model::ColumnType;
use sql::types::numeric::Numeric;
use sql::{SqlError, SqlResult};

use crate::error::{external, sql_error};
use crate::functions;
use crate::names::last_of;
use crate::numbers;
use crate::operators::call;
use crate::text::{parse_bytea, parse_uuid};
use crate::types::{self, PG_TYPE, REGISTERED};

/// SQL types by name.
#[derive(Debug)]
pub(crate) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        Ok(field_of(sql_type).map(Arc::new))
    }
}

fn field_of(sql_type: &SqlType) -> Option<Field> {
    use ColumnType::*;
    let of = |t| Some(types::field("", t));
    match sql_type {
        SqlType::Int2(_) | SqlType::SmallInt(_) => of(Int2),
        SqlType::Int4(_) | SqlType::Int(_) | SqlType::Integer(_) => of(Int4),
        SqlType::Int8(_) | SqlType::BigInt(_) => of(Int8),
        SqlType::Float4 | SqlType::Real => of(Float4),
        SqlType::Float8 | SqlType::Double(_) | SqlType::DoublePrecision | SqlType::Float(_) => {
            of(Float8)
        }
        SqlType::Text | SqlType::String(_) => of(Text),
        SqlType::Varchar(_) | SqlType::CharacterVarying(_) => of(Varchar(length(sql_type))),
        SqlType::Bytea => of(Bytea),
        SqlType::Bool | SqlType::Boolean => of(Bool),
        SqlType::JSON => Some(marked(DataType::Utf8, "json")),
        SqlType::JSONB => of(Jsonb),
        SqlType::Interval { .. } => {
            Some(Field::new("", DataType::Interval(IntervalUnit::MonthDayNano), true))
        }
        SqlType::Uuid => of(Uuid),
        SqlType::Date => of(Date),
        SqlType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => of(Timestamp),
        SqlType::Timestamp(_, _) => of(Timestamptz),
        SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => of(numeric(info)),
        SqlType::Regclass => Some(marked(DataType::Int64, "regclass")),
        SqlType::Custom(name, _) => custom(&last_of(name).to_lowercase()),
        SqlType::Array(
            ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item),
        ) => {
            let item = field_of(item)?;
            let list = Field::new_list_field(item.data_type().clone(), true);
            Some(Field::new("", DataType::List(Arc::new(list)), true))
        }
        _ => None,
    }
}

fn length(sql_type: &SqlType) -> Option<u32> {
    let text = sql_type.to_string();
    text.split_once('(')?.1.split(')').next()?.trim().parse().ok()
}

fn numeric(info: &ExactNumberInfo) -> ColumnType {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (0, 0),
        ExactNumberInfo::Precision(p) => (*p, 0),
        ExactNumberInfo::PrecisionAndScale(p, s) => (*p, (*s).max(0) as u64),
    };
    ColumnType::Numeric { precision: precision.min(38) as u8, scale: scale.min(38) as u8 }
}

fn marked(data_type: DataType, mark: &str) -> Field {
    let metadata = [(PG_TYPE.to_string(), mark.to_string())].into();
    Field::new("", data_type, true).with_metadata(metadata)
}

fn custom(name: &str) -> Option<Field> {
    use ColumnType::*;
    Some(match name {
        "oid" => marked(DataType::Int64, "oid"),
        "xid" => marked(DataType::Int64, "xid"),
        other if REGISTERED.contains(&other) => marked(DataType::Int64, other),
        "name" => marked(DataType::Utf8, "name"),
        "char" => marked(DataType::Utf8, "char"),
        "text" | "cstring" | "sql_identifier" | "character_data" | "yes_or_no" => {
            types::field("", Text)
        }
        "int2" => types::field("", Int2),
        "int4" | "cardinal_number" => types::field("", Int4),
        "int8" => types::field("", Int8),
        "bool" => types::field("", Bool),
        "float4" => types::field("", Float4),
        "float8" => types::field("", Float8),
        "varchar" => types::field("", Varchar(None)),
        "numeric" => types::field("", Numeric { precision: 0, scale: 0 }),
        "timestamptz" => types::field("", Timestamptz),
        "timestamp" => types::field("", Timestamp),
        "date" => types::field("", Date),
        "uuid" => types::field("", Uuid),
        "json" => marked(DataType::Utf8, "json"),
        "jsonb" => types::field("", Jsonb),
        "bytea" => types::field("", Bytea),
        "int2vector" | "oidvector" => types::field("", Int8Array),
        _ => return None,
    })
}

/// Gives every expression of a plan PostgreSQL's meaning.
pub(crate) fn apply(plan: LogicalPlan, _: &SessionState) -> Result<LogicalPlan> {
    let node = |plan: LogicalPlan| {
        let plan = counted_limit(plan)?;
        let schema = input_schema(&plan)?;
        let names = NamePreserver::new(&plan);
        let one = |expr: Expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|e| marked_json(e, &schema))?.data;
            let expr = expr.transform_down(|e| searched(e, &schema))?.data;
            let new = expr.transform_up(|e| meaning(e, &schema))?;
            Ok(new.update_data(|e| name.restore(e)))
        };
        let each = |expr: Expr| match expr {
            // The columns are those of the sets.
            Expr::GroupingSet(sets) => {
                let sets = match sets {
                    GroupingSet::Rollup(set) => GroupingSet::Rollup(each_of(set, &one)?),
                    GroupingSet::Cube(set) => GroupingSet::Cube(each_of(set, &one)?),
                    GroupingSet::GroupingSets(sets) => {
                        let sets = sets.into_iter().map(|set| each_of(set, &one));
                        GroupingSet::GroupingSets(sets.collect::<Result<_>>()?)
                    }
                };
                Ok(Transformed::yes(Expr::GroupingSet(sets)))
            }
            expr => one(expr),
        };
        let new = plan.map_expressions(each)?;
        new.map_data(numbers::reconciled)
    };
    Ok(plan.transform_up_with_subqueries(node)?.data)
}

fn each_of(exprs: Vec<Expr>, of: &impl Fn(Expr) -> Result<Transformed<Expr>>) -> Result<Vec<Expr>> {
    exprs.into_iter().map(|expr| Ok(of(expr)?.data)).collect()
}

/// Parameters of LIMIT and OFFSET are numbers.
fn counted_limit(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !matches!(plan, LogicalPlan::Limit(_)) {
        return Ok(plan);
    }
    let number = |expr: Expr| match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Some(Arc::new(types::field("", ColumnType::Int8)));
            Ok(Transformed::yes(Expr::Placeholder(Placeholder { id, field })))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.map_expressions(|expr| expr.transform_up(number))?.data)
}

/// The columns that a node's expressions may name.
fn input_schema(plan: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = plan {
        let source = scan.source.schema();
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &source)?);
    }
    Ok(schema)
}

/// COALESCE and CASE of json are json: DataFusion loses the mark.
fn marked_json(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mark = match &expr {
        Expr::ScalarFunction(call)
            if matches!(call.name(), "coalesce" | "nullif" | "greatest" | "least") =>
        {
            json_of(&call.args, schema)?
        }
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then);
            let results = results.chain(&case.else_expr).map(|e| e.as_ref().clone());
            json_of(&results.collect::<Vec<_>>(), schema)?
        }
        _ => None,
    };
    Ok(match mark {
        Some(function) => Transformed::yes(call(function, vec![expr])),
        None => Transformed::no(expr),
    })
}

/// What marks a value as the json that one of these is.
fn json_of(values: &[Expr], schema: &DFSchema) -> Result<Option<&'static str>> {
    for value in values {
        if matches!(value, Expr::Placeholder(_) | Expr::Literal(..)) {
            continue;
        }
        match types::mark(&value.to_field(schema)?.1) {
            Some("jsonb") => return Ok(Some("aeriedb_as_jsonb")),
            Some("json") => return Ok(Some("aeriedb_as_json")),
            _ => {}
        }
    }
    Ok(None)
}

/// Functions by the types of their arguments.
fn searched(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = expr else { return Ok(Transformed::no(expr)) };
    Ok(Transformed::yes(functions::pick(call, schema)?))
}

fn meaning(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Some(Arc::new(types::field("", ColumnType::Text)));
            Ok(Transformed::yes(Expr::Placeholder(Placeholder { id, field })))
        }
        Expr::BinaryExpr(binary) => operands(binary, schema),
        Expr::InList(list) => members(list, schema),
        Expr::Between(between) => bounds(between, schema),
        Expr::Cast(cast) => casted(cast, schema),
        Expr::ScalarSubquery(_) => {
            let (_, field) = expr.to_field(schema)?;
            match field.metadata().is_empty() {
                true => Ok(Transformed::no(expr)),
                false => Ok(Transformed::yes(functions::marked(expr, &field))),
            }
        }
        Expr::InSubquery(search) => searched_in(search, schema),
        Expr::ScalarFunction(call) => called(call, schema),
        Expr::AggregateFunction(call) => {
            let call = numbers::groups::aggregate(call, schema);
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        Expr::WindowFunction(call) => {
            let call = numbers::groups::window(*call, schema);
            Ok(Transformed::yes(Expr::from(call)))
        }
        Expr::Case(case) => {
            if case.expr.is_none() {
                for (when, _) in &case.when_then_expr {
                    must_be_boolean(when, "CASE/WHEN", schema)?;
                }
            }
            Ok(Transformed::yes(Expr::Case(numbers::case(case, schema)?)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// `x IN (SELECT ..)` of numerics.
fn searched_in(search: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let InSubquery { expr, subquery, negated } = search;
    let inner = subquery.subquery.schema();
    let found = match &inner.columns()[..] {
        [only] => Some(Expr::Column(only.clone())),
        _ => None,
    };
    let numeric = |expr: &Expr, schema| numbers::is_numeric(expr, schema);
    let needed = |column: &Expr| numeric(&expr, schema) || numeric(column, inner);
    let Some(column) = found.filter(needed) else {
        let search = InSubquery { expr, subquery, negated };
        return Ok(Transformed::no(Expr::InSubquery(search)));
    };
    let plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let plan = plan.project([numbers::key(column)])?.build()?;
    let subquery = Subquery { subquery: Arc::new(plan), ..subquery };
    let expr = Box::new(numbers::key(*expr));
    Ok(Transformed::yes(Expr::InSubquery(InSubquery { expr, subquery, negated })))
}

/// Functions that stand for something else once the types of their arguments are known.
fn called(function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let new = match function.name() {
        "coalesce" => {
            let args = numbers::unified(function.args.clone(), schema)?;
            let own = datafusion::functions::core::coalesce();
            Some(Expr::ScalarFunction(ScalarFunction::new_udf(own, args)))
        }
        "nullif" => Some(match numbers::nullif(&function.args, schema)? {
            Some(case) => case,
            None => {
                let own = datafusion::functions::core::nullif();
                Expr::ScalarFunction(ScalarFunction::new_udf(own, function.args.clone()))
            }
        }),
        name => numbers::restored(name, &function.args, schema),
    };
    Ok(new.map_or_else(|| Transformed::no(Expr::ScalarFunction(function)), Transformed::yes))
}

fn must_be_boolean(expr: &Expr, what: &str, schema: &DFSchema) -> Result<()> {
    let (_, field) = expr.to_field(schema)?;
    if matches!(field.data_type(), DataType::Boolean | DataType::Null) {
        return Ok(());
    }
    let name = types::type_name(&field);
    let message = format!("argument of {what} must be type boolean, not type {name}");
    Err(external(SqlError::new("42804", message)))
}

fn is_text(field: &Field) -> bool {
    let string =
        matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    string && !matches!(types::mark(field), Some("jsonb" | "geojson" | "json"))
}

fn is_json(field: &Field) -> bool {
    matches!(types::mark(field), Some("jsonb" | "geojson" | "json"))
}

fn is_jsonb(field: &Field) -> bool {
    matches!(types::mark(field), Some("jsonb" | "geojson"))
}

fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) => {
            let mark = metadata.as_ref().and_then(|m| m.inner().get(PG_TYPE));
            mark.is_none_or(|mark| !mark.starts_with("json")).then_some(text)
        }
        _ => None,
    }
}

/// The literal as a value of the type that it meets.
fn adapted(literal: Expr, other: &Expr, schema: &DFSchema) -> Result<Expr> {
    let Some(text) = literal_text(&literal) else { return Ok(literal) };
    if matches!(other, Expr::Placeholder(_)) {
        return Ok(literal);
    }
    let (_, field) = other.to_field(schema)?;
    if is_text(&field) || field.data_type() == &DataType::Null {
        return Ok(literal);
    }
    if let Some(kind) = types::registered(&field) {
        return Ok(call(&format!("aeriedb_{kind}"), vec![literal]));
    }
    Ok(Expr::Literal(text_scalar(text, &field).map_err(external)?, None))
}

fn operands(binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    use Operator::*;
    let compares = matches!(
        binary.op,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    );
    let counts = matches!(binary.op, Plus | Minus | Multiply | Divide | Modulo);
    if binary.op == BitwiseXor && !binary.left.is_volatile() && !binary.right.is_volatile() {
        return Ok(Transformed::yes(exclusive_or(binary, schema)?));
    }
    if !compares && !counts {
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    }
    let BinaryExpr { left, op, right } = binary;
    if let Some(new) = numbers::binary(&left, op, &right, schema)? {
        return Ok(Transformed::yes(new));
    }
    let texts = (literal_text(&left).is_some(), literal_text(&right).is_some());
    let (left, right) = match texts {
        (true, false) => {
            let left = adapted(*left, &right, schema)?;
            (left, *right)
        }
        (false, true) => {
            let right = adapted(*right, &left, schema)?;
            (*left, right)
        }
        _ => (*left, *right),
    };
    check_operands(&left, op, &right, counts, schema)?;
    let binary = BinaryExpr { left: Box::new(left), op, right: Box::new(right) };
    Ok(Transformed::yes(Expr::BinaryExpr(binary)))
}

/// `a # b` as `(a | b) - (a & b)`, which never overflows: DataFusion's simplifier takes `x # x` for 0
/// and `x # y # x` for `y`, also where x is NULL.
fn exclusive_or(binary: BinaryExpr, schema: &DFSchema) -> Result<Expr> {
    let BinaryExpr { left, right, .. } = binary;
    let bits = |op| Expr::BinaryExpr(BinaryExpr::new(left.clone(), op, right.clone()));
    let (either, both) = (bits(Operator::BitwiseOr), bits(Operator::BitwiseAnd));
    let new = numbers::binary(&either, Operator::Minus, &both, schema)?;
    Ok(new.unwrap_or_else(|| either - both))
}

/// PostgreSQL has no operator between text and a number.
fn check_operands(
    left: &Expr,
    op: Operator,
    right: &Expr,
    counts: bool,
    schema: &DFSchema,
) -> Result<()> {
    let ((_, l), (_, r)) = (left.to_field(schema)?, right.to_field(schema)?);
    let text_and_number =
        is_text(&l) && r.data_type().is_numeric() || is_text(&r) && l.data_type().is_numeric();
    if text_and_number && counts {
        let (l, r) = (types::type_name(&l), types::type_name(&r));
        let message = format!("operator does not exist: {l} {op} {r}");
        return Err(external(SqlError::new("42883", message).hint("cast one of the operands")));
    }
    Ok(())
}

fn members(list: InList, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Some(new) = numbers::in_list(&list, schema)? {
        return Ok(Transformed::yes(new));
    }
    let InList { expr, list, negated } = list;
    let list = list.into_iter().map(|item| adapted(item, &expr, schema));
    let list = list.collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(Expr::InList(InList { expr, list, negated })))
}

fn bounds(between: Between, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Some(new) = numbers::between(&between, schema)? {
        return Ok(Transformed::yes(new));
    }
    let Between { expr, negated, low, high } = between;
    let low = Box::new(adapted(*low, &expr, schema)?);
    let high = Box::new(adapted(*high, &expr, schema)?);
    Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
}

/// A cast with PostgreSQL's rounding and texts.
fn casted(cast: Cast, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (_, from) = cast.expr.to_field(schema)?;
    let to = cast.field.data_type().clone();
    if let Some(text) = literal_text(&cast.expr)
        && !is_text(&cast.field)
        && !matches!(to, DataType::Duration(_))
    {
        let scalar = text_scalar(text, &cast.field).map_err(external)?;
        let literal = Expr::Literal(scalar, Some(cast.field.metadata().clone().into()));
        return Ok(Transformed::yes(literal));
    }
    let (cast, from) = match is_json(&from) && to != DataType::Utf8 {
        true => {
            let name = ScalarValue::Utf8(Some(types::type_name(&cast.field)));
            let args = vec![*cast.expr, Expr::Literal(name, None)];
            let expr = Box::new(call("aeriedb_json_scalar", args));
            let text = Arc::new(types::field("", ColumnType::Text));
            (Cast { expr, field: cast.field }, text)
        }
        false => (cast, from),
    };
    let mark = types::mark(&cast.field);
    if let Some(new) = numbers::cast(&cast.expr, &from, &cast.field)? {
        return Ok(Transformed::yes(new));
    }
    let inner = *cast.expr;
    let new = match (from.data_type(), &to) {
        (DataType::Null, _) => None,
        (_, DataType::Utf8) if mark == Some("jsonb") && !is_jsonb(&from) => {
            Some(call("aeriedb_jsonb", vec![inner.clone()]))
        }
        (DataType::LargeBinary, DataType::Utf8) => Some(call("aeriedb_text", vec![inner.clone()])),
        (from_type, DataType::Int64) if mark == Some("oid") && from_type.is_integer() => {
            Some(call("aeriedb_oid", vec![inner.clone()]))
        }
        (DataType::Int64, DataType::Int64) if mark.is_none() && types::mark(&from).is_some() => {
            Some(call("aeriedb_int8", vec![inner.clone()]))
        }
        (_, DataType::Utf8) if mark == Some("json") => {
            Some(call("aeriedb_as_json", vec![inner.clone()]))
        }
        (DataType::Utf8, t) if input_function(t).is_some() => {
            input_function(t).map(|name| call(name, vec![inner.clone()]))
        }
        (from_type, DataType::Utf8) if mark != Some("jsonb") => {
            let text = match from_type {
                _ if types::registered(&from).is_some() => {
                    call("aeriedb_reg_text", vec![inner.clone()])
                }
                DataType::Utf8 if is_json(&from) => call("aeriedb_text", vec![inner.clone()]),
                DataType::Utf8 => inner.clone(),
                _ => call("aeriedb_text", vec![inner.clone()]),
            };
            match types::field_typmod(&cast.field) {
                n if n > 4 => Some(call(
                    "aeriedb_left",
                    vec![text, Expr::Literal(ScalarValue::Int64(Some(i64::from(n) - 4)), None)],
                )),
                _ => Some(text),
            }
        }
        (DataType::Utf8, DataType::Binary) => Some(call("aeriedb_bytea", vec![inner.clone()])),
        (DataType::Utf8, DataType::FixedSizeBinary(16)) => {
            Some(call("aeriedb_uuid", vec![inner.clone()]))
        }
        _ => None,
    };
    let changed = new.is_some();
    let expr = Box::new(new.unwrap_or(inner));
    let cast = Expr::Cast(Cast { expr, field: cast.field });
    Ok(if changed { Transformed::yes(cast) } else { Transformed::no(cast) })
}

/// What reads a moment or a span of text as PostgreSQL does.
fn input_function(t: &DataType) -> Option<&'static str> {
    Some(match t {
        DataType::Interval(_) => "aeriedb_interval",
        DataType::Date32 => "aeriedb_date",
        DataType::Time64(_) => "aeriedb_time",
        DataType::Timestamp(_, None) => "aeriedb_timestamp",
        DataType::Timestamp(_, Some(_)) => "aeriedb_timestamptz",
        _ => return None,
    })
}

fn bad_syntax(field: &Field, text: &str) -> SqlError {
    let sqlstate = match field.data_type() {
        DataType::Date32 | DataType::Timestamp(_, _) => "22007",
        _ => "22P02",
    };
    let name = types::type_name(field);
    SqlError::new(sqlstate, format!("invalid input syntax for type {name}: \"{text}\""))
}

/// A text, read as a value of the field's type.
pub(crate) fn text_scalar(text: &str, field: &Field) -> SqlResult<ScalarValue> {
    let bad = || bad_syntax(field, text);
    let trimmed = text.trim();
    Ok(match field.data_type() {
        DataType::Utf8
        | DataType::Interval(_)
        | DataType::List(_)
        | DataType::Date32
        | DataType::Time64(_)
        | DataType::Timestamp(_, _) => {
            let kind = functions::type_of(field, false);
            let value = sql::functions::Datum::parse(&kind, text)?;
            let array = functions::array_of(&kind, &[value]).map_err(sql_error)?;
            ScalarValue::try_from_array(&array, 0).map_err(sql_error)?
        }
        DataType::Boolean => ScalarValue::Boolean(Some(boolean(trimmed).ok_or_else(bad)?)),
        t if t.is_integer() => {
            let number: i128 = trimmed.parse().map_err(|_| bad())?;
            let out = || {
                let name = types::type_name(field);
                let message = format!("value \"{trimmed}\" is out of range for type {name}");
                SqlError::new("22003", message)
            };
            let number = i64::try_from(number).map_err(|_| out())?;
            ScalarValue::Int64(Some(number)).cast_to(t).map_err(|_| out())?
        }
        DataType::Float64 => ScalarValue::Float64(Some(trimmed.parse().map_err(|_| bad())?)),
        DataType::Float32 => ScalarValue::Float32(Some(trimmed.parse().map_err(|_| bad())?)),
        DataType::Binary => {
            let bytes = parse_bytea(text).ok_or_else(|| {
                SqlError::new("22023", format!("invalid hexadecimal data: \"{text}\""))
            })?;
            ScalarValue::Binary(Some(bytes))
        }
        DataType::FixedSizeBinary(16) => {
            let bytes = parse_uuid(text).ok_or_else(bad)?;
            ScalarValue::FixedSizeBinary(16, Some(bytes.to_vec()))
        }
        DataType::LargeBinary => {
            let (precision, scale) = types::numeric_limits(field).unwrap_or((0, 0));
            let number = Numeric::parse(text, precision, scale)?;
            ScalarValue::LargeBinary(Some(numbers::encoded(&number)))
        }
        _ => by_arrow(trimmed, field).ok_or_else(bad)?,
    })
}

fn by_arrow(text: &str, field: &Field) -> Option<ScalarValue> {
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(&array, field.data_type(), &options).ok()?;
    ScalarValue::try_from_array(&array, 0).ok()
}

/// PostgreSQL's words for true and false, and their beginnings.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str| !text.is_empty() && word.starts_with(&text);
    match &*text {
        "1" | "on" => Some(true),
        "0" | "of" | "off" => Some(false),
        _ if begins("true") || begins("yes") => Some(true),
        _ if begins("false") || begins("no") => Some(false),
        _ => None,
    }
}

/// Types of `$1..`: what the plan makes of them, else what the client declared, else text. The plan
/// may have lost some on the way here.
pub(crate) fn param_types(
    plan: &LogicalPlan,
    declared: &[Option<ColumnType>],
) -> Result<Vec<Option<ColumnType>>> {
    let mut types = declared.to_vec();
    for (id, field) in plan.get_parameter_fields()? {
        let number: usize = id.trim_start_matches('$').parse().unwrap_or(1);
        if types.len() < number {
            types.resize(number, None);
        }
        if let Some(field) = field {
            types[number - 1] = Some(types::column_type(&field));
        }
    }
    Ok(types.into_iter().map(|t| t.or(Some(ColumnType::Text))).collect())
}

/// The plan with columns of those Arrow types only that the wire knows.
pub(crate) fn wire_types(plan: LogicalPlan) -> Result<LogicalPlan> {
    let schema = plan.schema().clone();
    let plain = |field: &FieldRef| {
        wire_type(field.data_type()).is_none() && types::registered(field).is_none()
    };
    if schema.fields().iter().all(plain) {
        return Ok(plan);
    }
    let columns = schema.columns();
    let items = columns.into_iter().zip(schema.fields()).map(|(column, field)| {
        let relation = column.relation.clone();
        let expr = Expr::Column(column);
        let new = match wire_type(field.data_type()) {
            None if types::registered(field).is_some() => call("aeriedb_reg_wire", vec![expr]),
            None => return expr,
            Some(DataType::LargeBinary) => call("aeriedb_numeric", vec![expr]),
            Some(wanted) => Expr::Cast(Cast::new(Box::new(expr), wanted)),
        };
        new.alias_qualified(relation, field.name())
    });
    LogicalPlanBuilder::from(plan).project(items.collect::<Vec<_>>())?.build()
}

fn wire_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(unit, zone) if *unit != TimeUnit::Microsecond => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        t if t.is_decimal() => DataType::LargeBinary,
        DataType::Dictionary(_, value) => wire_type(value).unwrap_or((**value).clone()),
        DataType::List(item) | DataType::LargeList(item) => {
            let inner = wire_type(item.data_type());
            if inner.is_none() && matches!(data_type, DataType::List(_)) {
                return None;
            }
            let inner = inner.unwrap_or_else(|| item.data_type().clone());
            DataType::List(Arc::new(Field::new_list_field(inner, true)))
        }
        _ => return None,
    })
}
