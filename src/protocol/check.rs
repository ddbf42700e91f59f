use super::{
    frame::integer,
    region::{Region, place},
    sum::Sum,
};

/// The checksum that a frame carries.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub sum: Sum,
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

    fn carried(&self, frame: &[u8]) -> Option<u64> {
        let at = place(self.at, frame.len())?;
        let size = self.digits.unwrap_or(self.sum.width());
        let bytes = frame.get(at..at.checked_add(size)?)?;
        if self.digits.is_none() {
            return Some(integer(bytes, self.little));
        }
        u64::from_str_radix(std::str::from_utf8(bytes).ok()?, 16).ok()
    }
}
