//! What stands where in a frame, and what it means.

mod coding;
mod condition;
mod finish;
mod places;
mod text;

pub(super) use coding::{Coding, integer_size, integer_word};
pub(super) use condition::{Condition, Subject, Test};
pub(super) use finish::Finish;
pub(super) use text::{Out, Short};

use super::{
    byteset::ByteSet,
    framed::Frame,
    pattern::Groups,
    region::{Region, place},
};

/// Most fields of a frame.
pub(super) const MOST: usize = 32;

/// A field of a frame: ways to find it, of which the first that leads somewhere counts.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Its number among the names of the protocol's fields.
    pub name: u8,
    ways: Box<[Way]>,
    quick: Option<Quick>,
    gate: Option<Gate>,
}

/// A field is in frames only that have one of these bytes at this place.
#[derive(Clone, Copy, Debug)]
struct Gate {
    at: usize,
    bytes: ByteSet,
}

/// One way to find a field.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub when: Box<[Condition]>,
    pub place: Place,
    pub coding: Coding,
    pub finish: Finish,
}

/// Where a field stands.
#[derive(Clone, Debug)]
pub(super) enum Place {
    At {
        at: i32,
        extent: Extent,
    },
    /// In a group of the pattern that fitted; for each of the frame's patterns, which.
    Group(Box<[Option<u8>]>),
    /// In the first group of a pattern, or what fits the whole of it.
    Search(Groups),
    /// Several fields, one behind the other.
    Join(Box<[Way]>),
}

/// How long it is.
#[derive(Clone, Debug)]
pub(super) enum Extent {
    Size(usize),
    /// Up to this place.
    To(i32),
    /// What so many bytes in front of it say.
    Prefix {
        size: usize,
        little: bool,
    },
    /// Up to this, or to the end of the frame.
    Until(Box<[u8]>),
}

/// What was found: the way that led to a field, and its bytes unless it is put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'w, 'f> {
    way: &'w Way,
    raw: Option<&'f [u8]>,
}

impl Field {
    pub fn new(name: u8, ways: Vec<Way>) -> Self {
        let quick = match &ways[..] {
            [way] => way.quick(),
            _ => None,
        };
        Self { name, ways: ways.into(), quick, gate: None }
    }

    /// Lets its conditions look at numbers of the same kind of frame where they stand.
    pub fn settle(&mut self, quick: impl Fn(u8) -> Option<Quick>) {
        for condition in self.ways.iter_mut().flat_map(|way| &mut way.when) {
            if let Subject::Field(name) = condition.subject
                && condition.test.is_of_numbers()
                && let Some(quick) = quick(name)
            {
                condition.subject = Subject::Number(quick);
            }
        }
        if let [way] = &*self.ways {
            self.gate = way.when.iter().find_map(Condition::gate);
        }
    }

    /// Where its number stands, if that is always the same place.
    pub fn quick(&self) -> Option<Quick> {
        self.quick
    }

    /// The way that leads to it in `frame`.
    #[inline]
    pub fn find<'w, 'f>(&'w self, frame: &Frame<'f>) -> Option<Found<'w, 'f>> {
        if self.gate.as_ref().is_some_and(|gate| !gate.is_open(frame.bytes)) {
            return None;
        }
        self.ways.iter().find_map(|way| way.find(frame))
    }

    /// The bytes of the field in `frame`.
    pub fn raw<'f>(&self, frame: &Frame<'f>) -> Option<&'f [u8]> {
        self.find(frame)?.raw
    }

    /// Its number, if it is one.
    #[inline]
    pub fn number(&self, frame: &Frame<'_>) -> Option<u64> {
        if let Some(quick) = self.quick {
            return quick.of(frame.bytes);
        }
        self.find(frame)?.number()
    }

    /// Writes what it means to `out`; `false` if it is not there, and `out` may hold some of it.
    pub fn write(&self, frame: &Frame<'_>, out: &mut impl Out) -> bool {
        self.find(frame).is_some_and(|found| found.write(frame, out))
    }

    /// Whether it is there.
    pub fn is_in(&self, frame: &Frame<'_>) -> bool {
        self.find(frame).is_some()
    }

    /// Whether one of its ways asks for something.
    pub fn has_conditions(&self) -> bool {
        self.ways.iter().any(|way| !way.when.is_empty())
    }

    /// What its ways ask for.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.ways.iter().flat_map(|way| &way.when)
    }

    /// Whether what stands in the frame is what it means.
    fn is_plain_text(&self) -> bool {
        self.ways.iter().all(|way| {
            let in_place = !matches!(way.place, Place::Join(_));
            in_place && way.coding == Coding::Ascii && way.finish.is_plain()
        })
    }
}

impl Found<'_, '_> {
    /// How it is written.
    pub fn coding(&self) -> Coding {
        self.way.coding
    }

    /// Whether it is told as a number: digits that are cut or filled up are a text.
    pub fn is_number(&self) -> bool {
        self.way.finish.is_plain() && self.number().is_some()
    }

    /// Its number, if it is one.
    pub fn number(&self) -> Option<u64> {
        let number = self.way.coding.number(self.raw?)?;
        Some(self.way.finish.number(number))
    }

    /// What it means, as a part of `short`; none if it means nothing.
    #[inline]
    pub fn text<'s>(&self, frame: &Frame<'_>, short: &'s mut Short) -> Option<&'s [u8]> {
        match self.raw {
            Some(raw) => self.way.finish.text(self.way.coding, raw, short),
            None => self.write(frame, short).then(|| short.as_bytes()),
        }
    }

    /// Writes what it means to `out`; `false` if it means nothing, and `out` may hold some of it.
    pub fn write(&self, frame: &Frame<'_>, out: &mut impl Out) -> bool {
        match (self.raw, &self.way.place) {
            (Some(raw), _) => self.way.finish.write(self.way.coding, raw, out),
            (None, Place::Join(parts)) => parts
                .iter()
                .all(|part| part.find(frame).is_some_and(|found| found.write(frame, out))),
            (None, _) => false,
        }
    }
}

impl Gate {
    #[inline]
    fn is_open(&self, frame: &[u8]) -> bool {
        frame.get(self.at).is_some_and(|byte| self.bytes.has(*byte))
    }
}

/// A number that always stands at the same place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quick {
    at: i32,
    size: u8,
    little: bool,
}

impl Quick {
    /// Where it is, if it is one byte counted from the beginning.
    fn byte(self) -> Option<usize> {
        usize::try_from(self.at).ok().filter(|_| self.size == 1)
    }

    #[inline]
    pub fn of(self, bytes: &[u8]) -> Option<u64> {
        let at = place(self.at, bytes.len())?;
        let raw = bytes.get(at..at + usize::from(self.size))?;
        Some(super::frame::integer(raw, self.little))
    }
}

impl Way {
    #[inline]
    fn find<'f>(&self, frame: &Frame<'f>) -> Option<Found<'_, 'f>> {
        let may = self.when.iter().all(|condition| condition.holds(frame));
        if may { self.found(frame) } else { None }
    }

    fn found<'f>(&self, frame: &Frame<'f>) -> Option<Found<'_, 'f>> {
        if let Place::Join(parts) = &self.place {
            let whole = parts.iter().all(|part| part.find(frame).is_some());
            return whole.then_some(Found { way: self, raw: None });
        }
        let raw = self.raw(frame)?;
        self.coding.is_sound(raw).then_some(Found { way: self, raw: Some(raw) })
    }

    #[inline]
    fn raw<'f>(&self, frame: &Frame<'f>) -> Option<&'f [u8]> {
        let bytes = frame.bytes;
        match &self.place {
            Place::At { at, extent } => extent.of(bytes, place(*at, bytes.len())?),
            Place::Group(groups) => frame.group(groups),
            Place::Search(groups) => {
                let places = groups.places(bytes)?;
                let (start, end) = places.of(1).or_else(|| places.of(0))?;
                Some(&bytes[start..end])
            }
            Place::Join(_) => None,
        }
    }

    fn quick(&self) -> Option<Quick> {
        let Place::At { at, extent: Extent::Size(size @ 1..=8) } = &self.place else {
            return None;
        };
        let Coding::Integer { little, .. } = self.coding else {
            return None;
        };
        let plain = self.when.is_empty() && self.finish.keeps_numbers();
        plain.then_some(Quick { at: *at, size: *size as u8, little })
    }
}

impl Extent {
    #[inline]
    fn of<'f>(&self, bytes: &'f [u8], at: usize) -> Option<&'f [u8]> {
        match self {
            Self::Size(size) => bytes.get(at..at.checked_add(*size)?),
            Self::To(to) => bytes.get(at..place(*to, bytes.len())?),
            Self::Prefix { size, little } => {
                let start = at.checked_add(*size)?;
                let length = super::frame::integer(bytes.get(at..start)?, *little);
                bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
            }
            Self::Until(end) => {
                let rest = bytes.get(at..)?;
                let length = memchr::memmem::find(rest, end).unwrap_or(rest.len());
                Some(&rest[..length])
            }
        }
    }
}

/// A region of a frame.
pub(super) fn part<'f>(frame: &Frame<'f>, region: &Region) -> Option<&'f [u8]> {
    let length = frame.bytes.len();
    Some(&frame.bytes[region.within(length, length)?])
}
