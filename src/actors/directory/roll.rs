use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::model::{Name, Slots};

/// Names, and what is known of each.
///
/// Of each name there is one entry, in pages, and four bytes in a hash table that tell where. The
/// tables are many, so that one of them grows at a time: with a million names that is some hundred
/// microseconds, where a single one would stop its thread for a tenth of a second and take twice
/// the room meanwhile.
pub(super) struct Roll<T> {
    tables: Vec<HashTable<u32>>,
    entries: Slots<(Name, T)>,
    /// Names come from devices: their hashes must not be foreseen.
    hashes: RandomState,
}

/// How many tables there are; a power of two.
const TABLES: usize = 256;

impl<T> Default for Roll<T> {
    fn default() -> Self {
        let tables = (0..TABLES).map(|_| HashTable::new()).collect();
        Self { tables, entries: Slots::default(), hashes: RandomState::new() }
    }
}

impl<T> Roll<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let slot = self.find(name)?;
        self.entries.get(slot).map(|(_, known)| known)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let slot = self.find(name)?;
        self.entries.get_mut(slot).map(|(_, known)| known)
    }

    /// Puts a name on the roll that is not there yet.
    pub(super) fn insert(&mut self, name: Name, known: T) {
        let hash = self.hash(name.as_str());
        let slot = self.entries.insert((name, known));
        let Self { tables, entries, hashes } = self;
        let hash_again =
            |slot: &u32| entries.get(*slot).map_or(0, |(name, _)| hashes.hash_one(name.as_str()));
        tables[table(hash)].insert_unique(hash, slot, hash_again);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<T> {
        let hash = self.hash(name);
        let Self { tables, entries, hashes } = self;
        let table = &mut tables[table(hash)];
        let is_it = |slot: &u32| entries.get(*slot).is_some_and(|(own, _)| own.as_str() == name);
        let (slot, _) = table.find_entry(hash, is_it).ok()?.remove();
        let (_, known) = entries.remove(slot)?;
        // What a crowd took is given back once it has left.
        if table.len() * 8 < table.capacity() {
            let hash_again = |slot: &u32| {
                entries.get(*slot).map_or(0, |(name, _)| hashes.hash_one(name.as_str()))
            };
            table.shrink_to(table.len() * 2, hash_again);
        }
        Some(known)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &T)> {
        self.entries.iter().map(|(_, (name, known))| (name, known))
    }

    /// Those from slot `from` on, `slots` of them at most, and where to go on. A name keeps its slot
    /// for as long as it is on the roll.
    pub(super) fn look(
        &self,
        from: u32,
        slots: u32,
    ) -> (impl Iterator<Item = (&Name, &T)>, Option<u32>) {
        let end = self.entries.end();
        let until = from.saturating_add(slots).min(end);
        let found = (from..until).filter_map(|slot| self.entries.get(slot));
        (found.map(|(name, known)| (name, known)), (until < end).then_some(until))
    }

    fn hash(&self, name: &str) -> u64 {
        self.hashes.hash_one(name)
    }

    fn find(&self, name: &str) -> Option<u32> {
        let hash = self.hash(name);
        let is_it =
            |slot: &u32| self.entries.get(*slot).is_some_and(|(own, _)| own.as_str() == name);
        self.tables[table(hash)].find(hash, is_it).copied()
    }
}

/// By bits that the tables themselves do not use: they look at the lowest and the highest ones.
fn table(hash: u64) -> usize {
    (hash >> 32) as usize % TABLES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn name(number: u32) -> Name {
        Name::new(format!("8600000{number:08}").as_bytes()).unwrap()
    }

    #[test]
    fn what_a_crowd_took_is_given_back() {
        let mut roll = Roll::default();
        for number in 0..20_000 {
            roll.insert(name(number), number);
        }
        for number in 1..20_000 {
            assert_eq!(roll.remove(name(number).as_str()), Some(number));
        }
        let room: usize = roll.tables.iter().map(HashTable::capacity).sum();
        assert!(room < 4 * TABLES, "{room}");
        assert_eq!((roll.len(), roll.get(name(0).as_str())), (1, Some(&0)));
    }

    proptest! {
        #[test]
        fn it_says_what_a_map_says(
            steps in prop::collection::vec((0_u8..3, 0_u32..300), 1..2000),
        ) {
            let (mut roll, mut model) = (Roll::default(), BTreeMap::new());
            for (at, (step, number)) in steps.into_iter().enumerate() {
                let name = name(number);
                match step {
                    0 if !model.contains_key(&name) => {
                        roll.insert(name.clone(), at);
                        model.insert(name, at);
                    }
                    0 => {
                        *roll.get_mut(name.as_str()).unwrap() = at;
                        model.insert(name, at);
                    }
                    1 => prop_assert_eq!(roll.remove(name.as_str()), model.remove(&name)),
                    _ => prop_assert_eq!(roll.get(name.as_str()), model.get(&name)),
                }
                prop_assert_eq!(roll.len(), model.len());
            }
            let listed: BTreeMap<_, _> = roll.iter().map(|(name, at)| (name.clone(), *at)).collect();
            prop_assert_eq!(listed, model);
        }
    }
}
