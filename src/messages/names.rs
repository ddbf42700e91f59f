use actix::Message;

use crate::{
    limits::DuplicatePolicy,
    model::{CloseReason, Name, Seat, SessionId},
};

/// A session has learnt its name and asks to be it. It stays unread until it is answered by an
/// [`Order`].
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name.
    pub name: Name,
    /// Where the session lives.
    pub seat: Seat,
    /// The session.
    pub session: SessionId,
    /// What its listener says about duplicates.
    pub policy: DuplicatePolicy,
}

/// A session that had claimed a name is over, and its `offline` has its offset.
#[derive(Clone, Debug)]
pub struct Departure {
    /// The name.
    pub name: Name,
    /// The session.
    pub session: SessionId,
}

/// What concerns a name.
#[derive(Clone, Debug)]
pub enum NameNews {
    /// Somebody asks for it.
    Claimed(Claim),
    /// Whoever had asked for it is gone.
    Departed(Departure),
}

/// What happened to names on one thread, in order: a claim never comes behind the departure of the
/// session that made it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Names(pub Vec<NameNews>);

/// A probed session's peer has answered: it is alive.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ProbeAnswered {
    /// The name.
    pub name: Name,
    /// The session.
    pub session: SessionId,
}

/// What the registry tells one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Where the session lives.
    pub seat: Seat,
    /// The session.
    pub session: SessionId,
    /// What it shall do.
    pub kind: OrderKind,
}

/// The answers to a claim, and what they mean for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// The name is yours.
    Grant,
    /// End, for this reason.
    End(CloseReason),
    /// Find out at once whether your peer is still there.
    Probe,
}

/// Orders for one thread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Orders(pub Vec<Order>);

/// Who is here? Asked by a registry that has restarted; answered by a [`Census`].
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct TakeCensus;

/// A session with a name.
#[derive(Clone, Debug)]
pub struct Present {
    /// What it has claimed.
    pub claim: Claim,
    /// Whether the name was granted, or is still being waited for.
    pub granted: bool,
}

/// All sessions of one thread that have a name.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Census {
    /// The thread.
    pub thread: u32,
    /// Who is there.
    pub present: Vec<Present>,
}
