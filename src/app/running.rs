use std::sync::{Arc, Mutex, atomic::AtomicBool};

use actix::Addr;

use crate::{
    actors::{Commander, Forwarder, Server},
    commands::Keeper,
    limits::ListenerCounts,
    spool::ReaderId,
};

/// A listener that accepts.
pub struct RunningListener {
    pub name: String,
    pub address: String,
    pub counts: Arc<ListenerCounts>,
    pub server: Addr<Server>,
    /// Set once it may end.
    pub leaving: Arc<AtomicBool>,
}

/// The commander, and what it keeps.
pub struct RunningCommander {
    pub commander: Addr<Commander>,
    pub keeper: Arc<Mutex<Keeper>>,
}

/// An upstream that is supplied.
pub struct RunningUpstream {
    pub name: String,
    pub reader: ReaderId,
    /// Where the web server connects to us, if it has an address of its own.
    pub address: Option<String>,
    pub forwarder: Addr<Forwarder>,
}
