use super::Heard;
use crate::model::{CloseReason, Name, NameFault};

/// What a [`Cutter`](super::Cutter) found next.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// The device said who it is. Ask whether it may have the name before pulling on: all that
    /// comes out from here on belongs to it.
    Named(Name),
    /// A chunk of data under the name.
    Data(&'a [u8]),
    /// A frame, where the protocol cuts frames.
    Frame(Heard<'a>),
    /// So many bytes that belong to no frame, and go nowhere.
    Junk(usize),
    /// The protocol is known that the device speaks, where there are several. These bytes were
    /// looked at for that: they come first.
    Chosen(Vec<u8>),
    /// A chunk of data from a device that has no name.
    Unnamed(&'a [u8]),
    /// So many bytes go nowhere: the registration itself, or what never got a name.
    Filtered(usize),
    /// The input is used up.
    NeedMore,
    /// The session must end. The cutter says the same again from here on.
    Fault(Fault),
}

/// Why a session must end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What came is no registration, or none ended within the bytes allowed for it.
    #[error("what came before a name is no registration")]
    Unidentified,
    /// What came breaks the rules of a registration or a frame.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// A frame above the longest allowed. Only protocols that cut frames know it; a chunk that is
    /// too long is split.
    #[error("a frame is longer than max_frame")]
    FrameTooLong,
}

/// How something breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// What stands where the name should be is none.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// A later registration claims another name.
    #[error("the device already has a name and now claims to be \"{0}\"")]
    OtherName(Name),
    /// A frame does not say how long it is, and nothing tells where the next one begins.
    #[error("a frame does not say how long it is")]
    Frame,
}

impl Fault {
    /// The ending of a session that has this fault.
    pub fn reason(&self) -> CloseReason {
        match self {
            Self::Unidentified => CloseReason::Unidentified,
            Self::Malformed(_) => CloseReason::Malformed,
            Self::FrameTooLong => CloseReason::FrameTooLong,
        }
    }
}
