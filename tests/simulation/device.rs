//! Devices: they come, say who they are, send, leave in one way or another, and come again.

use std::{rc::Rc, time::Duration};

use tetherd::{
    messages::DeviceArrived,
    model::Peer,
    net::{Accepted, Socket},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{dice::Dice, world::World};

/// A device gives up if its bytes are not taken for so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The byte at this place of what a connection's device says.
pub fn pattern(serial: u64, place: u64) -> u8 {
    b'a' + ((serial * 7 + place * 3 + place / 26) % 26) as u8
}

/// What a device knows of one of its connections.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Bytes of its registration that were taken from it.
    pub registration: u64,
    /// Bytes behind that.
    pub data: u64,
    /// It said all that it wanted to, and closed its side.
    pub finished: bool,
    /// It has a name, has said it whole, and nobody else claims it.
    pub alone: bool,
}

/// How one connection goes.
struct Part {
    name: Option<String>,
    alone: bool,
    messages: u64,
    largest: u64,
    pauses: u64,
    in_pieces: bool,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    /// FIN, and it reads until the other side has finished as well.
    Finish,
    Destroy,
    /// It stays until it is told to go, or for a while.
    Stay,
}

impl Part {
    fn draw(dice: &mut Dice, name: Option<String>) -> Self {
        Self {
            name,
            alone: false,
            messages: dice.between(0..=8),
            largest: if dice.chance(5) { 8 << 10 } else { 300 },
            pauses: 1 << dice.between(0..=10),
            in_pieces: dice.chance(20),
            ending: match dice.between(0..=9) {
                0..=4 => Ending::Finish,
                5..=7 => Ending::Destroy,
                _ => Ending::Stay,
            },
        }
    }
}

/// One device, until the world heals.
pub async fn live(world: Rc<World>, number: u64, mut dice: Dice) {
    let mut connections = JoinSet::new();
    while !world.is_healing() {
        sleep(dice.millis(0..=800)).await;
        let name = (!dice.chance(10)).then(|| format!("dev-{number}"));
        let part = Part::draw(&mut dice, name);
        connections.spawn_local(talk(Rc::clone(&world), part, dice.fork()));
        // Some are back before their last connection is over.
        if connections.len() == 2 || dice.chance(80) {
            connections.join_next().await;
        }
    }
    while connections.join_next().await.is_some() {}
}

/// The last device, when all is well: it must be heard.
pub async fn last_word(world: Rc<World>, mut dice: Dice) {
    let mut part = Part::draw(&mut dice, Some("the-last".to_owned()));
    part.messages += 1;
    part.alone = true;
    part.pauses = 1;
    part.ending = Ending::Finish;
    talk(world, part, dice).await;
}

async fn talk(world: Rc<World>, part: Part, mut dice: Dice) {
    let Some(door) = world.door() else { return };
    let serial = world.next_serial();
    let (stream, other) = duplex(1 << dice.between(4..=14));
    let accepted = Accepted { socket: Socket::Memory(other), peer: Peer::Memory(serial) };
    if door.try_send(DeviceArrived(accepted)).is_err() {
        return;
    }
    let mut line = Line { world, serial, stream };
    line.note(|_| ());
    line.converse(&part, &mut dice).await;
}

/// The device's end of a connection.
struct Line {
    world: Rc<World>,
    serial: u64,
    stream: DuplexStream,
}

impl Line {
    async fn converse(&mut self, part: &Part, dice: &mut Dice) -> Option<()> {
        if let Some(name) = &part.name {
            let registration = format!("ETUNG:{name}\r\n").into_bytes();
            let piece = if part.in_pieces { dice.between(1..=9) as usize } else { 64 };
            for piece in registration.chunks(piece) {
                self.write(piece, |sent, count| sent.registration += count).await?;
                if part.in_pieces {
                    self.wait(dice.millis(0..=100)).await?;
                }
            }
        }
        for _ in 0..part.messages {
            let length = dice.magnitude(part.largest).max(1);
            self.say(length).await?;
            self.wait(dice.millis(0..=part.pauses)).await?;
        }
        self.end(part, dice).await
    }

    /// Says the next bytes.
    async fn say(&mut self, length: u64) -> Option<()> {
        let from = self.world.sent(self.serial).data;
        let bytes: Vec<u8> = (from..from + length).map(|at| pattern(self.serial, at)).collect();
        self.write(&bytes, |sent, count| sent.data += count).await
    }

    /// Writes all of it, and notes each byte that was taken; `None` when the line is dead.
    async fn write(&mut self, mut bytes: &[u8], note: impl Fn(&mut Sent, u64)) -> Option<()> {
        while !bytes.is_empty() {
            let count = timeout(PATIENCE, self.stream.write(bytes)).await.ok()?.ok()?;
            self.note(|sent| note(sent, count as u64));
            bytes = &bytes[count..];
        }
        Some(())
    }

    /// Waits; `None` if the other side has ended meanwhile.
    async fn wait(&mut self, pause: Duration) -> Option<()> {
        match timeout(pause, self.stream.read(&mut [0; 16])).await {
            Ok(_ended) => None,
            Err(_elapsed) => Some(()),
        }
    }

    async fn end(&mut self, part: &Part, dice: &mut Dice) -> Option<()> {
        match part.ending {
            Ending::Stay => {
                self.wait(dice.millis(0..=8000)).await;
                return None;
            }
            Ending::Destroy => {}
            Ending::Finish => self.stream.shutdown().await.ok()?,
        }
        let alone = part.alone;
        self.note(|sent| {
            sent.finished = true;
            sent.alone = alone;
        });
        if matches!(part.ending, Ending::Finish) {
            self.wait(PATIENCE).await;
        }
        Some(())
    }

    fn note(&self, note: impl FnOnce(&mut Sent)) {
        self.world.note(self.serial, note);
    }
}
