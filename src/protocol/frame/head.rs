use crate::protocol::{byteset::ByteSet, word::Word};

/// The bytes that a frame begins with: alternatives, each a row of sets of bytes. So it is always
/// known whether some bytes are a head, are none, or may become one.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Head {
    alternatives: Box<[Box<[ByteSet]>]>,
    /// The only alternative, if each of its places takes one byte only.
    literal: Option<Word>,
}

/// How some bytes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Fit {
    Yes,
    No,
    /// They are too short to say.
    Open,
}

impl Head {
    /// A head that everything fits.
    pub fn any() -> Self {
        Self::new(vec![vec![]])
    }

    pub fn new(alternatives: Vec<Vec<ByteSet>>) -> Self {
        let literal = match &alternatives[..] {
            [only] => only.iter().map(ByteSet::single).collect::<Option<Vec<u8>>>().map(Word::new),
            _ => None,
        };
        let alternatives = alternatives.into_iter().map(Vec::into_boxed_slice).collect();
        Self { alternatives, literal }
    }

    #[inline]
    pub fn fits(&self, bytes: &[u8]) -> Fit {
        if let Some(literal) = &self.literal {
            return match literal.begins(bytes) {
                true => Fit::Yes,
                false if literal.as_bytes().starts_with(bytes) => Fit::Open,
                false => Fit::No,
            };
        }
        let mut fit = Fit::No;
        for row in &self.alternatives {
            if !row.iter().zip(bytes).all(|(set, byte)| set.has(*byte)) {
                continue;
            }
            if row.len() <= bytes.len() {
                return Fit::Yes;
            }
            fit = Fit::Open;
        }
        fit
    }

    /// How many bytes at the front of `bytes`, which fit, are fixed: all that were compared if
    /// none is.
    pub fn fixed(&self, bytes: &[u8]) -> usize {
        let fits = |row: &[ByteSet]| {
            row.len() <= bytes.len() && row.iter().zip(bytes).all(|(set, byte)| set.has(*byte))
        };
        let Some(row) = self.alternatives.iter().find(|row| fits(row)) else {
            return 0;
        };
        match row.iter().take_while(|set| set.single().is_some()).count() {
            0 => row.len(),
            fixed => fixed,
        }
    }

    /// The bytes that it is, if there is no choice.
    pub fn literal(&self) -> Option<&Word> {
        self.literal.as_ref()
    }

    /// The bytes that may come first.
    pub fn firsts(&self) -> ByteSet {
        let mut firsts = ByteSet::default();
        for row in &self.alternatives {
            firsts.join(row.first().unwrap_or(&ByteSet::ALL));
        }
        firsts
    }

    /// Whether everything fits.
    pub fn is_any(&self) -> bool {
        self.alternatives.iter().any(|row| row.is_empty())
    }

    /// The fewest bytes that can be told for a head.
    pub fn shortest(&self) -> usize {
        self.alternatives.iter().map(|row| row.len()).min().unwrap_or(0)
    }

    /// Whether some bytes fit both.
    pub fn meets(&self, other: &Self) -> bool {
        let meet = |a: &[ByteSet], b: &[ByteSet]| a.iter().zip(b).all(|(a, b)| a.meets(b));
        self.alternatives.iter().any(|a| other.alternatives.iter().any(|b| meet(a, b)))
    }
}
