//! What a web server has been sent, held against what happened.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{dice::Dice, truth::Truth, world::World};

/// What one web server remembers over its links and lives.
#[derive(Default)]
pub struct Memory {
    /// By offset; a gap stands at its end.
    kept: BTreeMap<u64, Kept>,
    /// The highest offset that was ever acknowledged.
    acknowledged: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Event,
    /// From its first offset on.
    Gap(u64),
}

/// What one link has brought. A link that the gateway has given up may still bring lines while the
/// next one is there.
#[derive(Default)]
pub struct Link {
    spool: Option<String>,
    last: Option<u64>,
    may_hear_errors: bool,
}

impl Link {
    /// A new link, on which the gateway may complain or not.
    pub fn new(may_hear_errors: bool) -> Self {
        Self { may_hear_errors, ..Self::default() }
    }
}

impl Memory {
    /// Forgets some of what is not acknowledged; answers how many lines.
    pub fn forget(&mut self, dice: &mut Dice) -> usize {
        let before = self.kept.len();
        let last = self.last().unwrap_or_default().max(self.acknowledged);
        let keep = dice.between(self.acknowledged..=last);
        let gone = self.kept.split_off(&(keep + 1));
        if let Some((_, Kept::Gap(from))) = gone.into_iter().next().filter(|_| keep > 0) {
            // Acknowledged in its middle: that part of it is known.
            if from <= keep {
                self.kept.insert(keep, Kept::Gap(from));
            }
        }
        before.saturating_sub(self.kept.len())
    }

    /// Notes an acknowledgement; answers whether it may be said.
    pub fn acknowledge(&mut self, offset: u64) -> bool {
        self.acknowledged = self.acknowledged.max(offset);
        true
    }

    /// The highest offset that it has.
    pub fn last(&self) -> Option<u64> {
        self.kept.keys().next_back().copied()
    }

    /// Takes one line of a link; answers its offset if it has one.
    pub fn take(
        &mut self,
        link: &mut Link,
        line: &[u8],
        world: &World,
    ) -> Result<Option<u64>, String> {
        let line: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let Some(spool) = link.spool.clone() else {
            link.spool = Some(self.hello(&line, &world.truth())?);
            return Ok(None);
        };
        if line.get("error").is_some() {
            let allowed = link.may_hear_errors;
            world.book.saw("a complaint");
            return if allowed { Ok(None) } else { Err("nobody had said anything wrong".into()) };
        }
        let offset = line["offset"].as_u64().ok_or("no offset")?;
        let truth = world.truth();
        let (from, kept) = match line["event"] == "gap" {
            true => {
                let (from, reason) = truth.check_gap(&line, &world.scenario.policy)?;
                world.book.saw(reason.as_str());
                (from, Kept::Gap(from))
            }
            false => (truth.check_event(offset, &line)?, Kept::Event),
        };
        let expected = link.last.map_or_else(|| self.expected(&spool, &truth), |last| last + 1);
        if from > expected {
            return Err(format!("{} offsets passed over without a word", from - expected));
        }
        if link.last.is_some_and(|last| offset <= last) {
            return Err("it goes back within a link".into());
        }
        link.last = Some(offset);
        if self.kept.get(&offset) == Some(&Kept::Event) {
            world.book.saw("an event sent again");
        }
        if kept == Kept::Event || !self.kept.contains_key(&offset) {
            self.kept.insert(offset, kept);
        }
        Ok(Some(offset))
    }

    /// Takes the first line of a link; answers whose spool it comes from.
    fn hello(&self, line: &Value, truth: &Truth) -> Result<String, String> {
        let word = |key: &str| line[key].as_str().ok_or(format!("hello without {key}"));
        if (word("hello")?, word("gateway")?, line["protocol"].as_u64())
            != ("tetherd", "sim", Some(1))
        {
            return Err("not the hello of this gateway".into());
        }
        let spool = word("spool")?.to_owned();
        if !truth.has_spool(&spool) {
            return Err("hello from a spool that never was".into());
        }
        let next = line["next"].as_u64().ok_or("hello without next")?;
        let expected = self.expected(&spool, truth);
        if next > expected {
            return Err(format!("hello begins {} behind what is acknowledged", next - expected));
        }
        Ok(spool)
    }

    /// The highest offset that a link may begin with.
    fn expected(&self, spool: &str, truth: &Truth) -> u64 {
        let first = truth.first_of(spool);
        self.last().map_or(first, |last| first.max(last + 1))
    }

    /// Counts those of `offsets` that it has as events, and answers the first that it neither has
    /// nor was told to be lost.
    pub fn account(&self, offsets: impl Iterator<Item = u64>) -> (u64, Option<u64>) {
        let gap = |(to, kept): (&u64, &Kept)| match kept {
            Kept::Gap(from) => Some(*from..=*to),
            Kept::Event => None,
        };
        let told: Vec<_> = self.kept.iter().filter_map(gap).collect();
        let (mut events, mut missing) = (0, None);
        for offset in offsets {
            if self.kept.get(&offset) == Some(&Kept::Event) {
                events += 1;
            } else if !told.iter().any(|gap| gap.contains(&offset)) {
                missing = missing.or(Some(offset));
            }
        }
        (events, missing)
    }
}
