//! Frames out of what a connection sends.

mod cutting;
mod kept;

use std::time::Duration;

use cutting::{Cutting, Step};
use kept::Kept;

use super::{Fault, Frame, Vocabulary, frame::End};

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
        if self.kept.is_none()
            && let Some((shape, total)) =
                vocabulary.whole(terms.named, terms.limit(vocabulary), input)
        {
            let (bytes, behind) = input.split_at(total);
            *input = behind;
            return Piece::Frame(Frame::plain(vocabulary, shape, bytes));
        }
        self.feed_any(vocabulary, terms, input)
    }

    /// The same, for every kind of frame and of read.
    fn feed_any<'a, 'i: 'a>(
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

impl Terms {
    #[inline]
    fn limit(self, vocabulary: &Vocabulary) -> usize {
        vocabulary.max_frame.min(self.max_frame)
    }
}
