use std::ops::Range;

use super::{
    frame::integer,
    region::{Region, place},
    sum::Sum,
};

/// The checksum that a frame carries.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub sum: Sum,
    /// What the protocol file calls the sum.
    pub name: Box<str>,
    pub over: Region,
    /// Where it stands.
    pub at: i32,
    pub little: bool,
    /// It is written as so many hexadecimal digits.
    pub digits: Option<usize>,
}

/// What a frame's checksum says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checked {
    /// It has none.
    #[default]
    None,
    /// The frame came as it was sent.
    Ok,
    /// It did not, or is too short to carry one.
    Bad,
}

impl Checked {
    /// The word on the wire: `none`, `ok`, `bad`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Bad => "bad",
        }
    }
}

impl Check {
    /// Whether `frame` carries the sum that it has.
    pub fn holds(&self, frame: &[u8]) -> bool {
        let over = self.over.within(frame.len(), frame.len());
        let (Some(over), Some(carried)) = (over, self.carried(frame)) else {
            return false;
        };
        self.sum.of(&frame[over]) == carried
    }

    /// Where it stands in a frame of `length` bytes, if that is long enough.
    #[inline]
    pub fn stands(&self, length: usize) -> Option<Range<usize>> {
        let at = place(self.at, length)?;
        let end = at.checked_add(self.digits.unwrap_or(self.sum.width()))?;
        (end <= length).then_some(at..end)
    }

    /// The bytes that should stand there.
    pub fn expected(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let over = self.over.within(frame.len(), frame.len())?;
        let sum = self.sum.of(&frame[over]);
        if let Some(digits) = self.digits {
            return Some(format!("{sum:0digits$X}").into_bytes());
        }
        let mut bytes = sum.to_be_bytes()[8 - self.sum.width()..].to_vec();
        if self.little {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn carried(&self, frame: &[u8]) -> Option<u64> {
        let bytes = &frame[self.stands(frame.len())?];
        if self.digits.is_none() {
            return Some(integer(bytes, self.little));
        }
        u64::from_str_radix(std::str::from_utf8(bytes).ok()?, 16).ok()
    }
}
