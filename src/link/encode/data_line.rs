//! The line of a `data` event, which nearly all lines are: written in one pass to room that is
//! reserved once. What it writes is what `lines` would write, and a test holds the two together.

use base64_simd::{Out as Base64Out, STANDARD};
use bytes::BytesMut;
use hex_simd::{AsciiCase, Out as HexOut};

use super::{
    Encoder, Encoding,
    json::{Moments, PAIRS, needs_escape},
};
use crate::model::{Event, Offset, SessionId};

/// What a line takes at most, apart from name, peer and data: its keys, and the longest numbers.
const REST: usize = 288;

/// The room for one line, written from the front.
struct Line<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl Line<'_> {
    /// The length is known where this is compiled, so that a piece is a move or two.
    #[inline(always)]
    fn key<const N: usize>(&mut self, text: &[u8; N]) {
        self.room[self.length..self.length + N].copy_from_slice(text);
        self.length += N;
    }

    #[inline(always)]
    fn text(&mut self, text: &str) {
        self.room[self.length..self.length + text.len()].copy_from_slice(text.as_bytes());
        self.length += text.len();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.room[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    #[inline(always)]
    fn number(&mut self, number: u64) {
        self.text(itoa::Buffer::new().format(number));
    }

    #[inline(always)]
    fn session(&mut self, session: SessionId) {
        let mut text = [0; 16];
        for (pair, byte) in text.chunks_exact_mut(2).zip(session.0.to_be_bytes()) {
            pair.copy_from_slice(&PAIRS[usize::from(byte)]);
        }
        self.key(&text);
    }

    /// Lends `length` bytes to `write`.
    fn lend(&mut self, length: usize, write: impl FnOnce(&mut [u8])) {
        write(&mut self.room[self.length..self.length + length]);
        self.length += length;
    }
}

impl Encoder {
    /// Writes the line of a `data` event; `false`, and nothing is written, where `event` is none, or
    /// is one that needs a closer look.
    pub(super) fn data_line(
        &mut self,
        offset: Offset,
        event: &Event<'_>,
        out: &mut BytesMut,
    ) -> bool {
        let Event::Data { name, session, seq, time, peer, connections, data, meaning } = *event
        else {
            return false;
        };
        let encoded = match self.encoding {
            Encoding::Base64 => STANDARD.encoded_length(data.len()),
            Encoding::Hex => data.len() * 2,
            Encoding::Text | Encoding::Buffer => return false,
        };
        if !is_plain(name) || !is_plain(peer) {
            return false;
        }
        let start = out.len();
        out.resize(start + REST + name.len() + peer.len() + encoded + meaning.len(), 0);
        let mut line = Line { room: &mut out[start..], length: 0 };
        line.key(br#"{"offset":"#);
        line.number(offset.0);
        line.key(br#","event":"data","imei":""#);
        line.text(name);
        line.key(br#"","session":""#);
        line.session(session);
        line.key(br#"","seq":"#);
        line.number(seq);
        line.key(br#","time":"#);
        let moment: &[u8; Moments::LENGTH] = self.moments.text(time);
        line.key(moment);
        line.key(br#","peer":""#);
        line.text(peer);
        line.key(br#"","connections":"#);
        line.number(u64::from(connections));
        line.key(br#","data":""#);
        line.lend(encoded, |room| match self.encoding {
            Encoding::Hex => {
                let _ = hex_simd::encode(data, HexOut::from_slice(room), AsciiCase::Lower);
            }
            _ => {
                let _ = STANDARD.encode(data, Base64Out::from_slice(room));
            }
        });
        line.key(b"\"");
        line.bytes(meaning);
        line.key(b"}\n");
        let end = start + line.length;
        out.truncate(end);
        true
    }
}

/// Whether `text` stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    // Without a way out of the loop the compiler looks at many bytes at once.
    !text.bytes().fold(false, |any, byte| any | needs_escape(byte))
}
