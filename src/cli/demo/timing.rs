use std::time::Duration;

/// The first outage begins after this.
const FIRST: Duration = Duration::from_secs(15);
/// From the end of one outage to the next.
const BETWEEN: Duration = Duration::from_secs(60);
/// How long it lasts.
const LENGTH: Duration = Duration::from_secs(5);

/// When the web server goes away, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// Time before the first outage; `None`: there is none.
    pub first: Option<Duration>,
    /// Time between two.
    pub between: Duration,
    /// How long each lasts.
    pub length: Duration,
}

impl Timing {
    /// The outages of a demo that lasts for `duration`; a short one has a short one.
    pub fn of(duration: Option<Duration>, outages: bool) -> Self {
        let whole = duration.unwrap_or(Duration::MAX);
        let first = outages.then(|| FIRST.min(whole / 3));
        Self { first, between: BETWEEN, length: LENGTH.min(whole / 4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_within_the_demo_however_short_it_is() {
        for seconds in [1, 6, 30, 600] {
            let whole = Duration::from_secs(seconds);
            let timing = Timing::of(Some(whole), true);
            assert!(timing.first.unwrap() + timing.length <= whole * 2 / 3);
        }
        let endless = Timing::of(None, true);
        assert_eq!((endless.first, endless.length), (Some(FIRST), LENGTH));
        assert_eq!(Timing::of(None, false).first, None);
    }
}
