//! Checksums.

mod catalogue;

use std::fmt;

use crc::{Crc, Table};

pub(super) use catalogue::{find, names};

/// A way to add bytes up.
#[derive(Clone)]
pub(super) enum Sum {
    Plain(Plain),
    Crc8(Box<Crc<u8, Table<16>>>),
    Crc16(Box<Crc<u16, Table<16>>>),
    /// 24 and 32 bits.
    Crc32(Box<Crc<u32, Table<16>>>),
    Crc64(Box<Crc<u64, Table<16>>>),
}

/// Sums without a polynomial. Those of 16 and 32 bits add single bytes, too, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Xor8,
    Sum8,
    Sum16,
    Sum32,
    /// What makes the sum zero.
    Neg8,
    Neg16,
    /// The sum with all bits turned.
    Inv8,
    Inv16,
    /// RFC 1071: words of two bytes, the carry added in, all bits turned.
    Ip16,
}

impl Sum {
    /// The sum of `bytes`.
    pub fn of(&self, bytes: &[u8]) -> u64 {
        match self {
            Self::Plain(plain) => plain.of(bytes),
            Self::Crc8(crc) => crc.checksum(bytes).into(),
            Self::Crc16(crc) => crc.checksum(bytes).into(),
            Self::Crc32(crc) => crc.checksum(bytes).into(),
            Self::Crc64(crc) => crc.checksum(bytes),
        }
    }

    /// How many bytes it has.
    pub fn width(&self) -> usize {
        match self {
            Self::Plain(plain) => plain.width(),
            Self::Crc8(_) => 1,
            Self::Crc16(_) => 2,
            Self::Crc32(crc) => usize::from(crc.algorithm.width).div_ceil(8),
            Self::Crc64(_) => 8,
        }
    }
}

/// A checksum that protocol files may name.
#[derive(Clone, Debug)]
pub struct Checksum(Sum);

impl Checksum {
    /// The one called `name`, such as `crc16-modbus`.
    pub fn named(name: &str) -> Option<Self> {
        find(name).map(Self)
    }

    /// All names, some of them for the same sum.
    pub fn names() -> impl Iterator<Item = &'static str> {
        names()
    }

    /// The sum of `bytes`.
    pub fn of(&self, bytes: &[u8]) -> u64 {
        self.0.of(bytes)
    }

    /// How many bytes it takes in a frame.
    pub fn width(&self) -> usize {
        self.0.width()
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(plain) => write!(f, "{plain:?}"),
            _ => write!(f, "Crc({} bytes)", self.width()),
        }
    }
}

impl Plain {
    fn of(self, bytes: &[u8]) -> u64 {
        let total = || bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        match self {
            Self::Xor8 => bytes.iter().fold(0, |sum, byte| sum ^ byte).into(),
            Self::Sum8 => u64::from(total() & 0xff),
            Self::Sum16 => u64::from(total() & 0xffff),
            Self::Sum32 => u64::from(total()),
            Self::Neg8 => u64::from(total().wrapping_neg() & 0xff),
            Self::Neg16 => u64::from(total().wrapping_neg() & 0xffff),
            Self::Inv8 => u64::from(!total() & 0xff),
            Self::Inv16 => u64::from(!total() & 0xffff),
            Self::Ip16 => ip16(bytes),
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Xor8 | Self::Sum8 | Self::Neg8 | Self::Inv8 => 1,
            Self::Sum16 | Self::Neg16 | Self::Inv16 | Self::Ip16 => 2,
            Self::Sum32 => 4,
        }
    }
}

fn ip16(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| (*low).into());
    let mut sum: u64 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !sum & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the catalogue's check words are sums of.
    const CHECK: &[u8] = b"123456789";

    #[test]
    fn sums_that_datasheets_name_are_known() {
        for (name, expected, width) in [
            ("crc16-x25", 0x906e, 2),
            ("crc16-modbus", 0x4b37, 2),
            ("crc16-ccitt-false", 0x29b1, 2),
            ("crc16-xmodem", 0x31c3, 2),
            ("crc16-arc", 0xbb3d, 2),
            ("crc16-kermit", 0x2189, 2),
            ("crc32", 0xcbf4_3926, 4),
            ("crc24-openpgp", 0x0021_cf02, 3),
            ("crc8-maxim", 0xa1, 1),
            ("xor8", 0x31, 1),
            ("sum8", 0xdd, 1),
            ("sum16", 0x01dd, 2),
            ("neg8", 0x23, 1),
            ("neg16", 0xfe23, 2),
            ("inv8", 0x22, 1),
            ("inv16", 0xfe22, 2),
        ] {
            let sum = find(name).unwrap();
            assert_eq!((sum.of(CHECK), sum.width()), (expected, width), "{name}");
        }
        assert!(find("crc16-none").is_none());
        assert!(names().all(|name| find(name).is_some()));
    }

    #[test]
    fn the_sum_of_an_internet_header_is_the_one_in_rfc_1071() {
        let words = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(find("ip16").unwrap().of(&words), u64::from(!0xddf2_u16));
        assert_eq!(find("ip16").unwrap().of(&[0x01]), 0xfeff);
    }
}
