use std::time::{Duration, Instant};

/// How many lines may be shown: so many a second, and no more saved up than for one.
#[derive(Debug)]
pub(super) struct Allowance {
    most: u32,
    left: u32,
    since: Instant,
    hidden: u64,
}

impl Allowance {
    /// At most `most` lines in each second from `now` on.
    pub fn new(most: u32, now: Instant) -> Self {
        Self { most, left: most, since: now, hidden: 0 }
    }

    /// Whether one more line may be shown; if not, it is counted as hidden.
    pub fn take(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            (self.left, self.since) = (self.most, now);
        }
        let may = self.left > 0;
        match may {
            true => self.left -= 1,
            false => self.hidden += 1,
        }
        may
    }

    /// How many lines were hidden since this was asked last.
    pub fn take_hidden(&mut self) -> u64 {
        std::mem::take(&mut self.hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_allowance_of_a_second_are_hidden_and_counted() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(3, begin);
        let shown = (0..10).filter(|_| allowance.take(begin)).count();
        assert_eq!((shown, allowance.take_hidden(), allowance.take_hidden()), (3, 7, 0));
        let later = begin + Duration::from_secs(5);
        let shown = (0..10).filter(|_| allowance.take(later)).count();
        assert_eq!(shown, 3, "nothing is saved up");
    }
}
