use std::ops::Range;

/// The place behind the last byte, `end`.
const END: i32 = i32::MAX;

/// A part of some bytes: from one place up to another. Negative places count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub from: i32,
    /// None: up to the end, or in a reply up to here.
    pub to: Option<i32>,
}

impl Region {
    /// Reads `2..-4`, `2..`, `2..end`, `..` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.trim().split_once("..")?;
        let place = |text: &str| match text {
            "" => Some(None),
            "end" => Some(Some(END)),
            text => text.parse().ok().map(Some),
        };
        Some(Self { from: place(from)?.unwrap_or(0), to: place(to)? })
    }

    /// Where it is in `length` bytes, if all of it is there; an open end is at `here`.
    #[inline]
    pub fn within(&self, length: usize, here: usize) -> Option<Range<usize>> {
        let from = place(self.from, length)?;
        let to = self.to.map_or(Some(here), |to| place(to, length))?;
        (from <= to && to <= length).then_some(from..to)
    }
}

/// Where the place `at` is in `length` bytes.
#[inline]
pub(super) fn place(at: i32, length: usize) -> Option<usize> {
    if at == END {
        return Some(length);
    }
    let at = isize::try_from(at).ok()?;
    match usize::try_from(at) {
        Ok(at) => (at <= length).then_some(at),
        Err(_) => length.checked_add_signed(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_count_from_both_ends() {
        let within = |text: &str, length| Region::parse(text).unwrap().within(length, length);
        assert_eq!(within("2..-4", 10), Some(2..6));
        assert_eq!(within("..", 3), Some(0..3));
        assert_eq!(within("-2..", 3), Some(1..3));
        assert_eq!(within("2..-4", 5), None);
        assert_eq!(within("-4..", 3), None);
        assert_eq!(within("4..", 3), None);
        for text in ["", "2", "a..", "1..b", "1...2"] {
            assert_eq!(Region::parse(text), None, "{text}");
        }
    }
}
