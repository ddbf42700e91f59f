//! Frames of devices, made from the layouts that the presets tell.

use crc::{CRC_16_IBM_SDLC, Crc};

pub const IMEI: &str = "860000000000001";

/// A GT06 frame.
pub fn gt06(kind: u8, content: &[u8], number: u16) -> Vec<u8> {
    let mut frame = vec![0x78, 0x78, content.len() as u8 + 5, kind];
    frame.extend(content);
    frame.extend(number.to_be_bytes());
    let sum = Crc::<u16>::new(&CRC_16_IBM_SDLC).checksum(&frame[2..]);
    frame.extend(sum.to_be_bytes());
    frame.extend(b"\r\n");
    frame
}

/// The login of a GT06 device, and any other IMEI of 15 digits.
pub fn login(imei: &str) -> Vec<u8> {
    let digits: Vec<u8> = format!("0{imei}").bytes().map(|digit| digit - b'0').collect();
    let bcd: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    gt06(0x01, &bcd, 1)
}

/// A report of a GT06 device, which nobody reads further.
pub fn report(number: u16) -> Vec<u8> {
    gt06(0x22, &[0x15; 30], number)
}

/// A GT06 device lives.
pub fn heartbeat(number: u16) -> Vec<u8> {
    gt06(0x13, &[0x44, 0x05, 0x04, 0x00, 0x01], number)
}

/// What a GT06 device hears when its frame has come.
pub fn answer(kind: u8, number: u16) -> Vec<u8> {
    gt06(kind, &[], number)
}
