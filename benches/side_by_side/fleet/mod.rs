//! Devices in a process of their own: one thread that writes, and one that answers questions.

mod bulk;
mod connect;
mod counts;
mod device;
mod drive;
mod pace;
mod storm;

use std::{
    process::exit,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, channel},
    },
    thread,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::counts::Told;
use self::{counts::Counts, device::Device, storm::Storm};
use crate::process::{self, Process};

/// Its name.
pub const ROLE: &str = "fleet";

/// Which devices there are, and what they do.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Crowd {
    /// Where they connect.
    pub address: String,
    /// Bytes of a message, its line feed among them.
    pub bytes: usize,
    /// Devices that send at a fixed pace, one message a write.
    pub paced: u32,
    /// Messages a second of all these together; in a storm, devices that come a second, 0: as many
    /// as can.
    pub rate: f64,
    /// Devices that write without pause.
    pub bulk: u32,
    /// Messages in a write of such a device.
    pub lines: usize,
    /// How many messages these send in all; 0: without end.
    pub total: u64,
    /// Devices that send a byte a second each.
    pub trickling: u32,
    /// Devices that send nothing.
    pub idle: u32,
    /// Whether they wait for the word to come, and then come without waiting for each other.
    pub storm: bool,
}

impl Crowd {
    /// All of them.
    pub fn devices(&self) -> u32 {
        self.paced + self.bulk + self.trickling + self.idle
    }
}

/// Plays them until nobody asks any more.
pub fn play(task: &serde_json::Value) -> Result<()> {
    let crowd = Crowd::deserialize(task)?;
    let counts = Arc::<Counts>::default();
    let (go, gone) = channel();
    let driven = Arc::clone(&counts);
    thread::spawn(move || {
        if let Err(error) = drive(&crowd, &driven, &gone) {
            eprintln!("the fleet: {error:#}");
            exit(1);
        }
    });
    for question in process::questions() {
        match question.as_str() {
            "go" => go.send(()).context("it is over")?,
            "stop" => counts.stop.store(true, Relaxed),
            _ => {}
        }
        process::tell(&json!(counts.told()))?;
    }
    Ok(())
}

fn drive(crowd: &Crowd, counts: &Counts, go: &Receiver<()>) -> Result<()> {
    if crowd.storm {
        let storm = Storm::prepare(crowd, counts)?;
        go.recv()?;
        return linger(&mut storm.run()?, counts);
    }
    let mut devices = connect::calm(crowd, counts)?;
    go.recv()?;
    if crowd.bulk > 1 {
        bulk::drive(crowd, &mut devices, counts)?;
    } else {
        drive::drive(crowd, &mut devices, counts)?;
    }
    linger(&mut devices, counts)
}

/// Stays until it is to stop, and for as long as the process does: its ending would be that of all
/// connections.
fn linger(devices: &mut [Device], counts: &Counts) -> Result<()> {
    while !counts.stop.load(Relaxed) {
        thread::sleep(pace::SLOT);
    }
    let lost = devices.iter_mut().map(Device::has_lost).filter(|has| *has).count();
    counts.lost.store(lost as u64, Relaxed);
    counts.ended.store(true, Relaxed);
    thread::park();
    Ok(())
}

/// A fleet in another process.
pub struct Fleet {
    process: Process,
}

impl Fleet {
    /// Starts one.
    pub fn start(crowd: &Crowd) -> Result<Self> {
        Ok(Self { process: Process::start(ROLE, &json!(crowd))? })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How far it is.
    pub fn told(&mut self) -> Result<Told> {
        self.ask("how far")
    }

    /// Lets the devices do what they are there for.
    pub fn go(&mut self) -> Result<()> {
        self.ask("go").map(drop)
    }

    /// Lets the devices do nothing any more. They stay connected.
    pub fn stop(&mut self) -> Result<()> {
        self.ask("stop").map(drop)
    }

    fn ask(&mut self, what: &str) -> Result<Told> {
        Ok(serde_json::from_value(self.process.ask(what)?)?)
    }
}
