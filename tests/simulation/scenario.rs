//! What one seed stands for: how the gateway is set, and who is around it.

use std::time::Duration;

use tetherd::{
    config::{self, Loaded},
    spool::{DiskSettings, DropReason, Durability, Settings, SpoolType, WhenFull},
    units::Size,
};

use crate::dice::Dice;

/// One run, drawn from its seed.
pub struct Scenario {
    pub loaded: Loaded,
    pub make: Make,
    pub policy: Policy,
    pub devices: u64,
    pub webs: usize,
    /// How many things happen before the world heals.
    pub acts: u64,
}

/// Which spool there is.
#[derive(Clone, Debug)]
pub enum Make {
    Memory(Settings),
    Disk(DiskSettings),
}

/// What may be dropped.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `when_full = "drop_oldest"`.
    pub when_full: bool,
    /// `when_behind = "skip"`, of any upstream.
    pub when_behind: bool,
}

impl Policy {
    /// Whether a gap may give this reason.
    pub fn drops(&self, reason: DropReason) -> bool {
        match reason {
            DropReason::SpoolFull => self.when_full,
            DropReason::Behind => self.when_behind,
            _ => false,
        }
    }
}

impl Scenario {
    pub fn draw(dice: &mut Dice) -> Self {
        let policy = Policy { when_full: dice.chance(20), when_behind: dice.chance(20) };
        let webs = if dice.chance(25) { 2 } else { 1 };
        let mut text = format!("gateway = 'sim'\nthreads = 1\n{}{}", drain(dice), listener(dice));
        for number in 0..webs {
            text += &upstream(dice, number, &policy);
        }
        let loaded = config::from_toml(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        Self {
            loaded,
            make: make(dice, &policy),
            policy,
            devices: dice.between(1..=5),
            webs,
            acts: dice.between(3..=11),
        }
    }
}

fn drain(dice: &mut Dice) -> String {
    let (spread, flush) = (dice.between(0..=1500), dice.between(100..=4000));
    format!("[drain]\nspread = '{spread}ms'\nflush = '{flush}ms'\n")
}

fn listener(dice: &mut Dice) -> String {
    let connections = if dice.chance(10) { "3" } else { "'auto'" };
    format!(
        "[listener.dtu]\naddress = '127.0.0.1:1'\nmax_connections = {connections}\n\
         unregistered = '{}'\nduplicate = '{}'\nidle_timeout = '{}ms'\non_idle = '{}'\n\
         registration_timeout = '{}ms'\nfarewell = '{}ms'\n",
        dice.pick(&["hold", "hold", "forward", "close"]),
        dice.pick(&["takeover", "takeover", "reject"]),
        dice.between(1000..=20_000),
        dice.pick(&["close", "notify"]),
        dice.between(500..=5000),
        dice.between(50..=3000),
    )
}

fn upstream(dice: &mut Dice, number: usize, policy: &Policy) -> String {
    let behind = match policy.when_behind {
        true => {
            format!("when_behind = 'skip'\nmax_lag = '{}B'\n", dice.between(2 << 10..=32 << 10))
        }
        false => String::new(),
    };
    let initial = dice.between(20..=300);
    format!(
        "[upstream.web{number}]\naddress = 'web{number}:1'\nwindow = '{}B'\n\
         ack_timeout = '{}ms'\nretry = {{ initial = '{initial}ms', max = '{}ms' }}\n{behind}",
        1 << dice.between(8..=16),
        dice.between(500..=5000),
        dice.between(initial..=2000),
    )
}

fn make(dice: &mut Dice, policy: &Policy) -> Make {
    let when_full = if policy.when_full { WhenFull::DropOldest } else { WhenFull::Pause };
    if dice.chance(25) {
        let size = if dice.chance(50) { dice.between(8..=64) << 10 } else { 4 << 20 };
        return Make::Memory(Settings {
            kind: SpoolType::Memory,
            max_size: Some(Size(size)),
            when_full,
            ..Settings::default()
        });
    }
    let segment = 1 << dice.pick(&[12, 13, 14, 16]);
    Make::Disk(DiskSettings {
        max_size: segment * dice.pick(&[4, 8, 16, 1000]),
        segment,
        durability: if dice.chance(75) { Durability::Group } else { Durability::Os },
        commit_interval: dice.millis(2..=60),
        retain: Duration::ZERO,
        when_full,
    })
}
