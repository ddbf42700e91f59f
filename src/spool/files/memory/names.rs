use std::{collections::BTreeMap, mem};

use rand::{Rng, RngExt};

/// Which file is meant, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub u64);

/// The names of a folder: as processes see them, and as far as they were synced.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    visible: BTreeMap<String, FileId>,
    durable: BTreeMap<String, FileId>,
    /// What leads from there to here, the oldest first.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    what: What,
    /// A sync failed over it; no later one will save it.
    is_forsaken: bool,
}

#[derive(Clone, Debug)]
enum What {
    Create(String, FileId),
    Rename(String, String, FileId),
    Remove(String),
}

impl Names {
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.visible.keys()
    }

    pub fn get(&self, name: &str) -> Option<FileId> {
        self.visible.get(name).copied()
    }

    /// Whether a process finds the file by a name.
    pub fn show(&self, id: FileId) -> bool {
        self.visible.values().any(|shown| *shown == id)
    }

    /// Whether the file has a name, or may have one again after a loss of power.
    pub fn may_need(&self, id: FileId) -> bool {
        let is_pending = |change: &Change| match &change.what {
            What::Create(_, named) | What::Rename(_, _, named) => *named == id,
            What::Remove(_) => false,
        };
        self.show(id)
            || self.durable.values().any(|kept| *kept == id)
            || self.pending.iter().any(is_pending)
    }

    pub fn create(&mut self, name: &str, id: FileId) {
        self.change(What::Create(name.to_owned(), id));
    }

    pub fn rename(&mut self, from: &str, to: &str, id: FileId) {
        if from != to {
            self.change(What::Rename(from.to_owned(), to.to_owned(), id));
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.change(What::Remove(name.to_owned()));
    }

    /// Gives `id` a name that is synced already.
    pub fn settle(&mut self, name: &str, id: FileId) {
        self.visible.insert(name.to_owned(), id);
        self.durable.insert(name.to_owned(), id);
    }

    fn change(&mut self, what: What) {
        what.apply(&mut self.visible);
        self.pending.push(Change { what, is_forsaken: false });
    }

    /// Makes durable what no failed sync has forsaken, and what of the forsaken it was built upon.
    pub fn sync(&mut self) {
        let mut kept: Vec<_> = self.pending.iter().map(|change| !change.is_forsaken).collect();
        self.keep_what_led_there(&mut kept);
        let mut forsaken = Vec::new();
        for (change, is_kept) in mem::take(&mut self.pending).into_iter().zip(kept) {
            match is_kept {
                true => change.what.apply(&mut self.durable),
                false => forsaken.push(change),
            }
        }
        self.pending = forsaken;
    }

    /// Changes of one name have an order on every file system: the later needs the earlier.
    fn keep_what_led_there(&self, kept: &mut [bool]) {
        for index in (0..kept.len()).rev() {
            if !kept[index] {
                continue;
            }
            let later = &self.pending[index].what;
            for (earlier, is_kept) in self.pending.iter().zip(kept.iter_mut().take(index)) {
                *is_kept |= earlier.what.shares_a_name(later);
            }
        }
    }

    /// A sync failed: no later one will save what waited for it.
    pub fn forsake(&mut self) {
        self.pending.iter_mut().for_each(|change| change.is_forsaken = true);
    }

    /// What is left when the power goes. Some file systems keep changes in their order, and lose
    /// the last ones; others keep any of them. Each is whole or not at all.
    pub fn cut_power(&mut self, dice: &mut impl Rng) {
        let is_ordered: bool = dice.random();
        let first = dice.random_range(0..=self.pending.len());
        let mut kept: Vec<bool> = (0..self.pending.len())
            .map(|index| if is_ordered { index < first } else { dice.random() })
            .collect();
        self.keep_what_led_there(&mut kept);
        let mut left = mem::take(&mut self.durable);
        let changes = mem::take(&mut self.pending).into_iter().zip(kept);
        changes
            .filter(|(_, is_kept)| *is_kept)
            .for_each(|(change, _)| change.what.apply(&mut left));
        *self = Self { visible: left.clone(), durable: left, pending: Vec::new() };
    }
}

impl What {
    fn apply(&self, names: &mut BTreeMap<String, FileId>) {
        match self {
            Self::Create(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Rename(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }

    fn names(&self) -> [&str; 2] {
        match self {
            Self::Create(name, _) | Self::Remove(name) => [name, name],
            Self::Rename(from, to, _) => [from, to],
        }
    }

    fn shares_a_name(&self, other: &Self) -> bool {
        self.names().iter().any(|name| other.names().contains(name))
    }
}
