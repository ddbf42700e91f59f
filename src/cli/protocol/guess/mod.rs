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
    /// How many samples there were.
    samples: usize,
    head: Vec<u8>,
    ending: Ending,
    /// What every frame ends with, its delimiter aside.
    tail: Vec<u8>,
    check: Option<Check>,
    identity: Option<Identity>,
}

/// How the frames in `samples` look, kind by kind; none of the samples is empty, and there is at
/// least one.
pub(super) fn looks(samples: &[Vec<u8>]) -> Vec<Looks> {
    let whole = Looks::of(samples);
    if whole.ending.is_clear() {
        return vec![whole];
    }
    // Perhaps they are of several kinds.
    let mut groups: BTreeMap<&[u8], Vec<Vec<u8>>> = BTreeMap::new();
    for sample in samples {
        groups.entry(&sample[..sample.len().min(2)]).or_default().push(sample.clone());
    }
    let mut kinds: Vec<Looks> = groups.values().map(|group| Looks::of(group)).collect();
    kinds.sort_by_key(|looks| std::cmp::Reverse(looks.head.len()));
    let told_apart = (2..=MOST_KINDS).contains(&kinds.len());
    let open = kinds.iter().filter(|looks| looks.head.is_empty()).count();
    match told_apart && open <= 1 && kinds.iter().all(|looks| looks.ending.is_cut()) {
        true => kinds,
        false => vec![whole],
    }
}

impl Looks {
    fn of(samples: &[Vec<u8>]) -> Self {
        let (ending, cut) = ending::find(samples);
        let frames: Vec<Vec<u8>> = cut.into_iter().flatten().collect();
        let head = head(&frames, &ending);
        let tail = tail(&frames, &ending);
        let check = checksum::find(&frames, tail.len(), ending.is_of_text());
        let identity = identity::find(&frames, ending.behind().max(head.len()));
        Self { frames, samples: samples.len(), head, ending, tail, check, identity }
    }

    /// Of samples about which nothing holds.
    pub fn plain(samples: &[Vec<u8>]) -> Self {
        Self {
            frames: samples.to_vec(),
            samples: samples.len(),
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
