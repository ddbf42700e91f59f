//! How devices come when there is no hurry.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    process,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use mio::net::TcpStream;
use socket2::{Domain, Socket, Type};

use super::{Crowd, counts::Counts, device::Device, device::write};

/// Devices that share an address of ours: its ports are not enough for any number.
const SHARING: u32 = 4000;

/// Devices that come at once when there is no hurry, and the pause behind them.
const TOGETHER: usize = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// Bytes that the kernel takes of a device that writes without pause; it doubles them.
const BUFFER: usize = 32 << 10;

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

/// A socket of the address that this device has.
pub fn socket(number: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    // Another one in each process, or the ports of the last one would have to become free first.
    let [_, _, high, low] = process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 1 + high % 200, low, 1 + (number / SHARING) as u8);
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    Ok(socket)
}

/// What it says first.
pub fn registration(number: u32) -> [u8; 22] {
    let mut line = *b"ETUNG:860000000000000\n";
    let mut rest = number;
    for digit in line[6..21].iter_mut().rev().take(9) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line
}
