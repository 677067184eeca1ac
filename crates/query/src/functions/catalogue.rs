//! Functions about what stands in the catalogue: who may be seen without a schema, how functions are
//! declared.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility};

use super::{Returns, add as add_function, each_number, null_text, numbers, text_type, text_value};
use crate::catalog::{self, routines};
use crate::session::Context;

pub(super) fn add(list: &mut Vec<Arc<ScalarUDF>>) {
    use Volatility::{Immutable, Stable};
    let of = |data_type| Returns::Fixed(data_type, None);
    let name = || Returns::Fixed(DataType::Utf8, Some("name"));
    add_function(list, "pg_table_is_visible", Stable, of(DataType::Boolean), |args| {
        let context = Context::of(&args.config_options)?;
        let visible = |oid: Option<i64>| catalog::registered::is_visible(oid?, context);
        let oids = numbers(args, 0)?;
        let answers: BooleanArray = oids.as_primitive::<Int64Type>().iter().map(visible).collect();
        Ok(ColumnarValue::Array(Arc::new(answers)))
    });
    for function in [
        "pg_opfamily_is_visible",
        "pg_ts_dict_is_visible",
        "pg_ts_parser_is_visible",
        "pg_ts_template_is_visible",
    ] {
        add_function(list, function, Immutable, of(DataType::Boolean), super::yes);
    }
    add_function(list, "pg_get_userbyid", Stable, name(), |args| {
        let user = Context::of(&args.config_options)?.session.user.clone();
        each_number(args, |oid| {
            Some(match oid == i64::from(catalog::OWNER_OID) {
                true => user.clone(),
                false => format!("unknown (OID={oid})"),
            })
        })
    });
    for function in ["getdatabaseencoding", "pg_client_encoding"] {
        add_function(list, function, Immutable, name(), |_| text_value("UTF8"));
    }
    for function in ["pg_get_function_arguments", "pg_get_function_identity_arguments"] {
        add_function(list, function, Immutable, text_type(), |args| {
            each_number(args, routines::arguments)
        });
    }
    add_function(list, "pg_get_function_result", Immutable, text_type(), |args| {
        each_number(args, routines::result)
    });
    add_function(list, "pg_get_functiondef", Immutable, text_type(), |args| {
        each_number(args, routines::definition)
    });
    // The one tablespace is where the database is.
    add_function(list, "pg_tablespace_location", Immutable, text_type(), |_| text_value(""));
    add_function(list, "pg_get_function_sqlbody", Immutable, text_type(), null_text);
    for function in ["txid_current_if_assigned", "pg_current_xact_id_if_assigned"] {
        add_function(list, function, Stable, of(DataType::Int64), |_| {
            Ok(ColumnarValue::Scalar(ScalarValue::Int64(None)))
        });
    }
    add_function(list, "pg_tablespace_size", Stable, of(DataType::Int64), |_| {
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(0))))
    });
    let pids = Returns::Fixed(DataType::new_list(DataType::Int32, true), None);
    add_function(list, "pg_blocking_pids", Stable, pids, |_| {
        let none = ScalarValue::new_list_nullable(&[], &DataType::Int32);
        Ok(ColumnarValue::Scalar(ScalarValue::List(none)))
    });
}
