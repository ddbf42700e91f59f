//! Who holds which name: decided here, carried out by the registry. Plain values, the clock is an
//! argument.

mod roll;

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use self::roll::Roll;
use crate::{
    limits::{Duplicate, Flapping},
    messages::{Census, Claim, Departure, Order, OrderKind},
    model::{CloseReason, Name, Seat, SessionId},
};

/// A newcomer waits so long for the loser's `offline`.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(2);

/// A newcomer waits so long for word of the older connection, whose session needs little more than
/// four seconds to find out; only a thread that stands still takes longer.
const PROBE_PATIENCE: Duration = Duration::from_secs(15);

/// How long the oldest wins once a name was taken over too often.
const FLAGGED_FOR: Duration = Duration::from_secs(60);

/// Names and who holds them. It outlives the registry actor.
#[derive(Default)]
pub struct Directory {
    names: Roll<Entry>,
    /// Those who wait for a name, by when their patience ends.
    waiting: BTreeMap<(Instant, SessionId), Name>,
    /// Those who come and go all the time.
    flapping: Flapping,
}

/// What a decision led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To be carried out by a session.
    Order(Order),
    /// A name passed from one connection to the next.
    TakenOver(Name),
    /// A name was taken over too often: the oldest wins for a minute.
    Flagged(Name),
    /// A name has come so often.
    Flaps(Name, u32),
    /// The loser did not end in time: its thread is stuck.
    Stuck(Name, Seat),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    seat: Seat,
    session: SessionId,
}

#[derive(Debug)]
struct Entry {
    holder: Holder,
    /// Rare: only names that were ever contested have it.
    contest: Option<Box<Contest>>,
}

#[derive(Debug, Default)]
struct Contest {
    /// Further holders, with `allow`.
    others: Vec<Holder>,
    challenger: Option<Challenger>,
    /// Takeovers in the current stretch, and when it began.
    takeovers: u32,
    since: Option<Instant>,
    flagged_until: Option<Instant>,
}

#[derive(Debug)]
struct Challenger {
    claim: Claim,
    deadline: Instant,
    probing: bool,
}

impl Holder {
    fn of(claim: &Claim) -> Self {
        Self { seat: claim.seat, session: claim.session }
    }

    fn order(self, kind: OrderKind) -> Outcome {
        Outcome::Order(Order { seat: self.seat, session: self.session, kind })
    }
}

impl Entry {
    fn held_by(claim: &Claim) -> Self {
        Self { holder: Holder::of(claim), contest: None }
    }

    fn holds(&self, session: SessionId) -> bool {
        self.holders().any(|holder| holder.session == session)
    }

    fn holders(&self) -> impl Iterator<Item = Holder> {
        let others = self.contest.iter().flat_map(|contest| contest.others.iter().copied());
        std::iter::once(self.holder).chain(others)
    }
}

impl Contest {
    /// Counts a takeover at `now`; `false` when there were too many.
    fn may_be_taken_over(&mut self, limit: crate::units::Rate, now: Instant) -> bool {
        if self.flagged_until.is_some_and(|until| now < until) {
            return false;
        }
        let stretch_over = self.since.is_none_or(|since| now.duration_since(since) >= limit.per);
        if stretch_over {
            self.since = Some(now);
            self.takeovers = 0;
        }
        self.takeovers += 1;
        self.takeovers <= limit.count
    }
}

impl Directory {
    /// How many names are held.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no name is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The session that holds `name`.
    pub fn find(&self, name: &str) -> Option<(Seat, SessionId)> {
        self.names.get(name).map(|entry| (entry.holder.seat, entry.holder.session))
    }

    /// All sessions that hold `name`: several, with `allow`.
    pub fn holders(&self, name: &str) -> Vec<(Seat, SessionId)> {
        let entry = self.names.get(name).into_iter();
        entry.flat_map(Entry::holders).map(|holder| (holder.seat, holder.session)).collect()
    }

    /// Whether `name` flaps at `now`: it came too often, or was taken over too often.
    pub fn is_flagged(&self, name: &str, now: Instant) -> bool {
        self.flapping.look(name, now).is_some()
    }

    /// Shows the names in `slots` places from `from` on, each with who holds it, and answers where to
    /// go on. A name that is held all the time is shown once, whoever comes and goes meanwhile.
    pub fn look(
        &self,
        from: u32,
        slots: u32,
        mut show: impl FnMut(&Name, Seat, SessionId),
    ) -> Option<u32> {
        let (found, next) = self.names.look(from, slots);
        found.for_each(|(name, entry)| show(name, entry.holder.seat, entry.holder.session));
        next
    }

    /// All names that are held, in no order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().map(|(name, _)| name)
    }

    /// When the next newcomer loses patience.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Those who flap, whether they are here or not.
    pub fn flapping(&self) -> &Flapping {
        &self.flapping
    }

    /// Somebody has come who says that this is its name.
    pub fn came(&mut self, claim: &Claim, now: Instant, out: &mut Vec<Outcome>) {
        let connects = self.flapping.came(&claim.name, claim.policy.flapping, now);
        out.extend(connects.map(|connects| Outcome::Flaps(claim.name.clone(), connects)));
    }

    /// Decides who gets the name of `claim`.
    pub fn claim(&mut self, claim: Claim, now: Instant, out: &mut Vec<Outcome>) {
        let Some(entry) = self.names.get_mut(claim.name.as_str()) else {
            out.push(Holder::of(&claim).order(OrderKind::Grant));
            self.names.insert(claim.name.clone(), Entry::held_by(&claim));
            return;
        };
        if entry.holds(claim.session) {
            out.push(Holder::of(&claim).order(OrderKind::Grant));
            return;
        }
        let contest = entry.contest.get_or_insert_default();
        match claim.policy.winner {
            Duplicate::Allow => {
                contest.others.push(Holder::of(&claim));
                out.push(Holder::of(&claim).order(OrderKind::Grant));
            }
            Duplicate::Takeover if contest.may_be_taken_over(claim.policy.takeover_limit, now) => {
                self.take_over(claim, now, out);
            }
            Duplicate::Takeover => {
                if contest.flagged_until.is_none_or(|until| now >= until) {
                    contest.flagged_until = Some(now + FLAGGED_FOR);
                    self.flapping.taken_over(&claim.name, FLAGGED_FOR, now);
                    out.push(Outcome::Flagged(claim.name.clone()));
                }
                self.probe(claim, now, out);
            }
            Duplicate::Reject => self.probe(claim, now, out),
        }
    }

    /// The newest wins: whoever holds the name or waits for it has to go.
    fn take_over(&mut self, claim: Claim, now: Instant, out: &mut Vec<Outcome>) {
        let name = claim.name.clone();
        let previous = self.challenge(claim, now + TAKEOVER_PATIENCE, false);
        if let Some(previous) = previous {
            let end = OrderKind::End(CloseReason::Replaced);
            out.push(Holder::of(&previous.claim).order(end));
        }
        let Some(entry) = self.names.get(name.as_str()) else { return };
        out.extend(entry.holders().map(|h| h.order(OrderKind::End(CloseReason::Replaced))));
        out.push(Outcome::TakenOver(name));
    }

    /// The oldest wins, unless it is found dead.
    fn probe(&mut self, claim: Claim, now: Instant, out: &mut Vec<Outcome>) {
        let Some(entry) = self.names.get(claim.name.as_str()) else { return };
        let contested = entry.contest.as_ref().is_some_and(|contest| contest.challenger.is_some());
        if contested {
            let end = OrderKind::End(CloseReason::DuplicateRejected);
            out.push(Holder::of(&claim).order(end));
            return;
        }
        out.extend(entry.holders().map(|holder| holder.order(OrderKind::Probe)));
        self.challenge(claim, now + PROBE_PATIENCE, true);
    }

    /// Makes `claim` the one that waits for its name, and answers who waited before.
    fn challenge(&mut self, claim: Claim, deadline: Instant, probing: bool) -> Option<Challenger> {
        let entry = self.names.get_mut(claim.name.as_str())?;
        let contest = entry.contest.get_or_insert_default();
        let (session, name) = (claim.session, claim.name.clone());
        let challenger = Challenger { claim, deadline, probing };
        let previous = contest.challenger.replace(challenger);
        if let Some(previous) = &previous {
            self.waiting.remove(&(previous.deadline, previous.claim.session));
        }
        self.waiting.insert((deadline, session), name);
        previous
    }

    /// A session is over: its name is free, or goes to whoever waits for it.
    pub fn left(&mut self, departure: &Departure, out: &mut Vec<Outcome>) {
        let Some(entry) = self.names.get_mut(departure.name.as_str()) else { return };
        let session = departure.session;
        if let Some(contest) = entry.contest.as_mut() {
            contest.others.retain(|other| other.session != session);
            let gave_up = |c: &mut Challenger| c.claim.session == session;
            if let Some(gone) = contest.challenger.take_if(gave_up) {
                self.waiting.remove(&(gone.deadline, session));
            }
        }
        if entry.holder.session != session {
            return;
        }
        let contest = entry.contest.as_deref_mut();
        if let Some(contest) = contest {
            if !contest.others.is_empty() {
                entry.holder = contest.others.swap_remove(0);
                return;
            }
            if let Some(challenger) = contest.challenger.take() {
                self.waiting.remove(&(challenger.deadline, challenger.claim.session));
                entry.holder = Holder::of(&challenger.claim);
                out.push(entry.holder.order(OrderKind::Grant));
                return;
            }
        }
        self.names.remove(departure.name.as_str());
    }

    /// The older connection answered: the newcomer has to go.
    pub fn probe_answered(&mut self, name: &Name, session: SessionId, out: &mut Vec<Outcome>) {
        let Some(entry) = self.names.get_mut(name.as_str()) else { return };
        if !entry.holds(session) {
            return;
        }
        let Some(contest) = entry.contest.as_mut() else { return };
        if let Some(challenger) = contest.challenger.take_if(|c| c.probing) {
            self.waiting.remove(&(challenger.deadline, challenger.claim.session));
            let end = OrderKind::End(CloseReason::DuplicateRejected);
            out.push(Holder::of(&challenger.claim).order(end));
        }
    }

    /// Refuses those whose patience has ended by `now`.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<Outcome>) {
        while let Some((deadline, session)) = self.waiting.keys().next().copied() {
            if deadline > now {
                return;
            }
            let Some(name) = self.waiting.remove(&(deadline, session)) else { return };
            let Some(entry) = self.names.get_mut(name.as_str()) else { continue };
            let holder = entry.holder;
            let Some(contest) = entry.contest.as_mut() else { continue };
            let Some(challenger) = contest.challenger.take() else { continue };
            let end = OrderKind::End(CloseReason::DuplicateRejected);
            out.push(Holder::of(&challenger.claim).order(end));
            if !challenger.probing {
                out.push(Outcome::Stuck(name, holder.seat));
            }
        }
    }

    /// Brings what is held here in line with who really is on a thread, after a message of that
    /// thread may have been lost.
    pub fn reconcile(&mut self, census: Census, now: Instant, out: &mut Vec<Outcome>) {
        let here: HashSet<SessionId> =
            census.present.iter().map(|present| present.claim.session).collect();
        for gone in self.missing_from(census.thread, &here) {
            self.left(&gone, out);
        }
        for present in census.present {
            if present.granted {
                self.restore(&present.claim);
            } else {
                self.claim_again(present.claim, now, out);
            }
        }
    }

    fn missing_from(&self, thread: u32, here: &HashSet<SessionId>) -> Vec<Departure> {
        let mut gone = Vec::new();
        for (name, entry) in self.names.iter() {
            let challenger = entry.contest.iter().filter_map(|contest| {
                contest.challenger.as_ref().map(|challenger| Holder::of(&challenger.claim))
            });
            let missing = challenger
                .chain(entry.holders())
                .filter(|who| who.seat.thread == thread && !here.contains(&who.session));
            gone.extend(missing.map(|who| Departure { name: name.clone(), session: who.session }));
        }
        gone
    }

    /// Lists a session that holds its name already.
    fn restore(&mut self, claim: &Claim) {
        let Some(entry) = self.names.get_mut(claim.name.as_str()) else {
            return self.names.insert(claim.name.clone(), Entry::held_by(claim));
        };
        if !entry.holds(claim.session) {
            entry.contest.get_or_insert_default().others.push(Holder::of(claim));
        }
    }

    /// Treats a claim whose answer may have been lost: one that waits for a takeover repeats the
    /// order to the loser, everything else is decided as if it were new.
    fn claim_again(&mut self, claim: Claim, now: Instant, out: &mut Vec<Outcome>) {
        let Some(entry) = self.names.get(claim.name.as_str()) else {
            return self.claim(claim, now, out);
        };
        let waiting = entry.contest.as_ref().and_then(|contest| contest.challenger.as_ref());
        match waiting {
            Some(challenger) if challenger.claim.session == claim.session => {
                let kind = match challenger.probing {
                    true => OrderKind::Probe,
                    false => OrderKind::End(CloseReason::Replaced),
                };
                out.extend(entry.holders().map(|holder| holder.order(kind)));
            }
            _ => self.claim(claim, now, out),
        }
    }
}

#[cfg(test)]
mod tests;
