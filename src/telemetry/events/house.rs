//! The process: phases, signals, panics, observers, configuration.

use std::{fmt::Display, time::Duration};

use serde_json::json;
use slog::{debug, error, info, warn};

use super::Telemetry;
use crate::telemetry::{ActorKind, Label, Level, Module};

impl Telemetry {
    /// The process enters a phase of its life, which may last for `deadline`.
    pub fn phase(&self, name: &str, deadline: Option<Duration>) {
        let deadline = deadline.map(|span| format!("{span:?}"));
        info!(self.log(Module::App), "phase"; "phase" => name, "deadline" => deadline);
        self.witnessed(|witness| witness.tell("phase", None, || json!({ "phase": name })));
    }

    /// Somebody changes something by way of the admin API: the token's name where tokens are needed,
    /// where the request comes from, what is asked for, and the status that it is answered with.
    pub fn admin_changed(&self, token: Option<&str>, peer: &str, what: &str, status: u16) {
        self.counts().admin_changes.add(1);
        info!(self.log(Module::Admin), "change by hand";
            "token" => token, "peer" => peer, "what" => what, "status" => status);
    }

    /// Somebody logs in to the dashboard with the token of this name, from `peer`.
    pub fn admin_logged_in(&self, token: Option<&str>, peer: &str) {
        info!(self.log(Module::Admin), "logged in"; "token" => token, "peer" => peer);
    }

    /// Somebody logs out again.
    pub fn admin_logged_out(&self, token: Option<&str>, peer: &str) {
        info!(self.log(Module::Admin), "logged out"; "token" => token, "peer" => peer);
    }

    /// A request was refused before it could do anything. Logged once a second.
    pub fn admin_refused(&self, peer: &str, what: &str, why: &str) {
        self.counts().admin_refused.add(1);
        let Some(suppressed) = self.throttle(|all| &all.admin_refused) else { return };
        warn!(self.log(Module::Admin), "request refused";
            "peer" => peer, "what" => what, "why" => why, "suppressed" => suppressed);
    }

    /// Somebody who follows what goes on was too slow for so much of it.
    pub fn admin_missed(&self, events: u64) {
        self.counts().admin_missed.add(events);
    }

    /// Somebody with this token, from `peer`, begins to look at the bytes of `what`.
    pub fn tap_opened(&self, token: Option<&str>, peer: &str, what: &str) {
        self.counts().taps.add(1);
        info!(self.log(Module::Admin), "tap opened";
            "token" => token, "peer" => peer, "what" => what);
    }

    /// He looks no more.
    pub fn tap_ended(&self, token: Option<&str>, peer: &str, what: &str) {
        info!(self.log(Module::Admin), "tap ended";
            "token" => token, "peer" => peer, "what" => what);
    }

    /// Somebody who looks at bytes was too slow for so many of them.
    pub fn tap_missed(&self, bytes: u64) {
        self.counts().tap_missed_bytes.add(bytes);
    }

    /// The admin API answers at `address`.
    pub fn admin_listening(&self, address: &dyn Display) {
        info!(self.log(Module::Admin), "admin API listening"; "address" => %address);
    }

    /// A signal came.
    pub fn signal(&self, name: &str) {
        info!(self.log(Module::App), "signal"; "signal" => name);
    }

    /// The log levels were changed; `level` is that of the modules without one of their own.
    pub fn level_changed(&self, level: Level) {
        // Written at every level but `error`, since whoever turned a knob wants to see it turn.
        warn!(self.log(Module::Telemetry), "log level changed"; "now" => level.as_str());
    }

    /// A setting that is allowed and doubtful.
    pub fn config_warning(&self, text: &dyn Display) {
        self.counts().config_warnings.add(1);
        warn!(self.log(Module::Config), "doubtful setting"; "warning" => %text);
    }

    /// Another configuration holds: so many values took hold, and so many need a restart.
    pub fn reloaded(&self, applied: usize, needs_restart: usize) {
        self.counts().reloads.add(1);
        info!(self.log(Module::Config), "configuration reloaded";
            "applied" => applied, "needs_restart" => needs_restart);
    }

    /// A value took hold.
    pub fn setting_changed(&self, change: &dyn Display) {
        info!(self.log(Module::Config), "setting changed"; "setting" => %change);
    }

    /// A value waits for the next start.
    pub fn needs_restart(&self, change: &dyn Display) {
        warn!(self.log(Module::Config), "setting needs a restart"; "setting" => %change);
    }

    /// A configuration cannot be taken over; everything is as before.
    pub fn reload_refused(&self, fault: &dyn Display) {
        self.counts().reloads_refused.add(1);
        error!(self.log(Module::Config), "configuration not reloaded"; "error" => %fault);
    }

    /// An actor panicked. `message` is what the panic said.
    pub fn actor_panicked(&self, kind: ActorKind, name: &str, message: &str) {
        self.counts().panics.add(kind, 1);
        error!(self.log(Module::Supervision), "actor panicked";
            "actor" => kind.as_str(), "name" => name, "panic" => message);
    }

    /// An actor runs again, `pause` after its panic, the `nth` time within the limit's stretch.
    pub fn actor_restarted(&self, kind: ActorKind, name: &str) {
        self.counts().restarts.add(kind, 1);
        warn!(self.log(Module::Supervision), "actor restarted";
            "actor" => kind.as_str(), "name" => name);
    }

    /// An actor panicked too often: the process drains and ends.
    pub fn actor_gave_up(&self, kind: ActorKind, name: &str, message: &str) {
        self.counts().given_up.add(kind, 1);
        error!(self.log(Module::Supervision), "actor given up";
            "actor" => kind.as_str(), "name" => name, "panic" => message);
    }

    /// An actor stopped by itself, or was told to.
    pub fn actor_stopped(&self, kind: ActorKind, name: &str) {
        debug!(self.log(Module::Supervision), "actor stopped";
            "actor" => kind.as_str(), "name" => name);
    }

    /// An observer was too slow for `events` events. Logged once a second.
    pub fn observer_missed(&self, events: u64) {
        self.counts().observer_missed.add(events);
        let Some(suppressed) = self.throttle(|all| &all.observer_missed) else { return };
        warn!(self.log(Module::Extension), "observer missed events";
            "events" => events, "suppressed" => suppressed);
    }

    /// So many deciders did not answer in time, and what is configured for that counts. Logged once a
    /// second.
    pub fn deciders_silent(&self, moment: &dyn Display, deciders: u64) {
        self.counts().deciders_silent.add(deciders);
        let Some(suppressed) = self.throttle(|all| &all.deciders_silent) else { return };
        warn!(self.log(Module::Extension), "decider silent";
            "moment" => %moment, "suppressed" => suppressed);
    }

    /// Something failed that has no event of its own; `what` failed with `error`.
    pub fn failed(&self, module: Module, what: &'static str, error: &dyn Display) {
        self.log(module).put(Level::Error, what, slog::b!("error" => %error));
    }
}
