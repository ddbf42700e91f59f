use std::{sync::Arc, time::Duration};

use actix::Message;

use crate::model::{Name, SessionId};

/// Tell of sessions. Asked by the admin API; answered from the thread's table, and with nobody asked
/// for it says no more than that the thread is alive.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Described")]
pub enum Describe {
    /// Those in these slots, as far as they are still there.
    These(Vec<(u32, SessionId)>),
    /// Connections without a name, from this slot on; as many slots as take no time are looked at.
    Nameless {
        /// The first slot.
        from: u32,
    },
}

/// What a thread tells of its sessions.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// They, in the order of the question.
    pub sessions: Vec<Description>,
    /// Where to go on, if not all slots were looked at.
    pub next: Option<u32>,
}

/// One session as its thread knows it.
#[derive(Clone, Debug)]
pub struct Description {
    /// The session.
    pub session: SessionId,
    /// Its name, once it has claimed one.
    pub name: Option<Name>,
    /// How far it has come: `nameless`, `claiming`, `granted`, `online` or `ending`.
    pub state: &'static str,
    /// The listener that let it in.
    pub listener: Arc<str>,
    /// Where it connects from.
    pub peer: String,
    /// How long it is connected.
    pub connected: Duration,
    /// How long it is silent, pauses left out; unknown in the moment in which it is at work.
    pub silent: Option<Duration>,
    /// Bytes read.
    pub received_bytes: u64,
    /// Bytes written.
    pub sent_bytes: u64,
    /// Data told upstream.
    pub data_events: u64,
    /// Whether it is behind the connection of another.
    pub is_behind: bool,
    /// The names that share its connection, its own among them, [`Description::MOST_BESIDE`] at most;
    /// told only where one session is asked for alone.
    pub beside: Vec<Name>,
    /// Without a name: the first bytes that it has sent, [`Description::MOST_BYTES`] at most.
    pub first_bytes: Vec<u8>,
}

impl Description {
    /// Most bytes of a nameless device that are told.
    pub const MOST_BYTES: usize = 64;

    /// Most names of devices behind one connection that are told.
    pub const MOST_BESIDE: usize = 100;
}
