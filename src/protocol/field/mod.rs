//! What stands where in a frame, and what it means.

mod coding;
mod condition;
mod finish;
mod text;

pub(super) use coding::{Coding, integer_size};
pub(super) use condition::{Condition, Subject, Test};
pub(super) use finish::Finish;
pub(super) use text::{Out, Short};

use super::{
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
    pub ways: Box<[Way]>,
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

impl Field {
    /// The bytes of the field in `frame`.
    pub fn raw<'f>(&self, frame: &Frame<'f>) -> Option<&'f [u8]> {
        self.ways.iter().find_map(|way| way.raw(frame).filter(|raw| way.coding.is_sound(raw)))
    }

    /// Its number, if it is one.
    pub fn number(&self, frame: &Frame<'_>) -> Option<u64> {
        let (way, raw) = self.way(frame)?;
        way.coding.number(raw?).map(|number| way.finish.number(number))
    }

    /// Writes what it means to `out`; `false` if it is not there, and `out` may hold some of it.
    pub fn write(&self, frame: &Frame<'_>, out: &mut impl Out) -> bool {
        self.way(frame).is_some_and(|(way, _)| way.write(frame, out))
    }

    /// How the value that the field has in `frame` is written.
    pub fn coding(&self, frame: &Frame<'_>) -> Option<&Coding> {
        self.way(frame).map(|(way, _)| &way.coding)
    }

    /// Whether what stands in the frame is what it means.
    fn is_plain_text(&self) -> bool {
        self.ways.iter().all(|way| {
            let in_place = !matches!(way.place, Place::Join(_));
            in_place && way.coding == Coding::Ascii && way.finish.is_plain()
        })
    }

    /// Whether it is there.
    pub fn is_in(&self, frame: &Frame<'_>) -> bool {
        self.way(frame).is_some()
    }

    /// The way that leads to it, and its bytes unless it is put together.
    fn way<'f>(&self, frame: &Frame<'f>) -> Option<(&Way, Option<&'f [u8]>)> {
        self.ways.iter().find_map(|way| {
            if let Place::Join(parts) = &way.place {
                let whole = way.may(frame)
                    && parts
                        .iter()
                        .all(|part| part.raw(frame).is_some_and(|raw| part.coding.is_sound(raw)));
                return whole.then_some((way, None));
            }
            let raw = way.raw(frame)?;
            way.coding.is_sound(raw).then_some((way, Some(raw)))
        })
    }
}

impl Way {
    fn may(&self, frame: &Frame<'_>) -> bool {
        self.when.iter().all(|condition| condition.holds(frame))
    }

    #[inline]
    fn raw<'f>(&self, frame: &Frame<'f>) -> Option<&'f [u8]> {
        if !self.may(frame) {
            return None;
        }
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

    fn write(&self, frame: &Frame<'_>, out: &mut impl Out) -> bool {
        if let Place::Join(parts) = &self.place {
            return parts.iter().all(|part| part.write(frame, out));
        }
        let Some(raw) = self.raw(frame) else {
            return false;
        };
        self.finish.write(self.coding, raw, out)
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
