//! The network between the gateway and its web servers: slow, in pieces, at times not there.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tetherd::link::{Dial, Dialling, Link, LinkFault, LinkFaultKind, StreamLink, UpstreamSettings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::{Notify, mpsc},
    task::spawn_local,
    time::sleep,
};

use crate::{
    book::tell,
    dice::Dice,
    life::{Life, Mortal},
    web::Web,
    world::World,
};

/// How one connection between gateway and web server fares.
#[derive(Debug, Default)]
pub struct Fate {
    cut: AtomicBool,
    reset: AtomicBool,
    /// No byte moves to the web server, or to the gateway.
    stalled: [AtomicBool; 2],
    changed: Notify,
}

/// Towards whom bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToWeb,
    ToGateway,
}

impl Fate {
    /// The connection is gone; what was on its way with it. The gateway sees an end, or a reset.
    pub fn cut(&self, reset: bool) {
        self.reset.store(reset, Ordering::Relaxed);
        self.cut.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    pub fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    pub fn stall(&self, way: Way, stalled: bool) {
        self.stalled[way as usize].store(stalled, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn is_stalled(&self, way: Way) -> bool {
        self.stalled[way as usize].load(Ordering::Relaxed)
    }

    async fn until_cut(&self) {
        while !self.is_cut() {
            self.changed.notified().await;
        }
    }

    async fn until_flowing(&self, way: Way) {
        while self.is_stalled(way) {
            self.changed.notified().await;
        }
    }
}

/// How a connection carries bytes.
#[derive(Clone, Copy, Debug)]
struct Pace {
    piece: usize,
    delay: Duration,
}

impl Pace {
    fn draw(dice: &mut Dice) -> Self {
        match dice.between(0..=9) {
            // One byte after the other would take for ever; this is bad enough.
            0 => Self { piece: dice.between(16..=64) as usize, delay: dice.millis(1..=3) },
            1..=4 => Self { piece: dice.between(100..=900) as usize, delay: dice.millis(0..=5) },
            _ => Self { piece: 16 << 10, delay: dice.millis(0..=40) },
        }
    }
}

/// How the gateway reaches its web servers.
pub struct Net {
    pub world: Rc<World>,
    pub life: Arc<Life>,
}

impl Dial for Net {
    fn dial<'a>(&'a self, settings: &'a UpstreamSettings) -> Dialling<'a> {
        Box::pin(self.connect(&settings.address))
    }
}

impl Net {
    async fn connect(&self, address: &str) -> Result<Box<dyn Link>, LinkFault> {
        let web = self.world.web_at(address);
        if !self.life.step() {
            std::future::pending::<()>().await;
        }
        let fault = |kind| Err(LinkFault::new(kind, address, ""));
        sleep(self.world.roll(|dice| dice.millis(0..=20))).await;
        if web.is_unreachable() {
            self.world.book.saw("a link without an answer");
            sleep(tetherd::link::CONNECT_TIMEOUT).await;
            return fault(LinkFaultKind::TimedOut);
        }
        if !web.is_up() {
            self.world.book.saw("a link refused");
            return fault(LinkFaultKind::Refused);
        }
        let fate = Arc::<Fate>::default();
        let capacity = self.world.roll(|dice| dice.between(64..=4096)) as usize;
        let (near, far) = (duplex(capacity), duplex(capacity));
        let wire = Wire { gateway_end: near.1, web_end: far.0, fate: Arc::clone(&fate) };
        // Whatever the gateway spawns dies with it; the network does not.
        let _ = self.world.network.send(Connection { web, wire, stream: far.1 });
        let stream = Mortal { stream: near.0, life: Arc::clone(&self.life), fate };
        Ok(Box::new(StreamLink::new(stream, address, None)))
    }
}

/// A connection that the gateway has made.
pub struct Connection {
    web: Rc<Web>,
    wire: Wire,
    stream: DuplexStream,
}

/// Carries every connection that the gateway makes.
pub async fn carry(world: Rc<World>, mut connections: mpsc::UnboundedReceiver<Connection>) {
    let number = Cell::new(0);
    while let Some(Connection { web, wire, stream }) = connections.recv().await {
        number.set(number.get() + 1);
        let pace = world.roll(Pace::draw);
        tell!(
            world.book,
            "link {} to {}: pieces of {}, {} ms",
            number.get(),
            web.address,
            pace.piece,
            pace.delay.as_millis()
        );
        web.connected(Arc::clone(&wire.fate));
        spawn_local(web.serve(stream));
        wire.carry(pace);
    }
}

/// The wire between the two ends of one connection.
struct Wire {
    gateway_end: DuplexStream,
    web_end: DuplexStream,
    fate: Arc<Fate>,
}

impl Wire {
    fn carry(self, pace: Pace) {
        let (from_gateway, to_gateway) = split(self.gateway_end);
        let (from_web, to_web) = split(self.web_end);
        for (way, from, to) in
            [(Way::ToWeb, from_gateway, to_web), (Way::ToGateway, from_web, to_gateway)]
        {
            let fate = Arc::clone(&self.fate);
            spawn_local(async move {
                tokio::select! {
                    biased;
                    () = fate.until_cut() => {}
                    () = one_way(way, from, to, pace, &fate) => {}
                }
            });
        }
    }
}

/// Carries bytes one way, to the end of the sender or of the receiver.
async fn one_way(
    way: Way,
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    pace: Pace,
    fate: &Fate,
) {
    let mut piece = vec![0; pace.piece];
    loop {
        let read = from.read(&mut piece).await;
        if !pace.delay.is_zero() {
            sleep(pace.delay).await;
        }
        fate.until_flowing(way).await;
        match read {
            Ok(count @ 1..) if to.write_all(&piece[..count]).await.is_ok() => {}
            _ => break,
        }
    }
    // Nobody is left to hear it if this fails.
    let _ = to.shutdown().await;
}
