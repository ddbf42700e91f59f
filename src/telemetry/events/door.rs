//! Listeners, and who comes in.

use std::fmt::Display;

use slog::{debug, info, warn};

use super::Telemetry;
use crate::{
    model::Peer,
    telemetry::{AcceptFaultKind, Label, Level, Module, Refusal},
};

impl Telemetry {
    /// A listener takes devices in at `address`, as it turned out to be.
    pub fn listening(&self, listener: &str, address: &dyn Display, protocol: &str) {
        info!(self.log(Module::Server), "listening";
            "listener" => listener, "address" => %address, "protocol" => protocol);
    }

    /// A listener takes nobody in any more: how many it took in and turned away, and how many were
    /// there at most.
    pub fn listener_closed(&self, listener: &str, accepted: u64, refused: u64, peak: u32) {
        info!(self.log(Module::Server), "listener closed";
            "listener" => listener, "accepted" => accepted, "refused" => refused, "peak" => peak);
    }

    /// A connection was taken in; `connections` are open now.
    pub fn accepted(&self, listener: &str, peer: &Peer, connections: u32) {
        self.counts().accepted.add(1);
        debug!(self.log(Module::Server), "connection accepted";
            "listener" => listener, "peer" => %peer, "connections" => connections);
    }

    /// A connection was refused at the door. Logged once a second for each reason.
    pub fn refused(&self, listener: &str, peer: &Peer, reason: Refusal) {
        self.counts().refused.add(reason, 1);
        let Some(suppressed) = self.throttle(|all| &all.refused[reason.place()]) else { return };
        warn!(self.log(Module::Server), "connection refused";
            "listener" => listener, "peer" => %peer, "reason" => reason.as_str(),
            "suppressed" => suppressed);
    }

    /// Accepting failed. Logged once a second for each kind; a single connection's fault is normal.
    pub fn accept_fault(&self, listener: &str, kind: AcceptFaultKind, error: &dyn Display) {
        self.counts().accept_faults.add(kind, 1);
        let Some(suppressed) = self.throttle(|all| &all.accept_faults[kind.place()]) else {
            return;
        };
        let level = match kind {
            AcceptFaultKind::ThisConnection => Level::Debug,
            AcceptFaultKind::Exhausted => Level::Warning,
            AcceptFaultKind::ListenerGone | AcceptFaultKind::Unexpected => Level::Error,
        };
        self.log(Module::Server).put(
            level,
            "accept failed",
            slog::b!("listener" => listener, "kind" => kind.as_str(), "error" => %error,
                "suppressed" => suppressed),
        );
    }
}
