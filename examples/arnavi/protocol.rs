//! Arnavi 4 as code: a packet ends where its last record does.
//!
//! A tracker begins with a header, `ff`, a version and its IMEI as a number. Packets follow: `5b`, the
//! packet's number, records, `5d`. A record has a type, a length, the time and its content, and one
//! byte of a sum. The header is answered, and so is each packet, with its number.

use serde_json::{Map, json};
use tetherd::protocol::{Checked, Code, Conversation, Cut, Given, Kind, Reading};

/// What opens a header, and how long it is.
const HEADER: (u8, usize) = (0xff, 10);

/// Headers of this version are answered with the time.
const WITH_TIME: u8 = 0x23;

/// What opens and closes a packet, and what opens and closes an answer.
const PACKET: (u8, u8) = (0x5b, 0x5d);
const ANSWER: (u8, u8) = (0x7b, 0x7d);

/// A record apart from its content: type, length, time, sum.
const RECORD: usize = 1 + 2 + 4 + 1;

/// The protocol.
#[derive(Debug)]
pub struct Arnavi;

/// One tracker. It needs to remember nothing.
#[derive(Debug)]
struct Tracker;

impl Code for Arnavi {
    fn begins(&self, bytes: &[u8]) -> Option<bool> {
        Some(bytes[0] == HEADER.0)
    }

    fn open(&self) -> Box<dyn Conversation> {
        Box::new(Tracker)
    }

    fn answer(&self, reading: &Reading, given: &Given<'_>, out: &mut Vec<u8>) {
        if !given.accepted {
            return;
        }
        out.push(ANSWER.0);
        match (reading.is, reading.bytes[1]) {
            (Kind::Login, WITH_TIME) => {
                let seconds = ((given.now.0 / 1000) as u32).to_le_bytes();
                out.extend([4, 0, sum(&seconds)]);
                out.extend(seconds);
            }
            (Kind::Login, _) => out.extend([0, 0]),
            (_, number) => out.extend([0, number]),
        }
        out.push(ANSWER.1);
    }
}

impl Conversation for Tracker {
    fn cut(&mut self, bytes: &[u8], _: bool) -> Cut {
        match bytes[0] {
            first if first == HEADER.0 => header(bytes),
            first if first == PACKET.0 => packet(bytes),
            _ => {
                let known = |byte: &u8| [HEADER.0, PACKET.0].contains(byte);
                Cut::Junk(bytes.iter().position(known).unwrap_or(bytes.len()))
            }
        }
    }
}

fn header(bytes: &[u8]) -> Cut {
    let Some(header) = bytes.get(..HEADER.1) else { return Cut::More };
    let imei = header[2..].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let reading = Reading {
        bytes: header.to_vec(),
        name: Some(imei.to_string()),
        is: Kind::Login,
        ..Reading::default()
    };
    Cut::Frame(HEADER.1, Box::new(reading))
}

/// Walks over the records until the packet is closed.
fn packet(bytes: &[u8]) -> Cut {
    let (mut at, mut records, mut check) = (2, 0, Checked::Ok);
    loop {
        match bytes.get(at) {
            None => return Cut::More,
            Some(end) if *end == PACKET.1 => break,
            Some(_) => {}
        }
        let Some(length) = bytes.get(at + 1..at + 3) else { return Cut::More };
        let size = RECORD + usize::from(u16::from_le_bytes([length[0], length[1]]));
        let Some(record) = bytes.get(at..at + size) else { return Cut::More };
        if sum(&record[3..size - 1]) != record[size - 1] {
            check = Checked::Bad;
        }
        records += 1;
        at += size;
    }
    let reading = Reading {
        bytes: bytes[..=at].to_vec(),
        check,
        seq: Some(bytes[1].into()),
        fields: Map::from_iter([("records".to_owned(), json!(records))]),
        ..Reading::default()
    };
    Cut::Frame(at + 1, Box::new(reading))
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
