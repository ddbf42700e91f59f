use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    DeviceTally, Ending, FirstMessage, Pace, Payload, Script, SentKind, Why, dice::Dice,
    outbox::Outbox,
};

/// What a device wants done to its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing; it goes on.
    Go,
    /// FIN.
    Finish,
    /// Both directions closed.
    Close,
    /// A reset.
    Reset,
}

/// A device's decisions, without a socket and without a clock.
#[derive(Debug)]
pub(super) struct Player {
    script: Arc<Script>,
    pub dice: Dice,
    pub tally: DeviceTally,
    outbox: Outbox,
    phase: Phase,
    why: Option<Why>,
    next_message: Option<Instant>,
    ends_at: Option<Instant>,
    last_activity: Instant,
    peer_finished: bool,
    /// Messages and answers put into the outbox, over all connections.
    said: u64,
    /// Of these, messages.
    messages: u64,
    /// Of these, answers.
    answers: u64,
}

#[derive(Debug)]
enum Phase {
    Talking,
    /// What is in the outbox still goes out, until the moment given.
    Leaving {
        how: Ending,
        until: Instant,
    },
    /// FIN is sent; `None`: it reads for as long as something comes.
    Finished {
        until: Option<Instant>,
    },
}

impl Player {
    pub fn new(script: Arc<Script>, dice: Dice, now: Instant) -> Self {
        Self {
            outbox: Outbox::new(Pace::Whole),
            dice,
            tally: DeviceTally::default(),
            phase: Phase::Talking,
            why: None,
            next_message: None,
            ends_at: None,
            last_activity: now,
            peer_finished: false,
            said: 0,
            messages: 0,
            answers: 0,
            script,
        }
    }

    /// A connection stands: it begins with the registration.
    pub fn connected(&mut self, registration: Option<Bytes>, now: Instant) {
        self.tally.connects += 1;
        self.outbox = Outbox::new(self.script.pace);
        self.phase = Phase::Talking;
        self.why = None;
        self.peer_finished = false;
        self.last_activity = now;
        self.outbox.push(SentKind::Registration, registration.unwrap_or_default());
        let first = match self.script.first {
            FirstMessage::AtOnce => now,
            FirstMessage::Spread => now + self.dice.up_to(self.script.every),
        };
        self.next_message = (self.script.payload != Payload::Nothing).then_some(first);
        if self.ends_at.is_none() {
            self.ends_at = self.script.duration.map(|duration| now + duration);
        }
    }

    /// The next moment at which something is due without anything happening.
    pub fn wake_at(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::Leaving { until, .. } => Some(until),
            Phase::Finished { until } => until,
            Phase::Talking => {
                let message = self.next_message.filter(|_| self.may_speak());
                [message, self.ends_at, self.idle_at()].into_iter().flatten().min()
            }
        };
        [own, self.outbox.held_until()].into_iter().flatten().min()
    }

    /// A message waits for the one before it, and for room.
    fn may_speak(&self) -> bool {
        self.outbox.is_empty() && !self.has_said_all()
    }

    fn has_said_all(&self) -> bool {
        self.script.messages.is_some_and(|messages| self.said >= messages)
    }

    fn idle_at(&self) -> Option<Instant> {
        self.script.idle.map(|idle| self.last_activity + idle)
    }

    /// Does what is due by the clock, and says what the socket is to do. `true` beside it: its
    /// idle time-out has just passed.
    pub fn step(&mut self, now: Instant) -> (Step, bool) {
        let idle = matches!(self.phase, Phase::Talking) && self.talk(now);
        (self.leave_step(now), idle)
    }

    fn talk(&mut self, now: Instant) -> bool {
        if self.ends_at.is_some_and(|end| end <= now) {
            self.leave(Why::Done, now);
            return false;
        }
        if self.idle_at().is_some_and(|idle| idle <= now) {
            self.leave(Why::Idle, now);
            return true;
        }
        if self.next_message.is_some_and(|next| next <= now) && self.may_speak() {
            self.speak(now);
        }
        if self.has_said_all() && !self.script.stay && self.outbox.is_empty() {
            self.leave(Why::Done, now);
        }
        false
    }

    fn speak(&mut self, now: Instant) {
        self.messages += 1;
        self.said += 1;
        let message = self.script.payload.message(self.messages, &mut self.dice);
        self.outbox.push(SentKind::Message, message.unwrap_or_default());
        // Counted from now and not from when it was due: a device that was held up does not
        // catch up in a burst.
        self.next_message = Some(now + self.dice.around(self.script.every, self.script.jitter));
    }

    fn leave(&mut self, why: Why, now: Instant) {
        let how = self.script.ending;
        if matches!(how, Ending::Finish | Ending::HalfClose) {
            self.outbox.push(SentKind::LastWords, self.script.last_words.clone());
        }
        self.why = Some(why);
        self.phase = Phase::Leaving { how, until: self.deadline(now) };
    }

    /// A slow device may take its time for what it has still to say.
    fn deadline(&self, now: Instant) -> Instant {
        let pace = match self.script.pace {
            Pace::Slow(pause) => pause.saturating_mul(self.outbox.waiting() as u32),
            Pace::Whole | Pace::Pieces(_) => Duration::ZERO,
        };
        now + self.script.linger + pace
    }

    fn leave_step(&mut self, now: Instant) -> Step {
        match self.phase {
            Phase::Talking => Step::Go,
            Phase::Leaving { how, .. } if self.outbox.is_empty() => match how {
                Ending::Finish | Ending::HalfClose if self.peer_finished => Step::Close,
                Ending::Finish => {
                    self.phase = Phase::Finished { until: Some(now + self.script.linger) };
                    Step::Finish
                }
                Ending::HalfClose => {
                    self.phase = Phase::Finished { until: None };
                    Step::Finish
                }
                Ending::Destroy => Step::Close,
                Ending::Reset => Step::Reset,
            },
            Phase::Leaving { until, .. } | Phase::Finished { until: Some(until) }
                if until <= now =>
            {
                Step::Close
            }
            Phase::Finished { .. } if self.peer_finished => Step::Close,
            Phase::Leaving { .. } | Phase::Finished { .. } => Step::Go,
        }
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        self.last_activity = now;
        self.tally.received_bytes += bytes.len() as u64;
        if !matches!(self.phase, Phase::Talking) {
            return;
        }
        if self.script.once {
            self.why = Some(Why::Done);
            self.outbox = Outbox::new(self.script.pace);
            self.phase = Phase::Leaving { how: Ending::Destroy, until: now };
            return;
        }
        let Some(template) = self.script.answer.as_deref().filter(|_| !self.has_said_all()) else {
            return;
        };
        self.answers += 1;
        self.said += 1;
        let answer = fill(template, self.answers, bytes);
        self.outbox.push(SentKind::Answer, answer.into());
    }

    /// The other side sent FIN.
    pub fn peer_finished(&mut self, now: Instant) {
        self.peer_finished = true;
        if matches!(self.phase, Phase::Talking) {
            self.why = Some(Why::PeerFinished);
            self.phase = Phase::Leaving { how: Ending::Destroy, until: self.deadline(now) };
        }
    }

    /// Whoever runs the device wants it to end: from here on it waits for nothing longer than
    /// `linger`, whatever its script says of reading the rest.
    pub fn stop(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Talking) {
            self.leave(Why::Stopped, now);
        }
        match &mut self.phase {
            Phase::Leaving { how: how @ Ending::HalfClose, .. } => *how = Ending::Finish,
            Phase::Finished { until: until @ None } => *until = Some(now + self.script.linger),
            Phase::Talking | Phase::Leaving { .. } | Phase::Finished { .. } => {}
        }
    }

    /// Bytes from outside, to be sent as they are.
    pub fn typed(&mut self, bytes: Bytes) {
        if matches!(self.phase, Phase::Talking) {
            self.outbox.push(SentKind::Typed, bytes);
        }
    }

    /// No more bytes come from outside.
    pub fn typed_ended(&mut self, now: Instant) {
        let silent = self.script.payload == Payload::Nothing && self.script.answer.is_none();
        if matches!(self.phase, Phase::Talking) && silent && !self.script.stay {
            self.leave(Why::Done, now);
        }
    }

    /// What may be written now.
    pub fn chunk(&mut self, now: Instant) -> Option<&[u8]> {
        self.outbox.chunk(now, &mut self.dice)
    }

    /// The socket took so many bytes of the last chunk. Gives the message if it is now complete.
    pub fn written(&mut self, n: usize, now: Instant) -> Option<(SentKind, Bytes)> {
        self.last_activity = now;
        self.tally.sent_bytes += n as u64;
        let (kind, bytes) = self.outbox.written(n, now, &mut self.dice)?;
        if kind != SentKind::Registration {
            self.tally.message_bytes += bytes.len() as u64;
            self.tally.hash.add(&bytes);
        }
        if matches!(kind, SentKind::Message | SentKind::Answer) {
            self.tally.messages += 1;
        }
        Some((kind, bytes))
    }

    /// Whether it wants to read: not behind the end, and not while too much waits to be written.
    pub fn wants_read(&self) -> bool {
        !self.peer_finished && !self.outbox.is_full()
    }

    /// Whether it wants to hear what is typed.
    pub fn wants_typed(&self) -> bool {
        matches!(self.phase, Phase::Talking) && !self.outbox.is_full()
    }

    /// Why the connection is over.
    pub fn take_why(&mut self) -> Why {
        self.why.take().unwrap_or(Why::Done)
    }
}

/// The answer by its template; `{received}` may stand for bytes that are no text.
fn fill(template: &str, number: u64, received: &[u8]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(template.len() + received.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        answer.extend_from_slice(before.as_bytes());
        rest = if let Some(rest) = from.strip_prefix("{i}") {
            answer.extend_from_slice(number.to_string().as_bytes());
            rest
        } else if let Some(rest) = from.strip_prefix("{received}") {
            answer.extend_from_slice(received);
            rest
        } else {
            answer.push(b'{');
            &from[1..]
        };
    }
    answer.extend_from_slice(rest.as_bytes());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn player(change: impl FnOnce(&mut Script)) -> (Player, Instant) {
        let mut script = Script::new("127.0.0.1:1".parse().expect("an address"));
        change(&mut script);
        let now = Instant::now();
        (Player::new(Arc::new(script), Dice::new(1, 1), now), now)
    }

    /// Writes all that may leave at `now` and gives it.
    fn flush(player: &mut Player, now: Instant) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(chunk) = player.chunk(now).map(<[u8]>::to_vec) {
            player.written(chunk.len(), now);
            all.extend(chunk);
        }
        all
    }

    #[test]
    fn it_registers_speaks_at_its_interval_and_ends_after_its_messages() {
        let (mut player, start) = player(|script| {
            script.payload = Payload::Counter("m".to_owned());
            script.messages = Some(2);
            script.last_words = Bytes::from_static(b"bye");
        });
        player.connected(Some(Bytes::from_static(b"hi;")), start);
        assert_eq!(flush(&mut player, start), b"hi;");
        assert_eq!(player.step(start), (Step::Go, false));
        assert_eq!(flush(&mut player, start), b"m 1");
        assert_eq!(player.wake_at(), Some(start + SECOND));
        assert_eq!(player.step(start + SECOND), (Step::Go, false));
        assert_eq!(flush(&mut player, start + SECOND), b"m 2");
        player.step(start + SECOND);
        assert_eq!(flush(&mut player, start + SECOND), b"bye");
        assert_eq!(player.step(start + SECOND).0, Step::Finish);
        assert_eq!(player.step(start + SECOND).0, Step::Go);
        player.peer_finished(start + SECOND);
        assert_eq!(player.step(start + SECOND).0, Step::Close);
        assert!(matches!(player.take_why(), Why::Done));
        assert_eq!((player.tally.messages, player.tally.message_bytes), (2, 9));
        assert_eq!(player.tally.hash, super::super::RunningHash::of(b"m 1m 2bye"));
    }

    #[test]
    fn an_idle_device_says_its_last_words_and_any_activity_puts_that_off() {
        let (mut player, start) = player(|script| {
            script.idle = Some(3 * SECOND);
            script.last_words = Bytes::from_static(b"bye");
        });
        player.connected(None, start);
        player.received(b"ping", start + 2 * SECOND);
        assert_eq!(player.step(start + 3 * SECOND), (Step::Go, false));
        assert_eq!(player.wake_at(), Some(start + 5 * SECOND));
        assert_eq!(player.step(start + 5 * SECOND), (Step::Go, true));
        assert_eq!(flush(&mut player, start + 5 * SECOND), b"bye");
        assert!(matches!(player.take_why(), Why::Idle));
    }

    #[test]
    fn it_waits_for_a_peer_that_never_finishes_only_so_long() {
        let (mut player, start) = player(|_| {});
        player.connected(None, start);
        player.stop(start);
        assert_eq!(player.step(start).0, Step::Finish);
        assert_eq!(player.wake_at(), Some(start + 5 * SECOND));
        assert_eq!(player.step(start + 5 * SECOND).0, Step::Close);
    }

    #[test]
    fn a_half_closed_device_reads_on_until_the_peer_finishes() {
        let (mut player, start) = player(|script| {
            script.ending = Ending::HalfClose;
            script.messages = Some(0);
        });
        player.connected(None, start);
        assert_eq!(player.step(start).0, Step::Finish);
        assert_eq!(player.wake_at(), None);
        assert!(player.wants_read());
        let later = start + 3600 * SECOND;
        player.received(b"the rest", later);
        assert_eq!(player.step(later).0, Step::Go);
        player.stop(later);
        assert_eq!(player.wake_at(), Some(later + 5 * SECOND), "stopped, it waits only so long");
        player.peer_finished(later);
        assert_eq!(player.step(later).0, Step::Close);
    }

    #[test]
    fn a_reset_waits_for_what_was_said_and_takes_no_last_words() {
        let (mut player, start) = player(|script| {
            script.ending = Ending::Reset;
            script.last_words = Bytes::from_static(b"never said");
        });
        player.connected(Some(Bytes::from_static(b"hi;")), start);
        player.stop(start);
        assert_eq!(player.step(start).0, Step::Go);
        assert_eq!(flush(&mut player, start), b"hi;");
        assert_eq!(player.step(start).0, Step::Reset);
    }

    #[test]
    fn after_the_peers_fin_it_leaves_without_last_words() {
        let (mut player, start) = player(|script| script.last_words = Bytes::from_static(b"no"));
        player.connected(None, start);
        player.peer_finished(start);
        assert_eq!(player.step(start).0, Step::Close);
        assert!(!player.wants_read());
        assert!(matches!(player.take_why(), Why::PeerFinished));
    }

    #[test]
    fn it_does_not_catch_up_after_having_been_held_up() {
        let (mut player, start) = player(|script| script.payload = Payload::Text(5));
        player.connected(None, start);
        player.step(start);
        assert_eq!(player.step(start + 9 * SECOND), (Step::Go, false));
        assert_eq!(flush(&mut player, start + 9 * SECOND).len(), 5, "one waits for the other");
        player.step(start + 9 * SECOND);
        assert_eq!(flush(&mut player, start + 9 * SECOND).len(), 5);
        assert_eq!(player.wake_at(), Some(start + 10 * SECOND));
    }

    #[test]
    fn answers_are_numbered_and_may_hold_what_was_received() {
        assert_eq!(fill("client data: {i}", 3, b"x"), b"client data: 3");
        assert_eq!(fill("{You} said \"{received}\"\r\n", 1, b"\xff"), b"{You} said \"\xff\"\r\n");
        assert_eq!(fill("{", 1, b""), b"{");
    }

    #[test]
    fn a_device_that_stays_is_silent_after_its_last_message() {
        let (mut player, start) = player(|script| {
            script.payload = Payload::Text(5);
            script.messages = Some(1);
            script.stay = true;
        });
        player.connected(None, start);
        player.step(start);
        flush(&mut player, start);
        assert_eq!(player.step(start + 60 * SECOND), (Step::Go, false));
        assert_eq!(player.wake_at(), None);
    }
}
