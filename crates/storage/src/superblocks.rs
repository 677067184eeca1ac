//! The superblocks of all devices of a storage: read together, checked against each other and
//! against what was configured, written together.

use std::sync::Arc;

use model::{Error, ErrorKind, Result};

use crate::Options;
use crate::block::{self, Found, Superblock};
use crate::device::Device;

/// Reads the superblocks, formats empty devices, and writes that the storage was opened once more.
pub(crate) fn open(devices: &[Arc<dyn Device>], options: &Options) -> Result<Superblock> {
    if devices.is_empty() {
        let detail = format!("namespace {} has no device; name at least one", options.namespace);
        return Err(Error::new(ErrorKind::Parameter, detail));
    }
    let mut found = Vec::new();
    for device in devices {
        found.push(match Superblock::read(&**device)? {
            Found::Nothing => None,
            Found::Superblock(superblock) => Some(superblock),
        });
    }
    let first = found.iter().flatten().max_by_key(|s| s.opened).cloned();
    let mut superblock = first.unwrap_or_else(|| Superblock {
        storage_id: options.storage_id,
        opened: 0,
        block_size: options.block_size,
        clean: false,
        device: 0,
        devices: devices.len() as u16,
        namespace: options.namespace.clone(),
    });
    check_superblock(devices, &found, &superblock, options)?;
    if found.contains(&None) {
        format(devices, &superblock)?;
    }
    let (opened, clean) = (superblock.opened, superblock.clean);
    tracing::info!(namespace = options.namespace, opened, clean, "opening storage");
    superblock.opened += 1;
    superblock.clean = false;
    write(devices, &superblock)?;
    Ok(superblock)
}

fn check_superblock(
    devices: &[Arc<dyn Device>],
    found: &[Option<Superblock>],
    expected: &Superblock,
    options: &Options,
) -> Result<()> {
    let refuse = |device: &Arc<dyn Device>, what: String| {
        Err(Error::new(ErrorKind::Parameter, format!("{} {what}", device.name())))
    };
    if expected.namespace != options.namespace {
        let what = format!(
            "holds namespace {}, not {}; name another device, or correct the namespace",
            expected.namespace, options.namespace
        );
        return refuse(&devices[0], what);
    }
    if expected.block_size != options.block_size {
        let what = format!(
            "was formatted with write blocks of {} bytes, not {}; correct write-block-size",
            expected.block_size, options.block_size
        );
        return refuse(&devices[0], what);
    }
    for (i, (device, found)) in devices.iter().zip(found).enumerate() {
        let Some(found) = found else {
            // Before its first opening a storage may be half formatted; later a device has data.
            if expected.opened > 0 {
                let what = "is empty, but other devices of the namespace have data; name the \
                            device that was there before";
                return refuse(device, what.to_string());
            }
            continue;
        };
        let belongs = (found.storage_id, found.devices) == (expected.storage_id, expected.devices);
        if !belongs || usize::from(found.device) != i || devices.len() != usize::from(found.devices)
        {
            let what = format!(
                "is device {} of {} of a storage, here it is given as {} of {}; name all devices \
                 of the namespace in the order in which they were formatted",
                found.device + 1,
                found.devices,
                i + 1,
                devices.len()
            );
            return refuse(device, what);
        }
    }
    Ok(())
}

/// Makes room for superblock and first block, and writes superblocks of a storage never opened.
fn format(devices: &[Arc<dyn Device>], superblock: &Superblock) -> Result<()> {
    let needed = 2 * u64::from(superblock.block_size);
    for device in devices {
        if device.capacity() < needed {
            let detail = format!(
                "{} may have {} bytes, two write blocks need {needed}; raise its size or lower \
                 write-block-size",
                device.name(),
                device.capacity()
            );
            return Err(Error::new(ErrorKind::Parameter, detail));
        }
        block::check_unused(&**device, u64::from(superblock.block_size))?;
        device.grow(needed)?;
    }
    write(devices, superblock)
}

pub(crate) fn write(devices: &[Arc<dyn Device>], superblock: &Superblock) -> Result<()> {
    for (i, device) in devices.iter().enumerate() {
        Superblock { device: i as u16, ..superblock.clone() }.write(&**device)?;
    }
    Ok(())
}
