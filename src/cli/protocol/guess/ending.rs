use super::{common, distinct, odd};

/// How a frame may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::protocol) enum Ending {
    /// It says its length in bytes.
    Length { at: usize, size: usize, little: bool, add: usize, clear: bool },
    /// It says its length in decimal digits, as many as there are or up to a comma.
    Digits { at: usize, size: Option<usize>, add: usize },
    /// Something ends it, which is no part of it.
    Until { delimiter: Vec<u8>, text: bool },
    /// The same byte opens and closes it.
    Flag { byte: u8, escape: Option<Escape> },
    /// All have this size.
    Size(usize),
    /// Only a pause tells.
    Rest { text: bool },
}

/// How a marker that stands inside is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::protocol) enum Escape {
    /// `7d 01` is 7d, and `7d 02` is 7e.
    Numbered,
    /// `7d` turns the bit 20 of the next byte.
    Turned,
}

/// The byte that escapes.
const ESCAPE: u8 = 0x7d;

/// Farthest place of a length.
const FARTHEST: usize = 16;

/// Most bytes of a frame that its length does not count, beside those up to itself.
const UNCOUNTED: usize = 12;

/// The same where all frames are equally long.
const LIKELY_UNCOUNTED: usize = 4;

/// The least value of a length where all frames are equally long.
const LEAST_LENGTH: usize = 4;

/// Delimiters of the field, the likeliest first.
const DELIMITERS: [&[u8]; 11] =
    [b"\r\n", b"\n", b"\r", b"#", b";", b"$", b")", b"]", b"}", b"\0", b"\x03"];

/// The frames of each sample; none for a sample that does not fit.
type Cut = Vec<Option<Vec<Vec<u8>>>>;

/// An ending that fits, and what it makes of the samples.
type Found = (Ending, Cut);

/// What makes one guess better than another; the least is the best.
type Order = (usize, usize, usize, usize);

/// The likeliest ending of what is in `samples`, and the samples cut so.
pub(super) fn find(samples: &[Vec<u8>]) -> Found {
    let text =
        samples.iter().flatten().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t'));
    let lengths = || lengths(samples, true);
    let found = match text {
        true => until(samples, true).or_else(|| digits(samples)),
        false => flag(samples)
            .or_else(lengths)
            .or_else(|| digits(samples))
            .or_else(|| self::lengths(samples, false))
            .or_else(|| until(samples, false)),
    };
    found.unwrap_or_else(|| {
        let size = samples[0].len();
        let ending = match samples.len() > 1 && samples.iter().all(|one| one.len() == size) {
            true => Ending::Size(size),
            false => Ending::Rest { text },
        };
        (ending, samples.iter().map(|sample| Some(vec![sample.clone()])).collect())
    })
}

impl Ending {
    /// Whether the samples leave hardly a doubt.
    pub fn is_clear(&self) -> bool {
        match self {
            Self::Length { clear, .. } => *clear,
            Self::Size(_) | Self::Rest { .. } => false,
            Self::Until { text, .. } => *text,
            Self::Digits { .. } | Self::Flag { .. } => true,
        }
    }

    /// Whether the frames themselves tell where they end.
    pub fn is_cut(&self) -> bool {
        !matches!(self, Self::Rest { .. })
    }

    /// Whether frames are texts.
    pub fn is_of_text(&self) -> bool {
        match self {
            Self::Until { text, .. } | Self::Rest { text } => *text,
            Self::Digits { .. } => true,
            _ => false,
        }
    }

    /// Whether a delimiter closes a frame.
    pub fn delimits(&self) -> bool {
        matches!(self, Self::Until { .. } | Self::Flag { .. })
    }

    /// Where the length stands.
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::Length { at, .. } | Self::Digits { at, .. } => Some(*at),
            Self::Flag { .. } => Some(1),
            _ => None,
        }
    }

    /// Where what a frame tells may begin.
    pub fn behind(&self) -> usize {
        match self {
            Self::Length { at, size, .. } => at + size,
            Self::Flag { .. } => 1,
            _ => 0,
        }
    }

    /// The frames that `sample` is made of; none if it does not fall into whole ones.
    fn cut(&self, sample: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let mut rest = sample;
        while !rest.is_empty() {
            let (total, frame) = self.first(rest)?;
            frames.push(frame);
            rest = rest.get(total..)?;
        }
        Some(frames)
    }

    /// How long the first frame is, and what it holds.
    fn first(&self, bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
        let total = match self {
            Self::Length { at, size, little, add, .. } => {
                let least = at + size;
                let total = number(bytes.get(*at..least)?, *little).checked_add(*add)?;
                (total > least).then_some(total)?
            }
            Self::Digits { at, size, add } => {
                let behind = bytes.get(*at..)?;
                let size = size.or_else(|| behind.iter().position(|byte| *byte == b','))?;
                let digits = behind.get(..size).filter(|digits| (1..=6).contains(&digits.len()))?;
                let text = std::str::from_utf8(digits).ok()?;
                let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then_some(text)?.parse::<usize>().ok()?.checked_add(*add)?.max(1)
            }
            Self::Until { delimiter, .. } => {
                let end = memchr::memmem::find(bytes, delimiter)?;
                return (end > 0).then(|| (end + delimiter.len(), bytes[..end].to_vec()));
            }
            Self::Flag { byte, escape } => {
                let end = 1 + memchr::memchr(*byte, bytes.get(1..)?)?;
                let frame = bytes[..=end].to_vec();
                let frame = escape.map_or(frame.clone(), |escape| escape.undo(&frame));
                return (bytes[0] == *byte && end > 2).then_some((end + 1, frame));
            }
            Self::Size(_) | Self::Rest { .. } => return None,
        };
        Some((total, bytes.get(..total)?.to_vec()))
    }

    /// All samples but a few odd ones, cut so that each frame begins like all others, as far as
    /// samples do.
    fn fits(self, samples: &[Vec<u8>]) -> Option<Found> {
        let begin = common(samples.iter().map(|sample| sample.iter().take(2)));
        // Nothing is known of how a frame begins that begins with its length.
        let begin = &begin[..begin.len().min(self.at().unwrap_or(2))];
        let sound = |frames: &Vec<Vec<u8>>| {
            let single = self.at() != Some(0) || frames.len() == 1;
            single && frames.iter().all(|frame| frame.starts_with(begin))
        };
        let mut left = odd(samples.len());
        let mut cut = Vec::with_capacity(samples.len());
        for sample in samples {
            let frames = self.cut(sample).filter(sound);
            if frames.is_none() {
                left = left.checked_sub(1)?;
            }
            cut.push(frames);
        }
        Some((self, cut))
    }
}

impl Escape {
    fn undo(self, frame: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(frame.len());
        let mut bytes = frame.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let meant = match (self, byte, bytes.peek()) {
                (Self::Numbered, ESCAPE, Some(1)) => Some(0x7d),
                (Self::Numbered, ESCAPE, Some(2)) => Some(0x7e),
                (Self::Turned, ESCAPE, Some(next)) => Some(next ^ 0x20),
                _ => None,
            };
            if meant.is_some() {
                bytes.next();
            }
            plain.push(meant.unwrap_or(byte));
        }
        plain
    }
}

fn number(bytes: &[u8], little: bool) -> usize {
    let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
    if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
}

fn sizes(cut: &Cut) -> Vec<usize> {
    cut.iter().flatten().flatten().map(Vec::len).collect()
}

/// A length in bytes that fits all samples. `clear`: only if frames differ in length; without it
/// only if they do not, and then the foremost.
fn lengths(samples: &[Vec<u8>], clear: bool) -> Option<Found> {
    // Of two bytes that are zero in all samples nobody knows; a wider length does no harm.
    const SIZES: [(usize, bool); 5] = [(2, false), (2, true), (4, false), (4, true), (1, false)];
    let mut best: Option<(Order, Found)> = None;
    for at in 0..=FARTHEST {
        for (rank, (size, little)) in SIZES.into_iter().enumerate() {
            let uncounted = if clear { UNCOUNTED } else { LIKELY_UNCOUNTED };
            for add in 0..=at + size + uncounted {
                let ending = Ending::Length { at, size, little, add, clear };
                let Some((ending, cut)) = ending.fits(samples) else {
                    continue;
                };
                let sizes = sizes(&cut);
                // Small numbers fit by chance.
                let small = sizes.iter().any(|total| total - add < LEAST_LENGTH);
                if (distinct(&sizes) > 1) != clear || !clear && small {
                    continue;
                }
                let odd = cut.iter().filter(|frames| frames.is_none()).count();
                let order = match clear {
                    true => (odd, sizes.len(), rank, at),
                    false => (odd, sizes.len(), at, rank),
                };
                if best.as_ref().is_none_or(|(known, _)| order < *known) {
                    best = Some((order, (ending, cut)));
                }
            }
        }
    }
    best.map(|(_, found)| found)
}

/// A length in digits that fits all samples, which differ in length.
fn digits(samples: &[Vec<u8>]) -> Option<Found> {
    for at in 0..=FARTHEST {
        for size in [None, Some(4), Some(3), Some(2)] {
            for add in 0..=at + 2 * UNCOUNTED {
                let found = Ending::Digits { at, size, add }.fits(samples);
                let varies = |cut: &Cut| distinct(&sizes(cut)) > 1;
                if let Some(found) = found.filter(|(_, cut)| varies(cut)) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// Something with which all samples end.
fn until(samples: &[Vec<u8>], text: bool) -> Option<Found> {
    DELIMITERS
        .iter()
        .find_map(|delimiter| Ending::Until { delimiter: delimiter.to_vec(), text }.fits(samples))
}

/// A marker at both ends.
fn flag(samples: &[Vec<u8>]) -> Option<Found> {
    let byte = *samples[0].first()?;
    let escape = match byte {
        0x7e => escape(samples),
        // One sample may well end as it begins.
        _ if distinct(samples) < 3 => return None,
        _ => None,
    };
    Ending::Flag { byte, escape }.fits(samples)
}

fn escape(samples: &[Vec<u8>]) -> Option<Escape> {
    let behind: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.windows(2).filter(|pair| pair[0] == ESCAPE).map(|pair| pair[1]))
        .collect();
    let all = |known: [u8; 2]| !behind.is_empty() && behind.iter().all(|byte| known.contains(byte));
    match () {
        () if all([1, 2]) => Some(Escape::Numbered),
        () if all([0x5d, 0x5e]) => Some(Escape::Turned),
        () => None,
    }
}
