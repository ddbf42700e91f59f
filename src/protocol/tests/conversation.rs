//! A connection that is cut by an engine, and what came out of it.

use super::super::{Checked, Engine, Fault, Frame, Given, Kind, Piece, Protocol, Replies, Terms};
use crate::model::{Name, UnixMillis};

/// A frame as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub bytes: Vec<u8>,
    pub name: Option<String>,
    pub is: Kind,
    pub check: Checked,
    pub replies: Vec<Vec<u8>>,
}

/// A connection.
pub struct Conversation<'p> {
    protocol: &'p Protocol,
    engine: Engine,
    pub name: Option<Name>,
    pub now: UnixMillis,
    pub max_frame: usize,
    pub seen: Vec<Seen>,
    pub junk: usize,
    pub fault: Option<Fault>,
}

impl<'p> Conversation<'p> {
    pub fn new(protocol: &'p Protocol) -> Self {
        Self {
            protocol,
            engine: Engine::default(),
            name: None,
            now: UnixMillis(0),
            max_frame: 64 << 10,
            seen: Vec::new(),
            junk: 0,
            fault: None,
        }
    }

    /// A device whose name is known.
    pub fn of(protocol: &'p Protocol, name: &str) -> Self {
        Self { name: Some(Name::new(name.as_bytes()).unwrap()), ..Self::new(protocol) }
    }

    pub fn read(&mut self, mut input: &[u8]) -> &mut Self {
        let vocabulary = self.protocol.vocabulary().unwrap();
        let mut engine = std::mem::take(&mut self.engine);
        while self.fault.is_none() && self.take(engine.feed(vocabulary, self.terms(), &mut input)) {
        }
        assert!(input.is_empty() || self.fault.is_some(), "something is left of the read");
        self.engine = engine;
        self
    }

    pub fn pause(&mut self) -> &mut Self {
        let vocabulary = self.protocol.vocabulary().unwrap();
        let mut engine = std::mem::take(&mut self.engine);
        while self.fault.is_none() && self.take(engine.pause(vocabulary, self.terms())) {}
        self.engine = engine;
        self
    }

    pub fn finish(&mut self) -> &mut Self {
        let vocabulary = self.protocol.vocabulary().unwrap();
        let mut engine = std::mem::take(&mut self.engine);
        while self.fault.is_none() && self.take(engine.finish(vocabulary, self.terms())) {}
        self.engine = engine;
        self
    }

    /// Whether a pause would change anything.
    pub fn waits(&self) -> bool {
        self.engine.pause_after(self.protocol.vocabulary().unwrap()).is_some()
    }

    pub fn held(&self) -> &[u8] {
        self.engine.held()
    }

    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.seen.iter().map(|seen| seen.bytes.clone()).collect()
    }

    fn terms(&self) -> Terms {
        Terms { named: self.name.is_some(), max_frame: self.max_frame }
    }

    fn take(&mut self, piece: Piece<'_>) -> bool {
        match piece {
            Piece::NeedMore => return false,
            Piece::Junk(count) => {
                assert!(count > 0, "no junk at all");
                self.junk += count;
            }
            Piece::Fault(fault) => {
                self.fault = Some(fault);
                return false;
            }
            Piece::Frame(frame) => self.see(&frame),
        }
        true
    }

    /// Keeps what a frame tells.
    pub fn see(&mut self, frame: &Frame<'_>) {
        assert!(frame.bytes.len() <= self.max_frame, "too long a frame");
        let name = frame.name().and_then(Result::ok);
        let given = Given { name: self.name.as_ref(), now: self.now, accepted: true };
        let mut replies = Replies::default();
        frame.replies(&given, &mut replies);
        self.seen.push(Seen {
            bytes: frame.bytes.to_vec(),
            name: name.as_ref().map(|name| name.as_str().to_owned()),
            is: frame.is(),
            check: frame.check(),
            replies: replies.iter().map(<[u8]>::to_vec).collect(),
        });
        self.name = self.name.take().or(name);
    }
}
