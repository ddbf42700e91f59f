//! Whether threads, devices and the service manager are well.

use std::{fmt::Display, time::Duration};

use serde_json::json;
use slog::{error, info, warn};

use super::Telemetry;
use crate::telemetry::Module;

impl Telemetry {
    /// A thread has not done anything for so long that it counts as stuck.
    pub fn thread_stands_still(&self, thread: &str, since: Duration) {
        self.counts().threads_stuck.add(1);
        error!(self.log(Module::Supervision), "thread stands still";
            "thread" => thread, "since" => ?since,
            "hint" => "a handler of an extension that blocks holds up all devices of its thread");
        self.witnessed(|witness| {
            witness.tell("thread_still", None, || json!({ "thread": thread }));
        });
    }

    /// It does its work again, after so long.
    pub fn thread_goes_on(&self, thread: &str, stood: Duration) {
        warn!(self.log(Module::Supervision), "thread goes on"; "thread" => thread, "stood" => ?stood);
        self.witnessed(|witness| witness.tell("thread_on", None, || json!({ "thread": thread })));
    }

    /// Devices have fallen silent: so many messages came within `window`, and so many in the same time
    /// before.
    pub fn traffic_quiet(&self, window: Duration, messages: u64, before: u64) {
        self.counts().traffic_silences.add(1);
        error!(self.log(Module::App), "devices have fallen silent";
            "window" => ?window, "messages" => messages, "before" => before);
        self.witnessed(|witness| {
            witness.tell(
                "traffic_quiet",
                None,
                || json!({ "messages": messages, "before": before }),
            );
        });
    }

    /// They speak again.
    pub fn traffic_resumed(&self, window: Duration, messages: u64) {
        info!(self.log(Module::App), "devices speak again";
            "window" => ?window, "messages" => messages);
        self.witnessed(|witness| {
            witness.tell("traffic_resumed", None, || json!({ "messages": messages }));
        });
    }

    /// So many events of data, with so many bytes, were handed over for the web servers.
    pub fn data_told(&self, events: u64, bytes: u64) {
        self.counts().data_events.add(events);
        self.counts().data_bytes.add(bytes);
    }

    /// The service manager's watchdog is not fed any more.
    pub fn watchdog_starved(&self, why: &dyn Display) {
        self.counts().watchdog_starved.add(1);
        error!(self.log(Module::App), "watchdog not fed, systemd will start the gateway afresh";
            "why" => %why);
    }

    /// It is fed again.
    pub fn watchdog_fed(&self) {
        info!(self.log(Module::App), "watchdog fed again");
    }

    /// The service manager could not be told something.
    pub fn notify_failed(&self, error: &dyn Display) {
        self.counts().notify_failed.add(1);
        warn!(self.log(Module::App), "systemd not told"; "error" => %error);
    }
}
