use super::{Fault, Rules, cutter::take, delimiters::Delimiters};

/// The beginning of a frame whose end has not come.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    held: Vec<u8>,
    /// The frame at the front of `held` has come out, and nothing else is in there.
    told: bool,
}

/// What the next bytes bring.
pub(super) enum Cut {
    /// A frame of so many bytes at the front of what is held.
    Frame(usize),
    NeedMore,
    Fault(Fault),
}

impl Unfinished {
    /// Keeps `begun`, in which no frame ends.
    pub fn new(begun: &[u8]) -> Self {
        Self { held: begun.to_vec(), told: false }
    }

    /// Takes from `input` what belongs to the frame.
    pub fn feed(&mut self, ends: &Delimiters, rules: &Rules, input: &mut &[u8]) -> Cut {
        let before = self.held.len();
        let begun = ends.begun(&self.held);
        // A delimiter may be cut in two: its first half is held.
        let more = input.len().min(ends.longest() - 1);
        self.held.extend_from_slice(&input[..more]);
        if let Some((start, length)) = ends.find(&self.held, before - begun)
            && start < before
        {
            take(input, start + length - before);
            return self.ends_at(start, rules);
        }
        self.held.truncate(before);
        let end = ends.find(input, 0);
        let taken = take(input, end.map_or(input.len(), |(start, length)| start + length));
        self.held.extend_from_slice(taken);
        match end {
            Some((start, _)) => self.ends_at(before + start, rules),
            None if is_too_long(&self.held, ends, rules) => Cut::Fault(Fault::FrameTooLong),
            None => Cut::NeedMore,
        }
    }

    /// Nothing more will come: what is there is a frame.
    pub fn finish(&mut self, rules: &Rules) -> Cut {
        self.ends_at(self.held.len(), rules)
    }

    /// Whether there is nothing to keep any more.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// What went in and did not come out.
    pub fn held(&self) -> &[u8] {
        if self.told { &[] } else { &self.held }
    }

    /// The first `length` bytes of what is held.
    pub fn frame(&self, length: usize) -> &[u8] {
        &self.held[..length]
    }

    fn ends_at(&mut self, length: usize, rules: &Rules) -> Cut {
        if length > rules.max_frame {
            return Cut::Fault(Fault::FrameTooLong);
        }
        self.told = true;
        Cut::Frame(length)
    }
}

/// Whether a frame that begins with `begun` is too long, however it goes on.
pub(super) fn is_too_long(begun: &[u8], ends: &Delimiters, rules: &Rules) -> bool {
    begun.len() - ends.begun(begun) > rules.max_frame
}
