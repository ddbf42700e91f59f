mod answers;
mod classic;
mod conversation;
mod description;
mod device;
mod ends;
mod every;
mod hostile;
mod lines;
mod port;
mod properties;
mod real;
mod silences;
mod stream;
mod trailing;
mod vocabulary;

use std::sync::LazyLock;

use super::{
    BUILT_IN, Cutter, Fault, Item, Malformed, Protocol, Registration, Rules, Unregistered,
};

pub(super) const IMEI: &str = "860000000000001";

pub(super) const RULES: Rules = Rules {
    registration: Registration::Once,
    forward_registration: false,
    unregistered: Unregistered::Hold,
    registration_bytes: 512,
    max_frame: 64 << 10,
};

pub(super) const FORWARD: Rules = Rules { unregistered: Unregistered::Forward, ..RULES };
pub(super) const CLOSE: Rules = Rules { unregistered: Unregistered::Close, ..RULES };
pub(super) const EVERY: Rules = Rules { registration: Registration::Every, ..RULES };

/// What came out, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Named(String),
    Data(Vec<u8>),
    Unnamed(Vec<u8>),
    Filtered(usize),
    Fault(Fault),
}
pub(super) use Out::*;

pub(super) fn name(name: &str) -> Out {
    Named(name.to_owned())
}

pub(super) fn data(bytes: impl AsRef<[u8]>) -> Out {
    Data(bytes.as_ref().to_vec())
}

pub(super) fn unnamed(bytes: impl AsRef<[u8]>) -> Out {
    Unnamed(bytes.as_ref().to_vec())
}

pub(super) fn malformed(fault: impl Into<Malformed>) -> Out {
    Fault(super::Fault::Malformed(fault.into()))
}

pub(super) const UNIDENTIFIED: Out = Fault(super::Fault::Unidentified);

pub(super) fn built_in(name: &str) -> Protocol {
    let all = PRESETS.iter().find(|protocol| protocol.name() == name);
    all.unwrap().clone()
}

/// All that is built in, read once.
static PRESETS: LazyLock<Vec<Protocol>> = LazyLock::new(|| {
    BUILT_IN.iter().map(|(name, text)| Protocol::parse(name, text).unwrap()).collect()
});

pub(super) fn with_gap() -> Protocol {
    let lines = "gap = '1s'\nname_pattern = 'pump-\\d+'\n";
    let (_, etung) = BUILT_IN.iter().find(|(name, _)| *name == "etung").unwrap();
    let table = "[registration]\n";
    Protocol::parse("etung", &etung.replace(table, &format!("{table}{lines}"))).unwrap()
}

/// A session that keeps what comes out, and looks after what must always hold.
pub(super) struct Session {
    pub protocol: Protocol,
    pub rules: Rules,
    pub cutter: Cutter,
    pub out: Vec<Out>,
    fed: Vec<u8>,
    /// How much of what was fed has come out or been counted.
    accounted: usize,
    /// What ended a frame goes without a word, so that bytes are not accounted for one by one.
    pub cuts_frames: bool,
}

impl Session {
    pub fn new(protocol: &Protocol, rules: Rules) -> Self {
        let cutter = Cutter::new(protocol);
        Self {
            protocol: protocol.clone(),
            rules,
            cutter,
            out: vec![],
            fed: vec![],
            accounted: 0,
            cuts_frames: false,
        }
    }

    pub fn read(&mut self, mut input: &[u8]) -> &mut Self {
        self.fed.extend_from_slice(input);
        loop {
            let Some(out) = keep(self.cutter.feed(&self.protocol, &self.rules, &mut input)) else {
                assert!(input.is_empty(), "said that more is needed, and left {input:?}");
                break;
            };
            if !self.keep(out, input.len()) {
                return self;
            }
        }
        let most = self.rules.registration_bytes + 128;
        assert!(self.cutter.held().len() <= most);
        self
    }

    pub fn pause(&mut self) -> &mut Self {
        if self.cutter.pause_after(&self.protocol, &self.rules).is_none() {
            return self;
        }
        let out = keep(self.cutter.pause(&self.protocol, &self.rules));
        if out.is_some_and(|out| !self.keep(out, 0)) {
            return self;
        }
        self.read(b"")
    }

    pub fn finish(&mut self) -> &mut Self {
        while let Some(out) = keep(self.cutter.finish(&self.protocol, &self.rules)) {
            if !self.keep(out, 0) {
                return self;
            }
        }
        assert_eq!(self.cutter.held(), b"");
        self
    }

    /// What came out since the last time.
    pub fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// Nothing is lost, nothing invented, the order kept; false after a fault.
    fn keep(&mut self, out: Out, left: usize) -> bool {
        let goes_on = !matches!(out, Fault(_));
        if self.cuts_frames {
            self.out.push(out);
            return goes_on;
        }
        let expected = &self.fed[self.accounted..];
        match &out {
            Data(bytes) | Unnamed(bytes) => {
                assert!(!bytes.is_empty(), "an empty chunk");
                assert!(expected.starts_with(bytes), "{bytes:?} is not next in {expected:?}");
                self.accounted += bytes.len();
            }
            Filtered(count) => {
                assert!((1..=expected.len()).contains(count));
                self.accounted += count;
            }
            Named(_) | Fault(_) => {}
        }
        let held = self.cutter.held();
        assert_eq!(self.accounted + held.len() + left, self.fed.len(), "a byte went missing");
        assert!(self.fed[self.accounted..].starts_with(held));
        self.out.push(out);
        goes_on
    }
}

fn keep(item: Item<'_>) -> Option<Out> {
    Some(match item {
        Item::Named(name) => Named(name.as_str().to_owned()),
        Item::Data(bytes) => data(bytes),
        Item::Frame(frame) => data(frame.bytes()),
        Item::Unnamed(bytes) => unnamed(bytes),
        Item::Filtered(count) | Item::Junk(count) => Filtered(count),
        Item::Chosen(_) => unreachable!("there is one protocol"),
        Item::Fault(fault) => Fault(fault),
        Item::NeedMore => return None,
    })
}

/// What comes out of these reads.
pub(super) fn reads(protocol: &Protocol, rules: Rules, reads: &[&[u8]]) -> Vec<Out> {
    let mut session = Session::new(protocol, rules);
    for read in reads {
        session.read(read);
        if matches!(session.out.last(), Some(Fault(_))) {
            break;
        }
    }
    session.take()
}

/// Chunks of the same kind joined, so that runs with other pieces can be compared.
pub(super) fn joined(out: Vec<Out>) -> Vec<Out> {
    let mut all: Vec<Out> = Vec::new();
    for one in out {
        match (all.last_mut(), one) {
            (Some(Data(last)), Data(more)) => last.extend(more),
            (Some(Unnamed(last)), Unnamed(more)) => last.extend(more),
            (Some(Filtered(last)), Filtered(more)) => *last += more,
            (_, one) => all.push(one),
        }
    }
    all
}
