//! One life of the gateway, from its start to a stop or to its death in the middle of anything.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    sync::Notify,
};

use crate::{machine::Plug, network::Fate};

/// Counts what the gateway does that somebody else could see: reads and writes on links, calls of
/// its spool and of its disk. It dies at any of these steps, and from then on nothing that its
/// remains do reaches anybody.
#[derive(Debug)]
pub struct Life {
    steps: AtomicU64,
    steps_left: AtomicU64,
    dead: AtomicBool,
    death: Notify,
    /// The disk hears of nothing that the dead do.
    pub plug: Plug,
}

/// Nobody lives so long.
const FOR_EVER: u64 = u64::MAX;

/// Who takes so many steps goes round in circles, while the clock stands still.
const MOST_STEPS: u64 = 2_000_000;

impl Life {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            steps: AtomicU64::new(0),
            steps_left: AtomicU64::new(FOR_EVER),
            dead: AtomicBool::new(false),
            death: Notify::new(),
            plug: Plug::default(),
        })
    }

    /// It dies at the step after so many.
    pub fn die_after(&self, steps: u64) {
        self.steps_left.store(steps, Ordering::Relaxed);
    }

    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.plug.pull();
        self.death.notify_one();
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Takes a step; `false` if it is not to be taken any more.
    ///
    /// # Panics
    /// It goes round in circles.
    pub fn step(&self) -> bool {
        let steps = self.steps.fetch_add(1, Ordering::Relaxed);
        assert!(steps < MOST_STEPS, "it goes round in circles");
        match self.steps_left.load(Ordering::Relaxed) {
            FOR_EVER => {}
            0 => self.die(),
            left => self.steps_left.store(left - 1, Ordering::Relaxed),
        }
        !self.is_dead()
    }

    /// Waits for its death.
    pub async fn death(&self) {
        while !self.is_dead() {
            self.death.notified().await;
        }
    }
}

/// The gateway's end of a link.
pub struct Mortal {
    pub stream: DuplexStream,
    pub life: Arc<Life>,
    pub fate: Arc<Fate>,
}

impl Mortal {
    /// Whether the gateway lives to take this step, on a connection that was not reset.
    fn takes_step(&self) -> io::Result<bool> {
        match self.fate.is_reset() {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(self.life.step()),
        }
    }
}

impl AsyncRead for Mortal {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.takes_step()? {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(task, buffer)
    }
}

impl AsyncWrite for Mortal {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.takes_step()? {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.takes_step()? {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
