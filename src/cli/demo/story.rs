use data_encoding::BASE64;
use serde::Deserialize;

use super::screen::Tone;
use crate::{
    config::printable,
    simulator::{Naming, escape},
};

/// Most bytes of a device that are shown.
const SHOWN: usize = 60;

/// An event that the web server was told, as a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Story {
    /// Its number.
    pub offset: u64,
    /// What it is about.
    pub tone: Tone,
    /// The line, fit for a terminal.
    pub text: String,
}

#[derive(Deserialize)]
struct Line {
    offset: u64,
    event: String,
    #[serde(default)]
    imei: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    peer: String,
    connections: Option<u64>,
    reason: Option<String>,
    received_bytes: Option<u64>,
    data: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
    events: Option<u64>,
}

impl Story {
    /// Reads a line of the gateway; `None` for those that are no events. Devices with a name
    /// outside of the first `ours` of a fleet have joined in by hand.
    pub fn of(line: &str, ours: u32) -> Option<Self> {
        let line: Line = serde_json::from_str(line).ok()?;
        let text = printable(&line.text());
        Some(Self { offset: line.offset, tone: line.tone(ours), text })
    }

    /// Whether it is about somebody who joined in by hand.
    pub fn is_of_guest(&self) -> bool {
        self.tone == Tone::Guest
    }
}

impl Line {
    fn tone(&self, ours: u32) -> Tone {
        let number = self.imei.parse::<u64>().ok();
        let place = number.and_then(|number| number.checked_sub(Naming::FIRST));
        let is_ours = place.is_some_and(|place| place < u64::from(ours));
        match self.event.as_str() {
            "started" | "gap" => Tone::News,
            _ if !is_ours => Tone::Guest,
            "online" => Tone::Comes,
            "offline" => Tone::Goes,
            _ => Tone::Says,
        }
    }

    fn text(&self) -> String {
        // The date is today's.
        let time = self.time.get(11..23).unwrap_or("            ");
        let connections = match self.connections {
            Some(1) => "  (1 connection)".to_owned(),
            Some(count) => format!("  ({count} connections)"),
            None => String::new(),
        };
        let (event, imei, what) = (&self.event, &self.imei, self.what());
        format!("{time}  {event:<7}  {imei:<15}  {what}{connections}")
    }

    fn what(&self) -> String {
        match self.event.as_str() {
            "started" => "the gateway".to_owned(),
            "online" => format!("from {}", self.peer),
            "data" => {
                let text = self.data.as_deref().unwrap_or_default();
                match BASE64.decode(text.as_bytes()) {
                    Ok(bytes) => escape(&bytes, SHOWN),
                    Err(_) => "(no base64)".to_owned(),
                }
            }
            "offline" => {
                let reason = self.reason.as_deref().unwrap_or_default();
                format!("{reason} after {} bytes", self.received_bytes.unwrap_or_default())
            }
            "gap" => {
                let [from, to, events] =
                    [self.from, self.to, self.events].map(Option::unwrap_or_default);
                let reason = self.reason.as_deref().unwrap_or_default();
                format!("{events} events from {from} to {to} are lost: {reason}")
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> (Tone, String) {
        let story = Story::of(line, 12).unwrap();
        (story.tone, story.text)
    }

    #[test]
    fn events_read_as_lines_for_people() {
        let online = r#"{"offset":7,"event":"online","imei":"860000000000012","session":"1","time":"2026-11-20T08:00:00.123Z","peer":"127.0.0.1:40112","connections":1}"#;
        let expected =
            "08:00:00.123  online   860000000000012  from 127.0.0.1:40112  (1 connection)";
        assert_eq!(text(online), (Tone::Comes, expected.to_owned()));
        let data = r#"{"offset":8,"event":"data","imei":"me","session":"1","seq":1,"time":"2026-11-20T08:00:00.123Z","peer":"p","connections":12,"data":"aGVsbG8K"}"#;
        let expected = "08:00:00.123  data     me               hello\\n  (12 connections)";
        assert_eq!(text(data), (Tone::Guest, expected.to_owned()));
        let offline = r#"{"offset":9,"event":"offline","imei":"860000000000001","session":"1","time":"2026-11-20T08:00:00.123Z","reason":"reset","received_bytes":29,"sent_bytes":0,"connections":11}"#;
        let expected =
            "08:00:00.123  offline  860000000000001  reset after 29 bytes  (11 connections)";
        assert_eq!(text(offline), (Tone::Goes, expected.to_owned()));
    }

    #[test]
    fn what_is_no_event_has_no_line() {
        for line in ["", "{}", r#"{"hello":"tetherd"}"#, r#"{"error":"x","line":"y"}"#] {
            assert_eq!(Story::of(line, 12), None, "{line}");
        }
    }

    #[test]
    fn no_byte_reaches_the_terminal_as_it_is() {
        let data = BASE64.encode(b"\x1b[2J\x07\xff");
        let line = format!(
            r#"{{"offset":1,"event":"data","imei":"a\u001b[31m","time":"12345678901\u001b[31m","data":"{data}"}}"#
        );
        let (_, text) = text(&line);
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
        assert!(text.contains("\\x1b[2J\\x07\\xff"), "{text}");
    }
}
