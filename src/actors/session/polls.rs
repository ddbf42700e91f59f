use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::Session;
use crate::{
    messages::ListenerProfile,
    model::{CloseReason, Name, UnixMillis},
    telemetry::Polled,
};

/// How long a question waits that cannot be put, since the line is busy, in milliseconds.
const BUSY: u64 = 1000;

/// The questions that a device is asked at intervals.
#[derive(Debug)]
pub(super) struct Polls {
    /// Which of the listener's polls, and when each is due on the thread's clock.
    due: Vec<(usize, u64)>,
    /// The one whose answer is waited for, and up to when on the clock that stands still in a
    /// pause.
    waiting: Option<(usize, u64)>,
}

impl Polls {
    /// Those of the device called `name`, each at a moment of its interval that hangs on the name:
    /// many devices that come back at once are not asked at once.
    pub fn of(name: &Name, profile: &ListenerProfile, now: u64) -> Option<Box<Self>> {
        let own = profile.polls.iter().enumerate().filter(|(_, poll)| poll.asks(name));
        let due: Vec<_> =
            own.map(|(at, poll)| (at, first(name, &poll.name, poll.every, now))).collect();
        (!due.is_empty()).then(|| Box::new(Self { due, waiting: None }))
    }

    fn next(&self) -> Option<u64> {
        self.due.iter().map(|(_, at)| *at).min()
    }
}

/// The first moment behind `now` at which this device is asked.
fn first(name: &Name, poll: &str, every: Duration, now: u64) -> u64 {
    let every = (every.as_millis() as u64).max(1);
    let mut hasher = DefaultHasher::new();
    (name.as_str(), poll).hash(&mut hasher);
    let phase = hasher.finish() % every;
    now + 1 + (phase + every - (now + 1) % every) % every
}

impl Session {
    /// The device is online: what it is to be asked is known.
    pub(super) fn begin_polls(&mut self) {
        let name = self.thread.with(self.slot, |who| who.name.clone()).flatten();
        let now = self.thread.now();
        self.polls = name.and_then(|name| Polls::of(&name, &self.listener, now));
    }

    /// When something is to be done about polls.
    pub(super) fn poll_deadline(&self) -> Option<u64> {
        let polls = self.polls.as_ref()?;
        match polls.waiting {
            Some((_, until)) => self.thread.moment_of(until),
            None => polls.next(),
        }
    }

    /// Asks what is due, unless the line is busy: commands come first.
    pub(super) fn look_at_polls(&mut self) {
        let Some(polls) = &mut self.polls else { return };
        if let Some((_, until)) = polls.waiting {
            if self.thread.is_paused() || self.thread.unpaused_now() < until {
                return;
            }
            polls.waiting = None;
            self.thread.ports.telemetry.polled(Polled::Unanswered);
        }
        let now = self.thread.now();
        let Some((poll, at)) = polls.due.iter_mut().min_by_key(|(_, at)| *at) else { return };
        if *at > now {
            return;
        }
        let is_busy = self.commanding || self.thread.is_paused();
        let settings = &self.listener.polls[*poll];
        if is_busy {
            *at = now + BUSY;
            return;
        }
        let every = (settings.every.as_millis() as u64).max(1);
        *at += ((now - *at) / every + 1) * every;
        let (poll, timeout) = (*poll, settings.timeout.as_millis() as u64);
        self.ask_device(poll, timeout);
    }

    fn ask_device(&mut self, poll: usize, timeout: u64) {
        let mut bytes = Vec::new();
        let request = &self.listener.polls[poll].request;
        let queued = self.thread.with(self.slot, |who| {
            let whole = who
                .name
                .as_ref()
                .is_some_and(|name| request.write(name, UnixMillis::now(), &mut bytes));
            whole.then(|| who.outbound.push(&bytes, who.listener.outbound_limit))
        });
        match queued.flatten() {
            Some(Ok(())) => {
                let until = self.thread.unpaused_now() + timeout;
                if let Some(polls) = &mut self.polls {
                    polls.waiting = Some((poll, until));
                }
                self.answered = true;
                self.thread.ports.telemetry.polled(Polled::Asked);
            }
            Some(Err(_)) => self.end(CloseReason::SlowReader),
            None => {}
        }
    }

    /// A command has come: it goes out at once, and whatever the device says now is no answer to a
    /// poll.
    pub(super) fn give_up_poll(&mut self) {
        let given_up = self.polls.as_mut().and_then(|polls| polls.waiting.take());
        if given_up.is_some() {
            self.thread.ports.telemetry.polled(Polled::GivenUp);
        }
    }

    /// The device has said something: appends to `meaning` to which poll it is the answer.
    pub(super) fn mark_poll_answer(&mut self, may_answer: bool, meaning: &mut Vec<u8>) {
        let Some(polls) = self.polls.as_mut().filter(|_| may_answer) else { return };
        let Some((poll, _)) = polls.waiting.take() else { return };
        meaning.extend_from_slice(b",\"poll\":\"");
        meaning.extend_from_slice(self.listener.polls[poll].name.as_bytes());
        meaning.push(b'"');
        self.thread.ports.telemetry.polled(Polled::Answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_asked_spread_over_the_interval_and_each_at_its_own_moment() {
        let every = Duration::from_secs(60);
        let mut quarters = [0; 4];
        for number in 0..1000 {
            let name = Name::new(format!("meter-{number}").as_bytes()).unwrap();
            let first = first(&name, "power", every, 1_000_000);
            assert!((1_000_001..=1_060_000).contains(&first));
            assert_eq!(super::first(&name, "power", every, first), first + 60_000);
            quarters[((first % 60_000) / 15_000) as usize] += 1;
        }
        assert!(quarters.iter().all(|count| (150..350).contains(count)), "{quarters:?}");
    }
}
