//! What the sessions of one thread share: their table, the batch of events on its way to the
//! spool, one read buffer, one row of deadlines.
//!
//! Nothing here is an actor; [`SessionHost`] is, and runs it. The thread's state outlives a panic of
//! the host as well as of any session.

mod answering;
mod commands;
mod deadlines;
mod describing;
mod events;
mod host;
mod housekeeping;
mod occupant;
mod opening;
mod outbound;
mod pausing;
mod ports;
mod promises;
mod recent;
mod serving;
mod subdevices;
mod tapping;
mod taps;
mod turns;

use std::{
    cell::{Cell, OnceCell, RefCell},
    io,
    sync::Arc,
    task::Waker,
};

use actix::Recipient;
use tokio::time::Instant;

use self::{
    deadlines::{Deadlines, Look},
    pausing::ReadOn,
    promises::Promises,
    taps::Taps,
    turns::Turns,
};
use crate::{
    extension::{Occurrence, SessionHandle},
    messages::{CameOnline, Instruct, NameNews, Names, Progress, Progresses},
    model::{Name, Offset, Seat, SessionId, Slots, UnixMillis},
    net::{Readiness, Ready},
    protocol::Replies,
    spool::Batch,
};

pub use answering::Due;
pub use commands::{CommandPorts, Commands, Stage, UnderWay};
pub use host::{SessionHost, start_host};
pub use occupant::{Occupant, Standing};
pub use outbound::Outbound;
pub use ports::ThreadPorts;
pub use taps::Way;

/// Most bytes of one read.
const READ_BUFFER: usize = 64 << 10;

/// Where no event will ever stand.
const NEVER: Offset = Offset(1 << 62);

/// A batch of this size goes to the spool at once, and does not wait for the end of the turn.
const BATCH_LIMIT: usize = 64 << 10;

/// What waits for the end of the turn, apart from events.
#[derive(Default)]
struct Outbox {
    names: Vec<NameNews>,
    progress: Vec<Progress>,
    online: Vec<(Name, Seat, SessionId)>,
    occurrences: Vec<Occurrence>,
}

/// What is told of one frame, and what is answered to it.
#[derive(Default)]
pub struct Scratch {
    /// What its protocol reads in it.
    pub meaning: Vec<u8>,
    /// What it is answered with.
    pub replies: Replies,
}

/// How long the thread's sessions have been paused, so that their idle clocks can stand still.
#[derive(Clone, Copy, Debug, Default)]
struct Pauses {
    /// Milliseconds of all pauses that are over.
    over: u64,
    /// When the present one began.
    since: Option<u64>,
}

/// One session thread.
pub struct SessionThread {
    number: u32,
    /// Where its sessions report to.
    pub ports: ThreadPorts,
    table: RefCell<Slots<Occupant>>,
    batch: RefCell<Batch>,
    promises: RefCell<Promises>,
    /// How many replies wait, as was told last.
    replies: Cell<usize>,
    /// Whether the spool makes anything safe.
    promises_are_kept: bool,
    /// Room for what is told of one frame.
    scratch: RefCell<Scratch>,
    outbox: RefCell<Outbox>,
    taps: RefCell<Taps>,
    /// Whether anybody looks at what passes.
    tapping: Cell<bool>,
    deadlines: RefCell<Deadlines>,
    buffer: RefCell<Box<[u8]>>,
    readiness: Readiness,
    /// Room for what it tells.
    ready: RefCell<Vec<Ready>>,
    /// Those who had more to read when their turn was over.
    turns: RefCell<Turns>,
    /// Events of data in the batch, and bytes of devices in them.
    told: Cell<(u64, u64)>,
    /// Set while the host runs sessions, and looks at everything behind that anyway.
    in_turn: Cell<bool>,
    /// When the bytes were read that are being cut.
    read_at: Cell<UnixMillis>,
    began: Instant,
    pauses: Cell<Pauses>,
    read_on: RefCell<ReadOn>,
    /// Set while something waits for the end of the turn.
    unflushed: Cell<bool>,
    /// Wakes the host.
    waker: RefCell<Option<Waker>>,
    host: OnceCell<Arc<Recipient<Instruct>>>,
}

impl SessionThread {
    /// The thread with this number, still without sessions. Its sockets are watched by the runtime
    /// of the thread that calls this.
    ///
    /// # Errors
    /// No descriptor is left for watching them.
    pub fn new(number: u32, ports: ThreadPorts) -> io::Result<Self> {
        let batch = match ports.is_alone {
            true => Batch::new(),
            false => Batch::among_others(Arc::clone(&ports.occupancy)),
        };
        let promises_are_kept = ports.spool.promised().is_some();
        Ok(Self {
            number,
            ports,
            table: RefCell::default(),
            batch: RefCell::new(batch),
            promises: RefCell::default(),
            replies: Cell::new(0),
            promises_are_kept,
            scratch: RefCell::default(),
            outbox: RefCell::default(),
            taps: RefCell::default(),
            tapping: Cell::default(),
            deadlines: RefCell::default(),
            buffer: RefCell::new(vec![0; READ_BUFFER].into_boxed_slice()),
            readiness: Readiness::new()?,
            ready: RefCell::default(),
            turns: RefCell::default(),
            told: Cell::default(),
            in_turn: Cell::new(false),
            read_at: Cell::default(),
            began: Instant::now(),
            pauses: Cell::default(),
            read_on: RefCell::default(),
            unflushed: Cell::new(false),
            waker: RefCell::default(),
            host: OnceCell::new(),
        })
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.table.borrow().len()
    }

    /// Milliseconds since the thread began, on the monotonic clock.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// What is cut from now on was read at this moment.
    pub fn read_now(&self) {
        self.read_at.set(UnixMillis::now());
    }

    /// Milliseconds since the thread began that were no pause: idle devices are measured by it.
    pub fn unpaused_now(&self) -> u64 {
        let pauses = self.pauses.get();
        let now = pauses.since.unwrap_or_else(|| self.now());
        now.saturating_sub(pauses.over)
    }

    /// The same moment on the clock that never stands still; `None` in a pause, when nobody can say.
    pub fn moment_of(&self, unpaused: u64) -> Option<u64> {
        (!self.is_paused()).then(|| unpaused.saturating_add(self.pauses.get().over))
    }

    /// The same for a device that is heard at this moment, whether there is a pause or not; in a pause
    /// that is ahead of [`SessionThread::unpaused_now`].
    pub fn heard_now(&self) -> u64 {
        self.now().saturating_sub(self.pauses.get().over)
    }

    /// The moment that [`SessionThread::heard_now`] shows as `heard`, while the device is heard.
    pub fn moment_while_heard(&self, heard: u64) -> u64 {
        heard.saturating_add(self.pauses.get().over)
    }

    /// Whether devices' data must stay unread: from when the spool is full until the thread has
    /// noted that it has room.
    pub fn is_paused(&self) -> bool {
        self.ports.spool.pressure().is_paused() || self.pauses.get().since.is_some()
    }

    /// Works with one occupant. `None` where the slot is free, which a live session never sees.
    pub fn with<T>(&self, slot: u32, work: impl FnOnce(&mut Occupant) -> T) -> Option<T> {
        self.table.borrow_mut().get_mut(slot).map(work)
    }

    /// Lends the shared read buffer.
    pub fn buffer(&self) -> std::cell::RefMut<'_, Box<[u8]>> {
        self.buffer.borrow_mut()
    }

    /// Lends the room for what is told of one frame, which is empty.
    pub fn scratch(&self) -> std::cell::RefMut<'_, Scratch> {
        let mut scratch = self.scratch.borrow_mut();
        scratch.meaning.clear();
        scratch.replies.clear();
        scratch
    }

    /// When the bytes were read that are being cut.
    pub fn read_at(&self) -> UnixMillis {
        self.read_at.get()
    }

    /// A handle on the session in `slot`, for extensions.
    pub fn handle(&self, slot: u32) -> Option<SessionHandle> {
        let host = self.host.get()?;
        self.with(slot, |who| SessionHandle::new(Arc::clone(host), slot, who.session))
    }

    /// Looks at the session in `slot` at `at` milliseconds.
    pub fn set_deadline(&self, slot: u32, at: u64) {
        let Some(tag) = self.with(slot, |who| who.tag()) else { return };
        let mut deadlines = self.deadlines.borrow_mut();
        let before = deadlines.next();
        deadlines.set(Look { at, slot, tag }, self.now());
        if deadlines.next() != before {
            self.wake();
        }
    }

    /// Claims its name for the session in `slot`, at the end of the turn.
    pub fn claim(&self, slot: u32) {
        let seat = self.seat(slot);
        let Some(claim) = self.with(slot, |who| who.claim(seat)).flatten() else { return };
        self.outbox.borrow_mut().names.push(NameNews::Claimed(claim));
        self.flush_soon();
    }

    fn seat(&self, slot: u32) -> Seat {
        Seat { thread: self.number, slot }
    }

    /// Asks for a flush at the end of this turn, when all sessions that are ready have run.
    fn flush_soon(&self) {
        if !self.unflushed.replace(true) {
            self.wake();
        }
    }

    /// Has the host look at everything, unless it is about to.
    fn wake(&self) {
        if self.in_turn.get() {
            return;
        }
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Hands everything over: events to the spool first, so that a departure is told only when
    /// its `offline` has its offset.
    fn flush(&self) {
        if !self.unflushed.replace(false) {
            return;
        }
        self.flush_events();
        let Outbox { names, progress, online, occurrences } = self.outbox.take();
        if !names.is_empty() {
            self.ports.names.do_send(Names(names));
        }
        if let Some(ports) = &self.ports.commands {
            if !progress.is_empty() {
                ports.progress.do_send(Progresses(progress));
            }
            if !online.is_empty() {
                ports.online.do_send(CameOnline(online));
            }
        }
        if !occurrences.is_empty() {
            let count = occurrences.len() as u64;
            let missed_by = self.ports.extensions.tell(occurrences.into());
            if missed_by > 0 {
                self.ports.telemetry.observer_missed(missed_by * count);
            }
        }
    }

    fn flush_events(&self) {
        self.hand_over(&mut self.batch.borrow_mut());
    }

    fn hand_over(&self, batch: &mut Batch) {
        let events = batch.count();
        if events == 0 {
            return;
        }
        let (data, bytes) = self.told.take();
        if data > 0 {
            self.ports.telemetry.data_told(data, bytes);
        }
        // A spool that is closed takes nothing, and nothing is promised any more.
        let base = self.ports.spool.append(batch).unwrap_or(NEVER);
        self.promises.borrow_mut().handed_over(base, events);
    }
}
