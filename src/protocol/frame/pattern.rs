use regex_automata::{
    Anchored, MatchKind,
    dfa::{Automaton, StartKind, dense},
    nfa::thompson,
    util::start,
};

use super::{Cut, Progress};
use crate::protocol::pattern::syntax;

/// Most memory of a compiled pattern.
const MOST: usize = 1 << 20;

/// A frame that ends as soon as a pattern fits the whole of it. The pattern runs as a table, byte
/// by byte, so that it costs the same whatever comes, and goes on where it was.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// Compiles `text`; tells why that cannot be.
    pub fn new(text: &str) -> Result<Self, String> {
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(MOST))
            .determinize_size_limit(Some(2 * MOST));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax())
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MOST)))
            .build(text)
            .map_err(|error| crate::protocol::pattern::reason(&error))?;
        let pattern = Self(dfa);
        match pattern.begin() {
            Some(state) if pattern.0.is_match_state(pattern.0.next_eoi_state(state)) => {
                Err("fits nothing at all, so that no frame would end".to_owned())
            }
            Some(_) => Ok(pattern),
            None => Err("cannot be run from its beginning".to_owned()),
        }
    }

    pub fn cut(&self, bytes: &[u8], progress: &mut Progress, limit: usize) -> Cut {
        let dfa = &self.0;
        let Some(mut state) = progress.state.or_else(|| self.begin()) else {
            return Cut::Broken;
        };
        for (at, byte) in bytes.iter().enumerate().skip(progress.scanned) {
            state = dfa.next_state(state, *byte);
            if !dfa.is_special_state(state) {
                continue;
            }
            // A match is told one byte late.
            if dfa.is_match_state(state) {
                return done(at, limit);
            }
            if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
                progress.scanned = at;
                return Cut::Broken;
            }
        }
        if dfa.is_match_state(dfa.next_eoi_state(state)) {
            return done(bytes.len(), limit);
        }
        progress.scanned = bytes.len();
        progress.state = Some(state);
        match bytes.len() > limit {
            true => Cut::TooLong,
            false => Cut::More { least: bytes.len() + 1, decided: true },
        }
    }

    fn begin(&self) -> Option<regex_automata::util::primitives::StateID> {
        self.0.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()
    }
}

fn done(total: usize, limit: usize) -> Cut {
    match total > limit {
        true => Cut::TooLong,
        false => Cut::Done { total, frame: 0..total },
    }
}
