//! What happens to sessions, some dozens of them in a turn, as a busy moment brings them.

use std::{hint::black_box, time::Duration};

use anyhow::{Result, ensure};
use bytes::Bytes;
use tetherd::{
    actors::ListenerSettings,
    messages::{DeviceArrived, Instruct, Instruction},
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{crowd::Device, house::House};

/// So many sessions are ready in one turn of the thread.
pub const A_TURN: usize = 64;

/// So many operations are measured at a time.
pub const A_ROUND: usize = 1024;

/// What a device says.
pub const MESSAGE: [u8; 64] = [0x55; 64];

/// Deadlines so far from each other do not come up together.
pub const APART: Duration = Duration::from_millis(1024);

/// One thing that happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A connection is let in, its name found, claimed, granted, told as `online`.
    Open,
    /// A name is looked up.
    LookUp,
    /// A message of 64 bytes is read, and becomes an event.
    Data,
    /// A session is found by its name, and eight bytes are written to its device.
    Write,
    /// A deadline comes up that has moved on, and is set anew.
    Deadline,
    /// The device is gone: `offline` is told, the name is free.
    Close,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::LookUp, Self::Data, Self::Write, Self::Close, Self::Deadline];

    /// In the order in which they can be done, again and again; after each round there are as many
    /// sessions as before.
    pub const AGAIN: [Self; 5] = [Self::Open, Self::LookUp, Self::Data, Self::Write, Self::Close];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::LookUp => "look-up",
            Self::Data => "data",
            Self::Write => "write",
            Self::Deadline => "deadline",
            Self::Close => "close",
        }
    }

    /// The operation of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == word)
    }
}

/// A house and all who are connected to it.
pub struct Town {
    pub house: House,
    devices: Vec<Device>,
    born: u32,
    began: Instant,
}

/// What stands ready for one round, so that only the operations themselves are measured.
pub struct Round {
    operation: Operation,
    arrivals: Vec<DeviceArrived>,
    chosen: Vec<Device>,
    names: Vec<String>,
}

impl Town {
    pub fn new(house: House) -> Self {
        Self { house, devices: Vec::new(), born: 0, began: Instant::now() }
    }

    /// Everybody says something, half-way to the moment at which they would count as idle.
    pub async fn talk(&mut self) -> Result<()> {
        sleep_until(self.began + idle_timeout() / 2).await;
        for at in (0..self.devices.len()).step_by(A_TURN) {
            let turn = at..self.devices.len().min(at + A_TURN);
            self.devices[turn.clone()].iter_mut().try_for_each(|device| device.say(&MESSAGE))?;
            self.settle(turn.len()).await?;
        }
        Ok(())
    }

    /// Waits until the first deadlines come up, those of a turn at the same moment. They have moved
    /// on, since everybody has said something meanwhile.
    pub async fn until_deadlines(&self) {
        sleep_until(self.began + idle_timeout()).await;
    }

    /// Waits until these deadlines have come up; the next are far away.
    pub async fn until_quiet(&self) {
        sleep_until(self.began + idle_timeout() + idle_timeout() / 4).await;
    }

    /// Prepares a round of `count` operations on sessions from all over the town.
    pub fn prepare(&mut self, operation: Operation, count: usize) -> Result<Round> {
        let mut round =
            Round { operation, arrivals: Vec::new(), chosen: Vec::new(), names: Vec::new() };
        match operation {
            Operation::Open => {
                for _ in 0..count {
                    let (device, socket) = Device::connect(self.born)?;
                    self.born += 1;
                    round.arrivals.push(device.arrival(socket));
                    round.chosen.push(device);
                }
            }
            Operation::Deadline => {}
            _ => {
                let stride = self.devices.len() / count;
                ensure!(stride > 0, "there are too few sessions");
                // From behind, so that a removal moves nobody who is still to be chosen.
                for at in (0..count).rev() {
                    round.chosen.push(self.devices.swap_remove(at * stride));
                }
            }
        }
        if matches!(operation, Operation::LookUp | Operation::Write) {
            round.names.extend(round.chosen.iter().map(Device::name));
        }
        Ok(round)
    }

    /// Does what was prepared, a turn at a time.
    pub async fn perform(&mut self, round: &mut Round) -> Result<()> {
        let mut arrivals = std::mem::take(&mut round.arrivals).into_iter();
        match round.operation {
            Operation::Open => {
                while arrivals.len() > 0 {
                    arrivals.by_ref().take(A_TURN).for_each(|arrival| self.house.admit(arrival));
                    self.settle(A_TURN).await?;
                }
            }
            Operation::LookUp => round.names.iter().for_each(|name| {
                black_box(self.house.find(black_box(name)));
            }),
            Operation::Data => {
                for turn in round.chosen.chunks_mut(A_TURN) {
                    turn.iter_mut().try_for_each(|device| device.say(&MESSAGE))?;
                    self.settle(turn.len()).await?;
                }
            }
            Operation::Write => {
                for (names, turn) in round.names.chunks(A_TURN).zip(round.chosen.chunks_mut(A_TURN))
                {
                    names.iter().for_each(|name| self.write(name));
                    self.settle(0).await?;
                    let heard: usize = turn.iter_mut().map(Device::hear).sum();
                    ensure!(heard == 8 * turn.len(), "{heard} bytes were heard");
                }
            }
            Operation::Deadline => {
                for _ in 0..A_ROUND / A_TURN {
                    sleep(APART).await;
                }
            }
            Operation::Close => {
                while !round.chosen.is_empty() {
                    let left = round.chosen.len().saturating_sub(A_TURN);
                    let gone = round.chosen.len() - left;
                    round.chosen.truncate(left);
                    self.settle(gone).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes back who took part in a round and is still connected.
    pub fn finish(&mut self, round: Round) -> Result<()> {
        self.devices.extend(round.chosen);
        let (devices, sessions) = (self.devices.len(), self.house.sessions());
        ensure!(devices == sessions, "{devices} devices have {sessions} sessions");
        Ok(())
    }

    fn write(&self, name: &str) {
        let Some((seat, session)) = self.house.find(name) else { return };
        let what = Instruction::Write(Bytes::from_static(b"01030000"));
        self.house.host.do_send(Instruct { slot: seat.slot, session, what });
    }

    /// Lets everything run that can, which has told so many events then. The clock moves on by a
    /// millisecond, and only when nothing is left to be done.
    async fn settle(&self, events: usize) -> Result<()> {
        sleep(Duration::from_millis(1)).await;
        let told = self.house.take_events();
        ensure!(told == events as u64, "{told} events instead of {events}");
        Ok(())
    }
}

fn idle_timeout() -> Duration {
    ListenerSettings::default().idle_timeout.get()
}
