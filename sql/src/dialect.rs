//! PostgreSQL's dialect, with a bound on how often sqlparser may try again.
//!
//! Where a word may begin a special form or be a name (`position(..)`, `CASE`), sqlparser tries one
//! and then the other. A mistake inside such forms that stand in each other makes it try two ways on
//! every level: sixty levels would take for ever. So words that PostgreSQL reserves are no names
//! here, and what is left is counted: [`Bounded`] ends the parser once it has begun far more
//! expressions than the statement has tokens.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};

/// Expressions that may be begun for each token. One begins at most once at a token unless something
/// was tried in vain; ten forms in each other with a mistake inside take two hundred.
const TRIES_PER_TOKEN: usize = 200;

/// The dialect of one statement's parser.
#[derive(Debug)]
pub(crate) struct Bounded {
    postgres: PostgreSqlDialect,
    tries_left: Cell<usize>,
    /// The token furthest behind at which an expression began.
    furthest: Cell<usize>,
}

impl Bounded {
    /// For a statement of so many tokens.
    pub(crate) fn new(tokens: usize) -> Bounded {
        let tries_left = Cell::new(TRIES_PER_TOKEN * (tokens + 1));
        Bounded { postgres: PostgreSqlDialect {}, tries_left, furthest: Cell::new(0) }
    }

    /// The token around which the parser gave up, if it did.
    pub(crate) fn gave_up(&self) -> Option<usize> {
        (self.tries_left.get() == 0).then(|| self.furthest.get())
    }
}

/// Methods that are PostgreSQL's as they are.
macro_rules! as_postgres {
    ($($name:ident),+ $(,)?) => {
        $(fn $name(&self) -> bool {
            self.postgres.$name()
        })+
    };
}

impl Dialect for Bounded {
    fn dialect(&self) -> TypeId {
        self.postgres.dialect()
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let left = self.tries_left.get().saturating_sub(1);
        self.tries_left.set(left);
        self.furthest.set(self.furthest.get().max(parser.index()));
        (left == 0).then_some(Err(ParserError::RecursionLimitExceeded))
    }

    fn is_reserved_for_identifier(&self, word: Keyword) -> bool {
        use Keyword::{ARRAY, CASE, CAST, FALSE, NOT, NULL, TRUE};
        matches!(word, ARRAY | CASE | CAST | FALSE | NOT | NULL | TRUE)
            || self.postgres.is_reserved_for_identifier(word)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.postgres.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        self.postgres.is_delimited_identifier_start(c)
    }

    fn is_identifier_start(&self, c: char) -> bool {
        self.postgres.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        self.postgres.is_identifier_part(c)
    }

    fn is_custom_operator_part(&self, c: char) -> bool {
        self.postgres.is_custom_operator_part(c)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        self.postgres.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        self.postgres.prec_value(precedence)
    }

    as_postgres! {
        supports_unicode_string_literal,
        supports_filter_during_aggregation,
        supports_group_by_expr,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_create_index_with_clause,
        supports_explain_with_utility_options,
        supports_listen_notify,
        supports_factorial_operator,
        supports_bitwise_shift_operators,
        supports_comment_on,
        supports_load_extension,
        supports_named_fn_args_with_colon_operator,
        supports_named_fn_args_with_expr_name,
        supports_empty_projections,
        supports_nested_comments,
        supports_string_escape_constant,
        supports_numeric_literal_underscores,
        supports_array_typedef_with_brackets,
        supports_geometric_types,
        supports_set_names,
        supports_alter_column_type_using,
        supports_notnull_operator,
        supports_interval_options,
        supports_insert_table_alias,
        supports_create_table_like_parenthesized,
        supports_select_wildcard_with_alias,
        supports_comma_separated_trim,
        supports_xml_expressions,
        supports_comment_optimizer_hint,
    }
}
