use std::{ops::Range, time::Duration};

use super::{
    Fault, Frame, Malformed, Vocabulary,
    frame::{Cut, End, Progress},
    vocabulary::Choice,
};

/// Fewest bytes that are kept aside at a time from a read that ends in the middle of a frame.
const LEAST_GROWTH: usize = 64;

/// Cuts what one connection sends into frames. Two words while nothing is unfinished.
///
/// Pull with [`feed`](Self::feed) until it says [`Piece::NeedMore`], which means that the read is
/// used up and what is fed next is another read. Whatever pieces a stream comes in, the frames are
/// the same.
#[derive(Debug, Default)]
pub struct Engine {
    kept: Option<Box<Kept>>,
}

/// What a stream is cut under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether the device has its name.
    pub named: bool,
    /// Most bytes of a frame; a protocol may want less.
    pub max_frame: usize,
}

/// What comes next in a stream.
#[derive(Clone, Debug)]
pub enum Piece<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// So many bytes that belong to no frame.
    Junk(usize),
    /// The read is used up.
    NeedMore,
    /// No way to go on: a frame longer than the longest. The engine says the same from here on.
    Fault(Fault),
}

/// What a session keeps while a frame is unfinished, or being looked at.
#[derive(Debug, Default)]
struct Kept {
    held: Vec<u8>,
    /// So many of these have come out.
    used: usize,
    /// What the last frame means, where it had escapes.
    plain: Vec<u8>,
    cutting: Cutting,
    fault: Option<Fault>,
    /// A pause would change something.
    waits: bool,
}

/// Where the cutting of a frame stands.
#[derive(Clone, Copy, Debug, Default)]
struct Cutting {
    /// The kind of the last frame, what may follow it being swallowed.
    behind: Option<u8>,
    /// The kind of the frame that has begun.
    shape: Option<u8>,
    progress: Progress,
}

/// What to do next: a decision that borrows nothing.
enum Step {
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

impl Engine {
    /// Says what comes next, from what is held and from the front of `input`, and takes it off.
    ///
    /// Call it until it says [`Piece::NeedMore`], always with the same vocabulary, and with what is
    /// left of the same read; `input` is empty then.
    #[inline]
    pub fn feed<'a, 'i: 'a>(
        &'a mut self,
        vocabulary: &'a Vocabulary,
        terms: Terms,
        input: &mut &'i [u8],
    ) -> Piece<'a> {
        let mut cutting = Cutting::default();
        loop {
            if let Some(kept) = &mut self.kept {
                if kept.holds() {
                    match kept.feed(vocabulary, terms, input) {
                        Step::Pass(_) => continue,
                        step => return self.tell(vocabulary, step),
                    }
                }
                cutting = kept.cutting;
                self.kept = None;
            }
            let all = *input;
            if all.is_empty() {
                self.remember(cutting);
                return Piece::NeedMore;
            }
            match cutting.step(vocabulary, terms, all, false) {
                Step::Pass(count) => *input = &all[count..],
                Step::Junk(count) => {
                    *input = &all[count..];
                    return Piece::Junk(count);
                }
                Step::Frame { shape, total, frame } => {
                    *input = &all[total..];
                    let shape = &vocabulary.shapes[shape];
                    if !shape.also.is_empty() {
                        // A device that sends little is not kept waiting for what may follow.
                        cutting.swallow(&shape.also, input);
                        self.remember(cutting);
                    }
                    let bytes = &all[frame];
                    let escape = shape.escape.as_ref().filter(|escape| escape.is_in(bytes));
                    let Some(escape) = escape else {
                        return Piece::Frame(Frame::new(vocabulary, shape, bytes));
                    };
                    let kept = self.kept.get_or_insert_default();
                    escape.undo(bytes, &mut kept.plain);
                    return Piece::Frame(Frame::new(vocabulary, shape, &kept.plain));
                }
                Step::Fault(fault) => return self.fail(fault),
                Step::More { decided, .. } => {
                    *input = &[];
                    let waits = !decided;
                    let held = all.to_vec();
                    self.kept = Some(Box::new(Kept { held, cutting, waits, ..Kept::default() }));
                    return Piece::NeedMore;
                }
            }
        }
    }

    /// The silence after which [`pause`](Self::pause) has something to do; none if no silence means
    /// anything. Ask once the read is used up.
    pub fn pause_after(&self, vocabulary: &Vocabulary) -> Option<Duration> {
        let kept = self.kept.as_ref()?;
        kept.waits.then_some(vocabulary.gap)
    }

    /// Nothing came for as long as [`pause_after`](Self::pause_after) said: decides what can be
    /// decided from what is there. Call it until it says [`Piece::NeedMore`], then go on with
    /// [`feed`](Self::feed).
    pub fn pause<'a>(&'a mut self, vocabulary: &'a Vocabulary, terms: Terms) -> Piece<'a> {
        let Some(kept) = &mut self.kept else {
            return Piece::NeedMore;
        };
        kept.settle();
        loop {
            if let Some(fault) = &kept.fault {
                return Piece::Fault(fault.clone());
            }
            kept.waits = false;
            if kept.rest().is_empty() {
                kept.cutting = Cutting::default();
                return Piece::NeedMore;
            }
            let mut cutting = kept.cutting;
            let step = cutting.step(vocabulary, terms, kept.rest(), true);
            if let Step::More { .. } = step {
                return Piece::NeedMore;
            }
            kept.cutting = cutting;
            match step {
                Step::Pass(count) => kept.used += count,
                step => return self.tell(vocabulary, step),
            }
        }
    }

    /// The device will send nothing more: what has begun of a frame that a delimiter ends is a
    /// frame, and nothing else is. Call it until it says [`Piece::NeedMore`].
    pub fn finish<'a>(&'a mut self, vocabulary: &'a Vocabulary, terms: Terms) -> Piece<'a> {
        let Some(kept) = &mut self.kept else {
            return Piece::NeedMore;
        };
        kept.settle();
        let mut cutting = kept.cutting;
        if kept.fault.is_some() || kept.rest().is_empty() {
            return self.pause(vocabulary, terms);
        }
        let Step::More { .. } = cutting.step(vocabulary, terms, kept.rest(), true) else {
            return self.pause(vocabulary, terms);
        };
        let total = kept.rest().len();
        let begun = cutting.shape.map(usize::from);
        let ended = begun.filter(|shape| matches!(vocabulary.shapes[*shape].end, End::Until(_)));
        let Some(shape) = ended else {
            kept.used += total;
            return Piece::Junk(total);
        };
        let step = match total > terms.limit(vocabulary) {
            true => Step::Fault(Fault::FrameTooLong),
            false => Step::Frame { shape, total, frame: 0..total },
        };
        self.tell(vocabulary, step)
    }

    /// Whether nothing is allocated.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.kept.is_none()
    }

    /// What went in and did not come out yet.
    pub fn held(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| kept.rest())
    }

    /// Tells what the front of what is held is.
    fn tell<'a>(&'a mut self, vocabulary: &'a Vocabulary, step: Step) -> Piece<'a> {
        if let Step::Fault(fault) = step {
            return self.fail(fault);
        }
        let Some(kept) = &mut self.kept else {
            return Piece::NeedMore;
        };
        let from = kept.used;
        match step {
            Step::Junk(count) => {
                kept.used += count;
                Piece::Junk(count)
            }
            Step::Frame { shape, total, frame } => {
                kept.used += total;
                let shape = &vocabulary.shapes[shape];
                let bytes = from + frame.start..from + frame.end;
                let escape = shape.escape.as_ref();
                let Some(escape) = escape.filter(|escape| escape.is_in(&kept.held[bytes.clone()]))
                else {
                    return Piece::Frame(Frame::new(vocabulary, shape, &kept.held[bytes]));
                };
                escape.undo(&kept.held[bytes], &mut kept.plain);
                Piece::Frame(Frame::new(vocabulary, shape, &kept.plain))
            }
            Step::Fault(_) | Step::Pass(_) | Step::More { .. } => Piece::NeedMore,
        }
    }

    fn fail<'a>(&mut self, fault: Fault) -> Piece<'a> {
        self.kept.get_or_insert_default().fault = Some(fault.clone());
        Piece::Fault(fault)
    }

    /// Keeps what has to be known when the next read comes.
    fn remember(&mut self, cutting: Cutting) {
        if cutting.behind.is_some() {
            self.kept.get_or_insert_default().cutting = cutting;
        }
    }
}

impl Kept {
    /// Whether bytes, or a fault, are to be told before the next read.
    fn holds(&self) -> bool {
        self.used < self.held.len() || self.fault.is_some()
    }

    /// Goes on with what began in an earlier read. [`Step::Pass`] asks to look again.
    fn feed(&mut self, vocabulary: &Vocabulary, terms: Terms, input: &mut &[u8]) -> Step {
        self.settle();
        if let Some(fault) = &self.fault {
            return Step::Fault(fault.clone());
        }
        let (all, before) = (*input, self.held.len());
        let mut least: usize = 0;
        loop {
            let rest = self.rest().len();
            let growth = least.saturating_sub(rest).max(rest).max(LEAST_GROWTH);
            let (taken, behind) = input.split_at(input.len().min(growth));
            self.held.extend_from_slice(taken);
            *input = behind;
            let mut cutting = self.cutting;
            let step = cutting.step(vocabulary, terms, self.rest(), false);
            self.cutting = cutting;
            let count = match &step {
                Step::More { least: more, decided } => {
                    self.waits = !decided;
                    if input.is_empty() {
                        return step;
                    }
                    least = *more;
                    continue;
                }
                Step::Fault(_) => 0,
                Step::Junk(count) | Step::Pass(count) | Step::Frame { total: count, .. } => *count,
            };
            // What was taken too much goes back.
            let end = (self.used + count).max(before);
            *input = &all[end - before..];
            self.held.truncate(end);
            if let Step::Pass(_) = step {
                self.used += count;
            }
            return step;
        }
    }

    fn rest(&self) -> &[u8] {
        &self.held[self.used..]
    }

    /// Gives up what came out at the last step.
    fn settle(&mut self) {
        self.plain = Vec::new();
        if self.used == self.held.len() {
            self.held = Vec::new();
            self.used = 0;
        } else if self.used > self.held.len() / 2 {
            self.held.drain(..self.used);
            self.used = 0;
        }
    }
}

impl Terms {
    fn limit(self, vocabulary: &Vocabulary) -> usize {
        vocabulary.max_frame.map_or(self.max_frame, |most| most.min(self.max_frame))
    }
}

impl Cutting {
    /// What stands at the front of `bytes`, which are not empty.
    #[inline]
    fn step(&mut self, vocabulary: &Vocabulary, terms: Terms, bytes: &[u8], quiet: bool) -> Step {
        if self.behind.is_some() || !vocabulary.skip.is_empty() || !vocabulary.skip_until.is_empty()
        {
            if let Some(step) = self.skip(vocabulary, bytes, quiet) {
                return step;
            }
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
    fn swallow(&mut self, also: &[Box<[u8]>], input: &mut &[u8]) {
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
