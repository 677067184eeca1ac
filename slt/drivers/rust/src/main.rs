//! tokio-postgres and sqlx against the server of PGHOST, PGPORT, PGDATABASE, PGUSER: `drivers NAME`.

mod sqlx_driver;
mod tokio_postgres_driver;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What a check gives: nothing, or why it failed.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
/// A check by name.
pub type Check = (&'static str, fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>>);

/// A check that hangs ends after this long.
const LIMIT: Duration = Duration::from_secs(120);

/// The columns of every type that all drivers' checks share.
pub const COLUMNS: &str = include_str!("../../columns.sql");

/// Statements over a table `{t}` (id int8 primary key, n int8, small int2) that holds id 1, and the
/// SQLSTATE of each; the same as in `checks.py`.
pub const ERRORS: [(&str, &str); 8] = [
    ("SELEC 1", "42601"),
    ("SELECT * FROM {t}_nosuch", "42P01"),
    ("SELECT nosuch FROM {t} WHERE id = 1", "42703"),
    ("INSERT INTO {t} (id) VALUES (1)", "23505"),
    ("SELECT * FROM {t} WHERE id = 'one'", "22P02"),
    ("INSERT INTO {t} (id, small) VALUES (9, 70000)", "22003"),
    ("SELECT 1 / 0", "22012"),
    ("SELECT n / (n - n) FROM {t} WHERE id = 1", "22012"),
];

#[macro_export]
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        pub const CHECKS: &[$crate::Check] = &[$((stringify!($name), || Box::pin($name()))),*];
    };
}

/// Where the server is.
pub fn server(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

#[tokio::main]
async fn main() {
    let driver = std::env::args().nth(1).unwrap_or_default();
    let checks = match driver.as_str() {
        "tokio-postgres" => tokio_postgres_driver::CHECKS,
        "sqlx" => sqlx_driver::CHECKS,
        other => panic!("no driver is called {other:?}: tokio-postgres or sqlx"),
    };
    let mut failed = 0;
    for (name, check) in checks {
        let outcome = match tokio::time::timeout(LIMIT, tokio::spawn(check())).await {
            Err(_) => Err("it hangs".to_string()),
            Ok(Err(panic)) => Err(panic.to_string()),
            Ok(Ok(outcome)) => outcome.map_err(|error| format!("{error:?}")),
        };
        if let Err(why) = outcome {
            failed += 1;
            println!("---- {driver}: {name}\n{why}");
        }
    }
    println!("{driver}: {} passed, {failed} failed", checks.len() - failed);
    std::process::exit(failed.min(100) as i32);
}
