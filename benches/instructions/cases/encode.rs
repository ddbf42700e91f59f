//! Events as a web server reads them.

use std::hint::black_box;

use anyhow::Result;
use bytes::BytesMut;
use tetherd::{
    link::{Encoder, Encoding, Format},
    model::{Event, Offset},
};

use super::{CONNECTIONS, NAME, PEER, SESSION, TIME, Work, data, offline, payload, repeat};

pub fn base64_64_bytes() -> Result<Work> {
    Ok(message(Format::JsonLines, Encoding::Base64, payload(64)))
}

pub fn base64_1_kib() -> Result<Work> {
    Ok(message(Format::JsonLines, Encoding::Base64, payload(1024)))
}

pub fn hex() -> Result<Work> {
    Ok(message(Format::JsonLines, Encoding::Hex, payload(64)))
}

/// What a device that speaks text says.
pub fn text() -> Result<Work> {
    let line = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
    Ok(message(Format::JsonLines, Encoding::Text, line[..64].to_vec()))
}

/// As a Node script writes it.
pub fn node() -> Result<Work> {
    Ok(message(Format::Node, Encoding::Buffer, payload(64)))
}

pub fn online() -> Result<Work> {
    Ok(event(Event::Online {
        name: NAME,
        session: SESSION,
        time: TIME,
        peer: PEER,
        connections: CONNECTIONS,
    }))
}

pub fn ended() -> Result<Work> {
    Ok(event(offline()))
}

fn message(format: Format, encoding: Encoding, payload: Vec<u8>) -> Work {
    let mut writer = Writer::new(format, encoding);
    repeat(move |number| writer.write(number, &data(number + 1, black_box(&payload))))
}

fn event(event: Event<'static>) -> Work {
    let mut writer = Writer::new(Format::JsonLines, Encoding::Base64);
    repeat(move |number| writer.write(number, black_box(&event)))
}

/// An encoder, and the buffer in front of the link.
struct Writer {
    encoder: Encoder,
    out: BytesMut,
}

impl Writer {
    fn new(format: Format, encoding: Encoding) -> Self {
        Self { encoder: Encoder::new(format, encoding), out: BytesMut::with_capacity(256 << 10) }
    }

    fn write(&mut self, number: u64, event: &Event<'_>) {
        let offset = Offset(1_795_000_000_000_000 + number);
        self.encoder.event(offset, event, &mut self.out);
        black_box(&self.out);
        // What a link does once enough has gathered.
        if self.out.len() > 64 << 10 {
            self.encoder.acknowledged(offset);
            self.out.clear();
        }
    }
}
