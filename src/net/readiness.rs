use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use rustix::event::{
    Timespec,
    epoll::{self, CreateFlags, Event, EventData, EventFlags},
};
use tokio::io::unix::AsyncFd;

use super::{bells::Bells, kernel};

/// Which of the many sockets of a thread have something to say.
///
/// An epoll set (epoll(7)) of its own, which this thread's runtime watches as a single descriptor.
/// A socket costs what the kernel keeps for it and nothing here, and all that are ready are told at
/// once: no task is woken for each of them.
///
/// It is edge-triggered: what is told once is not told again before something new happens, so
/// whoever is told remembers it until a read or write finds nothing more to do.
#[derive(Debug)]
pub struct Readiness {
    set: AsyncFd<OwnedFd>,
    /// Streams in memory.
    bells: Arc<Bells>,
}

/// What is new with a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The key it is watched under.
    pub key: u64,
    /// There may be something to read.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
    /// The peer has finished or is gone: reading on tells which.
    pub closed: bool,
}

/// Sockets told at once.
const AT_ONCE: usize = 256;

/// Do not wait.
const AT_ONCE_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Readiness {
    /// An empty set, watched by the runtime of the thread that calls this.
    ///
    /// # Errors
    /// No descriptor is left for it.
    pub fn new() -> io::Result<Self> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { set: kernel::watch_set(set)?, bells: Arc::default() })
    }

    /// Watches a socket under `key` until it is closed. What it has to say already is told too.
    ///
    /// # Errors
    /// The kernel has no room for it (`/proc/sys/fs/epoll/max_user_watches`).
    pub fn watch(&self, socket: impl AsFd, key: u64) -> io::Result<()> {
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(self.set.get_ref(), socket, EventData::new_u64(key), edges)?)
    }

    /// What a stream in memory is asked with, so that it is watched under `key`.
    pub(super) fn bell(&self, key: u64) -> Waker {
        self.bells.bell(key)
    }

    /// Adds what is new to `ready`, which is empty; a full one means that there may be more.
    pub fn poll(&self, task: &mut Context<'_>, ready: &mut Vec<Ready>) -> Poll<io::Result<()>> {
        self.bells.listen(task, AT_ONCE, ready);
        loop {
            let Poll::Ready(mut guard) = self.set.poll_read_ready(task)? else {
                return if ready.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) };
            };
            if self.look(ready)? < AT_ONCE {
                guard.clear_ready();
            }
            if !ready.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Adds what is new with sockets to `ready`, and answers how many sockets that are. A thread
    /// that is busy asks by itself: its runtime looks at the set only now and then.
    ///
    /// # Errors
    /// What the system said.
    pub fn look(&self, ready: &mut Vec<Ready>) -> io::Result<usize> {
        let mut events = [const { std::mem::MaybeUninit::<Event>::uninit() }; AT_ONCE];
        let (events, _) = epoll::wait(self.set.get_ref(), &mut events, Some(&AT_ONCE_TIME))?;
        ready.extend(events.iter().map(Ready::from));
        Ok(events.len())
    }
}

impl From<&Event> for Ready {
    fn from(event: &Event) -> Self {
        // They come packed.
        let (flags, data) = (event.flags, event.data);
        let closed = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        Self {
            key: data.u64(),
            readable: closed || flags.contains(EventFlags::IN),
            writable: closed || flags.contains(EventFlags::OUT),
            closed,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step fails the test

    use std::{future::poll_fn, io::Write, net::Shutdown, os::unix::net::UnixStream};

    use super::*;

    async fn told(set: &Readiness) -> Vec<Ready> {
        let mut ready = Vec::new();
        poll_fn(|task| set.poll(task, &mut ready)).await.unwrap();
        ready
    }

    fn has_more(set: &Readiness) -> bool {
        let mut ready = Vec::new();
        set.poll(&mut Context::from_waker(Waker::noop()), &mut ready).is_ready()
    }

    #[tokio::test]
    async fn sockets_that_have_something_to_say_are_told_by_their_keys_and_once() {
        let set = Readiness::new().unwrap();
        let pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().unwrap()).collect();
        for (key, (ours, _)) in pairs.iter().enumerate() {
            set.watch(ours, key as u64).unwrap();
        }
        let first = told(&set).await;
        assert!(first.iter().all(|ready| ready.writable && !ready.readable), "{first:?}");
        assert!(!has_more(&set));
        (&pairs[1].1).write_all(b"x").unwrap();
        let ready = told(&set).await;
        assert_eq!(ready, [Ready { key: 1, readable: true, writable: true, closed: false }]);
        assert!(!has_more(&set));
    }

    #[tokio::test]
    async fn a_peer_that_has_finished_is_told_as_readable_and_closed() {
        let set = Readiness::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        set.watch(&ours, 7).unwrap();
        told(&set).await;
        theirs.shutdown(Shutdown::Write).unwrap();
        let ready = told(&set).await;
        assert!(ready[0].key == 7 && ready[0].readable && ready[0].closed);
    }

    #[tokio::test]
    async fn more_sockets_than_are_told_at_once_are_all_told() {
        let set = Readiness::new().unwrap();
        let pairs: Vec<_> = (0..AT_ONCE + 10).map(|_| UnixStream::pair().unwrap()).collect();
        for (key, (ours, _)) in pairs.iter().enumerate() {
            set.watch(ours, key as u64).unwrap();
        }
        let mut keys = Vec::new();
        while keys.len() < pairs.len() {
            keys.extend(told(&set).await.iter().map(|ready| ready.key));
        }
        keys.sort_unstable();
        assert!(keys.iter().copied().eq(0..pairs.len() as u64));
    }

    #[tokio::test]
    async fn a_closed_socket_is_not_watched_any_more() {
        let set = Readiness::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        set.watch(&ours, 1).unwrap();
        told(&set).await;
        drop(ours);
        drop(theirs);
        assert!(!has_more(&set));
    }
}
