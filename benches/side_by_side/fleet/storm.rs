//! Devices that come all at once, or many a second.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use socket2::{SockAddr, Socket};

use super::{
    Crowd,
    connect::{registration, socket},
    counts::Counts,
    device::{Device, write},
    pace::{Pace, SLOT},
};
use crate::clock;

/// Those that come at once before it is looked who has arrived.
const TOGETHER: usize = 256;

/// No storm takes longer, unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// Devices on their way.
pub struct Storm<'a> {
    counts: &'a Counts,
    address: SockAddr,
    /// Those that come a second; 0: as many as can.
    rate: f64,
    poll: Poll,
    events: Events,
    sockets: std::vec::IntoIter<Socket>,
    devices: Vec<Device>,
}

impl<'a> Storm<'a> {
    /// Makes their sockets: what can be done before is no part of it.
    pub fn prepare(crowd: &Crowd, counts: &'a Counts) -> Result<Self> {
        let ready = |number| {
            let socket = socket(number)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let sockets: io::Result<Vec<_>> = (0..crowd.devices()).map(ready).collect();
        Ok(Self {
            counts,
            address: crowd.address.parse::<SocketAddr>()?.into(),
            rate: crowd.rate,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            sockets: sockets?.into_iter(),
            devices: Vec::with_capacity(crowd.devices() as usize),
        })
    }

    /// Connects all without waiting for any, and registers each as soon as it is connected.
    pub fn run(mut self) -> Result<Vec<Device>> {
        let begun = clock::now();
        self.counts.begun.store(begun, Relaxed);
        let mut pace = Pace::new(self.rate, begun);
        while self.sockets.len() > 0 {
            let slot = clock::now();
            let due = if self.rate == 0.0 { TOGETHER } else { pace.due(slot).0 as usize };
            for socket in self.sockets.by_ref().take(due).collect::<Vec<_>>() {
                self.connect(socket)?;
            }
            self.arrive(Duration::ZERO)?;
            if self.rate > 0.0 {
                clock::sleep_until(slot + SLOT.as_nanos() as u64);
            }
        }
        self.counts.came.store(clock::now(), Relaxed);
        let begun = Instant::now();
        while self.is_waiting() && begun.elapsed() < LIMIT {
            self.arrive(Duration::from_millis(10))?;
        }
        Ok(self.devices)
    }

    /// Sends it on its way. On loopback it mostly has arrived with that.
    fn connect(&mut self, socket: Socket) -> Result<()> {
        match socket.connect(&self.address) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                self.counts.refused.fetch_add(1, Relaxed);
                return Ok(());
            }
            _ => {}
        }
        let at = self.devices.len();
        self.devices.push(Device::new(TcpStream::from_std(socket.into())));
        if !self.register(at) {
            let stream = &mut self.devices[at].stream;
            self.poll.registry().register(stream, Token(at), Interest::WRITABLE)?;
        }
        Ok(())
    }

    /// Takes those that have arrived meanwhile.
    fn arrive(&mut self, wait: Duration) -> Result<()> {
        self.poll.poll(&mut self.events, Some(wait))?;
        let arrived: Vec<_> = self.events.iter().map(|event| event.token().0).collect();
        for at in arrived {
            if self.register(at) {
                self.poll.registry().deregister(&mut self.devices[at].stream)?;
            }
        }
        Ok(())
    }

    /// Whether that is settled: it has registered, or is refused.
    fn register(&self, at: usize) -> bool {
        match write(&self.devices[at].stream, &registration(at as u32)) {
            Ok(0) => return false,
            Err(error) if error.kind() == ErrorKind::NotConnected => return false,
            Ok(_) => self.counts.registered.fetch_add(1, Relaxed),
            Err(_) => self.counts.refused.fetch_add(1, Relaxed),
        };
        true
    }

    fn is_waiting(&self) -> bool {
        let told = self.counts.told();
        let settled = told.registered + told.refused;
        settled < self.devices.len() as u64
    }
}
