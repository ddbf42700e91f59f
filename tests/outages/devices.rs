//! Devices that come back as often as they are cut off, and say numbered messages.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch, task::JoinHandle, time::sleep};

use crate::story::Story;

/// A device, and what it has tried to say.
pub struct Device {
    pub name: String,
    /// By the number of each connection's first message, the number behind its last one.
    said: Arc<Mutex<BTreeMap<u64, u64>>>,
    task: JoinHandle<()>,
}

/// What the web server got of what a device said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    pub messages: u64,
    /// At the ends of its connections.
    pub missing: u64,
}

impl Device {
    /// Connects to `address` for as long as `goes_on`, and leaves in order then.
    pub fn start(number: u64, address: &str, goes_on: watch::Receiver<bool>, seed: u64) -> Self {
        let name = format!("d{number}");
        let said = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let player = Player {
            name: name.clone(),
            address: address.to_owned(),
            said: Arc::clone(&said),
            goes_on,
            dice: StdRng::seed_from_u64(seed ^ (number << 32)),
        };
        Self { name, said, task: tokio::spawn(player.play()) }
    }

    /// The first message of its newest connection.
    pub fn newest(&self) -> Option<u64> {
        self.said.lock().unwrap().last_key_value().map(|(first, _)| *first)
    }

    /// Waits until it has left.
    pub async fn gone(&mut self) {
        (&mut self.task).await.unwrap();
    }

    /// Holds the story against what it has said: each session has the beginning of one connection,
    /// in the order in which they were made. Answers how much there is of it.
    pub fn arrived(&self, story: &Story) -> Arrived {
        let said = self.said.lock().unwrap();
        let mut arrived = Arrived::default();
        let mut before = None;
        let sessions = story.sessions.iter().filter(|((name, _), _)| *name == self.name);
        for (_, bytes) in sessions.filter(|(_, bytes)| !bytes.is_empty()) {
            let first = number(&self.name, bytes);
            assert!(before < Some(first), "{}: {first} after {before:?}", self.name);
            before = Some(first);
            let end = *said.get(&first).unwrap_or_else(|| panic!("{first} begins nothing"));
            let whole = messages(&self.name, first..end);
            assert!(whole.starts_with(bytes), "{}: something is missing behind {first}", self.name);
            arrived.messages += (bytes.len() / message(&self.name, 0).len()) as u64;
        }
        let all: u64 = said.iter().map(|(first, end)| end - first).sum();
        arrived.missing = all - arrived.messages;
        arrived
    }

    /// How much is missing of its newest connection.
    pub fn missing_of_newest(&self, story: &Story) -> u64 {
        let (first, end) =
            self.said.lock().unwrap().last_key_value().map(|(f, e)| (*f, *e)).unwrap();
        let mut sessions = story.sessions.iter().filter(|((name, _), _)| *name == self.name);
        let newest = sessions.rfind(|(_, bytes)| !bytes.is_empty()).unwrap().1;
        assert_eq!(number(&self.name, newest), first, "{}: another connection", self.name);
        end - first - (newest.len() / message(&self.name, 0).len()) as u64
    }
}

/// The messages of these numbers.
pub fn messages(name: &str, numbers: Range<u64>) -> Vec<u8> {
    numbers.flat_map(|number| message(name, number)).collect()
}

/// The message of this number; all of a device's have one length.
pub fn message(name: &str, number: u64) -> Vec<u8> {
    format!("<{name}:{number:09}>").into_bytes()
}

/// The number of the message at the front.
fn number(name: &str, bytes: &[u8]) -> u64 {
    let digits = &bytes[name.len() + 2..name.len() + 11];
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}

struct Player {
    name: String,
    address: String,
    said: Arc<Mutex<BTreeMap<u64, u64>>>,
    goes_on: watch::Receiver<bool>,
    dice: StdRng,
}

impl Player {
    async fn play(mut self) {
        let mut next = 0;
        while *self.goes_on.borrow() {
            // Nobody at home, or cut off: it comes back.
            if self.connection(&mut next).await.is_err() {
                sleep(Duration::from_millis(2)).await;
            }
        }
    }

    async fn connection(&mut self, next: &mut u64) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(format!("ETUNG:{}\r\n", self.name).as_bytes()).await?;
        let first = *next;
        while *self.goes_on.borrow() {
            let mut bytes = Vec::new();
            for _ in 0..self.dice.random_range(1..=20) {
                bytes.extend(message(&self.name, *next));
                *next += 1;
            }
            self.said.lock().unwrap().insert(first, *next);
            tokio::select! {
                written = stream.write_all(&bytes) => written?,
                _ = self.goes_on.wait_for(|goes_on| !goes_on) => {}
            }
            sleep(Duration::from_millis(self.dice.random_range(0..4))).await;
        }
        stream.shutdown().await
    }
}
