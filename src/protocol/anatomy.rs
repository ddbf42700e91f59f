//! What each byte of a frame is, for people who write protocol files.

use std::ops::Range;

use super::{
    Checked,
    field::integer_word,
    frame::{End, Shape, integer},
    framed::Frame,
};

/// What the parts of one frame are, taken out of it, so that it outlives what was cut.
#[derive(Clone, Debug)]
pub struct Anatomy {
    bytes: Vec<u8>,
    shape: Box<Shape>,
    /// Fields and checksum, by their places in `bytes`.
    parts: Vec<Part>,
}

/// Some bytes that mean something together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where they stand.
    pub range: Range<usize>,
    /// What they are.
    pub what: What,
    /// How they are written, in the words of protocol files; empty if that says nothing.
    pub form: String,
    /// What they say; empty if they say nothing. Any bytes.
    pub value: Vec<u8>,
}

/// What some bytes of a frame are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// They open the frame.
    Head,
    /// They say how long the frame is.
    Length,
    /// They say how long the field of this name is.
    LengthOf(String),
    /// The field of this name, or a piece of it.
    Field(String),
    /// The checksum.
    Check {
        /// Whether it is right.
        ok: bool,
        /// What should stand there; none where the frame is too short to say.
        expected: Option<Vec<u8>>,
    },
    /// They stand for other bytes, which are the value.
    Escape,
    /// They close the frame.
    Tail,
    /// They end the frame, and are no part of it.
    Delimiter,
    /// They were passed over in front of the frame.
    Passed,
    /// They are dropped.
    Dropped,
    /// The protocol file says nothing of them.
    Unknown,
}

impl Frame<'_> {
    /// What its parts are.
    pub fn anatomy(&self) -> Anatomy {
        let mut parts = Vec::new();
        for field in &self.shape.fields {
            let name = &self.vocabulary.names[usize::from(field.name)];
            for stand in field.stands(self) {
                let what = match stand.is_length {
                    true => What::LengthOf(name.to_string()),
                    false => What::Field(name.to_string()),
                };
                let (range, form, value) = (stand.range, stand.form, stand.value);
                parts.push(Part { range, what, form, value });
            }
        }
        if let Some(check) = &self.shape.check
            && let Some(range) = check.stands(self.bytes.len())
        {
            let ok = self.check() == Checked::Ok;
            let what = What::Check { ok, expected: check.expected(self.bytes) };
            parts.push(Part { range, what, form: check.name.to_string(), value: Vec::new() });
        }
        Anatomy { bytes: self.bytes.to_vec(), shape: Box::new(self.shape.clone()), parts }
    }
}

impl Anatomy {
    /// The parts of `wire`, the bytes that the frame was cut out of, in their order and with
    /// nothing left out. A byte may belong to several.
    pub fn on(&self, wire: &[u8]) -> Vec<Part> {
        let plain = Plain::of(&self.shape, wire);
        let found = memchr::memmem::find(&plain.bytes, &self.bytes).unwrap_or(0);
        let begin = found.saturating_sub(self.shape.drop_head);
        let behind = found + self.bytes.len();
        let end = (behind + self.shape.drop_tail).min(plain.bytes.len());
        let mut parts = self.frame_parts(&plain.bytes[begin..end]);
        parts.iter_mut().for_each(|part| part.move_by(begin));
        parts.extend(self.parts.iter().cloned().map(|mut part| {
            part.move_by(found);
            part
        }));
        fill(&mut parts, begin..found.min(end), What::Dropped);
        fill(&mut parts, found..behind.min(end), What::Unknown);
        fill(&mut parts, behind.min(end)..end, What::Dropped);
        fill(&mut parts, 0..begin, What::Passed);
        fill(&mut parts, end..plain.bytes.len(), What::Delimiter);
        parts.iter_mut().for_each(|part| part.range = plain.on_wire(&part.range));
        parts.extend(plain.escapes);
        parts.sort_by_key(|part| (part.range.start, part.range.end));
        parts
    }

    /// The parts by which `frame`, as it was cut, was found.
    fn frame_parts(&self, frame: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut add = |range: Range<usize>, what, form, value| {
            if !range.is_empty() && range.end <= frame.len() {
                parts.push(Part { range, what, form, value });
            }
        };
        let fixed = self.shape.head.fixed(frame);
        add(0..fixed, What::Head, String::new(), Vec::new());
        match &self.shape.end {
            End::Length(length) if length.at + length.size <= frame.len() => {
                let range = length.at..length.at + length.size;
                let value = integer(&frame[range.clone()], length.little).to_string();
                let form = integer_word(length.size, length.little);
                add(range, What::Length, form, value.into());
            }
            End::Digits(digits) => {
                if let Ok(range) = digits.stand(frame) {
                    let value = frame[range.clone()].to_vec();
                    let form = if digits.base == 16 { "hexdigits" } else { "decimal" };
                    add(range, What::Length, form.to_owned(), value);
                }
            }
            End::Until(until) => {
                if let Some(range) = until.stands(frame) {
                    add(range, What::Tail, String::new(), Vec::new());
                }
            }
            _ => {}
        }
        if let Some(tail) = self.shape.tail.as_ref().filter(|tail| tail.ends(frame)) {
            add(frame.len() - tail.len()..frame.len(), What::Tail, String::new(), Vec::new());
        }
        parts
    }
}

impl Part {
    fn move_by(&mut self, count: usize) {
        self.range = self.range.start + count..self.range.end + count;
    }
}

/// What some bytes of the wire mean, and where each byte of that stands.
struct Plain {
    bytes: Vec<u8>,
    /// For each byte: its place on the wire. One more, for the end.
    places: Vec<usize>,
    escapes: Vec<Part>,
}

impl Plain {
    fn of(shape: &Shape, wire: &[u8]) -> Self {
        let Some(escape) = &shape.escape else {
            let (bytes, places) = (wire.to_vec(), (0..=wire.len()).collect());
            return Self { bytes, places, escapes: Vec::new() };
        };
        let (mut bytes, mut places, mut escapes) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        escape.each(wire, |plain, used| {
            if wire[at..at + used] != *plain {
                let range = at..at + used;
                let (form, value) = (String::new(), plain.to_vec());
                escapes.push(Part { range, what: What::Escape, form, value });
            }
            bytes.extend_from_slice(plain);
            places.extend(plain.iter().map(|_| at));
            at += used;
        });
        places.push(at);
        Self { bytes, places, escapes }
    }

    fn on_wire(&self, range: &Range<usize>) -> Range<usize> {
        let place = |at: usize| self.places.get(at).or(self.places.last()).copied().unwrap_or(0);
        place(range.start)..place(range.end)
    }
}

/// Adds what none of `parts` has of `whole`.
fn fill(parts: &mut Vec<Part>, whole: Range<usize>, what: What) {
    let mut known: Vec<Range<usize>> = parts.iter().map(|part| part.range.clone()).collect();
    known.sort_by_key(|range| range.start);
    let mut at = whole.start;
    for range in known.into_iter().chain(std::iter::once(whole.end..whole.end)) {
        let free = at..range.start.min(whole.end);
        at = at.max(range.end);
        if !free.is_empty() {
            let (form, value) = (String::new(), Vec::new());
            parts.push(Part { range: free, what: what.clone(), form, value });
        }
    }
}
