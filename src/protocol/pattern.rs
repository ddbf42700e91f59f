//! Byte patterns: the dot stands for any byte, and no pattern takes more than linear time.

use regex_automata::{
    meta,
    util::{primitives::NonMaxUsize, syntax},
};

/// Most memory of a compiled pattern.
const MOST: usize = 256 << 10;

/// Most named groups of a pattern.
pub(super) const MOST_GROUPS: usize = 12;

/// A pattern that is searched, and its named groups.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    regex: meta::Regex,
    /// For each name: which group of the pattern.
    names: Box<[(Box<str>, u8)]>,
}

/// Where the groups of a pattern stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places([(u16, u16); MOST_GROUPS + 1]);

/// Where a group stands that took no part.
const NOWHERE: (u16, u16) = (u16::MAX, 0);

/// So many bytes of a frame are looked at for groups: their places are kept in little room.
const FARTHEST: usize = u16::MAX as usize;

/// How protocol files write patterns.
pub(super) fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true)
}

/// The last line of an error, which says what is wrong.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let text = deepest.to_string();
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().trim_start_matches("error: ").to_owned()
}

impl Groups {
    /// Compiles `text`; tells why that cannot be.
    pub fn new(text: &str) -> Result<Self, String> {
        let config = meta::Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(MOST))
            .onepass_size_limit(Some(MOST))
            .hybrid_cache_capacity(MOST);
        let regex = meta::Builder::new()
            .configure(config)
            .syntax(syntax())
            .build(text)
            .map_err(|error| reason(&error))?;
        if regex.captures_len() > MOST_GROUPS + 1 {
            return Err(format!("has more than {MOST_GROUPS} groups"));
        }
        let all = regex.group_info().pattern_names(regex_automata::PatternID::ZERO);
        let named = all.enumerate().filter_map(|(at, name)| Some((name?.into(), at as u8)));
        Ok(Self { names: named.collect(), regex })
    }

    /// The names of its groups.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }

    /// Which of its groups is called `name`; 1 is the first.
    pub fn group(&self, name: &str) -> Option<u8> {
        self.names.iter().find(|(known, _)| &**known == name).map(|(_, group)| *group)
    }

    /// Whether it fits somewhere in `bytes`.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// Where its groups stand in `bytes`; none if it does not fit.
    pub fn places(&self, bytes: &[u8]) -> Option<Places> {
        let bytes = &bytes[..bytes.len().min(FARTHEST)];
        let mut slots = [None::<NonMaxUsize>; 2 * (MOST_GROUPS + 1)];
        let slots = &mut slots[..2 * self.regex.captures_len()];
        self.regex.search_slots(&regex_automata::Input::new(bytes), slots)?;
        let mut places = Places([NOWHERE; MOST_GROUPS + 1]);
        for (place, pair) in places.0.iter_mut().zip(slots.chunks_exact(2)) {
            if let [Some(start), Some(end)] = pair {
                *place = (u16::try_from(start.get()).ok()?, u16::try_from(end.get()).ok()?);
            }
        }
        Some(places)
    }
}

impl Places {
    /// Where group `group` stands.
    pub fn of(&self, group: u8) -> Option<(usize, usize)> {
        let place = self.0.get(usize::from(group)).filter(|place| **place != NOWHERE)?;
        Some((place.0.into(), place.1.into()))
    }
}
