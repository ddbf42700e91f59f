//! One size in a process of its own, which does what it is asked for line by line.

use std::{process::id, time::Duration};

use actix_rt::{System, SystemRunner};
use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tetherd::net::{Connection, Readiness};
use tokio::time::sleep;

use crate::{
    common::{process, usage, valgrind},
    crowd::Device,
    house::House,
    operations::{A_ROUND, A_TURN, APART, MESSAGE, Operation, Town},
};

/// The role of a child that tells times.
pub const TIMED: &str = "timed";

/// The role of one under callgrind. It must not ask for the time: where the processor time is read
/// (rustix), the kernel's own code in the process is looked for, which valgrind hides.
pub const COUNTED: &str = "counted";

/// Does what is asked, to the end of the input.
pub fn play(role: &str) -> Result<()> {
    let mut player = Player::start(role == TIMED)?;
    for question in process::questions() {
        let (word, number) = question.split_once(' ').unwrap_or((&question, "0"));
        let number: usize = number.parse()?;
        let answer = match word {
            "streams" => json!(player.streams(number)?),
            "grow" => {
                let mut turns = player.grow(number)?;
                turns.sort_unstable_by(f64::total_cmp);
                json!({ "usual": turns[turns.len() / 2], "longest": turns[turns.len() - 1] })
            }
            "talk" => json!(player.system.block_on(player.town.talk())?),
            "deadlines" => json!(player.system.block_on(player.town.until_deadlines())),
            "quiet" => json!(player.system.block_on(player.town.until_quiet())),
            "come-back" => json!(player.come_back()?),
            "resident" => json!(resident()?.saturating_sub(player.before)),
            word => {
                let operation = Operation::named(word).with_context(|| question.clone())?;
                json!(player.round(operation, A_ROUND)? / A_ROUND as f64)
            }
        };
        process::tell(&answer)?;
    }
    Ok(())
}

struct Player {
    system: SystemRunner,
    town: Town,
    /// Bytes that were resident before anybody came.
    before: u64,
    is_timed: bool,
}

impl Player {
    /// The clock stands still while anything is left to do, so that no deadline comes up but where
    /// it is waited for.
    fn start(is_timed: bool) -> Result<Self> {
        let system = System::with_tokio_rt(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            // Whoever asked for it is told that this child has ended.
            builder
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap_or_else(|fault| panic!("{fault}"))
        });
        let town = system.block_on(async { House::start().map(Town::new) })?;
        let mut player = Self { system, town, before: 0, is_timed };
        // What is made only once has been made.
        for operation in Operation::AGAIN {
            player.round(operation, A_TURN)?;
        }
        player.before = resident()?;
        Ok(player)
    }

    /// Lets so many sessions in; answers the microseconds of each turn.
    fn grow(&mut self, sessions: usize) -> Result<Vec<f64>> {
        let mut turns = Vec::new();
        for turn in 0..sessions / A_TURN {
            turns.push(self.round(Operation::Open, A_TURN)?);
            // Enough for all rounds in which deadlines are measured.
            if turn < 8 * A_ROUND / A_TURN {
                self.system.block_on(async { sleep(APART).await });
            }
        }
        Ok(turns)
    }

    /// Everybody goes once, and somebody else comes.
    fn come_back(&mut self) -> Result<()> {
        for _ in 0..self.town.house.sessions() / A_ROUND {
            self.round(Operation::Close, A_ROUND)?;
            self.round(Operation::Open, A_ROUND)?;
        }
        Ok(())
    }

    /// Does a round; answers the microseconds of processor time that it took.
    fn round(&mut self, operation: Operation, count: usize) -> Result<f64> {
        let mut round = self.town.prepare(operation, count)?;
        let began = self.processor_time();
        let (mut done, Self { system, town, .. }) = (Ok(()), &mut *self);
        valgrind::counted_stretch(&mut || done = system.block_on(town.perform(&mut round)));
        let took = self.processor_time().saturating_sub(began);
        done?;
        self.town.finish(round)?;
        Ok(took.as_secs_f64() * 1e6)
    }

    /// Of this thread: what others do meanwhile on the machine is not in it.
    fn processor_time(&self) -> Duration {
        if !self.is_timed {
            return Duration::ZERO;
        }
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// The same streams with nobody at either end; answers what they take.
    fn streams(&self, count: usize) -> Result<u64> {
        let before = resident()?;
        let readiness = self.system.block_on(async { Readiness::new() })?;
        let mut all: Vec<(Device, Connection)> = Vec::new();
        for number in 0..count as u32 {
            let (mut device, socket) = Device::connect(number)?;
            let mut stream = Connection::new(socket, &readiness, u64::from(number))?;
            // What a device has said is read, as a session would.
            let _ = stream.poll_read_some(&mut [0; 64]);
            device.say(&MESSAGE)?;
            let _ = stream.poll_read_some(&mut [0; 64]);
            all.push((device, stream));
        }
        let taken = resident()? - before;
        ensure!(all.len() == count, "somebody is missing");
        Ok(taken)
    }
}

/// Bytes of memory that no file stands behind.
fn resident() -> Result<u64> {
    Ok(usage::kib(id(), "RssAnon")? << 10)
}
