use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Speech, Verdict};
use crate::{
    model::{Name, UnixMillis},
    protocol::{DeviceSide, Knows, Saying},
};

/// How long a reply is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Most replies that are waited for before anything else is sent.
const MOST_AWAITED: usize = 1024;

/// Most bytes that are kept of a reply that has begun.
const LONGEST_REPLY: usize = 64 << 10;

/// One device's part in a protocol: what it sends, with the numbers and the time in it, and which
/// replies are still to come. It has neither socket nor clock.
#[derive(Debug)]
pub(super) struct Voice {
    speech: Arc<Speech>,
    name: Name,
    /// A moment on both clocks.
    clock: (Instant, UnixMillis),
    seq: u64,
    /// Messages said.
    messages: usize,
    /// How much of the login was said on this connection.
    logins: usize,
    /// The gateway knows the name.
    named: bool,
    next_heartbeat: Option<Instant>,
    awaited: VecDeque<Awaited>,
    /// What came and is no whole reply yet.
    came: Vec<u8>,
    verdicts: VecDeque<Verdict>,
}

/// A reply that is to come.
#[derive(Debug)]
struct Awaited {
    reply: Vec<u8>,
    tells_time: bool,
    login: bool,
    until: Instant,
}

impl Voice {
    /// The voice of the device `name`, where `clock` is one moment on both clocks.
    pub fn new(speech: Arc<Speech>, name: Name, clock: (Instant, UnixMillis)) -> Self {
        Self {
            speech,
            name,
            clock,
            seq: 0,
            messages: 0,
            logins: 0,
            named: false,
            next_heartbeat: None,
            awaited: VecDeque::new(),
            came: Vec::new(),
            verdicts: VecDeque::new(),
        }
    }

    /// A connection stands.
    pub fn connected(&mut self, now: Instant) {
        (self.logins, self.named) = (0, false);
        self.awaited.clear();
        self.came.clear();
        self.next_heartbeat = self.heartbeat_every().map(|every| now + every);
    }

    /// What it has to say before anything else: the next part of its login, unless a reply to the
    /// one before is still to come.
    pub fn login(&mut self, now: Instant) -> Option<Bytes> {
        while self.logins < self.all_logins() && !self.awaits_login() {
            self.logins += 1;
            let said = self.say(Saying::Login(self.logins - 1), b"", now);
            if said.is_some() {
                return said;
            }
        }
        None
    }

    /// Whether it is past its login and may say something.
    pub fn is_ready(&self) -> bool {
        let logged_in = self.logins == self.all_logins() && !self.awaits_login();
        logged_in && self.awaited.len() < MOST_AWAITED
    }

    /// Its next message, with `payload` in it.
    pub fn message(&mut self, payload: &[u8], now: Instant) -> Option<Bytes> {
        let saying = self.speech.message(self.messages);
        self.messages += 1;
        self.say(saying, payload, now)
    }

    /// Its sign of life, if one is due.
    pub fn heartbeat(&mut self, now: Instant) -> Option<Bytes> {
        if self.next_heartbeat.is_none_or(|next| now < next) || !self.is_ready() {
            return None;
        }
        self.next_heartbeat = self.heartbeat_every().map(|every| now + every);
        self.say(Saying::Heartbeat, b"", now)
    }

    /// Whether a reply is still to come.
    pub fn awaits(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// The next moment at which something is due without anything happening.
    pub fn wake_at(&self) -> Option<Instant> {
        let heartbeat = self.next_heartbeat.filter(|_| self.is_ready());
        let patience = self.awaited.front().map(|awaited| awaited.until);
        heartbeat.into_iter().chain(patience).min()
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8]) {
        self.came.extend_from_slice(bytes);
        while !self.came.is_empty() && self.judge() {}
        if self.came.len() > LONGEST_REPLY {
            self.verdicts.push_back(Verdict::Other(std::mem::take(&mut self.came)));
        }
    }

    /// Gives up replies that are late; `true` if one of them was to the login.
    pub fn expire(&mut self, now: Instant) -> bool {
        let mut login = false;
        while self.awaited.front().is_some_and(|awaited| awaited.until <= now) {
            if let Some(late) = self.awaited.pop_front() {
                login |= late.login;
                self.miss(late);
            }
        }
        login
    }

    /// The gateway has ended the connection: what is still to come never will.
    pub fn cut_off(&mut self) {
        while let Some(awaited) = self.awaited.pop_front() {
            self.miss(awaited);
        }
    }

    /// What there is to tell, oldest first.
    pub fn verdict(&mut self) -> Option<Verdict> {
        self.verdicts.pop_front()
    }

    fn say(&mut self, saying: Saying, payload: &[u8], now: Instant) -> Option<Bytes> {
        self.seq += 1;
        let time = self.time(now);
        let knows = Knows { name: &self.name, now: time, seq: self.seq, payload };
        let mut sent = Vec::new();
        let written = self.speech.device()?.write(saying, &knows, &mut sent);
        let protocol = self.speech.protocol();
        let answer = protocol.answer(saying, &sent, &self.name, self.named, time);
        let Some(answer) = answer.filter(|_| written) else {
            self.verdicts.push_back(Verdict::Unfit(payload.len()));
            return None;
        };
        self.named = true;
        let login = matches!(saying, Saying::Login(_));
        if !answer.reply.is_empty() {
            self.verdicts.push_back(Verdict::Awaited { login });
            let (reply, tells_time) = (answer.reply, answer.tells_time);
            self.awaited.push_back(Awaited { reply, tells_time, login, until: now + PATIENCE });
        }
        Some(sent.into())
    }

    /// Looks at the front of what came; `true` if it is worth another look.
    fn judge(&mut self) -> bool {
        let Some(awaited) = self.awaited.front() else {
            self.verdicts.push_back(Verdict::Other(std::mem::take(&mut self.came)));
            return false;
        };
        let (login, expected) = (awaited.login, awaited.reply.len());
        let right = match awaited.tells_time {
            true => self.came.len() >= expected,
            false => self.came.starts_with(&awaited.reply),
        };
        if right {
            let tells_time = awaited.tells_time;
            self.verdicts.push_back(Verdict::Right { login, bytes: expected, tells_time });
            self.came.drain(..expected);
            self.awaited.pop_front();
            return true;
        }
        if awaited.tells_time || awaited.reply.starts_with(&self.came) {
            return false;
        }
        // A command may stand in front of it.
        if let Some(at) = memchr::memmem::find(&self.came, &awaited.reply) {
            let other = self.came.drain(..at).collect();
            self.verdicts.push_back(Verdict::Other(other));
            return true;
        }
        let came = std::mem::take(&mut self.came);
        if let Some(Awaited { reply: expected, .. }) = self.awaited.pop_front() {
            self.verdicts.push_back(Verdict::Wrong { login, came, expected });
        }
        false
    }

    fn miss(&mut self, Awaited { reply: expected, login, .. }: Awaited) {
        let came = std::mem::take(&mut self.came);
        self.verdicts.push_back(match came.is_empty() {
            true => Verdict::Missing { login, expected },
            // What came was its beginning.
            false => Verdict::Wrong { login, came, expected },
        });
    }

    fn awaits_login(&self) -> bool {
        self.awaited.iter().any(|awaited| awaited.login)
    }

    fn all_logins(&self) -> usize {
        self.speech.device().map_or(0, DeviceSide::logins)
    }

    fn heartbeat_every(&self) -> Option<Duration> {
        self.speech.device().and_then(DeviceSide::heartbeat_every)
    }

    fn time(&self, now: Instant) -> UnixMillis {
        let (then, time) = self.clock;
        UnixMillis(time.0 + now.saturating_duration_since(then).as_millis() as u64)
    }
}

#[cfg(test)]
#[path = "voice_tests.rs"]
mod tests;
