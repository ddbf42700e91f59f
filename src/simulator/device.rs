use std::{io, net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::{sync::mpsc, task::coop, time};
use tokio_util::sync::CancellationToken;

use super::{
    ConnectFault, DeviceEvent, Gate, Outcome, Script, Speech, Stream, Target, Why,
    dice::Dice,
    player::{Player, Step},
    voice::Voice,
};

use crate::model::{Name, UnixMillis};

/// Bytes taken by one read.
const READ: usize = 16 << 10;

/// One device that plays a script.
#[derive(Debug)]
pub struct Device {
    script: Arc<Script>,
    registration: Option<Bytes>,
    source: Option<IpAddr>,
    seed: u64,
    index: u64,
    gate: Option<Arc<Gate>>,
    typed: Option<mpsc::Receiver<Bytes>>,
    speech: Option<(Arc<Speech>, Name)>,
}

impl Device {
    /// A device whose first bytes on each connection are `registration`, exactly.
    pub fn new(script: impl Into<Arc<Script>>, registration: Option<Bytes>) -> Self {
        let script = script.into();
        let source = script.dialer.source;
        Self {
            script,
            registration,
            source,
            seed: 0,
            index: 0,
            gate: None,
            typed: None,
            speech: None,
        }
    }

    /// Everything random comes from `seed`; `index` tells it from others with the same seed.
    pub fn seed(self, seed: u64, index: u64) -> Self {
        Self { seed, index, ..self }
    }

    /// The address it connects from.
    pub fn source(self, source: Option<IpAddr>) -> Self {
        Self { source, ..self }
    }

    /// Where it waits for its turn to connect.
    pub fn gate(self, gate: Arc<Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Bytes that come this way are sent as they are, or as the protocol wants them. When the way ends, a device that sends
    /// nothing of its own ends as well, unless its script says that it stays.
    pub fn typed(self, typed: mpsc::Receiver<Bytes>) -> Self {
        Self { typed: Some(typed), ..self }
    }

    /// It plays a protocol under this name: what it sends is in the protocol's frames, and replies
    /// are compared with what the protocol says.
    pub fn speech(self, speech: Arc<Speech>, name: Name) -> Self {
        Self { speech: Some((speech, name)), ..self }
    }

    /// Plays the script to its end, or until `stop`, and then ends in order. Each event is told to
    /// `tell` as it happens.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        mut tell: impl FnMut(DeviceEvent<'_>),
    ) -> Outcome {
        let mut player = Player::new(self.script.clone(), Dice::new(self.seed, self.index), now());
        if let Some((speech, name)) = self.speech.clone() {
            player.speaks(Voice::new(speech, name, (now(), UnixMillis::now())));
        }
        let mut failures = 0;
        loop {
            let begin = now();
            let why = self.connection(&mut player, &stop, &mut tell).await;
            let pause = self.script.reconnect.filter(|_| !why.own() && !stop.is_cancelled());
            let Some(reconnect) = pause else {
                return Outcome { why, tally: player.tally };
            };
            let held = !matches!(why, Why::Unreachable(_)) && now() - begin >= reconnect.max;
            failures = if held { 0 } else { failures + 1 };
            let pause = player.dice.up_to(reconnect.ceiling(failures.max(1) - 1));
            tell(DeviceEvent::Waiting { pause });
            tokio::select! {
                () = stop.cancelled() => return Outcome { why, tally: player.tally },
                () = time::sleep(pause) => {}
            }
        }
    }

    /// One connection from its making to its end.
    async fn connection(
        &mut self,
        player: &mut Player,
        stop: &CancellationToken,
        tell: &mut impl FnMut(DeviceEvent<'_>),
    ) -> Why {
        let connected = tokio::select! {
            biased;
            () = stop.cancelled() => return Why::Stopped,
            connected = self.connect(tell) => connected,
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(fault) => {
                player.tally.failed_connects += 1;
                tell(DeviceEvent::ConnectFailed { fault: &fault });
                return Why::Unreachable(fault);
            }
        };
        player.connected(self.registration.clone(), now());
        tell(DeviceEvent::Connected { stream: &stream });
        let why = match converse(&stream, player, &mut self.typed, stop, tell).await {
            Ok(Step::Reset) => stream.reset().map_or_else(Why::of, |()| player.take_why()),
            Ok(_) => player.take_why(),
            Err(error) => {
                player.cut_off();
                Why::of(error)
            }
        };
        tell_verdicts(player, tell);
        tell(DeviceEvent::Closed { why: &why });
        why
    }

    async fn connect(
        &self,
        tell: &mut impl FnMut(DeviceEvent<'_>),
    ) -> Result<Stream, ConnectFault> {
        let _turn = match &self.gate {
            Some(gate) => Some(gate.enter().await),
            None => None,
        };
        let target = &self.script.target;
        let addresses = super::target::addresses(target).await?;
        if let Target::Tcp { host, .. } = target
            && host.parse::<IpAddr>().is_err()
        {
            tell(DeviceEvent::LookedUp { host, addresses: &addresses });
        }
        let mut dialer = self.script.dialer.clone();
        dialer.source = self.source;
        dialer.connect(target, &addresses).await
    }
}

/// The clock of the runtime, which a test may hold.
fn now() -> Instant {
    time::Instant::now().into_std()
}

/// Reads, writes and keeps time until the player wants the connection closed or reset.
async fn converse(
    stream: &Stream,
    player: &mut Player,
    typed: &mut Option<mpsc::Receiver<Bytes>>,
    stop: &CancellationToken,
    tell: &mut impl FnMut(DeviceEvent<'_>),
) -> io::Result<Step> {
    let mut stopping = false;
    loop {
        // A socket that always has more would never let the other tasks have their turn.
        coop::consume_budget().await;
        let blocked = write(stream, player, tell)?;
        let (step, idle) = player.step(now());
        if idle {
            tell(DeviceEvent::Idle);
        }
        tell_verdicts(player, tell);
        match step {
            Step::Close | Step::Reset => return Ok(step),
            Step::Finish => stream.finish()?,
            Step::Go => {}
        }
        if !blocked && player.chunk(now()).is_some() {
            continue;
        }
        let wake = player.wake_at();
        tokio::select! {
            biased;
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                player.stop(now());
            }
            ready = stream.readable(), if player.wants_read() => {
                ready?;
                read(stream, player, tell)?;
            }
            ready = stream.writable(), if blocked => ready?,
            bytes = next_typed(typed), if player.wants_typed() => match bytes {
                Some(bytes) => player.typed(bytes, now()),
                None => player.typed_ended(now()),
            },
            () = time::sleep_until(wake.unwrap_or_else(now).into()), if wake.is_some() => {}
        }
    }
}

fn tell_verdicts(player: &mut Player, tell: &mut impl FnMut(DeviceEvent<'_>)) {
    while let Some(verdict) = player.verdict() {
        tell(DeviceEvent::Judged { verdict: &verdict });
    }
}

/// Writes what may leave now; `true` if the socket has no room for it.
fn write(
    stream: &Stream,
    player: &mut Player,
    tell: &mut impl FnMut(DeviceEvent<'_>),
) -> io::Result<bool> {
    while let Some(chunk) = player.chunk(now()) {
        match stream.try_write(chunk) {
            Ok(n) => {
                if let Some((kind, bytes)) = player.written(n, now()) {
                    tell(DeviceEvent::Sent { kind, bytes: &bytes });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn read(
    stream: &Stream,
    player: &mut Player,
    tell: &mut impl FnMut(DeviceEvent<'_>),
) -> io::Result<()> {
    let mut buffer = [0; READ];
    match stream.try_read(&mut buffer) {
        Ok(0) => {
            tell(DeviceEvent::PeerFinished);
            player.peer_finished(now());
        }
        Ok(n) => {
            tell(DeviceEvent::Received { bytes: &buffer[..n] });
            player.received(&buffer[..n], now());
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The next bytes from outside, and their end, once; afterwards never anything.
async fn next_typed(typed: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    let Some(receiver) = typed else { return std::future::pending().await };
    let bytes = receiver.recv().await;
    if bytes.is_none() {
        *typed = None;
    }
    bytes
}
