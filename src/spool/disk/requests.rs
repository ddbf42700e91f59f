//! How the process that works with a folder is asked to change something: by a file that is put
//! there, and an answer that it puts there. It looks once a second.
//!
//! A file `request` appears whole, by renaming; who takes it removes it, does what it says, and
//! leaves `answer-` and the request's id, which whoever asked removes. What a process finds when it
//! starts was for the one before, and is removed.

mod asking;
#[cfg(test)]
mod tests;

use std::{
    io,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    Shared,
    archive::{ChangeFault, Forgotten, Rewound, check_rewind},
    log::Log,
};
use crate::{
    model::Offset,
    spool::{Files, ReaderId},
};

pub use asking::{AskFault, ask};

/// The file's name.
const REQUEST: &str = "request";

/// What the name of an answer begins with.
const ANSWER: &str = "answer-";

/// How often somebody looks for a request.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Most bytes of a request.
const MOST_BYTES: u64 = 4 << 10;

/// What the process that works with a folder can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// To set an upstream's cursor back.
    Rewind {
        /// The upstream.
        upstream: String,
        /// Where it goes on.
        to: Offset,
    },
    /// To keep nothing more for an upstream that it does not serve.
    Forget {
        /// The upstream.
        upstream: String,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The cursor was set back.
    Rewound(Rewound),
    /// The upstream was forgotten.
    Forgotten(Forgotten),
    /// Nothing was changed, for this reason.
    Refused(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    /// Its answer's name ends so: lower-case letters and digits.
    id: String,
    order: Order,
}

/// Looks for requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    looked: Option<Instant>,
}

impl Requests {
    /// Takes the request that waits, if it is time to look for one.
    pub(super) fn take(&mut self, files: &dyn Files, now: Instant) -> Option<Taken> {
        let looked = self.looked.replace(now);
        if looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK_EVERY) {
            self.looked = looked;
            return None;
        }
        if looked.is_none() {
            clear(files);
            return None;
        }
        let request = read(files)?;
        // One that cannot be taken away would be done again and again.
        files.remove(REQUEST).ok()?;
        let request: Request = serde_json::from_slice(&request).ok()?;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_known = !request.id.is_empty() && request.id.len() <= 64;
        let is_known = is_known && request.id.bytes().all(is_plain);
        is_known.then_some(Taken { id: request.id, order: request.order })
    }
}

/// A request that has to be answered.
#[derive(Debug)]
pub(super) struct Taken {
    id: String,
    order: Order,
}

impl Taken {
    /// Does what is asked for.
    pub(super) fn carry_out(&self, shared: &Shared) -> Answer {
        let done = match &self.order {
            Order::Rewind { upstream, to } => {
                let done = shared.log().rewind(upstream, *to);
                done.map(|rewound| {
                    shared.telemetry.spool_rewound(upstream, rewound.from, rewound.to);
                    Answer::Rewound(rewound)
                })
            }
            Order::Forget { upstream } => {
                let done = shared.log().forget(upstream);
                done.map(|forgotten| {
                    shared.telemetry.spool_forgot(upstream, forgotten.ledger.waiting);
                    Answer::Forgotten(forgotten)
                })
            }
        };
        done.unwrap_or_else(|fault| Answer::Refused(fault.to_string()))
    }

    /// Puts the answer where whoever asked looks for it.
    pub(super) fn answer(&self, files: &dyn Files, answer: &Answer) -> io::Result<()> {
        let name = format!("{ANSWER}{}", self.id);
        let new = format!("{name}.new");
        files.create(&new)?.write_at(0, &serde_json::to_vec(answer)?)?;
        files.rename(&new, &name)
    }
}

fn read(files: &dyn Files) -> Option<Vec<u8>> {
    let file = files.open(REQUEST).ok()?;
    let mut bytes = vec![0; file.size().ok()?.min(MOST_BYTES) as usize];
    let read = file.read_at(0, &mut bytes).ok()?;
    bytes.truncate(read);
    Some(bytes)
}

/// Removes what was for a process before this one.
fn clear(files: &dyn Files) {
    let names = files.names().unwrap_or_default();
    for name in names.iter().filter(|name| *name == REQUEST || name.starts_with(ANSWER)) {
        // One that stays does no harm.
        let _ = files.remove(name);
    }
}

impl Log {
    /// Sets an upstream's cursor back; it is told, and its acknowledgements count for nothing until
    /// it begins anew.
    pub(super) fn rewind(&mut self, upstream: &str, to: Offset) -> Result<Rewound, ChangeFault> {
        let reader = self.reader_named(upstream)?;
        let needs = self.readers[reader.0].cursor.progress.needs();
        let from = check_rewind(self, needs, to)?;
        let (progress, holes) = self.progress(reader);
        progress.rewind(to, holes);
        let reading = &mut self.readers[reader.0];
        reading.ahead.clear();
        reading.wanted = None;
        reading.rewinds.announce();
        reading.cursor.appended.notify_one();
        Ok(Rewound { to, from, ledger: self.ledger(reader) })
    }

    /// Keeps nothing more for an upstream that nobody serves.
    pub(super) fn forget(&mut self, upstream: &str) -> Result<Forgotten, ChangeFault> {
        let reader = self.reader_named(upstream)?;
        if self.readers[reader.0].is_active {
            return Err(ChangeFault::Served { name: upstream.to_owned() });
        }
        let ledger = self.ledger(reader);
        self.readers[reader.0].is_forgotten = true;
        self.is_dirty = true;
        Ok(Forgotten { ledger })
    }

    fn reader_named(&self, upstream: &str) -> Result<ReaderId, ChangeFault> {
        let known = self.readers.iter().enumerate().filter(|(_, reader)| !reader.is_forgotten);
        let name = |at: usize| &self.readers[at].cursor.settings.name;
        let mut found = known.clone().filter(|(at, _)| name(*at) == upstream);
        found.next().map(|(at, _)| ReaderId(at)).ok_or_else(|| ChangeFault::Unknown {
            name: upstream.to_owned(),
            known: known.map(|(at, _)| name(at).clone()).collect(),
        })
    }
}
