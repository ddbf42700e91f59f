//! Who holds which name.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::Result;
use tetherd::{
    actors::{Directory, Outcome},
    limits::{Duplicate, DuplicatePolicy},
    messages::{Claim, Departure},
    model::{Name, Seat, SessionId},
    units::Rate,
};

use super::{TIMES, Work, repeat};

/// So many names are held.
const HELD: u64 = 10_000;

/// A device says who it is: a new name, and nobody has it.
pub fn claim() -> Result<Work> {
    let (mut directory, mut outcomes) = (held()?, Vec::new());
    let now = Instant::now();
    let mut claims = Vec::new();
    for number in HELD..HELD + 2 * u64::from(TIMES) {
        claims.push(claim_of(number)?);
    }
    let mut claims = claims.into_iter();
    Ok(repeat(move |_| {
        let claim = claims.next().unwrap_or_else(|| unreachable!("there are two rounds"));
        directory.claim(claim, now, &mut outcomes);
        outcomes.clear();
    }))
}

/// A device goes, and nobody waits for its name.
pub fn depart() -> Result<Work> {
    let (mut directory, mut outcomes) = (held()?, Vec::<Outcome>::new());
    let mut departures = Vec::new();
    for number in 0..HELD {
        departures.push(Departure { name: name(number)?, session: SessionId(number) });
    }
    Ok(repeat(move |number| directory.left(&departures[number as usize], &mut outcomes)))
}

/// Somebody has a word for a device.
pub fn find() -> Result<Work> {
    let directory = held()?;
    let names = (0..HELD).map(text).collect::<Vec<_>>();
    Ok(repeat(move |number| {
        let name = &names[(number * 7919 % HELD) as usize];
        black_box(directory.find(black_box(name)));
    }))
}

fn held() -> Result<Directory> {
    let mut directory = Directory::default();
    for number in 0..HELD {
        directory.claim(claim_of(number)?, Instant::now(), &mut Vec::new());
    }
    Ok(directory)
}

fn claim_of(number: u64) -> Result<Claim> {
    let seat = Seat { thread: 0, slot: number as u32 };
    let takeover_limit = Rate { count: 5, per: Duration::from_secs(60) };
    let policy = DuplicatePolicy {
        winner: Duplicate::Takeover,
        takeover_limit,
        flapping: Rate::per_hour(30),
    };
    Ok(Claim { name: name(number)?, seat, session: SessionId(number), policy })
}

fn name(number: u64) -> Result<Name> {
    Ok(Name::new(text(number).as_bytes())?)
}

fn text(number: u64) -> String {
    format!("{:015}", 860_000_000_000_000 + number)
}
