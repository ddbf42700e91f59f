//! What the lines of a gateway say, added up.

use hdrhistogram::Histogram;
use memchr::memmem::{Finder, find};
use serde::{Deserialize, Serialize};

use crate::message::{self, Kind};

/// What stands in front of what a device has sent.
const DATA: &[u8] = b"\"data\":\"";

/// What a device registers with, in lines that only pass on what was sent.
const REGISTRATION: &[u8] = b"ETUNG:";

/// No latency is told as longer: a minute.
const LONGEST: u64 = 60_000_000_000;

/// What has been seen so far.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Seen {
    /// Messages of devices that keep a pace.
    pub paced: u64,
    /// Messages of others.
    pub bulk: u64,
    /// Devices that came.
    pub online: u64,
    /// Devices that went.
    pub offline: u64,
    /// Gaps that were told.
    pub gaps: u64,
    /// The number of connections in the last line that told of a device that came.
    pub connections: u64,
    /// When the last device came.
    pub last_online: u64,
    /// When the first message came since the last window began, and the last one.
    pub first: u64,
    pub last: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Acknowledgements sent.
    pub acknowledgements: u64,
}

impl Seen {
    /// Messages of all.
    pub fn messages(&self) -> u64 {
        self.paced + self.bulk
    }
}

/// Microseconds from being sent to being read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub most: f64,
}

/// Adds up.
pub struct Tally {
    pub seen: Seen,
    latencies: Histogram<u64>,
    data: Finder<'static>,
}

impl Tally {
    pub fn new() -> anyhow::Result<Self> {
        let latencies = Histogram::new_with_bounds(1, LONGEST, 3)?;
        Ok(Self { seen: Seen::default(), latencies, data: Finder::new(DATA) })
    }

    /// A window begins: latencies count from here.
    pub fn begin(&mut self) {
        self.latencies.reset();
        (self.seen.first, self.seen.last) = (0, 0);
    }

    /// Of the messages since the window began.
    pub fn latency(&self) -> Latency {
        let us = |part: f64| self.latencies.value_at_quantile(part) as f64 / 1e3;
        let most = self.latencies.max() as f64 / 1e3;
        Latency { p50: us(0.5), p99: us(0.99), p999: us(0.999), most }
    }

    /// One line, without its line feed, that was read now.
    pub fn take(&mut self, line: &[u8], now: u64) {
        let is_json = line.first() == Some(&b'{');
        let message = match is_json {
            true => {
                self.data.find(line).and_then(|at| message::read_base64(&line[at + DATA.len()..]))
            }
            false => message::find(line),
        };
        match message {
            Some((kind, sent)) => self.message(kind, sent, now),
            None if is_json => self.other(line, now),
            None if find(line, REGISTRATION).is_some() => self.came(0, now),
            None => {}
        }
    }

    fn message(&mut self, kind: Kind, sent: u64, now: u64) {
        match kind {
            Kind::Bulk => self.seen.bulk += 1,
            Kind::Paced => {
                self.seen.paced += 1;
                self.latencies.saturating_record(now.saturating_sub(sent));
            }
        }
        if self.seen.first == 0 {
            self.seen.first = now;
        }
        self.seen.last = now;
    }

    fn other(&mut self, line: &[u8], now: u64) {
        let is = |event: &[u8]| find(line, event).is_some();
        if is(b"\"event\":\"online\"") {
            self.came(number(line, b"\"connections\":").unwrap_or(0), now);
        } else if is(b"\"event\":\"offline\"") {
            self.seen.offline += 1;
        } else if is(b"\"event\":\"gap\"") {
            self.seen.gaps += 1;
        }
    }

    fn came(&mut self, connections: u64, now: u64) {
        self.seen.online += 1;
        self.seen.connections = connections;
        self.seen.last_online = now;
    }
}

fn number(line: &[u8], key: &[u8]) -> Option<u64> {
    let digits = &line[find(line, key)? + key.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}
