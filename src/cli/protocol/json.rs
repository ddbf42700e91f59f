//! What `protocol run` reads and writes: JSON objects, a line each.

use std::{io::Write, ops::Range};

use serde::Deserialize;
use serde_json::Value;

use super::{
    bench::{Fate, Listener},
    hex,
};
use crate::{
    model::Name,
    protocol::{Frame, Given, Kind, Replies, Written},
};

/// A connection, as it was read.
#[derive(Debug)]
pub(super) struct Connection {
    pub id: Value,
    pub bytes: Vec<u8>,
    /// What was read at a time.
    pub chunks: Vec<Range<usize>>,
    pub accept: bool,
    pub name: Option<Name>,
}

/// A line that is no connection: its id, if that can be said, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub id: Value,
    pub what: String,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    id: Value,
    chunks: Vec<String>,
    accept: Option<bool>,
    name: Option<String>,
}

impl Connection {
    /// Reads a line.
    pub fn read(line: &[u8]) -> Result<Self, Unreadable> {
        let written: Read =
            serde_json::from_slice(line).map_err(|error| no_object(line, &error))?;
        let mut bytes = Vec::with_capacity(written.chunks.iter().map(|text| text.len() / 2).sum());
        let mut chunks = Vec::with_capacity(written.chunks.len());
        for (at, text) in written.chunks.iter().enumerate() {
            let from = bytes.len();
            if let Err(fault) = hex::read(text, &mut bytes) {
                return Err(Unreadable { id: written.id, what: format!("chunks[{at}]: {fault}") });
            }
            chunks.push(from..bytes.len());
        }
        let name = match written.name.map(|name| Name::new(name.as_bytes())).transpose() {
            Ok(name) => name,
            Err(fault) => {
                let what = format!("name: {fault}; write the name of a device, or null");
                return Err(Unreadable { id: written.id, what });
            }
        };
        let accept = written.accept.unwrap_or(true);
        Ok(Self { id: written.id, bytes, chunks, accept, name })
    }
}

fn no_object(line: &[u8], error: &serde_json::Error) -> Unreadable {
    const REMEDY: &str = "write an object such as {\"id\":1,\"chunks\":[\"7878\"]}";
    match serde_json::from_slice::<Value>(line) {
        Ok(mut value) => {
            let id = value.get_mut("id").map(Value::take).unwrap_or_default();
            // Where it stands in a single line is told by its name well enough.
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            Unreadable { id, what: format!("{text}; {REMEDY}") }
        }
        Err(error) => {
            let (text, column) = (error.to_string(), error.column());
            let text = text.split(" at line ").next().unwrap_or_default();
            Unreadable {
                id: Value::Null,
                what: format!("is no JSON: {text} at character {column}; {REMEDY}"),
            }
        }
    }
}

/// The line about a connection, while it is being played.
#[derive(Debug)]
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    out: &'a mut Vec<u8>,
    replies: Replies,
    is_first: bool,
    junk: usize,
}

impl<'a> Line<'a> {
    /// Begins the line about the connection `id`, which reads `bytes`, behind what `out` holds.
    pub fn begin(id: &Value, bytes: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"id\":");
        json(id, out);
        out.extend_from_slice(b",\"frames\":[");
        Self { bytes, out, replies: Replies::default(), is_first: true, junk: 0 }
    }

    /// Ends it.
    pub fn end(self, rest: &[u8], error: Option<&str>) {
        self.out.extend_from_slice(b"],\"rest\":\"");
        hex::write(rest, self.out);
        self.out.extend_from_slice(b"\",\"error\":");
        json(&error, self.out);
        if self.junk > 0 {
            // Writing to memory never fails.
            let _ = write!(self.out, ",\"junk\":{}", self.junk);
        }
        self.out.extend_from_slice(b"}\n");
    }

    fn open(&mut self, bytes: &[u8], is: Kind, name: Option<&Name>) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"{\"bytes\":\"");
        hex::write(bytes, self.out);
        self.out.extend_from_slice(b"\",\"is\":\"");
        self.out.extend_from_slice(is.as_str().as_bytes());
        self.out.extend_from_slice(b"\",\"name\":");
        json(&name.map(Name::as_str), self.out);
    }

    /// What came without a frame around it.
    fn plain(&mut self, at: Range<usize>, is: Kind, name: Option<&Name>) {
        let bytes = self.bytes;
        self.open(&bytes[at], is, name);
        let rest = b",\"type\":null,\"seq\":null,\"check\":\"none\",\"fields\":{},\"reply\":[]}";
        self.out.extend_from_slice(rest);
    }

    fn field(&mut self, frame: &Frame<'_>, name: &str) {
        let mut value = Vec::new();
        match frame.value(name, &mut value) {
            Some(written) => self.value(&value, written),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    fn value(&mut self, value: &[u8], written: Written) {
        match written {
            Written::Number => self.out.extend_from_slice(value),
            Written::Text | Written::Hex => json(&String::from_utf8_lossy(value), self.out),
        }
    }

    fn fields(&mut self, frame: &Frame<'_>) {
        let mut separator = "";
        frame.each_field(|name, value, written| {
            if matches!(name, "id" | "type" | "seq") {
                return;
            }
            self.out.extend_from_slice(separator.as_bytes());
            separator = ",";
            json(name, self.out);
            self.out.push(b':');
            self.value(value, written);
        });
    }
}

impl Listener for Line<'_> {
    fn frame(&mut self, frame: &Frame<'_>, given: &Given<'_>, fate: Fate) {
        let name = frame.name().and_then(Result::ok);
        self.open(frame.bytes, frame.is(), name.as_ref());
        self.out.extend_from_slice(b",\"type\":");
        self.field(frame, "type");
        self.out.extend_from_slice(b",\"seq\":");
        self.field(frame, "seq");
        self.out.extend_from_slice(b",\"check\":\"");
        self.out.extend_from_slice(frame.check().as_str().as_bytes());
        self.out.extend_from_slice(b"\",\"fields\":{");
        self.fields(frame);
        self.out.extend_from_slice(b"},\"reply\":[");
        self.replies.clear();
        if fate.answered {
            frame.replies(given, &mut self.replies);
        }
        for (at, reply) in self.replies.iter().enumerate() {
            self.out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
            hex::write(reply, self.out);
            self.out.push(b'"');
        }
        self.out.extend_from_slice(b"]}");
    }

    fn stood(&mut self, _: Range<usize>) {}

    fn registration(&mut self, at: Range<usize>, name: &Name) {
        self.plain(at, Kind::Login, Some(name));
    }

    fn data(&mut self, at: Range<usize>) {
        self.plain(at, Kind::Data, None);
    }

    fn junk(&mut self, at: Range<usize>) {
        self.junk += at.len();
    }
}

/// Writing to memory never fails, and what is written can always be.
fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}
