use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::{
    messages::{Opened, TapEvent, TapSink, Tapped},
    model::{CloseReason, Name, SessionId, UnixMillis},
};

/// Bytes that are kept of a connection without a name, the last ones; a chunk that is longer alone.
const MOST_RECENT: usize = 4 << 10;

/// The same of all connections together; beyond it nothing is kept of further ones.
const MOST_RECENT_OF_ALL: usize = 1 << 20;

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the device.
    Received,
    /// To the device.
    Sent,
}

impl Way {
    fn showing(self, bytes: Bytes) -> Tapped {
        match self {
            Self::Received => Tapped::Received(bytes),
            Self::Sent => Tapped::Sent(bytes),
        }
    }
}

/// A connection of which something is shown.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its slot.
    pub slot: u32,
    /// Its session.
    pub session: SessionId,
    /// Its name, once it has claimed one.
    pub name: Option<&'a Name>,
}

/// What is shown of one thread's sessions, and to whom.
///
/// Whoever looks for a name wants to see how it was said, and that is known only behind it: while a
/// name is looked for, the last bytes of connections that have none are kept.
#[derive(Debug, Default)]
pub struct Taps {
    shown: Vec<Shown>,
    names: Vec<(Name, TapSink)>,
    recent: HashMap<u32, Recent>,
    recent_bytes: usize,
}

/// A session that is shown to one who looks.
#[derive(Debug)]
struct Shown {
    /// Its connection.
    slot: u32,
    connection: SessionId,
    /// The connection's, or that of a device behind it.
    session: SessionId,
    sink: TapSink,
}

/// The last of what passed on a connection without a name.
#[derive(Debug, Default)]
struct Recent {
    chunks: VecDeque<(UnixMillis, Way, Bytes)>,
    bytes: usize,
}

impl Taps {
    /// Whether nobody looks.
    pub fn are_idle(&self) -> bool {
        self.shown.is_empty() && self.names.is_empty()
    }

    /// Whether any name is looked for.
    pub fn look_for_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// From now on `sink` is shown the sessions that are granted `name`.
    pub fn look_for(&mut self, name: Name, sink: TapSink) {
        if !self.names.iter().any(|(_, known)| known.is_same(&sink)) {
            self.names.push((name, sink));
        }
    }

    /// Shows `session`, which is on `line` or behind it, to `sink`, unless it is shown there already.
    pub fn show(&mut self, line: Line<'_>, session: SessionId, of: TapEvent, sink: TapSink) -> u64 {
        if self.is_shown(session, &sink) {
            return 0;
        }
        let missed = sink.push(of);
        let Line { slot, session: connection, .. } = line;
        self.shown.push(Shown { slot, connection, session, sink });
        missed
    }

    /// `session`, which is on `line` or behind it, was granted `name`: it is shown to those who look
    /// for that, what was kept of the connection first. `opened` says how it stands.
    pub fn granted(
        &mut self,
        line: Line<'_>,
        session: SessionId,
        name: &Name,
        mut opened: Opened,
        now: UnixMillis,
    ) -> u64 {
        let lookers = self.names.iter().filter(|(wanted, _)| wanted == name);
        let lookers = lookers.filter(|(_, sink)| !self.is_shown(session, sink));
        let lookers: Vec<_> = lookers.map(|(_, sink)| sink.clone()).collect();
        if lookers.is_empty() && line.name.is_none() {
            // Another device behind the connection may be the one that is looked for.
            return 0;
        }
        let recent = self.forget_recent(line.slot);
        for (_, way, bytes) in &recent.chunks {
            match way {
                Way::Received => opened.received_bytes -= bytes.len() as u64,
                Way::Sent => opened.sent_bytes -= bytes.len() as u64,
            }
        }
        let time = recent.chunks.front().map_or(now, |(time, ..)| *time);
        let mut missed = 0;
        for sink in lookers {
            let what = Tapped::Opened(Box::new(opened.clone()));
            let of = TapEvent { time, session, name: Some(name.clone()), what };
            missed += self.show(line, session, of, sink.clone());
            for (time, way, bytes) in &recent.chunks {
                let what = way.showing(bytes.clone());
                missed += sink.push(event(*time, &line, what));
            }
        }
        missed
    }

    /// `bytes` have passed on `line`; `is_nameless`: it may yet turn out whose they are.
    pub fn passed(
        &mut self,
        line: Line<'_>,
        is_nameless: bool,
        way: Way,
        bytes: &[u8],
        now: UnixMillis,
    ) -> u64 {
        let is_it = |shown: &&Shown| shown.slot == line.slot && shown.connection == line.session;
        let is_kept = is_nameless && self.look_for_names();
        if !is_kept && !self.shown.iter().any(|shown| is_it(&shown)) {
            return 0;
        }
        let bytes = Bytes::copy_from_slice(bytes);
        let of = |bytes: &Bytes| event(now, &line, way.showing(bytes.clone()));
        let missed = self.shown.iter().filter(is_it).map(|shown| shown.sink.push(of(&bytes))).sum();
        if is_kept {
            self.keep(line.slot, way, bytes, now);
        }
        missed
    }

    /// `session` is over, or no longer behind its connection.
    pub fn closed(
        &mut self,
        session: SessionId,
        name: Option<&Name>,
        reason: CloseReason,
        now: UnixMillis,
    ) {
        self.shown.retain(|shown| {
            if shown.session == session {
                let (name, what) = (name.cloned(), Tapped::Closed(reason));
                shown.sink.push(TapEvent { time: now, session, name, what });
            }
            shown.session != session
        });
    }

    /// The connection in `slot` has no name that could still be told, or is over.
    pub fn forget(&mut self, slot: u32) {
        self.forget_recent(slot);
    }

    /// Lets go of those who look no more.
    pub fn let_go(&mut self) {
        self.shown.retain(|shown| !shown.sink.is_gone());
        self.names.retain(|(_, sink)| !sink.is_gone());
        if self.names.is_empty() {
            (self.recent, self.recent_bytes) = (HashMap::new(), 0);
        }
    }

    fn is_shown(&self, session: SessionId, sink: &TapSink) -> bool {
        self.shown.iter().any(|shown| shown.session == session && shown.sink.is_same(sink))
    }

    fn keep(&mut self, slot: u32, way: Way, bytes: Bytes, now: UnixMillis) {
        self.recent_bytes += bytes.len();
        let recent = self.recent.entry(slot).or_default();
        recent.bytes += bytes.len();
        recent.chunks.push_back((now, way, bytes));
        while recent.bytes > MOST_RECENT && recent.chunks.len() > 1 {
            let Some((_, _, oldest)) = recent.chunks.pop_front() else { break };
            recent.bytes -= oldest.len();
            self.recent_bytes -= oldest.len();
        }
        if self.recent_bytes > MOST_RECENT_OF_ALL {
            self.forget_recent(slot);
        }
    }

    fn forget_recent(&mut self, slot: u32) -> Recent {
        let recent = self.recent.remove(&slot).unwrap_or_default();
        self.recent_bytes -= recent.bytes;
        recent
    }
}

fn event(time: UnixMillis, line: &Line<'_>, what: Tapped) -> TapEvent {
    TapEvent { time, session: line.session, name: line.name.cloned(), what }
}
