use super::{field::Condition, framed::Frame, template::Template};

/// What is done about a frame.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The kinds of frames that it is about, by their bits.
    pub shapes: u64,
    pub when: Box<[Condition]>,
    pub is: Kind,
    pub replies: Box<[Template]>,
    /// The replies to a device that is not let in.
    pub refusals: Box<[Template]>,
    /// Replies go to a device without a name as well.
    pub anonymous: bool,
    /// Replies are not escaped.
    pub plain: bool,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A device says who it is.
    Login,
    /// A sign of life.
    Heartbeat,
    /// What the device is there for.
    #[default]
    Data,
    /// An answer to a command.
    Answer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Login, Self::Heartbeat, Self::Data, Self::Answer];

    /// The word in protocol files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Heartbeat => "heartbeat",
            Self::Data => "data",
            Self::Answer => "answer",
        }
    }
}

impl Rule {
    /// Whether it is about `frame`.
    pub fn fits(&self, frame: &Frame<'_>) -> bool {
        self.shapes & frame.bit() != 0 && self.when.iter().all(|condition| condition.holds(frame))
    }
}
