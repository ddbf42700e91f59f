//! A network namespace of its own for a test, joined to this machine by a pair of links, so that a
//! peer can vanish without a word. Gone with the value.

use std::{
    fs::File,
    io::{self, Write},
    net::TcpStream,
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::harness::{Dtu, within};

pub struct Netns {
    name: String,
    /// The link on this side; the other one is called the same there.
    link: String,
    /// This side's address.
    pub here: String,
    /// The other side's.
    pub there: String,
}

impl Netns {
    /// `None`, with a word, where namespaces cannot be made; where they are promised, that fails.
    pub fn new() -> Option<Self> {
        match Self::make() {
            Ok(made) => Some(made),
            Err(fault) if promised() => panic!("no network namespace: {fault}"),
            Err(fault) => {
                let mut terminal = io::stderr().lock();
                // With nobody to read it, there is nobody to tell.
                let _ = writeln!(terminal, "passed over, there is no network namespace: {fault}");
                None
            }
        }
    }

    fn make() -> io::Result<Self> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let (process, begun) = (std::process::id(), serial.wrapping_mul(0x1_0001));
        let name = format!("td{process}n{serial}");
        // One of the networks of four addresses in 10.64.0.0/10.
        let network = (process.wrapping_mul(64).wrapping_add(begun) % (1 << 20)) << 2;
        let address = |host: u32| {
            let [_, b, c, d] = (network | host).to_be_bytes();
            format!("10.{}.{c}.{d}", 64 | b)
        };
        let made = Self { link: name.clone(), name, here: address(1), there: address(2) };
        let Self { name, link, here, there } = &made;
        ip(&["netns", "add", name])?;
        let pair = ["link", "add", link, "type", "veth", "peer", "name", link, "netns", name];
        ip(&pair)?;
        ip(&["addr", "add", &format!("{here}/30"), "dev", link])?;
        ip(&["link", "set", link, "up"])?;
        ip(&["-n", name, "addr", "add", &format!("{there}/30"), "dev", link])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        ip(&["-n", name, "link", "set", link, "up"])?;
        Ok(made)
    }

    /// Does something on a thread that lives there; sockets stay where they were made.
    pub fn inside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let path = format!("/var/run/netns/{}", self.name);
        thread::spawn(move || {
            let there = File::open(path).unwrap();
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(there.as_fd(), kind).unwrap();
            work()
        })
    }

    /// A device there, connected to a listener on this side.
    pub async fn connect(&self, address: &str) -> Dtu {
        let address = address.to_owned();
        let connecting = self.inside(move || TcpStream::connect(address));
        let stream = within(actix_rt::task::spawn_blocking(|| connecting.join())).await.unwrap();
        let stream = stream.unwrap().unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        Dtu { stream: tokio::net::TcpStream::from_std(stream).unwrap() }
    }

    /// Its link goes down: what is sent from now on gets nowhere, and nobody is told.
    pub fn cut(&self) {
        ip(&["-n", &self.name, "link", "set", &self.link, "down"]).unwrap();
    }

    /// Its link comes up again.
    pub fn mend(&self) {
        ip(&["-n", &self.name, "link", "set", &self.link, "up"]).unwrap();
    }

    /// It hears, and its answers are swallowed.
    pub fn mute(&self) {
        ip(&["-n", &self.name, "route", "add", "blackhole", &self.here]).unwrap();
    }

    /// Its answers go out again.
    pub fn unmute(&self) {
        ip(&["-n", &self.name, "route", "del", "blackhole", &self.here]).unwrap();
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // One end goes with the other; the namespace itself when its last socket is closed.
        let _ = ip(&["link", "del", &self.link]);
        let _ = ip(&["netns", "del", &self.name]);
    }
}

fn promised() -> bool {
    let needs = std::env::var("TETHERD_TEST_NEEDS").unwrap_or_default();
    needs.split_whitespace().any(|need| need == "netns")
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("ip {}: {said}", arguments.join(" "))))
}

/// What the kernel says in `/proc/net/tcp` of the socket on this side that is connected to `peer`:
/// retransmissions in a row, and probes that stayed unanswered.
pub fn unanswered(peer: std::net::SocketAddr) -> Option<(u32, u32)> {
    let std::net::SocketAddr::V4(peer) = peer else { return None };
    let remote = format!("{:08X}:{:04X}", u32::from_ne_bytes(peer.ip().octets()), peer.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = row.into_iter().find(|row| row.get(2) == Some(&remote.as_str()))?;
    let number = |at: usize| u32::from_str_radix(row[at], 16).unwrap_or(0);
    // sl local remote st tx:rx tr:when retransmits uid probes inode
    Some((number(6), row[8].parse().unwrap_or(0)))
}
