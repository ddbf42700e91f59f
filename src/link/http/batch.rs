use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

use super::super::Format;
use crate::model::Offset;

/// What a link begins with, told in the headers of each request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Facts {
    /// The gateway's name.
    pub(super) gateway: String,
    /// The spool's id.
    pub(super) spool: String,
    /// First offset that is not acknowledged.
    pub(super) next: u64,
}

/// Events that wait for a request, or for the answer to it: whole lines, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: BytesMut,
    lines: VecDeque<Line>,
    pub(super) facts: Facts,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    offset: Offset,
    /// With its end of line.
    length: usize,
}

/// The first events of those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// How many.
    pub(super) events: usize,
    /// Bytes of their lines.
    pub(super) bytes: usize,
    /// Offset of the last of them.
    pub(super) through: Offset,
}

impl Waiting {
    /// Takes whole lines from the front of `out` until about so many bytes wait; answers how many
    /// bytes it took. Lines without an offset go no further: `hello` is remembered, and answers to
    /// errors have nobody who would read them.
    pub(super) fn gather(&mut self, out: &mut BytesMut, room: usize) -> usize {
        let before = out.len();
        while self.bytes.len() < room
            && let Some(end) = memchr::memchr(b'\n', out)
        {
            let length = end + 1;
            let line = &out[..length];
            if let Some(offset) = offset_of(line) {
                self.bytes.extend_from_slice(line);
                self.lines.push_back(Line { offset, length });
            } else if line.starts_with(b"{\"hello\"")
                && let Ok(facts) = serde_json::from_slice(line)
            {
                self.facts = facts;
            }
            out.advance(length);
        }
        before - out.len()
    }

    /// How many events wait.
    pub(super) fn events(&self) -> usize {
        self.lines.len()
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The first of them within these bounds, one at least; `None` where none wait.
    pub(super) fn first(&self, most_events: usize, most_bytes: usize) -> Option<Batch> {
        let mut batch: Option<Batch> = None;
        for line in self.lines.iter().take(most_events.max(1)) {
            let (events, bytes) = batch.map_or((0, 0), |batch| (batch.events, batch.bytes));
            if events > 0 && bytes + line.length > most_bytes {
                break;
            }
            let bytes = bytes + line.length;
            batch = Some(Batch { events: events + 1, bytes, through: line.offset });
        }
        batch
    }

    /// The body of a request with these events.
    pub(super) fn body(&self, batch: Batch, format: Format) -> Bytes {
        let lines = &self.bytes[..batch.bytes];
        if format != Format::JsonArray {
            return Bytes::copy_from_slice(lines);
        }
        let mut body = Vec::with_capacity(batch.bytes + 1);
        body.push(b'[');
        body.extend_from_slice(lines);
        let mut end = 0;
        for line in self.lines.iter().take(batch.events) {
            end += line.length;
            // The bracket before them puts each end of line one further.
            body[end] = b',';
        }
        body[end] = b']';
        body.into()
    }

    /// These events are delivered.
    pub(super) fn delivered(&mut self, batch: Batch) {
        self.bytes.advance(batch.bytes);
        self.lines.drain(..batch.events);
        self.facts.next = batch.through.0 + 1;
    }
}

/// The offset of a line of ours, which begins with it.
fn offset_of(line: &[u8]) -> Option<Offset> {
    let rest = line.strip_prefix(b"{\"offset\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some(Offset(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "{\"hello\":\"tetherd\",\"protocol\":1,\"gateway\":\"plant \\\"7\\\"\",\"spool\":\"9f\",\"next\":5}\n";

    fn waiting(lines: &[&str]) -> Waiting {
        let mut waiting = Waiting::default();
        let mut out = BytesMut::from(&*lines.concat());
        waiting.gather(&mut out, usize::MAX);
        assert!(out.is_empty());
        waiting
    }

    fn line(offset: u64) -> String {
        format!("{{\"offset\":{offset},\"event\":\"idle\"}}\n")
    }

    #[test]
    fn hello_becomes_facts_and_answers_to_errors_go_no_further() {
        let error = "{\"error\":\"no\",\"line\":\"{\\\"offset\\\":7}\"}\n";
        let waiting = waiting(&[HELLO, error, &line(5), error]);
        let facts = Facts { gateway: "plant \"7\"".to_owned(), spool: "9f".to_owned(), next: 5 };
        assert_eq!((waiting.facts.clone(), waiting.events()), (facts, 1));
    }

    #[test]
    fn lines_wait_outside_once_there_is_no_room() {
        let mut waiting = Waiting::default();
        let mut out = BytesMut::from(&*(line(1) + &line(2) + "{\"offset\":3"));
        let length = line(1).len();
        assert_eq!(waiting.gather(&mut out, 10), length);
        assert_eq!(waiting.gather(&mut out, 10), 0);
        assert_eq!(waiting.gather(&mut out, 1000), length);
        assert_eq!((waiting.events(), &out[..]), (2, &b"{\"offset\":3"[..]));
    }

    #[test]
    fn a_batch_keeps_to_its_bounds_and_has_one_event_at_least() {
        let waiting = waiting(&[&line(7), &line(8), &line(9)]);
        let length = line(7).len();
        let of = |events, bytes| waiting.first(events, bytes).map(|batch| batch.events);
        assert_eq!(of(2, 1000), Some(2));
        assert_eq!(of(9, length * 2), Some(2));
        assert_eq!(of(9, length * 2 - 1), Some(1));
        assert_eq!(of(9, 1), Some(1));
        assert_eq!(waiting.first(3, 1000).map(|batch| batch.through), Some(Offset(9)));
        assert_eq!(Waiting::default().first(1, 1), None);
    }

    #[test]
    fn an_array_holds_the_same_objects() {
        let mut waiting = waiting(&[HELLO, &line(7), &line(8), &line(9)]);
        let batch = waiting.first(2, 1000).unwrap();
        assert_eq!(waiting.body(batch, Format::JsonLines), line(7) + &line(8));
        let array = format!("[{},{}]", line(7).trim_end(), line(8).trim_end());
        assert_eq!(waiting.body(batch, Format::JsonArray), array);
        waiting.delivered(batch);
        assert_eq!((waiting.facts.next, waiting.events()), (9, 1));
        let rest = waiting.first(2, 1000).unwrap();
        assert_eq!(waiting.body(rest, Format::JsonArray), format!("[{}]", line(9).trim_end()));
    }
}
