//! What waits for the upstreams.

use std::{fmt::Display, time::Duration};

use slog::{info, warn};

use super::Telemetry;
use crate::{model::Offset, telemetry::Module};

impl Telemetry {
    /// The spool is open; `clean` says whether the last stop lost nothing.
    pub fn spool_opened(&self, kind: &str, clean: bool, next: Offset) {
        info!(self.log(Module::Spool), "spool opened";
            "type" => kind, "clean" => clean, "next" => next.0);
    }

    /// The spool is full: devices are not read until there is room.
    pub fn spool_paused(&self) {
        self.counts().spool_pauses.add(1);
        warn!(self.log(Module::Spool), "spool full, reading paused");
    }

    /// There is room again.
    pub fn spool_resumed(&self, paused: Duration) {
        info!(self.log(Module::Spool), "spool has room, reading goes on"; "paused" => ?paused);
    }

    /// The spool could not do what it was asked for; it goes on, and tries again where that helps.
    pub fn spool_fault(&self, what: &str, error: &dyn Display) {
        self.counts().spool_faults.add(1);
        slog::error!(self.log(Module::Spool), "spool failed"; "what" => what, "error" => %error);
    }

    /// A file could not be made safe: what was written to it since the last time is written once
    /// more, elsewhere, and nothing is promised until that is safe.
    pub fn spool_sync_failed(&self, file: &str, error: &dyn Display) {
        self.counts().spool_syncs_failed.add(1);
        slog::error!(self.log(Module::Spool), "sync failed, nothing is promised until it is made good";
            "file" => file, "error" => %error);
    }

    /// There is no room for more: `max_size` is reached, or the file system is full.
    pub fn spool_full(&self, why: &dyn Display) {
        warn!(self.log(Module::Spool), "spool has no room for another segment"; "why" => %why);
    }

    /// Bytes that a crash has left half-written were cut off.
    pub fn spool_torn(&self, file: &str, at: u64) {
        info!(self.log(Module::Spool), "torn end cut off"; "file" => file, "at" => at);
    }

    /// A part of a file is not what was written. Its bytes are kept aside.
    pub fn spool_damaged(&self, file: &str, at: u64, bytes: u64, kept: &dyn Display) {
        self.counts().spool_damages.add(1);
        slog::error!(self.log(Module::Spool), "spool damaged";
            "file" => file, "at" => at, "bytes" => bytes, "kept" => %kept);
    }

    /// The file that says which offsets are given out and how far each upstream has come was lost.
    pub fn spool_state_lost(&self, kept: &dyn Display) {
        self.counts().spool_damages.add(1);
        slog::error!(self.log(Module::Spool),
            "spool's state lost, every upstream begins with the oldest event"; "kept" => %kept);
    }

    /// An upstream's cursor was set back by hand.
    pub fn spool_rewound(&self, upstream: &str, from: Offset, to: Offset) {
        warn!(self.log(Module::Spool), "upstream set back by hand";
            "upstream" => upstream, "from" => from.0, "to" => to.0);
    }

    /// An upstream that is not configured was forgotten by hand, with the events that waited for it.
    pub fn spool_forgot(&self, upstream: &str, events: u64) {
        warn!(self.log(Module::Spool), "upstream forgotten by hand";
            "upstream" => upstream, "events" => events);
    }

    /// Events are kept for an upstream that is not configured any more.
    pub fn spool_keeps_for(&self, upstream: &str, events: u64) {
        warn!(self.log(Module::Spool), "upstream is not configured, and its events are kept";
            "upstream" => upstream, "events" => events,
            "hint" => "tetherd spool forget lets go of them");
    }
}
