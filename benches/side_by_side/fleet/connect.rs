//! How devices come: one after the other, or all at once.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    process,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use socket2::{Domain, Socket, Type};

use super::{Crowd, counts::Counts, device::Device, device::write};
use crate::clock;

/// Devices that share an address of ours: its ports are not enough for any number.
const SHARING: u32 = 4000;

/// Devices that come at once when there is no hurry, and the pause behind them.
const TOGETHER: usize = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// Bytes that the kernel takes of a device that writes without pause; it doubles them.
const BUFFER: usize = 32 << 10;

/// No storm takes longer, unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// Connects and registers all, with pauses.
pub fn calm(crowd: &Crowd, counts: &Counts) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for number in 0..crowd.devices() {
        if number as usize % TOGETHER == TOGETHER - 1 {
            thread::sleep(PAUSE);
        }
        let socket = socket(number)?;
        if crowd.bulk > 1 {
            socket.set_send_buffer_size(BUFFER)?;
        }
        socket.connect(&crowd.address.parse::<SocketAddr>()?.into())?;
        socket.set_nonblocking(true)?;
        let stream = TcpStream::from_std(socket.into());
        ensure!(write(&stream, &registration(number))? > 0, "a device cannot register");
        counts.registered.fetch_add(1, Relaxed);
        devices.push(Device::new(stream));
    }
    Ok(devices)
}

/// Connects all without waiting for any, and registers each as soon as it is connected.
pub fn storm(crowd: &Crowd, counts: &Counts) -> Result<Vec<Device>> {
    let address = crowd.address.parse::<SocketAddr>()?.into();
    let mut storm = Storm { poll: Poll::new()?, devices: Vec::new(), counts };
    let mut events = Events::with_capacity(1024);
    counts.begun.store(clock::now(), Relaxed);
    for number in 0..crowd.devices() {
        let socket = socket(number)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                counts.refused.fetch_add(1, Relaxed);
                continue;
            }
            _ => storm.come(socket.into())?,
        }
        if number % 256 == 0 {
            storm.turn(&mut events, Duration::ZERO)?;
        }
    }
    let begun = Instant::now();
    while storm.is_waiting() && begun.elapsed() < LIMIT {
        storm.turn(&mut events, Duration::from_millis(10))?;
    }
    Ok(storm.devices.into_iter().map(|(_, device)| device).collect())
}

struct Storm<'a> {
    poll: Poll,
    /// Each with the number that it registers with.
    devices: Vec<(u32, Device)>,
    counts: &'a Counts,
}

impl Storm<'_> {
    /// It is on its way. On loopback it mostly has arrived.
    fn come(&mut self, stream: std::net::TcpStream) -> Result<()> {
        let number = self.devices.len() as u32;
        let mut stream = TcpStream::from_std(stream);
        if !self.register(number, &stream)? {
            let token = Token(self.devices.len());
            self.poll.registry().register(&mut stream, token, Interest::WRITABLE)?;
        }
        self.devices.push((number, Device::new(stream)));
        Ok(())
    }

    /// Takes those that have arrived.
    fn turn(&mut self, events: &mut Events, wait: Duration) -> Result<()> {
        self.poll.poll(events, Some(wait))?;
        for event in &*events {
            let (number, device) = &self.devices[event.token().0];
            self.register(*number, &device.stream)?;
        }
        Ok(())
    }

    /// Whether that is settled: it has registered, or is refused.
    fn register(&self, number: u32, stream: &TcpStream) -> Result<bool> {
        match write(stream, &registration(number)) {
            Ok(0) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            Ok(_) => self.counts.registered.fetch_add(1, Relaxed),
            Err(_) => self.counts.refused.fetch_add(1, Relaxed),
        };
        Ok(true)
    }

    fn is_waiting(&self) -> bool {
        let told = self.counts.told();
        told.registered + told.refused < self.devices.len() as u64
    }
}

/// A socket of the address that this device has.
fn socket(number: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    // Another one in each process, or the ports of the last one would have to become free first.
    let [_, _, high, low] = process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 1 + high % 200, low, 1 + (number / SHARING) as u8);
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    Ok(socket)
}

fn registration(number: u32) -> [u8; 22] {
    let mut line = *b"ETUNG:860000000000000\n";
    let mut rest = number;
    for digit in line[6..21].iter_mut().rev().take(9) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line
}
