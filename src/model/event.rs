use super::{CloseReason, CommandFault, CommandState, SessionId, UnixMillis};

/// One thing that the upstream is told, borrowed from wherever its bytes stand.
///
/// An event has no offset of its own: a batch of events gets consecutive offsets when it is
/// appended to the spool. `gap` is missing here because it is never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The gateway started: all sessions before this are over.
    Started {
        /// When.
        time: UnixMillis,
        /// The stop before was clean and nothing was lost by it.
        clean: bool,
    },
    /// A device said who it is.
    Online {
        /// Its name.
        name: &'a str,
        /// Its connection.
        session: SessionId,
        /// When the name was complete.
        time: UnixMillis,
        /// Where it connects from.
        peer: &'a str,
        /// Sockets open at this moment.
        connections: u32,
    },
    /// Bytes of a device.
    Data {
        /// Its name, `unknown` while it has none.
        name: &'a str,
        /// Its connection.
        session: SessionId,
        /// The session's data are counted from 1.
        seq: u64,
        /// When the bytes were read.
        time: UnixMillis,
        /// Where it connects from.
        peer: &'a str,
        /// Sockets open at this moment.
        connections: u32,
        /// The bytes.
        data: &'a [u8],
        /// What the protocol reads in them: members of a JSON object, a comma in front of each;
        /// nothing where bytes pass as they come.
        meaning: &'a [u8],
    },
    /// A device has been silent for `idle_timeout`, and stays connected.
    Idle {
        /// Its name.
        name: &'a str,
        /// Its connection.
        session: SessionId,
        /// When that was noticed.
        time: UnixMillis,
        /// Sockets open at this moment.
        connections: u32,
    },
    /// A device that was online is gone.
    Offline {
        /// Its name.
        name: &'a str,
        /// Its connection.
        session: SessionId,
        /// When the connection ended.
        time: UnixMillis,
        /// How it ended.
        reason: CloseReason,
        /// Every byte read from it, the registration too.
        received_bytes: u64,
        /// Every byte written to it.
        sent_bytes: u64,
        /// Sockets still open.
        connections: u32,
    },
    /// A command for a device has come further.
    Command {
        /// The sender's id of it.
        id: &'a str,
        /// The device.
        name: &'a str,
        /// Counted from 1; a higher one begins again at `queued`.
        attempt: u32,
        /// How far it has come.
        state: CommandState,
        /// When.
        time: UnixMillis,
        /// What the device answered; nothing in any other state.
        data: &'a [u8],
        /// Why it failed; only then.
        reason: Option<CommandFault>,
    },
}

impl Event<'_> {
    /// The word for it on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Online { .. } => "online",
            Self::Data { .. } => "data",
            Self::Idle { .. } => "idle",
            Self::Offline { .. } => "offline",
            Self::Command { .. } => "command",
        }
    }

    /// When it was taken.
    pub const fn time(&self) -> UnixMillis {
        match *self {
            Self::Started { time, .. }
            | Self::Online { time, .. }
            | Self::Data { time, .. }
            | Self::Idle { time, .. }
            | Self::Offline { time, .. }
            | Self::Command { time, .. } => time,
        }
    }

    /// Whether it belongs to those that own the spool's reserve, since a device's bytes make no
    /// sense without them, or somebody waits for it.
    pub const fn owns_reserve(&self) -> bool {
        matches!(
            self,
            Self::Started { .. }
                | Self::Online { .. }
                | Self::Offline { .. }
                | Self::Command { .. }
        )
    }
}
