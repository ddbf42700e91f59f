//! The devices: the far ends of streams in memory, which do nothing by themselves.

use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use anyhow::{Result, bail};
use tetherd::{
    messages::DeviceArrived,
    model::Peer,
    net::{Accepted, Socket},
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// Bytes that a stream holds at most, each way.
const PIPE: usize = 256;

/// The far end of a connection.
pub struct Device {
    far: DuplexStream,
    number: u32,
}

impl Device {
    /// The device with this number, and the near end of its stream. It has said who it is already,
    /// as a device that connects does at once.
    pub fn connect(number: u32) -> Result<(Self, Socket)> {
        let (far, near) = duplex(PIPE);
        let mut device = Self { far, number };
        device.say(format!("ETUNG:{}\r\n", device.name()).as_bytes())?;
        Ok((device, Socket::Memory(near)))
    }

    /// Its name, an IMEI.
    pub fn name(&self) -> String {
        format!("{:015}", 860_000_000_000_000 + u64::from(self.number))
    }

    /// The message that it has arrived, from an address of its own.
    pub fn arrival(&self, socket: Socket) -> DeviceArrived {
        let [_, a, b, c] = self.number.to_be_bytes();
        let port = 32_768 + (self.number % 28_000) as u16;
        let address = SocketAddr::new(Ipv4Addr::new(10, a, b, c).into(), port);
        DeviceArrived(Accepted { socket, peer: Peer::ip(address) })
    }

    /// Sends `bytes`, which its stream has room for.
    pub fn say(&mut self, bytes: &[u8]) -> Result<()> {
        let mut task = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.far).poll_write(&mut task, bytes) {
            Poll::Ready(Ok(count)) if count == bytes.len() => Ok(()),
            other => bail!("{} cannot send: {other:?}", self.name()),
        }
    }

    /// How many bytes have come for it.
    pub fn hear(&mut self) -> usize {
        let (mut bytes, mut task) = ([0; PIPE], Context::from_waker(Waker::noop()));
        let mut buffer = ReadBuf::new(&mut bytes);
        let _ = Pin::new(&mut self.far).poll_read(&mut task, &mut buffer);
        buffer.filled().len()
    }
}
