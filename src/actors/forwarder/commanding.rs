use bytes::BytesMut;

use super::courier::Courier;
use crate::{commands::Refusal, link::Complaint, messages::CommandLine, telemetry::LinkError};

/// Why a link without acknowledgements takes no commands.
const NO_ACKS: &str = "commands need ack = true in [upstream]: without acknowledgements what became \
                       of them could be lost";

impl Courier {
    /// Hands a command on, and waits until it is taken: a web server that sends more than can be
    /// taken waits too.
    pub(super) async fn take_command(&mut self, line: String, out: &mut BytesMut) {
        let (kind, why) = match &self.parts.commands {
            _ if !self.parts.settings.ack => (LinkError::Unsupported, NO_ACKS.to_owned()),
            None => (LinkError::Unsupported, Refusal::Off.to_string()),
            Some(commands) => {
                let upstream = self.parts.name.clone();
                let asked = commands.send(CommandLine { upstream, line: line.clone() });
                match asked.await.unwrap_or(Err(Refusal::Away)) {
                    Ok(()) => return,
                    Err(refusal) => (LinkError::Refused, refusal.to_string()),
                }
            }
        };
        let complaint = Complaint::about(&line, why);
        let (telemetry, name) = (&self.parts.telemetry, &self.parts.name);
        telemetry.bad_line(name, kind, &complaint.why, &complaint.line);
        self.answer(&complaint, out);
    }
}
