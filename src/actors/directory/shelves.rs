use std::hash::{BuildHasher, RandomState};

use hashbrown::{HashTable, hash_table::Entry};

use crate::model::Name;

/// So many shelves: of a million names some four thousand stand on each.
const SHELVES: usize = 256;

/// Values by name. Names stand on many shelves, each of which grows by itself: a single map of a
/// million names is moved as a whole when it grows, and its thread stands still for a tenth of a
/// second meanwhile.
#[derive(Debug)]
pub(super) struct Shelves<T> {
    shelves: Vec<HashTable<(Name, T)>>,
    /// With random keys, so that devices cannot choose names that collide.
    hashing: RandomState,
    count: usize,
}

impl<T> Default for Shelves<T> {
    fn default() -> Self {
        let shelves = (0..SHELVES).map(|_| HashTable::new()).collect();
        Self { shelves, hashing: RandomState::new(), count: 0 }
    }
}

impl<T> Shelves<T> {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        let hash = self.hashing.hash_one(name);
        let held = self.shelves[shelf(hash)].find(hash, |(held, _)| held.as_str() == name);
        held.map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let hash = self.hashing.hash_one(name);
        let held = self.shelves[shelf(hash)].find_mut(hash, |(held, _)| held.as_str() == name);
        held.map(|(_, value)| value)
    }

    /// The value of `name`, or else the one that `make` makes.
    pub fn get_or_insert_with(&mut self, name: &Name, make: impl FnOnce() -> T) -> &mut T {
        let Self { shelves, hashing, count } = self;
        let hash = hashing.hash_one(name.as_str());
        let rehash = |(name, _): &(Name, T)| hashing.hash_one(name.as_str());
        let held = match shelves[shelf(hash)].entry(hash, |(held, _)| held == name, rehash) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(free) => {
                *count += 1;
                free.insert((name.clone(), make())).into_mut()
            }
        };
        &mut held.1
    }

    pub fn remove(&mut self, name: &str) {
        let hash = self.hashing.hash_one(name);
        let is_it = |(held, _): &(Name, T)| held.as_str() == name;
        if let Ok(held) = self.shelves[shelf(hash)].find_entry(hash, is_it) {
            held.remove();
            self.count -= 1;
        }
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &T)> {
        self.shelves.iter().flatten().map(|(name, value)| (name, value))
    }
}

/// The shelf of a name with this hash. A shelf itself looks at the highest and the lowest bits.
fn shelf(hash: u64) -> usize {
    (hash >> 40) as usize % SHELVES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Name {
        Name::new(format!("pump-{number}").as_bytes()).unwrap()
    }

    #[test]
    fn names_are_spread_evenly() {
        let mut shelves = Shelves::default();
        for number in 0..51_200 {
            shelves.get_or_insert_with(&name(number), || ());
        }
        let counts: Vec<_> = shelves.shelves.iter().map(HashTable::len).collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(least > Some(&100) && most < Some(&300), "{least:?} to {most:?} of 200");
    }

    #[test]
    fn a_name_is_counted_once_and_found_until_it_is_removed() {
        let mut shelves = Shelves::default();
        for number in (0..1000).chain(0..1000) {
            *shelves.get_or_insert_with(&name(number), || 0) += 1;
        }
        assert_eq!((shelves.len(), shelves.get("pump-7")), (1000, Some(&2)));
        (0..500).for_each(|number| shelves.remove(name(number).as_str()));
        shelves.remove("pump-0");
        assert_eq!((shelves.len(), shelves.get("pump-7")), (500, None));
        assert!(shelves.get_mut("pump-999").is_some());
        let mut left: Vec<_> = shelves.iter().map(|(name, _)| name.clone()).collect();
        left.sort();
        let mut expected: Vec<_> = (500..1000).map(name).collect();
        expected.sort();
        assert_eq!(left, expected);
    }
}
