use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hasher},
};

use compact_str::{CompactString, format_compact};

use super::{Violation, web_line::WebLine};

/// Lines whose content is remembered, to hold repeats against.
const REMEMBERED: usize = 1 << 16;
/// Most sessions followed at once; those beyond are not checked.
const SESSIONS: usize = 1 << 20;

/// Data were lost, and any number may come next.
const ANY: u64 = 0;

/// Holds one gateway's lines against what is promised of them, from link to link.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// Several sessions may have one name (`duplicate = "allow"`).
    allow_duplicates: bool,
    spool: CompactString,
    new_spool: bool,
    /// Highest offset there was.
    last: Option<u64>,
    /// The last one on this link.
    last_here: Option<u64>,
    /// Offsets and hashes of the last lines, in order.
    contents: VecDeque<(u64, u64)>,
    /// Rises where events were lost: older states of sessions are then only guesses.
    era: u32,
    /// Whether the whole story since the last `started` is known.
    whole: bool,
    sessions: HashMap<CompactString, Session>,
    /// By session, the number of the next data, for those without a name.
    nameless: HashMap<CompactString, u64>,
}

#[derive(Debug, Default)]
struct Session {
    id: CompactString,
    online: bool,
    next_seq: u64,
    delivered: u64,
    era: u32,
}

/// Whether a line told anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    New,
    Repeat,
}

impl Checker {
    pub fn new(allow_duplicates: bool) -> Self {
        Self { allow_duplicates, ..Self::default() }
    }

    /// The highest offset so far.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// A link begins; its `hello` names the spool.
    pub fn hello(&mut self, spool: &str) {
        self.last_here = None;
        self.new_spool = self.last.is_some() && spool != self.spool;
        self.spool = spool.into();
    }

    /// Takes the event at `offset`, whose whole text is `text` and whose data have `length` bytes.
    pub fn take(
        &mut self,
        line: &WebLine<'_>,
        offset: u64,
        text: &str,
        length: u64,
        broken: &mut impl FnMut(Violation),
    ) -> News {
        let content = content_hash(text);
        let news = self.place(line, offset, content, broken);
        self.last_here = Some(offset);
        if news == News::New {
            self.last = Some(offset);
            self.remember(offset, content);
            self.follow(line, offset, length, broken);
        }
        news
    }

    /// Where the line stands among the others.
    fn place(
        &mut self,
        line: &WebLine<'_>,
        offset: u64,
        content: u64,
        broken: &mut impl FnMut(Violation),
    ) -> News {
        let gap = line.event.as_deref() == Some("gap");
        if let Some(before) = self.last_here.filter(|before| offset <= *before) {
            broken(Violation::NotRising { offset, before });
        }
        let Some(last) = self.last else {
            self.whole = line.event.as_deref() == Some("started");
            return News::New;
        };
        if std::mem::take(&mut self.new_spool) {
            if offset <= last {
                broken(Violation::Reused { offset, before: last });
            }
            self.contents.clear();
            return News::New;
        }
        // Within a link the line before counts, so that holes among repeats are seen as well.
        let before = self.last_here.unwrap_or(last).min(last);
        let told = gap && line.from.is_some_and(|from| from <= before + 1);
        if offset > before + 1 && !told {
            broken(Violation::Jump { offset, before });
        }
        if offset > last {
            return News::New;
        }
        let known = self.contents.binary_search_by_key(&offset, |(offset, _)| *offset);
        if !gap && known.is_ok_and(|at| self.contents[at].1 != content) {
            broken(Violation::Changed { offset });
        }
        News::Repeat
    }

    fn remember(&mut self, offset: u64, content: u64) {
        if self.contents.len() == REMEMBERED {
            self.contents.pop_front();
        }
        self.contents.push_back((offset, content));
    }

    /// The story of each name.
    fn follow(
        &mut self,
        line: &WebLine<'_>,
        offset: u64,
        length: u64,
        broken: &mut impl FnMut(Violation),
    ) {
        let event = line.event.as_deref().unwrap_or_default();
        match event {
            "started" => {
                self.sessions.clear();
                self.nameless.clear();
                self.whole = true;
                self.era = 0;
                return;
            }
            "gap" => {
                self.pass_gap(line, offset, broken);
                return;
            }
            "online" | "data" | "idle" | "offline" => {}
            _ => return,
        }
        let missing = |key| Violation::Missing { event: event.into(), key, offset };
        let Some(name) = line.imei.as_deref() else { return broken(missing("imei")) };
        let Some(id) = line.session.as_deref() else { return broken(missing("session")) };
        if line.connections.is_none() {
            broken(missing("connections"));
        }
        if event == "data" && line.seq.is_none() {
            return broken(missing("seq"));
        }
        if event == "data" && line.data.is_none() {
            broken(missing("data"));
        }
        let step = Step { event, name, id, offset };
        if name == "unknown" {
            return self.follow_nameless(&step, line, broken);
        }
        self.follow_named(&step, line, length, broken);
    }

    fn pass_gap(&mut self, line: &WebLine<'_>, offset: u64, broken: &mut impl FnMut(Violation)) {
        let lost = line.events.unwrap_or(u64::MAX);
        let span = line.from.zip(line.to).filter(|(from, to)| from <= to);
        let adds_up = span.is_some_and(|(from, to)| to == offset && lost <= to - from + 1);
        if !adds_up {
            broken(Violation::BadGap { offset });
        }
        if lost > 0 {
            self.era += 1;
        }
    }

    fn follow_nameless(
        &mut self,
        step: &Step<'_>,
        line: &WebLine<'_>,
        broken: &mut impl FnMut(Violation),
    ) {
        if step.event != "data" {
            return broken(step.not_online());
        }
        let full = self.nameless.len() >= SESSIONS && !self.nameless.contains_key(step.id);
        if full || !self.whole || self.era > 0 {
            return;
        }
        let next = self.nameless.entry(step.id.into()).or_insert(1);
        let seq = line.seq.unwrap_or_default();
        if seq != *next {
            broken(step.wrong_seq(seq, *next));
        }
        *next = seq + 1;
    }

    fn follow_named(
        &mut self,
        step: &Step<'_>,
        line: &WebLine<'_>,
        length: u64,
        broken: &mut impl FnMut(Violation),
    ) {
        let key = match self.allow_duplicates {
            true => format_compact!("{} {}", step.name, step.id),
            false => step.name.into(),
        };
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&key) {
            return;
        }
        let certain = self.whole && self.era == 0;
        let session = self.sessions.entry(key.clone()).or_insert_with(|| Session {
            era: if certain { 0 } else { self.era.wrapping_sub(1) },
            ..Session::default()
        });
        // After a loss the first line of a name is believed, whatever it tells.
        let believed = session.era != self.era;
        session.era = self.era;
        if step.event == "online" {
            if session.online && !believed {
                broken(Violation::OnlineTwice { name: step.name.into(), offset: step.offset });
            }
            session.id = step.id.into();
            session.online = true;
            // What came before the name was counted as well.
            let first = if certain { 1 } else { ANY };
            session.next_seq = self.nameless.remove(step.id).unwrap_or(first);
            session.delivered = 0;
            return;
        }
        if believed {
            session.id = step.id.into();
            session.online = true;
            session.next_seq = ANY;
            session.delivered = 0;
        }
        session.step(step, line, length, broken);
        if self.allow_duplicates && step.event == "offline" {
            self.sessions.remove(&key);
        }
    }
}

/// What a line tells of a session.
struct Step<'a> {
    event: &'a str,
    name: &'a str,
    id: &'a str,
    offset: u64,
}

impl Step<'_> {
    fn not_online(&self) -> Violation {
        let (event, name) = (self.event.into(), self.name.into());
        Violation::NotOnline { event, name, offset: self.offset }
    }

    fn wrong_seq(&self, seq: u64, expected: u64) -> Violation {
        Violation::WrongSeq { name: self.name.into(), seq, expected, offset: self.offset }
    }
}

impl Session {
    fn step(
        &mut self,
        step: &Step<'_>,
        line: &WebLine<'_>,
        length: u64,
        broken: &mut impl FnMut(Violation),
    ) {
        if !self.online || self.id != step.id {
            return broken(step.not_online());
        }
        if let Some(seq) = line.seq.filter(|_| step.event == "data") {
            if self.next_seq != ANY && seq != self.next_seq {
                broken(step.wrong_seq(seq, self.next_seq));
            }
            self.next_seq = seq + 1;
            self.delivered += length;
        }
        if step.event == "offline" {
            self.online = false;
            let received = line.received_bytes.unwrap_or_default();
            if received < self.delivered {
                let (name, delivered) = (step.name.into(), self.delivered);
                broken(Violation::MoreThanRead { name, received, delivered, offset: step.offset });
            }
        }
    }
}

fn content_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
