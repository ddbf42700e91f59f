use std::sync::Arc;

use super::Session;
use crate::{
    actors::thread::Standing,
    extension::{Happened, Moment, Verdict},
    model::{CloseReason, Name},
    protocol::Protocol,
};

impl Session {
    /// Begins to serve the device: one that is named by its address needs not say a word.
    pub(super) fn begin(&mut self) {
        let by_address = self.protocol(&self.listener).is_some_and(Protocol::names_by_address);
        if !by_address {
            return;
        }
        let text = self.thread.with(self.slot, |who| who.peer.clone()).unwrap_or_default();
        match Name::new(text.as_bytes()) {
            Ok(name) => self.claim(name),
            Err(_) => self.end(CloseReason::Malformed),
        }
    }

    /// Asks the registry for a name. Nothing more is read until it answers.
    pub(super) fn claim(&mut self, name: Name) {
        self.thread.with(self.slot, |who| {
            who.name = Some(name);
        });
        self.first = None;
        self.stands(Standing::Claiming);
        self.thread.claim(self.slot);
    }

    /// The registry has granted the name. An answer given twice changes nothing.
    pub(super) fn granted(&mut self) {
        if self.standing != Standing::Claiming || self.ending.is_some() {
            return;
        }
        self.stands(Standing::Granted);
        self.thread.tap_granted(self.slot);
        self.ask(Happened::Online, |session, verdict| match verdict {
            Verdict::Proceed => session.goes_online(),
            Verdict::Refuse(_) => session.end(CloseReason::Denied),
        });
    }

    fn goes_online(&mut self) {
        self.stands(Standing::Online);
        self.thread.tell_online(self.slot);
        let telemetry = &self.thread.ports.telemetry;
        let connections = self.thread.ports.occupancy.connections();
        self.thread.with(self.slot, |who| telemetry.session_named(&who.facts(), connections));
        self.intake.named();
        self.begin_polls();
        self.answer_login(&Arc::clone(&self.listener));
        if !self.is_decided(Moment::Online) {
            self.go_on();
        }
    }

    pub(super) fn stands(&mut self, standing: Standing) {
        self.standing = standing;
        self.thread.with(self.slot, |who| who.standing = standing);
    }
}
