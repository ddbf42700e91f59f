use std::time::{Duration, Instant};

use super::tokens::Caller;
use crate::link::are_equal;

/// Most who are logged in at a time; one more, and whoever was silent longest is not any more.
const MOST: usize = 64;

/// A login ends so long after it began, whatever happens.
pub(super) const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// It ends as well when its page has asked for nothing so long.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// Wrong tokens in a row that are answered at once; they come back at the same [`PACE`].
const AT_ONCE: u32 = 20;

/// Beyond these, wrong tokens are answered so far apart, all together.
const PACE: Duration = Duration::from_millis(100);

/// No answer waits longer, so that nobody who guesses keeps connections for himself.
const LONGEST: Duration = Duration::from_secs(2);

/// Who is logged in, by a secret that only the browser's cookie holds. It is no token, and is gone
/// with the process.
#[derive(Debug, Default)]
pub(super) struct Logins(Vec<Login>);

#[derive(Debug)]
struct Login {
    secret: String,
    caller: Caller,
    began: Instant,
    heard: Instant,
}

impl Logins {
    /// `caller` is known by `secret` from `now` on.
    pub fn open(&mut self, secret: String, caller: Caller, now: Instant) {
        self.0.retain(|login| login.lasts(now));
        if self.0.len() >= MOST {
            let silent = self.0.iter().enumerate().min_by_key(|(_, login)| login.heard);
            if let Some((place, _)) = silent {
                self.0.swap_remove(place);
            }
        }
        self.0.push(Login { secret, caller, began: now, heard: now });
    }

    /// Who is known by `secret`, and is heard of `now`.
    pub fn caller(&mut self, secret: &str, now: Instant) -> Option<Caller> {
        self.0.retain(|login| login.lasts(now));
        let place = self.place(secret)?;
        let login = self.0.get_mut(place)?;
        login.heard = now;
        Some(login.caller.clone())
    }

    /// Only those stay logged in.
    pub fn keep(&mut self, stays: impl Fn(&Caller) -> bool) {
        self.0.retain(|login| stays(&login.caller));
    }

    /// Nobody is known by `secret` any more; answers who was.
    pub fn close(&mut self, secret: &str) -> Option<Caller> {
        let place = self.place(secret)?;
        Some(self.0.swap_remove(place).caller)
    }

    /// All are looked at, so that the time tells nothing about them.
    fn place(&self, secret: &str) -> Option<usize> {
        self.0.iter().enumerate().fold(None, |found, (place, login)| {
            let is_it = are_equal(secret.as_bytes(), login.secret.as_bytes());
            if is_it { Some(place) } else { found }
        })
    }
}

impl Login {
    fn lasts(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) < LIFE
            && now.saturating_duration_since(self.heard) < IDLE
    }
}

/// Slows down whoever guesses tokens. Right ones never wait.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    /// When all wrong ones so far are paid for, one each [`PACE`].
    paid: Option<Instant>,
}

impl Guesses {
    /// A wrong token came: how long its answer has to wait.
    pub fn wrong(&mut self, now: Instant) -> Duration {
        let saved = PACE * AT_ONCE;
        let paid = self.paid.map_or(now, |paid| paid.max(now)) + PACE;
        self.paid = Some(paid.min(now + saved + LONGEST));
        paid.saturating_duration_since(now + saved).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Access;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);

    fn ops() -> Caller {
        Caller { token: Some("ops".to_owned()), access: Access::Full }
    }

    #[test]
    fn whoever_is_logged_in_is_known_by_the_secret_and_by_nothing_else() {
        let (mut logins, now) = (Logins::default(), Instant::now());
        assert_eq!(logins.caller("", now), None);
        logins.open("a".repeat(64), ops(), now);
        assert_eq!(logins.caller(&"a".repeat(64), now), Some(ops()));
        for wrong in [String::new(), "a".repeat(63), "a".repeat(65), "b".repeat(64)] {
            assert_eq!(logins.caller(&wrong, now), None, "{wrong}");
        }
        assert_eq!(logins.close(&"b".repeat(64)), None);
        assert_eq!(logins.close(&"a".repeat(64)), Some(ops()));
        assert_eq!(logins.caller(&"a".repeat(64), now), None);
    }

    #[test]
    fn a_login_ends_in_silence_and_after_its_life_however_busy_it_is() {
        for (asked_each, lasts) in [
            (HOUR / 60, LIFE - HOUR / 60),
            (IDLE - SECOND, LIFE - 6 * SECOND),
            (IDLE, Duration::ZERO),
        ] {
            let (mut logins, begin) = (Logins::default(), Instant::now());
            logins.open("x".to_owned(), ops(), begin);
            let mut known = Duration::ZERO;
            let mut asked = asked_each;
            while logins.caller("x", begin + asked).is_some() {
                known = asked;
                asked += asked_each;
            }
            assert!(known <= lasts && asked >= lasts.min(LIFE), "{asked_each:?}: {known:?}");
            assert_eq!(known == Duration::ZERO, lasts == Duration::ZERO, "{asked_each:?}");
        }
    }

    #[test]
    fn one_too_many_takes_the_place_of_whoever_was_silent_longest() {
        let (mut logins, begin) = (Logins::default(), Instant::now());
        for number in 0..MOST {
            logins.open(format!("s{number}"), ops(), begin + SECOND * number as u32);
        }
        let later = begin + HOUR;
        assert!(logins.caller("s0", later).is_some());
        logins.open("new".to_owned(), ops(), later);
        assert!(logins.caller("s0", later).is_some(), "it was heard of");
        assert!(logins.caller("s1", later).is_none(), "it was silent longest");
        assert!(logins.caller("new", later).is_some() && logins.caller("s2", later).is_some());
        assert_eq!(logins.0.len(), MOST);
    }

    #[test]
    fn those_that_are_over_make_room_first() {
        let (mut logins, begin) = (Logins::default(), Instant::now());
        (0..MOST).for_each(|number| logins.open(format!("s{number}"), ops(), begin));
        logins.open("new".to_owned(), ops(), begin + IDLE);
        assert_eq!(logins.0.len(), 1);
    }

    #[test]
    fn some_wrong_tokens_are_answered_at_once_and_more_wait_and_none_too_long() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let waits: Vec<_> = (0..1000).map(|_| guesses.wrong(now)).collect();
        let free = AT_ONCE as usize;
        assert!(waits[..free].iter().all(Duration::is_zero));
        assert_eq!(waits[free..free + 3], [PACE, 2 * PACE, 3 * PACE]);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert_eq!(waits.last(), Some(&LONGEST));
        // What was a flood is forgotten soon.
        let quiet = now + PACE * AT_ONCE + LONGEST;
        assert_eq!(guesses.wrong(quiet), Duration::ZERO);
    }

    #[test]
    fn who_guesses_without_end_gets_ten_answers_a_second() {
        let (mut guesses, begin) = (Guesses::default(), Instant::now());
        let mut now = begin;
        // One behind the other, each as soon as the last one is answered.
        for _ in 0..1000 {
            now += guesses.wrong(now);
        }
        let free = PACE * AT_ONCE;
        assert!(now - begin >= PACE * 1000 - free - PACE, "{:?}", now - begin);
    }
}
