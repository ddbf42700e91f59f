//! One device: a connection, and what it has begun to write.

use std::{
    io::{self, ErrorKind, Read, Write},
    rc::Rc,
};

use mio::net::TcpStream;

/// The connection of a device. It never blocks.
pub struct Device {
    pub stream: TcpStream,
    /// What is left of a message that did not fit.
    rest: Vec<u8>,
}

impl Device {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, rest: Vec::new() }
    }

    /// Writes a message; answers how many are whole now, with what was left of the one before, or
    /// `None` if that does not fit and so the message is left out.
    pub fn send(&mut self, message: &[u8]) -> io::Result<Option<u64>> {
        let mut whole = 0;
        if !self.rest.is_empty() {
            let written = write(&self.stream, &self.rest)?;
            self.rest.drain(..written);
            if !self.rest.is_empty() {
                return Ok(None);
            }
            whole = 1;
        }
        let written = write(&self.stream, message)?;
        self.rest.extend_from_slice(&message[written..]);
        Ok(Some(whole + u64::from(self.rest.is_empty())))
    }

    /// Whether the other side has hung up.
    pub fn has_lost(&mut self) -> bool {
        match self.stream.read(&mut [0; 64]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// How much of it fits now.
pub fn write(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

/// The same lines over and over.
#[derive(Clone, Debug)]
pub struct Stock {
    lines: Rc<[u8]>,
    /// Bytes of a line.
    line: usize,
    at: usize,
}

impl Stock {
    /// So many of this line.
    pub fn new(line: &[u8], count: usize) -> Self {
        Self { lines: line.repeat(count).into(), line: line.len(), at: 0 }
    }

    /// Writes what is left of it, at most so many bytes; answers how many lines are whole with that,
    /// and whether all of it fitted.
    pub fn write(&mut self, stream: &TcpStream, most: usize) -> io::Result<(u64, bool)> {
        let piece = &self.lines[self.at..];
        let piece = &piece[..most.min(piece.len())];
        let written = write(stream, piece)?;
        let end = self.at + written;
        let whole = end / self.line - self.at / self.line;
        let is_all = written == piece.len();
        self.at = end % self.lines.len();
        Ok((whole as u64, is_all))
    }
}
