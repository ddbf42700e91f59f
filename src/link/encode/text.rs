//! Devices' bytes as text, when a chunk may end in the middle of a character.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::model::{Offset, SessionId};

/// The first bytes of a character whose rest has not come yet; mostly none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    bytes: [u8; 3],
    length: u8,
    /// The session has no name, so that no `offline` will tell its end.
    nameless: bool,
}

/// What stands for bytes that are no UTF-8.
pub(super) const REPLACEMENT: &str = "\u{fffd}";

impl Rest {
    const NONE: Self = Self { bytes: [0; 3], length: 0, nameless: false };

    fn of(bytes: &[u8], nameless: bool) -> Self {
        let mut rest = Self { nameless, ..Self::NONE };
        let kept = bytes.len().min(rest.bytes.len());
        rest.bytes[..kept].copy_from_slice(&bytes[..kept]);
        rest.length = kept as u8;
        rest
    }

    fn is_none(&self) -> bool {
        self.length == 0
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Whether `bytes`, which are no UTF-8, only lack their end.
fn lacks_its_end(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

/// Gives `bytes`, which follow `rest`, to `put` as text, each longest broken piece as one U+FFFD
/// (as the WHATWG decoder has it), and answers the bytes of an unfinished last character.
fn decode(rest: Rest, mut bytes: &[u8], nameless: bool, put: &mut impl FnMut(&str)) -> Rest {
    if !rest.is_none() {
        let mut character = [0; 4];
        let mut length = rest.bytes().len();
        character[..length].copy_from_slice(rest.bytes());
        loop {
            let Some((first, behind)) = bytes.split_first() else {
                return Rest::of(&character[..length], nameless);
            };
            character[length] = *first;
            match std::str::from_utf8(&character[..=length]) {
                Ok(text) => put(text),
                Err(fault) if fault.error_len().is_none() => {
                    (length, bytes) = (length + 1, behind);
                    continue;
                }
                // The byte does not belong to the character: it is looked at afresh below.
                Err(_) => {
                    put(REPLACEMENT);
                    break;
                }
            }
            bytes = behind;
            break;
        }
    }
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        put(chunk.valid());
        if chunks.peek().is_none() && lacks_its_end(chunk.invalid()) {
            return Rest::of(chunk.invalid(), nameless);
        }
        if !chunk.invalid().is_empty() {
            put(REPLACEMENT);
        }
    }
    Rest::NONE
}

/// What one event did to one session's rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    offset: Offset,
    session: SessionId,
    before: Rest,
    after: Rest,
}

/// The unfinished characters of all sessions, as they stand behind the last event encoded.
///
/// What events in flight did is kept until they are acknowledged: a broken link goes back over it
/// ([`Texts::rewind`]), and an acknowledgement that comes before the resend goes over it forwards.
/// Only sessions with an unfinished character take room.
#[derive(Debug, Default)]
pub(super) struct Texts {
    rests: HashMap<SessionId, Rest>,
    nameless: BTreeSet<SessionId>,
    /// In order of offsets; the first `done` of them are in `rests`, those behind were undone.
    changes: VecDeque<Change>,
    done: usize,
}

impl Texts {
    /// Most sessions without a name that may have a rest: nobody tells when they end. Past it the
    /// oldest loses its rest.
    const MOST_NAMELESS: usize = 4096;

    /// Gives the text of a session's next bytes to `put`, in pieces.
    pub(super) fn data(
        &mut self,
        offset: Offset,
        session: SessionId,
        nameless: bool,
        bytes: &[u8],
        mut put: impl FnMut(&str),
    ) {
        self.forget_passed(offset);
        let before = self.rests.get(&session).copied().unwrap_or_default();
        let after = decode(before, bytes, nameless, &mut put);
        self.change(offset, session, before, after);
        if self.nameless.len() > Self::MOST_NAMELESS
            && let Some(oldest) = self.nameless.first().copied()
        {
            self.drop_rest(offset, oldest);
        }
        self.forget_passed(offset.plus(1));
    }

    /// A session is over: whether a character of it stays unfinished for ever.
    pub(super) fn ended(&mut self, offset: Offset, session: SessionId) -> bool {
        self.forget_passed(offset);
        let unfinished = self.drop_rest(offset, session);
        self.forget_passed(offset.plus(1));
        unfinished
    }

    /// All sessions are over, or nobody knows what was between: at `offset` no session has a rest.
    pub(super) fn clear(&mut self, offset: Offset) {
        self.forget_passed(offset);
        let mut sessions: Vec<_> = self.rests.keys().copied().collect();
        sessions.sort_unstable();
        for session in sessions {
            self.drop_rest(offset, session);
        }
        self.forget_passed(offset.plus(1));
    }

    /// Everything up to and including `through` never comes back.
    pub(super) fn acknowledged(&mut self, through: Offset) {
        while let Some(change) = self.changes.front().filter(|change| change.offset <= through) {
            let (session, after) = (change.session, change.after);
            if self.done == 0 {
                self.set(session, after);
            }
            self.done = self.done.saturating_sub(1);
            self.changes.pop_front();
        }
        if self.changes.is_empty() && self.changes.capacity() > 1024 {
            self.changes.shrink_to_fit();
        }
    }

    /// The events from `from` on will be encoded again.
    pub(super) fn rewind(&mut self, from: Offset) {
        while self.done > 0 {
            let change = self.changes[self.done - 1];
            if change.offset < from {
                return;
            }
            self.set(change.session, change.before);
            self.done -= 1;
        }
    }

    fn drop_rest(&mut self, offset: Offset, session: SessionId) -> bool {
        let Some(before) = self.rests.get(&session).copied() else { return false };
        self.change(offset, session, before, Rest::NONE);
        true
    }

    fn change(&mut self, offset: Offset, session: SessionId, before: Rest, after: Rest) {
        if before == after {
            return;
        }
        self.set(session, after);
        let change = Change { offset, session, before, after };
        if self.changes.get(self.done) != Some(&change) {
            self.changes.truncate(self.done);
            self.changes.push_back(change);
        }
        self.done += 1;
    }

    /// Forgets undone changes of events before `offset`, which were passed over in the meantime.
    fn forget_passed(&mut self, offset: Offset) {
        if self.changes.get(self.done).is_some_and(|change| change.offset < offset) {
            self.changes.truncate(self.done);
        }
    }

    fn set(&mut self, session: SessionId, rest: Rest) {
        if rest.is_none() {
            self.rests.remove(&session);
        } else {
            self.rests.insert(session, rest);
        }
        if rest.nameless && !rest.is_none() {
            self.nameless.insert(session);
        } else {
            self.nameless.remove(&session);
        }
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
