//! One size in a process of its own, which does what it is asked for line by line.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use actix_rt::{System, SystemRunner};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tetherd::net::Stream;

use crate::{
    crowd::Device,
    house::House,
    operations::{A_ROUND, A_TURN, Operation, Town},
    valgrind,
};

/// What has come of letting many in.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Grown {
    /// Bytes of memory, without what the process had before.
    pub resident: u64,
    /// Time of a usual turn, and of the longest, with [`A_TURN`] connections in each.
    pub usual_turn: Duration,
    pub longest_turn: Duration,
}

/// The side that asks. The child is killed when this is dropped.
pub struct Child {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// This program as such a child.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(valgrind::ROLE);
        Self::run(command)
    }

    /// The same by another command.
    pub fn run(mut command: Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().context("its input")?;
        let output = BufReader::new(process.stdout.take().context("its output")?);
        Ok(Self { process, input, output })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks, and waits for the answer.
    pub fn ask<T: DeserializeOwned>(&mut self, what: &str) -> Result<T> {
        writeln!(self.input, "{what}").with_context(|| format!("asking for {what}"))?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("{what}: the child has ended"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The side that is asked, to the end of its input.
pub fn play() -> Result<()> {
    let mut player = Player::start()?;
    for line in io::stdin().lines() {
        let line = line?;
        let (word, number) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "grow" => tell(&player.grow(number.parse()?)?)?,
            "streams" => tell(&streams(number.parse()?)?)?,
            "talk" => tell(&player.talk()?)?,
            "deadlines" => tell(&player.system.block_on(player.town.until_deadlines()))?,
            "quiet" => tell(&player.system.block_on(player.town.until_quiet()))?,
            word => {
                let operation = Operation::named(word).with_context(|| line.clone())?;
                tell(&player.round(operation, A_ROUND)?)?;
            }
        }
    }
    Ok(())
}

fn tell(answer: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

struct Player {
    system: SystemRunner,
    town: Town,
    /// Bytes that were resident before anybody came.
    before: u64,
}

impl Player {
    /// The clock stands still while anything is left to do, so that no deadline comes up but where
    /// it is waited for.
    fn start() -> Result<Self> {
        let system = System::with_tokio_rt(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            // A runtime that cannot be made has nobody to tell.
            builder
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap_or_else(|error| panic!("{error}"))
        });
        let town = system.block_on(async { House::start().map(Town::new) })?;
        let mut player = Self { system, town, before: 0 };
        // What is made only once has been made.
        for operation in Operation::AGAIN {
            player.round(operation, A_TURN)?;
        }
        player.before = resident()?;
        Ok(player)
    }

    fn grow(&mut self, sessions: usize) -> Result<Grown> {
        let mut turns = Vec::new();
        for _ in 0..sessions / A_TURN {
            turns.push(self.round(Operation::Open, A_TURN)?);
        }
        turns.sort_unstable();
        let [usual, longest] = [turns.len() / 2, turns.len() - 1].map(|at| turns[at]);
        let resident = resident()?.saturating_sub(self.before);
        Ok(Grown { resident, usual_turn: usual, longest_turn: longest })
    }

    /// Everybody says something; answers the bytes of memory as they are then.
    fn talk(&mut self) -> Result<u64> {
        self.system.block_on(self.town.talk())?;
        Ok(resident()?.saturating_sub(self.before))
    }

    /// Does a round, and answers how long it took.
    fn round(&mut self, operation: Operation, count: usize) -> Result<Duration> {
        let Self { system, town, .. } = self;
        let mut round = town.prepare(operation, count)?;
        let began = Instant::now();
        let mut done = Ok(());
        valgrind::counted_stretch(&mut || done = system.block_on(town.perform(&mut round)));
        let took = began.elapsed();
        done?;
        town.finish(round)?;
        Ok(took)
    }
}

/// The same streams with nobody on either end; answers what they take.
fn streams(count: u32) -> Result<u64> {
    let before = resident()?;
    let mut all: Vec<(Device, Stream)> = Vec::new();
    for number in 0..count {
        let (mut device, socket) = Device::connect(number)?;
        let mut stream = socket.register()?;
        // What a device has said is read, as a session would.
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = stream.poll_read_some(&mut task, &mut [0; 64]);
        device.say(&[0; 64])?;
        let _ = stream.poll_read_some(&mut task, &mut [0; 64]);
        all.push((device, stream));
    }
    let resident = resident()?;
    if all.len() != count as usize {
        bail!("somebody is missing");
    }
    Ok(resident - before)
}

/// Bytes of memory that no file stands behind.
fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}
