//! One connection, cut as a session cuts it.

use std::ops::Range;

use crate::{
    model::{Name, UnixMillis},
    protocol::{
        Checked, Cutter, Fault, Frame, Given, Heard, Item, Kind, OnBadChecksum, Protocol,
        Registration, Rules, Unregistered,
    },
};

/// As a listener cuts that says nothing else.
const RULES: Rules = Rules {
    registration: Registration::Once,
    forward_registration: false,
    unregistered: Unregistered::Hold,
    registration_bytes: 512,
    max_frame: 64 << 10,
};

/// What a bad checksum is called that ends a session.
const BAD_CHECKSUM: &str = "the checksum of a frame is wrong, and on_bad_checksum = 'close'";

/// What is known of a connection beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub protocol: &'a Protocol,
    /// The device has logged in under this name.
    pub name: Option<&'a Name>,
    /// Whether it is let in.
    pub accept: bool,
    pub now: UnixMillis,
}

/// Whoever wants to know what a connection says.
pub(super) trait Listener {
    /// A frame. Where it stands is told directly after it, by [`stood`](Self::stood).
    fn frame(&mut self, frame: &Frame<'_>, given: &Given<'_>, fate: Fate);
    /// Where the last frame stands, with what belongs to it.
    fn stood(&mut self, at: Range<usize>);
    /// A registration, and the name in it.
    fn registration(&mut self, at: Range<usize>, name: &Name);
    /// Data that are not cut into frames.
    fn data(&mut self, at: Range<usize>);
    /// Bytes that belong to nothing.
    fn junk(&mut self, at: Range<usize>);
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// It may be answered.
    pub answered: bool,
    /// It goes to the web server.
    pub delivered: bool,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// So many bytes came out; all behind them is left over.
    pub used: usize,
    /// Why a session would end.
    pub error: Option<String>,
}

/// Plays a connection that reads `bytes` in the pieces `reads`, which cover them in order, with a
/// pause behind the last. Data that are not cut into frames end where one of `chunks` does.
pub(super) fn play(
    terms: Terms<'_>,
    bytes: &[u8],
    reads: &[Range<usize>],
    chunks: &[Range<usize>],
    listener: &mut impl Listener,
) -> Ending {
    let mut session = Session::new(terms, bytes, chunks, listener);
    let end = session.read_all(reads).err();
    session.teller.settle();
    let error = match end {
        Some(End::Fault(fault)) => Some(fault.to_string()),
        Some(End::BadChecksum) => Some(BAD_CHECKSUM.to_owned()),
        Some(End::Refused) | None => None,
    };
    Ending { used: session.used, error }
}

/// Why nothing more is looked at.
enum End {
    Fault(Fault),
    BadChecksum,
    /// The name of a registration is not let in.
    Refused,
}

struct Session<'a, L> {
    terms: Terms<'a>,
    bytes: &'a [u8],
    cutter: Cutter,
    /// So many bytes have come out.
    used: usize,
    teller: Teller<'a, L>,
}

/// What an item was, once the bytes in it are gone.
enum Came {
    Frame(Meant),
    Data,
    Filtered,
    Junk,
    Named(Name),
    Nothing,
}

/// What a frame changes.
struct Meant {
    names: bool,
    ends: bool,
}

/// How the cutter is asked.
#[derive(Clone, Copy)]
enum Ask {
    Feed,
    Pause,
}

impl<'a, L: Listener> Session<'a, L> {
    fn new(
        terms: Terms<'a>,
        bytes: &'a [u8],
        chunks: &'a [Range<usize>],
        listener: &'a mut L,
    ) -> Self {
        let cutter = match terms.name {
            Some(_) => Cutter::open(terms.protocol),
            None => Cutter::new(terms.protocol),
        };
        let name = terms.name.cloned().or_else(|| stand_in(terms.protocol));
        let teller = Teller { terms, listener, chunks, name, registration: None, run: 0..0 };
        Self { terms, bytes, cutter, used: 0, teller }
    }

    fn read_all(&mut self, reads: &[Range<usize>]) -> Result<(), End> {
        for read in reads {
            let mut input = &self.bytes[read.clone()];
            while self.next(Ask::Feed, &mut input, read.end)? {}
        }
        let end = self.bytes.len();
        while self.cutter.pause_after(self.terms.protocol, &RULES).is_some() {
            let before = self.used;
            while self.next(Ask::Pause, &mut &[][..], end)? {}
            while self.next(Ask::Feed, &mut &[][..], end)? {}
            if self.used == before {
                break;
            }
        }
        // What is dropped without a word came out as well.
        self.used = self.used.max(end - self.cutter.held().len());
        Ok(())
    }

    /// Takes what comes next; `false` if nothing does. `fed`: where in all bytes `input` ends.
    fn next(&mut self, ask: Ask, input: &mut &'a [u8], fed: usize) -> Result<bool, End> {
        let protocol = self.terms.protocol;
        let item = match ask {
            Ask::Feed => self.cutter.feed(protocol, &RULES, input),
            Ask::Pause => self.cutter.pause(protocol, &RULES),
        };
        let came = match item {
            Item::NeedMore => Came::Nothing,
            Item::Fault(fault) => return Err(End::Fault(fault)),
            Item::Data(_) | Item::Unnamed(_) => Came::Data,
            Item::Filtered(_) => Came::Filtered,
            Item::Junk(_) => Came::Junk,
            // There is one protocol, and it is a file.
            Item::Chosen(_) | Item::Frame(Heard::Coded(..)) => Came::Nothing,
            Item::Named(name) => Came::Named(name),
            Item::Frame(_) if self.teller.is_refused() => return Err(End::Refused),
            Item::Frame(Heard::Described(frame)) => Came::Frame(self.teller.frame(&frame)),
        };
        let at = self.used..fed - input.len() - self.cutter.held().len();
        if !self.take(came, at.clone())? {
            return Ok(false);
        }
        self.used = at.end;
        Ok(true)
    }

    fn take(&mut self, came: Came, at: Range<usize>) -> Result<bool, End> {
        match came {
            Came::Nothing => return Ok(false),
            Came::Named(name) => self.teller.named(name, at.end),
            Came::Filtered if self.teller.registration.is_some() => self.teller.registers(at),
            Came::Junk if self.teller.is_refused() => return Err(End::Refused),
            Came::Filtered | Came::Junk => self.teller.junk(at),
            Came::Data if self.teller.is_refused() && self.teller.is_early() => {
                self.teller.junk(at);
            }
            Came::Data if self.teller.is_refused() => return Err(End::Refused),
            Came::Data => self.teller.data(at),
            Came::Frame(meant) => {
                self.teller.listener.stood(at.clone());
                if meant.names {
                    self.cutter.named();
                }
                if meant.ends {
                    self.used = at.end;
                    return Err(End::BadChecksum);
                }
            }
        }
        Ok(true)
    }
}

/// What has been told to the listener, and what waits because it may go on.
struct Teller<'a, L> {
    terms: Terms<'a>,
    listener: &'a mut L,
    chunks: &'a [Range<usize>],
    name: Option<Name>,
    /// The registration; nowhere as long as what stood before it comes out.
    registration: Option<(Range<usize>, Name)>,
    /// Data that are not cut into frames.
    run: Range<usize>,
}

impl<L: Listener> Teller<'_, L> {
    /// Tells of a frame, and who is answered.
    fn frame(&mut self, frame: &Frame<'_>) -> Meant {
        self.settle();
        let conduct = self.terms.protocol.vocabulary().map(|known| known.conduct());
        let conduct = conduct.unwrap_or_default();
        let told = frame.name().and_then(Result::ok);
        let is_login = told.is_some() || frame.is() == Kind::Login;
        let accepted = self.terms.accept || !is_login;
        let name = match (&self.name, &told) {
            (Some(_), Some(told)) if conduct.many => Some(told),
            (Some(name), _) => Some(name),
            (None, told) => told.as_ref().filter(|_| accepted),
        };
        let is_bad = frame.check() == Checked::Bad;
        let answered = !is_bad || conduct.on_bad_checksum == OnBadChecksum::Forward;
        let is_heartbeat = conduct.drop_heartbeats && frame.is() == Kind::Heartbeat;
        let fate = Fate { answered, delivered: answered && accepted && !is_heartbeat };
        let given = Given { name, now: self.terms.now, accepted };
        self.listener.frame(frame, &given, fate);
        let names = answered && accepted && self.name.is_none() && told.is_some();
        if names {
            self.name = told;
        }
        Meant { names, ends: is_bad && conduct.on_bad_checksum == OnBadChecksum::Close }
    }

    fn named(&mut self, name: Name, at: usize) {
        self.name = Some(name.clone());
        self.registration = Some((at..at, name));
    }

    /// These bytes are the registration, or more of it.
    fn registers(&mut self, more: Range<usize>) {
        if let Some((at, _)) = &mut self.registration {
            *at = if at.start == at.end { more } else { at.start..more.end };
        }
    }

    /// Whether the registration's name may not come in.
    fn is_refused(&self) -> bool {
        self.registration.is_some() && !self.terms.accept
    }

    /// Whether a name is known, and what stood before its registration still comes out.
    fn is_early(&self) -> bool {
        self.registration.as_ref().is_some_and(|(at, _)| at.is_empty())
    }

    fn junk(&mut self, at: Range<usize>) {
        if !self.is_early() {
            self.settle();
        }
        self.listener.junk(at);
    }

    fn data(&mut self, at: Range<usize>) {
        if !self.is_early() {
            self.tell_registration();
        }
        if self.run.end != at.start {
            self.tell_run();
            self.run = at.start..at.start;
        }
        self.run.end = at.end;
    }

    /// Tells what may have gone on, and does not any more.
    fn settle(&mut self) {
        self.tell_run();
        self.tell_registration();
    }

    fn tell_registration(&mut self) {
        if self.registration.is_some() {
            self.tell_run();
        }
        // A name that is not let in keeps the door shut.
        let told = match self.terms.accept {
            true => self.registration.take(),
            false => self.registration.clone(),
        };
        if let Some((at, name)) = told.filter(|(at, _)| !at.is_empty()) {
            self.listener.registration(at, &name);
        }
    }

    /// Tells the data that came one behind the other, cut where reads would be.
    fn tell_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        for chunk in self.chunks {
            let (mut from, to) = (chunk.start.max(run.start), chunk.end.min(run.end));
            while from < to {
                let end = to.min(from + RULES.max_frame);
                self.listener.data(from..end);
                from = end;
            }
        }
    }
}

/// Who a device is that is named by its address: one of those kept for examples (RFC 5737).
fn stand_in(protocol: &Protocol) -> Option<Name> {
    protocol.names_by_address().then(|| Name::new(b"192.0.2.1:40000").ok())?
}
