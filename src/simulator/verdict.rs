/// What a device that plays a protocol makes of what its gateway sends, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The protocol has a reply to what was just sent.
    Awaited {
        /// It was part of the login.
        login: bool,
    },
    /// The reply came.
    Right {
        /// To a part of the login.
        login: bool,
        /// How many bytes it has.
        bytes: usize,
        /// It holds the gateway's time, so that its length was compared and nothing else.
        tells_time: bool,
    },
    /// Something else came.
    Wrong {
        /// In the place of a reply to a part of the login.
        login: bool,
        /// What came.
        came: Vec<u8>,
        /// The reply, by the protocol.
        expected: Vec<u8>,
    },
    /// No reply came in time, or before the gateway ended the connection.
    Missing {
        /// To a part of the login.
        login: bool,
        /// The reply, by the protocol.
        expected: Vec<u8>,
    },
    /// Bytes came that are no reply: perhaps a command.
    Other(Vec<u8>),
    /// So many bytes were to be sent and make no frame of the protocol, so that they were not.
    Unfit(usize),
}
