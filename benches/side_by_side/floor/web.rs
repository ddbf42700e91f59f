//! The link to the web server.

use std::{
    io::{ErrorKind, Read, Write},
    net,
};

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;

/// Bytes that wait at least before they are written in the middle of a turn: about as much as stays
/// in a processor's cache.
pub const WRITE: usize = 256 << 10;

/// Bytes that may wait before devices are no longer read.
const BEHIND: usize = 4 << 20;

/// Bytes of acknowledgements taken by one read.
const READ: usize = 4096;

/// What begins an acknowledgement.
const ACK: &[u8] = br#"{"ack":"#;

/// The link, and how far the web server has come.
pub struct Web {
    stream: TcpStream,
    /// The kernel takes no more for now.
    full: bool,
    /// How much of what waits has been written.
    written: usize,
    input: Box<[u8; READ]>,
    filled: usize,
    acknowledged: u64,
}

impl Web {
    /// Connects to `address`.
    pub fn dial(address: &str) -> Result<Self> {
        let stream = net::TcpStream::connect(address).with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            full: false,
            written: 0,
            input: Box::new([0; READ]),
            filled: 0,
            acknowledged: 0,
        })
    }

    /// What is to be watched.
    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The kernel takes more again.
    pub fn writable(&mut self) {
        self.full = false;
    }

    /// Whether so much waits that devices have to.
    pub fn is_behind(&self, out: &[u8]) -> bool {
        out.len() - self.written > BEHIND
    }

    /// Writes what waits in `out`, as far as the kernel takes it, and removes it from there.
    pub fn write(&mut self, out: &mut Vec<u8>) -> Result<()> {
        while self.written < out.len() && !self.full {
            match self.stream.write(&out[self.written..]) {
                Ok(count) => self.written += count,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => self.full = true,
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault).context("the link to the web server"),
            }
        }
        // What is left is moved only when it is the smaller part.
        if self.written > out.len() / 2 || self.written == out.len() {
            out.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }

    /// Reads all acknowledgements that are there.
    pub fn read_acknowledgements(&mut self) -> Result<()> {
        loop {
            let room = READ - self.filled;
            ensure!(room > 0, "a line of the web server is too long");
            let count = match self.stream.read(&mut self.input[self.filled..]) {
                Ok(0) => {
                    bail!("the web server has left; it had acknowledged {}", self.acknowledged)
                }
                Ok(count) => count,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(fault) if fault.kind() == ErrorKind::Interrupted => continue,
                Err(fault) => return Err(fault).context("the link to the web server"),
            };
            self.filled += count;
            self.take_lines();
            if count < room {
                return Ok(());
            }
        }
    }

    fn take_lines(&mut self) {
        let mut begun = 0;
        for end in memchr::memchr_iter(b'\n', &self.input[..self.filled]) {
            if let Some(offset) = acknowledged(&self.input[begun..end]) {
                self.acknowledged = self.acknowledged.max(offset);
            }
            begun = end + 1;
        }
        self.input.copy_within(begun..self.filled, 0);
        self.filled -= begun;
    }
}

/// The offset in a line, where it acknowledges one.
fn acknowledged(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(ACK)?.strip_suffix(b"}")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
