//! What waits for the web server: events in order, each with an offset of its own.
//!
//! # What it promises
//! - A batch is appended whole, and its events get consecutive offsets.
//! - An offset is never used twice, and never lowered.
//! - Each upstream reads at its own pace from its own cursor; what every upstream has
//!   acknowledged is given back.
//! - It is bounded in bytes. `started`, `online`, `offline` and `command` own a reserve, so that a spool
//!   full of data can still tell who came and went, and what became of commands.
//! - What is dropped is counted by reason, and a reader meets it as a [`Read::Hole`].
//! - At any time, for each upstream: received = delivered + waiting + dropped ([`Ledger`]).
//!
//! # The makes
//! [`DiskSpool`] keeps events in files: what is safe when stands there. [`MemorySpool`] keeps nothing
//! beyond the process, and promises nothing.

mod backlog;
mod batch;
mod congestion;
mod cursor;
mod disk;
mod files;
mod holes;
mod ledger;
mod limits;
mod memory;
mod pressure;
mod reader;
mod record;
mod rewinds;
mod settings;

use std::{io, sync::Arc};

use tokio::sync::{Notify, watch};

use crate::{health::Heart, model::Offset};

pub use backlog::{Backlog, Room};
pub use batch::{Batch, Block};
pub use congestion::{Congestion, Pace};
pub use disk::{
    Answer, Archive, ArchiveFault, AskFault, ChangeFault, Condition, DiskFault, DiskSettings,
    DiskSpool, Durability, Finding, Findings, Forgotten, Order, Piece, Reading, Rest, Rewound,
    SegmentFacts, UpstreamFacts, ask, forget, rewind,
};
pub use files::{ClaimFault, File, Files, Holder, MemoryFiles, Operation, Sums, SystemFiles};
pub use holes::Hole;
pub use ledger::{DropReason, Ledger};
pub use memory::MemorySpool;
pub use pressure::Pressure;
pub use reader::{ReaderId, ReaderSettings, Start, WhenBehind};
pub use rewinds::Rewinds;
pub use settings::{Settings, SettingsFault, SpoolType, WhenFull};

/// What a reader finds at an offset.
#[derive(Clone, Debug)]
pub enum Read {
    /// Events with consecutive offsets; the first of them may lie before the offset asked for.
    Block(Block),
    /// The events from the offset asked for up to, not including, `next` are gone.
    Hole {
        /// Offset behind the hole.
        next: Offset,
        /// How many events are missing; fewer than offsets where numbering jumped.
        events: u64,
        /// Why.
        reason: DropReason,
    },
    /// Nothing yet.
    Empty,
}

/// A queue of events between the session threads, which append, and the forwarders, which read.
pub trait Spool: Send + Sync {
    /// Appends all events of `batch`, empties it, and answers the offset of the first; `None` for
    /// an empty batch. Never waits and never fails: what a spool can no longer take is dropped by
    /// policy and counted. Callers heed [`Spool::pressure`] beforehand, so that nothing is.
    fn append(&self, batch: &mut Batch) -> Option<Offset>;

    /// Opens the cursor of the upstream `settings.name`; the same name gives the same cursor.
    fn open_reader(&self, settings: &ReaderSettings) -> ReaderId;

    /// What stands at `from`. Costs one short lock; the bytes are shared, not copied.
    fn read(&self, reader: ReaderId, from: Offset) -> Read;

    /// The events from `from` up to, not including, `to` were handed out and are none: from now on
    /// they are a hole, so that they block nobody. Answers whether that could be done.
    fn give_up(&self, from: Offset, to: Offset) -> bool;

    /// Everything up to and including `through` is safe with the upstream; answers how many events
    /// that delivers.
    fn acknowledge(&self, reader: ReaderId, through: Offset) -> u64;

    /// So many of the events that counted as dropped had been sent before that, and have arrived.
    fn found(&self, reader: ReaderId, events: u64);

    /// Passes over everything up to and including `through`, for this upstream: told as a gap,
    /// [`DropReason::Skipped`].
    fn skip(&self, reader: ReaderId, through: Offset);

    /// First offset that the upstream has not acknowledged.
    fn cursor(&self, reader: ReaderId) -> Offset;

    /// Tells when the cursor of `reader` is set back by hand. From then on its acknowledgements count
    /// for nothing: they are of what was sent before that.
    fn rewinds(&self, _: ReaderId) -> Arc<Rewinds> {
        Arc::default()
    }

    /// The reader begins anew, at the cursor that is answered; its acknowledgements count again.
    fn resume(&self, reader: ReaderId) -> Offset {
        self.cursor(reader)
    }

    /// The offset that the next event will get.
    fn next(&self) -> Offset;

    /// The first offset that this process gives out. Those before it may have been sent already, by
    /// the process before.
    fn began(&self) -> Offset;

    /// Whether everything that was given an offset before this start is still there.
    fn was_clean(&self) -> bool;

    /// Follows up to where events are safe: every one before the offset that is shown. `None` where
    /// none ever is.
    fn promised(&self) -> Option<watch::Receiver<Offset>>;

    /// Begins to work, on threads of its own where it needs them, once all readers are open.
    ///
    /// # Errors
    /// What the system said.
    fn start(&self) -> io::Result<()>;

    /// The hearts of threads of its own, which beat from [`Spool::start`] on.
    fn hearts(&self) -> Vec<Arc<Heart>> {
        Vec::new()
    }

    /// The end: everything is made safe, and nothing may be appended any more. Waits for the disk.
    /// Answers whether all went well.
    fn close(&self) -> bool;

    /// Woken when something was appended behind what `reader` has read.
    fn appended(&self, reader: ReaderId) -> Arc<Notify>;

    /// Whether data may be read from devices, and newcomers be admitted.
    fn pressure(&self) -> &Pressure;

    /// Received, delivered, waiting, dropped, for one upstream.
    fn ledger(&self, reader: ReaderId) -> Ledger;

    /// What waits for the upstream, in bytes and in time.
    fn backlog(&self, _: ReaderId) -> Backlog {
        Backlog::default()
    }

    /// How much is kept, and how much may be.
    fn room(&self) -> Room {
        Room::default()
    }

    /// A word that stays the same for the life of the spool; web servers see it in `hello`.
    fn id(&self) -> &str;
}
