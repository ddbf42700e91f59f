use compact_str::CompactString;

/// A promise of the gateway's lines that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The first line of a link must be `hello`.
    #[error("the link began without hello: {0}")]
    NoHello(String),
    /// No JSON object, or a known key twice or with a value of the wrong type.
    #[error("not a line: {0}")]
    NotALine(String),
    /// Above the longest line that the stand-in takes.
    #[error("a line was longer than {0} bytes")]
    TooLong(usize),
    /// A key that the event must have.
    #[error("{event} without {key} at offset {offset}")]
    Missing {
        /// The event.
        event: CompactString,
        /// The key.
        key: &'static str,
        /// Where.
        offset: u64,
    },
    /// Within one link, offsets rise.
    #[error("offset {offset} came after {before} on one link")]
    NotRising {
        /// The later line's.
        offset: u64,
        /// The earlier line's.
        before: u64,
    },
    /// What lies between two offsets is told as a gap.
    #[error("offset {offset} came after {before} and no gap told why")]
    Jump {
        /// The later line's.
        offset: u64,
        /// The earlier line's.
        before: u64,
    },
    /// A line sent again is the same line.
    #[error("offset {offset} was repeated with other content")]
    Changed {
        /// Which.
        offset: u64,
    },
    /// A new spool uses new offsets.
    #[error("a new spool begins at offset {offset}, but {before} was given out already")]
    Reused {
        /// The new spool's first.
        offset: u64,
        /// The highest one of the spool before.
        before: u64,
    },
    /// A gap ends at its offset and lost no more than it spans.
    #[error("the gap at offset {offset} does not add up")]
    BadGap {
        /// Which.
        offset: u64,
    },
    /// `online` while the name was online.
    #[error("{name} came online at offset {offset} while it was online")]
    OnlineTwice {
        /// Who.
        name: CompactString,
        /// Where.
        offset: u64,
    },
    /// Anything else while the name was not online, or of another session than its own.
    #[error("{event} of {name} at offset {offset}, but that session is not online")]
    NotOnline {
        /// What.
        event: CompactString,
        /// Who.
        name: CompactString,
        /// Where.
        offset: u64,
    },
    /// A session's data are counted from 1.
    #[error("{name} has seq {seq} at offset {offset}, expected {expected}")]
    WrongSeq {
        /// Who.
        name: CompactString,
        /// The line's.
        seq: u64,
        /// The one behind the last.
        expected: u64,
        /// Where.
        offset: u64,
    },
    /// A session cannot have delivered more bytes than were read from it.
    #[error("{name} ended at offset {offset} with {received} bytes read but {delivered} delivered")]
    MoreThanRead {
        /// Who.
        name: CompactString,
        /// `received_bytes`.
        received: u64,
        /// Bytes of its data.
        delivered: u64,
        /// Where.
        offset: u64,
    },
    /// Data that are not encoded as they should be.
    #[error("the data at offset {offset} cannot be decoded")]
    BadData {
        /// Where.
        offset: u64,
    },
}
