use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use crate::{
    model::{FlagReason, Name},
    units::Rate,
};

/// Finds the devices that come and go all the time, without keeping anything of those that do not.
///
/// Of a name that came once in a stretch there is one bit, which it may share with others; of those that
/// came again there is a number, and of the few that flap the name as well.
#[derive(Debug, Default)]
pub struct Flapping {
    once: Once,
    counts: HashMap<u64, Count>,
    /// Names come from devices: their hashes must not be foreseen.
    hashes: RandomState,
    flagged: BTreeMap<Name, Flag>,
    swept: Option<Instant>,
}

/// A name that flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// How it does.
    pub why: FlagReason,
    /// Since when.
    pub since: Instant,
    /// When it is forgotten, unless it goes on.
    pub until: Instant,
    /// How often it came in the stretch that it was last seen to flap in; 0 for takeovers.
    pub connects: u32,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    connects: u32,
}

/// Who came once in a stretch: a bit for each, found by its hash.
#[derive(Debug, Default)]
struct Once {
    bits: Vec<u64>,
    /// When the stretch began.
    since: Option<Instant>,
}

impl Once {
    /// 64 KiB: of 20,000 names some 4 in a hundred share their bit with another.
    const BITS: usize = 1 << 19;

    /// Whether nobody with this bit has come in this stretch.
    fn is_first(&mut self, key: u64, stretch: Duration, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= stretch) {
            self.bits.clear();
            self.bits.resize(Self::BITS / 64, 0);
            self.since = Some(now);
        }
        let at = key as usize % Self::BITS;
        let (word, bit) = (&mut self.bits[at / 64], 1 << (at % 64));
        let is_first = *word & bit == 0;
        *word |= bit;
        is_first
    }
}

impl Flapping {
    /// Most names that are counted at a time. When there are more, those that came twice or whose
    /// stretch is over are forgotten; where that gives no room, newcomers are not counted.
    pub const MOST_COUNTED: usize = 16_384;

    /// Most names that are flagged at a time; the one that would be forgotten first makes room.
    pub const MOST_FLAGGED: usize = 1000;

    /// Room is made at most so often: it looks at every name that is counted.
    const SWEEP_EVERY: Duration = Duration::from_secs(10);

    /// Counts that `name` came at `now`. Answers how often it has, if it is flagged now and was not
    /// before: more than `limit` says. A limit of 0 flags nobody.
    pub fn came(&mut self, name: &Name, limit: Rate, now: Instant) -> Option<u32> {
        if limit.count == 0 {
            return None;
        }
        let key = self.hashes.hash_one(name.as_str());
        if self.once.is_first(key, limit.per, now) {
            return None;
        }
        if self.counts.len() >= Self::MOST_COUNTED && !self.counts.contains_key(&key) {
            self.make_room(limit.per, now);
            if self.counts.len() >= Self::MOST_COUNTED {
                return None;
            }
        }
        // It came before, as its bit says.
        let again = Count { since: now, connects: 1 };
        let count = self.counts.entry(key).or_insert(again);
        if now.duration_since(count.since) >= limit.per {
            *count = again;
        }
        count.connects = count.connects.saturating_add(1);
        let connects = count.connects;
        if connects <= limit.count {
            return None;
        }
        self.flag(name, FlagReason::Connects, connects, limit.per, now).then_some(connects)
    }

    /// Two connections have taken `name` from each other too often; it is flagged for so long.
    pub fn taken_over(&mut self, name: &Name, lasts: Duration, now: Instant) {
        self.flag(name, FlagReason::Takeovers, 0, lasts, now);
    }

    /// Whether `name` flaps, and how.
    pub fn look(&self, name: &str, now: Instant) -> Option<&Flag> {
        self.flagged.get(name).filter(|flag| now < flag.until)
    }

    /// All that flap, by name.
    pub fn flagged(&self, now: Instant) -> impl Iterator<Item = (&Name, &Flag)> {
        self.flagged.iter().filter(move |(_, flag)| now < flag.until)
    }

    /// Answers whether it was not flagged before.
    fn flag(
        &mut self,
        name: &Name,
        why: FlagReason,
        connects: u32,
        lasts: Duration,
        now: Instant,
    ) -> bool {
        let until = now + lasts;
        if let Some(flag) = self.flagged.get_mut(name.as_str()) {
            let is_new = now >= flag.until;
            let since = if is_new { now } else { flag.since };
            *flag = Flag { why, since, until: flag.until.max(until), connects };
            return is_new;
        }
        if self.flagged.len() >= Self::MOST_FLAGGED {
            let first = self.flagged.iter().min_by_key(|(_, flag)| flag.until);
            if let Some(first) = first.map(|(name, _)| name.clone()) {
                self.flagged.remove(first.as_str());
            }
        }
        self.flagged.insert(name.clone(), Flag { why, since: now, until, connects });
        true
    }

    fn make_room(&mut self, stretch: Duration, now: Instant) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < Self::SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        self.counts
            .retain(|_, count| count.connects > 2 && now.duration_since(count.since) < stretch);
        self.flagged.retain(|_, flag| now < flag.until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Rate = Rate { count: 3, per: Duration::from_secs(60) };

    fn name(number: usize) -> Name {
        Name::new(format!("8600000{number:08}").as_bytes()).unwrap()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_comes_more_often_than_the_limit_is_flagged_once_until_it_has_calmed_down() {
        let (mut flapping, start, me) = (Flapping::default(), Instant::now(), name(1));
        for (at, flagged) in
            [(0, None), (10, None), (20, None), (30, Some(4)), (40, None), (59, None)]
        {
            assert_eq!(flapping.came(&me, LIMIT, start + seconds(at)), flagged, "at {at} s");
        }
        let flag = *flapping.look(me.as_str(), start + seconds(100)).unwrap();
        assert_eq!((flag.why, flag.connects), (FlagReason::Connects, 6));
        assert_eq!((flag.since, flag.until), (start + seconds(30), start + seconds(119)));
        assert_eq!(flapping.flagged(start + seconds(119)).count(), 0);
        assert_eq!(flapping.look(me.as_str(), start + seconds(119)), None);
        for (at, flagged) in [(200, None), (201, None), (202, None), (203, Some(4))] {
            assert_eq!(flapping.came(&me, LIMIT, start + seconds(at)), flagged, "at {at} s");
        }
    }

    #[test]
    fn who_comes_as_often_as_the_limit_is_not_flagged() {
        let (mut flapping, start) = (Flapping::default(), Instant::now());
        for at in (0..600).step_by(20) {
            assert_eq!(flapping.came(&name(1), LIMIT, start + seconds(at)), None);
        }
        let nobody = Rate { count: 0, ..LIMIT };
        for _ in 0..100 {
            assert_eq!(flapping.came(&name(2), nobody, start), None, "0 flags nobody");
        }
    }

    #[test]
    fn a_crowd_hides_nobody_who_flaps_and_takes_no_more_room_than_there_is() {
        let (mut flapping, start) = (Flapping::default(), Instant::now());
        let mut flagged = 0;
        for number in 0..200_000 {
            let now = start + Duration::from_millis(number as u64 / 4);
            flapping.came(&name(number + 1), LIMIT, now);
            if number % 40_000 == 0 {
                flagged += usize::from(flapping.came(&name(0), LIMIT, now).is_some());
            }
            assert!(flapping.counts.len() <= Flapping::MOST_COUNTED);
        }
        assert_eq!(flagged, 1, "five times in less than a minute, among 200,000 others");
    }

    #[test]
    fn of_devices_that_come_once_hardly_anything_is_kept() {
        let (mut flapping, start) = (Flapping::default(), Instant::now());
        for number in 0..20_000 {
            assert_eq!(flapping.came(&name(number), LIMIT, start), None);
        }
        assert!(flapping.counts.len() < 1000, "{}", flapping.counts.len());
    }

    #[test]
    fn no_more_names_are_flagged_than_there_is_room_for() {
        let (mut flapping, start) = (Flapping::default(), Instant::now());
        for number in 0..Flapping::MOST_FLAGGED + 5 {
            let now = start + Duration::from_millis(number as u64);
            flapping.taken_over(&name(number), seconds(60), now);
        }
        let now = start + seconds(2);
        assert_eq!(flapping.flagged(now).count(), Flapping::MOST_FLAGGED);
        assert!(flapping.look(name(4).as_str(), now).is_none());
        let flag = flapping.look(name(5).as_str(), now).unwrap();
        assert_eq!((flag.why, flag.connects), (FlagReason::Takeovers, 0));
    }
}
