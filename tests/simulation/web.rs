//! A web server that remembers what it was sent, and is not always well.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    book::tell,
    dice::Dice,
    memory::{Link, Memory},
    network::Fate,
    world::World,
};

/// How a web server is on one link.
#[derive(Clone, Debug)]
struct Mood {
    acknowledges: Acknowledges,
    /// Bytes of one read, and the time that it needs for them.
    reads: usize,
    ponders: Duration,
    /// Dies behind so many lines, without a word about the last.
    dies_after: Option<u64>,
    /// Closes the link behind so many lines.
    leaves_after: Option<u64>,
    /// Says something behind the first line that no web server should.
    says: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Acknowledges {
    EachLine,
    EachRead,
    /// Each read, so many offsets less than it has.
    Behind(u64),
    Never,
}

/// Things that no web server should say. An acknowledgement of what cannot have been sent is one.
const NONSENSE: [&str; 4] =
    ["{\"ack\":9007199254740000}\n", "hello?\n", "{\"ack\":\"1\"}\n", "{\"ack\":3}\n"];

impl Mood {
    fn good() -> Self {
        Self {
            acknowledges: Acknowledges::EachRead,
            reads: 16 << 10,
            ponders: Duration::ZERO,
            dies_after: None,
            leaves_after: None,
            says: None,
        }
    }

    fn draw(dice: &mut Dice) -> Self {
        let acknowledges = match dice.between(0..=9) {
            0..=2 => Acknowledges::EachLine,
            3..=7 => Acknowledges::EachRead,
            8 => Acknowledges::Behind(dice.between(1..=5)),
            _ => Acknowledges::Never,
        };
        let slow = dice.chance(30);
        let mut after = |percent, most| dice.chance(percent).then(|| dice.magnitude(most));
        let (dies_after, leaves_after) = (after(20, 60), after(15, 60));
        Self {
            acknowledges,
            reads: 1 << dice.between(4..=14),
            ponders: if slow { dice.millis(1..=200) } else { Duration::ZERO },
            dies_after,
            leaves_after,
            says: dice.chance(15).then(|| dice.pick(&NONSENSE)),
        }
    }
}

/// Whether it can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Up,
    /// Nobody listens there.
    Down,
    /// No answer ever comes.
    Unreachable,
}

/// One web server, over all its links and lives.
pub struct Web {
    pub address: String,
    pub memory: RefCell<Memory>,
    world: RefCell<std::rc::Weak<World>>,
    standing: Cell<Standing>,
    /// Until it is better.
    returns_at: Cell<Option<Instant>>,
    /// Of its lives; links of an earlier one are closed.
    life: Cell<u64>,
    ended: Notify,
    /// How its last connection fares.
    fate: RefCell<Option<Arc<Fate>>>,
    dice: RefCell<Dice>,
}

impl Web {
    pub fn new(number: usize, dice: Dice) -> Self {
        Self {
            address: format!("web{number}:1"),
            memory: RefCell::default(),
            world: RefCell::default(),
            standing: Cell::new(Standing::Up),
            returns_at: Cell::default(),
            life: Cell::default(),
            ended: Notify::new(),
            fate: RefCell::default(),
            dice: RefCell::new(dice),
        }
    }

    pub fn meet(&self, world: &Rc<World>) {
        *self.world.borrow_mut() = Rc::downgrade(world);
    }

    fn world(&self) -> Rc<World> {
        self.world.borrow().upgrade().unwrap()
    }

    fn standing(&self) -> Standing {
        match self.returns_at.get() {
            Some(at) if Instant::now() < at && !self.world().is_healing() => self.standing.get(),
            _ => Standing::Up,
        }
    }

    pub fn is_up(&self) -> bool {
        self.standing() == Standing::Up
    }

    pub fn is_unreachable(&self) -> bool {
        self.standing() == Standing::Unreachable
    }

    /// Cannot be reached for a while.
    pub fn goes(&self, standing: Standing, within: Duration) {
        tell!(self.world().book, "{} is {standing:?} for {} ms", self.address, within.as_millis());
        self.standing.set(standing);
        self.returns_at.set(Some(Instant::now() + within));
    }

    /// It dies, and with it all that it has not acknowledged; it is back after a while.
    pub fn dies(&self, within: Duration) {
        let forgotten = self.memory.borrow_mut().forget(&mut self.dice.borrow_mut());
        tell!(self.world().book, "{} dies and forgets {forgotten} lines", self.address);
        self.hang_up();
        self.goes(Standing::Down, within);
    }

    /// Closes its links.
    pub fn hang_up(&self) {
        self.life.set(self.life.get() + 1);
        self.ended.notify_waiters();
    }

    /// A connection was made.
    pub fn connected(&self, fate: Arc<Fate>) {
        *self.fate.borrow_mut() = Some(fate);
    }

    /// How its last connection fares.
    pub fn fate(&self) -> Option<Arc<Fate>> {
        self.fate.borrow().clone()
    }

    /// One link to its end.
    pub fn serve(self: Rc<Self>, stream: DuplexStream) -> impl Future<Output = ()> {
        let life = self.life.get();
        let healing = self.world().is_healing();
        let mood = if healing { Mood::good() } else { Mood::draw(&mut self.dice.borrow_mut()) };
        tell!(self.world().book, "{} is in this mood: {mood:?}", self.address);
        async move {
            let link = Link::new(mood.says.is_some());
            let mut talk = Talk { web: &self, mood, link, lines: 0, rest: Vec::new() };
            let ended = async {
                while self.life.get() == life {
                    self.ended.notified().await;
                }
            };
            tokio::select! {
                biased;
                () = ended => {}
                () = talk.run(stream) => {}
            }
        }
    }
}

/// One link of a web server.
struct Talk<'a> {
    web: &'a Web,
    mood: Mood,
    link: Link,
    lines: u64,
    /// The beginning of a line.
    rest: Vec<u8>,
}

impl Talk<'_> {
    async fn run(&mut self, mut stream: DuplexStream) {
        let mut buffer = vec![0; self.mood.reads];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            if !self.mood.ponders.is_zero() && !self.web.world().is_healing() {
                sleep(self.mood.ponders).await;
            }
            self.rest.extend_from_slice(&buffer[..count]);
            let mut answers = String::new();
            if !self.take_lines(&mut answers) || stream.write_all(answers.as_bytes()).await.is_err()
            {
                return;
            }
        }
    }

    /// Takes the whole lines, and adds its answers; `false` when the link is over for it.
    fn take_lines(&mut self, answers: &mut String) -> bool {
        let lines = std::mem::take(&mut self.rest);
        let mut last = None;
        let mut rest = &lines[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if let Some(offset) = self.take(line) {
                last = Some(offset);
                if matches!(self.mood.acknowledges, Acknowledges::EachLine) {
                    self.acknowledge(offset, answers);
                }
            }
            self.lines += 1;
            if self.lines == 1 {
                answers.push_str(self.mood.says.unwrap_or_default());
            }
            if self.mood.dies_after == Some(self.lines) {
                let pause = self.web.dice.borrow_mut().millis(0..=3000);
                self.web.dies(pause);
                return false;
            }
            if self.mood.leaves_after == Some(self.lines) {
                return false;
            }
        }
        self.rest = rest.to_vec();
        if let Some(last) = last {
            match self.mood.acknowledges {
                Acknowledges::EachRead => self.acknowledge(last, answers),
                Acknowledges::Behind(by) => self.acknowledge(last.saturating_sub(by), answers),
                Acknowledges::EachLine | Acknowledges::Never => {}
            }
        }
        true
    }

    fn take(&mut self, line: &[u8]) -> Option<u64> {
        let world = self.web.world();
        let taken = self.web.memory.borrow_mut().take(&mut self.link, line, &world);
        let told = |what| format!("{} was sent {:?}: {what}", self.web.address, lossy(line));
        world.book.check(taken.map_err(told)).flatten()
    }

    /// What is acknowledged is never forgotten; it is noted before anybody hears of it.
    fn acknowledge(&self, offset: u64, answers: &mut String) {
        self.web.memory.borrow_mut().acknowledge(offset);
        answers.push_str(&format!("{{\"ack\":{offset}}}\n"));
    }
}

fn lossy(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned()
}
