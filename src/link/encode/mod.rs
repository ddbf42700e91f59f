//! Events as the web server reads them: pure, and nothing is allocated for an event.

mod data;
mod data_line;
mod json;
mod lines;
mod node;
mod text;

use std::mem;

use bytes::BytesMut;

use self::{json::Moments, text::Texts};
use super::settings::{Encoding, Format};
use crate::{
    model::{Event, Name, Offset, SessionId},
    spool::DropReason,
};

/// The first line of each link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The gateway's name; web servers remember the last offset for each.
    pub gateway: &'a str,
    /// The spool's id.
    pub spool: &'a str,
    /// Offset of the first event that follows.
    pub next: Offset,
}

/// Offsets that the web server will never see, from `from` up to and including `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First missing offset.
    pub from: Offset,
    /// Last missing offset; the gap's own offset.
    pub to: Offset,
    /// How many events are missing; fewer than offsets where numbering jumped.
    pub events: u64,
    /// Why.
    pub reason: DropReason,
}

/// Writes events behind what a buffer holds.
///
/// With [`Encoding::Text`] it remembers the unfinished characters of sessions, so the forwarder
/// tells it what never comes back ([`Encoder::acknowledged`]) and what comes again
/// ([`Encoder::rewind`]); for the other encodings both do nothing.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    encoding: Encoding,
    moments: Moments,
    texts: Texts,
    /// Room for what is being written.
    room: Vec<u8>,
}

/// Room above this is given back: the next event will hardly be as large.
const KEPT_ROOM: usize = 64 << 10;

impl Encoder {
    /// An encoder that has seen nothing yet.
    pub fn new(format: Format, encoding: Encoding) -> Self {
        // An array is made of the same lines, by the link.
        let format = if format == Format::JsonArray { Format::JsonLines } else { format };
        Self {
            format,
            encoding,
            moments: Moments::default(),
            texts: Texts::default(),
            room: Vec::new(),
        }
    }

    /// Writes the first line of a link; nothing with [`Format::Node`].
    pub fn hello(&mut self, hello: &Hello<'_>, out: &mut BytesMut) {
        if self.format == Format::JsonLines {
            self.written(out, |_, room| lines::hello(hello, room));
        }
    }

    /// Writes one event. [`Format::Node`] knows data only and writes nothing for others.
    pub fn event(&mut self, offset: Offset, event: &Event<'_>, out: &mut BytesMut) {
        if self.format == Format::JsonLines && self.data_line(offset, event, out) {
            return;
        }
        self.written(out, |encoder, room| match encoder.format {
            Format::JsonLines | Format::JsonArray => encoder.line(offset, event, room),
            Format::Node => encoder.object(offset, event, room),
        });
    }

    /// Many small pieces cost less where they are written to a vector, and go to `out` as one.
    fn written(&mut self, out: &mut BytesMut, write: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let mut room = mem::take(&mut self.room);
        room.clear();
        write(self, &mut room);
        out.extend_from_slice(&room);
        if room.capacity() <= KEPT_ROOM {
            self.room = room;
        }
    }

    /// Writes a gap; nothing with [`Format::Node`]. What sessions had begun before events that are
    /// missing is forgotten.
    pub fn gap(&mut self, gap: &Gap, out: &mut BytesMut) {
        if gap.events > 0 {
            self.texts.clear(gap.to);
        }
        if self.format == Format::JsonLines {
            self.written(out, |_, room| lines::gap(gap, room));
        }
    }

    /// Everything up to and including `through` is delivered and will not be encoded again.
    pub fn acknowledged(&mut self, through: Offset) {
        self.texts.acknowledged(through);
    }

    /// The events from `from` on will be encoded again: after a broken link, or because the last
    /// one written did not fit and was cut off.
    pub fn rewind(&mut self, from: Offset) {
        self.texts.rewind(from);
    }

    fn bytes(
        &mut self,
        offset: Offset,
        session: SessionId,
        name: &str,
        data: &[u8],
        out: &mut Vec<u8>,
    ) {
        match self.encoding {
            Encoding::Base64 => data::base64(out, data),
            Encoding::Hex => data::hex(out, data),
            Encoding::Buffer => data::buffer(out, data),
            Encoding::Text => {
                let nameless = name == Name::UNKNOWN;
                out.extend_from_slice(b"\"");
                self.texts.data(offset, session, nameless, data, |text| json::inside(out, text));
                out.extend_from_slice(b"\"");
            }
        }
    }

    /// Bytes that belong to no stream: an answer to a command. A character that is cut in two waits
    /// for no rest.
    fn whole(&self, data: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Base64 => data::base64(out, data),
            Encoding::Hex => data::hex(out, data),
            Encoding::Buffer => data::buffer(out, data),
            Encoding::Text => json::string(out, &String::from_utf8_lossy(data)),
        }
    }
}

#[cfg(test)]
mod tests;
