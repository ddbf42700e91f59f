use super::{Checked, Code, Frame, Given, Kind, Protocol, Reading, Replies};
use crate::model::{Name, NameFault};

/// A frame of a device, whoever has read it: a protocol file, or code.
#[derive(Clone, Debug)]
pub enum Heard<'f> {
    /// As a protocol file describes it.
    Described(Frame<'f>),
    /// As code has read it.
    Coded(&'f Reading, &'f dyn Code),
}

/// A frame that is kept until something is known: the device's name, or a decider's answer.
#[derive(Clone, Debug)]
pub enum Kept {
    /// Its bytes, and which kind of frame it is.
    Described {
        /// What the frame holds.
        bytes: Box<[u8]>,
        /// Which kind of the protocol's frames.
        shape: u8,
    },
    /// As code has read it.
    Coded(Box<Reading>),
}

impl<'f> Heard<'f> {
    /// What it holds.
    pub fn bytes(&self) -> &'f [u8] {
        match self {
            Self::Described(frame) => frame.bytes,
            Self::Coded(reading, _) => &reading.bytes,
        }
    }

    /// What it is.
    pub fn is(&self) -> Kind {
        match self {
            Self::Described(frame) => frame.is(),
            Self::Coded(reading, _) => reading.is,
        }
    }

    /// Who the device says it is, if it says so in this frame.
    pub fn name(&self) -> Option<Result<Name, NameFault>> {
        match self {
            Self::Described(frame) => frame.name(),
            Self::Coded(reading, _) => Some(Name::new(reading.name.as_ref()?.as_bytes())),
        }
    }

    /// What its checksum says.
    pub fn check(&self) -> Checked {
        match self {
            Self::Described(frame) => frame.check(),
            Self::Coded(reading, _) => reading.check,
        }
    }

    /// Appends what the protocol reads in it; see [`Frame::meaning`].
    pub fn meaning(&self, is: Kind, check: Checked, out: &mut Vec<u8>) {
        match self {
            Self::Described(frame) => frame.meaning(is, check, out),
            Self::Coded(reading, _) => reading.meaning(out),
        }
    }

    /// Whether the protocol may answer it, to a device that is let in or is not.
    pub fn is_answered(&self, accepted: bool) -> bool {
        match self {
            Self::Described(frame) => frame.is_answered(accepted),
            Self::Coded(..) => true,
        }
    }

    /// Writes what the protocol answers to it.
    pub fn replies(&self, given: &Given<'_>, replies: &mut Replies) {
        match self {
            Self::Described(frame) => frame.replies(given, replies),
            Self::Coded(reading, code) => reading.replies(*code, given, replies),
        }
    }

    /// Keeps it.
    pub fn keep(&self) -> Kept {
        match self {
            Self::Described(frame) => {
                Kept::Described { bytes: frame.bytes.into(), shape: frame.shape_number() }
            }
            Self::Coded(reading, _) => Kept::Coded(Box::new((*reading).clone())),
        }
    }
}

impl Kept {
    /// The frame, which a device of this protocol has sent.
    pub fn heard<'f>(&'f self, protocol: &'f Protocol) -> Option<Heard<'f>> {
        match self {
            Self::Described { bytes, shape } => {
                Some(Heard::Described(protocol.vocabulary()?.kept(*shape, bytes)?))
            }
            Self::Coded(reading) => Some(Heard::Coded(reading, protocol.code()?.as_ref())),
        }
    }

    /// How many bytes it holds.
    pub fn len(&self) -> usize {
        match self {
            Self::Described { bytes, .. } => bytes.len(),
            Self::Coded(reading) => reading.bytes.len(),
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
