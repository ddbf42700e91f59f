//! What a web server has been sent, and what it says about it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::Result;
use tetherd::{
    limits::Backoff,
    link::{Delivery, DeliverySettings, Inbound, Item},
    model::Offset,
};

use super::{TIMES, Work, repeat};

/// What a line with 64 bytes takes.
const LINE: usize = 280;

/// An event has been written. All of a round are acknowledged at its end.
pub fn sent() -> Result<Work> {
    let mut link = Linked::new();
    Ok(repeat(move |number| {
        link.send(number);
        if number % u64::from(TIMES) == u64::from(TIMES) - 1 {
            link.delivery.acknowledge(offset(number), link.now);
        }
    }))
}

/// An event has been written, and is acknowledged by a line of its own.
pub fn acknowledge_each() -> Result<Work> {
    Ok(acknowledge(1))
}

/// The same where a line acknowledges many.
pub fn acknowledge_many() -> Result<Work> {
    Ok(acknowledge(32))
}

fn acknowledge(a_line: u64) -> Work {
    let mut link = Linked::new();
    repeat(move |number| {
        link.send(number);
        if number % a_line == a_line - 1 {
            link.take(number);
        }
    })
}

/// One link, as far as it is pure.
struct Linked {
    delivery: Delivery,
    inbound: Inbound,
    now: Instant,
    /// Acknowledgements of a round, as they come.
    lines: Vec<Vec<u8>>,
}

impl Linked {
    fn new() -> Self {
        let settings = DeliverySettings { window: 8 << 20, ack_timeout: Some(MINUTE) };
        let backoff = Backoff::new(Duration::from_millis(200), MINUTE, 1);
        let mut delivery = Delivery::new(settings, offset(0), backoff);
        delivery.begin();
        let line = |number| format!("{{\"ack\":{}}}\n", offset(number)).into_bytes();
        let lines = (0..2 * u64::from(TIMES)).map(line).collect();
        Self { delivery, inbound: Inbound::new(), now: Instant::now(), lines }
    }

    fn send(&mut self, number: u64) {
        if self.delivery.fits(LINE) {
            self.delivery.sent(offset(number), LINE, self.now);
        }
    }

    fn take(&mut self, number: u64) {
        let mut bytes = black_box(&self.lines[number as usize][..]);
        while let Some(item) = self.inbound.next(&mut bytes) {
            if let Item::Ack(through) = item {
                black_box(self.delivery.acknowledge(through, self.now));
            }
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn offset(number: u64) -> Offset {
    Offset(1_795_000_000_000_000 + number)
}
