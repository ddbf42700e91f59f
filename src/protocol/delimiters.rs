//! The byte strings that end a frame.

/// What ends a frame: the earliest of these, and of two at the same place the longer.
#[derive(Clone, Debug)]
pub(super) struct Delimiters {
    /// The longest first; none is empty, and there is at least one.
    all: Box<[Box<[u8]>]>,
    /// The bytes that they begin with, each once.
    firsts: Box<[u8]>,
}

impl Delimiters {
    /// None if there are none, or one of them is empty.
    pub fn new(mut all: Vec<Vec<u8>>) -> Option<Self> {
        all.sort_by_key(|one| std::cmp::Reverse(one.len()));
        let mut firsts = all.iter().map(|one| one.first().copied()).collect::<Option<Vec<u8>>>()?;
        firsts.sort_unstable();
        firsts.dedup();
        let all: Box<[Box<[u8]>]> = all.into_iter().map(Vec::into_boxed_slice).collect();
        (!all.is_empty()).then(|| Self { all, firsts: firsts.into() })
    }

    /// Where the first delimiter of `bytes` at or behind `from` stands, and its length. Not sure of
    /// one at the very end that more bytes could make a longer one: the shorter counts then.
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let mut at = from;
        while let Some(next) = self.next_first(bytes.get(at..)?) {
            at += next;
            if let Some(one) = self.all.iter().find(|one| bytes[at..].starts_with(one)) {
                return Some((at, one.len()));
            }
            at += 1;
        }
        None
    }

    /// How many bytes at the end of `bytes` may be the beginning of a delimiter.
    pub fn begun(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(self.longest() - 1);
        let begins = |length: &usize| {
            let end = &bytes[bytes.len() - length..];
            self.all.iter().any(|one| one.len() > *length && one.starts_with(end))
        };
        (1..=most).rev().find(begins).unwrap_or(0)
    }

    /// The length of the longest, at least 1.
    pub fn longest(&self) -> usize {
        self.all.first().map_or(1, |one| one.len())
    }

    fn next_first(&self, bytes: &[u8]) -> Option<usize> {
        match *self.firsts {
            [a] => memchr::memchr(a, bytes),
            [a, b] => memchr::memchr2(a, b, bytes),
            [a, b, c] => memchr::memchr3(a, b, c, bytes),
            _ => bytes.iter().position(|byte| self.firsts.contains(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiters(all: &[&str]) -> Delimiters {
        Delimiters::new(all.iter().map(|one| one.as_bytes().to_vec()).collect()).unwrap()
    }

    #[test]
    fn the_earliest_ends_a_frame_and_at_one_place_the_longest() {
        let lines = delimiters(&["\n", "\r\n"]);
        assert_eq!(lines.find(b"a\rb\r\nc\n", 0), Some((3, 2)));
        assert_eq!(lines.find(b"a\rb\r\nc\n", 4), Some((4, 1)));
        assert_eq!(lines.find(b"a\rb\r", 0), None);
        assert_eq!(lines.find(b"", 0), None);
        let many = delimiters(&["#", "##", ";", "!", "</x>"]);
        assert_eq!(many.find(b"a</x##;", 0), Some((4, 2)));
        assert_eq!(many.find(b"a</x>", 0), Some((1, 4)));
    }

    #[test]
    fn what_may_be_a_beginning_is_known() {
        let lines = delimiters(&["\r\n", "\n"]);
        assert_eq!(lines.begun(b"a\r"), 1);
        assert_eq!(lines.begun(b"a\ra"), 0);
        assert_eq!(lines.begun(b""), 0);
        assert_eq!(delimiters(&["abc"]).begun(b"ab"), 2);
        assert_eq!(delimiters(&["aab"]).begun(b"caa"), 2);
    }

    #[test]
    fn nothing_ends_a_frame_nowhere() {
        assert!(Delimiters::new(vec![]).is_none());
        assert!(Delimiters::new(vec![b"a".to_vec(), vec![]]).is_none());
    }
}
