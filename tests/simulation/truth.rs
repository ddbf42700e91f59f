//! What happened: every event that got an offset, as the web server must be told of it.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tetherd::{model::Event, spool::DropReason};

use crate::{device::pattern, scenario::Policy};

/// All events there ever were, and who was online when.
#[derive(Default)]
pub struct Truth {
    events: BTreeMap<u64, Value>,
    /// The spools there were, each with the offset of its first event, oldest first.
    spools: Vec<(String, Option<u64>)>,
    /// Offsets of which a death may have taken any number from the end.
    may_be_lost: Vec<Range<u64>>,
    conversations: HashMap<u64, Conversation>,
    /// Whose connection a session is.
    serials: HashMap<u64, u64>,
    /// The sessions that hold names at this moment, by name.
    online: HashMap<String, u64>,
}

/// What was told of one connection.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    pub was_online: bool,
    /// Why it ended, and how many bytes were read by then.
    pub ended: Option<(&'static str, u64)>,
    /// Bytes of its data, all of them what the device had sent.
    pub told: u64,
    chunks: u64,
}

impl Truth {
    /// The gateway begins a life over this spool, whose next offset is `next`.
    pub fn begins(&mut self, spool: &str, next: u64) -> Result<(), String> {
        self.online.clear();
        if self.spools.last().is_none_or(|(last, _)| last != spool) {
            self.spools.push((spool.to_owned(), None));
        }
        let last = self.events.keys().next_back();
        if last.is_some_and(|last| next <= *last) {
            return Err("offsets would be used twice".into());
        }
        Ok(())
    }

    /// Of the offsets from `from` on, all may be lost so far.
    pub fn dies(&mut self, from: u64) {
        let next = self.events.keys().next_back().map_or(0, |last| last + 1);
        self.may_be_lost.push(from..next.max(from));
    }

    /// The spool of this life.
    pub fn spool(&self) -> &str {
        self.spools.last().map_or("", |(id, _)| id)
    }

    pub fn has_spool(&self, spool: &str) -> bool {
        self.spools.iter().any(|(id, _)| id == spool)
    }

    /// The offset of a spool's first event; beyond all where there is none.
    pub fn first_of(&self, spool: &str) -> u64 {
        let found = self.spools.iter().find(|(id, _)| id == spool);
        found.and_then(|(_, first)| *first).unwrap_or(u64::MAX)
    }

    /// The highest offset that was given out.
    pub fn last(&self) -> Option<u64> {
        self.events.keys().next_back().copied()
    }

    /// Offsets of all events from `from` on.
    pub fn offsets(&self, from: u64) -> impl Iterator<Item = u64> {
        self.events.range(from..).map(|(offset, _)| *offset)
    }

    /// Whether a death may have taken it.
    pub fn is_excused(&self, offset: u64) -> bool {
        self.may_be_lost.iter().any(|range| range.contains(&offset))
    }

    pub fn conversation(&self, serial: u64) -> Conversation {
        self.conversations.get(&serial).cloned().unwrap_or_default()
    }

    /// An event got its offset.
    pub fn happened(&mut self, offset: u64, event: &Event<'_>) -> Result<(), String> {
        let last = self.events.keys().next_back();
        if last.is_some_and(|last| offset <= *last) {
            return Err(format!("an offset was used again: for {event:?}"));
        }
        if let Some((_, first)) = self.spools.last_mut() {
            first.get_or_insert(offset);
        }
        self.events.insert(offset, line_of(offset, event));
        self.follow(event).map_err(|what| format!("{what}: {event:?}"))
    }

    /// The order of each name, and the bytes of each device.
    fn follow(&mut self, event: &Event<'_>) -> Result<(), String> {
        match *event {
            Event::Started { .. } if self.online.is_empty() => Ok(()),
            Event::Started { .. } => Err("started while names were online".into()),
            Event::Online { name, session, peer, .. } => {
                self.conversation_of(peer)?.was_online = true;
                self.serials.insert(session.0, serial_of(peer)?);
                match self.online.insert(name.to_owned(), session.0) {
                    Some(_) => Err("online twice".into()),
                    None => Ok(()),
                }
            }
            Event::Data { name, session, seq, peer, data, .. } => {
                let holder = self.online.get(name).copied();
                if name != "unknown" && holder != Some(session.0) {
                    return Err("data while it was not online".into());
                }
                let serial = serial_of(peer)?;
                let conversation = self.conversation_of(peer)?;
                conversation.chunks += 1;
                if conversation.chunks != seq {
                    return Err("seq is not counted from 1".into());
                }
                for byte in data {
                    if *byte != pattern(serial, conversation.told) {
                        return Err("no byte of this device".into());
                    }
                    conversation.told += 1;
                }
                Ok(())
            }
            Event::Idle { name, session, .. } => match self.online.get(name) {
                Some(holder) if *holder == session.0 => Ok(()),
                _ => Err("idle while it was not online".into()),
            },
            Event::Offline { name, session, reason, received_bytes, .. } => {
                if self.online.remove(name) != Some(session.0) {
                    return Err("offline while it was not online".into());
                }
                let serial = self.serials.get(&session.0).copied().unwrap_or_default();
                let conversation = self.conversations.entry(serial).or_default();
                conversation.ended = Some((reason.as_str(), received_bytes));
                Ok(())
            }
            Event::Command { .. } => Err("a command that nobody gave".into()),
        }
    }

    fn conversation_of(&mut self, peer: &str) -> Result<&mut Conversation, String> {
        Ok(self.conversations.entry(serial_of(peer)?).or_default())
    }

    /// Holds the line of an event against what happened; answers its offset.
    pub fn check_event(&self, offset: u64, line: &Value) -> Result<u64, String> {
        match self.events.get(&offset) {
            None => Err("this never happened".into()),
            Some(happened) if happened == line => Ok(offset),
            Some(happened) => Err(format!("at this offset it was {happened}")),
        }
    }

    /// Whether a gap tells of nothing but what may be lost; answers its first offset, and why.
    pub fn check_gap(&self, line: &Value, policy: &Policy) -> Result<(u64, DropReason), String> {
        let number = |key: &str| line[key].as_u64().ok_or(format!("gap without {key}"));
        let (from, to, events) = (number("from")?, number("to")?, number("events")?);
        if from > to || number("offset")? != to {
            return Err("this gap does not add up".into());
        }
        let known = DropReason::ALL.into_iter().find(|known| line["reason"] == known.as_str());
        let reason = known.ok_or("gap without a reason")?;
        let happened = self.events.range(from..=to);
        let excused =
            happened.clone().filter(|(offset, _)| self.is_excused(**offset)).count() as u64;
        let happened = happened.count() as u64;
        let is_right = match reason {
            DropReason::Restart => events == 0 && excused == happened,
            // A loss of power may tear what was not synced in its middle.
            DropReason::Damaged => events <= happened && excused == happened,
            _ => policy.drops(reason) && (happened - excused..=happened).contains(&events),
        };
        if !is_right {
            return Err(format!("there were {happened} events, and {excused} may be lost"));
        }
        Ok((from, reason))
    }
}

fn serial_of(peer: &str) -> Result<u64, String> {
    let serial = peer.strip_prefix("memory:").and_then(|serial| serial.parse().ok());
    serial.ok_or("a peer that was never there".into())
}

/// The line for an event, as the contract has it.
fn line_of(offset: u64, event: &Event<'_>) -> Value {
    let session = |id: tetherd::model::SessionId| format!("{:016x}", id.0);
    match *event {
        Event::Started { time, clean } => {
            json!({"offset": offset, "event": "started", "time": time.to_string(), "clean": clean})
        }
        Event::Online { name, session: id, time, peer, connections } => json!({
            "offset": offset, "event": "online", "imei": name, "session": session(id),
            "time": time.to_string(), "peer": peer, "connections": connections,
        }),
        Event::Data { name, session: id, seq, time, peer, connections, data, .. } => json!({
            "offset": offset, "event": "data", "imei": name, "session": session(id), "seq": seq,
            "time": time.to_string(), "peer": peer, "connections": connections,
            "data": BASE64.encode(data),
        }),
        Event::Idle { name, session: id, time, connections } => json!({
            "offset": offset, "event": "idle", "imei": name, "session": session(id),
            "time": time.to_string(), "connections": connections,
        }),
        Event::Offline {
            name,
            session: id,
            time,
            reason,
            received_bytes,
            sent_bytes,
            connections,
        } => json!({
            "offset": offset, "event": "offline", "imei": name, "session": session(id),
            "time": time.to_string(), "reason": reason.to_string(),
            "received_bytes": received_bytes, "sent_bytes": sent_bytes, "connections": connections,
        }),
        Event::Command { id, .. } => json!({"offset": offset, "event": "command", "id": id}),
    }
}
