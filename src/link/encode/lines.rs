//! `format = "json-lines"`: one object a line, keys in a fixed order.

use super::{
    Encoder, Gap, Hello,
    json::{self, number, string},
    text::REPLACEMENT,
};
use crate::model::{CommandState, Event, Offset, SessionId, UnixMillis};

/// About what a line takes apart from a device's bytes.
const USUAL_LINE: usize = 256;

pub(super) fn hello(hello: &Hello<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"hello":"tetherd","protocol":1,"gateway":"#);
    string(out, hello.gateway);
    out.extend_from_slice(br#","spool":"#);
    string(out, hello.spool);
    out.extend_from_slice(br#","next":"#);
    number(out, hello.next.0);
    out.extend_from_slice(b"}\n");
}

pub(super) fn gap(gap: &Gap, out: &mut Vec<u8>) {
    head(out, gap.to, "gap");
    out.extend_from_slice(br#","from":"#);
    number(out, gap.from.0);
    out.extend_from_slice(br#","to":"#);
    number(out, gap.to.0);
    out.extend_from_slice(br#","events":"#);
    number(out, gap.events);
    out.extend_from_slice(br#","reason":"#);
    string(out, gap.reason.as_str());
    out.extend_from_slice(b"}\n");
}

fn head(out: &mut Vec<u8>, offset: Offset, kind: &str) {
    out.extend_from_slice(br#"{"offset":"#);
    number(out, offset.0);
    out.extend_from_slice(br#","event":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\"");
}

fn connections(out: &mut Vec<u8>, count: u32) {
    out.extend_from_slice(br#","connections":"#);
    number(out, u64::from(count));
}

fn peer(out: &mut Vec<u8>, peer: &str) {
    out.extend_from_slice(br#","peer":"#);
    string(out, peer);
}

fn device(out: &mut Vec<u8>, name: &str, session: SessionId) {
    out.extend_from_slice(br#","imei":"#);
    string(out, name);
    out.extend_from_slice(br#","session":"#);
    json::session(out, session);
}

impl Encoder {
    pub(super) fn line(&mut self, offset: Offset, event: &Event<'_>, out: &mut Vec<u8>) {
        out.reserve(USUAL_LINE);
        head(out, offset, event.kind());
        match *event {
            Event::Started { time, clean } => {
                self.texts.clear(offset);
                self.time(out, time);
                out.extend_from_slice(br#","clean":"#);
                out.extend_from_slice(if clean { b"true" } else { b"false" });
            }
            Event::Online { name, session, time, peer: from, connections: count } => {
                device(out, name, session);
                self.time(out, time);
                peer(out, from);
                connections(out, count);
            }
            Event::Data {
                name,
                session,
                seq,
                time,
                peer: from,
                connections: count,
                data,
                meaning,
            } => {
                device(out, name, session);
                out.extend_from_slice(br#","seq":"#);
                number(out, seq);
                self.time(out, time);
                peer(out, from);
                connections(out, count);
                out.extend_from_slice(br#","data":"#);
                self.bytes(offset, session, name, data, out);
                out.extend_from_slice(meaning);
            }
            Event::Idle { name, session, time, connections: count } => {
                device(out, name, session);
                self.time(out, time);
                connections(out, count);
            }
            Event::Offline { .. } => self.offline(offset, event, out),
            Event::Command { .. } => self.command(event, out),
        }
        out.extend_from_slice(b"}\n");
    }

    fn offline(&mut self, offset: Offset, event: &Event<'_>, out: &mut Vec<u8>) {
        let Event::Offline {
            name,
            session,
            time,
            reason,
            received_bytes,
            sent_bytes,
            connections: count,
        } = *event
        else {
            return;
        };
        device(out, name, session);
        self.time(out, time);
        out.extend_from_slice(br#","reason":"#);
        string(out, reason.as_str());
        out.extend_from_slice(br#","received_bytes":"#);
        number(out, received_bytes);
        out.extend_from_slice(br#","sent_bytes":"#);
        number(out, sent_bytes);
        connections(out, count);
        if self.texts.ended(offset, session) {
            out.extend_from_slice(br#","data":"#);
            string(out, REPLACEMENT);
        }
    }

    fn command(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Event::Command { id, name, attempt, state, time, data, reason } = *event else {
            return;
        };
        out.extend_from_slice(br#","id":"#);
        string(out, id);
        out.extend_from_slice(br#","imei":"#);
        string(out, name);
        out.extend_from_slice(br#","attempt":"#);
        number(out, u64::from(attempt));
        out.extend_from_slice(br#","state":"#);
        string(out, state.as_str());
        self.time(out, time);
        if state == CommandState::Answered {
            out.extend_from_slice(br#","data":"#);
            self.whole(data, out);
        }
        if let Some(reason) = reason {
            out.extend_from_slice(br#","reason":"#);
            string(out, reason.as_str());
        }
    }

    fn time(&mut self, out: &mut Vec<u8>, time: UnixMillis) {
        out.extend_from_slice(br#","time":"#);
        self.moments.write(out, time);
    }
}
