/// How far a command for a device has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CommandState {
    /// It waits for the device, or for the command before it.
    Queued = 1,
    /// All of it was handed to the socket.
    Written = 2,
    /// The device's TCP has acknowledged its last byte.
    Acknowledged = 3,
    /// The device has answered.
    Answered = 4,
    /// Its time ran out before it was sent.
    Expired = 5,
    /// Its sender does not want it any more; it was not sent.
    Cancelled = 6,
    /// A newer command with the same key took its place; it was not sent.
    Superseded = 7,
    /// It was sent, or could not be, and came to nothing; a [`CommandFault`] says why.
    Failed = 8,
}

/// Why a command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CommandFault {
    /// The device has it, and did not answer in time.
    NoAnswer = 1,
    /// The session ended behind the writing: nobody knows whether the device has got it.
    Uncertain = 2,
    /// The session has no envelope for it, or cannot fill it in.
    Refused = 3,
}

impl CommandState {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Queued,
        Self::Written,
        Self::Acknowledged,
        Self::Answered,
        Self::Expired,
        Self::Cancelled,
        Self::Superseded,
        Self::Failed,
    ];

    /// The word for it on the wire, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Written => "written",
            Self::Acknowledged => "acknowledged",
            Self::Answered => "answered",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }

    /// The one with this number, as it is stored.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| *state as u8 == number)
    }
}

impl CommandFault {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::NoAnswer, Self::Uncertain, Self::Refused];

    /// The word for it on the wire, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Uncertain => "uncertain",
            Self::Refused => "refused",
        }
    }

    /// The one with this number, as it is stored.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| *fault as u8 == number)
    }
}
