use std::{mem, ops::ControlFlow::Break, rc::Rc, sync::Arc, task::Poll};

use bytes::Bytes;

use super::{Session, failpoint_data, frames::Taken};
use crate::{
    actors::thread::{Standing, Way},
    extension::{Happened, Moment, Verdict},
    messages::ListenerProfile,
    model::CloseReason,
    protocol::{Fault, Item, Unregistered},
    telemetry::{Excerpt, Filtered},
};

/// Bytes of frames that a device is read at a turn: what one that never stops has sent stands before
/// what others send behind it. Where a read is a chunk, and costs about the same whatever its size,
/// it is a whole buffer.
const FRAMES_A_TURN: usize = 16 << 10;

/// Reads before an ending of ours; a device that floods loses the rest.
const LAST_READS: usize = 256;

impl Session {
    /// Reads what there is, up to a buffer full in one turn, cuts it and tells it.
    pub(super) fn read(&mut self) {
        let mut left = match self.listener.protocols.cut_frames() {
            true => FRAMES_A_TURN.min(self.share_of_pause()),
            false => self.share_of_pause(),
        };
        while self.may_read() && !self.has_more {
            let thread = Rc::clone(&self.thread);
            let mut buffer = thread.buffer();
            let room = left.min(buffer.len());
            match self.stream.poll_read_some(&mut buffer[..room]) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => return self.peer_has_finished(),
                Poll::Ready(Ok(count)) => {
                    self.take(&buffer[..count]);
                    left = room - count;
                }
                Poll::Ready(Err(error)) => return self.broken(&error),
            }
            self.has_more = left == 0 && self.may_read();
        }
    }

    /// Reads what the device has sent up to this moment, before the session ends for a reason of
    /// ours: the device takes it for delivered. Answers whether there was anything.
    pub(super) fn read_last(&mut self) -> bool {
        let thread = Rc::clone(&self.thread);
        let mut buffer = thread.buffer();
        let mut heard = false;
        for _ in 0..LAST_READS {
            if !self.may_read() {
                break;
            }
            let room = self.share_of_pause().min(buffer.len());
            match self.stream.read_now(&mut buffer[..room]) {
                Ok(count @ 1..) => {
                    heard = true;
                    self.take(&buffer[..count]);
                }
                Ok(0) | Err(_) => break,
            }
        }
        heard
    }

    /// Tells all that was read, also what a pause or the missing rest of a packet held back: the
    /// session ends, and nothing more will come. It is bounded, and was taken from the device.
    pub(super) fn tell_what_was_held(&mut self) {
        if self.standing != Standing::Online || self.asking || self.ending.is_some() {
            return;
        }
        self.tell_held(&Arc::clone(&self.listener));
        let stash = mem::take(&mut self.stash);
        self.cut(&stash);
        self.finish_cutting();
    }

    fn may_read(&self) -> bool {
        let waits = self.asking || self.peer_finished || self.ending.is_some();
        if waits || !self.stash.is_empty() || self.held_online() || self.is_owed_much() {
            return false;
        }
        match self.standing {
            Standing::Claiming | Standing::Granted => false,
            Standing::Online => !self.thread.is_paused() || self.reads_on(),
            // A registration is read even in a pause; bytes that go upstream nameless are not.
            Standing::Nameless => !self.waits_unread(),
        }
    }

    /// Bytes that it may be read in this turn since there is a pause, or not.
    fn share_of_pause(&self) -> usize {
        match self.commanding && self.standing == Standing::Online && self.thread.is_paused() {
            true => self.thread.may_read_on(self.slot),
            false => usize::MAX,
        }
    }

    /// Whether so many replies wait to be safe that no more may be owed.
    fn is_owed_much(&self) -> bool {
        let limit = self.listener.outbound_limit;
        self.thread.with(self.slot, |who| who.owed > limit) == Some(true)
    }

    /// Whether a pause keeps a nameless device from being read: what it says would go upstream.
    pub(super) fn waits_unread(&self) -> bool {
        self.listener.rules.unregistered == Unregistered::Forward && self.thread.is_paused()
    }

    /// Takes in what was read.
    fn take(&mut self, bytes: &[u8]) {
        self.heard(bytes);
        self.cut(bytes);
        // Most say who they are in one piece, and nothing is kept of that.
        if self.standing == Standing::Nameless {
            self.first.get_or_insert_default().add(bytes);
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        self.heard_unpaused = self.thread.heard_now();
        if self.commanding && self.thread.is_paused() {
            self.thread.has_read_on(self.slot, bytes.len());
        }
        self.idle_told = false;
        self.received(bytes);
    }

    /// Counts what was read, and shows it to those who look.
    pub(super) fn received(&self, bytes: &[u8]) {
        self.thread.with(self.slot, |who| {
            who.received += bytes.len() as u64;
            self.thread.passed(self.slot, who, Way::Received, bytes);
        });
    }

    /// Cuts `input` until it is used up, or until something has to be waited for; the rest is
    /// stashed then.
    pub(super) fn cut(&mut self, mut input: &[u8]) {
        self.thread.read_now();
        let profile = Arc::clone(&self.listener);
        let ListenerProfile { protocols, rules, .. } = &*profile;
        let mut intake = mem::take(&mut self.intake);
        let (unread, told) = (intake.held().len() + input.len(), self.accounted_for());
        let fault = loop {
            let item = intake.feed(protocols, rules, &mut input);
            if let Break(fault) = self.take_item(item, &profile) {
                break fault;
            }
        };
        let read = unread.saturating_sub(intake.held().len() + input.len()) as u64;
        self.settle_delimiters(read.saturating_sub(self.accounted_for() - told));
        if let Some(fault) = fault {
            self.faulty(&fault, intake.held(), input);
        }
        if self.ending.is_none() && !input.is_empty() {
            self.stash.extend_from_slice(input);
        }
        self.intake = intake;
        self.look_at_choice();
    }

    /// Bytes of which it is known what became of them, or that are kept.
    fn accounted_for(&self) -> u64 {
        let settled = self.thread.with(self.slot, |who| who.settled).unwrap_or_default();
        settled + (self.held_bytes() + self.asked_about) as u64
    }

    /// What stands between frames goes without a word.
    fn settle_delimiters(&self, bytes: u64) {
        if bytes > 0 && self.listener.protocols.cut_frames() {
            self.thread.with(self.slot, |who| who.settled += bytes);
        }
    }

    /// It may have become known which protocol the device speaks: what was looked at for that is
    /// stashed, and comes first.
    fn look_at_choice(&mut self) {
        if self.speaks == self.intake.speaks() || self.ending.is_some() {
            return;
        }
        self.speaks = self.intake.speaks();
        self.begin();
        if self.standing == Standing::Nameless {
            let stash = mem::take(&mut self.stash);
            self.cut(&stash);
        }
    }

    /// Breaks where the next item must not be pulled at once, with the fault if there is one.
    fn take_item(&mut self, item: Item<'_>, profile: &ListenerProfile) -> Taken {
        match item {
            Item::NeedMore => return Break(None),
            Item::Named(name) => {
                self.claim(name);
                return Break(None);
            }
            Item::Data(data) => self.data(data),
            Item::Frame(heard) => return self.frame(&heard, profile),
            Item::Junk(count) => return self.junk(count, profile),
            Item::Chosen(looked_at) => {
                self.stash = looked_at;
                return Break(None);
            }
            Item::Unnamed(data) => self.tell(data),
            Item::Filtered(count) => self.filtered(self.why_no_data(), count),
            Item::Fault(fault) => return Break(Some(fault)),
        }
        self.goes_on_cutting()
    }

    /// What the device sent cannot be cut: `held`, and what stands behind it.
    fn faulty(&mut self, fault: &Fault, held: &[u8], behind: &[u8]) {
        let most = behind.len().min(Excerpt::LONGEST);
        let bytes = [held, &behind[..most]].concat();
        let telemetry = &self.thread.ports.telemetry;
        self.thread.with(self.slot, |who| telemetry.bad_bytes(&who.facts(), fault, &bytes));
        self.end(fault.reason());
    }

    /// Goes on with what was read before something had to be waited for.
    pub(super) fn go_on(&mut self) {
        let waits = self.asking
            || self.ending.is_some()
            || matches!(self.standing, Standing::Claiming | Standing::Granted);
        let is_paused = || self.standing == Standing::Online && self.thread.is_paused();
        if waits || (is_paused() && !self.reads_on()) {
            return;
        }
        if self.standing == Standing::Online {
            self.tell_held(&Arc::clone(&self.listener));
        }
        if self.asking || self.ending.is_some() {
            return;
        }
        let stash = mem::take(&mut self.stash);
        self.cut(&stash);
        if self.peer_finished {
            self.after_the_end();
        }
    }

    fn data(&mut self, data: &[u8]) {
        failpoint_data(data);
        if !self.is_decided(Moment::Data) {
            return self.tell(data);
        }
        let chunk = Bytes::copy_from_slice(data);
        self.ask(Happened::Data(chunk.clone()), move |session, verdict| match verdict {
            Verdict::Proceed => session.tell(&chunk),
            Verdict::Refuse(_) => session.filtered(Filtered::Denied, chunk.len()),
        });
    }

    fn tell(&mut self, data: &[u8]) {
        let mut meaning = Vec::new();
        self.mark_poll_answer(true, &mut meaning);
        self.thread.tell_data(self.slot, data, &meaning);
        self.look_for_answer(self.slot, data, (false, false));
    }

    /// What the cutter lets go of without a name is no registration.
    fn why_no_data(&self) -> Filtered {
        match self.standing {
            Standing::Nameless => Filtered::Unregistered,
            _ => Filtered::Registration,
        }
    }

    pub(super) fn filtered(&self, why: Filtered, bytes: usize) {
        self.thread.filter(self.slot, why, bytes);
    }

    /// The device has been silent for as long as the cutter asked to be told.
    pub(super) fn pause(&mut self) {
        self.thread.read_now();
        let profile = Arc::clone(&self.listener);
        let ListenerProfile { protocols, rules, .. } = &*profile;
        let mut intake = mem::take(&mut self.intake);
        let item = intake.pause(protocols, rules);
        let taken = self.take_item(item, &profile);
        if let Break(Some(fault)) = &taken {
            self.faulty(fault, intake.held(), &[]);
        }
        self.intake = intake;
        if self.speaks != self.intake.speaks() {
            return self.look_at_choice();
        }
        if taken.is_continue() {
            self.cut(&[]);
        }
    }

    /// Nothing more will come: lets go of what was held back for its rest.
    fn finish_cutting(&mut self) {
        if self.asking || self.ending.is_some() {
            return;
        }
        self.thread.read_now();
        let profile = Arc::clone(&self.listener);
        let ListenerProfile { protocols, rules, .. } = &*profile;
        let mut intake = mem::take(&mut self.intake);
        let fault = loop {
            let item = intake.finish(protocols, rules);
            if let Break(fault) = self.take_item(item, &profile) {
                break fault;
            }
        };
        if let Some(fault) = fault {
            self.faulty(&fault, intake.held(), &[]);
        }
        self.intake = intake;
        if self.speaks != self.intake.speaks() {
            self.look_at_choice();
            self.finish_cutting();
        }
    }

    /// FIN: what the device said before is told, then it is over, unless somebody wants to go on
    /// talking to it.
    fn peer_has_finished(&mut self) {
        self.peer_finished = true;
        self.after_the_end();
    }

    /// Comes back as often as a decider has to be asked about what was held.
    fn after_the_end(&mut self) {
        self.finish_cutting();
        let is_claiming = matches!(self.standing, Standing::Claiming | Standing::Granted);
        if self.end_told || self.asking || self.ending.is_some() || is_claiming {
            return;
        }
        self.end_told = true;
        self.thread.observe(self.slot, || Happened::PeerFinished);
        self.ask(Happened::PeerFinished, |session, verdict| {
            if verdict == Verdict::Proceed {
                session.end(CloseReason::PeerClosed);
            }
        });
    }
}
