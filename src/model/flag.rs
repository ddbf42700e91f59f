/// How a name flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlagReason {
    /// It comes too often.
    Connects,
    /// Two connections take it from each other.
    Takeovers,
}

impl FlagReason {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Connects, Self::Takeovers];

    /// The word for it in the log, in metrics and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connects => "connects",
            Self::Takeovers => "takeovers",
        }
    }
}
