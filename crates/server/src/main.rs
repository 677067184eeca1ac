//! `aerie`: the daemon, its configuration tools and its demonstration.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use server::config::flags::{Args, BenchCommand, Command, ConfigCommand, DemoFlags, NodeFlags};
use server::config::{self, HostPort};
use server::daemon::Daemon;
use server::demo;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Some(Command::Config { action }) => configuration(&action),
        Some(Command::Demo(flags)) => block_on(demonstrate(flags)),
        Some(Command::Bench { action }) => measure(&action),
        None => block_on(run(args.node)),
    };
    match done {
        Ok(code) => code,
        Err(message) => {
            eprintln!("aerie: {message}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode, String>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(server::STACK_SIZE)
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))?;
    runtime.block_on(work)
}

fn configuration(action: &ConfigCommand) -> Result<ExitCode, String> {
    match action {
        ConfigCommand::Check { file } => {
            let report = config::check(file);
            print!("{report}");
            return Ok(if report.starts { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ConfigCommand::Sample => print!("{}", config::sample()),
        ConfigCommand::Reference => print!("{}", config::reference()),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(action: &BenchCommand) -> Result<ExitCode, String> {
    log_to_stderr(Some("warn"))?;
    let measured = match action {
        BenchCommand::Engine(args) => bench::run(args),
        BenchCommand::Aerospike(args) => bench::aerospike::run(args),
    };
    measured.map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
}

fn log_to_stderr(filter: Option<&str>) -> Result<(), String> {
    let filter = filter.unwrap_or("info,datafusion=warn");
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| format!("the log filter {filter:?} is not understood: {error}"))?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .init();
    Ok(())
}

async fn run(flags: NodeFlags) -> Result<ExitCode, String> {
    let (config, _) = flags.config().map_err(|error| error.to_string())?;
    log_to_stderr(config.log.as_deref())?;
    let daemon = Daemon::start(&config).await?;
    for address in &daemon.postgres {
        println!("ready: postgres {address}");
    }
    for address in &daemon.aerospike {
        println!("ready: aerospike {address}");
    }
    ended_by_signal().await?;
    daemon.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGTERM or Ctrl-C.
async fn ended_by_signal() -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed.map_err(|error| error.to_string()),
    }
}

async fn demonstrate(flags: DemoFlags) -> Result<ExitCode, String> {
    log_to_stderr(Some("warn"))?;
    let fresh = flags.data.is_none().then(fresh_folder).transpose()?;
    let data = flags.data.as_deref().or(fresh.as_deref()).unwrap_or(".".as_ref());
    let mut config = config::embedded_default(data);
    config.postgres = vec![flags.pg.unwrap_or_else(|| free_address(HostPort::default()))];
    config.aerospike = config.aerospike.into_iter().map(free_address).collect();
    let toured = tour_on(&config, data, flags.exit).await;
    if let Some(folder) = &fresh {
        let removed = std::fs::remove_dir_all(folder);
        removed.map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    toured.map(|()| ExitCode::SUCCESS)
}

/// The default place, or any free port where something listens there: a first look must not fail
/// for that.
fn free_address(default: HostPort) -> HostPort {
    let taken = std::net::TcpListener::bind((default.host.as_str(), default.port)).is_err();
    HostPort::new(&default.host, if taken { 0 } else { default.port })
}

async fn tour_on(
    config: &config::Config,
    data: &std::path::Path,
    exit: bool,
) -> Result<(), String> {
    let daemon = Daemon::start(config).await?;
    let Some(address) = daemon.postgres.first() else {
        return Err("the demo needs an address to listen on".to_string());
    };
    println!("a node of AerieDB on {address}, data in {}", data.display());
    let port = address.port();
    let toured = demo::tour(port).await.map_err(|error| format!("the tour failed: {error}"));
    if toured.is_ok() {
        println!("\nConnect with any PostgreSQL client, or with our own shell:");
        println!("  psql -h 127.0.0.1 -p {port} -d test");
        println!("  cargo run --release -p repl -- -p {port}      # the shell, aql");
        if !exit {
            println!("The node stays up until Ctrl-C.");
            ended_by_signal().await?;
        }
    }
    daemon.stop().await?;
    toured
}

/// A folder of this process alone, for the demo's data.
fn fresh_folder() -> Result<std::path::PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("aerie-demo-{}", std::process::id()));
    std::fs::create_dir(&folder)
        .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    Ok(folder)
}
