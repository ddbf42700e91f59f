//! What can be changed in the folder of a stopped gateway: an upstream's place, and nothing else.
//! What a crash has left is put right by the next start, not here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Archive, ArchiveFault, UpstreamFacts};
use crate::{
    model::Offset,
    spool::{
        DropReason, Files, Ledger,
        disk::{
            DiskFault,
            log::Log,
            state::{StateFile, Stored},
        },
        holes::Holes,
    },
};

/// An upstream's cursor that was set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewound {
    /// Where the upstream goes on.
    pub to: Offset,
    /// Where it stood before.
    pub from: Offset,
    /// Its sums from now on.
    pub ledger: Ledger,
}

/// An upstream that was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// The sums it had; what waited for it waits no more.
    pub ledger: Ledger,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeFault {
    /// There is none of this name.
    #[error("the spool knows no upstream {name:?}; it knows {}", listed(known))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// What lies before this is gone.
    #[error("{to} is gone; the oldest event that is kept is {oldest}")]
    Gone {
        /// Where the cursor should have gone.
        to: Offset,
        /// Where it can go at most.
        oldest: Offset,
    },
    /// That is no way back.
    #[error(
        "{to} does not lie behind it: the upstream stands at {at}, and a rewind only goes back"
    )]
    Forward {
        /// Where the cursor should have gone.
        to: Offset,
        /// Where it stands.
        at: Offset,
    },
    /// The running gateway delivers to it.
    #[error(
        "the running gateway serves {name:?}; take it out of the configuration, start afresh, \
             and then forget it"
    )]
    Served {
        /// The upstream.
        name: String,
    },
    /// The state was lost, so that nobody knows who has what.
    #[error(
        "who has read how far is lost; start the gateway once: every upstream begins with the \
             oldest event"
    )]
    StateLost,
    /// The folder cannot be looked into.
    #[error(transparent)]
    Archive(#[from] ArchiveFault),
}

/// Sets an upstream's cursor back to `to`, in a folder that nobody works with: `files` are claimed.
/// What was delivered since waits again.
///
/// # Errors
/// There is no such upstream, `to` is not kept any more or lies ahead, or the disk refuses.
pub fn rewind(files: Arc<dyn Files>, upstream: &str, to: Offset) -> Result<Rewound, ChangeFault> {
    let archive = Archive::look(Arc::clone(&files), false)?;
    let facts = facts(&archive, upstream)?;
    let at = check_rewind(&archive.log, facts.cursor.max(facts.floor), to)?;
    let mut state = known(&archive)?;
    if let Some(progress) = state.upstreams.get_mut(upstream) {
        // What is found damaged for the first time is counted by the next start, for those to whom
        // it matters then.
        progress.rewind(to, &counted_holes(&archive, &state.holes));
    }
    store(&*files, &state)?;
    let after = Archive::look(files, false)?;
    Ok(Rewound { to, from: at, ledger: self::facts(&after, upstream)?.ledger })
}

/// Forgets an upstream in a folder that nobody works with: `files` are claimed. Nothing is kept for
/// it any more; if it is configured, it begins like a new one.
///
/// # Errors
/// There is no such upstream, or the disk refuses.
pub fn forget(files: Arc<dyn Files>, upstream: &str) -> Result<Forgotten, ChangeFault> {
    let archive = Archive::look(Arc::clone(&files), false)?;
    let ledger = facts(&archive, upstream)?.ledger;
    let mut state = known(&archive)?;
    state.upstreams.remove(upstream);
    store(&*files, &state)?;
    Ok(Forgotten { ledger })
}

/// Whether a cursor that stands at `at` may go back to `to`; answers where it stands.
pub(in crate::spool::disk) fn check_rewind(
    log: &Log,
    at: Offset,
    to: Offset,
) -> Result<Offset, ChangeFault> {
    let oldest = log.segments.front().map_or(log.written, |oldest| oldest.header.base);
    if to >= at {
        return Err(ChangeFault::Forward { to, at });
    }
    if to < oldest {
        return Err(ChangeFault::Gone { to, oldest });
    }
    Ok(at)
}

fn facts(archive: &Archive, upstream: &str) -> Result<UpstreamFacts, ChangeFault> {
    archive.upstream(upstream).ok_or_else(|| ChangeFault::Unknown {
        name: upstream.to_owned(),
        known: archive.upstreams().into_iter().map(|upstream| upstream.name).collect(),
    })
}

fn known(archive: &Archive) -> Result<Stored, ChangeFault> {
    archive.known.clone().ok_or(ChangeFault::StateLost)
}

fn counted_holes(archive: &Archive, stored: &[crate::spool::Hole]) -> Holes {
    let mut holes = Holes::NONE;
    let jumps = archive.log.holes.iter().filter(|hole| hole.reason == DropReason::Restart);
    for hole in stored.iter().chain(jumps) {
        holes.add(*hole);
    }
    holes
}

fn store(files: &dyn Files, state: &Stored) -> Result<(), ArchiveFault> {
    let stored = StateFile::open(files).and_then(|mut file| file.store(state));
    stored.map_err(|error| DiskFault::io("storing the state", error).into())
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
