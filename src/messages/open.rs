use std::{sync::Arc, time::Duration};

use actix::Message;

use super::Poll;
use crate::{
    limits::{DuplicatePolicy, Ticket},
    model::Peer,
    net::{Accepted, KeepaliveSettings, Socket},
    protocol::{Protocols, Rules},
};

/// How the sessions of one listener are served: its settings, turned into working values.
#[derive(Debug)]
pub struct ListenerProfile {
    /// The listener's name.
    pub name: Arc<str>,
    /// How bytes are cut and names are found.
    pub protocols: Protocols,
    /// What the listener says about registrations.
    pub rules: Rules,
    /// A device has so long to say who it is.
    pub registration_timeout: Option<Duration>,
    /// What happens when a name is taken.
    pub duplicates: DuplicatePolicy,
    /// Silence after which a device counts as idle.
    pub idle_timeout: Option<Duration>,
    /// Whether an idle device is closed, or only told of.
    pub close_idle: bool,
    /// When the kernel asks a silent peer whether it is still there.
    pub keepalive: KeepaliveSettings,
    /// How long bytes may stay unacknowledged.
    pub user_timeout: Option<Duration>,
    /// Most bytes waiting for a device that does not read.
    pub outbound_limit: usize,
    /// What devices are asked at intervals.
    pub polls: Arc<[Poll]>,
    /// How long an ending session may take to write what it holds.
    pub farewell: Duration,
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Arrival {
    /// The connection.
    pub socket: Socket,
    /// Where it comes from.
    pub peer: Peer,
    /// The listener that let it in.
    pub listener: Arc<ListenerProfile>,
    /// It is counted as long as this lives.
    pub ticket: Ticket,
}

/// Serve these connections.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Open(pub Vec<Arrival>);

/// From now on the listener serves newcomers so; who is there already stays as it was let in.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Reconfigure {
    /// How they are served.
    pub profile: Arc<ListenerProfile>,
    /// Most connections at a time.
    pub max_connections: u32,
}

/// A connection that somebody else has accepted for a listener: it is admitted or refused as if
/// the listener had.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DeviceArrived(pub Accepted);

/// A web server has connected to a listener.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WebServerArrived {
    /// The connection.
    pub socket: Socket,
    /// Where it comes from.
    pub peer: Peer,
}
