//! The other side of a protocol: what a device sends, and what it gets for that.

use std::time::Duration;

use super::{
    Checked, Engine, Given, Kind, Piece, Protocol, Replies, Terms, frame::Escape,
    template::Template,
};
use crate::model::{Name, UnixMillis};

/// Longest frame that a device sends.
const MAX_FRAME: usize = 1 << 20;

/// What a device sends, as `[device]` of a protocol file describes it.
#[derive(Clone, Debug)]
pub struct DeviceSide {
    pub(super) name: Option<Box<str>>,
    pub(super) login: Box<[Template]>,
    pub(super) send: Box<[Template]>,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) escape: Option<Escape>,
}

#[derive(Clone, Debug)]
pub(super) struct Heartbeat {
    pub says: Template,
    pub every: Duration,
}

/// Something that a device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// So many-th of what it opens a connection with, counted from 0.
    Login(usize),
    /// So many-th of its kinds of messages, counted from 0.
    Message(usize),
    /// A sign of life.
    Heartbeat,
}

/// What a device knows when it sends.
#[derive(Clone, Copy, Debug)]
pub struct Knows<'k> {
    /// Who it is.
    pub name: &'k Name,
    /// What time it is.
    pub now: UnixMillis,
    /// The number of what it sends.
    pub seq: u64,
    /// What its message says.
    pub payload: &'k [u8],
}

/// What a gateway makes of a frame that a device sends.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Who the device says it is, if it says so in this frame.
    pub name: Option<Name>,
    /// What its checksum says.
    pub check: Checked,
    /// What the frame is.
    pub is: Kind,
    /// What a device gets that is let in, all replies one behind the other.
    pub reply: Vec<u8>,
    /// The reply holds the time, so that only its length is known beforehand.
    pub tells_time: bool,
}

impl DeviceSide {
    /// The name of a device, or of the first one, where none is asked for.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many frames open a connection.
    pub fn logins(&self) -> usize {
        self.login.len()
    }

    /// How many kinds of messages there are; at least one.
    pub fn messages(&self) -> usize {
        self.send.len()
    }

    /// Whether the kind `message` holds what is given to be sent.
    pub fn carries_data(&self, message: usize) -> bool {
        self.send.get(message).is_some_and(Template::holds_payload)
    }

    /// How often a sign of life is sent, if there is one.
    pub fn heartbeat_every(&self) -> Option<Duration> {
        self.heartbeat.as_ref().map(|heartbeat| heartbeat.every)
    }

    /// Writes `saying` behind what `out` holds; `false` if there is no such thing, or it cannot be
    /// said of this name. `out` is as before then.
    pub fn write(&self, saying: Saying, knows: &Knows<'_>, out: &mut Vec<u8>) -> bool {
        let template = match saying {
            Saying::Login(at) => self.login.get(at),
            Saying::Message(at) => self.send.get(at),
            Saying::Heartbeat => self.heartbeat.as_ref().map(|heartbeat| &heartbeat.says),
        };
        let Some(template) = template else {
            return false;
        };
        let given = Given { name: Some(knows.name), now: knows.now, accepted: true };
        let from = out.len();
        if !template.write_numbered(None, &given, knows.payload, Some(knows.seq), out) {
            out.truncate(from);
            return false;
        }
        if let Some(escape) = &self.escape {
            escape.apply(out, from);
        }
        true
    }
}

impl Protocol {
    /// What a gateway makes of `saying`, which was written as `sent` for the device `name`; none if
    /// it is not one whole frame. `named`: the gateway knows the name by now.
    pub fn answer(
        &self,
        saying: Saying,
        sent: &[u8],
        name: &Name,
        named: bool,
        now: UnixMillis,
    ) -> Option<Answer> {
        let is_registration = self.packet().is_some() && matches!(saying, Saying::Login(_));
        let Some(vocabulary) = self.vocabulary().filter(|_| !is_registration) else {
            return Some(Answer::default());
        };
        let terms = Terms { named, max_frame: MAX_FRAME };
        let (mut engine, mut rest) = (Engine::default(), sent);
        let whole = match engine.feed(vocabulary, terms, &mut rest) {
            Piece::Frame(frame) => Some(self.answer_to(&frame, name, now)),
            Piece::NeedMore => None,
            Piece::Junk(_) | Piece::Fault(_) => return None,
        };
        let answer = whole.or_else(|| match engine.pause(vocabulary, terms) {
            Piece::Frame(frame) => Some(self.answer_to(&frame, name, now)),
            Piece::NeedMore | Piece::Junk(_) | Piece::Fault(_) => None,
        });
        answer.filter(|_| rest.is_empty() && engine.held().is_empty())
    }

    fn answer_to(&self, frame: &super::Frame<'_>, name: &Name, now: UnixMillis) -> Answer {
        let mut replies = Replies::default();
        frame.replies(&Given { name: Some(name), now, accepted: true }, &mut replies);
        Answer {
            name: frame.name().and_then(Result::ok),
            check: frame.check(),
            is: frame.is(),
            reply: replies.as_bytes().to_vec(),
            tells_time: frame.is_answered_with_time(),
        }
    }
}
