use std::{mem, ops::Range, time::Duration};

use super::{
    Engine, Fault, Heard, Item, Piece, Protocol, Registration, Rules, Terms, Vocabulary,
    coded::Coded,
    every::Every,
    packet::{Packet, Trailing},
    waiting::{Found, Waiting},
};
use crate::model::Name;

/// How long the beginning of what may be a packet waits for its rest.
pub(super) const RELEASE: Duration = Duration::from_millis(200);

/// Longest frame before the name is known, where `registration_bytes` is less: trackers tell their
/// name in front of their first report.
const NAMELESS_FRAME: usize = 4 << 10;

/// How long a terminator may come behind a name that ended without one.
const TRAILING: Duration = Duration::from_secs(2);

/// Cuts what one connection sends into a name and data. Two words while nothing is unfinished.
///
/// Pull with [`feed`](Self::feed) until it says [`Item::NeedMore`], which means that the read is
/// used up and what is fed next is another read.
#[derive(Debug, Default)]
pub struct Cutter {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// No name, and nothing waits.
    #[default]
    Nameless,
    Waiting(Box<Waiting>),
    /// Named, and what waited is being handed out.
    Telling(Box<Telling>),
    /// Named, and the end of the registration may still come.
    Trailing(Trailing),
    /// Named once and for all: bytes pass.
    Open,
    /// Frames are cut, for a device that has its name or does not.
    Cutting(Engine, Named),
    Every(Box<Every>),
    /// Code cuts.
    Coded(Box<Coded>),
    /// The protocol is not known yet; these bytes will tell.
    Undecided(Box<Undecided>),
    Failed(Box<Failed>),
}

/// Whether the device has its name.
type Named = bool;

/// What to do next: a decision that borrows nothing.
#[derive(Debug)]
pub(super) enum Step {
    /// A registration ended.
    Found(Box<Found>),
    /// So many bytes of the input are a chunk.
    Input(Kind, usize),
    /// These bytes of what is held are a chunk.
    Held(Kind, Range<usize>),
    /// So many bytes of the input go nowhere.
    Skip(usize),
    /// So many bytes that were held go nowhere.
    Filtered(usize),
    /// The state is another; look again.
    Again,
    NeedMore,
    Fault(Fault),
}

/// What a chunk is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Data,
    Unnamed,
}

#[derive(Debug)]
struct Telling {
    /// What waited before the registration, then the registration.
    held: Vec<u8>,
    /// So many of these have come out.
    told: usize,
    registration_at: usize,
    /// So many bytes at the front of the input are the registration and go nowhere.
    ahead: usize,
    then: State,
}

/// What will tell which protocol it is.
#[derive(Debug, Default)]
struct Undecided(Vec<u8>);

#[derive(Debug)]
struct Failed {
    fault: Fault,
    held: Vec<u8>,
}

impl Cutter {
    /// A cutter for a new connection.
    pub fn new(protocol: &Protocol) -> Self {
        let state = match protocol.packet() {
            Some(_) => State::Nameless,
            None if protocol.code().is_some() => opened(protocol),
            None if protocol.cuts_frames() => {
                State::Cutting(Engine::default(), protocol.names_by_address())
            }
            None => State::Open,
        };
        Self { state }
    }

    /// A cutter that only keeps what comes, until it is known by which protocol to cut.
    pub(super) fn undecided() -> Self {
        Self { state: State::Undecided(Box::default()) }
    }

    /// Keeps all of `input` until the protocol is known.
    pub(super) fn hold(&mut self, input: &mut &[u8]) {
        if let State::Undecided(held) = &mut self.state {
            held.0.extend_from_slice(input);
            *input = &[];
        }
    }

    /// Gives up what it has kept.
    pub(super) fn let_go(&mut self) -> Vec<u8> {
        match &mut self.state {
            State::Undecided(held) => mem::take(&mut held.0),
            _ => Vec::new(),
        }
    }

    /// A cutter for a connection whose device has its name already.
    pub fn open(protocol: &Protocol) -> Self {
        let state = match protocol.vocabulary() {
            Some(_) => State::Cutting(Engine::default(), true),
            None => opened(protocol),
        };
        Self { state }
    }

    /// Whether frames are being cut: no registration is awaited, or at its end, any more.
    pub fn cuts(&self) -> bool {
        matches!(self.state, State::Cutting(..) | State::Coded(_))
    }

    /// Says what comes next, from what is held and from the front of `input`, and takes it off.
    ///
    /// Call it until it says [`Item::NeedMore`], always with the same protocol and rules, and with
    /// what is left of the same read; `input` is empty then. After [`Item::Named`] the caller may
    /// wait, and keeps what is left of the read; it goes on here even if nothing is left. After
    /// [`Item::Fault`] some of the input may be left.
    pub fn feed<'a, 'i: 'a>(
        &'a mut self,
        protocol: &'a Protocol,
        rules: &Rules,
        input: &mut &'i [u8],
    ) -> Item<'a> {
        loop {
            match &self.state {
                State::Open if !protocol.cuts_frames() => return next_chunk(rules, input),
                State::Cutting(..) | State::Coded(_) => break,
                State::Open => {
                    self.state = match protocol.vocabulary() {
                        Some(_) => State::Cutting(Engine::default(), true),
                        None => opened(protocol),
                    };
                    break;
                }
                _ => {}
            }
            let Some(packet) = protocol.packet() else {
                return Item::NeedMore;
            };
            match self.step(packet, rules, input) {
                Step::Again => {}
                step => return self.item(packet, rules, step, input),
            }
        }
        match (&mut self.state, protocol.vocabulary()) {
            (State::Cutting(engine, named), Some(vocabulary)) => {
                piece(engine.feed(vocabulary, terms(*named, rules), input))
            }
            (State::Coded(coded), _) => coded.feed(rules.max_frame, input),
            _ => Item::NeedMore,
        }
    }

    /// The device has got the name that one of its frames tells.
    pub fn named(&mut self) {
        if let State::Cutting(_, named) = &mut self.state {
            *named = true;
        }
    }

    /// The silence after which [`pause`](Self::pause) has something to do; none if no silence
    /// means anything. Ask once the read is used up.
    pub fn pause_after(&self, protocol: &Protocol, rules: &Rules) -> Option<Duration> {
        match &self.state {
            State::Cutting(engine, _) => engine.pause_after(protocol.vocabulary()?),
            State::Coded(coded) => coded.pause_after(),
            State::Waiting(waiting) => waiting.pause_after(protocol.packet()?, rules),
            State::Trailing(_) => Some(TRAILING),
            State::Every(every) if every.is_trailing() => Some(TRAILING),
            State::Every(every) => (!every.held().is_empty()).then_some(RELEASE),
            _ => None,
        }
    }

    /// Nothing came for as long as [`pause_after`](Self::pause_after) said. Unless it answers
    /// [`Item::NeedMore`], go on with [`feed`](Self::feed) and an empty input.
    pub fn pause<'a>(&'a mut self, protocol: &'a Protocol, rules: &Rules) -> Item<'a> {
        if matches!(self.state, State::Cutting(..) | State::Coded(_)) {
            return self.cut(protocol, rules, Engine::pause, Coded::pause);
        }
        let Some(packet) = protocol.packet() else {
            return Item::NeedMore;
        };
        let step = match &mut self.state {
            State::Waiting(waiting) => waiting.pause(packet, rules),
            State::Every(every) => every.pause(packet, rules),
            State::Trailing(_) => {
                self.state = State::Open;
                Step::NeedMore
            }
            _ => Step::NeedMore,
        };
        self.item(packet, rules, step, &mut &[][..])
    }

    /// The device will send nothing more: lets go what is still held. Call it until it says
    /// [`Item::NeedMore`], or a fault.
    pub fn finish<'a>(&'a mut self, protocol: &'a Protocol, rules: &Rules) -> Item<'a> {
        if matches!(self.state, State::Cutting(..) | State::Coded(_)) {
            return self.cut(protocol, rules, Engine::finish, Coded::finish);
        }
        let Some(packet) = protocol.packet() else {
            return Item::NeedMore;
        };
        let step = match &mut self.state {
            State::Waiting(waiting) => waiting.finish(rules),
            State::Every(every) if !every.held().is_empty() => every.pause(packet, rules),
            _ => return self.feed(protocol, rules, &mut &[][..]),
        };
        self.item(packet, rules, step, &mut &[][..])
    }

    /// What went in and did not come out yet.
    pub fn held(&self) -> &[u8] {
        match &self.state {
            State::Waiting(waiting) => waiting.held(),
            State::Telling(telling) => &telling.held[telling.told..],
            State::Every(every) => every.held(),
            State::Cutting(engine, _) => engine.held(),
            State::Coded(coded) => coded.held(),
            State::Undecided(held) => &held.0,
            State::Failed(failed) => &failed.held,
            State::Nameless | State::Trailing(_) | State::Open => &[],
        }
    }

    /// Whether nothing is allocated.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        match &self.state {
            State::Cutting(engine, _) => engine.is_idle(),
            state => matches!(state, State::Nameless | State::Trailing(_) | State::Open),
        }
    }

    fn step(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        match &mut self.state {
            State::Nameless => self.begin(packet, rules, input),
            State::Waiting(waiting) => {
                let step = waiting.feed(packet, rules, input);
                if matches!(step, Step::NeedMore | Step::Again) && waiting.is_idle() {
                    self.state = State::Nameless;
                }
                step
            }
            State::Telling(telling) => match telling.next(rules, input) {
                Step::Again => {
                    self.state = mem::take(&mut telling.then);
                    Step::Again
                }
                step => step,
            },
            State::Trailing(trailing) => {
                if input.is_empty() {
                    return Step::NeedMore;
                }
                let (length, more) = packet.late(*trailing, input);
                self.state = after(more);
                if length > 0 { Step::Skip(length) } else { Step::Again }
            }
            // Frames and chunks are cut elsewhere.
            State::Open | State::Cutting(..) | State::Coded(_) | State::Undecided(_) => Step::Again,
            State::Every(every) => every.feed(packet, rules, input),
            State::Failed(failed) => Step::Fault(failed.fault.clone()),
        }
    }

    /// The first look at bytes of a session without a name: nothing is kept if nothing must be.
    fn begin(&mut self, packet: &Packet, rules: &Rules, input: &mut &[u8]) -> Step {
        let mut waiting = Waiting::default();
        let step = waiting.feed(packet, rules, input);
        if !waiting.is_idle() {
            self.state = State::Waiting(Box::new(waiting));
        }
        step
    }

    fn item<'a, 'i: 'a>(
        &'a mut self,
        packet: &Packet,
        rules: &Rules,
        step: Step,
        input: &mut &'i [u8],
    ) -> Item<'a> {
        match step {
            Step::Found(found) => Item::Named(self.name(packet, rules, *found)),
            Step::Input(kind, length) => kind.item(take(input, length)),
            Step::Held(kind, range) => kind.item(self.bytes(range)),
            Step::Skip(length) => Item::Filtered(take(input, length).len()),
            Step::Filtered(length) => Item::Filtered(length),
            Step::NeedMore | Step::Again => Item::NeedMore,
            Step::Fault(fault) => self.fail(fault),
        }
    }

    /// What cuts frames says when nothing comes.
    fn cut<'a>(
        &'a mut self,
        protocol: &'a Protocol,
        rules: &Rules,
        ask: impl FnOnce(&'a mut Engine, &'a Vocabulary, Terms) -> Piece<'a>,
        ask_code: impl FnOnce(&'a mut Coded, usize) -> Item<'a>,
    ) -> Item<'a> {
        match (&mut self.state, protocol.vocabulary()) {
            (State::Cutting(engine, named), Some(vocabulary)) => {
                piece(ask(engine, vocabulary, terms(*named, rules)))
            }
            (State::Coded(coded), _) => ask_code(coded, rules.max_frame),
            _ => Item::NeedMore,
        }
    }

    fn fail<'a>(&mut self, fault: Fault) -> Item<'a> {
        if !matches!(self.state, State::Failed(_)) {
            let held = self.held().to_vec();
            self.state = State::Failed(Box::new(Failed { fault: fault.clone(), held }));
        }
        Item::Fault(fault)
    }

    fn name(&mut self, packet: &Packet, rules: &Rules, found: Found) -> Name {
        // Where the registration is delivered, its late end is data like all else.
        let trailing = if rules.forward_registration { Trailing::Nothing } else { found.trailing };
        let then = match rules.registration {
            Registration::Once => after(trailing),
            Registration::Every => State::Every(Box::new(Every::new(packet, &found, trailing))),
        };
        // A registration in one read that is delivered, or seen again, passes like all that follow.
        let passes = rules.forward_registration || rules.registration == Registration::Every;
        self.state = State::Telling(Box::new(Telling {
            held: found.held,
            told: found.given,
            registration_at: found.at,
            ahead: if passes { 0 } else { found.ahead },
            then,
        }));
        found.name
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        match &self.state {
            State::Waiting(waiting) => waiting.bytes(range),
            State::Telling(telling) => &telling.held[range],
            State::Every(every) => every.bytes(range),
            _ => &[],
        }
    }
}

impl Telling {
    fn next(&mut self, rules: &Rules, input: &[u8]) -> Step {
        let told = self.told;
        if told < self.registration_at {
            self.told += rules.chunk(self.registration_at - told);
            return Step::Held(Kind::Data, told..self.told);
        }
        if told < self.held.len() {
            self.told = self.held.len();
            if rules.forward_registration {
                return Step::Held(Kind::Data, told..self.told);
            }
            return Step::Filtered(self.told - told);
        }
        match mem::take(&mut self.ahead).min(input.len()) {
            0 => Step::Again,
            length => Step::Skip(length),
        }
    }
}

impl Kind {
    fn item(self, bytes: &[u8]) -> Item<'_> {
        match self {
            Self::Data => Item::Data(bytes),
            Self::Unnamed => Item::Unnamed(bytes),
        }
    }
}

fn after(trailing: Trailing) -> State {
    match trailing {
        Trailing::Nothing => State::Open,
        trailing => State::Trailing(trailing),
    }
}

/// A frame that tells a name is rarely long, and whoever has none yet may be anybody.
fn terms(named: bool, rules: &Rules) -> Terms {
    let nameless = rules.registration_bytes.max(NAMELESS_FRAME).min(rules.max_frame);
    Terms { named, max_frame: if named { rules.max_frame } else { nameless } }
}

fn piece(piece: Piece<'_>) -> Item<'_> {
    match piece {
        Piece::Frame(frame) => Item::Frame(Heard::Described(frame)),
        Piece::Junk(count) => Item::Junk(count),
        Piece::NeedMore => Item::NeedMore,
        Piece::Fault(fault) => Item::Fault(fault),
    }
}

/// Code begins to cut what comes from here on.
fn opened(protocol: &Protocol) -> State {
    match protocol.code() {
        Some(code) => State::Coded(Box::new(Coded::new(code))),
        None => State::Open,
    }
}

fn next_chunk<'i>(rules: &Rules, input: &mut &'i [u8]) -> Item<'i> {
    match rules.chunk(input.len()) {
        0 => Item::NeedMore,
        length => Item::Data(take(input, length)),
    }
}

/// Takes `length` bytes off the front of `input`.
pub(super) fn take<'i>(input: &mut &'i [u8], length: usize) -> &'i [u8] {
    let (taken, rest) = input.split_at(length);
    *input = rest;
    taken
}
