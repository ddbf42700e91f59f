//! What comes out of a connection, as samples write it.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json, json};
use tetherd::protocol::{Frame, Protocol, Replies, Written};

use crate::session::{Seen, Session};

/// What came out.
#[derive(Debug, Default, PartialEq)]
pub struct Out {
    /// Names, frames, data and the fault.
    pub events: Vec<Json>,
    pub filtered: usize,
    /// What is still held.
    pub rest: String,
}

/// How a stream is fed.
pub struct Feed<'a> {
    pub reads: Vec<&'a [u8]>,
    pub pause: bool,
    pub finish: bool,
}

/// What comes out of `feed`.
pub fn run(protocol: &Protocol, name: Option<&str>, accepted: bool, feed: &Feed<'_>) -> Out {
    let mut session = Session::new(protocol, name, accepted);
    let mut out = Out::default();
    let mut see = |seen: Seen<'_>| out.take(seen);
    for read in &feed.reads {
        session.read(read, &mut see);
    }
    if feed.pause {
        session.pause(&mut see);
    }
    if feed.finish {
        session.finish(&mut see);
    }
    out.rest = HEXLOWER.encode(session.held());
    out
}

impl Out {
    pub fn take(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Named(name) => self.events.push(json!({ "named": name.as_str() })),
            Seen::Data(bytes) => self.join("data", bytes),
            Seen::Unnamed(bytes) => self.join("unnamed", bytes),
            Seen::Frame(frame, replies) => self.events.push(told(frame, replies)),
            Seen::Filtered(count) => self.filtered += count,
            Seen::Fault(fault) => {
                self.events.push(json!({ "fault": fault.reason().as_str() }));
            }
        }
    }

    /// Data that follow data are one.
    fn join(&mut self, key: &str, bytes: &[u8]) {
        let more = HEXLOWER.encode(bytes);
        match self.events.last_mut().and_then(|last| last.get_mut(key)) {
            Some(Json::String(last)) => last.push_str(&more),
            _ => self.events.push(json!({ key: more })),
        }
    }
}

/// A frame as samples write it.
fn told(frame: &Frame<'_>, replies: &Replies) -> Json {
    let mut told = Map::new();
    told.insert("bytes".to_owned(), HEXLOWER.encode(frame.bytes).into());
    if !frame.shape().is_empty() {
        told.insert("frame".to_owned(), frame.shape().into());
    }
    told.insert("is".to_owned(), frame.is().as_str().into());
    if let Some(Ok(name)) = frame.name() {
        told.insert("name".to_owned(), name.as_str().into());
    }
    told.insert("check".to_owned(), frame.check().as_str().into());
    let mut fields = Map::new();
    frame.each_field(|name, value, written| {
        let text = String::from_utf8_lossy(value);
        let value = match written {
            Written::Number => text.parse::<u64>().unwrap().into(),
            Written::Text | Written::Hex => Json::from(text),
        };
        fields.insert(name.to_owned(), value);
    });
    told.insert("fields".to_owned(), fields.into());
    let replies: Vec<_> = replies.iter().map(|reply| HEXLOWER.encode(reply)).collect();
    told.insert("reply".to_owned(), replies.into());
    told.into()
}
