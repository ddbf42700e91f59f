use bytes::Bytes;

use super::Session;
use crate::{
    actors::thread::{Occupant, Stage, UnderWay},
    messages::{Awaited, Delivery, Refused, Step},
    model::CloseReason,
    protocol::{Given, Protocol},
};

/// Pauses between looks at what the device has acknowledged, in milliseconds: the first, and the
/// longest.
const LOOKS: (u64, u64) = (10, 500);

impl Session {
    /// Something waits to be delivered.
    pub(super) fn commanded(&mut self) {
        self.commanding = true;
        self.give_up_poll();
        self.catch_up();
        self.next_command();
    }

    /// In a pause: reads what the device has said before it is asked, which is no answer.
    fn catch_up(&mut self) {
        if self.thread.is_paused() && self.reads_on() {
            self.go_on();
            self.read_last();
        }
    }

    /// Whether it is read in a pause all the same, since an answer is awaited.
    pub(super) fn reads_on(&self) -> bool {
        if !self.commanding || self.thread.may_read_on(self.slot) == 0 {
            return false;
        }
        let await_answers =
            |who: &mut Occupant| who.commands.as_ref().is_some_and(|all| all.await_answers());
        self.thread.with(self.slot, await_answers) == Some(true)
    }

    /// Queues the next command, unless one is under way.
    fn next_command(&mut self) {
        while self.ending.is_none() {
            let next = self.thread.with(self.slot, |who| who.commands.as_mut()?.next());
            let Some(delivery) = next.flatten() else { break };
            self.begin_command(delivery);
        }
        let is_idle = |who: &mut Occupant| {
            who.commands.as_ref().is_none_or(|commands| commands.stage().is_none())
        };
        if self.thread.with(self.slot, is_idle) != Some(false) {
            self.thread.with(self.slot, |who| who.commands = None);
            self.commanding = false;
        }
    }

    fn begin_command(&mut self, delivery: Delivery) {
        let Some(bytes) = self.wrapped(&delivery) else {
            return self.thread.report(delivery.attempt, Step::Refused);
        };
        let queued = self.thread.with(self.slot, |who| {
            let begin = who.sent + who.outbound.waiting().len() as u64;
            who.outbound.push(&bytes, who.listener.outbound_limit)?;
            let bytes = (begin, begin + bytes.len() as u64);
            let under_way = UnderWay { delivery: delivery.clone(), bytes, stage: Stage::Queued };
            who.commands.get_or_insert_default().begin(under_way);
            Ok(())
        });
        self.answered = true;
        match queued {
            Some(Ok(())) => {}
            Some(Err(Refused::Full)) => {
                self.thread.report(delivery.attempt, Step::Missed);
                self.end(CloseReason::SlowReader);
            }
            Some(Err(Refused::Gone)) | None => self.thread.report(delivery.attempt, Step::Missed),
        }
    }

    /// The command as it goes over the wire.
    fn wrapped(&self, delivery: &Delivery) -> Option<Bytes> {
        let vocabulary = self.protocol(&self.listener).and_then(Protocol::vocabulary);
        let Some(vocabulary) = vocabulary else { return Some(delivery.data.clone()) };
        let name = self.thread.with(delivery.seat.slot, |who| who.name.clone()).flatten();
        let now = crate::model::UnixMillis::now();
        let given = Given { name: name.as_ref(), now, accepted: true };
        let mut out = Vec::new();
        vocabulary.command(&delivery.data, &given, &mut out).then(|| out.into())
    }

    /// Finds out how far the command has come that is under way.
    pub(super) fn look_at_command(&mut self) {
        let Some(stage) = self.stage() else { return };
        let (now, sent) = (self.thread.now(), self.sent());
        let Some(end) = self.under_way(|it| it.bytes.1) else { return };
        if stage == Stage::Queued && sent >= end {
            let pause = LOOKS.0;
            self.stands_at(Stage::Written { next_look: now + pause, pause });
            self.tell_command(Step::Written);
            self.look_at_acknowledgement(end);
        } else if let Stage::Written { next_look, pause } = stage {
            self.look_at_acknowledgement(end);
            if next_look <= now && self.stage() == Some(stage) {
                let pause = (pause * 2).min(LOOKS.1);
                self.stands_at(Stage::Written { next_look: now + pause, pause });
            }
        } else if let Stage::Acknowledged { until } = stage
            && !self.thread.is_paused()
            && self.thread.unpaused_now() >= until
        {
            self.tell_command(Step::NoAnswer);
            self.finish_command();
        }
    }

    /// Half-open devices acknowledge nothing, whatever their socket takes.
    fn look_at_acknowledgement(&mut self, end: u64) {
        let acknowledged = self.sent().saturating_sub(self.unacknowledged() as u64);
        if acknowledged < end {
            return;
        }
        self.tell_command(Step::Acknowledged);
        let awaited = self.under_way(|it| match it.delivery.answer {
            Awaited::Nothing => None,
            _ => Some(it.delivery.timeout.as_millis() as u64),
        });
        match awaited.flatten() {
            None => self.finish_command(),
            Some(timeout) => {
                let until = self.thread.unpaused_now() + timeout;
                self.stands_at(Stage::Acknowledged { until });
            }
        }
    }

    /// The device in `slot` has said `bytes`: perhaps they are the answer. What came before the
    /// command was acknowledged is none, since the device had not got it.
    pub(super) fn look_for_answer(&mut self, slot: u32, bytes: &[u8], is: (bool, bool)) {
        if !self.commanding {
            return;
        }
        self.look_at_command();
        let (is_known, is_answer) = is;
        if self.thread.is_answer(self.slot, slot, bytes, is_known, is_answer) {
            self.tell_command(Step::Answered(Bytes::copy_from_slice(bytes)));
            self.finish_command();
        }
    }

    /// When the command that is under way is to be looked at.
    pub(super) fn command_deadline(&self) -> Option<u64> {
        if !self.commanding {
            return None;
        }
        match self.stage()? {
            Stage::Queued => None,
            Stage::Written { next_look, .. } => Some(next_look),
            Stage::Acknowledged { until } => self.thread.moment_of(until),
        }
    }

    fn finish_command(&mut self) {
        self.thread.with(self.slot, |who| who.commands.as_mut().and_then(|all| all.finish()));
        self.next_command();
    }

    fn tell_command(&self, step: Step) {
        if let Some(attempt) = self.under_way(|it| it.delivery.attempt) {
            self.thread.report(attempt, step);
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.thread.with(self.slot, |who| who.commands.as_ref()?.stage()).flatten()
    }

    fn stands_at(&self, stage: Stage) {
        self.under_way(|it| it.stage = stage);
    }

    fn under_way<T>(&self, look: impl FnOnce(&mut UnderWay) -> T) -> Option<T> {
        let looked = |who: &mut Occupant| who.commands.as_mut()?.under_way().map(look);
        self.thread.with(self.slot, looked).flatten()
    }

    fn sent(&self) -> u64 {
        self.thread.with(self.slot, |who| who.sent).unwrap_or_default()
    }
}
