use std::time::Duration;

use super::{
    Frame,
    frame::{Escape, Fit, Shape},
    rule::Rule,
    template::{Given, Template},
};

/// Most kinds of frames of a protocol.
pub(super) const MOST_SHAPES: usize = 64;

/// What a protocol file says of frames, turned into plain values.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// In the order in which they are tried.
    pub(super) shapes: Box<[Shape]>,
    /// For each byte that may come first: the kinds of frames that may begin with it, by their
    /// bits; of a device without a name, and of one that has it.
    pub(super) firsts: Box<[[u64; 256]; 2]>,
    /// Bytes that are dropped in front of frames.
    pub(super) skip: super::byteset::ByteSet,
    /// What comes before one of these is dropped.
    pub(super) skip_until: Box<[Box<[u8]>]>,
    /// Whether anything is dropped in front of frames.
    pub(super) skips: bool,
    /// The names of all fields.
    pub(super) names: Box<[Box<str>]>,
    /// Which of them names the device.
    pub(super) id: Option<u8>,
    /// Which of them is the frame's type.
    pub(super) kind: Option<u8>,
    /// Which of them is the frame's number.
    pub(super) seq: Option<u8>,
    pub(super) rules: Box<[Rule]>,
    pub(super) command: Option<Envelope>,
    pub(super) max_frame: usize,
    pub(super) gap: Duration,
    pub(super) conduct: Conduct,
}

/// What is put around a command.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub template: Template,
    pub escape: Option<Escape>,
}

/// What a session does with frames beyond delivering them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Many devices stand behind one connection, each under its own name.
    pub many: bool,
    /// What happens to a frame whose checksum is wrong.
    pub on_bad_checksum: OnBadChecksum,
    /// When a device gets its reply; unsaid, once its data are as safe as the spool makes them.
    pub reply_when: Option<ReplyWhen>,
    /// Heartbeats are answered and counted, and go no further.
    pub drop_heartbeats: bool,
}

/// What happens to a frame whose checksum is wrong. It is always counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadChecksum {
    /// It goes on, marked.
    #[default]
    Forward,
    /// It goes nowhere, and nobody answers.
    Drop,
    /// It ends the session.
    Close,
}

/// When a device gets the reply to its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyWhen {
    /// Once they are stored as safely as the spool is told to.
    Durable,
    /// At once.
    Received,
}

/// Which kind of frame some bytes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Shape(usize),
    /// More bytes are needed to say.
    Open,
    None,
}

impl Vocabulary {
    /// What a session does with frames beyond delivering them.
    pub fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// Whether some frame tells who the device is.
    pub fn names_devices(&self) -> bool {
        self.id.is_some()
    }

    /// Whether commands can be wrapped.
    pub fn takes_commands(&self) -> bool {
        self.command.is_some()
    }

    /// Whether anything is said about what is done with frames.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether it tells answers to commands from other frames.
    pub fn knows_answers(&self) -> bool {
        self.rules.iter().any(|rule| rule.is == super::Kind::Answer)
    }

    /// Whether any frame is answered.
    pub fn replies(&self) -> bool {
        self.rules.iter().any(|rule| !rule.replies.is_empty())
    }

    /// The frame of the kind `shape` that holds `bytes`, which were kept.
    pub(super) fn kept<'f>(&'f self, shape: u8, bytes: &'f [u8]) -> Option<Frame<'f>> {
        Some(Frame::of(self, self.shapes.get(usize::from(shape))?, bytes))
    }

    /// Reads `bytes`, which are one frame, cut already: its head says of which kind. None if it is
    /// of no kind. Escapes are not undone.
    pub fn read<'f>(&'f self, bytes: &'f [u8], named: bool) -> Option<Frame<'f>> {
        match self.choose(bytes, named, true) {
            Choice::Shape(at) => Some(Frame::new(self, &self.shapes[at], bytes)),
            Choice::Open | Choice::None => None,
        }
    }

    /// Writes `payload`, wrapped as the protocol wants commands, behind what `out` holds: as it
    /// is if the protocol has no envelope. `false` if something that the envelope needs is not
    /// known; `out` is as before then.
    pub fn command(&self, payload: &[u8], given: &Given<'_>, out: &mut Vec<u8>) -> bool {
        let Some(envelope) = &self.command else {
            out.extend_from_slice(payload);
            return true;
        };
        let from = out.len();
        if !envelope.template.write(None, given, payload, out) {
            out.truncate(from);
            return false;
        }
        if let Some(escape) = &envelope.escape {
            escape.apply(out, from);
        }
        true
    }

    /// Which kind of frame begins with `bytes`. `quiet`: a kind that
    /// fits counts, even if an earlier one may still.
    #[inline]
    pub(super) fn choose(&self, bytes: &[u8], named: bool, quiet: bool) -> Choice {
        let Some(first) = bytes.first() else {
            return Choice::Open;
        };
        let mut open = false;
        let mut left = self.firsts[usize::from(named)][usize::from(*first)];
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let shape = &self.shapes[at];
            match shape.head.fits(bytes) {
                Fit::Yes => return Choice::Shape(at),
                Fit::Open if !quiet => return Choice::Open,
                Fit::Open => open = true,
                Fit::No => {}
            }
        }
        if open { Choice::Open } else { Choice::None }
    }

    /// The kind and the length of the frame at the front of `bytes`, if its first bytes say both
    /// and all of it is there: what most frames are, found without a look at anything else.
    #[inline]
    pub(super) fn whole(&self, named: bool, limit: usize, bytes: &[u8]) -> Option<(&Shape, usize)> {
        let front = bytes.first_chunk()?;
        let kinds = self.firsts[usize::from(named)][usize::from(front[0])];
        // One after the other, although the bits name those that may be: which it was is guessed
        // well by the processor, and what is looked up has to be waited for.
        for shape in &self.shapes {
            if kinds & shape.bit == 0 {
                continue;
            }
            let said = shape.said.as_ref()?;
            let front = u64::from_le_bytes(*front);
            if said.begins(front) {
                return Some((shape, said.total(front, bytes, limit)?));
            }
        }
        None
    }

    /// Whether a frame of some kind begins with `bytes`, which are not empty.
    pub(super) fn begins(&self, bytes: &[u8], named: bool) -> Fit {
        match self.choose(bytes, named, false) {
            Choice::Shape(_) => Fit::Yes,
            Choice::Open => Fit::Open,
            Choice::None => Fit::No,
        }
    }

    /// How many bytes at the front of `bytes` begin no frame.
    pub(super) fn junk(&self, bytes: &[u8], named: bool) -> usize {
        let begins = |at: &usize| {
            let first = usize::from(bytes[*at]);
            // What is dropped in front of frames is no junk.
            self.skip.has(bytes[*at])
                || self.firsts[usize::from(named)][first] != 0
                    && self.begins(&bytes[*at..], named) != Fit::No
        };
        (0..bytes.len()).find(begins).unwrap_or(bytes.len())
    }
}
