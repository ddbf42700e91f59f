use std::{io, time::Duration};

use socket2::SockRef;

use super::Session;
use crate::{
    actors::thread::Standing,
    extension::{Happened, Moment, Verdict},
    messages::{ListenerProfile, ProbeAnswered},
    model::CloseReason,
    net::{KeepaliveSettings, kernel, options},
    protocol::Unregistered,
    units::Span,
};

/// How often a probed socket is asked whether its peer has answered.
const PROBE_LOOK: u64 = 200;

/// How often a device that has finished, and is still being talked to, is looked at.
const HALF_OPEN_LOOK: u64 = 1000;

/// A silent peer is asked after one second, three times.
const PROBING: KeepaliveSettings =
    KeepaliveSettings { idle: Span::seconds(1), interval: Span::seconds(1), probes: 3 };

/// The kernel counts in ticks, of 10 ms at most: what it heard so shortly before the probe may look
/// as if it had come behind it.
const KERNEL_TICK: Duration = Duration::from_millis(20);

/// A probed peer that has answered at none of so many looks, 4.2 s, is dead. The kernel says so of
/// a silent one at 4 s by itself. With bytes on their way to it there are no probes, and the
/// kernel's next try may be a minute away. Looks are counted, not time: on a machine that stood
/// still for seconds the peer has had no chance to answer either.
const LOOKS_UNTIL_DEAD: u32 = 21;

/// The peer is being asked whether it is still there.
#[derive(Debug)]
pub(super) struct Probe {
    /// On the thread's clock.
    began: u64,
    next_look: u64,
    looks: u32,
}

/// The looks that a session has set with its thread: the next, and the one behind it that was there
/// before something more urgent came up. Deadlines mostly move away, and an early look costs less
/// than setting it anew each time; knowing both keeps looks from piling up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looks {
    next: u64,
    later: u64,
}

impl Default for Looks {
    fn default() -> Self {
        Self { next: u64::MAX, later: u64::MAX }
    }
}

impl Looks {
    /// Whether a look has to be set for `deadline`, since none is set before it.
    fn need(&mut self, deadline: u64) -> bool {
        if deadline >= self.next {
            return false;
        }
        // Of the two the farther one is kept in mind: the nearer comes soon, and is ignored then.
        if self.later == u64::MAX {
            self.later = self.next;
        }
        self.next = deadline;
        true
    }

    /// The look set for `at` has come; `false` if it is one that was forgotten.
    fn came(&mut self, at: u64) -> bool {
        if at != self.next {
            return false;
        }
        self.next = self.later;
        self.later = u64::MAX;
        true
    }
}

impl Session {
    /// Sets the next deadline with the thread, unless an earlier look is set already: a deadline
    /// that has moved on is found out at that look.
    pub(super) fn watch(&mut self) {
        if self.thread.is_paused() {
            self.thread.with(self.slot, |who| who.held_back = true);
        }
        if self.is_undisturbed() {
            return;
        }
        let Some(next) = self.next_deadline() else { return };
        if self.looks.need(next) {
            self.thread.set_deadline(self.slot, next);
        }
    }

    /// Whether a look is set before the only deadline of a session that just goes on sending, which
    /// is nearly all of them at nearly all times.
    fn is_undisturbed(&self) -> bool {
        let goes_on = self.standing == Standing::Online
            && self.ending.is_none()
            && self.probe.is_none()
            && !self.commanding
            && self.polls.is_none()
            && !self.peer_finished
            && !self.asking;
        let ListenerProfile { protocols, rules, idle_timeout, .. } = &*self.listener;
        if !goes_on || self.intake.pause_after(protocols, rules).is_some() {
            return false;
        }
        // In a pause the deadline is nearer on this clock than it really is.
        let idle = |timeout: Duration| self.heard_unpaused + timeout.as_millis() as u64;
        idle_timeout.is_none_or(|timeout| self.looks.next <= idle(timeout))
    }

    /// On the thread's clock, in milliseconds.
    fn next_deadline(&self) -> Option<u64> {
        if let Some(ending) = &self.ending {
            return Some(ending.deadline);
        }
        let deadlines = [
            self.registration_deadline(),
            self.pause_deadline(),
            self.idle_deadline(),
            self.command_deadline(),
            self.poll_deadline(),
            self.probe.as_ref().map(|probe| probe.next_look),
            self.peer_finished.then(|| self.thread.now() + HALF_OPEN_LOOK),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// It stands still while a pause keeps the device from being heard.
    fn registration_deadline(&self) -> Option<u64> {
        let timeout = self.listener.registration_timeout?.as_millis() as u64;
        if self.standing != Standing::Nameless || self.asking || self.waits_unread() {
            return None;
        }
        if self.listener.rules.unregistered != Unregistered::Forward {
            let opened = self.thread.with(self.slot, |who| who.opened)?;
            return Some(opened + timeout);
        }
        self.thread.moment_of(self.opened_unpaused + timeout)
    }

    /// A silence counts only while the device could be heard.
    fn pause_deadline(&self) -> Option<u64> {
        let profile = &self.listener;
        let pause = self.intake.pause_after(&profile.protocols, &profile.rules)?;
        let heard = match self.standing {
            Standing::Nameless => !self.waits_unread(),
            Standing::Online => !self.thread.is_paused() || self.reads_on(),
            Standing::Claiming | Standing::Granted => false,
        };
        let heard_until = self.heard_unpaused + pause.as_millis() as u64;
        (heard && !self.asking).then(|| self.thread.moment_while_heard(heard_until))
    }

    /// A pause is over. Whatever was heard in it, from now on silence counts.
    pub(super) fn resumed(&mut self) {
        self.heard_unpaused = self.heard_unpaused.min(self.thread.unpaused_now());
        self.go_on();
    }

    /// When the device will have been silent for so long.
    fn after_silence(&self, silence: Duration) -> Option<u64> {
        self.thread.moment_of(self.heard_unpaused + silence.as_millis() as u64)
    }

    /// `None` in a pause, while the device cannot be heard; when that ends, every session looks
    /// anew.
    fn idle_deadline(&self) -> Option<u64> {
        let timeout = self.listener.idle_timeout?;
        let waits = self.idle_told || self.asking;
        let watched = self.standing == Standing::Online && !waits;
        if watched { self.after_silence(timeout) } else { None }
    }

    /// Something may be due.
    pub(super) fn look_at_deadlines(&mut self, at: u64) {
        if !self.looks.came(at) {
            return;
        }
        let now = self.thread.now();
        let due = |deadline: Option<u64>| deadline.is_some_and(|at| at <= now);
        if let Some(ending) = &self.ending {
            if ending.deadline <= now {
                self.over();
            }
            return;
        }
        if due(self.pause_deadline()) {
            self.pause();
        }
        if due(self.registration_deadline()) {
            self.read_last();
            if self.standing == Standing::Nameless {
                return self.end(CloseReason::RegistrationTimeout);
            }
        }
        if due(self.idle_deadline()) && !self.read_last() {
            self.fell_idle();
        }
        self.look_at_polls();
        self.look_at_probe();
        self.look_at_half_open();
    }

    fn fell_idle(&mut self) {
        self.idle_told = true;
        if !self.is_decided(Moment::Idle) {
            return self.is_idle();
        }
        self.ask(Happened::Idle, |session, verdict| {
            // It may have said something while the decider was thinking.
            if verdict == Verdict::Proceed && !session.read_last() {
                session.is_idle();
            }
        });
    }

    /// Nothing is read from a device that has finished, so nothing else tells that it is gone.
    fn look_at_half_open(&mut self) {
        if self.peer_finished && self.ending.is_none() {
            self.hung_up();
        }
    }

    fn is_idle(&mut self) {
        self.thread.observe(self.slot, || Happened::Idle);
        let telemetry = &self.thread.ports.telemetry;
        let silence = self.listener.idle_timeout.unwrap_or_default();
        self.thread.with(self.slot, |who| telemetry.idle(&who.facts(), silence));
        match self.listener.close_idle {
            true => self.end(CloseReason::Idle),
            false => self.thread.tell_idle(self.slot),
        }
    }

    /// Somebody else claims the name: find out within seconds whether this peer is still there.
    pub(super) fn begin_probe(&mut self) {
        if self.ending.is_some() {
            return self.over();
        }
        if self.probe.is_some() {
            return;
        }
        let Some(stream) = self.stream.tcp() else { return self.probe_is_answered() };
        let socket = SockRef::from(stream);
        // With TCP_USER_TIMEOUT the kernel would count from the last byte heard instead of probes,
        // and take a peer that was silent for long for dead at the first probe that is lost. Where
        // bytes are on their way it stays: there is no probing then.
        let user_timeout = self.listener.user_timeout.filter(|_| self.unacknowledged() > 0);
        let quick = options::set_keepalive(&socket, &PROBING)
            .and_then(|()| socket.set_tcp_user_timeout(user_timeout));
        if let Err(error) = quick {
            return self.broken(&error);
        }
        let began = self.thread.now();
        self.probe = Some(Box::new(Probe { began, next_look: began + PROBE_LOOK, looks: 0 }));
    }

    fn look_at_probe(&mut self) {
        let now = self.thread.now();
        let Some(probe) = self.probe.as_mut() else { return };
        if probe.next_look > now {
            return;
        }
        probe.next_look = now + PROBE_LOOK;
        probe.looks += 1;
        if let Some(error) = self.stream.take_error() {
            return self.broken(&error);
        }
        let Some(probe) = self.probe.as_ref() else { return };
        let asked_for = Duration::from_millis(now.saturating_sub(probe.began));
        let Some(socket) = self.stream.descriptor() else { return };
        let heard = kernel::since_last_acknowledgement(socket);
        let answered = heard.is_ok_and(|age| age + KERNEL_TICK < asked_for);
        if answered {
            return self.probe_is_answered();
        }
        if probe.looks >= LOOKS_UNTIL_DEAD {
            self.broken(&io::ErrorKind::TimedOut.into());
        }
    }

    fn probe_is_answered(&mut self) {
        self.probe = None;
        if let Some(stream) = self.stream.tcp() {
            let socket = SockRef::from(stream);
            // A socket that fails here is noticed by the next read.
            let _ = options::set_keepalive(&socket, &self.listener.keepalive);
            let _ = socket.set_tcp_user_timeout(self.listener.user_timeout);
        }
        self.tell_subdevices_alive();
        let who = self.thread.with(self.slot, |who| Some((who.name.clone()?, who.session)));
        if let Some((name, session)) = who.flatten() {
            self.thread.ports.probes.do_send(ProbeAnswered { name, session });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_urgent_look_leaves_the_later_one_standing_and_none_pile_up() {
        let (mut looks, mut set) = (Looks::default(), Vec::new());
        for now in 0..1000 {
            for deadline in [now + 600_000, now + 200] {
                if looks.need(deadline) {
                    set.push(deadline);
                }
            }
            if let Some(at) = set.iter().position(|at| *at <= now) {
                looks.came(set.swap_remove(at));
            }
        }
        assert!(set.len() <= 2, "{set:?}");
    }

    #[test]
    fn a_forgotten_look_changes_nothing() {
        let mut looks = Looks::default();
        assert!(looks.need(100) && looks.need(50) && looks.need(20));
        assert!(looks.came(20));
        assert!(!looks.came(50), "the nearer one was forgotten");
        assert!(looks.came(100));
        assert!(looks.need(200));
    }
}
