//! Devices that keep a pace, beside others that do not behave.

use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, Result};

use super::{
    Crowd,
    counts::Counts,
    device::{Device, Stock},
    pace::{Pace, SLOT},
};
use crate::{
    clock,
    message::{self, Kind},
};

/// Messages in a write of a device that floods.
const FLOOD: usize = 64;

/// Drives them until they are to stop.
pub fn drive(crowd: &Crowd, devices: &mut [Device], counts: &Counts) -> Result<()> {
    let (paced, others) = devices.split_at_mut(crowd.paced as usize);
    let (flooding, others) = others.split_at_mut(crowd.bulk as usize);
    let trickling = &mut others[..crowd.trickling as usize];
    let now = clock::now();
    let mut paced = Paced {
        devices: paced,
        line: message::line(Kind::Paced, crowd.bytes),
        pace: Pace::new(crowd.rate, now),
        next: 0,
    };
    let bulk = message::line(Kind::Bulk, crowd.bytes);
    let mut trickle = Trickle {
        stocks: vec![Stock::new(&bulk, 1); trickling.len()],
        pace: Pace::new(trickling.len() as f64, now),
        devices: trickling,
        next: 0,
    };
    let mut flood = Stock::new(&bulk, FLOOD);
    while !counts.stop.load(Relaxed) {
        let slot = clock::now();
        paced.turn(slot, counts).context("a device that keeps a pace")?;
        trickle.turn(slot, counts).context("a device that trickles")?;
        let next = slot + SLOT.as_nanos() as u64;
        if let Some(device) = flooding.first() {
            flood_until(next, device, &mut flood, counts).context("a device that floods")?;
        }
        clock::sleep_until(next);
    }
    Ok(())
}

struct Paced<'a> {
    devices: &'a mut [Device],
    line: Vec<u8>,
    pace: Pace,
    next: usize,
}

impl Paced<'_> {
    fn turn(&mut self, now: u64, counts: &Counts) -> Result<()> {
        let (due, mut skipped) = self.pace.due(now);
        let mut sent = 0;
        for _ in 0..due {
            message::stamp(&mut self.line, clock::now());
            match self.devices[self.next].send(&self.line)? {
                Some(whole) => sent += whole,
                None => skipped += 1,
            }
            self.next = (self.next + 1) % self.devices.len();
        }
        counts.paced.fetch_add(sent, Relaxed);
        counts.skipped.fetch_add(skipped, Relaxed);
        Ok(())
    }
}

/// Devices that send a byte at a time.
struct Trickle<'a> {
    devices: &'a mut [Device],
    stocks: Vec<Stock>,
    pace: Pace,
    next: usize,
}

impl Trickle<'_> {
    fn turn(&mut self, now: u64, counts: &Counts) -> Result<()> {
        for _ in 0..self.pace.due(now).0 {
            let (whole, _) = self.stocks[self.next].write(&self.devices[self.next].stream, 1)?;
            counts.bulk.fetch_add(whole, Relaxed);
            self.next = (self.next + 1) % self.devices.len();
        }
        Ok(())
    }
}

/// Writes for as long as the device can, until then.
fn flood_until(end: u64, device: &Device, stock: &mut Stock, counts: &Counts) -> Result<()> {
    while clock::now() < end {
        let (whole, is_all) = stock.write(&device.stream, usize::MAX)?;
        counts.bulk.fetch_add(whole, Relaxed);
        if !is_all {
            break;
        }
    }
    Ok(())
}
