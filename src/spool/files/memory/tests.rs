mod power;

use super::*;

/// Enough that chance has shown every outcome that there is.
const SEEDS: std::ops::Range<u64> = 0..200;

fn make(files: &MemoryFiles, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = files.create(name).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

/// A file whose bytes and name are synced.
fn make_durable(files: &MemoryFiles, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = make(files, name, bytes);
    file.sync().unwrap();
    files.sync_names().unwrap();
    file
}

fn names(files: &MemoryFiles) -> String {
    files.names().unwrap().join(" ")
}

#[track_caller]
fn fails<T>(result: io::Result<T>, kind: io::ErrorKind) {
    assert_eq!(result.err().map(|error| error.kind()), Some(kind));
}

#[track_caller]
fn is_off<T>(result: io::Result<T>) {
    assert_eq!(result.err().map(|error| error.to_string()).as_deref(), Some("the machine is off"));
}

#[track_caller]
fn is_eio<T>(result: io::Result<T>) {
    assert_eq!(result.err().and_then(|error| error.raw_os_error()), Some(5));
}

/// Everything that can be asked.
#[track_caller]
fn all_is_off(files: &MemoryFiles, file: &dyn File) {
    is_off(files.names());
    is_off(files.create("new"));
    is_off(files.open("a"));
    is_off(files.rename("a", "b"));
    is_off(files.remove("a"));
    is_off(files.sync_names());
    is_off(file.size());
    is_off(file.read_at(0, &mut [0]));
    is_off(file.write_at(0, b"x"));
    is_off(file.allocate(1));
    is_off(file.truncate(0));
    is_off(file.sync());
}

#[test]
fn a_killed_process_leaves_all_that_it_wrote_and_its_handles_are_dead() {
    let files = MemoryFiles::new();
    let clone = files.clone();
    let file = make(&files, "a", b"bytes");
    let next = files.kill();
    assert_eq!(next.content("a").unwrap(), b"bytes");
    assert_eq!((names(&next), next.steps()), ("a".to_owned(), 0));
    all_is_off(&files, &*file);
    all_is_off(&clone, &*file);
    all_is_off(&files.kill(), &*file);
    next.open("a").unwrap().write_at(0, b"B").unwrap();
    assert_eq!(next.content("a").unwrap(), b"Bytes");
}

#[test]
fn a_halted_machine_has_done_its_steps_and_does_nothing_more() {
    let files = MemoryFiles::new();
    files.halt_after(3);
    let file = make(&files, "a", b"one");
    file.sync().unwrap();
    assert_eq!(files.steps(), 3);
    all_is_off(&files, &*file);
    assert_eq!(files.steps(), 3);
    assert_eq!(files.content("a").unwrap(), b"one");
    let next = files.kill();
    assert_eq!(names(&next), "a");
    make(&next, "b", b"goes on");
}

#[test]
fn every_call_that_could_change_something_is_a_step() {
    let files = MemoryFiles::new();
    let file = files.create("a").unwrap();
    file.write_at(0, b"12345").unwrap();
    file.allocate(10).unwrap();
    file.truncate(7).unwrap();
    file.sync().unwrap();
    files.rename("a", "b").unwrap();
    files.sync_names().unwrap();
    files.remove("b").unwrap();
    assert_eq!(files.sums(), Sums { steps: 8, written: 5, syncs: 1, name_syncs: 1 });
    files.names().unwrap();
    file.size().unwrap();
    file.read_at(0, &mut [0]).unwrap();
    assert_eq!(files.steps(), 8);
    fails(files.remove("b"), io::ErrorKind::NotFound);
    assert_eq!(files.steps(), 9);
}

#[test]
fn work_can_be_cut_at_every_step() {
    let work = |files: &MemoryFiles| -> io::Result<()> {
        let file = files.create("new")?;
        file.write_at(0, b"second")?;
        file.sync()?;
        files.rename("new", "a")?;
        files.sync_names()
    };
    let start = MemoryFiles::new();
    make_durable(&start, "a", b"first");
    let whole = start.copy().kill();
    work(&whole).unwrap();
    assert_eq!(whole.steps(), 5);
    for (step, seed) in (0..5).flat_map(|step| SEEDS.map(move |seed| (step, seed))) {
        let files = start.copy().kill();
        files.halt_after(step);
        is_off(work(&files));
        let left = files.cut_power(seed).content("a").unwrap();
        assert!(left == b"first" || (step == 4 && left == b"second"), "{step} {seed} {left:?}");
    }
    assert_eq!(whole.cut_power(0).content("a").unwrap(), b"second");
}

#[test]
fn a_copy_goes_its_own_way() {
    let files = MemoryFiles::new();
    let file = make(&files, "a", b"one");
    let copy = files.copy();
    file.write_at(0, b"two").unwrap();
    assert_eq!(copy.content("a").unwrap(), b"one");
    let lost = |seed| copy.copy().cut_power(seed).names().unwrap().is_empty();
    assert!(SEEDS.into_iter().any(lost), "what was not synced is not synced in a copy");
}

#[test]
fn a_kill_within_a_write_leaves_its_first_pages() {
    let start = MemoryFiles::new();
    make(&start, "a", &[1; 100]);
    let mut seen = std::collections::BTreeSet::new();
    for seed in SEEDS {
        let files = start.copy();
        let file = files.open("a").unwrap();
        files.halt_after(files.steps());
        is_off(file.write_at(100, &[2; 10_000]));
        is_off(file.write_at(0, &[3; 10_000]));
        let left = files.kill_within(seed).content("a").unwrap();
        assert_eq!(left[..100], [1; 100], "the second was never begun");
        assert!(left[100..].iter().all(|byte| *byte == 2));
        seen.insert(left.len());
    }
    assert_eq!(Vec::from_iter(seen), [100, 4096, 8192]);
}

#[test]
fn a_kill_within_another_call_leaves_no_write_behind() {
    let files = MemoryFiles::new();
    let file = make(&files, "a", b"");
    files.halt_after(files.steps());
    is_off(file.sync());
    is_off(file.write_at(0, &[2; 10_000]));
    assert_eq!(files.kill_within(1).content("a").unwrap(), b"");
}

#[test]
fn a_full_disk_takes_what_there_is_room_for() {
    let files = MemoryFiles::new();
    files.set_capacity(Some(10));
    let file = make(&files, "a", b"0123456");
    fails(file.write_at(7, b"abcdef"), io::ErrorKind::StorageFull);
    assert_eq!(files.content("a").unwrap(), b"0123456abc");
    fails(files.create("b"), io::ErrorKind::StorageFull);
    file.write_at(0, b"overwrite!").unwrap();
    file.truncate(6).unwrap();
    fails(file.allocate(11), io::ErrorKind::StorageFull);
    assert_eq!(file.size().unwrap(), 10);
    files.set_capacity(Some(20));
    file.allocate(11).unwrap();
    let next = files.kill();
    fails(next.open("a").unwrap().allocate(21), io::ErrorKind::StorageFull);
    next.set_capacity(None);
    next.open("a").unwrap().allocate(1000).unwrap();
}

#[test]
fn allocated_room_can_be_written_when_the_disk_is_full() {
    let files = MemoryFiles::new();
    files.set_capacity(Some(100));
    let file = files.create("a").unwrap();
    file.allocate(60).unwrap();
    let other = files.create("b").unwrap();
    fails(other.write_at(0, &[1; 50]), io::ErrorKind::StorageFull);
    file.write_at(0, &[1; 60]).unwrap();
    fails(file.write_at(60, &[1]), io::ErrorKind::StorageFull);
    files.set_capacity(Some(5));
    file.write_at(0, &[2; 60]).unwrap();
}

#[test]
fn a_removed_file_gives_its_room_back_when_it_is_closed() {
    let files = MemoryFiles::new();
    files.set_capacity(Some(10));
    let file = make(&files, "a", &[1; 10]);
    let again = files.open("a").unwrap();
    files.remove("a").unwrap();
    drop(file);
    fails(files.create("b"), io::ErrorKind::StorageFull);
    drop(again);
    make(&files, "b", &[1; 10]);
}

#[test]
fn a_failed_write_leaves_some_beginning_and_the_next_succeeds() {
    let files = MemoryFiles::new();
    let mut lengths = std::collections::BTreeSet::new();
    for round in 0..20 {
        let file = files.create(&round.to_string()).unwrap();
        files.fail_writes(1);
        is_eio(file.write_at(0, &[7; 50]));
        let left = files.content(&round.to_string()).unwrap();
        assert!(left.len() < 50 && left.iter().all(|byte| *byte == 7));
        lengths.insert(left.len());
        file.write_at(0, &[8; 50]).unwrap();
    }
    assert!(lengths.len() > 5, "{lengths:?}");
}

#[test]
fn failures_meet_the_operation_and_the_names_that_they_were_ordered_for() {
    let files = MemoryFiles::new();
    let (a, b) = (make(&files, "a", b"a"), make(&files, "b", b"b"));
    files.fail_reads(2);
    is_eio(a.read_at(0, &mut [0]));
    is_eio(b.read_at(0, &mut [0]));
    a.read_at(0, &mut [0]).unwrap();

    files.fail(Operation::Sync, 1, |name| name == "b");
    a.sync().unwrap();
    is_eio(b.sync());
    b.sync().unwrap();

    files.fail(Operation::Allocate, 1, |_| true);
    is_eio(a.allocate(9));
    files.fail(Operation::Truncate, 1, |_| true);
    is_eio(a.truncate(0));
    files.fail(Operation::Rename, 1, |name| name == "a");
    is_eio(files.rename("a", "c"));
    files.fail(Operation::Remove, 1, |_| true);
    is_eio(files.remove("a"));
    files.fail(Operation::Open, 1, |_| true);
    is_eio(files.open("a"));
    files.fail(Operation::Create, 1, |name| name.starts_with('n'));
    is_eio(files.create("new"));
    assert_eq!((names(&files), files.content("a").unwrap()), ("a b".to_owned(), b"a".to_vec()));

    files.fail_reads(u64::MAX);
    is_eio(a.read_at(0, &mut [0]));
    files.heal();
    a.read_at(0, &mut [0]).unwrap();
}

#[test]
fn damage_is_seen_by_those_who_have_the_file_open_and_outlasts_the_power() {
    let files = MemoryFiles::new();
    let file = make_durable(&files, "a", b"abc");
    files.flip("a", 1, 0b11).unwrap();
    let mut bytes = [0; 3];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"aac");
    files.cut("a", 2).unwrap();
    files.put("b", b"put".to_vec());
    assert_eq!(file.size().unwrap(), 2);
    fails(files.flip("a", 2, 1), io::ErrorKind::InvalidInput);
    fails(files.flip("none", 0, 1), io::ErrorKind::NotFound);
    for seed in SEEDS {
        let left = files.copy().cut_power(seed);
        assert_eq!(left.content("a").unwrap(), b"aa");
        assert_eq!(left.content("b").unwrap(), b"put");
    }
}
