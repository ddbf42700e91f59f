use std::ops::Range;

use super::Terms;
use crate::protocol::{
    Fault, Malformed, Vocabulary,
    frame::{Cut, Progress},
    vocabulary::Choice,
};

/// Where the cutting of a frame stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cutting {
    /// The kind of the last frame, what may follow it being swallowed.
    pub behind: Option<u8>,
    /// The kind of the frame that has begun.
    pub shape: Option<u8>,
    pub progress: Progress,
}

/// What to do next: a decision that borrows nothing.
pub(super) enum Step {
    Frame {
        shape: usize,
        total: usize,
        frame: Range<usize>,
    },
    Junk(usize),
    /// So many bytes go without a word.
    Pass(usize),
    More {
        least: usize,
        decided: bool,
    },
    Fault(Fault),
}

impl Cutting {
    /// What stands at the front of `bytes`, which are not empty.
    #[inline]
    pub fn step(
        &mut self,
        vocabulary: &Vocabulary,
        terms: Terms,
        bytes: &[u8],
        quiet: bool,
    ) -> Step {
        if (self.behind.is_some() || vocabulary.skips)
            && let Some(step) = self.skip(vocabulary, bytes, quiet)
        {
            return step;
        }
        let at = match self.shape {
            Some(at) => usize::from(at),
            None => match vocabulary.choose(bytes, terms.named, quiet) {
                Choice::Shape(at) => at,
                Choice::Open => return Step::More { least: bytes.len() + 1, decided: false },
                Choice::None => return Step::Junk(1 + vocabulary.junk(&bytes[1..], terms.named)),
            },
        };
        let shape = &vocabulary.shapes[at];
        let next = |behind: &[u8]| vocabulary.begins(behind, terms.named);
        let cut = shape.cut(bytes, &mut self.progress, terms.limit(vocabulary), quiet, &next);
        match cut {
            Cut::More { least, decided } => {
                self.shape = Some(at as u8);
                Step::More { least, decided }
            }
            Cut::Done { total, frame } => {
                let behind = (!shape.also.is_empty()).then_some(at as u8);
                *self = Self { behind, ..Self::default() };
                // A frame of nothing says nothing.
                match frame.is_empty() {
                    true => Step::Pass(total),
                    false => Step::Frame { shape: at, total, frame },
                }
            }
            Cut::Broken if shape.head.is_any() => Step::Fault(Malformed::Frame.into()),
            Cut::Broken => {
                let from = self.progress.scanned.clamp(1, bytes.len());
                *self = Self::default();
                Step::Junk(from + vocabulary.junk(&bytes[from..], terms.named))
            }
            Cut::TooLong => Step::Fault(Fault::FrameTooLong),
        }
    }

    /// Drops what stands in front of a frame and is none.
    fn skip(&mut self, vocabulary: &Vocabulary, bytes: &[u8], quiet: bool) -> Option<Step> {
        if self.shape.is_some() {
            return None;
        }
        if let Some(at) = self.behind {
            let also = &vocabulary.shapes[usize::from(at)].also;
            if let Some(one) = also.iter().find(|one| bytes.starts_with(one)) {
                self.behind = None;
                return Some(Step::Pass(one.len()));
            }
            if !quiet && also.iter().any(|one| one.starts_with(bytes)) {
                return Some(Step::More { least: bytes.len() + 1, decided: false });
            }
            self.behind = None;
        }
        let skipped = bytes.iter().take_while(|byte| vocabulary.skip.has(**byte)).count();
        if skipped > 0 {
            return Some(Step::Pass(skipped));
        }
        let marks = &vocabulary.skip_until;
        let begins = |at: &usize| {
            let rest = &bytes[*at..];
            marks.iter().any(|mark| rest.starts_with(mark) || mark.starts_with(rest))
        };
        if marks.is_empty() {
            return None;
        }
        let junk = (0..bytes.len()).find(begins).unwrap_or(bytes.len());
        if junk > 0 {
            return Some(Step::Junk(junk));
        }
        let open = !quiet && !marks.iter().any(|mark| bytes.starts_with(mark));
        open.then_some(Step::More { least: bytes.len() + 1, decided: false })
    }

    /// Takes what may follow a frame off `input`, if all that can is there.
    pub fn swallow(&mut self, also: &[Box<[u8]>], input: &mut &[u8]) {
        if input.is_empty() {
            return;
        }
        if let Some(one) = also.iter().find(|one| input.starts_with(one)) {
            *input = &input[one.len()..];
            self.behind = None;
        } else if !also.iter().any(|one| one.starts_with(input)) {
            self.behind = None;
        }
    }
}
