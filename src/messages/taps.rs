use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix::Message;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::model::{CloseReason, Name, SessionId, UnixMillis};

/// Show what passes between a device and us. Asked by the admin API of each thread.
#[derive(Debug, Message)]
#[rtype(result = "TapAnswer")]
pub enum Tap {
    /// The connection of this session, until the session is over.
    Session {
        /// The session, or that of a device behind a connection.
        session: SessionId,
        /// The first slot that is looked at; as many are as take no time.
        from: u32,
        /// Where it is shown.
        sink: TapSink,
    },
    /// The connections of whoever is granted this name, now and later, until nobody looks any more.
    Name {
        /// The name.
        name: Name,
        /// Who holds it on this thread, as far as is known: slot and session.
        holders: Vec<(u32, SessionId)>,
        /// Where it is shown.
        sink: TapSink,
    },
    /// Somebody looks no more: let go of what nobody looks at.
    LetGo,
}

/// What a thread says to [`Tap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapAnswer {
    /// It is so.
    Done,
    /// The session is not in the slots that were looked at: ask again from this one on.
    GoOn(u32),
    /// The session is not on this thread.
    NotHere,
}

/// Something that a tap shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapEvent {
    /// When it happened.
    pub time: UnixMillis,
    /// The session that it happened to. Bytes are those of a connection.
    pub session: SessionId,
    /// Its name, once it has claimed one.
    pub name: Option<Name>,
    /// What it is.
    pub what: Tapped,
}

/// What a tap shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tapped {
    /// From here on the session is shown.
    Opened(Box<Opened>),
    /// Bytes that were read.
    Received(Bytes),
    /// Bytes that the device's socket has taken.
    Sent(Bytes),
    /// The session is over, or no longer behind its connection.
    Closed(CloseReason),
}

/// How a session stood when it began to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The session of the connection that it is behind, where that is not its own.
    pub connection: Option<SessionId>,
    /// The listener that let it in.
    pub listener: Arc<str>,
    /// Where it connects from.
    pub peer: String,
    /// Bytes of the connection that were read before and are not shown.
    pub received_bytes: u64,
    /// Bytes of the connection that were written before and are not shown.
    pub sent_bytes: u64,
    /// Without a name: the first bytes that it has sent.
    pub first_bytes: Vec<u8>,
}

impl Tapped {
    fn bytes(&self) -> usize {
        match self {
            Self::Received(bytes) | Self::Sent(bytes) => bytes.len(),
            Self::Opened(_) | Self::Closed(_) => 0,
        }
    }
}

/// What stands next in a [`TapFeed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapItem {
    /// Something that happened.
    Event(TapEvent),
    /// Here something is missing, since whoever looks was too slow.
    Missed {
        /// The first of it happened then.
        time: UnixMillis,
        /// Events that are missing.
        events: u64,
        /// Bytes that these held.
        bytes: u64,
    },
}

/// Most bytes that wait for somebody who looks, with what keeping them takes.
const MOST_WAITING: usize = 256 << 10;

/// That sessions come and go has so much room beside.
const RESERVE: usize = 16 << 10;

/// What keeping one event takes, about.
const KEEPING: usize = 128;

/// A way into a [`TapFeed`], for sessions: never waits. When the last one is gone the feed ends.
#[derive(Debug)]
pub struct TapSink(Arc<Shared>);

/// What passes, for the one who looks. When it is dropped, sinks find that out.
#[derive(Debug)]
pub struct TapFeed(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<TapItem>,
    weight: usize,
    sinks: usize,
    is_gone: bool,
}

/// A feed, and the first way into it.
pub fn tap_feed() -> (TapSink, TapFeed) {
    let shared = Arc::<Shared>::default();
    shared.queue().sinks = 1;
    (TapSink(Arc::clone(&shared)), TapFeed(shared))
}

impl Shared {
    /// Held for as long as it takes to put one event in or to take some out.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TapSink {
    /// Shows `event`; answers how many bytes of it are missed, since whoever looks is too slow.
    pub fn push(&self, event: TapEvent) -> u64 {
        let mut queue = self.0.queue();
        if queue.is_gone {
            return 0;
        }
        let missed = queue.push(event);
        drop(queue);
        self.0.bell.notify_one();
        missed
    }

    /// Whether nobody looks any more.
    pub fn is_gone(&self) -> bool {
        self.0.queue().is_gone
    }

    /// Whether both lead to the same feed.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Clone for TapSink {
    fn clone(&self) -> Self {
        self.0.queue().sinks += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for TapSink {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.sinks -= 1;
        let is_last = queue.sinks == 0;
        drop(queue);
        if is_last {
            self.0.bell.notify_one();
        }
    }
}

impl TapFeed {
    /// Waits for something to show, and takes what is there, about `most` bytes of it; `None` once
    /// nothing more can come.
    pub async fn next(&self, most: usize) -> Option<Vec<TapItem>> {
        loop {
            {
                let mut queue = self.0.queue();
                let taken = queue.take(most);
                if !taken.is_empty() {
                    return Some(taken);
                }
                if queue.sinks == 0 {
                    return None;
                }
            }
            self.0.bell.notified().await;
        }
    }
}

impl Drop for TapFeed {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        (queue.is_gone, queue.weight) = (true, 0);
        queue.items = VecDeque::new();
    }
}

impl Queue {
    fn push(&mut self, event: TapEvent) -> u64 {
        let bytes = event.what.bytes();
        let most = match event.what {
            Tapped::Received(_) | Tapped::Sent(_) => MOST_WAITING,
            Tapped::Opened(_) | Tapped::Closed(_) => MOST_WAITING + RESERVE,
        };
        if self.weight + bytes + KEEPING <= most {
            self.weight += bytes + KEEPING;
            self.items.push_back(TapItem::Event(event));
            return 0;
        }
        let missed = bytes as u64;
        match self.items.back_mut() {
            Some(TapItem::Missed { events, bytes, .. }) => {
                *events += 1;
                *bytes += missed;
            }
            _ => {
                let time = event.time;
                self.items.push_back(TapItem::Missed { time, events: 1, bytes: missed });
            }
        }
        missed
    }

    fn take(&mut self, most: usize) -> Vec<TapItem> {
        let (mut taken, mut size) = (Vec::new(), 0);
        while size < most
            && let Some(item) = self.items.pop_front()
        {
            if let TapItem::Event(event) = &item {
                let weight = event.what.bytes() + KEEPING;
                self.weight -= weight;
                size += weight;
            }
            taken.push(item);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: Tapped) -> TapEvent {
        TapEvent { time: UnixMillis(7), session: SessionId(1), name: None, what }
    }

    fn bytes(length: usize) -> TapEvent {
        event(Tapped::Received(vec![0; length].into()))
    }

    fn closed() -> TapEvent {
        event(Tapped::Closed(CloseReason::Idle))
    }

    async fn all(feed: &TapFeed) -> Vec<TapItem> {
        feed.next(usize::MAX).await.unwrap()
    }

    #[actix_rt::test]
    async fn what_a_slow_one_misses_is_told_where_it_is_missing() {
        let (sink, feed) = tap_feed();
        assert_eq!(sink.push(bytes(200 << 10)), 0);
        assert_eq!(sink.push(bytes(100 << 10)), 100 << 10);
        assert_eq!(sink.push(bytes(60 << 10)), 60 << 10, "the room is for what came before");
        assert_eq!(sink.push(closed()), 0, "endings have room of their own");
        let missed = TapItem::Missed { time: UnixMillis(7), events: 2, bytes: 160 << 10 };
        let first = TapItem::Event(bytes(200 << 10));
        assert_eq!(all(&feed).await, [first, missed, TapItem::Event(closed())]);
        assert_eq!(sink.push(bytes(200 << 10)), 0, "there is room again");
    }

    #[actix_rt::test]
    async fn it_is_bounded_whatever_comes() {
        for what in [bytes(1), bytes(70 << 10), closed()] {
            let (sink, feed) = tap_feed();
            for _ in 0..10_000 {
                sink.push(what.clone());
            }
            let kept = all(&feed).await;
            assert!(kept.len() <= (MOST_WAITING + RESERVE) / KEEPING + 1, "{}", kept.len());
            let events = kept.iter().map(|item| match item {
                TapItem::Event(_) => 1,
                TapItem::Missed { events, .. } => *events,
            });
            assert_eq!(events.sum::<u64>(), 10_000, "all are accounted for");
        }
    }

    #[actix_rt::test]
    async fn it_ends_with_its_last_way_in_and_not_before_all_was_taken() {
        let (sink, feed) = tap_feed();
        let other = sink.clone();
        assert!(other.is_same(&sink) && !other.is_same(&tap_feed().0));
        drop(sink);
        other.push(closed());
        drop(other);
        assert_eq!(all(&feed).await, [TapItem::Event(closed())]);
        assert_eq!(feed.next(1).await, None);
    }

    #[actix_rt::test]
    async fn whoever_waits_is_woken_by_bytes_and_by_the_end() {
        let (sink, feed) = tap_feed();
        let waits = actix_rt::spawn(async move { (all(&feed).await.len(), feed.next(1).await) });
        tokio::task::yield_now().await;
        sink.push(bytes(1));
        drop(sink);
        assert_eq!(waits.await.unwrap(), (1, None));
    }

    #[test]
    fn nothing_is_kept_for_whoever_is_gone() {
        let (sink, feed) = tap_feed();
        sink.push(bytes(100));
        drop(feed);
        assert!(sink.is_gone());
        assert_eq!(sink.push(bytes(1 << 20)), 0);
        assert!(sink.0.queue().items.is_empty());
    }
}
