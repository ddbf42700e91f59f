//! The bytes of a segment: a header, frames of events, and a seal behind the last.
//!
//! ```text
//! header  magic 8 │ format 4 │ crc 4 │ number 8 │ base 8 │ previous end 8 │ salt 8 │ made 8 │ began 8
//! frame   crc 4 │ length 4 │ base 8 │ count 4 │ records
//! seal    a frame without events, whose base is the offset behind the last event
//! ```
//! A frame without records says that everybody had its events before they were to be written.
//! All numbers are little-endian. The checksum of a frame is CRC-32 (ISO-HDLC) over the segment's
//! salt and everything in the frame behind the checksum. The salt is random and told to nobody:
//! bytes that a device sends can look like a frame, but not like one of this segment.

use crate::model::{Offset, UnixMillis};

/// The format that is written. Older ones are read; newer ones are refused.
pub(crate) const FORMAT: u32 = 1;

/// How many bytes the header takes.
pub(super) const HEADER: usize = 64;

/// How many bytes stand in front of a frame's records.
pub(super) const FRAME: usize = 20;

/// How many bytes a seal takes: a frame with the time in it.
pub(super) const SEAL: usize = FRAME + 8;

/// The fewest bytes an event takes.
const LEAST_RECORD: usize = 5;

const MAGIC: [u8; 8] = *b"tetherd\x16";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its place in the row of segments.
    pub(super) number: u64,
    /// Offset of its first event.
    pub(super) base: Offset,
    /// Where the segment before it ended; less than `base` where numbering jumped in between.
    pub(super) previous_end: Offset,
    /// Goes into each checksum.
    pub(super) salt: u64,
    /// When it was begun.
    pub(super) made: UnixMillis,
    /// The first offset that the process gave out that made it. It orders segments before their
    /// numbers do: what was removed may come back when the power is cut, and its number have been
    /// used again.
    pub(super) began: Offset,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// Nothing was written yet.
    Blank,
    /// It is none, or was damaged.
    Damaged,
    /// A later version has written it.
    Newer(u32),
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        let (offsets, made) = ([self.base.0, self.previous_end.0], self.made.0);
        let fields = [self.number, offsets[0], offsets[1], self.salt, made, self.began.0];
        for (at, field) in fields.into_iter().enumerate() {
            bytes[16 + at * 8..24 + at * 8].copy_from_slice(&field.to_le_bytes());
        }
        let crc = header_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            let is_blank = bytes.iter().all(|byte| *byte == 0);
            return Err(if is_blank { HeaderFault::Blank } else { HeaderFault::Damaged });
        };
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(HeaderFault::Blank);
        }
        if !is_whole(bytes) {
            return Err(HeaderFault::Damaged);
        }
        match u32_at(bytes, 8) {
            newer if newer > FORMAT => return Err(HeaderFault::Newer(newer)),
            _ => {}
        }
        Ok(Self {
            number: u64_at(bytes, 16),
            base: Offset(u64_at(bytes, 24)),
            previous_end: Offset(u64_at(bytes, 32)),
            salt: u64_at(bytes, 40),
            made: UnixMillis(u64_at(bytes, 48)),
            began: Offset(u64_at(bytes, 56)),
        })
    }

    /// The header that `bytes` were before one of them was damaged: without it, nothing in the
    /// segment could be read. A wrong guess passes the checksum once in 250,000 times, and then no
    /// frame passes its own.
    pub(super) fn mend(bytes: &[u8]) -> Option<Self> {
        let mut bytes = *bytes.first_chunk::<HEADER>()?;
        for at in 0..HEADER {
            let found = bytes[at];
            for byte in 0..=u8::MAX {
                bytes[at] = byte;
                if is_whole(&bytes) {
                    return Self::decode(&bytes).ok();
                }
            }
            bytes[at] = found;
        }
        None
    }

    /// What the checksums of its frames begin with.
    pub(super) fn checksum(&self) -> Checksum {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.salt.to_le_bytes());
        Checksum(hasher)
    }
}

fn is_whole(bytes: &[u8; HEADER]) -> bool {
    bytes[..8] == MAGIC && u32_at(bytes, 12) == header_crc(bytes)
}

fn header_crc(bytes: &[u8; HEADER]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..]);
    hasher.finalize()
}

/// The checksum of a segment's frames, its salt already in it.
#[derive(Clone, Debug)]
pub(super) struct Checksum(crc32fast::Hasher);

impl Checksum {
    fn of(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.0.clone();
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// Writes a frame of `count` events, the first of them at `base`, behind what `out` holds. Their
/// records may come in several parts.
pub(super) fn put_frame(
    out: &mut Vec<u8>,
    checksum: &Checksum,
    base: Offset,
    count: u32,
    records: &[&[u8]],
) {
    let start = out.len();
    let length: usize = records.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(&base.0.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    records.iter().for_each(|part| out.extend_from_slice(part));
    let crc = checksum.of(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Writes the seal of a segment that ends at `end`.
pub(super) fn put_seal(out: &mut Vec<u8>, checksum: &Checksum, end: Offset, sealed: UnixMillis) {
    put_frame(out, checksum, end, 0, &[&sealed.0.to_le_bytes()]);
}

/// What stands in front of a frame's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    crc: u32,
    /// Bytes of records.
    pub(super) length: usize,
    pub(super) base: Offset,
    pub(super) count: u32,
}

impl Head {
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<FRAME>()?;
        Some(Self {
            crc: u32_at(bytes, 0),
            length: u32_at(bytes, 4) as usize,
            base: Offset(u64_at(bytes, 8)),
            count: u32_at(bytes, 16),
        })
    }

    /// Nothing was written here.
    pub(super) fn is_blank(&self) -> bool {
        *self == Self { crc: 0, length: 0, base: Offset(0), count: 0 }
    }

    /// Offset behind its last event.
    pub(super) fn end(&self) -> Offset {
        Offset(self.base.0.saturating_add(u64::from(self.count)))
    }

    /// Bytes of the frame.
    pub(super) fn size(&self) -> usize {
        FRAME.saturating_add(self.length)
    }

    /// Whether it may be a frame of these offsets, in a segment with `room` bytes left; looked at
    /// before its records are read.
    pub(super) fn is_plausible(&self, from: Offset, to: Offset, room: u64) -> bool {
        let holds = self.length >= (self.count as usize).saturating_mul(LEAST_RECORD);
        let sort = match (self.count, self.length) {
            (0, length) => length == SEAL - FRAME,
            (_, 0) => true,
            _ => holds,
        };
        sort && self.size() as u64 <= room && self.base >= from && self.end() <= to
    }

    /// Whether `frame` is what was written.
    pub(super) fn is_sound(&self, checksum: &Checksum, frame: &[u8]) -> bool {
        frame.get(4..self.size()).is_some_and(|bytes| checksum.of(bytes) == self.crc)
    }
}

/// The name of a segment's file.
pub(super) fn segment_name(number: u64) -> String {
    format!("{number:012}.segment")
}

/// The number of the segment in the file of this name.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".segment")?;
    let is_ours = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then(|| digits.parse().ok()).flatten()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_OF_17: Header = Header {
        number: 17,
        base: Offset(1000),
        previous_end: Offset(990),
        salt: 0x5eed,
        made: UnixMillis(1_763_625_600_000),
        began: Offset(980),
    };

    #[test]
    fn a_header_comes_back_as_it_was_written_and_no_flipped_byte_passes() {
        let mut bytes = HEADER_OF_17.encode();
        assert_eq!(Header::decode(&bytes), Ok(HEADER_OF_17));
        for at in 0..HEADER {
            bytes[at] ^= 0x10;
            assert!(Header::decode(&bytes).is_err(), "byte {at}");
            assert_eq!(Header::mend(&bytes), Some(HEADER_OF_17), "byte {at}");
            bytes[at] ^= 0x10;
        }
        bytes[20] ^= 1;
        bytes[40] ^= 1;
        assert_eq!(Header::mend(&bytes), None);
        bytes[20] ^= 1;
        bytes[40] ^= 1;
        assert_eq!(Header::decode(&[0; HEADER]), Err(HeaderFault::Blank));
        assert_eq!(Header::decode(&bytes[..40]), Err(HeaderFault::Damaged));
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        let mut bytes = HEADER_OF_17.encode();
        bytes[8..12].copy_from_slice(&7u32.to_le_bytes());
        let crc = header_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(HeaderFault::Newer(7)));
    }

    #[test]
    fn a_frame_is_sound_in_its_own_segment_only() {
        let (own, other) = (HEADER_OF_17.checksum(), Header { salt: 1, ..HEADER_OF_17 }.checksum());
        let mut frame = Vec::new();
        put_frame(&mut frame, &own, Offset(1000), 2, &[b"01234", b"56789"]);
        let head = Head::decode(&frame).unwrap();
        assert_eq!((head.base, head.end(), head.size()), (Offset(1000), Offset(1002), frame.len()));
        assert!(head.is_sound(&own, &frame));
        assert!(!head.is_sound(&other, &frame));
        assert!(!head.is_sound(&own, &frame[..frame.len() - 1]), "cut off");
    }

    #[test]
    fn names_of_segments_sort_as_their_numbers_do() {
        assert_eq!(segment_name(17), "000000000017.segment");
        assert_eq!(segment_number("000000000017.segment"), Some(17));
        assert_eq!(segment_number("17.segment"), None);
        assert_eq!(segment_number("00000000001x.segment"), None);
    }
}
