//! What a device says, cut.

use std::hint::black_box;

use anyhow::{Context, Result, anyhow};
use tetherd::protocol::{BUILT_IN, Cutter, Item, Protocol, Registration, Rules, Unregistered};

use super::{Work, payload, repeat};

const REGISTRATION: &[u8] = b"ETUNG:860000000000001\r\n";

/// A read of a device that has said who it is.
pub fn once() -> Result<Work> {
    let protocol = etung()?;
    let rules = rules(Registration::Once);
    let mut cutter = Cutter::new(&protocol);
    cut(&mut cutter, &protocol, &rules, REGISTRATION);
    let read = payload(64);
    Ok(repeat(move |_| cut(&mut cutter, &protocol, &rules, black_box(&read))))
}

/// A read of a device that says who it is before each packet.
pub fn every() -> Result<Work> {
    let protocol = etung()?;
    let rules = rules(Registration::Every);
    let mut cutter = Cutter::new(&protocol);
    cut(&mut cutter, &protocol, &rules, REGISTRATION);
    let read = [REGISTRATION, &payload(64)].concat();
    Ok(repeat(move |_| cut(&mut cutter, &protocol, &rules, black_box(&read))))
}

/// The first read of a device.
pub fn registration() -> Result<Work> {
    let protocol = etung()?;
    let rules = rules(Registration::Once);
    Ok(repeat(move |_| {
        let mut cutter = Cutter::new(&protocol);
        cut(&mut cutter, &protocol, &rules, black_box(REGISTRATION));
    }))
}

fn cut(cutter: &mut Cutter, protocol: &Protocol, rules: &Rules, mut read: &[u8]) {
    loop {
        match black_box(cutter.feed(protocol, rules, &mut read)) {
            Item::NeedMore => return,
            Item::Fault(_) => unreachable!("the device keeps to the protocol"),
            _ => {}
        }
    }
}

fn etung() -> Result<Protocol> {
    let (name, text) = BUILT_IN.first().context("etung")?;
    Protocol::parse(name, text).map_err(|faults| anyhow!("{faults:?}"))
}

/// Those of the default configuration.
fn rules(registration: Registration) -> Rules {
    Rules {
        registration,
        forward_registration: false,
        unregistered: Unregistered::Hold,
        registration_bytes: 512,
        max_frame: 64 << 10,
    }
}
