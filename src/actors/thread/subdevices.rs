use std::{rc::Rc, sync::Arc};

use super::{Occupant, SessionThread, Standing};
use crate::{
    extension::Happened,
    messages::{Departure, NameNews},
    model::{CloseReason, Name, SessionId},
};

/// Devices behind somebody else's connection: occupants without a socket of their own.
impl SessionThread {
    /// Adds the device `name` behind the connection in `slot`; answers its own slot.
    pub fn add_subdevice(&self, slot: u32, name: Name) -> Option<u32> {
        let now = self.now();
        let subdevice = self.with(slot, |who| {
            let (running, listener) = (Rc::clone(&who.running), Arc::clone(&who.listener));
            let session = SessionId::next();
            let new = Occupant::new(running, session, listener, who.peer.clone(), now);
            Occupant {
                address: who.address.clone(),
                name: Some(name),
                standing: Standing::Claiming,
                behind: Some(slot),
                ..new
            }
        })?;
        let own = self.table.borrow_mut().insert(subdevice);
        self.with(slot, |who| who.subdevices.push(own));
        Some(own)
    }

    /// The device in `slot`, which is behind somebody else's connection, is gone.
    pub fn remove_subdevice(&self, slot: u32, reason: CloseReason) {
        let Some((true, host)) = self.with(slot, |who| (who.behind.is_some(), who.behind)) else {
            return;
        };
        if self.with(slot, |who| who.is_online()) == Some(true) {
            self.observe(slot, || Happened::Offline(reason));
        }
        self.give_up_commands(slot);
        let Some(mut who) = self.table.borrow_mut().remove(slot) else { return };
        if let Some(host) = host {
            self.with(host, |host| host.subdevices.retain(|at| *at != slot));
        }
        self.tap_closed(slot, &who, reason);
        self.tell_offline(&who, reason);
        if who.is_online() {
            self.ports.telemetry.subdevice_gone(&who.facts(), reason);
        }
        if let Some(name) = who.name.take() {
            let departure = Departure { name, session: who.session };
            self.outbox.borrow_mut().names.push(NameNews::Departed(departure));
        }
        self.flush_soon();
    }

    /// Everybody behind the connection in `slot` is gone with it.
    pub(super) fn remove_subdevices(&self, slot: u32, reason: CloseReason) {
        let all = self.with(slot, |who| std::mem::take(&mut who.subdevices));
        for subdevice in all.unwrap_or_default() {
            self.remove_subdevice(subdevice, reason);
        }
    }
}
