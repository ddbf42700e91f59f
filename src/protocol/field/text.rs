/// Where values are written to.
pub(in crate::protocol) trait Out {
    fn push(&mut self, byte: u8);

    fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }

    fn decimal(&mut self, number: u64) {
        self.extend(itoa::Buffer::new().format(number).as_bytes());
    }
}

impl Out for Vec<u8> {
    fn push(&mut self, byte: u8) {
        Vec::push(self, byte);
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A text of a name's length and a little more, which allocates nothing. What does not fit is left
/// out, and the text is longer than any name.
#[derive(Debug)]
pub(in crate::protocol) struct Short {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Short {
    const MOST: usize = 96;

    pub fn new() -> Self {
        Self { bytes: [0; Self::MOST], length: 0 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Out for Short {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.length..self.length + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => bytes.iter().for_each(|byte| self.push(*byte)),
        }
    }
}
