//! Where frames begin and end: pure questions about slices that begin where a frame may begin.

mod balanced;
mod escape;
mod head;
mod length;
mod pattern;
mod said;
mod shape;
mod sizes;
mod until;

use std::ops::Range;

pub(super) use balanced::Balanced;
pub(super) use escape::{Escape, Xor};
pub(super) use head::{Fit, Head};
pub(super) use length::{Digits, Length, Width, integer};
pub(super) use pattern::Pattern;
pub(super) use said::Said;
pub(super) use shape::{Shape, Stage};
pub(super) use sizes::Sizes;
pub(super) use until::Until;

/// What ends a frame.
#[derive(Clone, Debug)]
pub(super) enum End {
    Until(Until),
    Length(Length),
    Digits(Digits),
    Sizes(Sizes),
    Pattern(Box<Pattern>),
    Balanced(Balanced),
    /// Everything up to a pause.
    Rest,
}

/// What is known of a frame that is not whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// So many bytes have been looked at and need no second look.
    pub scanned: usize,
    /// Where in its pattern the frame is.
    pub state: Option<regex_automata::util::primitives::StateID>,
    pub depth: u32,
    pub quoted: bool,
    /// The length was wrong: the tail is being looked for.
    pub astray: bool,
}

/// What a look at the front of some bytes finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A frame takes `total` bytes; what it tells stands in `frame`.
    Done { total: usize, frame: Range<usize> },
    /// Look again once there are `least` bytes; if it is not `decided`, after a pause, too.
    More { least: usize, decided: bool },
    /// No frame after all, for certain once so many bytes were looked at as `progress` says.
    Broken,
    /// The end has not come within the longest frame, and nobody knows where it is.
    TooLong,
}

impl End {
    /// Where the frame at the front of `bytes` ends. At most `limit` bytes are a frame; `quiet`:
    /// nothing came for a while, or will ever come; `next` tells whether a frame begins somewhere.
    #[inline]
    fn cut(
        &self,
        bytes: &[u8],
        progress: &mut Progress,
        limit: usize,
        quiet: bool,
        next: &dyn Fn(&[u8]) -> Fit,
    ) -> Cut {
        match self {
            Self::Length(length) => length.cut(bytes, limit),
            Self::Until(until) => until.cut(bytes, progress, limit, quiet),
            Self::Digits(digits) => digits.cut(bytes, limit),
            Self::Sizes(sizes) => sizes.cut(bytes, limit, quiet, next),
            Self::Pattern(pattern) => pattern.cut(bytes, progress, limit),
            Self::Balanced(balanced) => balanced.cut(bytes, progress, limit),
            Self::Rest if bytes.len() > limit => Cut::TooLong,
            Self::Rest if quiet => Cut::Done { total: bytes.len(), frame: 0..bytes.len() },
            Self::Rest => Cut::More { least: bytes.len() + 1, decided: false },
        }
    }
}
