use std::sync::Arc;

use actix::Message;
use bytes::Bytes;

use super::SessionHandle;
use crate::{
    messages::Refused,
    model::{CloseReason, Name, Peer},
};

/// The moments of a connection's life, as names for [`Happened`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// A listener is bound and about to accept. Refused: the gateway does not start.
    Listening,
    /// A device has connected, nothing was read. Refused: the session ends as `denied`.
    Connected,
    /// A device has a name. Refused: the session ends as `denied`, and was never online.
    Online,
    /// A device has sent bytes. Refused: they go nowhere, counted as filtered.
    Data,
    /// A device will send nothing more. Refused: the session stays half-open until somebody closes
    /// it.
    PeerFinished,
    /// A device has been silent for `idle_timeout`. Refused: it is neither closed nor told of.
    Idle,
    /// There is room again after a refused write. Only told.
    Writable,
    /// A device that was online is gone. Only told.
    Offline,
    /// A connection is over, named or not. Only told.
    Closed,
}

impl Moment {
    /// How many moments there are.
    pub(super) const COUNT: usize = 9;
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// A listener is bound, to the address told here.
    Listening(Arc<str>),
    /// A device has connected.
    Connected,
    /// A device has a name.
    Online,
    /// A device has sent these bytes.
    Data(Bytes),
    /// A device will send nothing more.
    PeerFinished,
    /// A device has been silent for `idle_timeout`.
    Idle,
    /// There is room again after a refused write.
    Writable,
    /// A device that was online is gone.
    Offline(CloseReason),
    /// A connection is over.
    Closed {
        /// How it ended.
        reason: CloseReason,
        /// Every byte read from it.
        received_bytes: u64,
        /// Every byte written to it.
        sent_bytes: u64,
    },
}

impl Happened {
    /// The moment that this belongs to.
    pub const fn moment(&self) -> Moment {
        match self {
            Self::Listening(_) => Moment::Listening,
            Self::Connected => Moment::Connected,
            Self::Online => Moment::Online,
            Self::Data(_) => Moment::Data,
            Self::PeerFinished => Moment::PeerFinished,
            Self::Idle => Moment::Idle,
            Self::Writable => Moment::Writable,
            Self::Offline(_) => Moment::Offline,
            Self::Closed { .. } => Moment::Closed,
        }
    }
}

/// Something that happened, and to whom. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Occurrence {
    /// What happened.
    pub what: Happened,
    /// The listener's name.
    pub listener: Arc<str>,
    /// The session; `None` for what concerns a listener.
    pub session: Option<SessionHandle>,
    /// Where the device connects from.
    pub peer: Option<Peer>,
    /// The device's name, once it has one.
    pub name: Option<Name>,
    /// Connections of all listeners at that moment; one that has ended is counted no more.
    pub connections: u32,
}

impl Occurrence {
    /// What happened to a listener as a whole.
    pub fn of_listener(what: Happened, listener: Arc<str>) -> Self {
        Self { what, listener, session: None, peer: None, name: None, connections: 0 }
    }

    /// What happened to one session.
    pub fn of_session(
        what: Happened,
        listener: Arc<str>,
        session: SessionHandle,
        peer: Option<Peer>,
        name: Option<Name>,
        connections: u32,
    ) -> Self {
        Self { what, listener, session: Some(session), peer, name, connections }
    }

    /// Writes to the session that this is about, as [`SessionHandle::write`] does.
    ///
    /// # Errors
    /// The session is over, or its device does not read; a listener as a whole is written to in
    /// vain.
    pub async fn reply(&self, bytes: impl Into<Bytes>) -> Result<(), Refused> {
        match &self.session {
            Some(session) => session.write(bytes).await,
            None => Err(Refused::Gone),
        }
    }
}

/// What happened on one session thread since the last batch, in order.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Observed(pub Arc<[Occurrence]>);

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Listening => "listening",
            Self::Connected => "connected",
            Self::Online => "online",
            Self::Data => "data",
            Self::PeerFinished => "peer_finished",
            Self::Idle => "idle",
            Self::Writable => "writable",
            Self::Offline => "offline",
            Self::Closed => "closed",
        })
    }
}
