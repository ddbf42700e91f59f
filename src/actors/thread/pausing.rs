use std::{collections::HashMap, os::fd::RawFd, time::Duration};

use actix::{fut, prelude::*};

use super::{Occupant, SessionHost, SessionThread};
use crate::{actors::session::Nudge, net::kernel};

/// How often a paused thread looks for peers that have hung up.
const HANGUP_SWEEP: Duration = Duration::from_secs(1);

/// Bytes that a session is read in one pause, at most, while a command awaits its answer. They go to
/// the reserve, which is for others too.
const MOST_READ_ON: usize = 256 << 10;

/// The same in one turn.
const READ_ON_A_TURN: usize = 4 << 10;

/// What was read in the present pause of sessions whose commands await answers, by their slots.
#[derive(Debug, Default)]
pub(super) struct ReadOn(HashMap<u32, usize>);

/// What a full spool means for the sessions of a thread.
impl SessionHost {
    /// Notes that a pause began or ended, wakes those whom it concerns, and waits for the next.
    pub(super) fn follow_pause(_: (), host: &mut Self, ctx: &mut Context<Self>) {
        let mut paused = host.thread.ports.spool.pressure().watch();
        let now_paused = *paused.borrow_and_update();
        let paused_for = host.thread.note_pause(now_paused);
        host.tell_pause(now_paused, paused_for);
        if now_paused {
            host.sweep_soon(ctx);
        } else {
            host.thread.nudge_held_back();
        }
        ctx.spawn(
            fut::wrap_future::<_, Self>(async move {
                let _ = paused.changed().await;
            })
            .map(Self::follow_pause),
        );
    }

    /// One thread tells of what concerns all of them.
    fn tell_pause(&self, paused: bool, paused_for: Option<Duration>) {
        if self.thread.number != 0 {
            return;
        }
        match (paused, paused_for) {
            (true, _) => self.thread.ports.telemetry.spool_paused(),
            (false, Some(paused_for)) => self.thread.ports.telemetry.spool_resumed(paused_for),
            (false, None) => {}
        }
    }

    /// A paused session is not read, so nothing tells it that its peer has hung up: all of them
    /// are looked at with one system call.
    fn sweep_hangups(&mut self, ctx: &mut Context<Self>) {
        self.sweeping = false;
        if self.thread.is_paused() {
            self.thread.nudge_hung_up();
            self.sweep_soon(ctx);
        }
    }

    /// However often pauses begin and end, there is one look a second.
    fn sweep_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.sweeping, true) {
            ctx.run_later(HANGUP_SWEEP, Self::sweep_hangups);
        }
    }
}

/// In a pause a session is read on while a command awaits its answer: that is how the answer comes.
impl SessionThread {
    /// How many bytes the session in `slot` may be read in this turn of the pause. None, once it had
    /// its share, or once so much of the reserve is used that no newcomers are let in.
    pub fn may_read_on(&self, slot: u32) -> usize {
        if !self.ports.spool.pressure().admits_newcomers() {
            return 0;
        }
        let read = self.read_on.borrow().0.get(&slot).copied().unwrap_or_default();
        MOST_READ_ON.saturating_sub(read).min(READ_ON_A_TURN)
    }

    /// The session in `slot` was read so many bytes in the pause.
    pub fn has_read_on(&self, slot: u32, bytes: usize) {
        *self.read_on.borrow_mut().0.entry(slot).or_default() += bytes;
    }
}

impl SessionThread {
    /// A pause is over; most sessions never noticed it.
    fn nudge_held_back(&self) {
        for (_, who) in self.table.borrow_mut().iter_mut() {
            if !std::mem::take(&mut who.held_back) {
                continue;
            }
            if let Some(address) = who.address() {
                address.do_send(Nudge::Resumed);
            }
        }
    }

    /// Answers how long the pause was that ended with this.
    fn note_pause(&self, paused: bool) -> Option<Duration> {
        let mut pauses = self.pauses.get();
        let now = self.now();
        let mut ended = None;
        match (paused, pauses.since) {
            (true, None) => pauses.since = Some(now),
            (false, Some(since)) => {
                self.read_on.take();
                let length = now.saturating_sub(since);
                pauses.over += length;
                pauses.since = None;
                ended = Some(Duration::from_millis(length));
            }
            _ => {}
        }
        self.pauses.set(pauses);
        ended
    }

    fn nudge_hung_up(&self) {
        let sockets: Vec<(u32, RawFd)> = {
            let table = self.table.borrow();
            let named = |(slot, who): (u32, &Occupant)| {
                // Nobody runs a session while its host looks at all of them.
                Some((slot, who.running.try_borrow().ok()?.descriptor()?))
            };
            table.iter().filter_map(named).collect()
        };
        for slot in kernel::hung_up(&sockets) {
            self.nudge(slot, Nudge::HungUp);
        }
    }
}
