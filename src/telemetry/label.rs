use std::{fmt, marker::PhantomData, sync::atomic::AtomicU64, sync::atomic::Ordering};

use crate::model::{CloseReason, CommandFault, CommandState};

/// A closed list of words, used alike in log lines, in counts and as metric labels.
pub trait Label: Copy + 'static {
    /// What the words tell apart, the key of the metric label.
    const KEY: &'static str;

    /// Every word there is, in the order of [`place`](Self::place).
    const ALL: &'static [Self];

    /// The word.
    fn as_str(self) -> &'static str;

    /// Its place in [`ALL`](Self::ALL).
    fn place(self) -> usize;

    /// The one with this word.
    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == word)
    }
}

impl Label for CloseReason {
    const KEY: &'static str = "reason";
    const ALL: &'static [Self] = CloseReason::ALL;

    fn as_str(self) -> &'static str {
        CloseReason::as_str(self)
    }

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for CommandState {
    const KEY: &'static str = "state";
    const ALL: &'static [Self] = CommandState::ALL;

    fn as_str(self) -> &'static str {
        CommandState::as_str(self)
    }

    fn place(self) -> usize {
        self as usize - 1
    }
}

impl Label for CommandFault {
    const KEY: &'static str = "reason";
    const ALL: &'static [Self] = CommandFault::ALL;

    fn as_str(self) -> &'static str {
        CommandFault::as_str(self)
    }

    fn place(self) -> usize {
        self as usize - 1
    }
}

/// Makes an enum of words a [`Label`], with `Display`.
macro_rules! labels {
    (
        $(#[$doc:meta])+
        $name:ident by $key:literal { $($(#[$word_doc:meta])+ $variant:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$word_doc])+ $variant),+
        }

        impl $crate::telemetry::Label for $name {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            fn place(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::telemetry::Label::as_str(*self))
            }
        }
    };
}
pub(super) use labels;

/// One number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// A [`Counter`] for each word of a list.
pub struct Tally<L> {
    counters: Box<[Counter]>,
    words: PhantomData<fn(L)>,
}

impl<L: Label> Tally<L> {
    /// The value for one word now.
    pub fn get(&self, word: L) -> u64 {
        self.counters[word.place()].get()
    }

    /// The sum over all words.
    pub fn sum(&self) -> u64 {
        self.counters.iter().map(Counter::get).sum()
    }

    pub(super) fn add(&self, word: L, count: u64) {
        self.counters[word.place()].add(count);
    }
}

impl<L: Label> Default for Tally<L> {
    fn default() -> Self {
        let counters = L::ALL.iter().map(|_| Counter::default()).collect();
        Self { counters, words: PhantomData }
    }
}

impl<L: Label> fmt::Debug for Tally<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(L::ALL.iter().map(|word| (word.as_str(), self.get(*word)))).finish()
    }
}
