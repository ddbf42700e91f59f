use std::ops::Range;

use super::{Cut, Progress};
use crate::protocol::delimiters::Delimiters;

/// A frame that goes on up to a delimiter.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Until {
    pub ends: Delimiters,
    /// The delimiters that are part of the frame.
    pub keep: Box<[Box<[u8]>]>,
    /// It does not stand before so many bytes.
    pub min: usize,
    /// So many bytes behind it are part of the frame, and it as well.
    pub plus: usize,
    /// Where one of these follows it is none.
    pub unless: Box<[Box<[u8]>]>,
}

impl Until {
    pub fn cut(&self, bytes: &[u8], progress: &mut Progress, limit: usize, quiet: bool) -> Cut {
        let mut from = progress.scanned.max(self.min);
        loop {
            let Some((start, length)) = self.ends.find(bytes, from) else {
                let begun = self.ends.begun(bytes);
                if bytes.len() - begun > limit {
                    return Cut::TooLong;
                }
                progress.scanned = (bytes.len() - begun).max(from.min(bytes.len()));
                return Cut::More { least: bytes.len() + 1, decided: true };
            };
            let end = start + length;
            match self.is_excepted(&bytes[end..], quiet) {
                Some(false) => {}
                Some(true) => {
                    from = start + 1;
                    continue;
                }
                None => {
                    progress.scanned = start;
                    return Cut::More { least: bytes.len() + 1, decided: false };
                }
            }
            let total = end + self.plus;
            let frame = if self.plus > 0 || self.keeps(&bytes[start..end]) { total } else { start };
            if frame > limit {
                return Cut::TooLong;
            }
            if bytes.len() < total {
                progress.scanned = start;
                return Cut::More { least: total, decided: true };
            }
            return Cut::Done { total, frame: 0..frame };
        }
    }

    /// Where the delimiter stands in `frame`, if it is part of it.
    pub fn stands(&self, frame: &[u8]) -> Option<Range<usize>> {
        let end = frame.len().checked_sub(self.plus)?;
        let ends = self.keep.iter().filter(|one| frame[..end].ends_with(one));
        let longest = ends.map(|one| one.len()).max()?;
        Some(end - longest..end)
    }

    fn keeps(&self, delimiter: &[u8]) -> bool {
        self.keep.iter().any(|kept| **kept == *delimiter)
    }

    /// Whether what stands at the beginning of `behind` makes the delimiter before it none; unknown
    /// where that has not come.
    fn is_excepted(&self, behind: &[u8], quiet: bool) -> Option<bool> {
        if self.unless.iter().any(|one| behind.starts_with(one)) {
            return Some(true);
        }
        let open = !quiet && self.unless.iter().any(|one| one.starts_with(behind));
        (!open).then_some(false)
    }
}
