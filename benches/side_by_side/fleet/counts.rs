//! What a fleet has done, for whoever asks while it does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

/// Written by the thread that drives devices.
#[derive(Debug, Default)]
pub struct Counts {
    pub registered: AtomicU64,
    pub refused: AtomicU64,
    pub paced: AtomicU64,
    pub bulk: AtomicU64,
    pub skipped: AtomicU64,
    pub begun: AtomicU64,
    pub came: AtomicU64,
    pub lost: AtomicU64,
    pub stop: AtomicBool,
    pub ended: AtomicBool,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Told {
    /// Devices that have connected and registered.
    pub registered: u64,
    /// Devices that could not connect.
    pub refused: u64,
    /// Messages that were written whole, of devices that keep a pace.
    pub paced: u64,
    /// Messages that were written whole, of others.
    pub bulk: u64,
    /// Messages of a pace that were left out, since their time was over or their device could not
    /// write.
    pub skipped: u64,
    /// When the first device of a storm began to connect.
    pub begun: u64,
    /// When the last one of it had begun to.
    pub came: u64,
    /// Connections that had ended when the fleet stopped.
    pub lost: u64,
    /// It has stopped.
    pub ended: bool,
}

impl Told {
    /// Messages of all.
    pub fn messages(&self) -> u64 {
        self.paced + self.bulk
    }
}

impl Counts {
    /// At this moment.
    pub fn told(&self) -> Told {
        Told {
            ended: self.ended.load(Relaxed),
            registered: self.registered.load(Relaxed),
            refused: self.refused.load(Relaxed),
            paced: self.paced.load(Relaxed),
            bulk: self.bulk.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            begun: self.begun.load(Relaxed),
            came: self.came.load(Relaxed),
            lost: self.lost.load(Relaxed),
        }
    }
}
