//! Where the gateway stands: what is left of one life for the next.

use std::sync::Arc;

use tetherd::{
    model::Offset,
    spool::{MemorySpool, Settings, Spool},
};

/// The first offset of the first spool; the time of the day, had it not to be the same each time.
const FIRST: u64 = 1_763_625_600_000_000;

/// A spool in memory: nothing of it is left.
pub struct Site {
    settings: Settings,
    lives: u64,
    open: Option<Arc<dyn Spool>>,
    first: u64,
}

impl Site {
    pub fn new(settings: Settings) -> Self {
        Self { settings, lives: 0, open: None, first: FIRST }
    }

    /// Opens the spool for the next life.
    pub fn open(&mut self) -> Arc<dyn Spool> {
        self.lives += 1;
        let first = self.open.take().map_or(FIRST, |last| last.next().0 + 1_000_000);
        self.first = first;
        let spool = Arc::new(MemorySpool::starting_at(&self.settings, Offset(first)));
        self.open = Some(Arc::<MemorySpool>::clone(&spool));
        spool
    }

    /// The life is over; answers from which offset on all may be lost.
    pub fn over(&self) -> u64 {
        self.first
    }
}
