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

    /// The spool could not do what it was asked for.
    pub fn spool_fault(&self, error: &dyn Display) {
        slog::error!(self.log(Module::Spool), "spool failed"; "error" => %error);
    }
}
