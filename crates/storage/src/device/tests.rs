//! Every device against a plain array of bytes, and what back ends promise.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};

use model::{Error, ErrorKind, Result};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{Faults, SimDevice};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const BACKENDS: [Backend; 3] = [Backend::Uring, Backend::Pool, Backend::Caller];

/// Every way to open a file that this machine has: on a disk, and in memory, where O_DIRECT means
/// nothing.
fn ways() -> Vec<(FileOptions, TempDir)> {
    let memory = Path::new("/dev/shm");
    let mut ways = Vec::new();
    for backend in BACKENDS {
        for direct in [Direct::Auto, Direct::Never] {
            let options = FileOptions { direct, backend, ..FileOptions::default() };
            ways.push((options.clone(), TempDir::new().unwrap()));
            if memory.is_dir() {
                ways.push((options, TempDir::new_in(memory).unwrap()));
            }
        }
    }
    ways
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// Bytes that tell where they belong.
fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let byte = |i: u64| (seed.wrapping_add(i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    (0..len as u64).map(byte).collect()
}

/// Asks for a read and gives its place and outcome to a channel.
fn read_later(device: &dyn Device, offset: u64, len: usize) -> Receiver<Result<Vec<u8>>> {
    let (tell, told) = channel();
    device.read_later(offset, len, Box::new(move |outcome| tell.send(outcome).unwrap()));
    told
}

fn read_all(device: &dyn Device) -> Vec<u8> {
    let mut bytes = vec![1; device.size() as usize];
    device.read_at(0, &mut bytes).unwrap();
    bytes
}

#[derive(Debug, Clone)]
enum Step {
    Grow(u64),
    /// Offset and length; whether the bytes lie in an aligned buffer.
    Write(u64, usize, bool),
    Read(u64, usize, bool),
    ReadLater(u64, usize),
}

/// Ranges around the multiples of alignments, of a slot and of a piece.
fn range() -> impl Strategy<Value = (u64, usize)> {
    let near = |unit: u64, most: u64| (0..most, 0..3u64).prop_map(move |(n, d)| n * unit + d);
    let offset = prop_oneof![near(4096, 96), near(512, 700), (0..96u64).prop_map(|n| n * 4096)];
    let len = prop_oneof![0..20_000u64, near(4096, 70), (0..4u64).prop_map(|n| n * 4096)];
    (offset, len).prop_map(|(offset, len)| (offset, len as usize))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..400 * KIB).prop_map(Step::Grow),
        4 => (range(), any::<bool>()).prop_map(|((o, l), a)| Step::Write(o, l, a)),
        2 => (range(), any::<bool>()).prop_map(|((o, l), a)| Step::Read(o, l, a)),
        2 => range().prop_map(|(o, l)| Step::ReadLater(o, l)),
    ]
}

/// Runs steps on a device and on a `Vec`.
fn compare(device: &dyn Device, steps: &[Step]) {
    let mut model = vec![0; device.size() as usize];
    for (n, step) in steps.iter().enumerate() {
        let inside = |o: u64, l: usize| o + l as u64 <= device.size();
        match *step {
            Step::Grow(size) => {
                assert_eq!(device.grow(size).is_ok(), size <= device.capacity());
                model.resize(device.size() as usize, 0);
            }
            Step::Write(o, l, aligned) => {
                let bytes = pattern(n as u64, l + 1);
                let written = match aligned {
                    true => device.write_at(o, &AlignedBuf::from(&bytes[1..])),
                    false => device.write_at(o, &bytes[1..]),
                };
                assert_eq!(written.is_ok(), inside(o, l));
                if written.is_ok() {
                    model[o as usize..o as usize + l].copy_from_slice(&bytes[1..]);
                }
            }
            Step::Read(o, l, aligned) => {
                let (mut in_pages, mut shifted) = (AlignedBuf::zeroed(l), vec![0; l + 1]);
                let buf = if aligned { &mut in_pages[..] } else { &mut shifted[1..] };
                assert_eq!(device.read_at(o, buf).is_ok(), inside(o, l));
                if inside(o, l) {
                    assert_eq!(*buf, model[o as usize..o as usize + l]);
                }
            }
            Step::ReadLater(o, l) => {
                let read = read_later(device, o, l).recv().unwrap();
                assert_eq!(read.is_ok(), inside(o, l));
                if let Ok(bytes) = read {
                    assert_eq!(bytes, model[o as usize..o as usize + l]);
                }
            }
        }
    }
    device.sync().unwrap();
    assert_eq!(read_all(device), model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn files_are_arrays_of_bytes(steps in proptest::collection::vec(step(), 1..60)) {
        for (options, folder) in ways() {
            let device = FileDevice::open_with(&data(&folder), 384 * KIB, &options).unwrap();
            compare(&device, &steps);
            let image = read_all(&device);
            drop(device);
            let again = FileDevice::open_with(&data(&folder), 384 * KIB, &options).unwrap();
            assert_eq!(read_all(&again), image);
        }
    }

    #[test]
    fn memory_is_an_array_of_bytes(steps in proptest::collection::vec(step(), 1..60)) {
        compare(&MemoryDevice::new(384 * KIB), &steps);
    }

    #[test]
    fn backed_memory_is_an_array_of_bytes(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = TempDir::new().unwrap();
        let open = || Arc::new(FileDevice::open(&data(&folder), 384 * KIB).unwrap());
        let device = BackedMemory::open(open()).unwrap();
        compare(&device, &steps);
        let image = read_all(&device);
        drop(device);
        let file = open();
        assert_eq!(read_all(&*file), image);
        assert_eq!(read_all(&BackedMemory::open(file).unwrap()), image);
    }
}

#[test]
fn a_file_that_others_made_keeps_its_odd_length() {
    for (options, folder) in ways() {
        let old = pattern(7, 5001);
        std::fs::write(data(&folder), &old).unwrap();
        let device = FileDevice::open_with(&data(&folder), 64 * KIB, &options).unwrap();
        assert_eq!((device.size(), device.capacity()), (5001, 64 * KIB));
        assert_eq!(read_all(&device), old);
        assert!(device.read_at(4096, &mut [0; 906]).is_err());
        assert_eq!(read_later(&device, 4990, 11).recv().unwrap().unwrap(), old[4990..]);
        device.write_at(4990, &[1; 11]).unwrap();
        device.grow(5002).unwrap();
        assert_eq!(device.size(), 64 * KIB);
        let mut expected = old;
        expected[4990..].fill(1);
        expected.resize(64 * KIB as usize, 0);
        assert_eq!(read_all(&device), expected);
    }
}

#[test]
fn growth_goes_by_extents_up_to_the_capacity() {
    let folder = TempDir::new().unwrap();
    let device = FileDevice::open(&data(&folder), 20 * MIB + 1).unwrap();
    assert_eq!((device.size(), device.capacity()), (0, 20 * MIB));
    device.grow(1).unwrap();
    assert_eq!(device.size(), FileDevice::EXTENT);
    device.grow(17 * MIB).unwrap();
    assert_eq!(device.size(), 20 * MIB);
    assert_eq!(std::fs::metadata(data(&folder)).unwrap().len(), 20 * MIB);
    let error = device.grow(20 * MIB + 1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NoSpace);
    assert!(error.to_string().contains("raise its size"), "{error}");
    assert!(read_all(&device).iter().all(|&byte| byte == 0));
}

#[test]
fn a_file_is_opened_once() {
    for (options, folder) in ways() {
        let device = FileDevice::open_with(&data(&folder), MIB, &options).unwrap();
        let error = FileDevice::open_with(&data(&folder), MIB, &options).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert!(error.to_string().contains("in use by another node"), "{error}");
        drop(device);
        FileDevice::open_with(&data(&folder), MIB, &options).unwrap();
    }
}

#[test]
fn devices_say_how_they_work() {
    let folder = TempDir::new().unwrap();
    let open = |backend, direct| {
        let options = FileOptions { backend, direct, ..FileOptions::default() };
        FileDevice::open_with(&data(&folder), MIB, &options).unwrap()
    };
    assert_eq!(open(Backend::Pool, Direct::Never).backend(), "file+pool");
    assert_eq!(open(Backend::Caller, Direct::Never).backend(), "file+caller");
    let auto = open(Backend::Auto, Direct::Never).backend();
    assert!(["file+uring", "file+pool"].contains(&auto), "{auto}");
    let file = Arc::new(open(Backend::Auto, Direct::Auto));
    assert!(file.backend().starts_with(auto) && !file.immediate());
    let backed = BackedMemory::open(file).unwrap();
    assert_eq!((backed.backend(), backed.immediate()), ("memory+file", true));
    let memory: Arc<dyn Device> = Arc::new(MemoryDevice::new(MIB));
    assert_eq!((memory.backend(), memory.immediate()), ("memory", true));
}

/// A device of 2 MiB that is full of its pattern.
fn patterned(folder: &TempDir, options: &FileOptions) -> (Arc<FileDevice>, Vec<u8>) {
    let device = FileDevice::open_with(&data(folder), 2 * MIB, options).unwrap();
    device.grow(2 * MIB).unwrap();
    let bytes = pattern(0, 2 * MIB as usize);
    device.write_at(0, &bytes).unwrap();
    (Arc::new(device), bytes)
}

/// The `n`th of many ranges: most are records, some larger than a slot.
fn scattered(n: u64) -> (u64, usize) {
    let len = if n.is_multiple_of(50) { 100_000 } else { 1 + n % 3000 };
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (2 * MIB - len), len as usize)
}

#[test]
fn many_reads_at_once_get_their_own_bytes() {
    for (mut options, folder) in ways() {
        options.pool_threads = 5;
        let (device, bytes) = patterned(&folder, &options);
        let (tell, told) = channel();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (device, tell) = (&device, tell.clone());
                scope.spawn(move || {
                    for n in (thread..4000).step_by(4) {
                        let ((offset, len), tell) = (scattered(n), tell.clone());
                        let done = move |outcome| tell.send((n, outcome)).unwrap();
                        device.read_later(offset, len, Box::new(done));
                    }
                });
            }
        });
        drop(tell);
        let answers: HashMap<u64, Result<Vec<u8>>> = told.iter().collect();
        assert_eq!(answers.len(), 4000);
        for (n, outcome) in answers {
            let (offset, len) = scattered(n);
            assert!(outcome.unwrap() == bytes[offset as usize..][..len], "read {n}");
        }
    }
}

#[test]
fn a_full_queue_makes_its_callers_read() {
    let folder = TempDir::new().unwrap();
    let options = FileOptions { backend: Backend::Pool, pool_threads: 1, ..FileOptions::default() };
    let (device, bytes) = patterned(&folder, &options);
    let (held, gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (of_thread, gate_of_thread) = (held.clone(), gate.clone());
    let hold = move |_| {
        of_thread.wait();
        gate_of_thread.wait();
    };
    device.read_later(0, 1, Box::new(hold));
    held.wait();
    let waiting: Vec<_> = (0..WAITING_MAX).map(|_| read_later(&*device, 0, 1)).collect();
    // The only thread is held, and still there is an answer.
    assert_eq!(read_later(&*device, 5, 9).recv().unwrap().unwrap(), bytes[5..14]);
    assert!(waiting[0].try_recv().is_err());
    gate.wait();
    assert!(waiting.iter().all(|told| told.recv().unwrap().is_ok()));
}

#[test]
fn failed_reads_are_answered_and_others_go_on() {
    for (options, folder) in ways() {
        let (device, bytes) = patterned(&folder, &options);
        let error = |offset, len| -> Error {
            read_later(&*device, offset, len).recv().unwrap().unwrap_err()
        };
        for (offset, len) in [(2 * MIB - 5, 6), (u64::MAX, 10), (0, usize::MAX)] {
            let error = error(offset, len);
            assert!(error.to_string().contains("beyond the end"), "{error}");
        }
        device.read_later(0, 1, Box::new(|_| panic!("on purpose")));
        // Somebody cuts the file off behind our back.
        let other = std::fs::OpenOptions::new().write(true).open(data(&folder)).unwrap();
        other.set_len(MIB + 100).unwrap();
        for (offset, len) in [(MIB + 99, 2), (MIB + 4096, 10), (MIB - 9, 300_000)] {
            let error = error(offset, len);
            assert_eq!(error.kind, ErrorKind::Io);
            assert!(error.to_string().contains("a read of"), "{error}");
        }
        let read = read_later(&*device, MIB, 100).recv().unwrap().unwrap();
        assert_eq!(read, bytes[MIB as usize..][..100]);
    }
}

#[test]
fn a_dropped_device_answers_and_unlocks() {
    for (options, folder) in ways() {
        let (device, bytes) = patterned(&folder, &options);
        let reads: Vec<_> = (0..1500).map(scattered).collect();
        let waiting: Vec<_> = reads.iter().map(|&(o, l)| read_later(&*device, o, l)).collect();
        drop(device);
        for (told, (offset, len)) in waiting.iter().zip(reads) {
            let read = told.try_recv().expect("an answer before the drop returned");
            assert!(read.unwrap() == bytes[offset as usize..][..len]);
        }
        FileDevice::open_with(&data(&folder), MIB, &options).unwrap();
    }
}

#[test]
fn an_answer_may_be_the_last_owner() {
    for (options, folder) in ways() {
        let (device, _) = patterned(&folder, &options);
        let (tell, told) = channel();
        let owner = device.clone();
        let gate = Arc::new(Barrier::new(2));
        let of_answer = gate.clone();
        let done = move |outcome: Result<Vec<u8>>| {
            of_answer.wait();
            drop(owner);
            tell.send(outcome).unwrap();
        };
        let asked = device.clone();
        let asking = std::thread::spawn(move || {
            asked.read_later(1, 2, Box::new(done));
            drop(asked);
        });
        if options.backend == Backend::Caller {
            drop(device);
            gate.wait();
            asking.join().unwrap();
        } else {
            asking.join().unwrap();
            drop(device);
            gate.wait();
        }
        assert_eq!(told.recv().unwrap().unwrap().len(), 2);
    }
}

#[test]
fn neighbours_in_a_sector_keep_their_bytes() {
    const LEN: usize = 100;
    let (folder, options) = (TempDir::new().unwrap(), FileOptions::default());
    let file = patterned(&folder, &options).0;
    let memory = Arc::new(MemoryDevice::new(MIB));
    memory.grow(1).unwrap();
    let devices: [Arc<dyn Device>; 2] = [file, memory];
    for device in devices {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let device = &device;
                scope.spawn(move || {
                    for n in (thread..200).step_by(4) {
                        device.write_at(n * LEN as u64, &[n as u8; LEN]).unwrap();
                    }
                });
            }
        });
        let mut read = vec![0; 200 * LEN];
        device.read_at(0, &mut read).unwrap();
        assert!(read.chunks(LEN).enumerate().all(|(n, bytes)| bytes == [n as u8; LEN]));
    }
}

#[test]
fn memory_grows_by_huge_pages_up_to_its_capacity() {
    let device = MemoryDevice::new(5 * MIB - 1);
    assert_eq!((device.size(), device.capacity()), (0, 5 * MIB));
    assert!(device.read_at(0, &mut [0]).is_err());
    device.read_at(0, &mut []).unwrap();
    device.grow(1).unwrap();
    assert_eq!(device.size(), 2 * MIB);
    device.grow(5 * MIB).unwrap();
    assert_eq!(device.size(), 5 * MIB);
    device.write_at(5 * MIB - 3, &[9; 3]).unwrap();
    assert!(device.write_at(5 * MIB - 3, &[9; 4]).is_err());
    assert_eq!(device.grow(5 * MIB + 1).unwrap_err().kind, ErrorKind::NoSpace);
    assert_eq!(read_all(&device)[5 * MIB as usize - 4..], [0, 9, 9, 9]);
    // More than there are addresses.
    let endless = MemoryDevice::new(u64::MAX);
    for size in [1, endless.capacity()] {
        let error = endless.grow(size).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NoSpace);
        assert!(error.to_string().contains("memory cannot grow"), "{error}");
    }
}

#[test]
fn backed_memory_never_has_what_its_file_refused() {
    let file = Arc::new(SimDevice::new(8 * MIB));
    let device = BackedMemory::open(file.clone()).unwrap();
    device.grow(3 * MIB).unwrap();
    assert_eq!((device.size(), device.capacity()), (3 * MIB, 8 * MIB));
    device.write_at(10, &[1; 10]).unwrap();
    device.sync().unwrap();
    device.write_at(15, &[2; 10]).unwrap();
    file.set_faults(Faults { writes_fail: true, syncs_fail: true, ..Faults::default() });
    assert!(device.write_at(12, &[3; 5]).is_err());
    assert!(device.sync().is_err());
    let mut read = [0; 15];
    device.read_at(10, &mut read).unwrap();
    assert_eq!(read, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(device.grow(8 * MIB + 1).unwrap_err().kind, ErrorKind::NoSpace);
    // A file that cannot be read is an error, not an empty device.
    file.set_faults(Faults { reads_fail: true, ..Faults::default() });
    assert!(BackedMemory::open(file).is_err());
}
