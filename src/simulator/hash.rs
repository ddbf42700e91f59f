/// A hash of bytes in their order (FNV-1a, 64 bits), the same however they are cut: what a device
/// sent and what the web server got are equal if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningHash(u64);

impl RunningHash {
    /// Takes more bytes in.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash of `bytes` alone.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = Self::default();
        hash.add(bytes);
        hash
    }

    /// The hash as a number.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl Default for RunningHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_the_order_and_not_on_the_cuts() {
        let mut pieces = RunningHash::default();
        pieces.add(b"ab");
        pieces.add(b"");
        pieces.add(b"c");
        assert_eq!(pieces, RunningHash::of(b"abc"));
        assert_ne!(pieces, RunningHash::of(b"acb"));
        assert_eq!(RunningHash::of(b"a").value(), 0xaf63_dc4c_8601_ec8c);
    }
}
