/// Where a frame may tell who the device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::protocol) struct Identity {
    pub place: Place,
    /// Only frames have it whose byte at a place is this.
    pub only: Option<Only>,
    /// How many frames have it.
    pub frames: usize,
    /// What it is in one of them.
    pub example: String,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::protocol) enum Place {
    /// Fifteen digits, wherever they are.
    Anywhere,
    /// Fifteen digits, here.
    Digits(usize),
    /// Eight bytes, two digits each, the first a zero.
    Bcd(usize),
    /// A text behind its length, which has one or two bytes.
    Prefixed { at: usize, size: usize },
}

/// A byte that says what a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::protocol) struct Only {
    pub at: usize,
    pub is: u8,
}

/// Farthest place that is looked at.
const FARTHEST: usize = 32;

/// Digits of an IMEI.
const IMEI: usize = 15;

/// Who a device says it is in `frames`; what they tell begins `behind` so many bytes.
pub(super) fn find(frames: &[Vec<u8>], behind: usize) -> Option<Identity> {
    let places = 0..FARTHEST;
    let prefixed = places.clone().flat_map(|at| [2, 1].map(|size| Place::Prefixed { at, size }));
    let digits = places.clone().map(Place::Digits).chain([Place::Anywhere]);
    let mut best: Option<Identity> = None;
    for place in prefixed.chain(digits).chain(places.map(Place::Bcd)) {
        let told: Vec<Option<String>> = frames.iter().map(|frame| place.read(frame)).collect();
        let count = told.iter().flatten().count();
        if count <= best.as_ref().map_or(0, |best| best.frames) {
            continue;
        }
        // Any row of digits may be something else.
        if place == Place::Anywhere && 2 * count < frames.len() {
            continue;
        }
        let rash = matches!(place, Place::Bcd(_));
        let only = only(frames, &told, behind, rash);
        if rash && only.is_none() && count < frames.len() {
            continue;
        }
        let example = told.into_iter().flatten().next().unwrap_or_default();
        best = Some(Identity { place, only, frames: count, example });
    }
    best
}

impl Place {
    /// The name that stands here in `frame`.
    fn read(self, frame: &[u8]) -> Option<String> {
        match self {
            Self::Anywhere => {
                let runs = frame.split(|byte| !byte.is_ascii_digit());
                runs.filter(|run| run.len() == IMEI).find_map(text)
            }
            Self::Digits(at) => {
                let found = frame.get(at..at + IMEI)?;
                let alone = !frame.get(at + IMEI).is_some_and(u8::is_ascii_digit)
                    && !at.checked_sub(1).is_some_and(|at| frame[at].is_ascii_digit());
                let is_number = alone && found.iter().all(u8::is_ascii_digit);
                is_number.then(|| text(found))?
            }
            Self::Bcd(at) => {
                let nibbles = frame.get(at..at + 8)?.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                let digits: Vec<u8> = nibbles.collect();
                let is_imei = digits[0] == 0
                    && digits[1] != 0
                    && digits.iter().all(|digit| *digit < 10)
                    && luhn(&digits[1..]);
                let letters = digits[1..].iter().map(|digit| char::from(b'0' + digit));
                is_imei.then(|| letters.collect())
            }
            Self::Prefixed { at, size } => {
                let length = frame.get(at..at + size)?;
                let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                let found = frame.get(at + size..at + size + length)?;
                let is_name = (8..=32).contains(&length)
                    && found
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
                    && found.iter().filter(|byte| byte.is_ascii_digit()).count() > 3;
                is_name.then(|| text(found))?
            }
        }
    }
}

/// The byte behind the length, if it is the same in all frames that tell who the device is, and
/// another one in all others. There must be others, unless the place is `rash`: other bytes may
/// look the same there.
fn only(frames: &[Vec<u8>], told: &[Option<String>], behind: usize, rash: bool) -> Option<Only> {
    let byte = |frame: &Vec<u8>| frame.get(behind).copied();
    let (with, without): (Vec<_>, Vec<_>) =
        frames.iter().zip(told).partition(|(_, told)| told.is_some());
    let is = byte(with.first()?.0)?;
    let same = with.iter().all(|(frame, _)| byte(frame) == Some(is));
    let other = without.iter().all(|(frame, _)| byte(frame) != Some(is));
    (same && other && (rash || !without.is_empty())).then_some(Only { at: behind, is })
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Whether the last digit is the one that Luhn's rule gives.
fn luhn(digits: &[u8]) -> bool {
    let worth = |(at, digit): (usize, &u8)| match at % 2 {
        0 => u32::from(*digit),
        _ => u32::from(digit * 2 % 10 + digit * 2 / 10),
    };
    digits.iter().rev().enumerate().map(worth).sum::<u32>().is_multiple_of(10)
}
