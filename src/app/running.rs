use std::sync::{Arc, atomic::AtomicBool};

use actix::Addr;

use crate::{
    actors::{Forwarder, Server},
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

/// An upstream that is supplied.
pub struct RunningUpstream {
    pub name: String,
    pub reader: ReaderId,
    /// Where the web server connects to us, if it has an address of its own.
    pub address: Option<String>,
    pub forwarder: Addr<Forwarder>,
}
