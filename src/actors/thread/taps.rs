use bytes::Bytes;

use super::recent::Recents;
use crate::{
    messages::{Opened, TapEvent, TapSink, Tapped},
    model::{CloseReason, Name, SessionId, UnixMillis},
};

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
#[derive(Debug, Default)]
pub struct Taps {
    shown: Vec<Shown>,
    lookers: Vec<Looker>,
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

/// One who looks for a name.
#[derive(Debug)]
struct Looker {
    name: Name,
    sink: TapSink,
    /// He wants to see how the name was said, and that is known only behind it: the last of what
    /// passed on connections that may yet turn out to be it, and was not shown to him.
    recent: Recents,
}

impl Taps {
    /// Whether nobody looks.
    pub fn are_idle(&self) -> bool {
        self.shown.is_empty() && self.lookers.is_empty()
    }

    /// Whether any name is looked for.
    pub fn look_for_names(&self) -> bool {
        !self.lookers.is_empty()
    }

    /// From now on `sink` is shown the sessions that are granted `name`.
    pub fn look_for(&mut self, name: Name, sink: TapSink) {
        if !self.lookers.iter().any(|looker| looker.sink.is_same(&sink)) {
            self.lookers.push(Looker { name, sink, recent: Recents::default() });
        }
    }

    /// Shows `session`, which is on `line` or behind it, to `sink`, unless it is shown there already.
    pub fn show(&mut self, line: Line<'_>, session: SessionId, of: TapEvent, sink: TapSink) -> u64 {
        let is_it = |shown: &Shown| shown.session == session && shown.sink.is_same(&sink);
        if self.shown.iter().any(is_it) {
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
        opened: &Opened,
        now: UnixMillis,
    ) -> u64 {
        let Self { shown, lookers } = self;
        let mut missed = 0;
        for looker in lookers {
            if looker.name != *name {
                // Another device behind the connection may be the one that is looked for.
                if line.name.is_some() {
                    looker.recent.forget(line.slot);
                }
                continue;
            }
            let chunks = looker.recent.forget(line.slot);
            let is_it = |one: &Shown| one.session == session && one.sink.is_same(&looker.sink);
            if shown.iter().any(is_it) {
                continue;
            }
            let mut opened = opened.clone();
            for (_, way, bytes) in &chunks {
                match way {
                    Way::Received => opened.received_bytes -= bytes.len() as u64,
                    Way::Sent => opened.sent_bytes -= bytes.len() as u64,
                }
            }
            let time = chunks.front().map_or(now, |(time, ..)| *time);
            let what = Tapped::Opened(Box::new(opened));
            missed += looker.sink.push(TapEvent { time, session, name: Some(name.clone()), what });
            for (time, way, bytes) in chunks {
                missed += looker.sink.push(event(time, &line, way.showing(bytes)));
            }
            let (slot, connection, sink) = (line.slot, line.session, looker.sink.clone());
            shown.push(Shown { slot, connection, session, sink });
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
            for looker in &mut self.lookers {
                let mut here = self.shown.iter().filter(is_it);
                if !here.any(|shown| shown.sink.is_same(&looker.sink)) {
                    looker.recent.keep(line.slot, (now, way, bytes.clone()));
                }
            }
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

    /// The connection in `slot` is over.
    pub fn forget(&mut self, slot: u32) {
        for looker in &mut self.lookers {
            looker.recent.forget(slot);
        }
    }

    /// Lets go of those who look no more.
    pub fn let_go(&mut self) {
        self.shown.retain(|shown| !shown.sink.is_gone());
        self.lookers.retain(|looker| !looker.sink.is_gone());
    }
}

fn event(time: UnixMillis, line: &Line<'_>, what: Tapped) -> TapEvent {
    TapEvent { time, session: line.session, name: line.name.cloned(), what }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;
    use crate::messages::{TapFeed, TapItem, tap_feed};

    const NOW: UnixMillis = UnixMillis(7);

    fn name(text: &str) -> Name {
        Name::new(text.as_bytes()).unwrap()
    }

    fn opened(received_bytes: u64, sent_bytes: u64) -> Opened {
        let (connection, first_bytes) = (None, Vec::new());
        let (listener, peer) = ("dtu".into(), "memory:1".to_owned());
        Opened { connection, listener, peer, received_bytes, sent_bytes, first_bytes }
    }

    fn nobody(slot: u32) -> Line<'static> {
        Line { slot, session: SessionId(u64::from(slot)), name: None }
    }

    fn of(slot: u32, name: &Name) -> Line<'_> {
        Line { name: Some(name), ..nobody(slot) }
    }

    /// What is there to see, in short; `None` once nothing more can come.
    fn seen(feed: &TapFeed) -> Option<Vec<String>> {
        let next = std::pin::pin!(feed.next(usize::MAX));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(items) = next.poll(&mut task) else { return Some(Vec::new()) };
        let shown = |item: &TapItem| match item {
            TapItem::Missed { bytes, .. } => format!("missed {bytes}"),
            TapItem::Event(TapEvent { session, what, .. }) => match what {
                Tapped::Opened(o) => {
                    format!("{} opened {} {}", session.0, o.received_bytes, o.sent_bytes)
                }
                Tapped::Received(bytes) => format!("{} < {}", session.0, bytes.escape_ascii()),
                Tapped::Sent(bytes) => format!("{} > {}", session.0, bytes.escape_ascii()),
                Tapped::Closed(reason) => format!("{} closed {reason}", session.0),
            },
        };
        items.map(|items| items.iter().map(shown).collect())
    }

    #[test]
    fn a_session_is_shown_until_it_is_over_and_others_are_not() {
        let (mut taps, (sink, feed)) = (Taps::default(), tap_feed());
        let begin = event(NOW, &nobody(1), Tapped::Opened(Box::new(opened(3, 0))));
        taps.show(nobody(1), SessionId(1), begin, sink);
        taps.passed(nobody(1), true, Way::Received, b"hello", NOW);
        taps.passed(nobody(2), true, Way::Received, b"other", NOW);
        taps.passed(nobody(1), true, Way::Sent, b"hi", NOW);
        let later = Line { session: SessionId(9), ..nobody(1) };
        taps.passed(later, true, Way::Received, b"of the next in its slot", NOW);
        taps.closed(SessionId(2), None, CloseReason::Reset, NOW);
        assert!(!taps.are_idle());
        taps.closed(SessionId(1), None, CloseReason::Idle, NOW);
        assert!(taps.are_idle());
        assert_eq!(seen(&feed).unwrap(), ["1 opened 3 0", "1 < hello", "1 > hi", "1 closed idle"]);
        assert_eq!(seen(&feed), None);
    }

    #[test]
    fn a_name_is_shown_with_how_it_was_said_and_from_one_session_to_the_next() {
        let (mut taps, (sink, feed)) = (Taps::default(), tap_feed());
        let (me, other) = (name("me"), name("other"));
        taps.look_for(me.clone(), sink);
        for (slot, claimed) in [(1, &me), (2, &other), (3, &me)] {
            taps.passed(nobody(slot), true, Way::Received, b"ETUNG:", NOW);
            taps.passed(nobody(slot), true, Way::Sent, b"?", NOW);
            taps.passed(of(slot, claimed), true, Way::Received, b"me\r\n", NOW);
            let session = SessionId(u64::from(slot));
            taps.granted(of(slot, claimed), session, claimed, &opened(15, 1), NOW);
            taps.passed(of(slot, claimed), false, Way::Received, b"data", NOW);
            taps.closed(session, Some(claimed), CloseReason::Replaced, NOW);
        }
        let one = |slot| {
            let rest = ["opened 5 0", "< ETUNG:", "> ?", "< me\\r\\n", "< data", "closed replaced"];
            rest.map(|what| format!("{slot} {what}"))
        };
        assert_eq!(seen(&feed).unwrap(), [one(1), one(3)].concat());
        assert_eq!(seen(&feed), Some(Vec::new()), "it waits for the next");
    }

    #[test]
    fn a_device_behind_a_connection_is_shown_with_all_of_that_from_what_brought_it_on() {
        let (mut taps, (sink, feed)) = (Taps::default(), tap_feed());
        let (pump, meter) = (name("pump"), name("meter"));
        taps.look_for(pump.clone(), sink);
        taps.passed(nobody(1), true, Way::Received, b"meter:1;pump:1;", NOW);
        taps.granted(nobody(1), SessionId(10), &meter, &opened(15, 0), NOW);
        taps.granted(nobody(1), SessionId(11), &pump, &opened(15, 0), NOW);
        taps.passed(nobody(1), true, Way::Received, b"meter:2;", NOW);
        taps.closed(SessionId(10), Some(&meter), CloseReason::Replaced, NOW);
        taps.closed(SessionId(11), Some(&pump), CloseReason::Replaced, NOW);
        taps.passed(nobody(1), true, Way::Received, b"pump:2;", NOW);
        taps.granted(nobody(1), SessionId(12), &pump, &opened(30, 0), NOW);
        let first = ["11 opened 0 0", "1 < meter:1;pump:1;", "1 < meter:2;", "11 closed replaced"];
        let second = ["12 opened 23 0", "1 < pump:2;"];
        assert_eq!(seen(&feed).unwrap(), [&first[..], &second[..]].concat());
    }

    #[test]
    fn nothing_is_kept_of_the_nameless_but_while_names_are_looked_for() {
        let (mut taps, (sink, feed)) = (Taps::default(), tap_feed());
        let me = name("me");
        taps.passed(nobody(1), true, Way::Received, b"early", NOW);
        taps.look_for(me.clone(), sink);
        taps.passed(nobody(1), true, Way::Received, b"late", NOW);
        taps.passed(nobody(2), true, Way::Received, b"gone", NOW);
        taps.forget(2);
        taps.granted(of(2, &me), SessionId(2), &me, &opened(0, 0), NOW);
        taps.granted(of(1, &me), SessionId(1), &me, &opened(9, 0), NOW);
        assert_eq!(seen(&feed).unwrap(), ["2 opened 0 0", "1 opened 5 0", "1 < late"]);
        drop(feed);
        taps.let_go();
        assert!(taps.are_idle() && !taps.look_for_names());
    }

    #[test]
    fn a_session_that_is_found_twice_is_shown_once() {
        let (mut taps, (sink, feed)) = (Taps::default(), tap_feed());
        let me = name("me");
        taps.look_for(me.clone(), sink.clone());
        taps.look_for(me.clone(), sink.clone());
        taps.granted(of(1, &me), SessionId(1), &me, &opened(0, 0), NOW);
        let begin = event(NOW, &of(1, &me), Tapped::Opened(Box::new(opened(0, 0))));
        taps.show(of(1, &me), SessionId(1), begin, sink);
        taps.passed(of(1, &me), false, Way::Sent, b"x", NOW);
        assert_eq!(seen(&feed).unwrap(), ["1 opened 0 0", "1 > x"]);
    }
}
