use crate::messages::Description;

/// The first bytes that a device has sent while it had no name: what people look at to find out what
/// it is. Kept apart from what is cut, since that is gone once it is known to be no name.
#[derive(Debug)]
pub(super) struct FirstBytes {
    bytes: [u8; Description::MOST_BYTES],
    length: usize,
}

impl Default for FirstBytes {
    fn default() -> Self {
        Self { bytes: [0; Description::MOST_BYTES], length: 0 }
    }
}

impl FirstBytes {
    /// Adds what came next, as far as there is room.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = &mut self.bytes[self.length..];
        let taken = room.len().min(bytes.len());
        room[..taken].copy_from_slice(&bytes[..taken]);
        self.length += taken;
    }

    /// They.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_kept_as_are_told_and_no_more() {
        let mut first = FirstBytes::default();
        let said: Vec<u8> = (0..100).collect();
        for piece in said.chunks(30) {
            first.add(piece);
        }
        assert_eq!(first.as_slice(), &said[..64]);
    }
}
