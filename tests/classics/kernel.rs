use std::{
    fs,
    net::{IpAddr, SocketAddr},
};

/// What the kernel knows of one end of a connection.
#[derive(Debug)]
pub struct Socket {
    /// Bytes that came and were not read.
    pub unread: usize,
    /// Hundredths of a second until it asks whether the peer is still there; `None` where it will
    /// not.
    pub keepalive_in: Option<u64>,
}

/// The socket at `local` whose peer is at `peer`, IPv4 both.
pub fn socket(local: SocketAddr, peer: SocketAddr) -> Option<Socket> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let (local, peer) = (hex(local), hex(peer));
    let line = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = line.into_iter().find(|fields| fields[1] == local && fields[2] == peer)?;
    let (_, unread) = line[4].split_once(':')?;
    let (timer, due) = line[5].split_once(':')?;
    let keepalive_in = (timer == "02").then(|| u64::from_str_radix(due, 16).unwrap());
    Some(Socket { unread: usize::from_str_radix(unread, 16).ok()?, keepalive_in })
}

/// As the kernel writes an address.
fn hex(address: SocketAddr) -> String {
    let IpAddr::V4(ip) = address.ip() else { panic!("{address} is no IPv4 address") };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port())
}
