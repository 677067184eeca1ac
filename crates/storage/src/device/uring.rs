//! Reads through an io_uring that one thread owns.
//!
//! 1. [`Ring::submit`] puts a read into the queue, and rings the bell (an eventfd) if the thread
//!    has gone to sleep since the last one.
//! 2. The thread takes as many reads from the queue as it has free slots, gives all of them to the
//!    kernel with one system call, and sleeps in that call until one is done or the bell rings.
//! 3. For each completion it copies the bytes that were asked for out of the slot and answers. What
//!    came short goes on from where it ended.
//!
//! Always true: memory that the kernel may write is not freed and not looked at, even when the
//! thread panics or the ring breaks; then it is leaked. A read that was taken is answered.
//!
//! Left out: polling for completions, submission from the callers' threads.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::slice;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use io_uring::{IoUring, opcode, squeue, types};

use super::access::Access;
use super::aligned::AlignedBuf;
use super::mapping::Mapping;
use super::{Request, WAITING_MAX, answer};

/// Reads that the kernel has at once: enough to keep an NVMe device busy.
const DEPTH: usize = 256;
/// Bytes of a slot, the memory that a read goes to; a larger read gets its own. Most records are
/// smaller, and all slots together are two huge pages.
const SLOT: usize = 16 << 10;
/// Most bytes asked for at once; the kernel's own limit is a page below 2 GiB.
const STEP: usize = 1 << 30;
/// Tells the bell's completions from those of reads, which carry the number of their slot.
const BELL: u64 = u64::MAX;
/// How often a read is tried again that the kernel was too busy for.
const TRIES: u32 = 100;

/// A device's ring and the thread that owns it.
pub(super) struct Ring {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    how: &'static str,
}

struct Shared {
    queue: Mutex<Queue>,
    bell: File,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Request>,
    /// The thread takes no look at `waiting` before the bell rings.
    asleep: bool,
    closed: bool,
}

impl Ring {
    /// Starts the thread and reads the beginning of the file through its ring. An error is why
    /// there can be no ring.
    pub(super) fn start(access: Arc<Access>) -> io::Result<Ring> {
        // SAFETY: takes and returns numbers.
        let bell = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if bell < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that was just made for us.
        let bell = unsafe { File::from_raw_fd(bell) };
        let shared = Arc::new(Shared { queue: Mutex::default(), bell });
        let (tell, told) = sync_channel(1);
        let of_thread = shared.clone();
        let name = "device-ring".to_string();
        // The ring is made on its thread: only that may submit to it (SINGLE_ISSUER).
        let run = move || Worker::start_and_run(access, of_thread, tell);
        let thread = thread::Builder::new().name(name).spawn(run)?;
        let how = told.recv().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))?;
        Ok(Ring { shared, thread: Some(thread), how })
    }

    /// What the ring got from the kernel, for the log.
    pub(super) fn how(&self) -> &'static str {
        self.how
    }

    /// Takes a read, or gives it back if too many wait or the ring is broken.
    pub(super) fn submit(&self, request: Request) -> Result<(), Request> {
        let mut queue = self.shared.lock();
        if queue.closed || queue.waiting.len() >= WAITING_MAX {
            return Err(request);
        }
        queue.waiting.push_back(request);
        let asleep = std::mem::take(&mut queue.asleep);
        drop(queue);
        if asleep {
            self.shared.ring_bell();
        }
        Ok(())
    }
}

/// Waits until every read is answered.
impl Drop for Ring {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.ring_bell();
        if let Some(thread) = self.thread.take()
            // The last owner of the device may be an answer that the thread gives.
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the thread of an io_uring panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics with the reads")
    }

    fn ring_bell(&self) {
        // It fails only when 2^64 - 2 rings were not heard.
        let _ = (&self.bell).write(&1u64.to_ne_bytes());
    }
}

/// What the kernel writes to.
struct Memory {
    slots: Mapping,
    /// The bell's counter, read to be reset.
    bell: Box<UnsafeCell<u64>>,
    /// Of reads that are larger than a slot, by slot.
    large: Vec<Option<AlignedBuf>>,
}

/// A read that the kernel has.
struct Flight {
    request: Request,
    /// Offset of the first byte read, at or before the one asked for.
    start: u64,
    /// Where its bytes go, `len` of them.
    to: *mut u8,
    len: usize,
    filled: usize,
    tries: u32,
}

/// The thread's state.
struct Worker {
    ring: IoUring,
    access: Arc<Access>,
    shared: Arc<Shared>,
    memory: ManuallyDrop<Memory>,
    flights: Vec<Option<Flight>>,
    free: Vec<usize>,
    /// Whether the kernel waits for the bell.
    bell_armed: bool,
    /// Whether the slots are registered with the ring.
    fixed_slots: bool,
    /// User data and result of what [`Worker::reap`] works through.
    completed: Vec<(u64, i32)>,
}

impl Worker {
    fn start_and_run(
        access: Arc<Access>,
        shared: Arc<Shared>,
        tell: SyncSender<io::Result<&'static str>>,
    ) {
        let started = Worker::new(access, shared).and_then(|mut worker| {
            worker.try_read()?;
            Ok(worker)
        });
        match started {
            Ok(mut worker) => {
                let how = match worker.fixed_slots {
                    true => "with fixed buffers",
                    false => "without fixed buffers",
                };
                let _opener_waits = tell.send(Ok(how));
                worker.run();
            }
            Err(error) => {
                let _opener_waits = tell.send(Err(error));
            }
        }
    }

    fn new(access: Arc<Access>, shared: Arc<Shared>) -> io::Result<Worker> {
        // Twice DEPTH: every slot and the bell fit, so the queue is never full.
        let entries = 2 * DEPTH as u32;
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(entries)
            // Before Linux 6.1.
            .or_else(|_| IoUring::new(entries))?;
        let slots = Mapping::reserve(DEPTH * SLOT)?;
        slots.commit(DEPTH * SLOT)?;
        ring.submitter().register_files(&[access.file.as_raw_fd()])?;
        let all = libc::iovec { iov_base: slots.as_ptr().cast(), iov_len: DEPTH * SLOT };
        // SAFETY: the slots stay mapped until the ring is gone or has nothing in flight. Refused
        // where RLIMIT_MEMLOCK is small; then reads go without.
        let fixed_slots = unsafe { ring.submitter().register_buffers(&[all]) }.is_ok();
        let large = (0..DEPTH).map(|_| None).collect();
        Ok(Worker {
            ring,
            access,
            shared,
            memory: ManuallyDrop::new(Memory { slots, bell: Box::default(), large }),
            flights: (0..DEPTH).map(|_| None).collect(),
            free: (0..DEPTH).rev().collect(),
            bell_armed: false,
            fixed_slots,
            completed: Vec::new(),
        })
    }

    /// Reads the first sector, or nothing from an empty file. What seccomp or an old kernel does
    /// not allow fails here.
    fn try_read(&mut self) -> io::Result<()> {
        let range = self.access.outwards(0, 1);
        let (tell, told) = sync_channel(1);
        let done = Box::new(move |outcome| {
            let _nobody_waits = tell.send(outcome);
        });
        let request = Request { offset: 0, len: 0, done };
        self.begin(request, range);
        while self.in_flight() > 0 {
            self.enter()?;
            self.reap()?;
        }
        match told.try_recv() {
            Ok(outcome) => outcome.map(drop).map_err(io::Error::other),
            Err(_) => Err(io::Error::other("the first read got no answer")),
        }
    }

    fn run(&mut self) {
        loop {
            let closed = self.take_requests();
            self.arm_bell(closed);
            if closed && self.in_flight() == 0 && !self.bell_armed {
                return;
            }
            if let Err(error) = self.enter().and_then(|()| self.reap()) {
                return self.give_up(error);
            }
        }
    }

    fn in_flight(&self) -> usize {
        DEPTH - self.free.len()
    }

    /// Takes reads as far as there are slots, and says whether the ring is closed. If nothing is in
    /// flight afterwards, nothing waits either.
    fn take_requests(&mut self) -> bool {
        let shared = self.shared.clone();
        let mut queue = shared.lock();
        let n = queue.waiting.len().min(self.free.len());
        let taken: Vec<Request> = queue.waiting.drain(..n).collect();
        // With all slots taken the next completion is what wakes the thread.
        queue.asleep = n < self.free.len();
        let closed = queue.closed;
        drop(queue);
        for request in taken {
            let range = self.access.outwards(request.offset, request.len);
            self.begin(request, range);
        }
        closed
    }

    /// Gives a read of `range` to the kernel, for a request that it contains.
    fn begin(&mut self, request: Request, range: Range<u64>) {
        let slot = self.free.pop().expect("no more reads are taken than there are slots");
        let len = (range.end - range.start) as usize;
        let to = if len <= SLOT {
            // SAFETY: the slots are DEPTH times SLOT bytes.
            unsafe { self.memory.slots.as_ptr().add(slot * SLOT) }
        } else {
            // Nobody touches the buffer while the kernel has its address.
            self.memory.large[slot].insert(AlignedBuf::zeroed(len)).as_mut_ptr()
        };
        let start = range.start;
        self.flights[slot] = Some(Flight { request, start, to, len, filled: 0, tries: 0 });
        self.push_read(slot);
    }

    /// Asks the kernel for what a flight still lacks.
    fn push_read(&mut self, slot: usize) {
        let flight = self.flights[slot].as_ref().expect("a slot in use has a flight");
        let (offset, len) = (flight.start + flight.filled as u64, flight.len - flight.filled);
        let len = len.min(STEP) as u32;
        // SAFETY: `filled` is at most `len`.
        let to = unsafe { flight.to.add(flight.filled) };
        let file = types::Fixed(0);
        let entry = match self.fixed_slots && self.memory.large[slot].is_none() {
            true => opcode::ReadFixed::new(file, to, len, 0).offset(offset).build(),
            false => opcode::Read::new(file, to, len).offset(offset).build(),
        };
        self.push(entry.user_data(slot as u64));
    }

    /// Lets the ring wait for the bell; a closed one has been rung for the last time.
    fn arm_bell(&mut self, closed: bool) {
        if self.bell_armed || closed {
            return;
        }
        let bell = types::Fd(self.shared.bell.as_raw_fd());
        let entry = opcode::Read::new(bell, self.memory.bell.get().cast(), 8).build();
        self.push(entry.user_data(BELL));
        self.bell_armed = true;
    }

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: what an entry points to is in `memory`, which is kept until its completion.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("the ring has room for every slot and the bell");
    }

    /// Submits everything and waits for a completion.
    fn enter(&mut self) -> io::Result<()> {
        match self.ring.submit_and_wait(1) {
            Ok(_) => Ok(()),
            // Interrupted, or first completions have to be taken or memory has to come free.
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR | libc::EBUSY | libc::EAGAIN) => {
                    thread::yield_now();
                    Ok(())
                }
                _ => Err(error),
            },
        }
    }

    /// Takes note of everything that is complete.
    fn reap(&mut self) -> io::Result<()> {
        let mut completed = std::mem::take(&mut self.completed);
        completed.extend(self.ring.completion().map(|c| (c.user_data(), c.result())));
        for (what, result) in completed.drain(..) {
            if what != BELL {
                self.land(what as usize, result);
                continue;
            }
            self.bell_armed = false;
            if result < 0 && !is_passing(result) {
                return Err(io::Error::from_raw_os_error(-result));
            }
        }
        self.completed = completed;
        Ok(())
    }

    /// A read came back, with so many bytes or an error number.
    fn land(&mut self, slot: usize, result: i32) {
        let mut flight = self.flights[slot].take().expect("a completion is that of a flight");
        let skip = (flight.request.offset - flight.start) as usize;
        let enough = skip + flight.request.len;
        let again = match result {
            1.. => {
                flight.filled += result as usize;
                flight.filled < enough && self.access.can_go_on(flight.filled)
            }
            0 => false,
            _ => {
                flight.tries += 1;
                is_passing(result) && flight.tries < TRIES
            }
        };
        if again {
            self.flights[slot] = Some(flight);
            return self.push_read(slot);
        }
        let outcome = if result < 0 {
            Err(io::Error::from_raw_os_error(-result))
        } else if flight.filled < enough {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            // SAFETY: inside the slot or the buffer, initialized, and the kernel is done with it.
            let bytes = unsafe { slice::from_raw_parts(flight.to.add(skip), flight.request.len) };
            Ok(bytes.to_vec())
        };
        self.memory.large[slot] = None;
        self.free.push(slot);
        answer(flight.request.done, outcome.map_err(|e| self.access.failed("a read", e)));
    }

    /// Answers everyone that the ring is broken. Later reads are done by their callers.
    fn give_up(&mut self, error: io::Error) {
        let device = self.access.path.display();
        tracing::error!(%device, %error, "an io_uring broke; reads go on without it");
        let mut queue = self.shared.lock();
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        let error = self.access.failed("a read through io_uring", error);
        let flying = self.flights.iter_mut().filter_map(Option::take).map(|flight| flight.request);
        for request in flying.chain(waiting) {
            answer(request.done, Err(error.clone()));
        }
    }
}

/// Whether an error number says that the same may succeed next time.
fn is_passing(result: i32) -> bool {
    matches!(-result, libc::EINTR | libc::EAGAIN)
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The kernel gives a ring back later than the call that ends it; the file must not wait.
        let _it_is_closed_anyway = self.ring.submitter().unregister_files();
        if self.in_flight() == 0 && !self.bell_armed {
            // SAFETY: dropped once, here, and the kernel writes to none of it.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        }
    }
}
