use std::{borrow::Borrow, fmt};

use compact_str::CompactString;

/// Who a device says it is: 1 to 64 characters from `!` to `~`, and not the word `unknown`.
///
/// Up to 24 characters are held in place, so that an IMEI costs no allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(CompactString);

/// Why bytes are no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// There was nothing.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`Name::LONGEST`].
    #[error("the name has more than {} characters", Name::LONGEST)]
    TooLong,
    /// A byte outside `!` to `~`: a space, a control character, or no ASCII.
    #[error("the name holds byte 0x{0:02x}, which is outside '!' to '~'")]
    BadByte(u8),
    /// The word that stands for devices without a name.
    #[error("the name \"unknown\" is reserved for devices that have none")]
    Reserved,
}

impl Name {
    /// Most characters of a name.
    pub const LONGEST: usize = 64;

    /// What stands in for a name on the wire while a device has none.
    pub const UNKNOWN: &'static str = "unknown";

    /// Checks `bytes` and keeps them as a name.
    pub fn new(bytes: &[u8]) -> Result<Self, NameFault> {
        if bytes.is_empty() {
            return Err(NameFault::Empty);
        }
        if bytes.len() > Self::LONGEST {
            return Err(NameFault::TooLong);
        }
        if let Some(bad) = bytes.iter().find(|byte| !byte.is_ascii_graphic()) {
            return Err(NameFault::BadByte(*bad));
        }
        if bytes == Self::UNKNOWN.as_bytes() {
            return Err(NameFault::Reserved);
        }
        let text = CompactString::from_utf8(bytes).map_err(|_| NameFault::BadByte(bytes[0]))?;
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_field_are_taken_and_everything_else_is_told_apart() {
        let longest = [b'x'; 64];
        for good in [&b"860000000000001"[..], b"!", b"pump~7", b"10.0.0.1:4000", &longest] {
            assert!(Name::new(good).is_ok());
        }
        assert_eq!(Name::new(b""), Err(NameFault::Empty));
        assert_eq!(Name::new(&[b'x'; 65]), Err(NameFault::TooLong));
        assert_eq!(Name::new(b"a b"), Err(NameFault::BadByte(b' ')));
        assert_eq!(Name::new(b"a\0"), Err(NameFault::BadByte(0)));
        assert_eq!(Name::new("ä".as_bytes()), Err(NameFault::BadByte(0xc3)));
        assert_eq!(Name::new(b"unknown"), Err(NameFault::Reserved));
    }
}
