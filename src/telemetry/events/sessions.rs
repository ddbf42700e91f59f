//! One device's connection, from its name to its end.

use std::{fmt::Display, time::Duration};

use serde_json::json;
use slog::{debug, error, info, trace, warn};

use super::{SessionFacts, Telemetry};
use crate::{
    model::{CloseReason, FlagReason, Name, Seat, UnixMillis},
    telemetry::{Closed, Excerpt, Filtered, Label, Level, Module, Polled},
};

/// How a session ended, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// How.
    pub reason: CloseReason,
    /// Bytes read, the registration too.
    pub received_bytes: u64,
    /// Bytes written.
    pub sent_bytes: u64,
    /// Pieces of data forwarded.
    pub chunks: u64,
    /// How long it was connected.
    pub connected: Duration,
    /// Connections that are left.
    pub connections: u32,
    /// Whether its name was granted and told upstream.
    pub was_online: bool,
}

impl Telemetry {
    /// A device said who it is.
    pub fn session_named(&self, facts: &SessionFacts, connections: u32) {
        self.counts().named.add(1);
        info!(self.log(Module::Session), "device online"; facts, "connections" => connections);
        self.witnessed(|witness| {
            witness.tell("online", facts.name, || {
                json!({
                    "name": facts.name,
                    "session": facts.session.to_string(),
                    "listener": facts.listener,
                    "peer": facts.peer,
                    "connections": connections,
                })
            });
        });
    }

    /// A device behind somebody else's connection is gone.
    pub fn subdevice_gone(&self, facts: &SessionFacts, reason: CloseReason) {
        info!(self.log(Module::Session), "device offline"; facts, "reason" => reason.as_str());
        self.witnessed(|witness| {
            witness.tell("closed", facts.name, || {
                json!({
                    "name": facts.name,
                    "session": facts.session.to_string(),
                    "listener": facts.listener,
                    "peer": facts.peer,
                    "reason": reason.as_str(),
                })
            });
        });
    }

    /// A session ended, the one time that it does.
    pub fn session_ended(&self, facts: &SessionFacts, ending: &Ending) {
        self.session_ended_with(facts, ending, Vec::new());
    }

    /// The same; where it has no name, these are the first bytes that it sent.
    pub fn session_ended_with(&self, facts: &SessionFacts, ending: &Ending, first: Vec<u8>) {
        let counts = self.counts();
        counts.ended.add(ending.reason, 1);
        counts.received_bytes.add(ending.received_bytes);
        counts.sent_bytes.add(ending.sent_bytes);
        counts.chunks.add(ending.chunks);
        let (level, message) = match (ending.reason, ending.was_online) {
            (CloseReason::Panicked, _) => (Level::Warning, "session panicked"),
            (_, true) => (Level::Info, "device offline"),
            (_, false) => (Level::Info, "connection ended"),
        };
        let seconds = ending.connected.as_millis() as f64 / 1000.0;
        self.log(Module::Session).put(
            level,
            message,
            slog::b!(facts, "reason" => ending.reason.as_str(),
                "received_bytes" => ending.received_bytes, "sent_bytes" => ending.sent_bytes,
                "chunks" => ending.chunks, "seconds" => seconds,
                "connections" => ending.connections),
        );
        self.witnessed(|witness| {
            witness.ended(Closed {
                time: UnixMillis::now(),
                session: facts.session,
                name: facts.name.map(str::to_owned),
                listener: facts.listener.to_owned(),
                peer: facts.peer.to_owned(),
                reason: ending.reason,
                received_bytes: ending.received_bytes,
                sent_bytes: ending.sent_bytes,
                connected: ending.connected,
                first_bytes: first,
            });
        });
    }

    /// A newcomer takes a name over.
    pub fn takeover(&self, name: &Name) {
        self.counts().takeovers.add(1);
        info!(self.log(Module::Registry), "name taken over"; "name" => name.as_str());
        let name = name.as_str();
        self.witnessed(|witness| {
            witness.tell("taken_over", Some(name), || json!({ "name": name }))
        });
    }

    /// A name was taken over more often than its listener allows: the oldest keeps it for a while.
    pub fn takeover_flagged(&self, name: &Name) {
        self.counts().takeovers_flagged.add(1);
        warn!(self.log(Module::Registry), "name taken over too often"; "name" => name.as_str());
        let name = name.as_str();
        self.witnessed(|witness| {
            let facts = || json!({ "name": name, "why": FlagReason::Takeovers.as_str() });
            witness.tell("flagged", Some(name), facts);
        });
    }

    /// A name has come `connects` times, more often than its listener takes for usual. Told once,
    /// until it has calmed down.
    pub fn flapping(&self, name: &Name, connects: u32) {
        self.counts().flapping.add(1);
        let name = name.as_str();
        warn!(self.log(Module::Registry), "device flaps"; "name" => name, "connects" => connects);
        self.witnessed(|witness| {
            witness.tell(
                "flagged",
                Some(name),
                || json!({ "name": name, "why": FlagReason::Connects.as_str(), "connects": connects }),
            );
        });
    }

    /// A device has been silent for `silence`, and stays connected.
    pub fn idle(&self, facts: &SessionFacts, silence: Duration) {
        self.counts().idle.add(1);
        info!(self.log(Module::Session), "device idle"; facts, "silence" => ?silence);
        self.witnessed(|witness| {
            witness.tell("idle", facts.name, || {
                json!({
                    "name": facts.name,
                    "session": facts.session.to_string(),
                    "silent_seconds": silence.as_secs_f64(),
                })
            });
        });
    }

    /// Bytes that never become an event.
    pub fn filtered(&self, facts: &SessionFacts, reason: Filtered, chunks: u64, bytes: u64) {
        self.counts().filtered_chunks.add(reason, chunks);
        self.counts().filtered_bytes.add(reason, bytes);
        trace!(self.log(Module::Session), "bytes filtered";
            facts, "reason" => reason.as_str(), "chunks" => chunks, "bytes" => bytes);
    }

    /// What a device sent breaks the rules of its protocol; the ending that follows is counted.
    pub fn bad_bytes(&self, facts: &SessionFacts, error: &dyn Display, bytes: &[u8]) {
        info!(self.log(Module::Session), "bytes not understood";
            facts, "error" => %error, "bytes" => %Excerpt(bytes));
    }

    /// The checksum of a frame is wrong.
    pub fn bad_checksum(&self, facts: &SessionFacts, frame: &[u8]) {
        self.counts().bad_checksums.add(1);
        debug!(self.log(Module::Session), "bad checksum"; facts, "frame" => %Excerpt(frame));
    }

    /// A device was asked, or has answered, or has not.
    pub fn polled(&self, outcome: Polled) {
        self.counts().polls.add(outcome, 1);
    }

    /// A frame is answered, now or once it is safe.
    pub fn answered(&self) {
        self.counts().answered.add(1);
    }

    /// The session thread `seat.thread` did not end the session that holds `name` in time.
    pub fn thread_stuck(&self, name: &Name, seat: Seat) {
        self.counts().threads_stuck.add(1);
        error!(self.log(Module::Supervision), "session thread stuck";
            "thread" => seat.thread, "name" => name.as_str());
    }

    /// Of the bytes that a device does not take there were `before`, and are `after`.
    pub fn outbound_changed(&self, before: usize, after: usize) {
        self.counts().queues.outbound_bytes.change(before, after);
    }

    /// Of the replies of a thread that wait for the spool there were `before`, and are `after`.
    pub fn replies_changed(&self, before: usize, after: usize) {
        self.counts().queues.replies.change(before, after);
    }

    /// A decider refused something, for the reason `why`.
    pub fn denied(&self, facts: &SessionFacts, moment: &dyn Display, why: &str) {
        self.counts().denied.add(1);
        info!(self.log(Module::Extension), "denied"; facts, "moment" => %moment, "why" => why);
    }
}
