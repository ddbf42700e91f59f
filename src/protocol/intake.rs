use std::time::Duration;

use super::{Chosen, Cutter, Fault, Item, Protocol, Rules, choose};

/// How long nothing comes before the first protocol is taken that what is there fits.
const GAP: Duration = Duration::from_millis(200);

/// The protocols of a listener: one, or several of which the first bytes of a connection choose.
#[derive(Clone, Debug)]
pub struct Protocols(Box<[Protocol]>);

impl Protocols {
    /// These, in the order in which they are tried.
    pub fn new(protocols: Vec<Protocol>) -> Self {
        Self(protocols.into())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Protocol> {
        self.0.iter()
    }

    /// Whether data of some of them are cut into frames.
    pub fn cut_frames(&self) -> bool {
        self.0.iter().any(Protocol::cuts_frames)
    }

    /// The one at this place; see [`Intake::speaks`].
    pub fn at(&self, place: Option<u8>) -> Option<&Protocol> {
        self.0.get(usize::from(place?))
    }

    /// Their names, for people.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(Protocol::name).collect();
        names.join(", ")
    }
}

/// What one connection sends, from its first byte on: which protocol it speaks, then cut as that
/// wants it.
#[derive(Debug)]
pub struct Intake {
    cutter: Cutter,
    /// Which protocol it speaks, once that is known.
    speaks: Option<u8>,
    /// A pause has changed nothing.
    paused: bool,
}

impl Default for Intake {
    fn default() -> Self {
        Self { cutter: Cutter::default(), speaks: Some(0), paused: false }
    }
}

impl Intake {
    /// For a new connection at a listener of these.
    pub fn new(protocols: &Protocols) -> Self {
        match &*protocols.0 {
            [only] => Self { cutter: Cutter::new(only), speaks: Some(0), paused: false },
            _ => Self { cutter: Cutter::undecided(), speaks: None, paused: false },
        }
    }

    /// The place of the protocol that it speaks, once that is known.
    pub fn speaks(&self) -> Option<u8> {
        self.speaks
    }

    fn protocol<'p>(&self, protocols: &'p Protocols) -> Option<&'p Protocol> {
        protocols.at(self.speaks)
    }

    /// Says what comes next; see [`Cutter::feed`]. The bytes in [`Item::Chosen`] are fed anew, in
    /// front of what is left.
    pub fn feed<'a, 'i: 'a>(
        &'a mut self,
        protocols: &'a Protocols,
        rules: &Rules,
        input: &mut &'i [u8],
    ) -> Item<'a> {
        let Some(protocol) = self.protocol(protocols) else {
            self.cutter.hold(input);
            return self.choose(protocols, false);
        };
        self.cutter.feed(protocol, rules, input)
    }

    /// The silence after which [`pause`](Self::pause) has something to do.
    pub fn pause_after(&self, protocols: &Protocols, rules: &Rules) -> Option<Duration> {
        match self.protocol(protocols) {
            Some(protocol) => self.cutter.pause_after(protocol, rules),
            None => (!self.paused && !self.cutter.held().is_empty()).then_some(GAP),
        }
    }

    /// Nothing came for so long; see [`Cutter::pause`].
    pub fn pause<'a>(&'a mut self, protocols: &'a Protocols, rules: &Rules) -> Item<'a> {
        match self.protocol(protocols) {
            Some(protocol) => self.cutter.pause(protocol, rules),
            None => {
                self.paused = true;
                self.choose(protocols, true)
            }
        }
    }

    /// Nothing more will come; see [`Cutter::finish`].
    pub fn finish<'a>(&'a mut self, protocols: &'a Protocols, rules: &Rules) -> Item<'a> {
        if let Some(protocol) = self.protocol(protocols) {
            return self.cutter.finish(protocol, rules);
        }
        match self.choose(protocols, true) {
            Item::NeedMore if !self.held().is_empty() => Item::Junk(self.cutter.let_go().len()),
            item => item,
        }
    }

    /// The device has got the name that one of its frames tells.
    pub fn named(&mut self) {
        self.cutter.named();
    }

    /// What went in and did not come out yet.
    pub fn held(&self) -> &[u8] {
        self.cutter.held()
    }

    fn choose(&mut self, protocols: &Protocols, quiet: bool) -> Item<'static> {
        let held = self.cutter.held();
        if held.is_empty() {
            return Item::NeedMore;
        }
        match choose(&protocols.0, held, quiet) {
            Chosen::Open => Item::NeedMore,
            Chosen::None => Item::Fault(Fault::Unidentified),
            Chosen::Protocol(at) => {
                self.speaks = u8::try_from(at).ok();
                self.paused = false;
                let looked_at = self.cutter.let_go();
                self.cutter = Cutter::new(&protocols.0[at]);
                Item::Chosen(looked_at)
            }
        }
    }
}
