use std::collections::BTreeSet;

use super::odd;
use crate::protocol::Checksum;

/// A checksum that all frames carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::protocol) struct Check {
    pub name: &'static str,
    /// What it is of: from the front, and from the back.
    pub from: usize,
    pub to: usize,
    /// Where it stands, from the back.
    pub at: usize,
    pub little: bool,
    /// In so many hexadecimal digits.
    pub digits: Option<usize>,
}

/// Sums that are met often.
const COMMON: [&str; 12] = [
    "crc16-x25",
    "crc16-modbus",
    "crc16-arc",
    "crc16-ccitt-false",
    "crc16-xmodem",
    "crc16-kermit",
    "xor8",
    "sum8",
    "neg8",
    "sum16",
    "crc32",
    "crc8",
];

/// Where a sum is looked for.
struct Search {
    names: Vec<&'static str>,
    /// Most bytes between the sum and the tail.
    behind: usize,
    /// Most bytes between what is summed up and the sum.
    before: usize,
    /// Most bytes at the front that are not summed up.
    from: usize,
    /// So many bits must agree, or it may be chance.
    bits: usize,
}

/// The checksum of `frames`, if there is one that can hardly be chance. `tail`: so many bytes close
/// a frame.
pub(super) fn find(frames: &[Vec<u8>], tail: usize, text: bool) -> Option<Check> {
    let all = || Checksum::names().collect();
    let searches = [
        Search { names: COMMON.to_vec(), behind: 0, before: 0, from: 4, bits: 14 },
        Search { names: COMMON.to_vec(), behind: 2, before: 2, from: 8, bits: 20 },
        Search { names: all(), behind: 2, before: 2, from: 8, bits: 24 },
    ];
    searches.iter().find_map(|search| search.run(frames, tail, text))
}

impl Search {
    fn run(&self, frames: &[Vec<u8>], tail: usize, text: bool) -> Option<Check> {
        for name in &self.names {
            let sum = Checksum::named(name)?;
            let digits = text.then_some(2 * sum.width());
            let size = digits.unwrap_or(sum.width());
            for behind in 0..=self.behind {
                for before in 0..=self.before.max(usize::from(text)) {
                    for from in 0..=self.from {
                        for little in [false, true] {
                            let at = size + behind + tail;
                            let to = at + before;
                            let check = Check { name, from, to, at, little, digits };
                            let skips = little && (sum.width() == 1 || text);
                            if !skips && check.agreed(&sum, frames) >= Some(self.bits) {
                                return Some(check);
                            }
                        }
                    }
                }
            }
        }
        None
    }
}

impl Check {
    /// In how many bits the frames agree with it; none if more than a few odd ones do not.
    fn agreed(&self, sum: &Checksum, frames: &[Vec<u8>]) -> Option<usize> {
        let mut carried = BTreeSet::new();
        let mut left = odd(frames.len());
        for frame in frames {
            match self.carried(sum, frame) {
                Some(found) => drop(carried.insert(found)),
                None => left = left.checked_sub(1)?,
            }
        }
        Some(8 * sum.width() * carried.len())
    }

    /// The sum that `frame` carries, if it is right.
    fn carried(&self, sum: &Checksum, frame: &[u8]) -> Option<u64> {
        let at = frame.len().checked_sub(self.at)?;
        let over = frame.get(self.from..frame.len().checked_sub(self.to)?)?;
        let size = self.digits.unwrap_or(sum.width());
        let found = value(frame.get(at..at + size)?, self.little, self.digits.is_some())?;
        (!over.is_empty() && sum.of(over) == found).then_some(found)
    }

    /// How many of `frames` carry it right.
    pub fn count(&self, frames: &[Vec<u8>]) -> usize {
        let sum = Checksum::named(self.name);
        let right =
            |frame: &&Vec<u8>| sum.as_ref().is_some_and(|sum| self.carried(sum, frame).is_some());
        frames.iter().filter(right).count()
    }
}

fn value(bytes: &[u8], little: bool, digits: bool) -> Option<u64> {
    if digits {
        let text = std::str::from_utf8(bytes).ok()?;
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        return is_hex.then(|| u64::from_str_radix(text, 16).ok())?;
    }
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
}
