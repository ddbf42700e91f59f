use super::{Gate, Quick, Short};
use crate::protocol::{byteset::ByteSet, field::coding::trimmed, framed::Frame, pattern::Groups};

/// Something that must hold for a frame.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Condition {
    pub subject: Subject,
    pub test: Test,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol) enum Subject {
    /// A field, by its number.
    Field(u8),
    /// A number, by its place.
    Number(Quick),
    /// How many bytes the frame has.
    Size,
}

/// What must hold for it.
#[derive(Clone, Debug)]
pub(in crate::protocol) enum Test {
    Absent,
    Present,
    /// It is one of these numbers.
    Numbers(Box<[u64]>),
    /// It lies between these, both included.
    Between(u64, u64),
    /// Of these bits it has those.
    Bits {
        mask: u64,
        is: u64,
    },
    /// It is one of these texts.
    Texts(Box<[Box<[u8]>]>),
    /// It fits.
    Fits(Box<Groups>),
}

impl Test {
    /// Whether it looks at a number.
    pub fn is_of_numbers(&self) -> bool {
        matches!(self, Self::Numbers(_) | Self::Between(..) | Self::Bits { .. })
    }
}

impl Condition {
    /// Whether it holds for `frame`.
    #[inline]
    pub fn holds(&self, frame: &Frame<'_>) -> bool {
        // What most of them look at, and every frame asks.
        if let (Subject::Number(quick), Test::Numbers(numbers)) = (self.subject, &self.test) {
            return quick.of(frame.bytes).is_some_and(|number| numbers.contains(&number));
        }
        self.holds_any(frame)
    }

    /// The byte that it looks at, if it looks at one only.
    pub(super) fn gate(&self) -> Option<Gate> {
        let (Subject::Number(quick), Test::Numbers(numbers)) = (self.subject, &self.test) else {
            return None;
        };
        let bytes: Vec<u8> = numbers.iter().filter_map(|one| u8::try_from(*one).ok()).collect();
        Some(Gate { at: quick.byte()?, bytes: ByteSet::of(&bytes) })
    }

    fn holds_any(&self, frame: &Frame<'_>) -> bool {
        match &self.test {
            Test::Absent => !self.is_there(frame),
            Test::Present => self.is_there(frame),
            Test::Numbers(numbers) => {
                self.number(frame).is_some_and(|number| numbers.contains(&number))
            }
            Test::Between(least, most) => {
                self.number(frame).is_some_and(|number| (*least..=*most).contains(&number))
            }
            Test::Bits { mask, is } => {
                self.number(frame).is_some_and(|number| number & mask == *is)
            }
            Test::Texts(texts) => self
                .with_text(frame, |text| texts.iter().any(|known| **known == *text))
                .unwrap_or(false),
            Test::Fits(pattern) => {
                self.with_text(frame, |text| pattern.fits(text)).unwrap_or(false)
            }
        }
    }

    fn is_there(&self, frame: &Frame<'_>) -> bool {
        match self.subject {
            Subject::Size | Subject::Number(_) => true,
            Subject::Field(name) => frame.field(name).is_some_and(|field| field.is_in(frame)),
        }
    }

    #[inline]
    fn number(&self, frame: &Frame<'_>) -> Option<u64> {
        match self.subject {
            Subject::Number(quick) => quick.of(frame.bytes),
            Subject::Size => Some(frame.bytes.len() as u64),
            Subject::Field(name) => frame.field(name)?.number(frame),
        }
    }

    fn with_text<T>(&self, frame: &Frame<'_>, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let Subject::Field(name) = self.subject else {
            return None;
        };
        let field = frame.field(name)?;
        if field.is_plain_text() {
            return field.raw(frame).map(|raw| look(trimmed(raw)));
        }
        let mut text = Short::new();
        field.write(frame, &mut text).then(|| look(text.as_bytes()))
    }
}
