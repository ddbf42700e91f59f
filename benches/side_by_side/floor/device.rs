//! One device: what it has sent is cut into lines, the first of which says who it is.

use std::{io, net::SocketAddr};

use mio::net::TcpStream;

use super::lines::{Lines, Sender};

/// What stands before a name.
const PREFIX: &[u8] = b"ETUNG:";

/// Digits of a name.
const NAME: usize = 15;

/// A connection, and who is at its other end.
pub struct Device {
    /// The connection.
    pub stream: TcpStream,
    /// It waits for a later turn.
    pub is_left: bool,
    /// Its end is there to be read, or an error.
    pub hung_up: bool,
    peer: SocketAddr,
    session: u64,
    /// `None` until it has said who it is.
    sender: Option<Sender>,
    /// A line that is not whole yet.
    rest: Vec<u8>,
    received: u64,
    seq: u64,
}

impl Device {
    /// One that has said nothing yet.
    pub fn new(stream: TcpStream, peer: SocketAddr, session: u64) -> Self {
        Self {
            stream,
            is_left: false,
            hung_up: false,
            peer,
            session,
            sender: None,
            rest: Vec::new(),
            received: 0,
            seq: 0,
        }
    }

    /// Takes the next bytes. `false`: they are no registration, and it is to be hung up on.
    pub fn take(&mut self, bytes: &[u8], connections: usize, lines: &mut Lines) -> bool {
        self.received += bytes.len() as u64;
        let mut begun = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[begun..end];
            begun = end + 1;
            let taken = if self.rest.is_empty() {
                self.line(line, connections, lines)
            } else {
                let mut rest = std::mem::take(&mut self.rest);
                rest.extend_from_slice(line);
                self.line(&rest, connections, lines)
            };
            if !taken {
                return false;
            }
        }
        self.rest.extend_from_slice(&bytes[begun..]);
        self.sender.is_some() || self.rest.len() <= PREFIX.len() + NAME
    }

    fn line(&mut self, line: &[u8], connections: usize, lines: &mut Lines) -> bool {
        let Some(sender) = &self.sender else {
            return self.register(line, connections, lines);
        };
        self.seq += 1;
        lines.data(sender, self.seq, connections, line);
        true
    }

    fn register(&mut self, line: &[u8], connections: usize, lines: &mut Lines) -> bool {
        let name = line.strip_prefix(PREFIX).and_then(|name| str::from_utf8(name).ok());
        let Some(name) = name.filter(|name| is_name(name)) else {
            return false;
        };
        let sender = Sender {
            who: format!(r#","imei":"{name}","session":"{:016x}""#, self.session)
                .into_bytes()
                .into(),
            peer: format!(r#","peer":"{}""#, self.peer).into_bytes().into(),
        };
        lines.online(&sender, connections);
        self.sender = Some(sender);
        true
    }

    /// It has gone, and `connections` are left.
    pub fn ended(&self, fault: Option<&io::Error>, connections: usize, lines: &mut Lines) {
        let Some(sender) = &self.sender else { return };
        let reason = match fault.map(io::Error::kind) {
            None => "peer_closed",
            Some(io::ErrorKind::TimedOut) => "timed_out",
            Some(_) => "reset",
        };
        lines.offline(sender, reason, self.received, connections);
    }
}

fn is_name(text: &str) -> bool {
    text.len() == NAME && text.bytes().all(|byte| byte.is_ascii_digit())
}
