use std::{collections::BTreeSet, fmt};

use slab::Slab;

/// Places in one page.
const PAGE: usize = 256;

/// Values in numbered slots. A slot that was left is used again.
///
/// A slab in pages: growing moves nothing and stops nobody, however many there are, and takes no
/// more than a page ahead. Low slots are taken first, so that a crowd that has left leaves empty
/// pages behind, which are given back.
pub struct Slots<T> {
    pages: Vec<Slab<T>>,
    /// Pages with free slots.
    roomy: BTreeSet<u32>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), roomy: BTreeSet::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    /// How many slots are taken.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no slot is taken.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The slot behind the last one that may be taken.
    pub fn end(&self) -> u32 {
        slot(self.pages.len(), 0)
    }

    /// The slot that is taken next.
    pub fn vacant(&self) -> u32 {
        match self.roomy.first() {
            Some(page) => slot(*page as usize, self.pages[*page as usize].vacant_key()),
            None => slot(self.pages.len(), 0),
        }
    }

    /// Takes the slot that [`Slots::vacant`] tells.
    pub fn insert(&mut self, value: T) -> u32 {
        let number = self.roomy.first().map_or(self.pages.len(), |page| *page as usize);
        if number == self.pages.len() {
            self.pages.push(Slab::new());
            self.roomy.insert(number as u32);
        }
        let page = &mut self.pages[number];
        if page.capacity() == 0 {
            *page = Slab::with_capacity(PAGE);
        }
        let key = page.insert(value);
        if page.len() == PAGE {
            self.roomy.remove(&(number as u32));
        }
        self.len += 1;
        slot(number, key)
    }

    /// The value in `slot`; `None` where nobody has taken it.
    pub fn get(&self, slot: u32) -> Option<&T> {
        let (page, key) = place(slot);
        self.pages.get(page)?.get(key)
    }

    /// The value in `slot`; `None` where nobody has taken it.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (page, key) = place(slot);
        self.pages.get_mut(page)?.get_mut(key)
    }

    /// Leaves `slot`; `None` where nobody has taken it.
    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let (number, key) = place(slot);
        let page = self.pages.get_mut(number)?;
        let value = page.try_remove(key)?;
        if page.is_empty() {
            *page = Slab::new();
        }
        self.roomy.insert(number as u32);
        self.len -= 1;
        Some(value)
    }

    /// All that are taken, by their slots.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().flat_map(|(page, values)| {
            values.iter().map(move |(key, value)| (slot(page, key), value))
        })
    }

    /// All that are taken, by their slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.pages.iter_mut().enumerate().flat_map(|(page, values)| {
            values.iter_mut().map(move |(key, value)| (slot(page, key), value))
        })
    }
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("len", &self.len).finish_non_exhaustive()
    }
}

fn slot(page: usize, key: usize) -> u32 {
    (page * PAGE + key) as u32
}

fn place(slot: u32) -> (usize, usize) {
    (slot as usize / PAGE, slot as usize % PAGE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn low_slots_are_taken_first_and_empty_pages_are_given_back() {
        let mut slots = Slots::default();
        for number in 0..3 * PAGE as u32 {
            assert_eq!((slots.vacant(), slots.insert(number)), (number, number));
        }
        for slot in [700, 20, 300] {
            assert_eq!(slots.remove(slot), Some(slot));
        }
        assert_eq!([slots.insert(1), slots.insert(2), slots.insert(3)], [20, 300, 700]);
        for slot in PAGE as u32..3 * PAGE as u32 {
            slots.remove(slot).unwrap();
        }
        let rooms: Vec<_> = slots.pages.iter().map(Slab::capacity).collect();
        assert_eq!(rooms, [PAGE, 0, 0]);
        assert_eq!((slots.len(), slots.get(20), slots.get(300)), (PAGE, Some(&1), None));
    }

    proptest! {
        #[test]
        fn what_was_put_somewhere_is_found_there_until_it_is_taken_away(
            steps in prop::collection::vec((any::<bool>(), 0_usize..2000), 1..2000),
        ) {
            let (mut slots, mut model) = (Slots::default(), BTreeMap::new());
            for (number, (comes, which)) in steps.into_iter().enumerate() {
                if comes || model.is_empty() {
                    let vacant = slots.vacant();
                    let slot = slots.insert(number);
                    prop_assert_eq!(slot, vacant);
                    prop_assert_eq!(model.insert(slot, number), None);
                } else {
                    let slot = *model.keys().nth(which % model.len()).unwrap();
                    prop_assert_eq!(slots.remove(slot), model.remove(&slot));
                    prop_assert_eq!(slots.remove(slot), None);
                }
            }
            prop_assert_eq!(slots.len(), model.len());
            prop_assert!(slots.iter().map(|(slot, number)| (slot, *number)).eq(model.clone()));
            for (slot, number) in slots.iter_mut() {
                prop_assert_eq!(model.get(&slot), Some(&*number));
            }
        }
    }
}
