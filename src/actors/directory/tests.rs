use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::{limits::DuplicatePolicy, messages::Present, units::Rate};

fn claim(name: &str, session: u64, winner: Duplicate) -> Claim {
    Claim {
        name: Name::new(name.as_bytes()).unwrap(),
        seat: Seat { thread: 0, slot: session as u32 },
        session: SessionId(session),
        policy: DuplicatePolicy {
            winner,
            takeover_limit: Rate::per_minute(2),
            flapping: Rate::per_hour(3),
        },
    }
}

fn departure(name: &str, session: u64) -> Departure {
    Departure { name: Name::new(name.as_bytes()).unwrap(), session: SessionId(session) }
}

struct Desk {
    directory: Directory,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        Self { directory: Directory::default(), now: Instant::now() }
    }

    fn claim(&mut self, name: &str, session: u64, winner: Duplicate) -> Vec<String> {
        let mut out = Vec::new();
        self.directory.claim(claim(name, session, winner), self.now, &mut out);
        told(out)
    }

    fn left(&mut self, name: &str, session: u64) -> Vec<String> {
        let mut out = Vec::new();
        self.directory.left(&departure(name, session), &mut out);
        told(out)
    }

    fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        let mut out = Vec::new();
        self.directory.expire(self.now, &mut out);
        told(out)
    }
}

fn told(outcomes: Vec<Outcome>) -> Vec<String> {
    let text = |outcome| match outcome {
        Outcome::Order(Order { session, kind: OrderKind::Grant, .. }) => {
            format!("{} granted", session.0)
        }
        Outcome::Order(Order { session, kind: OrderKind::Probe, .. }) => {
            format!("{} probed", session.0)
        }
        Outcome::Order(Order { session, kind: OrderKind::End(why), .. }) => {
            format!("{} {why}", session.0)
        }
        Outcome::TakenOver(name) => format!("{name} taken over"),
        Outcome::Flagged(name) => format!("{name} flagged"),
        Outcome::Flaps(name, connects) => format!("{name} came {connects} times"),
        Outcome::Stuck(name, _) => format!("{name} stuck"),
    };
    outcomes.into_iter().map(text).collect()
}

#[test]
fn the_newest_gets_the_name_once_the_older_ones_offline_has_its_offset() {
    let mut desk = Desk::new();
    assert_eq!(desk.claim("a", 1, Duplicate::Takeover), ["1 granted"]);
    assert_eq!(desk.claim("a", 2, Duplicate::Takeover), ["1 replaced", "a taken over"]);
    assert_eq!(desk.left("a", 1), ["2 granted"]);
    assert!(desk.left("a", 2).is_empty());
    assert!(desk.directory.is_empty() && desk.directory.next_deadline().is_none());
}

#[test]
fn a_third_that_comes_while_the_second_waits_replaces_the_second() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Takeover);
    desk.claim("a", 2, Duplicate::Takeover);
    let told = desk.claim("a", 3, Duplicate::Takeover);
    assert_eq!(told, ["2 replaced", "1 replaced", "a taken over"]);
    assert!(desk.left("a", 2).is_empty());
    assert_eq!(desk.left("a", 1), ["3 granted"]);
}

#[test]
fn a_loser_that_does_not_end_in_two_seconds_costs_the_newcomer_its_place() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Takeover);
    desk.claim("a", 2, Duplicate::Takeover);
    assert!(desk.after(1).is_empty());
    assert_eq!(desk.after(1), ["2 duplicate_rejected", "a stuck"]);
    assert_eq!(desk.directory.find("a").map(|(_, session)| session), Some(SessionId(1)));
}

#[test]
fn above_the_takeover_limit_the_oldest_wins_for_a_minute_and_the_name_is_flagged() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Takeover);
    for session in [2, 3] {
        desk.claim("a", session, Duplicate::Takeover);
        desk.left("a", session - 1);
    }
    assert_eq!(desk.claim("a", 4, Duplicate::Takeover), ["a flagged", "3 probed"]);
    assert_eq!(desk.after(15), ["4 duplicate_rejected"]);
    assert_eq!(desk.claim("a", 5, Duplicate::Takeover), ["3 probed"], "flagged only once");
    desk.left("a", 5);
    desk.after(60);
    assert_eq!(desk.claim("a", 6, Duplicate::Takeover), ["3 replaced", "a taken over"]);
}

#[test]
fn reject_keeps_an_older_connection_that_answers() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Reject);
    assert_eq!(desk.claim("a", 2, Duplicate::Reject), ["1 probed"]);
    assert_eq!(desk.claim("a", 3, Duplicate::Reject), ["3 duplicate_rejected"], "one at a time");
    let mut out = Vec::new();
    let name = Name::new(b"a").unwrap();
    desk.directory.probe_answered(&name, SessionId(1), &mut out);
    assert_eq!(told(out), ["2 duplicate_rejected"]);
}

#[test]
fn reject_admits_the_newcomer_when_the_older_connection_is_found_dead() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Reject);
    desk.claim("a", 2, Duplicate::Reject);
    assert_eq!(desk.left("a", 1), ["2 granted"]);
}

#[test]
fn allow_lets_both_be_and_the_name_lives_as_long_as_one_of_them() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Allow);
    assert_eq!(desk.claim("a", 2, Duplicate::Allow), ["2 granted"]);
    desk.left("a", 1);
    assert_eq!(desk.directory.find("a").map(|(_, session)| session), Some(SessionId(2)));
    desk.left("a", 2);
    assert!(desk.directory.is_empty());
}

#[test]
fn a_census_lists_the_device_whose_claim_was_lost_and_drops_the_one_that_left_unheard() {
    let mut desk = Desk::new();
    desk.claim("gone", 1, Duplicate::Takeover);
    desk.claim("here", 2, Duplicate::Takeover);
    let present = [("here", 2, true), ("lost", 3, false), ("unlisted", 4, true)]
        .map(|(name, session, granted)| Present {
            claim: claim(name, session, Duplicate::Takeover),
            granted,
        })
        .to_vec();
    let mut out = Vec::new();
    desk.directory.reconcile(Census { thread: 0, present }, desk.now, &mut out);
    assert_eq!(told(out), ["3 granted"]);
    let mut names: Vec<_> = desk.directory.names().map(Name::to_string).collect();
    names.sort();
    assert_eq!(names, ["here", "lost", "unlisted"]);
}

#[test]
fn a_census_of_one_thread_leaves_the_others_alone() {
    let mut desk = Desk::new();
    desk.claim("a", 1, Duplicate::Takeover);
    let mut out = Vec::new();
    desk.directory.reconcile(Census { thread: 9, present: Vec::new() }, desk.now, &mut out);
    assert!(out.is_empty() && desk.directory.find("a").is_some());
}

proptest! {
    /// Sessions come, lose and go in any order: everyone who claimed is answered or leaves, no
    /// name has two holders unless allowed, and nothing is left over at the end.
    #[test]
    fn every_claim_is_answered_and_nothing_is_left_over(
        steps in prop::collection::vec((0_u8..3, 0_usize..3, 0_u8..2), 1..80)
    ) {
        let mut desk = Desk::new();
        let names = ["a", "b", "c"];
        let (mut next, mut granted, mut open) = (1_u64, HashSet::new(), HashMap::new());
        for (step, at, policy) in steps {
            let name = names[at];
            let mut out = Vec::new();
            match step {
                0 => {
                    let winner = if policy == 0 { Duplicate::Takeover } else { Duplicate::Reject };
                    open.insert(next, name);
                    desk.directory.claim(claim(name, next, winner), desk.now, &mut out);
                    next += 1;
                }
                1 => {
                    desk.now += Duration::from_secs(3);
                    desk.directory.expire(desk.now, &mut out);
                }
                _ => {
                    let Some(session) = open.keys().min().copied() else { continue };
                    if let Some(name) = open.remove(&session) {
                        granted.remove(&session);
                        desk.directory.left(&departure(name, session), &mut out);
                    }
                }
            }
            for outcome in out {
                let Outcome::Order(order) = outcome else { continue };
                match order.kind {
                    OrderKind::Grant => {
                        prop_assert!(open.contains_key(&order.session.0));
                        granted.insert(order.session.0);
                    }
                    OrderKind::End(_) | OrderKind::Probe => {}
                }
            }
            for name in names {
                let holders = granted.iter().filter(|session| open.get(session) == Some(&name));
                prop_assert!(holders.count() <= 1, "two hold {name}");
            }
        }
        for (session, name) in open {
            desk.directory.left(&departure(name, session), &mut Vec::new());
        }
        prop_assert!(desk.directory.is_empty());
        prop_assert!(desk.directory.next_deadline().is_none());
    }
}

#[test]
fn a_name_that_comes_and_goes_all_the_time_is_flagged_also_while_it_is_away() {
    let mut desk = Desk::new();
    for session in 1..=5 {
        let mut out = Vec::new();
        let claim = claim("a", session, Duplicate::Takeover);
        desk.directory.came(&claim, desk.now, &mut out);
        let expected = if session == 4 { vec!["a came 4 times"] } else { Vec::new() };
        assert_eq!(told(out), expected, "the time {session}");
        desk.claim("a", session, Duplicate::Takeover);
        desk.left("a", session);
        desk.after(60);
    }
    assert!(desk.directory.is_empty() && desk.directory.is_flagged("a", desk.now));
    desk.after(3600);
    assert!(!desk.directory.is_flagged("a", desk.now));
}
