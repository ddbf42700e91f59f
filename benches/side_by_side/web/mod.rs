//! A stand-in web server in a process of its own. It reads much at once, looks at each line, and
//! acknowledges the last offset of each read, where lines have one. For every contender it does the
//! same.

mod tally;

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::tally::Tally;
pub use self::tally::{Latency, Seen};
use crate::{
    clock,
    line::last_offset,
    process::{self, Process},
};

/// Its name.
pub const ROLE: &str = "web";

/// Bytes taken by one read.
const READ: usize = 256 << 10;

/// What threads share.
struct Shared {
    tally: Mutex<Tally>,
    /// The gateway's links, the ended ones too, and whether it may have any.
    links: Mutex<Option<Vec<TcpStream>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays it until nobody asks any more.
pub fn play() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    process::tell(&json!({ "address": address.to_string() }))?;
    let shared =
        Arc::new(Shared { tally: Mutex::new(Tally::new()?), links: Mutex::new(Some(Vec::new())) });
    let mut serving = Some(listen(listener, &shared));
    for question in process::questions() {
        match question.as_str() {
            "away" => {
                let links = lock(&shared.links).take();
                // It may be gone already; a connection of ours wakes who waits for one.
                links.iter().flatten().for_each(|link| drop(link.shutdown(Shutdown::Both)));
                drop(TcpStream::connect(address));
                let serving = serving.take().context("it is away already")?;
                ensure!(serving.join().is_ok(), "it did not go away");
            }
            "back" => {
                *lock(&shared.links) = Some(Vec::new());
                serving = Some(listen(TcpListener::bind(address)?, &shared));
            }
            "begin" => lock(&shared.tally).begin(),
            _ => {}
        }
        let tally = lock(&shared.tally);
        process::tell(&json!([tally.seen, tally.latency()]))?;
    }
    Ok(())
}

/// Serves all that connect, until there may be no links any more.
fn listen(listener: TcpListener, shared: &Arc<Shared>) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut links = lock(&shared.links);
            let Some(links) = links.as_mut() else { return };
            let Ok(link) = stream.try_clone() else { continue };
            links.push(link);
            let shared = Arc::clone(&shared);
            // A link that breaks has been counted as far as it came.
            thread::spawn(move || serve(stream, &shared.tally));
        }
    })
}

fn serve(mut stream: TcpStream, tally: &Mutex<Tally>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ];
    let mut begun = 0;
    loop {
        let read = stream.read(&mut buffer[begun..])?;
        if read == 0 {
            return Ok(());
        }
        let now = clock::now();
        let filled = begun + read;
        let mut whole = 0;
        let mut tally = lock(tally);
        for feed in memchr::memchr_iter(b'\n', &buffer[begun..filled]) {
            let end = begun + feed;
            tally.take(&buffer[whole..end], now);
            whole = end + 1;
        }
        tally.seen.bytes += read as u64;
        let offset = last_offset(&buffer[..whole]);
        tally.seen.acknowledgements += u64::from(offset.is_some());
        drop(tally);
        if let Some(offset) = offset {
            // In one piece: a gateway would have to read each.
            stream.write_all(format!("{{\"ack\":{offset}}}\n").as_bytes())?;
        }
        buffer.copy_within(whole..filled, 0);
        begun = filled - whole;
        ensure!(begun < READ, "a line is too long");
    }
}

/// One in another process.
pub struct Web {
    process: Process,
    /// Where it listens.
    pub address: String,
}

impl Web {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let mut process = Process::start(ROLE, &Value::Null)?;
        let told = process.answer()?;
        let address = told["address"].as_str().context("its address")?.to_owned();
        address.parse::<SocketAddr>()?;
        Ok(Self { process, address })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has seen so far.
    pub fn seen(&mut self) -> Result<Seen> {
        Ok(self.ask("seen")?.0)
    }

    /// Begins a window for latencies; answers what it has seen before.
    pub fn begin(&mut self) -> Result<Seen> {
        Ok(self.ask("begin")?.0)
    }

    /// What it has seen so far, and the latencies since the window began.
    pub fn window(&mut self) -> Result<(Seen, Latency)> {
        self.ask("seen")
    }

    /// Hangs up, and listens no more.
    pub fn leave(&mut self) -> Result<()> {
        self.ask("away").map(drop)
    }

    /// Listens again, at the same address.
    pub fn come_back(&mut self) -> Result<()> {
        self.ask("back").map(drop)
    }

    fn ask(&mut self, what: &str) -> Result<(Seen, Latency)> {
        Ok(serde_json::from_value(self.process.ask(what)?)?)
    }
}
