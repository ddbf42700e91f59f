use std::{
    collections::VecDeque,
    ops::ControlFlow::{self, Break, Continue},
};

use bytes::Bytes;

use super::{Session, failpoint_data};
use crate::{
    actors::thread::{Due, Standing},
    extension::{Happened, Moment, Verdict},
    messages::{ListenerProfile, Refused},
    model::{CloseReason, Name},
    protocol::{
        Checked, Fault, Given, Heard, Kept, Kind, Malformed, OnBadChecksum, Protocol, ReplyWhen,
        Unregistered, Vocabulary,
    },
    telemetry::Filtered,
};

/// Frames that wait for the name of their device.
#[derive(Debug, Default)]
pub(super) struct Held {
    frames: VecDeque<HeldFrame>,
    bytes: usize,
}

#[derive(Debug)]
struct HeldFrame {
    kept: Kept,
    check: Checked,
    /// It needs no reply any more.
    answered: bool,
}

/// Breaks where the next frame must not be pulled at once, with the fault if there is one.
pub(super) type Taken = ControlFlow<Option<Fault>>;

impl Session {
    /// Takes one frame. One that ends the session goes nowhere.
    pub(super) fn frame(&mut self, heard: &Heard<'_>, profile: &ListenerProfile) -> Taken {
        let taken = self.take_frame(heard, profile);
        if let Break(Some(_)) = taken {
            let why = match self.standing {
                Standing::Nameless => Filtered::Unregistered,
                _ => Filtered::Ended,
            };
            self.filtered(why, heard.bytes().len());
        }
        taken
    }

    /// Who says it, whether it is sound, and what becomes of it.
    fn take_frame(&mut self, heard: &Heard<'_>, profile: &ListenerProfile) -> Taken {
        let Some(protocol) = self.protocol(profile) else { return Break(None) };
        let check = heard.check();
        if check == Checked::Bad {
            let telemetry = &self.thread.ports.telemetry;
            self.thread.with(self.slot, |who| telemetry.bad_checksum(&who.facts(), heard.bytes()));
            match protocol.conduct().on_bad_checksum {
                OnBadChecksum::Forward => {}
                OnBadChecksum::Drop => {
                    self.filtered(Filtered::BadChecksum, heard.bytes().len());
                    return Continue(());
                }
                OnBadChecksum::Close => {
                    self.filtered(Filtered::BadChecksum, heard.bytes().len());
                    self.end(CloseReason::BadChecksum);
                    return Break(None);
                }
            }
        }
        if protocol.conduct().many {
            return self.frame_of_many(heard, check, profile);
        }
        if protocol.names_by_frames() {
            match heard.name() {
                Some(Err(_)) if self.standing == Standing::Online && check == Checked::Bad => {}
                Some(Err(fault)) => return Break(Some(Malformed::Name(fault).into())),
                Some(Ok(name)) if self.standing == Standing::Nameless => {
                    self.hold(heard, check, false);
                    self.claim(name);
                    return Break(None);
                }
                // A frame that did not come whole claims nothing.
                Some(Ok(name)) if !self.is_called(&name) && check != Checked::Bad => {
                    return Break(Some(Malformed::OtherName(name).into()));
                }
                None if self.standing == Standing::Nameless => {
                    return self.nameless(heard, check, profile);
                }
                Some(Ok(_)) | None => {}
            }
        }
        self.deliver(heard, check, protocol, false);
        self.goes_on_cutting()
    }

    pub(super) fn goes_on_cutting(&self) -> Taken {
        match self.asking || self.ending.is_some() {
            true => Break(None),
            false => Continue(()),
        }
    }

    /// A frame of a device that has not said who it is.
    fn nameless(&mut self, heard: &Heard<'_>, check: Checked, profile: &ListenerProfile) -> Taken {
        let Some(protocol) = self.protocol(profile) else { return Break(None) };
        let rules = &profile.rules;
        match rules.unregistered {
            Unregistered::Close => return Break(Some(Fault::Unidentified)),
            Unregistered::Forward => self.deliver(heard, check, protocol, false),
            Unregistered::Hold if drops(protocol, heard) => {
                self.deliver(heard, check, protocol, false);
            }
            Unregistered::Hold => {
                let held = self.held.as_ref().map_or(0, |held| held.bytes);
                if held + heard.bytes().len() > rules.registration_bytes {
                    return Break(Some(Fault::Unidentified));
                }
                // Data are promised once they have a name and are stored; all else is mere talk.
                let answered = heard.is() != Kind::Data;
                if answered {
                    self.answer(heard, Due::Now, true);
                }
                self.hold(heard, check, answered);
            }
        }
        self.goes_on_cutting()
    }

    /// A frame that nobody can be named for goes nowhere; what is no data is answered.
    pub(super) fn drop_nameless(&mut self, heard: &Heard<'_>) {
        self.filtered(Filtered::Unregistered, heard.bytes().len());
        if heard.is() != Kind::Data {
            self.answer(heard, Due::Now, true);
        }
    }

    /// Bytes that belong to no frame.
    pub(super) fn junk(&mut self, count: usize, profile: &ListenerProfile) -> Taken {
        self.filtered(Filtered::Junk, count);
        if self.standing != Standing::Nameless {
            return Continue(());
        }
        let rules = &profile.rules;
        let filtered = self.thread.with(self.slot, |who| who.settled).unwrap_or_default();
        let is_too_much = match rules.unregistered {
            Unregistered::Close => true,
            Unregistered::Hold => filtered > rules.registration_bytes as u64,
            Unregistered::Forward => false,
        };
        if is_too_much { Break(Some(Fault::Unidentified)) } else { Continue(()) }
    }

    pub(super) fn hold(&mut self, heard: &Heard<'_>, check: Checked, answered: bool) {
        let held = self.held.get_or_insert_default();
        held.bytes += heard.bytes().len();
        held.frames.push_back(HeldFrame { kept: heard.keep(), check, answered });
    }

    /// Whether frames that waited for the name still wait to be told.
    pub(super) fn held_online(&self) -> bool {
        self.held.is_some() && self.standing == Standing::Online
    }

    /// They are told no more.
    pub(super) fn give_up_held(&mut self) {
        self.held = None;
    }

    /// How many bytes wait for the name.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.bytes)
    }

    /// Tells what has waited for the name, the frame that told it last.
    pub(super) fn tell_held(&mut self, profile: &ListenerProfile) {
        let Some(protocol) = self.protocol(profile) else { return };
        while let Some(mut held) = self.held.take() {
            let Some(frame) = held.frames.pop_front() else { return };
            held.bytes = held.bytes.saturating_sub(frame.kept.len());
            self.held = Some(held);
            if let Some(heard) = frame.kept.heard(protocol) {
                self.deliver(&heard, frame.check, protocol, frame.answered);
            }
            if self.asking || self.ending.is_some() {
                return;
            }
        }
    }

    /// The device is let in, and hears so at once: its login is no data, and a device that hears
    /// nothing comes again and again, also while a full spool keeps its data unread.
    pub(super) fn answer_login(&mut self, profile: &ListenerProfile) {
        self.answer_last_held(profile, true);
    }

    /// The device is not let in, and hears so.
    pub(super) fn answer_refused(&mut self) {
        let profile = std::sync::Arc::clone(&self.listener);
        self.answer_last_held(&profile, false);
    }

    fn answer_last_held(&mut self, profile: &ListenerProfile, accepted: bool) {
        let Some(protocol) = self.protocol(profile) else { return };
        let Some(mut held) = self.held.take() else { return };
        if let Some(last) = held.frames.back_mut().filter(|last| !last.answered)
            && let Some(heard) = last.kept.heard(protocol)
            && (heard.is() == Kind::Login || !accepted)
        {
            self.answer(&heard, Due::Now, accepted);
            last.answered = true;
        }
        self.held = Some(held);
    }

    /// Tells a frame, and answers it, unless it was answered.
    pub(super) fn deliver(
        &mut self,
        heard: &Heard<'_>,
        check: Checked,
        protocol: &Protocol,
        answered: bool,
    ) {
        failpoint_data(heard.bytes());
        if drops(protocol, heard) {
            self.filtered(Filtered::Heartbeat, heard.bytes().len());
            if !answered {
                self.answer(heard, Due::Now, true);
            }
            return;
        }
        if !self.is_decided(Moment::Data) {
            return self.tell_frame(heard, check, protocol, answered);
        }
        let (kept, speaks) = (heard.keep(), self.speaks);
        self.asked_about = kept.len();
        let chunk = Bytes::copy_from_slice(heard.bytes());
        let slot = self.slot_of(heard);
        self.ask_about(slot, Happened::Data(chunk), move |session, verdict| {
            session.asked_about = 0;
            let profile = std::sync::Arc::clone(&session.listener);
            let protocol = profile.protocols.at(speaks);
            let Some((protocol, heard)) = protocol.and_then(|it| Some((it, kept.heard(it)?)))
            else {
                return;
            };
            match verdict {
                Verdict::Proceed => session.tell_frame(&heard, check, protocol, answered),
                Verdict::Refuse(_) => session.filtered(Filtered::Denied, heard.bytes().len()),
            }
        });
    }

    fn tell_frame(
        &mut self,
        heard: &Heard<'_>,
        check: Checked,
        protocol: &Protocol,
        answered: bool,
    ) {
        {
            let thread = std::rc::Rc::clone(&self.thread);
            let mut scratch = thread.scratch();
            heard.meaning(heard.is(), check, &mut scratch.meaning);
            if self.polls.is_some() {
                let is_known = protocol.vocabulary().is_some_and(Vocabulary::knows_answers);
                let may_answer = heard.is() == Kind::Answer || !is_known;
                self.mark_poll_answer(may_answer, &mut scratch.meaning);
            }
            let slot = self.slot_of(heard);
            self.thread.tell_data(slot, heard.bytes(), &scratch.meaning);
            if slot != self.slot {
                let size = heard.bytes().len() as u64;
                self.thread.with(slot, |who| who.received += size);
                self.thread.with(self.slot, |who| who.settled += size);
            }
        }
        if self.commanding {
            let is_known = protocol.vocabulary().is_some_and(Vocabulary::knows_answers);
            let slot = self.slot_of(heard);
            let is = (is_known, heard.is() == Kind::Answer);
            self.look_for_answer(slot, heard.bytes(), is);
        }
        if answered {
            return;
        }
        let is_promise = protocol.conduct().reply_when != Some(ReplyWhen::Received);
        let due = if is_promise && self.thread.can_promise() { Due::Safe } else { Due::Now };
        self.answer(heard, due, true);
    }

    /// Answers a frame as its protocol wants it.
    fn answer(&mut self, heard: &Heard<'_>, due: Due, accepted: bool) {
        if !heard.is_answered(accepted) {
            return;
        }
        let own = || self.thread.with(self.slot, |who| who.name.clone()).flatten();
        let name = match self.subdevices {
            Some(_) => heard.name().and_then(Result::ok),
            None => own(),
        };
        let given = Given { name: name.as_ref(), now: self.thread.read_at(), accepted };
        let answered = {
            let mut scratch = self.thread.scratch();
            heard.replies(&given, &mut scratch.replies);
            self.thread.answer(self.slot, scratch.replies.as_bytes(), due)
        };
        self.answered = true;
        if answered == Err(Refused::Full) && self.ending.is_none() {
            self.end(CloseReason::SlowReader);
        }
    }

    fn is_called(&self, name: &Name) -> bool {
        self.thread.with(self.slot, |who| who.name.as_ref() == Some(name)) == Some(true)
    }

    /// What the device speaks, once that is known.
    pub(super) fn protocol<'p>(&self, profile: &'p ListenerProfile) -> Option<&'p Protocol> {
        profile.protocols.at(self.speaks)
    }
}

/// Whether it is a sign of life that goes no further.
fn drops(protocol: &Protocol, heard: &Heard<'_>) -> bool {
    protocol.conduct().drop_heartbeats && heard.is() == Kind::Heartbeat
}
