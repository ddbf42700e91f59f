use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{
    Device, Ending, FleetCounters, FleetSnapshot, Naming, Pace, Payload, Reconnect, Script, Target,
    dice::Dice, etung,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Plays a lively mix of `count` devices against the gateway at `target` until `stop`, and gives
/// their sums.
///
/// Each twelve of them have the same parts. Nine send about every two seconds: five just that, one
/// with its registration in pieces, one byte by byte, one that resets after a few messages, one
/// that half-closes with last words. One has registered and is silent. One comes back under its
/// name while its old connection is still up. One never says who it is. Those that end come back
/// after a pause. Named ones have the names from 860000000000001 upwards.
pub async fn scene(
    target: Target,
    count: u32,
    seed: u64,
    stop: CancellationToken,
) -> FleetSnapshot {
    let cast = Cast { target, seed, stop, counters: Arc::default() };
    let mut tasks = JoinSet::new();
    for index in 0..u64::from(count) {
        match index % PARTS {
            TAKES_OVER => tasks.spawn(cast.clone().take_over(index)),
            part => tasks.spawn(cast.clone().again(index, move |script| play(part, script))),
        };
    }
    tasks.join_all().await;
    cast.counters.snapshot()
}

/// How many parts there are.
const PARTS: u64 = 12;
/// The part of the one that comes back before it has left.
const TAKES_OVER: u64 = 10;
/// The part of the one that never says who it is.
const NAMELESS: u64 = 11;

/// What the others' parts are.
fn play(part: u64, script: &mut Script) {
    match part {
        5 => {
            script.pace = Pace::Pieces(150 * MILLI);
            script.payload = Payload::Counter("in pieces".to_owned());
            script.duration = Some(8 * SECOND);
        }
        6 => {
            script.pace = Pace::Slow(200 * MILLI);
            script.payload = Payload::Fixed(Bytes::from_static(b"ok"));
            script.duration = Some(20 * SECOND);
        }
        7 => {
            script.payload = Payload::Bytes(12);
            script.messages = Some(4);
            script.ending = Ending::Reset;
        }
        8 => {
            script.payload = Payload::Counter("level".to_owned());
            script.messages = Some(6);
            script.last_words = Bytes::from_static(b"bye");
            script.ending = Ending::HalfClose;
        }
        9 => script.payload = Payload::Nothing,
        NAMELESS => {
            script.payload = Payload::Fixed(Bytes::from_static(b"who am I?\r\n"));
            script.every = 3 * SECOND;
        }
        _ => script.reconnect = Some(Reconnect { initial: SECOND / 5, max: 5 * SECOND }),
    }
}

/// What all who play share.
#[derive(Clone)]
struct Cast {
    target: Target,
    seed: u64,
    stop: CancellationToken,
    counters: Arc<FleetCounters>,
}

impl Cast {
    fn script(&self) -> Script {
        let mut script = Script::new(self.target.clone());
        script.payload = Payload::Counter("reading".to_owned());
        script.every = 2 * SECOND;
        script.jitter = 600 * MILLI;
        script
    }

    fn registration(index: u64) -> Option<Bytes> {
        let name = format!("{:015}", Naming::FIRST + index);
        (index % PARTS != NAMELESS).then(|| etung(&name, b"\r\n"))
    }

    /// Waits between `least` and twice that; `false` if it is over.
    async fn pause(&self, dice: &mut Dice, least: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = time::sleep(least + dice.up_to(least)) => true,
        }
    }

    async fn once(&self, script: Arc<Script>, index: u64, round: u64) {
        let counters = &self.counters;
        let device = Device::new(script, Self::registration(index));
        let device = device.seed(self.seed ^ (round << 32), index);
        device.run(self.stop.clone(), |event| counters.count(&event)).await;
    }

    /// The same device again and again.
    async fn again(self, index: u64, change: impl FnOnce(&mut Script) + Send) {
        let mut script = self.script();
        change(&mut script);
        let script = Arc::new(script);
        let mut dice = Dice::new(self.seed, index);
        for round in 0.. {
            self.once(script.clone(), index, round).await;
            if !self.pause(&mut dice, SECOND).await {
                return;
            }
        }
    }

    /// A device whose network has changed: it is back before the gateway has missed it.
    async fn take_over(self, index: u64) {
        let script = Arc::new(self.script());
        let mut dice = Dice::new(self.seed, index);
        let mut connections = JoinSet::new();
        for round in 0.. {
            // A gateway that lets both stay must not make this a crowd.
            if connections.len() == 2 {
                connections.join_next().await;
            }
            let (cast, script) = (self.clone(), script.clone());
            connections.spawn(async move { cast.once(script, index, round).await });
            if !self.pause(&mut dice, 4 * SECOND).await {
                break;
            }
            while connections.try_join_next().is_some() {}
        }
        connections.join_all().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn all_twelve_come_and_all_leave_when_it_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = Target::from(listener.local_addr().expect("its address"));
        let stop = CancellationToken::new();
        let begins = Arc::new(Mutex::new(Vec::new()));
        let told = begins.clone();
        let gateway = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let told = told.clone();
                tokio::spawn(async move {
                    let mut begin = [0; 9];
                    if stream.read_exact(&mut begin).await.is_ok() {
                        told.lock().expect("no panic").push(begin);
                    }
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                });
            }
        });
        let scene = tokio::spawn(scene(target, 12, 7, stop.clone()));
        let all = async {
            while begins.lock().expect("no panic").len() < 12 {
                time::sleep(10 * MILLI).await;
            }
        };
        time::timeout(10 * SECOND, all).await.expect("all twelve come");
        stop.cancel();
        let sums = time::timeout(10 * SECOND, scene).await.expect("all leave").expect("no panic");
        gateway.abort();
        assert_eq!(sums.connected, 0);
        assert!(sums.connects >= 12 && sums.registered >= 11, "{sums:?}");
        let nameless = begins.lock().expect("no panic").contains(b"who am I?");
        assert!(nameless);
    }
}
