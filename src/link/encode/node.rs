//! `format = "node"`: what a Node script writes with `JSON.stringify({data, connections, imei})`
//! for each `data` event of a socket, and nothing between two of them.

use super::{
    Encoder,
    json::{number, string},
    text::REPLACEMENT,
};
use crate::model::{Event, Offset};

const OPEN: &[u8] = br#"{"data":"#;
const NO_TEXT: &[u8] = br#"{"data":"""#;

fn close(out: &mut Vec<u8>, connections: u32, name: &str) {
    out.extend_from_slice(br#","connections":"#);
    number(out, u64::from(connections));
    out.extend_from_slice(br#","imei":"#);
    string(out, name);
    out.extend_from_slice(b"}");
}

impl Encoder {
    pub(super) fn object(&mut self, offset: Offset, event: &Event<'_>, out: &mut Vec<u8>) {
        match *event {
            Event::Data { name, session, connections, data, .. } => {
                let start = out.len();
                out.extend_from_slice(OPEN);
                self.bytes(offset, session, name, data, out);
                // Node emits no `data` for a chunk that completes no character.
                if &out[start..] == NO_TEXT {
                    out.truncate(start);
                    return;
                }
                close(out, connections, name);
            }
            Event::Offline { name, session, connections, .. } => {
                if self.texts.ended(offset, session) {
                    out.extend_from_slice(OPEN);
                    string(out, REPLACEMENT);
                    // Node emits the rest before it takes the socket out of its count.
                    close(out, connections.saturating_add(1), name);
                }
            }
            Event::Started { .. } => self.texts.clear(offset),
            Event::Online { .. } | Event::Idle { .. } | Event::Command { .. } => {}
        }
    }
}
