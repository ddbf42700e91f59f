//! Many devices that write whenever they can.

use std::{collections::VecDeque, sync::atomic::Ordering::Relaxed, time::Duration};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token};

use super::{
    Crowd,
    counts::Counts,
    device::{Device, Stock},
};
use crate::message::{self, Kind};

/// Writes of a device in a row, before others get their turn.
const IN_A_ROW: usize = 8;

/// How long they wait at most until they look whether to stop.
const WAIT: Duration = Duration::from_millis(20);

/// Drives them until they are to stop, or all is sent.
pub fn drive(crowd: &Crowd, devices: &mut [Device], counts: &Counts) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(devices.len());
    for (at, device) in devices.iter_mut().enumerate() {
        poll.registry().register(&mut device.stream, Token(at), Interest::WRITABLE)?;
    }
    let stock = Stock::new(&message::line(Kind::Bulk, crowd.bytes), crowd.lines);
    let mut stocks = vec![stock; devices.len()];
    let total = if crowd.total == 0 { u64::MAX } else { crowd.total };
    let mut writable = VecDeque::with_capacity(devices.len());
    let mut sent = 0;
    while sent < total && !counts.stop.load(Relaxed) {
        let wait = if writable.is_empty() { WAIT } else { Duration::ZERO };
        poll.poll(&mut events, Some(wait))?;
        writable.extend(events.iter().map(|event| event.token().0));
        // A turn for each that can write; new ones may come meanwhile.
        for _ in 0..writable.len() {
            let Some(at) = writable.pop_front() else { break };
            let (mut turns, mut can) = (0, true);
            while can && turns < IN_A_ROW && sent < total {
                // Who is hung up on writes no more; that is told when all have stopped.
                let written = stocks[at].write(&devices[at].stream, usize::MAX);
                let (whole, is_all) = written.unwrap_or_default();
                sent += whole;
                (turns, can) = (turns + 1, is_all);
            }
            counts.bulk.store(sent, Relaxed);
            if can {
                writable.push_back(at);
            }
        }
    }
    Ok(())
}
