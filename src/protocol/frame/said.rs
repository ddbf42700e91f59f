use super::{End, Length, Shape};
use crate::protocol::word::Word;

/// A frame whose first eight bytes say what it is and how long, and that is what stands on the
/// wire. They are read as one number, and so are the last.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Said {
    /// A value, and the bits that it has.
    head: (u64, u64),
    little: bool,
    /// The length is `(first eight bytes >> shift & mask) + add`.
    shift: u32,
    mask: u64,
    add: i64,
    /// Fewest bytes of a frame that is cut so.
    least: usize,
    /// A value, and the bits that it has.
    tail: (u64, u64),
}

/// Bytes that are read at once.
const WORD: usize = 8;

impl Said {
    /// How the frames of `shape` say what they are; none if that takes a closer look.
    pub fn of(shape: &Shape) -> Option<Self> {
        let End::Length(length) = &shape.end else {
            return None;
        };
        let Length { at, size, little, mask, shift, mul: 1, add } = *length else {
            return None;
        };
        let end = at.checked_add(size)?;
        let bits = 8 * u32::try_from(size).ok()?;
        let modest = end <= WORD && bits <= 32 && shift < bits && add.unsigned_abs() <= 1 << 32;
        let as_sent = shape.escape.is_none() && shape.also.is_empty() && shape.is_plain();
        if !modest || !as_sent {
            return None;
        }
        let [head, _] = shape.head.literal().and_then(Word::numbers)?;
        let [_, tail] = shape.tail.as_ref().map_or(Some([(0, 0); 2]), Word::numbers)?;
        let before = if little { at } else { WORD - end };
        Some(Self {
            head,
            little,
            shift: 8 * u32::try_from(before).ok()? + shift,
            mask: (mask & ((1 << bits) - 1)) >> shift,
            add,
            least: end.max(WORD),
            tail,
        })
    }

    /// Whether such a frame begins with `front`, the lowest byte first.
    #[inline]
    pub fn begins(&self, front: u64) -> bool {
        front & self.head.1 == self.head.0
    }

    /// How long the frame at the front of `bytes` is, which begin with `front`, if all of it is
    /// there and it ends as it should. None says nothing: then it takes a closer look.
    #[inline]
    pub fn total(&self, front: u64, bytes: &[u8], limit: usize) -> Option<usize> {
        let front = if self.little { front } else { front.swap_bytes() };
        // Neither has more than 33 bits.
        let total = usize::try_from((front >> self.shift & self.mask) as i64 + self.add).ok()?;
        if total < self.least || total > limit {
            return None;
        }
        let last = bytes.get(..total)?.last_chunk::<WORD>()?;
        (u64::from_le_bytes(*last) & self.tail.1 == self.tail.0).then_some(total)
    }
}
