use super::{
    Terms,
    cutting::{Cutting, Step},
};
use crate::protocol::{Fault, Vocabulary};

/// Fewest bytes that are kept aside at a time from a read that ends in the middle of a frame.
const LEAST_GROWTH: usize = 64;

/// What a session keeps while a frame is unfinished, or being looked at.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub held: Vec<u8>,
    /// So many of these have come out.
    pub used: usize,
    /// What the last frame means, where it had escapes.
    pub plain: Vec<u8>,
    pub cutting: Cutting,
    pub fault: Option<Fault>,
    /// A pause would change something.
    pub waits: bool,
}

impl Kept {
    /// Whether bytes, or a fault, are to be told before the next read.
    pub fn holds(&self) -> bool {
        self.used < self.held.len() || self.fault.is_some()
    }

    /// Goes on with what began in an earlier read. [`Step::Pass`] asks to look again.
    pub fn feed(&mut self, vocabulary: &Vocabulary, terms: Terms, input: &mut &[u8]) -> Step {
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

    pub fn rest(&self) -> &[u8] {
        &self.held[self.used..]
    }

    /// Gives up what came out at the last step.
    pub fn settle(&mut self) {
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
