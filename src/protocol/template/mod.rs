//! Bytes to send, with places to fill in.

mod format;
mod time;

pub(super) use format::Format;
pub(super) use time::Clock;

use super::{field::Out, framed::Frame, region::Region, sum::Sum};
use crate::model::{Name, UnixMillis};

/// Most pieces of a template.
pub(super) const MOST: usize = 48;

/// Bytes to send, piece by piece.
#[derive(Clone, Debug)]
pub(super) struct Template(pub Box<[Piece]>);

/// A piece of what is sent.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Literal(Box<[u8]>),
    /// A field: its bytes as they came, or its value in another form. A reply whose field is not
    /// there is not sent, unless it is `optional`.
    Field {
        name: u8,
        format: Option<Format>,
        optional: bool,
        is_id: bool,
    },
    /// Who the device is, as a text.
    Name,
    /// A part of who the device is.
    NamePart {
        over: Region,
        format: Format,
    },
    /// A part of the frame.
    Frame(Region),
    /// How many bytes a part of what is sent has.
    Length {
        over: Region,
        format: Format,
    },
    /// How many bytes a field has, or without a name what a command is about to send.
    Count {
        name: Option<u8>,
        format: Format,
    },
    /// The sum of a part of what is sent, or of the frame.
    Sum {
        sum: Sum,
        of_frame: bool,
        over: Region,
        format: Format,
    },
    Clock(Clock),
    /// How many parts a field falls into at a separator.
    Tally {
        name: u8,
        separator: Box<[u8]>,
        format: Format,
    },
    /// What a command or a device is about to send.
    Payload,
    /// The number of what a device sends.
    Seq(Format),
}

/// What is known when something is sent.
#[derive(Clone, Copy, Debug)]
pub struct Given<'g> {
    /// Who the device is, once it has a name.
    pub name: Option<&'g Name>,
    /// What time it is.
    pub now: UnixMillis,
    /// Whether the device is let in.
    pub accepted: bool,
}

/// Replies, one behind the other. Kept and used again they allocate nothing.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Replies {
    /// Forgets them.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// All of them in order, to be sent as they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Adds what `write` writes, unless it says that there is nothing to send.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let before = self.bytes.len();
        if write(&mut self.bytes) && self.bytes.len() > before {
            self.ends.push(self.bytes.len());
        } else {
            self.bytes.truncate(before);
        }
    }
}

impl Template {
    /// Whether it holds what is about to be sent.
    pub fn holds_payload(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Payload))
    }

    /// Whether it holds the time.
    pub fn tells_time(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Clock(_)))
    }

    /// Writes it behind what `out` holds. `false` if something that it needs is not there; `out`
    /// may hold some of it then.
    pub fn write(
        &self,
        frame: Option<&Frame<'_>>,
        given: &Given<'_>,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        self.write_numbered(frame, given, payload, None, out)
    }

    /// The same, where what is sent has a number.
    pub fn write_numbered(
        &self,
        frame: Option<&Frame<'_>>,
        given: &Given<'_>,
        payload: &[u8],
        seq: Option<u64>,
        out: &mut Vec<u8>,
    ) -> bool {
        let from = out.len();
        let mut at = [0; MOST];
        for (piece, at) in self.0.iter().zip(&mut at) {
            *at = out.len() - from;
            if piece.write(frame, given, payload, seq, out).is_none() {
                return false;
            }
        }
        // Sums run over lengths, so that lengths come first.
        let places = || self.0.iter().zip(at);
        let lengths = places().filter(|(piece, _)| matches!(piece, Piece::Length { .. }));
        let sums = places().filter(|(piece, _)| matches!(piece, Piece::Sum { .. }));
        lengths.chain(sums).all(|(piece, at)| piece.fill(&mut out[from..], at).is_some())
    }
}

impl Piece {
    /// Writes it; room for what counts in the finished reply.
    fn write(
        &self,
        frame: Option<&Frame<'_>>,
        given: &Given<'_>,
        payload: &[u8],
        seq: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        match self {
            Self::Seq(format) => format.number(seq?, out),
            Self::Literal(bytes) => out.extend_from_slice(bytes),
            Self::Payload => out.extend_from_slice(payload),
            Self::Clock(clock) => clock.write(given.now, out)?,
            Self::Name => match given.name {
                Some(name) => out.extend_from_slice(name.as_str().as_bytes()),
                None => out.extend_from_slice(frame?.name()?.ok()?.as_str().as_bytes()),
            },
            Self::NamePart { over, format } => {
                let name = given.name?.as_str().as_bytes();
                format.text(&name[over.within(name.len(), name.len())?], out)?;
            }
            Self::Field { name, format, optional, is_id } => {
                let before = out.len();
                let in_frame =
                    frame.and_then(|frame| write_field(frame, *name, format.as_ref(), out));
                if in_frame.is_some() {
                    return Some(());
                }
                out.truncate(before);
                let named = given.name.filter(|_| *is_id);
                if named.and_then(|name| write_name(name, format.as_ref(), out)).is_none() {
                    out.truncate(before);
                    return optional.then_some(());
                }
            }
            Self::Frame(region) => out.extend_from_slice(super::field::part(frame?, region)?),
            Self::Length { format, .. } | Self::Sum { of_frame: false, format, .. } => {
                out.resize(out.len() + format.width()?, 0);
            }
            Self::Sum { sum, over, format, .. } => {
                format.number(sum.of(super::field::part(frame?, over)?), out);
            }
            Self::Count { name, format } => {
                let bytes = match (name, frame) {
                    (None, _) => payload,
                    (Some(name), Some(frame)) => frame.field(*name)?.raw(frame)?,
                    (Some(_), None) => return None,
                };
                format.number(bytes.len() as u64, out);
            }
            Self::Tally { name, separator, format } => {
                let frame = frame?;
                let raw = frame.field(*name)?.raw(frame)?;
                let raw = raw.strip_suffix(&separator[..]).unwrap_or(raw);
                let parts = match raw.is_empty() {
                    true => 0,
                    false => 1 + memchr::memmem::find_iter(raw, separator).count(),
                };
                format.number(parts as u64, out);
            }
        }
        Some(())
    }

    /// Fills in what counts in the finished `reply`, in the room kept at `at`.
    fn fill(&self, reply: &mut [u8], at: usize) -> Option<()> {
        let (value, format) = match self {
            Self::Length { over, format } => (over.within(reply.len(), at)?.len() as u64, format),
            Self::Sum { sum, of_frame: false, over, format } => {
                (sum.of(&reply[over.within(reply.len(), at)?]), format)
            }
            _ => return Some(()),
        };
        let width = format.width()?;
        let mut room = Room { bytes: reply.get_mut(at..at + width)?, used: 0 };
        format.number(value, &mut room);
        Some(())
    }
}

fn write_field(
    frame: &Frame<'_>,
    name: u8,
    format: Option<&Format>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let field = frame.field(name)?;
    match format {
        None => out.extend_from_slice(field.raw(frame)?),
        Some(Format::Text) => return field.write(frame, out).then_some(()),
        Some(bcd @ Format::Bcd { .. }) => {
            let mut digits = super::field::Short::new();
            field.write(frame, &mut digits).then_some(())?;
            bcd.text(digits.as_bytes(), out)?;
        }
        Some(format) => format.number(field.number(frame)?, out),
    }
    Some(())
}

/// The name that a device has told earlier stands in for the field that tells it.
fn write_name(name: &Name, format: Option<&Format>, out: &mut Vec<u8>) -> Option<()> {
    format.unwrap_or(&Format::Text).text(name.as_str().as_bytes(), out)
}

/// Bytes that are written over.
struct Room<'r> {
    bytes: &'r mut [u8],
    used: usize,
}

impl Out for Room<'_> {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
    }
}
