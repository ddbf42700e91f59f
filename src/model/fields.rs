/// What is left of a stored record while its fields are taken from the front: numbers with their low byte
/// first, texts behind their length. Every answer is `None` where the record ends too early, or holds
/// no such field.
#[derive(Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Bytes behind their length of four bytes.
    pub fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// Text behind its length of four bytes.
    pub fn long_text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.long()?).ok()
    }

    /// Text behind its length of one byte.
    pub fn short_text(&mut self) -> Option<&'a str> {
        let length = self.byte()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_one_behind_the_other_until_a_record_ends() {
        let record = [7, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 1, 0, 0, 0, b'c', 0xff];
        let mut fields = Fields(&record);
        assert_eq!((fields.byte(), fields.u32(), fields.u64()), (Some(7), Some(1), Some(2)));
        assert_eq!((fields.short_text(), fields.long_text()), (Some("ab"), Some("c")));
        assert_eq!(fields.short_text(), None, "it would be longer than what is left");
        assert_eq!((fields.u32(), fields.long(), fields.byte()), (None, None, None));
        assert_eq!(Fields(&[1, 0, 0, 0, 0xff]).long_text(), None, "it is no UTF-8");
    }
}
