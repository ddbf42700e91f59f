//! An event as bytes: a length, a kind, and its fields in a fixed order, little-endian.
//!
//! Texts carry one byte of length (names and peers are short), data take the rest of the record.

use crate::model::{CloseReason, CommandFault, CommandState, Event, Fields, SessionId, UnixMillis};

/// Bytes of the length in front of each record.
const LENGTH: usize = 4;

/// Where the number of connections stands in a record's head, behind kind, time and session.
const CONNECTIONS: usize = 17;

/// About what the record of an event takes apart from a device's bytes.
const USUAL_HEAD: usize = 128;

mod kind {
    pub const STARTED: u8 = 1;
    pub const ONLINE: u8 = 2;
    pub const DATA: u8 = 3;
    pub const IDLE: u8 = 4;
    pub const OFFLINE: u8 = 5;
    /// Data with what their protocol reads in them.
    pub const READ: u8 = 6;
    pub const COMMAND: u8 = 7;
}

/// Writes `event` behind what `out` holds.
pub(super) fn encode(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    match *event {
        Event::Started { time, clean } => {
            out.push(kind::STARTED);
            put_time(out, time);
            out.push(u8::from(clean));
        }
        Event::Online { name, session, time, peer, connections } => {
            put_head(out, kind::ONLINE, name, session, time, connections);
            put_text(out, peer);
        }
        Event::Data { name, session, seq, time, peer, connections, data, meaning } => {
            out.reserve(data.len() + meaning.len() + USUAL_HEAD);
            let kind = if meaning.is_empty() { kind::DATA } else { kind::READ };
            put_head(out, kind, name, session, time, connections);
            put_text(out, peer);
            put_u64(out, seq);
            if !meaning.is_empty() {
                out.extend_from_slice(&(meaning.len() as u32).to_le_bytes());
                out.extend_from_slice(meaning);
            }
            out.extend_from_slice(data);
        }
        Event::Idle { name, session, time, connections } => {
            put_head(out, kind::IDLE, name, session, time, connections);
        }
        Event::Offline { name, session, time, reason, received_bytes, sent_bytes, connections } => {
            put_head(out, kind::OFFLINE, name, session, time, connections);
            out.push(reason as u8);
            put_u64(out, received_bytes);
            put_u64(out, sent_bytes);
        }
        Event::Command { id, name, attempt, state, time, data, reason } => {
            out.push(kind::COMMAND);
            put_time(out, time);
            out.extend_from_slice(&attempt.to_le_bytes());
            out.extend_from_slice(&[state as u8, reason.map_or(0, |reason| reason as u8)]);
            put_text(out, name);
            put_text(out, id);
            out.extend_from_slice(data);
        }
    }
    let length = (out.len() - start - LENGTH) as u32;
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

fn put_head(
    out: &mut Vec<u8>,
    kind: u8,
    name: &str,
    session: SessionId,
    time: UnixMillis,
    connections: u32,
) {
    // One piece instead of four: most of what an event costs here are its pieces.
    let mut head = [0; 21];
    head[0] = kind;
    head[1..9].copy_from_slice(&time.0.to_le_bytes());
    head[9..17].copy_from_slice(&session.0.to_le_bytes());
    head[17..21].copy_from_slice(&connections.to_le_bytes());
    out.extend_from_slice(&head);
    put_text(out, name);
}

fn put_time(out: &mut Vec<u8>, time: UnixMillis) {
    put_u64(out, time.0);
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Names have at most 64 bytes and peers fewer; anything longer is cut at 255.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let bytes = &text.as_bytes()[..text.len().min(255)];
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

/// Reads the first record of `bytes`: the event and how many bytes it took. `None` where the bytes
/// are no whole, well-formed record.
pub(super) fn decode(bytes: &[u8]) -> Option<(Event<'_>, usize)> {
    let length = u32::from_le_bytes(bytes.get(..LENGTH)?.try_into().ok()?) as usize;
    let end = LENGTH.checked_add(length)?;
    let mut fields = Fields(bytes.get(LENGTH..end)?);
    let event = fields.event()?;
    Some((event, end))
}

/// Sets how many connections the record in `bytes` tells of, if it tells of any.
pub(super) fn set_connections(bytes: &mut [u8], connections: u32) {
    let has_head = |kind: u8| (kind::ONLINE..=kind::READ).contains(&kind);
    if bytes.get(LENGTH).copied().is_some_and(has_head)
        && let Some(place) = bytes.get_mut(LENGTH + CONNECTIONS..LENGTH + CONNECTIONS + 4)
    {
        place.copy_from_slice(&connections.to_le_bytes());
    }
}

/// The length of the first record of `bytes`, without a look inside.
pub(super) fn skip(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(..LENGTH)?.try_into().ok()?) as usize;
    Some(LENGTH + length)
}

impl<'a> Fields<'a> {
    fn event(&mut self) -> Option<Event<'a>> {
        let kind = self.byte()?;
        let time = UnixMillis(self.u64()?);
        if kind == kind::STARTED {
            return Some(Event::Started { time, clean: self.byte()? != 0 });
        }
        if kind == kind::COMMAND {
            return self.command(time);
        }
        let session = SessionId(self.u64()?);
        let connections = self.u32()?;
        let name = self.short_text()?;
        Some(match kind {
            kind::ONLINE => {
                Event::Online { name, session, time, peer: self.short_text()?, connections }
            }
            kind::DATA | kind::READ => {
                let peer = self.short_text()?;
                let seq = self.u64()?;
                let meaning = if kind == kind::READ { self.long()? } else { &[] };
                Event::Data { name, session, seq, time, peer, connections, data: self.0, meaning }
            }
            kind::IDLE => Event::Idle { name, session, time, connections },
            kind::OFFLINE => Event::Offline {
                name,
                session,
                time,
                reason: CloseReason::from_number(self.byte()?)?,
                received_bytes: self.u64()?,
                sent_bytes: self.u64()?,
                connections,
            },
            _ => return None,
        })
    }

    fn command(&mut self, time: UnixMillis) -> Option<Event<'a>> {
        let attempt = self.u32()?;
        let state = CommandState::from_number(self.byte()?)?;
        let reason = match self.byte()? {
            0 => None,
            number => Some(CommandFault::from_number(number)?),
        };
        let (name, id) = (self.short_text()?, self.short_text()?);
        Some(Event::Command { id, name, attempt, state, time, data: self.0, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Event<'static>> {
        let (name, session, time) =
            ("860000000000001", SessionId(7), UnixMillis(1_763_625_600_123));
        let peer = "[2001:db8::1]:40112";
        vec![
            Event::Started { time, clean: true },
            Event::Online { name, session, time, peer, connections: 12 },
            Event::Data {
                name,
                session,
                seq: 1,
                time,
                peer,
                connections: 12,
                data: b"\x00\xff",
                meaning: b"",
            },
            Event::Data {
                name,
                session,
                seq: 2,
                time,
                peer,
                connections: 12,
                data: b"",
                meaning: b"",
            },
            Event::Data {
                name,
                session,
                seq: 3,
                time,
                peer,
                connections: 12,
                data: b"x",
                meaning: br#","is":"data""#,
            },
            Event::Idle { name, session, time, connections: 11 },
            Event::Offline {
                name,
                session,
                time,
                reason: CloseReason::Panicked,
                received_bytes: u64::MAX,
                sent_bytes: 0,
                connections: 0,
            },
            Event::Command {
                id: "c-1",
                name,
                attempt: 2,
                state: CommandState::Answered,
                time,
                data: b"\x01\x03",
                reason: None,
            },
            Event::Command {
                id: "",
                name,
                attempt: 1,
                state: CommandState::Failed,
                time,
                data: b"",
                reason: Some(CommandFault::Uncertain),
            },
        ]
    }

    #[test]
    fn every_kind_of_event_comes_back_as_it_went_in() {
        let mut bytes = Vec::new();
        for event in samples() {
            encode(&event, &mut bytes);
        }
        let mut rest = &bytes[..];
        for event in samples() {
            let (decoded, length) = decode(rest).expect("a whole record");
            assert_eq!(decoded, event);
            assert_eq!(skip(rest), Some(length));
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_record_cut_anywhere_is_no_record_and_no_panic() {
        for event in samples() {
            let mut bytes = Vec::new();
            encode(&event, &mut bytes);
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        for event in samples() {
            let mut bytes = Vec::new();
            encode(&event, &mut bytes);
            for at in 0..bytes.len() {
                for flip in 1..=255 {
                    bytes[at] ^= flip;
                    let _ = decode(&bytes);
                    bytes[at] ^= flip;
                }
            }
        }
    }
}
