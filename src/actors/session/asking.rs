use std::sync::Arc;

use super::Session;
use crate::{
    actors::thread::Occupant,
    extension::{Happened, Moment, Occurrence, Verdict},
};

type Then = dyn FnOnce(&mut Session, Verdict);

/// What deciders are asked, and what follows from their answer.
pub(super) struct Question {
    pub(super) moment: Moment,
    pub(super) occurrence: Occurrence,
    pub(super) then: Box<Then>,
}

impl Session {
    /// Asks the deciders of `what`, if there are any, and goes on with `then` once they have
    /// answered. Nothing is read meanwhile.
    pub(super) fn ask(&mut self, what: Happened, then: impl FnOnce(&mut Self, Verdict) + 'static) {
        self.ask_about(self.slot, what, then);
    }

    /// The same of the device in `slot`, which is this or one behind its connection.
    pub(super) fn ask_about(
        &mut self,
        slot: u32,
        what: Happened,
        then: impl FnOnce(&mut Self, Verdict) + 'static,
    ) {
        let moment = what.moment();
        if !self.is_decided(moment) {
            return then(self, Verdict::Proceed);
        }
        let Some(occurrence) = self.thread.occurrence(slot, what) else { return };
        self.asking = true;
        self.question = Some(Box::new(Question { moment, occurrence, then: Box::new(then) }));
    }

    /// Puts the question that waits; the answer goes to [`Session::answered`].
    pub(super) fn put_question(
        &mut self,
    ) -> Option<(Answerer, impl Future<Output = Verdict> + use<>)> {
        let Question { moment, occurrence, then } = *self.question.take()?;
        let extensions = Arc::clone(&self.thread.ports.extensions);
        let telemetry = self.thread.ports.telemetry.clone();
        let asked = async move {
            let answer = extensions.ask(occurrence).await;
            if answer.silent > 0 {
                telemetry.deciders_silent(&moment, answer.silent);
            }
            answer.verdict
        };
        Some((Answerer { moment, then }, asked))
    }

    /// The deciders have answered.
    pub(super) fn answered(&mut self, to: Answerer, verdict: Verdict) {
        self.asking = false;
        if let Verdict::Refuse(why) = &verdict {
            let telemetry = &self.thread.ports.telemetry;
            let facts_told = |who: &mut Occupant| telemetry.denied(&who.facts(), &to.moment, why);
            self.thread.with(self.slot, facts_told);
        }
        if self.ending.is_none() {
            (to.then)(self, verdict);
        }
        self.go_on();
    }

    /// Whether a decider is to be asked at this moment.
    pub(super) fn is_decided(&self, moment: Moment) -> bool {
        self.thread.ports.extensions.has_deciders(moment)
    }
}

/// What follows from an answer.
pub(super) struct Answerer {
    moment: Moment,
    then: Box<Then>,
}
