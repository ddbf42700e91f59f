//! What web servers ask devices to do.

use std::fmt::Display;

use serde_json::json;
use slog::{debug, error, info, warn};

use super::Telemetry;
use crate::{
    model::{CommandFault, CommandState, Name},
    telemetry::Module,
};

impl Telemetry {
    /// Commands are taken; `durable` says whether they outlive the process.
    pub fn commands_opened(&self, durable: bool, waiting: usize, remembered: usize) {
        info!(self.log(Module::Commands), "commands are taken";
            "durable" => durable, "waiting" => waiting, "remembered" => remembered);
    }

    /// A command has reached a state, or its state is told again.
    pub fn command(
        &self,
        id: &str,
        name: &Name,
        attempt: u32,
        state: CommandState,
        reason: Option<CommandFault>,
    ) {
        self.counts().commands.add(state, 1);
        if let Some(reason) = reason {
            self.counts().commands_failed.add(reason, 1);
        }
        debug!(self.log(Module::Commands), "command";
            "id" => id, "name" => name.as_str(), "attempt" => attempt, "state" => state.as_str(),
            "reason" => reason.map(CommandFault::as_str));
        self.witnessed(|witness| {
            witness.tell("command", Some(name.as_str()), || {
                let mut facts = json!({
                    "id": id, "name": name.as_str(), "attempt": attempt, "state": state.as_str(),
                });
                if let Some(reason) = reason {
                    facts["reason"] = reason.as_str().into();
                }
                facts
            });
        });
    }

    /// Bytes of the journal are no records: what stood there is not known, and nothing that waits is
    /// sent.
    pub fn commands_torn(&self, at: u64, bytes: u64) {
        self.counts().commands_torn.add(1);
        error!(self.log(Module::Commands), "end of the journal is missing, what waits has expired";
            "at" => at, "bytes" => bytes, "kept" => "journal.damaged");
    }

    /// The journal cannot be written: no command is taken until it can.
    pub fn commands_not_kept(&self, error: &dyn Display) {
        self.counts().commands_not_kept.add(1);
        error!(self.log(Module::Commands), "journal cannot be written, no commands are taken";
            "error" => %error);
    }

    /// Ends were forgotten before their 24 hours: one that is sent again would be taken for a new
    /// command.
    pub fn commands_forgotten(&self, ends: u64) {
        self.counts().commands_forgotten.add(ends);
        let Some(suppressed) = self.throttle(|all| &all.commands_forgotten) else { return };
        warn!(self.log(Module::Commands), "ends of commands forgotten before their time";
            "ends" => ends, "suppressed" => suppressed);
    }
}
