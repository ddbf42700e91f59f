use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    DeviceTally, Ending, FirstMessage, Pace, Payload, Script, SentKind, Verdict, Why, dice::Dice,
    outbox::Outbox, voice::Voice,
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
    /// Nothing more is typed, and it ends once all is answered.
    falls_silent: bool,
    /// How it speaks, where it plays a protocol.
    voice: Option<Box<Voice>>,
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
            falls_silent: false,
            voice: None,
            script,
        }
    }

    /// It plays a protocol, with this voice.
    pub fn speaks(&mut self, voice: Voice) {
        self.voice = Some(Box::new(voice));
    }

    /// What its voice has to tell, oldest first.
    pub fn verdict(&mut self) -> Option<Verdict> {
        self.voice.as_mut()?.verdict()
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
        if let Some(voice) = &mut self.voice {
            voice.connected(now);
        }
        self.log_in(now);
        let first = match self.script.first {
            FirstMessage::AtOnce => now,
            FirstMessage::Spread => now + self.dice.up_to(self.script.every),
        };
        self.next_message = (self.script.payload != Payload::Nothing).then_some(first);
        if self.ends_at.is_none() {
            self.ends_at = self.script.duration.map(|duration| now + duration);
        }
    }

    /// Says what a protocol wants said first.
    fn log_in(&mut self, now: Instant) {
        let Some(voice) = &mut self.voice else {
            return;
        };
        while let Some(login) = voice.login(now) {
            self.outbox.push(SentKind::Registration, login);
        }
    }

    /// The next moment at which something is due without anything happening.
    pub fn wake_at(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::Leaving { until, .. } => Some(until),
            Phase::Finished { until } => until,
            Phase::Talking => {
                let message = self.next_message.filter(|_| self.may_speak());
                let voice = self.voice.as_ref().and_then(|voice| voice.wake_at());
                [message, voice, self.ends_at, self.idle_at()].into_iter().flatten().min()
            }
        };
        [own, self.outbox.held_until()].into_iter().flatten().min()
    }

    /// A message waits for the one before it, for room, and for the end of the login.
    fn may_speak(&self) -> bool {
        self.outbox.is_empty() && !self.has_said_all() && self.is_ready()
    }

    fn is_ready(&self) -> bool {
        self.voice.as_ref().is_none_or(|voice| voice.is_ready())
    }

    /// Whether all that was sent has left and is answered.
    fn is_through(&self) -> bool {
        let awaits = self.voice.as_ref().is_some_and(|voice| voice.awaits());
        self.outbox.is_empty() && !awaits
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
        if self.voice.as_mut().is_some_and(|voice| voice.expire(now)) {
            self.leave(Why::Unanswered, now);
            return false;
        }
        if let Some(heartbeat) = self.voice.as_mut().and_then(|voice| voice.heartbeat(now)) {
            self.outbox.push(SentKind::Heartbeat, heartbeat);
        }
        if self.next_message.is_some_and(|next| next <= now) && self.may_speak() {
            self.speak(now);
        }
        let over = self.falls_silent || self.has_said_all() && !self.script.stay;
        if over && self.is_through() {
            self.leave(Why::Done, now);
        }
        false
    }

    fn speak(&mut self, now: Instant) {
        self.messages += 1;
        self.said += 1;
        let message = self.script.payload.message(self.messages, &mut self.dice);
        self.push(SentKind::Message, message.unwrap_or_default(), now);
        // Counted from now and not from when it was due: a device that was held up does not
        // catch up in a burst.
        self.next_message = Some(now + self.dice.around(self.script.every, self.script.jitter));
    }

    /// Sends `bytes` as they are, or as a protocol wants them.
    fn push(&mut self, kind: SentKind, bytes: Bytes, now: Instant) {
        let bytes = match &mut self.voice {
            Some(voice) => voice.message(&bytes, now).unwrap_or_default(),
            None => bytes,
        };
        self.outbox.push(kind, bytes);
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
        if let Some(voice) = &mut self.voice {
            voice.received(bytes);
        }
        if !matches!(self.phase, Phase::Talking) {
            return;
        }
        if self.script.once {
            self.why = Some(Why::Done);
            self.outbox = Outbox::new(self.script.pace);
            self.phase = Phase::Leaving { how: Ending::Destroy, until: now };
            return;
        }
        self.log_in(now);
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
        self.cut_off();
        if matches!(self.phase, Phase::Talking) {
            self.why = Some(Why::PeerFinished);
            self.phase = Phase::Leaving { how: Ending::Destroy, until: self.deadline(now) };
        }
    }

    /// Nothing will come any more.
    pub fn cut_off(&mut self) {
        if let Some(voice) = &mut self.voice {
            voice.cut_off();
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

    /// Bytes from outside, to be sent as they are, or as a protocol wants them.
    pub fn typed(&mut self, bytes: Bytes, now: Instant) {
        if matches!(self.phase, Phase::Talking) {
            self.push(SentKind::Typed, bytes, now);
        }
    }

    /// No more bytes come from outside.
    pub fn typed_ended(&mut self, now: Instant) {
        let silent = self.script.payload == Payload::Nothing && self.script.answer.is_none();
        if !matches!(self.phase, Phase::Talking) || !silent || self.script.stay {
            return;
        }
        match &self.voice {
            Some(_) => self.falls_silent = true,
            None => self.leave(Why::Done, now),
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
        matches!(self.phase, Phase::Talking) && !self.outbox.is_full() && self.is_ready()
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
#[path = "player_tests.rs"]
mod tests;
