//! Several protocols on one port: the first bytes of a connection decide.

use super::{
    Protocol,
    byteset::ByteSet,
    frame::{Fit, Head, Stage},
};

/// Most bytes in front of the first frame that are passed over before it is known who speaks.
const MOST_TO_WAKE_UP: usize = 64;

/// Which protocol a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The one at this place.
    Protocol(usize),
    /// More bytes are needed to say.
    Open,
    /// None of them.
    None,
}

/// Two protocols that some bytes fit both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// The one that is listed first, and wins.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// The first takes everything, so that the second never gets a device.
    pub hides: bool,
    /// The second takes everything that nobody else does.
    pub falls_back: bool,
}

/// Which of `protocols` a connection speaks that begins with `bytes`: the first that fits. `quiet`:
/// no more bytes will help.
pub fn choose(protocols: &[Protocol], bytes: &[u8], quiet: bool) -> Chosen {
    let mut open = false;
    for (at, protocol) in protocols.iter().enumerate() {
        match fits(protocol, bytes) {
            Fit::Yes => return Chosen::Protocol(at),
            Fit::Open if !quiet => return Chosen::Open,
            Fit::Open => open = true,
            Fit::No => {}
        }
    }
    if open { Chosen::Open } else { Chosen::None }
}

/// The pairs among `protocols` that some first bytes fit both.
pub fn ambiguities(protocols: &[Protocol]) -> Vec<Ambiguity> {
    let heads: Vec<Vec<Head>> = protocols.iter().map(heads).collect();
    // What wakes two of them up says nothing yet.
    let wakes = |a: usize, b: usize| {
        wake_up(&protocols[a]).is_some_and(|wakes| heads[b].iter().any(|head| wakes.meets(head)))
    };
    let takes_all = |at: usize| heads[at].iter().any(Head::is_any);
    let meet = |a: usize, b: usize| heads[a].iter().any(|a| heads[b].iter().any(|b| a.meets(b)));
    let pairs = (0..heads.len()).flat_map(|a| (a + 1..heads.len()).map(move |b| (a, b)));
    let found = pairs.filter(|(first, second)| {
        meet(*first, *second) || wakes(*first, *second) || wakes(*second, *first)
    });
    let tell = |(first, second)| {
        let hides = takes_all(first);
        Ambiguity { first, second, hides, falls_back: takes_all(second) && !hides }
    };
    found.map(tell).collect()
}

fn fits(protocol: &Protocol, bytes: &[u8]) -> Fit {
    if let (None, Some(code)) = (protocol.packet(), protocol.code()) {
        return match code.begins(bytes) {
            Some(true) => Fit::Yes,
            Some(false) => Fit::No,
            None => Fit::Open,
        };
    }
    let Some(bytes) = awake(protocol, bytes) else {
        return Fit::No;
    };
    let mut fit = Fit::No;
    for head in heads(protocol) {
        match head.fits(bytes) {
            Fit::Yes => return Fit::Yes,
            Fit::Open => fit = Fit::Open,
            Fit::No => {}
        }
    }
    fit
}

/// `bytes` without those that only wake a line up; none if they are too many.
fn awake<'b>(protocol: &Protocol, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let Some(vocabulary) = protocol.vocabulary().filter(|_| protocol.packet().is_none()) else {
        return Some(bytes);
    };
    let count = bytes.iter().take_while(|byte| vocabulary.skip.has(**byte)).count();
    (count <= MOST_TO_WAKE_UP).then(|| &bytes[count..])
}

/// Such bytes may come first as well.
fn wake_up(protocol: &Protocol) -> Option<Head> {
    let vocabulary = protocol.vocabulary().filter(|_| protocol.packet().is_none())?;
    (!vocabulary.skip.is_empty()).then(|| Head::new(vec![vec![vocabulary.skip]]))
}

/// What a connection may begin with.
fn heads(protocol: &Protocol) -> Vec<Head> {
    if let Some(packet) = protocol.packet() {
        let literal = packet.head.iter().map(|byte| ByteSet::of(&[*byte])).collect();
        return vec![Head::new(vec![literal])];
    }
    if protocol.calls().is_some() {
        // Only the code knows.
        return Vec::new();
    }
    let Some(vocabulary) = protocol.vocabulary() else {
        return vec![Head::any()];
    };
    let early = vocabulary.shapes.iter().filter(|shape| shape.stage != Stage::After);
    early.map(|shape| shape.head.clone()).collect()
}
