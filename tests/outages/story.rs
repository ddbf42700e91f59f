//! What a web server makes of its lines that remembers the last offset: each offset counts once.

use std::collections::{BTreeMap, HashMap};

use data_encoding::BASE64;
use serde_json::Value;

/// All that was told.
#[derive(Debug, Default)]
pub struct Story {
    /// Every line there ever was, by its offset, but for gaps: those may grow.
    lines: HashMap<u64, String>,
    last: u64,
    /// Highest offset of an event.
    pub last_event: u64,
    /// What each session of a device has said, in the order of their beginnings.
    pub sessions: BTreeMap<(String, u64), Vec<u8>>,
    /// By session, the offset of its beginning.
    begun: HashMap<String, u64>,
    pub starts: Vec<Start>,
    pub gaps: Vec<Gap>,
    /// Gaps since the last event.
    open_gaps: Vec<Gap>,
    pub repeats: u64,
}

/// A `started`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub clean: bool,
    /// The gaps right before it.
    pub gaps: Vec<Gap>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: u64,
    pub to: u64,
    pub events: u64,
    pub reason: String,
}

impl Story {
    /// Takes a line. Panics where a promise is broken.
    pub fn take(&mut self, text: String) {
        let line: Value = serde_json::from_str(&text).unwrap();
        let Some(offset) = line["offset"].as_u64() else { return };
        let is_gap = line["event"] == "gap";
        if offset <= self.last {
            self.repeats += 1;
            // A gap may have been told in parts, or the other way round.
            let known = self.lines.get(&offset).filter(|_| !is_gap);
            assert!(is_gap || known == Some(&text), "{text}\nwas before\n{known:?}");
            return;
        }
        let expected = if is_gap { number(&line, "from") } else { offset };
        assert!(self.last == 0 || expected <= self.last + 1, "{text} came after {}", self.last);
        self.last = offset;
        if is_gap {
            return self.gap(&line);
        }
        self.last_event = offset;
        self.event(&line, offset);
        self.open_gaps.clear();
        self.lines.insert(offset, text);
    }

    fn gap(&mut self, line: &Value) {
        let gap = Gap {
            from: number(line, "from"),
            to: number(line, "to"),
            events: number(line, "events"),
            reason: line["reason"].as_str().unwrap().to_owned(),
        };
        // What was sent may not have been stored when the process was killed: the jump of the
        // numbering begins behind what was.
        assert!(
            gap.events == 0 || gap.from > self.last_event,
            "{line} takes back what came up to {}",
            self.last_event
        );
        self.gaps.push(gap.clone());
        self.open_gaps.push(gap);
    }

    fn event(&mut self, line: &Value, offset: u64) {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        match line["event"].as_str().unwrap() {
            "started" => {
                let clean = line["clean"].as_bool().unwrap();
                self.starts.push(Start { clean, gaps: self.open_gaps.clone() });
            }
            "online" => {
                self.begun.insert(text("session"), offset);
                self.sessions.insert((text("imei"), offset), Vec::new());
            }
            "data" => {
                // Its beginning may be in a gap.
                let begun = *self.begun.entry(text("session")).or_insert(offset);
                let bytes = BASE64.decode(text("data").as_bytes()).unwrap();
                self.sessions.entry((text("imei"), begun)).or_default().extend(bytes);
            }
            _ => {}
        }
    }

    /// All that was heard of the device of this name, in order.
    pub fn said(&self, name: &str) -> Vec<u8> {
        let sessions = self.sessions.iter().filter(|((of, _), _)| of == name);
        sessions.flat_map(|(_, bytes)| bytes).copied().collect()
    }

    /// Gaps that are nothing but jumps of the numbering, each right before a start that says so.
    pub fn only_lost_at_restarts(&self) {
        let told: usize = self.starts.iter().map(|start| start.gaps.len()).sum();
        assert_eq!(told + self.open_gaps.len(), self.gaps.len(), "gaps elsewhere: {:?}", self.gaps);
        for gap in &self.gaps {
            assert_eq!((gap.events, gap.reason.as_str()), (0, "restart"), "{gap:?}");
        }
        for start in &self.starts {
            assert_eq!(start.clean, start.gaps.is_empty(), "{start:?}");
        }
    }
}

fn number(line: &Value, key: &str) -> u64 {
    line[key].as_u64().unwrap_or_else(|| panic!("no {key} in {line}"))
}
