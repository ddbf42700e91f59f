use std::collections::{BTreeMap, HashMap, VecDeque};

use compact_str::CompactString;

use super::{RunningHash, Violation, web_line::WebLine};

/// Violations that are kept; the others are only counted.
const VIOLATIONS: usize = 100;
/// Error lines of the gateway that are kept.
const ERRORS: usize = 100;
/// Most names with sums of their own.
const NAMES: usize = 1 << 20;
/// Bytes that are kept of a line.
const LINE: usize = 16 << 10;

/// What a stand-in web server has seen. A line that was sent again counts as a repeat and as
/// nothing else.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Links there were.
    pub links: u64,
    /// Links there are.
    pub connected: u64,
    /// Links that ended in the middle of a line.
    pub cut_lines: u64,
    /// Lines read, of every kind.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// `hello` lines.
    pub hellos: u64,
    /// `started` events.
    pub started: u64,
    /// `online` events.
    pub online: u64,
    /// `data` events.
    pub data: u64,
    /// Bytes of devices in them.
    pub data_bytes: u64,
    /// `idle` events.
    pub idle: u64,
    /// `offline` events.
    pub offline: u64,
    /// `command` events.
    pub commands: u64,
    /// `gap` events.
    pub gaps: u64,
    /// Events that the gaps say are lost.
    pub lost: u64,
    /// Events of kinds that are not known here.
    pub others: u64,
    /// Events that were there already.
    pub repeats: u64,
    /// Error lines.
    pub errors: u64,
    /// Acknowledgements sent.
    pub acknowledgements: u64,
    /// Names online.
    pub online_now: u64,
    /// `connections` of the last event that had it.
    pub last_connections: u64,
    /// The highest `connections`.
    pub most_connections: u64,
    /// Highest offset by gateway.
    pub offsets: BTreeMap<String, u64>,
    /// Endings by reason.
    pub reasons: BTreeMap<CompactString, u64>,
    /// Sums by name.
    pub names: HashMap<CompactString, NameTotals>,
    /// The last error lines.
    pub last_errors: VecDeque<String>,
    /// The last lines of every kind, long ones cut.
    pub last_lines: VecDeque<String>,
    /// Broken promises.
    pub violations: u64,
    /// The first of them.
    pub first_violations: Vec<Violation>,
}

/// The sums of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameTotals {
    /// `online` events.
    pub sessions: u64,
    /// `data` events.
    pub messages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Hash of these bytes, if hashes are asked for.
    pub hash: RunningHash,
    /// Whether it is online.
    pub online: bool,
}

impl Report {
    /// The sums of this name.
    pub fn name(&self, name: &str) -> NameTotals {
        self.names.get(name).copied().unwrap_or_default()
    }

    /// One line for whoever waits in vain.
    pub fn summary(&self) -> String {
        format!(
            "{} links, {} lines, {} started, {} online, {} data ({} bytes), {} idle, {} offline, \
             {} gaps, {} repeats, {} errors, {} violations{}",
            self.links,
            self.lines,
            self.started,
            self.online,
            self.data,
            self.data_bytes,
            self.idle,
            self.offline,
            self.gaps,
            self.repeats,
            self.errors,
            self.violations,
            self.first_violations
                .first()
                .map_or(String::new(), |first| format!(", first: {first}"))
        )
    }

    pub(super) fn violation(&mut self, violation: Violation) {
        self.violations += 1;
        if self.first_violations.len() < VIOLATIONS {
            self.first_violations.push(violation);
        }
    }

    pub(super) fn error(&mut self, line: &str) {
        self.errors += 1;
        if self.last_errors.len() == ERRORS {
            self.last_errors.pop_front();
        }
        self.last_errors.push_back(cut(line.to_owned()));
    }

    /// Keeps the line among the last `most`.
    pub(super) fn keep(&mut self, line: String, most: usize) {
        if most == 0 {
            return;
        }
        if self.last_lines.len() >= most {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(cut(line));
    }

    /// Counts an event that is news; `data` are its bytes.
    pub(super) fn count(&mut self, line: &WebLine<'_>, data: &[u8], hash: bool) {
        if let Some(connections) = line.connections {
            self.last_connections = connections;
            self.most_connections = self.most_connections.max(connections);
        }
        match line.event.as_deref().unwrap_or_default() {
            "started" => self.started(),
            "online" => {
                self.online += 1;
                self.with_name(line, |totals| totals.sessions += 1);
                self.turn(line, true);
            }
            "data" => {
                self.data += 1;
                self.data_bytes += data.len() as u64;
                self.with_name(line, |totals| totals.add(data, hash));
            }
            "idle" => self.idle += 1,
            "offline" => {
                self.offline += 1;
                *self.reasons.entry(line.reason.as_deref().unwrap_or("").into()).or_default() += 1;
                self.turn(line, false);
            }
            "command" => self.commands += 1,
            "gap" => {
                self.gaps += 1;
                self.lost += line.events.unwrap_or_default();
            }
            _ => self.others += 1,
        }
    }

    fn started(&mut self) {
        self.started += 1;
        self.online_now = 0;
        self.names.values_mut().for_each(|totals| totals.online = false);
    }

    fn turn(&mut self, line: &WebLine<'_>, online: bool) {
        let mut change = 0;
        self.with_name(line, |totals| {
            change = i64::from(online) - i64::from(totals.online);
            totals.online = online;
        });
        self.online_now = self.online_now.saturating_add_signed(change);
    }

    fn with_name(&mut self, line: &WebLine<'_>, change: impl FnOnce(&mut NameTotals)) {
        let name = line.imei.as_deref().unwrap_or_default();
        if let Some(totals) = self.names.get_mut(name) {
            return change(totals);
        }
        if self.names.len() < NAMES {
            change(self.names.entry(name.into()).or_default());
        }
    }
}

impl NameTotals {
    fn add(&mut self, data: &[u8], hash: bool) {
        self.messages += 1;
        self.bytes += data.len() as u64;
        if hash {
            self.hash.add(data);
        }
    }
}

/// At most so much of the line as is kept.
fn cut(mut line: String) -> String {
    if line.len() > LINE {
        let end = (LINE - 3..=LINE).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or_default());
        line.shrink_to_fit();
    }
    line
}
