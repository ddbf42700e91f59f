//! Several protocols on one port: the first bytes of a connection decide.

use super::{
    Protocol,
    byteset::ByteSet,
    frame::{Fit, Head, Stage},
};

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
    let takes_all = |at: usize| heads[at].iter().any(Head::is_any);
    let meet = |a: usize, b: usize| heads[a].iter().any(|a| heads[b].iter().any(|b| a.meets(b)));
    let pairs = (0..heads.len()).flat_map(|a| (a + 1..heads.len()).map(move |b| (a, b)));
    let found = pairs.filter(|(first, second)| meet(*first, *second));
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
