//! What a protocol file may look like, guessed from samples: pure questions about bytes.

mod checksum;
mod draft;
mod ending;
mod identity;

use std::collections::BTreeMap;

pub(super) use draft::{draft, template};

use checksum::Check;
use ending::Ending;
use identity::Identity;

/// Most bytes of a head.
const LONGEST_HEAD: usize = 4;

/// Bytes that close frames.
const CLOSING: &[u8] = b"\r\n#;$)]}~\x03\x04\x16\x55\xaa\xff";

/// Most kinds of frames that are told apart.
const MOST_KINDS: usize = 6;

/// Frames of one kind, and how they look.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    /// The samples, cut; escapes undone.
    pub frames: Vec<Vec<u8>>,
    /// The samples that fit.
    pub samples: Vec<Vec<u8>>,
    head: Vec<u8>,
    ending: Ending,
    /// What every frame ends with, its delimiter aside.
    tail: Vec<u8>,
    check: Option<Check>,
    identity: Option<Identity>,
}

/// How the frames in `samples` look, kind by kind; none of the samples is empty, and there is at
/// least one. What fits nothing is left out.
pub(super) fn looks(samples: &[Vec<u8>]) -> Vec<Looks> {
    let whole = Looks::of(samples);
    let left_out = samples.len() - whole.samples.len();
    let mut best_cost = match whole.ending.is_clear() {
        true => left_out,
        false if whole.ending.is_cut() => left_out + 1 + samples.len() / 10,
        false => samples.len() / 2 + 1,
    };
    let mut best = vec![whole];
    for length in [1, 2] {
        let kinds = kinds(samples, length);
        let kept: usize = kinds.iter().map(|looks| looks.samples.len()).sum();
        let cost = samples.len() - kept + kinds.len().saturating_sub(1);
        if !kinds.is_empty() && cost < best_cost {
            best_cost = cost;
            best = kinds;
        }
    }
    best
}

/// The kinds that there are if frames that begin with the same `length` bytes are of one kind.
fn kinds(samples: &[Vec<u8>], length: usize) -> Vec<Looks> {
    let mut groups: BTreeMap<&[u8], Vec<Vec<u8>>> = BTreeMap::new();
    for sample in samples {
        groups.entry(&sample[..sample.len().min(length)]).or_default().push(sample.clone());
    }
    let mut kinds: Vec<Looks> = groups.values().map(|group| Looks::of(group)).collect();
    kinds.retain(Looks::stands_alone);
    kinds.sort_by_key(|looks| std::cmp::Reverse(looks.samples.len()));
    kinds.truncate(MOST_KINDS);
    // Whatever takes every byte comes last, or nothing else would come.
    kinds.sort_by_key(|looks| std::cmp::Reverse(looks.head.len()));
    let open = kinds.iter().filter(|looks| looks.head.is_empty()).count();
    kinds.truncate(kinds.len() - open.saturating_sub(1));
    kinds
}

impl Looks {
    fn of(samples: &[Vec<u8>]) -> Self {
        let (ending, cut) = ending::find(samples);
        let fitting = samples.iter().zip(&cut).filter(|(_, frames)| frames.is_some());
        let samples = fitting.map(|(sample, _)| sample.clone()).collect();
        let frames: Vec<Vec<u8>> = cut.into_iter().flatten().flatten().collect();
        let head = head(&frames, &ending);
        let tail = tail(&frames, &ending);
        let check = checksum::find(&frames, tail.len(), ending.is_of_text());
        let identity = identity::find(&frames, ending.behind().max(head.len()));
        Self { frames, samples, head, ending, tail, check, identity }
    }

    /// Whether there is enough to call it a kind of its own.
    fn stands_alone(&self) -> bool {
        let sure = self.identity.is_some() || self.check.is_some() || self.samples.len() > 1;
        self.ending.is_cut() && sure
    }

    /// Of samples about which nothing holds.
    pub fn plain(samples: &[Vec<u8>]) -> Self {
        Self {
            frames: samples.to_vec(),
            samples: samples.to_vec(),
            head: Vec::new(),
            ending: Ending::Rest { text: false },
            tail: Vec::new(),
            check: None,
            identity: None,
        }
    }

    /// What is left when the least certain guess is given up; none if nothing is.
    pub fn humbler(&self) -> Option<Self> {
        let mut looks = self.clone();
        if looks.check.take().is_some() || !std::mem::take(&mut looks.tail).is_empty() {
            return Some(looks);
        }
        looks.identity.take().map(|_| looks)
    }
}

/// The bytes that open each frame, as far as they can be told from what they carry.
fn head(frames: &[Vec<u8>], ending: &Ending) -> Vec<u8> {
    let common = common(frames.iter().map(|frame| frame.iter()));
    if ending.is_of_text() {
        // A word in front, without the numbers and the separator behind it.
        let is_word = |byte: &&u8| byte.is_ascii_punctuation() || byte.is_ascii_alphabetic();
        let separates = |byte: &u8| matches!(byte, b',' | b':' | b';' | b'=');
        let word: Vec<u8> = common.iter().take_while(is_word).copied().collect();
        let mark = word.iter().take_while(|byte| byte.is_ascii_punctuation()).count();
        let length = word[mark..].iter().position(separates).map_or(mark, |at| mark + at + 1);
        let alone = distinct(frames) < 2;
        return word[..if alone { mark } else { length }].to_vec();
    }
    let most = if distinct(frames) < 2 { 2 } else { LONGEST_HEAD };
    let most = most.min(ending.at().unwrap_or(most));
    common[..common.len().min(most)].to_vec()
}

/// What each frame ends with; nothing unless that can hardly be chance.
fn tail(frames: &[Vec<u8>], ending: &Ending) -> Vec<u8> {
    if let Ending::Flag { byte, .. } = ending {
        return vec![*byte];
    }
    if ending.delimits() {
        return Vec::new();
    }
    let shortest = frames.iter().map(Vec::len).min().unwrap_or(0);
    let mut common = common(frames.iter().map(|frame| frame.iter().rev()));
    common.truncate(2.min(shortest.saturating_sub(4)));
    let closes = |byte: &&u8| CLOSING.contains(byte);
    let mut common: Vec<u8> = common.iter().take_while(closes).copied().collect();
    common.reverse();
    match distinct(frames) >= 3 || common == b"\r\n" {
        true => common,
        false => Vec::new(),
    }
}

/// So many of `count` may be odd: captures of any size are never clean.
pub(super) fn odd(count: usize) -> usize {
    if count < 10 { 0 } else { count / 5 }
}

/// What all of them begin with.
fn common<'f>(mut all: impl Iterator<Item = impl Iterator<Item = &'f u8>>) -> Vec<u8> {
    let mut common: Vec<u8> = all.next().into_iter().flatten().copied().collect();
    for one in all {
        let same = one.zip(&common).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    common
}

/// How many of them differ.
fn distinct<T: Ord>(all: &[T]) -> usize {
    all.iter().collect::<std::collections::BTreeSet<_>>().len()
}
