use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    ConnectFault, Device, FleetCounters, FleetSnapshot, Gate, Outcome, Script, Speech, Target,
    etung, target,
};

use crate::model::Name;

/// Many devices with one script, in one set of tasks.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// What each of them does.
    pub script: Script,
    /// How many they are.
    pub count: u32,
    /// Who they say they are.
    pub naming: Naming,
    /// Addresses to connect from, in turn; empty: the system chooses. One address has some 28,000
    /// ports for connections to one gateway.
    pub sources: Vec<IpAddr>,
    /// Most connects a second, over all devices; `None`: no limit.
    pub rate: Option<u32>,
    /// Most connects under way at once.
    pub connecting: usize,
    /// Everything random comes from it.
    pub seed: u64,
    /// The protocol that they play, under their names.
    pub speech: Option<Arc<Speech>>,
}

/// Who the devices of a fleet say they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `ETUNG:` and a number each, upwards from `first`, padded to 15 digits.
    Etung {
        /// The first device's number.
        first: u64,
        /// What stands behind the name.
        terminator: Bytes,
    },
    /// A number each, upwards from `first`, of at least so many digits. Nothing is said of it but
    /// what a protocol has said.
    Numbers {
        /// The first device's number.
        first: u64,
        /// Fewest digits.
        digits: usize,
    },
    /// These bytes, all of them.
    Same(Bytes),
    /// Nothing.
    Nameless,
}

impl Naming {
    /// The number of the first device, unless another is asked for.
    pub const FIRST: u64 = 860_000_000_000_001;

    /// The name of the device with this place in the fleet, counted from 0.
    pub fn name(&self, index: u32) -> Option<String> {
        match self {
            Self::Etung { first, .. } => Some(format!("{:015}", first + u64::from(index))),
            Self::Numbers { first, digits } => {
                Some(format!("{:0digits$}", first + u64::from(index)))
            }
            Self::Same(_) | Self::Nameless => None,
        }
    }

    fn registration(&self, index: u32) -> Option<Bytes> {
        match self {
            Self::Etung { terminator, .. } => self.name(index).map(|name| etung(&name, terminator)),
            Self::Same(bytes) => Some(bytes.clone()),
            Self::Numbers { .. } | Self::Nameless => None,
        }
    }
}

impl Default for Naming {
    fn default() -> Self {
        Self::Etung { first: Self::FIRST, terminator: Bytes::from_static(b"\r\n") }
    }
}

/// A fleet at its end.
#[derive(Debug)]
pub struct FleetSummary {
    /// The counts.
    pub counts: FleetSnapshot,
    /// How each device ended, in the order of their names.
    pub devices: Vec<Outcome>,
    /// How long it all took.
    pub took: Duration,
}

impl Fleet {
    /// `count` devices that play `script`, registering as `860000000000001` and upwards.
    pub fn new(script: Script, count: u32) -> Self {
        Self {
            script,
            count,
            naming: Naming::default(),
            sources: Vec::new(),
            rate: None,
            connecting: 256,
            seed: 0,
            speech: None,
        }
    }

    /// Plays until every device is at its end; when `stop` is cancelled, they end in order. The
    /// host is looked up once, for all. Without an address for it there is no fleet.
    pub async fn run(
        mut self,
        counters: Arc<FleetCounters>,
        stop: CancellationToken,
    ) -> Result<FleetSummary, ConnectFault> {
        let begin = Instant::now();
        if let Some(first) = target::addresses(&self.script.target).await?.first() {
            self.script.target = Target::from(*first);
        }
        let gate = Arc::new(Gate::new(self.connecting, self.rate));
        let script = Arc::new(self.script);
        let mut tasks = JoinSet::new();
        for index in 0..self.count {
            let source = match self.sources.len() {
                0 => script.dialer.source,
                sources => Some(self.sources[index as usize % sources]),
            };
            let mut device = Device::new(script.clone(), self.naming.registration(index))
                .seed(self.seed, u64::from(index))
                .source(source)
                .gate(gate.clone());
            let name = self.naming.name(index).and_then(|name| Name::new(name.as_bytes()).ok());
            if let (Some(speech), Some(name)) = (&self.speech, name) {
                device = device.speech(speech.clone(), name);
            }
            let (counters, stop) = (counters.clone(), stop.clone());
            tasks.spawn(async move {
                let outcome = device.run(stop, |event| counters.count(&event)).await;
                counters.count_done();
                (index, outcome)
            });
        }
        let mut devices = tasks.join_all().await;
        devices.sort_unstable_by_key(|(index, _)| *index);
        Ok(FleetSummary {
            counts: counters.snapshot(),
            devices: devices.into_iter().map(|(_, outcome)| outcome).collect(),
            took: begin.elapsed(),
        })
    }
}

/// Addresses of this machine's loopback for `count` connections to one gateway on it: none while
/// the system's own choice is enough, else one for each ten thousand, from 127.0.1.1 upwards.
pub fn local_sources(count: u32) -> Vec<IpAddr> {
    const EACH: u32 = 10_000;
    if count <= EACH {
        return Vec::new();
    }
    let first = u32::from(Ipv4Addr::new(127, 0, 1, 1));
    let sources = count.div_ceil(EACH).min(1 << 16);
    (0..sources).map(|index| IpAddr::V4(Ipv4Addr::from(first + index))).collect()
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;
    use crate::simulator::{Payload, RunningHash};

    const SOON: Duration = Duration::from_secs(30);

    /// Accepts `count` connections, reads each to its end, and gives what came.
    async fn sink(listener: TcpListener, count: u32) -> Vec<(Vec<u8>, IpAddr)> {
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (mut stream, peer) = listener.accept().await.expect("a connection");
            tasks.spawn(async move {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.expect("FIN and not a reset");
                (all, peer.ip())
            });
        }
        tasks.join_all().await
    }

    #[tokio::test]
    async fn two_hundred_devices_are_counted_to_the_last_byte() {
        const COUNT: u32 = 200;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut script = Script::new(listener.local_addr().expect("its address").into());
        script.payload = Payload::Text(20);
        script.messages = Some(3);
        script.every = Duration::from_millis(5);
        script.stay = true;
        let mut fleet = Fleet::new(script, COUNT);
        let sources: [IpAddr; 2] =
            ["127.0.7.1".parse().expect("ip"), "127.0.7.2".parse().expect("ip")];
        fleet.sources = sources.to_vec();
        let (counters, stop) = (Arc::new(FleetCounters::default()), CancellationToken::new());
        let sink = tokio::spawn(sink(listener, COUNT));
        let run = tokio::spawn(fleet.run(counters.clone(), stop.clone()));
        let up = counters.wait_until(SOON, |counts| counts.messages == 3 * u64::from(COUNT)).await;
        let up = up.expect("all messages are sent");
        let expected = FleetSnapshot {
            connected: 200,
            connects: 200,
            registered: 200,
            messages: 600,
            sent_bytes: 200 * (23 + 60),
            ..FleetSnapshot::default()
        };
        assert_eq!(up, expected);
        stop.cancel();
        let summary = run.await.expect("no panic").expect("an address");
        assert_eq!(summary.counts, FleetSnapshot { connected: 0, done: 200, ..expected });
        let mut told: Vec<_> = sink.await.expect("no panic");
        told.sort_unstable();
        for (index, ((all, from), outcome)) in told.iter().zip(&summary.devices).enumerate() {
            assert_eq!(*from, sources[index % 2]);
            let (registration, rest) = all.split_at(23);
            assert_eq!(
                registration,
                format!("ETUNG:{:015}\r\n", 860_000_000_000_001 + index as u64).as_bytes()
            );
            assert_eq!(RunningHash::of(rest), outcome.tally.hash);
        }
    }

    #[tokio::test]
    async fn a_gateway_that_is_not_there_is_counted_for_each_device() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let script = Script::new(listener.local_addr().expect("its address").into());
        drop(listener);
        let counters = Arc::new(FleetCounters::default());
        let run = Fleet::new(script, 5).run(counters, CancellationToken::new());
        let summary = run.await.expect("an address");
        assert_eq!((summary.counts.failed_connects, summary.counts.done), (5, 5));
    }

    #[test]
    fn names_count_upwards_and_have_fifteen_digits() {
        let naming = Naming::default();
        assert_eq!(naming.name(0).as_deref(), Some("860000000000001"));
        assert_eq!(naming.name(14_999).as_deref(), Some("860000000015000"));
        let small = Naming::Etung { first: 7, terminator: Bytes::new() };
        assert_eq!(small.registration(0), Some(Bytes::from_static(b"ETUNG:000000000000007")));
        assert_eq!(Naming::Nameless.registration(0), None);
    }

    #[test]
    fn large_fleets_get_several_addresses() {
        assert!(local_sources(10_000).is_empty());
        assert_eq!(local_sources(15_000).len(), 2);
        assert_eq!(local_sources(15_000)[1], IpAddr::V4(Ipv4Addr::new(127, 0, 1, 2)));
    }
}
