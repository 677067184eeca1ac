//! A namespace from its configuration: files and devices opened, records found.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Error, ErrorKind, Result};
use namespace::Namespace;
use storage::{
    BackedMemory, Backend, Device, Direct, FileDevice, FileOptions, MemoryDevice, Storage,
};

use super::now_ms;
use super::progress::Watch;
use crate::config::{Engine, FileSpec, IoBackend, NamespaceConfig};

/// Opens a namespace, and makes the data files that are not there.
pub(super) fn open(config: &NamespaceConfig) -> Result<Namespace> {
    let devices = match &config.engine {
        Engine::Memory { size } => vec![Arc::new(MemoryDevice::new(*size)) as Arc<dyn Device>],
        Engine::Device { files, devices } => {
            let how = file_options(config);
            let files = files.iter().map(|file| open_file(file, &how));
            // A block device has a size of its own.
            let whole = devices.iter().map(|path| open_device(path, 0, &how));
            let opened = files.chain(whole).collect::<Result<Vec<_>>>()?;
            match config.in_memory {
                true => opened
                    .into_iter()
                    .map(|d| device(BackedMemory::open(d)?))
                    .collect::<Result<_>>()?,
                false => opened,
            }
        }
    };
    // Memory keeps every block anyway.
    let in_memory = config.in_memory || matches!(config.engine, Engine::Memory { .. });
    let (recent, often) = match in_memory {
        true => (0, 0),
        false => (config.post_write_cache, config.record_cache),
    };
    let options = namespace::Options {
        name: config.name.clone(),
        storage_engine: if in_memory { "memory" } else { "device" },
        settings: config.settings.clone(),
        replication_factor: config.replication_factor.into(),
        shards_per_partition: config.shards_per_partition,
    };
    let storage_options = storage::Options {
        block_size: config.write_block_size,
        record_size_max: config.settings.record_size_max,
        durability: config.settings.durability,
        compression: config.settings.compression,
        recent_blocks: usize::try_from(recent / u64::from(config.write_block_size))
            .unwrap_or(usize::MAX),
        record_cache_bytes: often,
        ..storage::Options::new(&config.name, new_storage_id())
    };
    Namespace::open(options, now_ms(), |ignore_checkpoint| {
        let options = storage::Options { ignore_checkpoint, ..storage_options.clone() };
        let watch = Watch::new(&config.name);
        Storage::open_watched(devices.clone(), &options, Box::new(move |now| watch.tell(now)))
    })
}

/// Refuses data files that are there: a new namespace never takes over what somebody may need.
pub(super) fn check_new(config: &NamespaceConfig) -> Result<()> {
    match files(config).find(|path| path.exists()) {
        None => Ok(()),
        Some(path) => {
            let path = path.display();
            let detail = format!(
                "the file {path} is there already; move it away, or give another with file = '..'"
            );
            Err(Error::new(ErrorKind::Parameter, detail))
        }
    }
}

/// Deletes the data files of a namespace that is closed. A block device keeps its bytes.
pub(super) fn delete_files(config: &NamespaceConfig) -> Result<()> {
    for path in files(config) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error("cannot delete", path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn files(config: &NamespaceConfig) -> impl Iterator<Item = &PathBuf> {
    let files: &[FileSpec] = match &config.engine {
        Engine::Device { files, .. } => files,
        Engine::Memory { .. } => &[],
    };
    files.iter().map(|file| &file.path)
}

/// A number that no storage has been named before: the time in nanoseconds, and what the process
/// draws at its start.
fn new_storage_id() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let drawn = RandomState::new().hash_one(std::process::id());
    since.as_nanos() << 64 | u128::from(drawn)
}

fn file_options(config: &NamespaceConfig) -> FileOptions {
    FileOptions {
        direct: if config.direct_io { Direct::Auto } else { Direct::Never },
        backend: match config.io_backend {
            IoBackend::Auto => Backend::Auto,
            IoBackend::Uring => Backend::Uring,
            IoBackend::Pool => Backend::Pool,
        },
        ..FileOptions::default()
    }
}

/// How long a file may be in use by a node that is gone: the system ends the io_uring of a process
/// that was killed some 50 ms after the process, seconds on a disk that others keep busy, and only
/// then its locks.
const RELEASE_MAX: Duration = Duration::from_secs(20);

fn open_device(path: &Path, size: u64, how: &FileOptions) -> Result<Arc<dyn Device>> {
    let deadline = Instant::now() + RELEASE_MAX;
    let mut told = false;
    loop {
        match FileDevice::open_with(path, size, how) {
            Err(error) if error.kind == ErrorKind::Forbidden && Instant::now() < deadline => {
                if !std::mem::replace(&mut told, true) {
                    let seconds = RELEASE_MAX.as_secs();
                    tracing::warn!(%error, "waiting up to {seconds} s for its release");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return device(opened?),
        }
    }
}

fn device(device: impl Device + 'static) -> Result<Arc<dyn Device>> {
    Ok(Arc::new(device))
}

fn open_file(file: &FileSpec, how: &FileOptions) -> Result<Arc<dyn Device>> {
    if let Some(folder) = file.path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| io_error("cannot make the folder", folder, &e))?;
    }
    open_device(&file.path, file.size, how)
}

fn io_error(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what} {}: {error}", path.display()))
}
