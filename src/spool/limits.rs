use crate::units::Size;

/// Where a spool of a given size pauses, resumes and refuses.
///
/// ```text
/// 0 ······· resume ·· data ········ newcomers ········ max_size
///              data may be read  │  reserve: comings and goings
/// ```
/// Bytes that were read before a pause was seen (at most two reads of each session thread) still
/// find room above `data`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    data: usize,
    resume: usize,
    newcomers: usize,
}

/// Largest reserve: a segment of the disk make.
const SEGMENT: usize = 64 << 20;

impl Limits {
    pub(super) fn of(max_size: Size) -> Self {
        let max_size = max_size.bytes();
        let reserve = (max_size / 4).min(SEGMENT);
        let data = max_size - reserve;
        Self { data, resume: data / 8 * 7, newcomers: max_size - reserve / 2 }
    }

    /// Most bytes that data may fill.
    pub(super) fn data(&self) -> usize {
        self.data
    }

    /// Most that may wait for an upstream that can be skipped: less than what makes a pause.
    pub(super) fn lag(&self) -> u64 {
        self.resume as u64
    }

    /// Whether data must wait, given whether they wait already.
    pub(super) fn paused(&self, held: usize, paused: bool) -> bool {
        held >= if paused { self.resume } else { self.data }
    }

    /// Whether there is room left to tell of a newcomer; the other half of the reserve is kept for
    /// the names and endings of those who are here.
    pub(super) fn admits(&self, held: usize) -> bool {
        held < self.newcomers
    }
}
