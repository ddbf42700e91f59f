use std::{
    collections::BinaryHeap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    actors::Directory,
    admin::{Flagged, Held, Names},
    model::{Name, Seat, SessionId},
};

/// Names that are looked at under one lock: the registry waits meanwhile.
const AT_ONCE: u32 = 1024;

/// The directory as the admin API sees it.
pub struct SharedNames(pub Arc<Mutex<Directory>>);

impl SharedNames {
    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ordered by name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row(Name, (u32, u32), SessionId);

impl Names for SharedNames {
    fn count(&self) -> usize {
        self.directory().len()
    }

    fn find(&self, name: &str) -> Option<Held> {
        let directory = self.directory();
        let (seat, session) = directory.find(name)?;
        let flagged = directory.is_flagged(name, tokio::time::Instant::now().into_std());
        let name = Name::new(name.as_bytes()).ok()?;
        Some(Held { name, seat, session, flagged })
    }

    fn flagged(&self) -> Vec<Flagged> {
        let now = tokio::time::Instant::now().into_std();
        let directory = self.directory();
        let flagged = directory.flapping().flagged(now).map(|(name, flag)| Flagged {
            name: name.clone(),
            why: flag.why,
            connects: flag.connects,
            since: now.duration_since(flag.since),
            lasts: flag.until.duration_since(now),
            is_here: directory.find(name.as_str()).is_some(),
        });
        flagged.collect()
    }

    fn holders(&self, name: &str) -> Vec<(Seat, SessionId)> {
        self.directory().holders(name)
    }

    fn page(&self, after: &str, search: &str, most: usize) -> Vec<Held> {
        // The least names so far, the greatest of them on top.
        let mut rows: BinaryHeap<Row> = BinaryHeap::with_capacity(most + 1);
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.directory().look(from, AT_ONCE, |name, seat, session| {
                let is_late = rows.len() == most && rows.peek().is_some_and(|top| *name >= top.0);
                if name.as_str() <= after || is_late || !contains(name.as_str(), search) {
                    return;
                }
                rows.push(Row(name.clone(), (seat.thread, seat.slot), session));
                if rows.len() > most {
                    rows.pop();
                }
            });
        }
        let directory = self.directory();
        let now = tokio::time::Instant::now().into_std();
        let held = |Row(name, (thread, slot), session)| {
            let flagged = directory.is_flagged(name.as_str(), now);
            Held { name, seat: Seat { thread, slot }, session, flagged }
        };
        rows.into_sorted_vec().into_iter().map(held).collect()
    }
}

/// Whether `name` holds `search`, which is in lower case.
fn contains(name: &str, search: &str) -> bool {
    search.is_empty() || name.to_ascii_lowercase().contains(search)
}
