//! What is kept of what happened, for those who ask: the last endings, how links are, and a feed of
//! what goes on. Nothing is kept until somebody wants it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::LinkFaultKind;
use crate::model::{CloseReason, Offset, SessionId, UnixMillis};

/// A session that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When it ended.
    pub time: UnixMillis,
    /// The session.
    pub session: SessionId,
    /// Its name, if it ever had one.
    pub name: Option<String>,
    /// The listener that let it in.
    pub listener: String,
    /// Where it connected from.
    pub peer: String,
    /// How it ended.
    pub reason: CloseReason,
    /// Bytes read.
    pub received_bytes: u64,
    /// Bytes written.
    pub sent_bytes: u64,
    /// How long it was connected.
    pub connected: Duration,
    /// Without a name: the first bytes that it sent.
    pub first_bytes: Vec<u8>,
}

/// How the link to one upstream is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// The other end, while the link is up.
    pub peer: Option<String>,
    /// Since when it is as it is.
    pub since: UnixMillis,
    /// Why it was last down, and in words.
    pub last_fault: Option<(LinkFaultKind, String)>,
    /// The offset at which it fails again and again.
    pub stuck_at: Option<Offset>,
}

/// Something that went on, as it is told to whoever follows.
#[derive(Clone, Debug)]
pub struct Happening {
    /// What: `online`, `closed`, `link_up` and so on.
    pub kind: &'static str,
    /// The device that it is about.
    pub name: Option<String>,
    /// All of it, an object.
    pub facts: Value,
}

/// Keeps what is asked for.
#[derive(Debug)]
pub struct Witness {
    closed: Mutex<VecDeque<Arc<Closed>>>,
    links: Mutex<BTreeMap<String, LinkState>>,
    feed: broadcast::Sender<Arc<Happening>>,
}

impl Default for Witness {
    fn default() -> Self {
        let (feed, _) = broadcast::channel(Self::MOST_LAG);
        Self { closed: Mutex::default(), links: Mutex::default(), feed }
    }
}

impl Witness {
    /// Most endings that are kept; older ones go first.
    pub const MOST_CLOSED: usize = 10_000;

    /// How far somebody who follows may lag; what is older is lost to him, and counted.
    pub const MOST_LAG: usize = 1024;

    /// The last endings, the newest first; `before`: only those that are older than the ending of
    /// this session.
    pub fn closed(&self, before: Option<SessionId>, most: usize) -> Vec<Arc<Closed>> {
        let closed = lock(&self.closed);
        let newest = closed.iter().rev();
        match before {
            None => newest.take(most).cloned().collect(),
            Some(session) => {
                let older = newest.skip_while(|ended| ended.session != session).skip(1);
                older.take(most).cloned().collect()
            }
        }
    }

    /// How the link to `upstream` is.
    pub fn link(&self, upstream: &str) -> LinkState {
        lock(&self.links).get(upstream).cloned().unwrap_or_default()
    }

    /// Follows what goes on from now.
    pub fn follow(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.feed.subscribe()
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.feed.receiver_count()
    }

    pub(super) fn ended(&self, ended: Closed) {
        self.tell("closed", ended.name.as_deref(), || {
            let mut facts = json!({
                "session": ended.session.to_string(),
                "listener": ended.listener,
                "peer": ended.peer,
                "reason": ended.reason.as_str(),
                "received_bytes": ended.received_bytes,
                "sent_bytes": ended.sent_bytes,
                "connected_seconds": ended.connected.as_secs_f64(),
            });
            if let Some(name) = &ended.name {
                facts["name"] = name.as_str().into();
            }
            facts
        });
        let mut closed = lock(&self.closed);
        if closed.len() == Self::MOST_CLOSED {
            closed.pop_front();
        }
        closed.push_back(Arc::new(ended));
    }

    pub(super) fn link_changed(&self, upstream: &str, change: impl FnOnce(&mut LinkState)) {
        let mut links = lock(&self.links);
        match links.get_mut(upstream) {
            Some(state) => change(state),
            None => change(links.entry(upstream.to_owned()).or_default()),
        }
    }

    /// Tells whoever follows; nothing is built where nobody does.
    pub(super) fn tell(
        &self,
        kind: &'static str,
        name: Option<&str>,
        facts: impl FnOnce() -> Value,
    ) {
        if self.feed.receiver_count() == 0 {
            return;
        }
        let mut whole = json!({ "event": kind, "time": UnixMillis::now().to_string() });
        if let (Value::Object(whole), Value::Object(facts)) = (&mut whole, facts()) {
            whole.extend(facts);
        }
        // Whoever followed may be gone by now.
        let _ = self.feed.send(Arc::new(Happening {
            kind,
            name: name.map(str::to_owned),
            facts: whole,
        }));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(session: u64) -> Closed {
        Closed {
            time: UnixMillis(session),
            session: SessionId(session),
            name: None,
            listener: "dtu".to_owned(),
            peer: "memory:1".to_owned(),
            reason: CloseReason::Idle,
            received_bytes: 0,
            sent_bytes: 0,
            connected: Duration::ZERO,
            first_bytes: Vec::new(),
        }
    }

    #[test]
    fn the_last_endings_are_kept_and_older_ones_go() {
        let witness = Witness::default();
        for session in 0..Witness::MOST_CLOSED as u64 + 5 {
            witness.ended(closed(session));
        }
        let all = witness.closed(None, usize::MAX);
        assert_eq!(all.len(), Witness::MOST_CLOSED);
        assert_eq!((all[0].session.0, all.last().unwrap().session.0), (10_004, 5));
        let older: Vec<_> = witness.closed(Some(SessionId(10_003)), 2);
        assert_eq!(older.iter().map(|ended| ended.session.0).collect::<Vec<_>>(), [10_002, 10_001]);
    }

    #[test]
    fn whoever_follows_hears_and_whoever_lags_is_told_how_much_is_lost() {
        let witness = Witness::default();
        let mut ear = witness.follow();
        for session in 0..Witness::MOST_LAG as u64 + 3 {
            witness.ended(closed(session));
        }
        let lagged = broadcast::error::TryRecvError::Lagged(3);
        assert_eq!(ear.try_recv().unwrap_err(), lagged);
        let heard = ear.try_recv().unwrap();
        assert_eq!((heard.kind, &heard.facts["reason"]), ("closed", &Value::from("idle")));
    }
}
