//! Protocols in code, for what protocol files cannot say: a length that only the records in a frame
//! tell, an acknowledgement for each of them, a number that has to be remembered.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{Checked, Given, Kind, LONGEST_MEANING, Replies};

/// A protocol in code, plugged in under a name that protocol files call with `code`.
pub trait Code: fmt::Debug + Send + Sync {
    /// Whether a connection that begins with these bytes, and never none, speaks it; `None` if they
    /// are too few to say. Asked where several protocols share a port.
    fn begins(&self, bytes: &[u8]) -> Option<bool> {
        let _ = bytes;
        Some(true)
    }

    /// A device has connected.
    fn open(&self) -> Box<dyn Conversation>;

    /// Appends what a frame is answered with: nothing, unless code says otherwise. The answer goes
    /// out once the frame is safe, a login's at once. Not asked for a device without a name, unless
    /// [`Reading::anonymous`] says so.
    fn answer(&self, reading: &Reading, given: &Given<'_>, out: &mut Vec<u8>) {
        let _ = (reading, given, out);
    }
}

/// What code knows of one connection. It is asked on a session thread, where waiting for anything
/// stops every device of the thread; a panic ends this session only.
pub trait Conversation: fmt::Debug {
    /// What stands at the front of `bytes`, which begin where the last frame ended and are never
    /// empty. `quiet`: nothing came for 200 ms, so that what only time can tell may be decided.
    ///
    /// It is asked again with the same bytes and more behind them until it says something else
    /// than [`Cut::More`]; what it is asked about is at most the longest frame, behind which the
    /// session ends as `frame_too_long`.
    fn cut(&mut self, bytes: &[u8], quiet: bool) -> Cut;
}

/// What stands at the front of some bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Cut {
    /// More bytes are needed to say.
    More,
    /// So many bytes, at least one, belong to no frame.
    Junk(usize),
    /// So many bytes, at least one, are a frame that was read so.
    Frame(usize, Box<Reading>),
    /// There is no way to go on: the session ends as `malformed`.
    Broken,
}

/// What code has read in a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// What goes upstream as `data`.
    pub bytes: Vec<u8>,
    /// Who the device says it is, if it says so in this frame.
    pub name: Option<String>,
    /// What the frame is.
    pub is: Kind,
    /// What its checksum says.
    pub check: Checked,
    /// Its type, if it has one.
    pub kind: Option<Value>,
    /// Its number, if it has one.
    pub seq: Option<Value>,
    /// What else stands in it.
    pub fields: Map<String, Value>,
    /// Whether a device without a name is answered as well.
    pub anonymous: bool,
}

impl Reading {
    pub(super) fn meaning(&self, out: &mut Vec<u8>) {
        let mut members = Map::new();
        let mut tell = |key: &str, value: Value| members.insert(key.to_owned(), value);
        if let Some(kind) = &self.kind {
            tell("type", kind.clone());
        }
        if let Some(seq) = &self.seq {
            tell("seq_device", seq.clone());
        }
        tell("is", self.is.as_str().into());
        if self.check == Checked::Bad {
            tell("check", "bad".into());
        }
        let without_fields = members.clone();
        if !self.fields.is_empty() {
            members.insert("fields".to_owned(), self.fields.clone().into());
        }
        let mut text = Value::Object(members).to_string();
        if text.len() > LONGEST_MEANING {
            text = Value::Object(without_fields).to_string();
        }
        out.push(b',');
        out.extend_from_slice(&text.as_bytes()[1..text.len() - 1]);
    }

    pub(super) fn replies(&self, code: &dyn Code, given: &Given<'_>, replies: &mut Replies) {
        if given.name.is_none() && self.name.is_none() && !self.anonymous {
            return;
        }
        replies.add(|out| {
            code.answer(self, given, out);
            true
        });
    }
}

/// The protocols in code that were plugged in, by name.
#[derive(Clone, Debug, Default)]
pub struct Codes(BTreeMap<String, Arc<dyn Code>>);

impl Codes {
    /// Plugs `code` in as `name`; it takes the place of an earlier one.
    pub fn insert(&mut self, name: &str, code: Arc<dyn Code>) {
        self.0.insert(name.to_owned(), code);
    }

    /// The one called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Code>> {
        self.0.get(name)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
