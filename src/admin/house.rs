use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicUsize},
    time::Duration,
};

use actix::Recipient;
use tokio::sync::watch;

use super::Reloads;
use crate::{
    commands::{Keeper, Load},
    health::Health,
    limits::{ListenerCounts, Occupancy},
    messages::{Cancel, Describe, Instruct, Look, Submit, Tap},
    model::{FlagReason, Name, Seat, SessionId},
    spool::{ReaderId, Spool},
    telemetry::Telemetry,
};

/// What the API knows of the gateway: what it reads, and whom it asks.
pub struct House {
    /// What the gateway calls itself.
    pub gateway: String,
    /// Where it is in its life: `starting`, `running` and so on.
    pub phase: watch::Receiver<&'static str>,
    /// Who holds which name.
    pub names: Arc<dyn Names>,
    /// The session threads, by number.
    pub threads: Vec<ThreadPort>,
    /// Takes commands; none where they are turned off.
    pub commands: Option<CommandPort>,
    /// Where devices connect, and the web servers.
    pub ends: Arc<Ends>,
    /// What waits for them.
    pub spool: Arc<dyn Spool>,
    /// All connections.
    pub occupancy: Arc<Occupancy>,
    /// Whether threads and devices do their work.
    pub health: Arc<Health>,
    /// Log, counts, and what is kept of what happened.
    pub telemetry: Telemetry,
    /// The way to whoever reads the configuration anew.
    pub reloads: Reloads,
    /// How many follow what goes on.
    pub followers: AtomicUsize,
    /// How many look at the bytes of devices.
    pub taps: AtomicUsize,
}

/// The way to the commander.
pub struct CommandPort {
    /// Takes a command.
    pub submit: Recipient<Submit>,
    /// Cancels one.
    pub cancel: Recipient<Cancel>,
    /// Tells of one.
    pub look: Recipient<Look>,
    /// All of them.
    pub keeper: Arc<Mutex<Keeper>>,
}

impl CommandPort {
    /// How much there is to do.
    pub(super) fn load(&self) -> Load {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).commands.load()
    }
}

/// One session thread.
pub struct ThreadPort {
    /// Tells of its sessions.
    pub describe: Recipient<Describe>,
    /// Does something with one of them.
    pub instruct: Recipient<Instruct>,
    /// Shows what passes on them.
    pub tap: Recipient<Tap>,
}

/// Both ends of the gateway, as they are at present: a reload may change them.
#[derive(Default)]
pub struct Ends {
    listeners: RwLock<Arc<[ListenerView]>>,
    upstreams: RwLock<Arc<[UpstreamView]>>,
}

impl Ends {
    /// Where devices connect.
    pub fn listeners(&self) -> Arc<[ListenerView]> {
        Arc::clone(&self.listeners.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The web servers.
    pub fn upstreams(&self) -> Arc<[UpstreamView]> {
        Arc::clone(&self.upstreams.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these are the listeners.
    pub fn set_listeners(&self, now: Vec<ListenerView>) {
        *self.listeners.write().unwrap_or_else(PoisonError::into_inner) = now.into();
    }

    /// From now on these are the web servers.
    pub fn set_upstreams(&self, now: Vec<UpstreamView>) {
        *self.upstreams.write().unwrap_or_else(PoisonError::into_inner) = now.into();
    }
}

/// One listener.
#[derive(Clone)]
pub struct ListenerView {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// Its connections.
    pub counts: Arc<ListenerCounts>,
}

/// One upstream.
pub struct UpstreamView {
    /// Its name.
    pub name: String,
    /// `dial` or `accept`.
    pub mode: &'static str,
    /// Where it is, or where it connects to us.
    pub address: String,
    /// Its cursor.
    pub reader: ReaderId,
}

/// Who holds which name, without holding up those who change that.
pub trait Names: Send + Sync {
    /// How many names are held.
    fn count(&self) -> usize;

    /// Who holds `name`.
    fn find(&self, name: &str) -> Option<Held>;

    /// All that hold `name`: several, where duplicates are allowed.
    fn holders(&self, name: &str) -> Vec<(Seat, SessionId)>;

    /// The names that flap, whether they are held or not, in order.
    fn flagged(&self) -> Vec<Flagged>;

    /// The first `most` names behind `after`, in the order of their bytes, that contain `search`
    /// whatever its case. A name that is held from before the call until behind it is there,
    /// whoever comes and goes meanwhile.
    fn page(&self, after: &str, search: &str, most: usize) -> Vec<Held>;
}

/// A name that flaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flagged {
    /// The name.
    pub name: Name,
    /// How it flaps.
    pub why: FlagReason,
    /// How often it came, where it comes too often.
    pub connects: u32,
    /// How long ago it began.
    pub since: Duration,
    /// How long it stays flagged, unless it goes on.
    pub lasts: Duration,
    /// Whether it is held at present.
    pub is_here: bool,
}

/// A name and who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The name.
    pub name: Name,
    /// Where its session lives.
    pub seat: Seat,
    /// The session.
    pub session: SessionId,
    /// Whether it flaps: it came too often, or was taken over too often.
    pub flagged: bool,
}
