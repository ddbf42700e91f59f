//! One device's connection, from accept to its one ending.
//!
//! An idle session is its socket, a few hundred bytes here, and its line in the thread's table. It
//! is run when its thread has heard that the socket is ready, and reads into the thread's buffer; it
//! has no timer, no task that waits for the socket, and no logger of its own.
//!
//! | in file | what |
//! |---|---|
//! | `actor` | its mailbox and its supervision |
//! | `reading` | bytes in: cut, named, told |
//! | `frames` | frames: named, held, told, answered |
//! | `subdevices` | many devices behind one connection |
//! | `first` | what people are told of a device without a name |
//! | `naming` | from the claim to `online` |
//! | `asking` | what deciders are asked |
//! | `writing` | bytes out |
//! | `polls` | what devices are asked at intervals |
//! | `commands` | one command at a time: written, acknowledged, answered |
//! | `watching` | deadlines: registration, silence, farewell, probe |
//! | `ending` | the one way out |

mod actor;
mod asking;
mod commands;
mod ending;
mod first;
mod frames;
mod naming;
mod polls;
mod reading;
mod subdevices;
mod watching;
mod writing;

use std::{
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

pub use self::{
    actor::{Nudge, SessionActor},
    subdevices::SubNudge,
};
use self::{
    asking::Question,
    ending::Ending,
    first::FirstBytes,
    frames::Held,
    polls::Polls,
    subdevices::SubDevices,
    watching::{Looks, Probe},
};
use crate::{
    actors::thread::{SessionThread, Standing},
    extension::{Happened, Verdict},
    messages::ListenerProfile,
    model::CloseReason,
    net::{Connection, Ready},
    protocol::Intake,
    supervision::failpoint,
};

/// What one connection has come to. Its actor holds it together with the thread's table: the thread
/// runs it when the socket is ready, the actor when there are orders.
pub struct Session {
    thread: Rc<SessionThread>,
    slot: u32,
    listener: Arc<ListenerProfile>,
    stream: Connection,
    intake: Intake,
    /// The place of its protocol among those of its listener, once that is known.
    speaks: Option<u8>,
    /// What it said first, while it has no name.
    first: Option<Box<FirstBytes>>,
    /// Frames that wait for its name.
    held: Option<Box<Held>>,
    /// The devices behind it, where its protocol allows many.
    subdevices: Option<Box<SubDevices>>,
    /// Something was answered since bytes were last written.
    answered: bool,
    /// What the device is asked at intervals.
    polls: Option<Box<Polls>>,
    /// A command is under way.
    commanding: bool,
    /// As it is noted in the thread's table.
    standing: Standing,
    /// Bytes that were read and not yet cut: behind a name that is being claimed, or behind a
    /// chunk that a decider is thinking about.
    stash: Vec<u8>,
    /// Its actor has begun.
    begun: bool,
    /// It has read as much as it may in one turn, there may be more, and it waits for the next.
    has_more: bool,
    /// Bytes of the frame that a decider is asked about.
    asked_about: usize,
    /// Whether a decider is being asked; reading waits meanwhile.
    asking: bool,
    /// What the actor is to ask.
    question: Option<Box<Question>>,
    peer_finished: bool,
    /// Whether that was told, behind everything that the device had said.
    end_told: bool,
    /// When the device was last heard, on the clock that stands still in a pause.
    heard_unpaused: u64,
    /// When it was let in, on the clock that stands still in a pause.
    opened_unpaused: u64,
    idle_told: bool,
    /// The looks that are set with the thread.
    looks: Looks,
    probe: Option<Box<Probe>>,
    /// It is to end for this reason, once what the device has sent so far is read.
    parting: Option<CloseReason>,
    ending: Option<Box<Ending>>,
    /// What it panicked with outside of its actor, which is to end of it.
    crash: Option<Box<Crash>>,
}

/// The text of a panic.
struct Crash(String);

/// What a turn of a session leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits for its socket, or for orders.
    Waits,
    /// It has more to read, once the others had their turn.
    HasMore,
    /// Its actor has something to do: to ask, or to end.
    ActorsTurn,
}

impl Session {
    /// The session of the occupant of `slot`.
    pub fn new(
        thread: Rc<SessionThread>,
        slot: u32,
        listener: Arc<ListenerProfile>,
        stream: Connection,
    ) -> Self {
        let opened = thread.unpaused_now();
        let intake = Intake::new(&listener.protocols);
        Self {
            thread,
            slot,
            speaks: intake.speaks(),
            intake,
            first: None,
            held: None,
            subdevices: None,
            answered: false,
            polls: None,
            commanding: false,
            listener,
            stream,
            standing: Standing::Nameless,
            stash: Vec::new(),
            begun: false,
            has_more: false,
            asked_about: 0,
            asking: false,
            question: None,
            peer_finished: false,
            end_told: false,
            heard_unpaused: opened,
            opened_unpaused: opened,
            idle_told: false,
            looks: Looks::default(),
            probe: None,
            parting: None,
            ending: None,
            crash: None,
        }
    }

    /// Its socket, for looking at many at once, where it is one.
    pub fn descriptor(&self) -> Option<RawFd> {
        self.stream.descriptor().map(|socket| socket.as_raw_fd())
    }

    /// The first bytes that it has sent, while it has no name.
    pub fn first_bytes(&self) -> &[u8] {
        self.first.as_ref().map_or(&[], |first| first.as_slice())
    }

    /// When something was last read, on the clock that stands still in pauses.
    pub fn heard_unpaused(&self) -> u64 {
        self.heard_unpaused
    }

    /// Notes that its socket is ready.
    pub fn note(&mut self, ready: &Ready) {
        self.stream.note(ready);
    }

    /// It panicked with this, and is not to be run any more.
    pub fn crashed(&mut self, text: String) {
        self.crash = Some(Box::new(Crash(text)));
    }

    /// Moves bytes both ways as far as they go.
    pub fn run(&mut self) -> Turn {
        if !self.begun || self.crash.is_some() {
            return Turn::Waits;
        }
        let waited = self.has_more;
        if self.advance().is_ready() || self.question.is_some() {
            return Turn::ActorsTurn;
        }
        if self.has_more && !waited { Turn::HasMore } else { Turn::Waits }
    }

    /// It is its turn to read on.
    pub fn goes_on(&mut self) {
        self.has_more = false;
    }

    /// Ready once it is over.
    fn advance(&mut self) -> Poll<()> {
        self.write();
        self.read();
        if let Some(reason) = self.parting.take() {
            self.read_last();
            self.tell_what_was_held();
            self.end(reason);
        }
        if self.is_finished_both_ways() {
            self.end(CloseReason::PeerClosed);
        }
        if self.ending.is_some() {
            self.finish_once_settled();
        }
        if self.answered || self.ending.is_some() {
            self.answered = false;
            self.write();
        }
        if self.commanding {
            self.look_at_command();
        }
        if self.part().is_ready() {
            return Poll::Ready(());
        }
        self.watch();
        Poll::Pending
    }

    /// Whether neither side has anything more to say.
    fn is_finished_both_ways(&self) -> bool {
        let quiet = self.end_told && !self.asking && self.ending.is_none();
        quiet && self.thread.with(self.slot, |who| who.outbound.is_finished()) == Some(true)
    }

    /// Its actor has begun.
    fn begins(&mut self) {
        self.begun = true;
        self.thread.observe(self.slot, || Happened::Connected);
        self.ask(Happened::Connected, |session, verdict| match verdict {
            Verdict::Proceed => session.begin(),
            Verdict::Refuse(_) => session.end(CloseReason::Denied),
        });
    }

    fn heed(&mut self, nudge: Nudge) {
        match nudge {
            Nudge::Granted => self.granted(),
            Nudge::End(reason) => self.parting = Some(reason),
            Nudge::Reset => self.end_with_reset(),
            Nudge::Abandon => {
                self.end(CloseReason::Draining);
                self.over();
            }
            Nudge::Probe => self.begin_probe(),
            Nudge::Look => {}
            Nudge::Deadline(at) => self.look_at_deadlines(at),
            Nudge::Resumed => self.resumed(),
            Nudge::HungUp => self.hung_up(),
            Nudge::Command => self.commanded(),
            Nudge::Subdevice(slot, nudge) => self.heed_subdevice(slot, nudge),
        }
    }
}

/// Panics where a test wants this session to.
fn failpoint_data(data: &[u8]) {
    if cfg!(debug_assertions) {
        failpoint::hit("session.data", &String::from_utf8_lossy(data));
    }
}
