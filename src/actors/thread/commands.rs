use std::collections::VecDeque;

use actix::Recipient;

use super::{Occupant, SessionThread};
use crate::{
    messages::{Awaited, CameOnline, Delivery, Progress, Progresses, Step, Wanted},
    model::UnixMillis,
};

/// The way to the commander, where there is one.
#[derive(Clone)]
pub struct CommandPorts {
    /// Hears what becomes of deliveries.
    pub progress: Recipient<Progresses>,
    /// Hears who has come online.
    pub online: Recipient<CameOnline>,
    /// Whether it wants to hear that.
    pub wanted: Wanted,
}

/// The commands of one connection: one is under way, since serial lines carry one at a time.
#[derive(Debug, Default)]
pub struct Commands {
    under_way: Option<UnderWay>,
    /// For the connection's own device, and for those behind it.
    waiting: VecDeque<Delivery>,
}

/// A command that was queued for the socket.
#[derive(Debug)]
pub struct UnderWay {
    /// What was asked for.
    pub delivery: Delivery,
    /// Bytes that were written when its first byte is, and when its last one is.
    pub bytes: (u64, u64),
    /// How far it has come.
    pub stage: Stage,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Queued for the socket.
    Queued,
    /// Handed to the socket; the next look at the acknowledgements comes at this moment of the
    /// thread's clock, and so long after the one before.
    Written {
        /// In milliseconds.
        next_look: u64,
        /// In milliseconds.
        pause: u64,
    },
    /// Acknowledged; an answer is waited for up to this moment of the clock that stands still in a
    /// pause.
    Acknowledged {
        /// In milliseconds.
        until: u64,
    },
}

impl Commands {
    /// Puts one behind the others.
    pub fn push(&mut self, delivery: Delivery) {
        self.waiting.push_back(delivery);
    }

    /// The next one, if none is under way.
    pub fn next(&mut self) -> Option<Delivery> {
        if self.under_way.is_some() { None } else { self.waiting.pop_front() }
    }

    /// This one is under way.
    pub fn begin(&mut self, under_way: UnderWay) {
        self.under_way = Some(under_way);
    }

    /// The one that is under way.
    pub fn under_way(&mut self) -> Option<&mut UnderWay> {
        self.under_way.as_mut()
    }

    /// How the one that is under way stands.
    pub fn stage(&self) -> Option<Stage> {
        self.under_way.as_ref().map(|under_way| under_way.stage)
    }

    /// Whether an answer is waited for, or will be once what waits was sent.
    pub fn await_answers(&self) -> bool {
        let under_way = self.under_way.iter().map(|under_way| &under_way.delivery);
        let mut all = under_way.chain(&self.waiting);
        all.any(|delivery| !matches!(delivery.answer, Awaited::Nothing))
    }

    /// It is under way no more.
    pub fn finish(&mut self) -> Option<Delivery> {
        self.under_way.take().map(|under_way| under_way.delivery)
    }

    /// The session `only`, or everybody, is gone, when the connection had written `sent` bytes: the
    /// steps that this means.
    fn give_up(&mut self, only: Option<u32>, sent: u64) -> Vec<(u64, Step)> {
        let concerns = |delivery: &Delivery| only.is_none_or(|slot| delivery.seat.slot == slot);
        let mut steps = Vec::new();
        if let Some(under_way) = self.under_way.take_if(|it| concerns(&it.delivery)) {
            let is_out = under_way.stage != Stage::Queued || sent > under_way.bytes.0;
            let step = if is_out { Step::Uncertain } else { Step::Missed };
            steps.push((under_way.delivery.attempt, step));
        }
        self.waiting.retain(|delivery| {
            if concerns(delivery) {
                steps.push((delivery.attempt, Step::Missed));
            }
            !concerns(delivery)
        });
        steps
    }
}

impl Awaited {
    /// Whether `bytes` are the answer; `is_known`: the protocol tells answers from other frames, and
    /// `is_answer` what it says of this one.
    fn fits(&self, bytes: &[u8], is_known: bool, is_answer: bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::Frame => is_answer || !is_known,
            Self::Match(pattern) => pattern.is_match(bytes),
        }
    }
}

impl SessionThread {
    /// Takes what is to be delivered to the session of `delivery.seat`; `None` if that is not there,
    /// else the slot of its connection.
    pub(super) fn take_delivery(&self, delivery: Delivery) -> Option<u32> {
        let slot = delivery.seat.slot;
        let host = self.with(slot, |who| {
            let is_there = who.session == delivery.session && who.is_online();
            is_there.then_some(who.behind.unwrap_or(slot))
        });
        let is_taken = host.flatten().filter(|host| {
            let is_open = |who: &mut Occupant| who.reason.is_none();
            self.with(*host, is_open) == Some(true)
        });
        let Some(host) = is_taken else {
            self.report(delivery.attempt, Step::Missed);
            return None;
        };
        self.with(host, |who| who.commands.get_or_insert_default().push(delivery));
        Some(host)
    }

    /// Tells the commander what became of an attempt.
    pub fn report(&self, attempt: u64, step: Step) {
        let progress = Progress { attempt, time: UnixMillis::now(), step };
        self.outbox.borrow_mut().progress.push(progress);
        self.flush_soon();
    }

    /// Whether `bytes`, which came from the device in `slot`, answer the command that is under way
    /// on the connection in `host`.
    pub fn is_answer(
        &self,
        host: u32,
        slot: u32,
        bytes: &[u8],
        is_known: bool,
        is_answer: bool,
    ) -> bool {
        let fits = self.with(host, |who| {
            let under_way = who.commands.as_mut()?.under_way()?;
            let is_awaited = matches!(under_way.stage, Stage::Acknowledged { .. });
            let fits = under_way.delivery.answer.fits(bytes, is_known, is_answer);
            Some(is_awaited && fits && under_way.delivery.seat.slot == slot)
        });
        fits.flatten() == Some(true)
    }

    /// The device in `slot`, or everybody on its connection, is gone.
    pub(super) fn give_up_commands(&self, slot: u32) {
        let steps = self.with(slot, |who| {
            let sent = who.sent;
            Some((who.behind, who.commands.as_mut().map(|all| all.give_up(None, sent))))
        });
        let Some((behind, steps)) = steps.flatten() else { return };
        let behind = behind.and_then(|host| {
            let only = Some(slot);
            self.with(host, |who| {
                let sent = who.sent;
                who.commands.as_mut().map(|all| all.give_up(only, sent))
            })
        });
        for (attempt, step) in steps.into_iter().chain(behind.flatten()).flatten() {
            self.report(attempt, step);
        }
    }

    /// The device in `slot` is online, which the commander may be waiting for.
    pub(super) fn tell_commander(&self, slot: u32) {
        let Some(ports) = &self.ports.commands else { return };
        if !ports.wanted.get() {
            return;
        }
        let seat = self.seat(slot);
        let who = self.with(slot, |who| Some((who.name.clone()?, seat, who.session)));
        self.outbox.borrow_mut().online.extend(who.flatten());
        self.flush_soon();
    }
}
