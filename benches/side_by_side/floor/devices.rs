//! All devices: they are accepted, and read with one buffer.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read},
    net::SocketAddr,
    time::SystemTime,
};

use mio::{Interest, Registry, Token, net::TcpListener};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use super::{device::Device, lines::Lines};

/// Bytes taken by one read, and the most that one device has of a turn.
const READ: usize = 64 << 10;

/// Who is connected. The keys are what the kernel's events bear.
pub struct Devices {
    listener: TcpListener,
    devices: Slab<Device>,
    /// Those that have more for us than they had of their turn.
    left: VecDeque<usize>,
    buffer: Box<[u8; READ]>,
    next_session: u64,
}

impl Devices {
    /// Listens for them.
    pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self {
            listener: TcpListener::from_std(socket.into()),
            devices: Slab::new(),
            left: VecDeque::new(),
            buffer: Box::new([0; READ]),
            next_session: now.as_micros() as u64,
        })
    }

    /// Where they connect.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is to be watched.
    pub fn listener(&mut self) -> &mut TcpListener {
        &mut self.listener
    }

    /// Takes in all who wait at the door.
    pub fn accept(&mut self, registry: &Registry) -> io::Result<()> {
        loop {
            let (mut stream, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(fault) => match fault.kind() {
                    ErrorKind::WouldBlock => return Ok(()),
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => continue,
                    _ => return Err(fault),
                },
            };
            let entry = self.devices.vacant_entry();
            registry.register(&mut stream, Token(entry.key()), Interest::READABLE)?;
            entry.insert(Device::new(stream, peer, self.next_session));
            self.next_session += 1;
        }
    }

    /// How many wait for a later turn.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// The next of those that wait.
    pub fn next_left(&mut self) -> Option<usize> {
        let key = self.left.pop_front()?;
        self.devices.get_mut(key)?.is_left = false;
        Some(key)
    }

    /// Lets a device wait for a later turn.
    pub fn leave(&mut self, key: usize) {
        let Some(device) = self.devices.get_mut(key).filter(|device| !device.is_left) else {
            return;
        };
        device.is_left = true;
        self.left.push_back(key);
    }

    /// Something is there to be read. `false`: it is known already, and will be.
    pub fn happened(&mut self, key: usize, hung_up: bool) -> bool {
        let Some(device) = self.devices.get_mut(key) else {
            return false;
        };
        device.hung_up |= hung_up;
        !device.is_left
    }

    /// Reads a device once.
    pub fn read(&mut self, key: usize, lines: &mut Lines) {
        let connections = self.devices.len();
        let Some(device) = self.devices.get_mut(key) else {
            return;
        };
        match device.stream.read(&mut self.buffer[..]) {
            Ok(0) => self.end(key, None, lines),
            Ok(count) => {
                let go_on = device.take(&self.buffer[..count], connections, lines);
                // A short read has left nothing, unless the end is behind it.
                let more = count == READ || device.hung_up;
                match (go_on, more) {
                    (false, _) => self.end(key, None, lines),
                    (true, true) => self.leave(key),
                    (true, false) => {}
                }
            }
            Err(fault) => match fault.kind() {
                ErrorKind::WouldBlock => {}
                ErrorKind::Interrupted => self.leave(key),
                _ => self.end(key, Some(&fault), lines),
            },
        }
    }

    fn end(&mut self, key: usize, fault: Option<&io::Error>, lines: &mut Lines) {
        let device = self.devices.remove(key);
        device.ended(fault, self.devices.len(), lines);
    }
}
