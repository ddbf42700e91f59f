use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anybody's coming is waited for. Whoever comes looks, which costs one atomic read; whoever
/// waits sets it before looking who is there, so that nobody slips through in between.
#[derive(Debug, Default)]
pub struct Wanted(AtomicBool);

impl Wanted {
    /// Sets whether somebody is waited for.
    pub fn set(&self, anybody: bool) {
        self.0.store(anybody, Ordering::SeqCst);
    }

    /// Whether somebody is waited for.
    pub fn is_anybody(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
