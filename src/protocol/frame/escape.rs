use crate::protocol::byteset::ByteSet;

/// Bytes that stand for others, so that a frame never holds the byte that ends it.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Escape {
    /// What stands on the wire, and what it means. None is empty.
    pairs: Box<[Pair]>,
    xor: Option<Xor>,
    /// So many bytes at both ends are markers and stay as they are.
    flag: usize,
    /// The bytes that begin what stands for something else.
    firsts: ByteSet,
    /// The only one of them.
    first: Option<u8>,
}

type Pair = (Box<[u8]>, Box<[u8]>);

/// A byte behind which the next one is turned by a mask.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Xor {
    pub byte: u8,
    pub mask: u8,
    /// The bytes that are written so.
    pub markers: Box<[u8]>,
}

impl Escape {
    pub fn new(pairs: Vec<Pair>, xor: Option<Xor>, flag: usize) -> Self {
        let mut firsts = ByteSet::default();
        pairs.iter().for_each(|(wire, _)| firsts.insert(wire[0]));
        xor.iter().for_each(|xor| firsts.insert(xor.byte));
        Self { pairs: pairs.into(), xor, flag, firsts, first: firsts.single() }
    }

    /// Whether `frame` holds anything that may stand for something else.
    pub fn is_in(&self, frame: &[u8]) -> bool {
        match self.first {
            Some(first) => memchr::memchr(first, frame).is_some(),
            None => frame.iter().any(|byte| self.firsts.has(*byte)),
        }
    }

    /// Writes what `frame` means to `out`.
    pub fn undo(&self, frame: &[u8], out: &mut Vec<u8>) {
        self.each(frame, |plain, _| out.extend_from_slice(plain));
    }

    /// Tells piece by piece what `frame` means, and how many bytes of it each piece takes.
    #[inline]
    pub fn each(&self, frame: &[u8], mut tell: impl FnMut(&[u8], usize)) {
        let mut rest = frame;
        while let Some(first) = rest.first() {
            let used = match self.meaning(rest) {
                Some(Meaning::Bytes(plain, used)) => {
                    tell(plain, used);
                    used
                }
                Some(Meaning::Turned(byte)) => {
                    tell(&[byte], 2);
                    2
                }
                None => {
                    tell(&[*first], 1);
                    1
                }
            };
            rest = &rest[used..];
        }
    }

    /// Escapes what was written to `out` behind `from`, but for the markers at both ends.
    pub fn apply(&self, out: &mut Vec<u8>, from: usize) {
        let end = out.len().saturating_sub(self.flag);
        let begin = from + self.flag;
        if begin >= end {
            return;
        }
        let tail = out.split_off(end);
        let plain = out.split_off(begin);
        let mut rest = &plain[..];
        while let Some(&byte) = rest.first() {
            let pair = self.pairs.iter().find(|(_, plain)| rest.starts_with(plain));
            let turned = self.xor.as_ref().filter(|xor| xor.markers.contains(&byte));
            let used = match (pair, turned) {
                (Some((wire, plain)), _) => {
                    out.extend_from_slice(wire);
                    plain.len()
                }
                (None, Some(xor)) => {
                    out.extend_from_slice(&[xor.byte, byte ^ xor.mask]);
                    1
                }
                (None, None) => {
                    out.push(byte);
                    1
                }
            };
            rest = &rest[used..];
        }
        out.extend_from_slice(&tail);
    }

    fn meaning(&self, rest: &[u8]) -> Option<Meaning<'_>> {
        if let Some(xor) = &self.xor
            && let [first, second, ..] = rest
            && *first == xor.byte
        {
            return Some(Meaning::Turned(second ^ xor.mask));
        }
        let pair = self.pairs.iter().find(|(wire, _)| rest.starts_with(wire));
        pair.map(|(wire, plain)| Meaning::Bytes(plain, wire.len()))
    }
}

enum Meaning<'a> {
    /// These bytes, for so many on the wire.
    Bytes(&'a [u8], usize),
    Turned(u8),
}
