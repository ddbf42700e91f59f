use std::{cell::RefCell, rc::Rc, sync::Arc};

use actix::{Addr, WeakAddr};
use compact_str::CompactString;

use super::{Commands, Outbound};
use crate::{
    actors::session::{Session, SessionActor},
    limits::Ticket,
    messages::{Claim, ListenerProfile, Present},
    model::{CloseReason, Name, Peer, Seat, SessionId},
    telemetry::SessionFacts,
};

/// What a thread knows of one of its sessions. It outlives the session's actor by a moment, so
/// that an ending can be told after a panic as well.
pub struct Occupant {
    /// `None` only while it is being started. Weak, since what makes an address strong is two
    /// allocations more, and a session's actor needs nobody to keep it alive.
    pub address: Option<WeakAddr<SessionActor>>,
    /// What runs when its socket is ready.
    pub running: Rc<RefCell<Session>>,
    /// The session.
    pub session: SessionId,
    /// The listener that let it in.
    pub listener: Arc<ListenerProfile>,
    /// Where it connects from, as text, which is what every event wants.
    pub peer: CompactString,
    /// Its name, once it has claimed one.
    pub name: Option<Name>,
    /// How far it has come with its name.
    pub standing: Standing,
    /// When it was let in, in milliseconds since the thread began.
    pub opened: u64,
    /// Bytes read.
    pub received: u64,
    /// So many of these were told, or counted as filtered.
    pub settled: u64,
    /// Bytes written.
    pub sent: u64,
    /// Data told upstream.
    pub chunks: u64,
    /// Why it ends, once it does.
    pub reason: Option<CloseReason>,
    /// A pause has kept it from something; it wants to know when that is over.
    pub held_back: bool,
    /// Bytes of replies that wait until what they answer is safe.
    pub owed: usize,
    /// What it is told to do.
    pub commands: Option<Box<Commands>>,
    /// What is queued for the device.
    pub outbound: Outbound,
    /// It is counted as long as this lives; nothing where the connection is somebody else's.
    pub ticket: Option<Ticket>,
    /// The slot of the connection that it is behind, where that is not its own.
    pub behind: Option<u32>,
    /// The slots of the devices behind its connection. Rare, and takes no memory while there are
    /// none.
    pub subdevices: Vec<u32>,
}

/// How far a session has come with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not said who it is.
    Nameless,
    /// It has, and waits for the registry's answer.
    Claiming,
    /// The name is granted; a decider may still be thinking.
    Granted,
    /// Told upstream as online.
    Online,
}

impl Occupant {
    /// A newcomer that has said nothing, `opened` milliseconds after the thread began.
    pub fn new(
        running: Rc<RefCell<Session>>,
        session: SessionId,
        listener: Arc<ListenerProfile>,
        peer: CompactString,
        opened: u64,
    ) -> Self {
        Self {
            address: None,
            running,
            session,
            listener,
            peer,
            name: None,
            standing: Standing::Nameless,
            opened,
            received: 0,
            settled: 0,
            sent: 0,
            chunks: 0,
            reason: None,
            held_back: false,
            owed: 0,
            commands: None,
            outbound: Outbound::default(),
            ticket: None,
            behind: None,
            subdevices: Vec::new(),
        }
    }

    /// Its actor's address, unless that is gone.
    pub fn address(&self) -> Option<Addr<SessionActor>> {
        self.address.as_ref().and_then(WeakAddr::upgrade)
    }

    /// Who it is, for log lines.
    pub fn facts(&self) -> SessionFacts<'_> {
        SessionFacts {
            listener: &self.listener.name,
            peer: &self.peer,
            name: self.name.as_ref().map(Name::as_str),
            session: self.session,
        }
    }

    /// Where it connects from.
    pub fn peer(&self) -> Option<Peer> {
        self.peer.parse().ok()
    }

    /// Whether its name was told upstream; a connection with devices behind it has none.
    pub fn is_online(&self) -> bool {
        self.standing == Standing::Online && self.name.is_some()
    }

    /// Its claim on its name, if it has one.
    pub fn claim(&self, seat: Seat) -> Option<Claim> {
        let name = self.name.clone()?;
        Some(Claim { name, seat, session: self.session, policy: self.listener.duplicates })
    }

    /// Its line in a census.
    pub fn present(&self, seat: Seat) -> Option<Present> {
        let granted = matches!(self.standing, Standing::Granted | Standing::Online);
        Some(Present { claim: self.claim(seat)?, granted })
    }

    /// The low half of its id.
    pub fn tag(&self) -> u32 {
        self.session.0 as u32
    }
}
