//! What a loss of power takes, and what it may not.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What one file holds after each of many losses of power; None where it is gone.
fn outcomes(files: &MemoryFiles, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    SEEDS.map(|seed| files.copy().cut_power(seed).content(name).ok()).collect()
}

fn all_names(files: &MemoryFiles) -> BTreeSet<String> {
    SEEDS.map(|seed| names(&files.copy().cut_power(seed))).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn what_was_synced_with_its_name_is_always_there() {
    let files = MemoryFiles::new();
    make_durable(&files, "a", &[7; 2000]);
    assert_eq!(outcomes(&files, "a"), [Some(vec![7; 2000])].into());
}

#[test]
fn the_same_seed_leaves_the_same_and_the_handles_are_dead() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", &[1; 5000]);
    file.write_at(0, &[2; 5000]).unwrap();
    let left = |seed| files.copy().cut_power(seed).content("a").unwrap();
    assert!(SEEDS.into_iter().all(|seed| left(seed) == left(seed)));
    let next = files.cut_power(5);
    all_is_off(&files, &*file);
    let first = next.content("a").unwrap();
    assert_eq!(next.cut_power(6).content("a").unwrap(), first, "what is left is on the disk");
}

#[test]
fn an_unsynced_write_is_kept_lost_or_torn_between_sectors() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", &[1; 2048]);
    file.write_at(100, &[2; 1100]).unwrap();
    let piece = |from: usize, to: usize, left: &[u8]| {
        let piece = &left[from..to];
        assert!(piece.iter().all(|byte| *byte == piece[0]), "torn within a sector");
        piece[0] == 2
    };
    let seen: BTreeSet<_> = outcomes(&files, "a")
        .into_iter()
        .map(|left| {
            let left = left.unwrap();
            assert!(!piece(0, 100, &left) && !piece(1200, 2048, &left));
            [piece(100, 512, &left), piece(512, 1024, &left), piece(1024, 1200, &left)]
        })
        .collect();
    assert_eq!(seen.len(), 8, "any of the three sectors, alone and together: {seen:?}");
}

#[test]
fn later_writes_may_be_kept_where_earlier_ones_are_lost() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", &[1; 1024]);
    file.write_at(0, &[2; 512]).unwrap();
    file.write_at(512, &[2; 512]).unwrap();
    assert!(outcomes(&files, "a").contains(&Some([[1; 512], [2; 512]].concat())));
}

#[test]
fn an_unsynced_file_ends_anywhere_and_what_never_came_is_zeros() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", &[1; 100]);
    file.write_at(100, &[2; 1000]).unwrap();
    file.allocate(3000).unwrap();
    let left: Vec<_> = outcomes(&files, "a").into_iter().map(Option::unwrap).collect();
    let sizes: BTreeSet<_> = left.iter().map(Vec::len).collect();
    assert_eq!(Vec::from_iter(sizes), [100, 512, 1024, 1100, 1536, 2048, 2560, 3000]);
    for left in left {
        assert_eq!(left[..100], [1; 100]);
        assert!(left[100..].iter().all(|byte| [0, 2].contains(byte)));
        assert!(left.iter().skip(1100).all(|byte| *byte == 0));
    }
}

#[test]
fn an_unsynced_cut_is_done_or_not() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", b"0123456789");
    file.truncate(4).unwrap();
    file.allocate(6).unwrap();
    let texts = ["0123456789", "0123", "0123\0\0"];
    assert_eq!(outcomes(&files, "a"), texts.map(|text| Some(text.as_bytes().to_vec())).into());
}

#[test]
fn a_name_that_was_not_synced_may_be_gone_with_all_that_was_synced() {
    let files = MemoryFiles::new();
    make(&files, "a", b"bytes").sync().unwrap();
    assert_eq!(outcomes(&files, "a"), [None, Some(b"bytes".to_vec())].into());
}

#[test]
fn a_removed_file_may_come_back_until_the_names_are_synced() {
    let files = MemoryFiles::new();
    drop(make_durable(&files, "a", b"bytes"));
    files.remove("a").unwrap();
    assert_eq!(outcomes(&files, "a"), [None, Some(b"bytes".to_vec())].into());
    files.sync_names().unwrap();
    assert_eq!(outcomes(&files, "a"), [None].into());
}

#[test]
fn a_rename_is_done_or_undone_and_never_half() {
    let files = MemoryFiles::new();
    make_durable(&files, "a", b"old");
    make_durable(&files, "b", b"new");
    files.rename("b", "a").unwrap();
    assert_eq!(outcomes(&files, "a"), [b"old", b"new"].map(|bytes| Some(bytes.to_vec())).into());
    assert_eq!(all_names(&files), set(["a", "a b"]));
    for seed in SEEDS {
        let left = files.copy().cut_power(seed);
        let is_undone = left.content("b").is_ok();
        assert_eq!(left.content("a").unwrap(), if is_undone { b"old" } else { b"new" });
    }
    files.sync_names().unwrap();
    assert_eq!(all_names(&files), set(["a"]));
}

#[test]
fn names_are_lost_in_any_order_except_that_of_one_name() {
    let files = MemoryFiles::new();
    make(&files, "a", b"");
    make(&files, "b", b"");
    files.rename("b", "c").unwrap();
    assert_eq!(all_names(&files), set(["", "a", "a b", "a c", "b", "c"]));
}

#[test]
fn what_waited_for_a_failed_sync_is_seen_but_no_later_sync_saves_it() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", &[1; 512]);
    file.write_at(0, &[2; 512]).unwrap();
    files.fail_syncs(1);
    is_eio(file.sync());
    file.sync().unwrap();
    assert_eq!(files.content("a").unwrap(), [2; 512]);
    assert_eq!(outcomes(&files, "a"), [Some(vec![1; 512]), Some(vec![2; 512])].into());
    assert_eq!(files.kill().content("a").unwrap(), [2; 512]);
}

#[test]
fn what_is_written_again_after_a_failed_sync_is_saved_by_the_next() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", b"");
    file.write_at(0, &[2; 1024]).unwrap();
    files.fail_syncs(1);
    is_eio(file.sync());
    file.write_at(256, &[3; 256]).unwrap();
    file.sync().unwrap();
    for left in outcomes(&files, "a") {
        let left = left.unwrap();
        assert_eq!(left[256..512], [3; 256]);
        assert!(left[..256].iter().all(|byte| [0, 2].contains(byte)));
    }
    file.write_at(0, &[4; 1024]).unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&files, "a"), [Some(vec![4; 1024])].into());
}

#[test]
fn what_a_failed_sync_left_behind_may_change_under_the_reader() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", &[1; 512]);
    file.write_at(0, &[2; 512]).unwrap();
    files.fail_syncs(1);
    is_eio(file.sync());
    file.write_at(512, &[3; 10]).unwrap();
    let seen: BTreeSet<_> = SEEDS
        .map(|seed| {
            let copy = files.copy();
            copy.evict(seed);
            let content = copy.content("a").unwrap();
            assert_eq!(content[512..], [3; 10], "dirty pages are not forgotten");
            content[0]
        })
        .collect();
    assert_eq!(seen, [1, 2].into());
}

#[test]
fn a_failed_sync_of_names_is_not_mended_by_the_next() {
    let files = MemoryFiles::new();
    make(&files, "a", b"");
    files.fail(Operation::SyncNames, 1, |_| true);
    is_eio(files.sync_names());
    make(&files, "b", b"");
    files.sync_names().unwrap();
    assert_eq!(all_names(&files), set(["a b", "b"]));
    files.rename("a", "c").unwrap();
    files.sync_names().unwrap();
    assert_eq!(all_names(&files), set(["b c"]), "what is built on it brings it along");
}

/// Plain bookkeeping of what must survive, byte by byte.
#[derive(Default)]
struct Model {
    visible: Vec<u8>,
    /// What is certainly there, where that is known.
    certain: Vec<Option<u8>>,
    /// Written since the last sync, whether or not that succeeded.
    dirty: BTreeSet<usize>,
    is_resized: bool,
    /// It is at least so long.
    least: usize,
    /// Bytes that ever stood somewhere.
    ever: BTreeSet<(usize, u8)>,
}

impl Model {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.allocate(at + bytes.len());
        for (at, byte) in (at..).zip(bytes) {
            self.visible[at] = *byte;
            self.touch(at);
        }
    }

    fn allocate(&mut self, size: usize) {
        let before = self.visible.len();
        if size > before {
            self.is_resized = true;
            self.visible.resize(size, 0);
            self.certain.resize(size.max(self.certain.len()), None);
            (before..size).for_each(|at| self.touch(at));
        }
    }

    fn truncate(&mut self, size: usize) {
        if size < self.visible.len() {
            self.is_resized = true;
            self.visible.truncate(size);
            self.certain[size..].fill(None);
            self.dirty.retain(|at| *at < size);
            self.least = self.least.min(size);
        }
    }

    fn touch(&mut self, at: usize) {
        self.certain[at] = None;
        self.dirty.insert(at);
        self.ever.insert((at, self.visible[at]));
    }

    fn sync(&mut self, is_good: bool) {
        if is_good {
            let end = self.dirty.last().map_or(0, |last| last + 1);
            self.dirty.iter().for_each(|at| self.certain[*at] = Some(self.visible[*at]));
            self.least = if self.is_resized { self.visible.len() } else { self.least.max(end) };
        }
        self.dirty.clear();
        self.is_resized = false;
    }

    fn check(&self, left: &[u8]) {
        assert!(left.len() >= self.least, "{} of {} bytes", left.len(), self.least);
        for (at, byte) in left.iter().enumerate() {
            assert!(*byte == 0 || self.ever.contains(&(at, *byte)), "{byte} at {at} is invented");
            if let Some(certain) = self.certain.get(at).copied().flatten() {
                assert_eq!(*byte, certain, "at {at}");
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Write(usize, usize),
    Allocate(usize),
    Truncate(usize),
    Sync(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..1500_usize, 1..1200_usize).prop_map(|(at, count)| Act::Write(at, count)),
        1 => (0..3000_usize).prop_map(Act::Allocate),
        1 => (0..2000_usize).prop_map(Act::Truncate),
        2 => prop::bool::weighted(0.7).prop_map(Act::Sync),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_what_was_synced_survives_and_nothing_is_invented(
        acts in prop::collection::vec(act(), 1..20),
        seed: u64,
    ) {
        let files = MemoryFiles::new();
        let file = make_durable(&files, "a", b"");
        let mut model = Model::default();
        for (byte, act) in (1..).zip(acts) {
            match act {
                Act::Write(at, count) => {
                    file.write_at(at as u64, &vec![byte; count]).unwrap();
                    model.write(at, &vec![byte; count]);
                }
                Act::Allocate(size) => {
                    file.allocate(size as u64).unwrap();
                    model.allocate(size);
                }
                Act::Truncate(size) => {
                    file.truncate(size as u64).unwrap();
                    model.truncate(size);
                }
                Act::Sync(is_good) => {
                    files.fail_syncs(u64::from(!is_good));
                    prop_assert_eq!(file.sync().is_ok(), is_good);
                    model.sync(is_good);
                }
            }
            prop_assert_eq!(&files.content("a").unwrap(), &model.visible);
            let left = files.copy().cut_power(seed).content("a").unwrap();
            model.check(&left);
        }
    }
}
