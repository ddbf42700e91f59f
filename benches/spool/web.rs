//! A stand-in web server that only reads, counts lines, and acknowledges what has an offset. For
//! every subject it does the same work.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    line::last_offset,
    process::{self, Process},
};

/// Its name.
pub const ROLE: &str = "web";

/// Bytes taken by one read.
const READ: usize = 256 << 10;

#[derive(Debug, Default)]
struct Counts {
    lines: AtomicU64,
    bytes: AtomicU64,
    acknowledgements: AtomicU64,
}

/// Plays it until nobody asks any more.
pub fn play() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    process::tell(&json!({ "address": listener.local_addr()?.to_string() }))?;
    let counts = Arc::<Counts>::default();
    let counted = Arc::clone(&counts);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counts = Arc::clone(&counted);
            // A connection that breaks has been counted as far as it came.
            thread::spawn(move || serve(stream, &counts));
        }
    });
    for _ in process::questions() {
        process::tell(&json!({
            "lines": counts.lines.load(Relaxed),
            "bytes": counts.bytes.load(Relaxed),
            "acknowledgements": counts.acknowledgements.load(Relaxed),
        }))?;
    }
    Ok(())
}

fn serve(mut stream: TcpStream, counts: &Counts) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ];
    let mut begun = 0;
    loop {
        let read = stream.read(&mut buffer[begun..])?;
        if read == 0 {
            return Ok(());
        }
        let filled = begun + read;
        let lines = memchr::memchr_iter(b'\n', &buffer[begun..filled]).count();
        counts.lines.fetch_add(lines as u64, Relaxed);
        counts.bytes.fetch_add(read as u64, Relaxed);
        let whole = memchr::memrchr(b'\n', &buffer[..filled]).map_or(0, |at| at + 1);
        if let Some(offset) = last_offset(&buffer[..whole]) {
            writeln!(stream, "{{\"ack\":{offset}}}")?;
            counts.acknowledgements.fetch_add(1, Relaxed);
        }
        buffer.copy_within(whole..filled, 0);
        begun = filled - whole;
        anyhow::ensure!(begun < READ, "a line is too long");
    }
}

/// One in another process.
pub struct Web {
    process: Process,
    /// Where it listens.
    pub address: String,
}

/// What it has seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// Acknowledgements that it sent.
    pub acknowledgements: u64,
}

impl Web {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let mut process = Process::start(ROLE, &Value::Null)?;
        let told = process.answer()?;
        let address = told["address"].as_str().context("its address")?.to_owned();
        Ok(Self { process, address })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks what it has seen.
    pub fn seen(&mut self) -> Result<Seen> {
        let told = self.process.ask("seen")?;
        let number = |key: &str| told[key].as_u64().with_context(|| key.to_owned());
        Ok(Seen {
            lines: number("lines")?,
            bytes: number("bytes")?,
            acknowledgements: number("acknowledgements")?,
        })
    }
}
