use memchr::memmem;

use super::{Cut, End, Escape, Fit, Head, Progress, Said};
use crate::protocol::{check::Check, field::Field, pattern::Groups, word::Word};

/// One kind of frames.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Shape {
    /// What rules call it; empty if it has no name.
    pub name: Box<str>,
    /// The bit that stands for it, one of 64.
    pub bit: u64,
    pub stage: Stage,
    pub head: Head,
    pub end: End,
    /// The same in short, where the first bytes say all.
    pub said: Option<Said>,
    /// A frame ends so, or its length is wrong.
    pub tail: Option<Word>,
    /// A pause ends it as well.
    pub or_pause: bool,
    /// What may follow a frame and goes with it.
    pub also: Box<[Box<[u8]>]>,
    pub drop_head: usize,
    pub drop_tail: usize,
    pub escape: Option<Escape>,
    pub check: Option<Check>,
    /// The first that fits tells where fields are.
    pub patterns: Box<[Groups]>,
    pub fields: Box<[Field]>,
    /// Which of the fields names the device.
    pub id: Option<u8>,
}

/// When a frame may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Stage {
    Any,
    /// Before the device has a name.
    First,
    /// Once it has one.
    After,
}

impl Shape {
    /// Where the frame at the front of `bytes` ends; see [`End::cut`].
    #[inline]
    pub fn cut(
        &self,
        bytes: &[u8],
        progress: &mut Progress,
        limit: usize,
        quiet: bool,
        next: &dyn Fn(&[u8]) -> Fit,
    ) -> Cut {
        let cut = self.cut_whole(bytes, progress, limit, quiet, next);
        match cut {
            Cut::More { least, .. } if self.or_pause && !quiet => {
                Cut::More { least, decided: false }
            }
            Cut::More { .. } if self.or_pause && bytes.len() <= limit => {
                Cut::Done { total: bytes.len(), frame: 0..bytes.len() }
            }
            cut => cut,
        }
    }

    /// The same, as far as the bytes tell.
    #[inline]
    fn cut_whole(
        &self,
        bytes: &[u8],
        progress: &mut Progress,
        limit: usize,
        quiet: bool,
        next: &dyn Fn(&[u8]) -> Fit,
    ) -> Cut {
        let Some(tail) = &self.tail else {
            return self.end.cut(bytes, progress, limit, quiet, next);
        };
        if progress.astray {
            return self.find_tail(tail, bytes, progress, limit);
        }
        match self.end.cut(bytes, progress, limit, quiet, next) {
            Cut::Done { total, .. } if !tail.ends(&bytes[..total]) => {}
            // Perhaps the length is too large, and the end is here already.
            Cut::More { .. } if quiet => {}
            Cut::More { least, .. } => return Cut::More { least, decided: false },
            cut => return cut,
        }
        let mut astray = Progress { astray: true, ..Progress::default() };
        let cut = self.find_tail(tail, bytes, &mut astray, limit);
        if !(quiet && matches!(cut, Cut::More { .. })) {
            *progress = astray;
        }
        cut
    }

    fn find_tail(&self, tail: &Word, bytes: &[u8], progress: &mut Progress, limit: usize) -> Cut {
        let from = progress.scanned.max(self.head.shortest()).min(bytes.len());
        if let Some(at) = memmem::find(&bytes[from..], tail.as_bytes()) {
            let total = from + at + tail.len();
            return match total > limit {
                true => Cut::TooLong,
                false => Cut::Done { total, frame: 0..total },
            };
        }
        progress.scanned = (bytes.len() + 1).saturating_sub(tail.len()).max(from);
        match bytes.len() > limit {
            true => Cut::TooLong,
            false => Cut::More { least: bytes.len() + 1, decided: true },
        }
    }

    /// Whether what stands on the wire is the frame, and no pattern looks at it.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.drop_head == 0 && self.drop_tail == 0 && self.patterns.is_empty()
    }

    /// Whether a frame of it may come now.
    pub fn may_come(&self, named: bool) -> bool {
        match self.stage {
            Stage::Any => true,
            Stage::First => !named,
            Stage::After => named,
        }
    }
}
