use std::collections::HashMap;

use super::{Session, frames::Taken};
use crate::{
    actors::thread::Standing,
    extension::{Happened, Verdict},
    messages::{ListenerProfile, ProbeAnswered},
    model::{CloseReason, Name},
    protocol::{Checked, Fault, Heard, Malformed, Unregistered},
    telemetry::Filtered,
};

/// Most devices behind one connection.
const MOST: usize = 1000;

/// How long frames of a device that was not let in go nowhere, in milliseconds, before it may ask
/// again.
const REFUSED_FOR: u64 = 60_000;

/// The devices behind a connection whose protocol allows many: each has its own name, its own
/// `online` and `offline`, and a line of its own in the thread's table.
#[derive(Debug, Default)]
pub(super) struct SubDevices {
    known: HashMap<Name, SubDevice>,
    /// The one whose name is being claimed; nothing is read meanwhile.
    claiming: Option<(Name, u32)>,
    /// How the connection stood before that.
    before: Option<Standing>,
}

#[derive(Clone, Copy, Debug)]
enum SubDevice {
    /// Online, in this slot of the thread's table.
    Online(u32),
    /// Not let in; its frames go nowhere until then, on the thread's clock.
    Refused(u64),
}

/// What the registry, or an extension, wants of one device behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubNudge {
    /// Its name is granted.
    Granted,
    /// It ends, for this reason; the connection stays.
    End(CloseReason),
}

impl Session {
    /// A frame of one of many devices behind this connection.
    pub(super) fn frame_of_many(
        &mut self,
        heard: &Heard<'_>,
        check: Checked,
        profile: &ListenerProfile,
    ) -> Taken {
        let Some(protocol) = self.protocol(profile) else { return Taken::Break(None) };
        let size = heard.bytes().len();
        let name = match heard.name() {
            Some(Ok(name)) => name,
            Some(Err(_)) if check == Checked::Bad => {
                self.filtered(Filtered::BadChecksum, size);
                return Taken::Continue(());
            }
            Some(Err(fault)) => return Taken::Break(Some(Malformed::Name(fault).into())),
            None => return self.frame_of_nobody(heard, check, profile),
        };
        let now = self.thread.now();
        let subdevices = self.subdevices.get_or_insert_default();
        match subdevices.known.get(&name) {
            Some(SubDevice::Online(_)) => self.deliver(heard, check, protocol, false),
            Some(SubDevice::Refused(until)) if now < *until => {
                self.filtered(Filtered::Denied, size);
            }
            // A frame that did not come whole brings nobody in.
            _ if check == Checked::Bad => self.filtered(Filtered::BadChecksum, size),
            _ if subdevices.known.len() >= MOST => {
                self.filtered(Filtered::Ended, size);
                self.end(CloseReason::Limit);
            }
            _ => {
                self.hold(heard, check, false);
                self.claim_for(name);
                return Taken::Break(None);
            }
        }
        self.goes_on_cutting()
    }

    /// A frame that does not say whose it is.
    fn frame_of_nobody(
        &mut self,
        heard: &Heard<'_>,
        check: Checked,
        profile: &ListenerProfile,
    ) -> Taken {
        let Some(protocol) = self.protocol(profile) else { return Taken::Break(None) };
        match profile.rules.unregistered {
            Unregistered::Forward => self.deliver(heard, check, protocol, false),
            Unregistered::Close => return Taken::Break(Some(Fault::Unidentified)),
            Unregistered::Hold => self.drop_nameless(heard),
        }
        self.goes_on_cutting()
    }

    fn claim_for(&mut self, name: Name) {
        let Some(slot) = self.thread.add_subdevice(self.slot, name.clone()) else { return };
        let before = self.standing;
        let subdevices = self.subdevices.get_or_insert_default();
        (subdevices.claiming, subdevices.before) = (Some((name, slot)), Some(before));
        self.stands(Standing::Claiming);
        self.thread.claim(slot);
    }

    /// Where a frame's events are told: in the device's own slot.
    pub(super) fn slot_of(&self, heard: &Heard<'_>) -> u32 {
        let Some(subdevices) = &self.subdevices else { return self.slot };
        let Some(Ok(name)) = heard.name() else { return self.slot };
        match subdevices.known.get(&name) {
            Some(SubDevice::Online(slot)) => *slot,
            _ => self.slot,
        }
    }

    /// A word about the device in `slot`.
    pub(super) fn heed_subdevice(&mut self, slot: u32, nudge: SubNudge) {
        if self.ending.is_some() {
            return;
        }
        let is_claiming = self.subdevices.as_ref().and_then(|all| all.claiming.as_ref());
        match (nudge, is_claiming.is_some_and(|(_, claiming)| *claiming == slot)) {
            (SubNudge::Granted, true) if self.standing == Standing::Claiming => {
                self.stands(Standing::Granted);
                self.thread.with(slot, |who| who.standing = Standing::Granted);
                self.thread.tap_granted(slot);
                self.ask_about(slot, Happened::Online, move |session, verdict| match verdict {
                    Verdict::Proceed => session.subdevice_goes_online(),
                    Verdict::Refuse(_) => session.subdevice_is_refused(CloseReason::Denied),
                });
            }
            (SubNudge::Granted, _) => {}
            (SubNudge::End(reason), true) => self.subdevice_is_refused(reason),
            (SubNudge::End(reason), false) => self.subdevice_leaves(slot, reason),
        }
    }

    fn subdevice_goes_online(&mut self) {
        let Some((name, slot)) = self.claimed() else { return };
        self.thread.with(slot, |who| who.standing = Standing::Online);
        if let Some(subdevices) = &mut self.subdevices {
            subdevices.known.insert(name, SubDevice::Online(slot));
        }
        self.stands(Standing::Online);
        self.thread.tell_online(slot);
        let (telemetry, occupancy) = (&self.thread.ports.telemetry, &self.thread.ports.occupancy);
        let connections = occupancy.connections();
        self.thread.with(slot, |who| telemetry.session_named(&who.facts(), connections));
        let profile = std::sync::Arc::clone(&self.listener);
        self.answer_login(&profile);
        self.go_on();
    }

    /// The device whose name was claimed is not let in; the connection goes on.
    fn subdevice_is_refused(&mut self, reason: CloseReason) {
        self.answer_refused();
        let Some((name, slot)) = self.claimed() else { return };
        let until = self.thread.now() + REFUSED_FOR;
        let before = self.subdevices.as_mut().and_then(|subdevices| {
            subdevices.known.insert(name, SubDevice::Refused(until));
            subdevices.before
        });
        self.thread.remove_subdevice(slot, reason);
        self.filtered(Filtered::Denied, self.held_bytes());
        self.give_up_held();
        self.stands(before.unwrap_or(Standing::Online));
        self.go_on();
    }

    fn subdevice_leaves(&mut self, slot: u32, reason: CloseReason) {
        if let Some(subdevices) = &mut self.subdevices {
            let is_it = |known: &SubDevice| matches!(known, SubDevice::Online(at) if *at == slot);
            subdevices.known.retain(|_, known| !is_it(known));
        }
        self.thread.remove_subdevice(slot, reason);
    }

    fn claimed(&mut self) -> Option<(Name, u32)> {
        self.subdevices.as_mut()?.claiming.take()
    }

    /// The connection is alive, and so is everyone behind it.
    pub(super) fn tell_subdevices_alive(&self) {
        let Some(subdevices) = &self.subdevices else { return };
        for (name, known) in &subdevices.known {
            let SubDevice::Online(slot) = known else { continue };
            let Some(session) = self.thread.with(*slot, |who| who.session) else { continue };
            self.thread.ports.probes.do_send(ProbeAnswered { name: name.clone(), session });
        }
    }
}
