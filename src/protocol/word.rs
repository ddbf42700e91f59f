/// A few bytes that are compared often: up to eight of them by one comparison of numbers.
#[derive(Clone, Debug)]
pub(super) struct Word {
    bytes: Box<[u8]>,
    /// The bytes as a number, the first one lowest, and the bits that it has.
    front: (u64, u64),
    /// The same as a number whose highest bytes they are.
    back: (u64, u64),
}

impl Word {
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut eight = [0; 8];
        let length = bytes.len().min(8);
        eight[..length].copy_from_slice(&bytes[..length]);
        let value = u64::from_le_bytes(eight);
        let unused = 8 * (8 - length as u32);
        let mask = u64::MAX.checked_shr(unused).unwrap_or(0);
        let back = (value.checked_shl(unused).unwrap_or(0), mask.checked_shl(unused).unwrap_or(0));
        Self { bytes: bytes.into(), front: (value, mask), back }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first of its bytes as a number, the lowest first, and the bits that it has; the same of
    /// the last, which are the highest. None if it has more than eight.
    pub fn numbers(&self) -> Option<[(u64, u64); 2]> {
        (self.len() <= 8).then_some([self.front, self.back])
    }

    /// Whether `bytes` begins with it.
    #[inline]
    pub fn begins(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk::<8>() {
            Some(first) if self.bytes.len() <= 8 => {
                u64::from_le_bytes(*first) & self.front.1 == self.front.0
            }
            _ => bytes.starts_with(&self.bytes),
        }
    }

    /// Whether `bytes` ends with it.
    #[inline]
    pub fn ends(&self, bytes: &[u8]) -> bool {
        match bytes.last_chunk::<8>() {
            Some(last) if self.bytes.len() <= 8 => {
                u64::from_le_bytes(*last) & self.back.1 == self.back.0
            }
            _ => bytes.ends_with(&self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_length_are_found_at_both_ends() {
        let text = b"abcdefghijklmnop";
        for length in 0..=text.len() {
            for size in 0..=length {
                let bytes = &text[..length];
                let front = Word::new(bytes[..size].to_vec());
                let back = Word::new(bytes[length - size..].to_vec());
                assert!(front.begins(bytes) && back.ends(bytes), "{size} of {length}");
                assert_eq!(back.begins(bytes), bytes.starts_with(back.as_bytes()));
                assert_eq!(front.ends(bytes), bytes.ends_with(front.as_bytes()));
                assert!(size == 0 || !Word::new(vec![b'x'; size]).begins(bytes));
            }
        }
    }
}
