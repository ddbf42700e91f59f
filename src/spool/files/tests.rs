//! What both makes hold to.

use super::*;

fn on_both(test: impl Fn(&dyn Files)) {
    test(&MemoryFiles::new());
    let folder = tempfile::tempdir().unwrap();
    test(&SystemFiles::claim(&folder.path().join("spool")).unwrap());
}

fn names(files: &dyn Files) -> Vec<String> {
    let mut names = files.names().unwrap();
    names.sort();
    names
}

fn make(files: &dyn Files, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = files.create(name).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

fn content(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0xee; file.size().unwrap() as usize];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

#[track_caller]
fn fails<T>(result: io::Result<T>, kind: io::ErrorKind) {
    assert_eq!(result.err().map(|error| error.kind()), Some(kind));
}

#[test]
fn a_new_folder_is_empty_and_then_names_what_was_made() {
    on_both(|files| {
        assert!(names(files).is_empty());
        make(files, "b", b"");
        make(files, "a", b"");
        assert_eq!(names(files), ["a", "b"]);
        files.remove("b").unwrap();
        assert_eq!(names(files), ["a"]);
        files.sync_names().unwrap();
    });
}

#[test]
fn a_file_is_made_once_and_opened_only_where_it_is() {
    on_both(|files| {
        make(files, "a", b"first");
        fails(files.create("a"), io::ErrorKind::AlreadyExists);
        assert_eq!(content(&*files.open("a").unwrap()), b"first");
        fails(files.open("b"), io::ErrorKind::NotFound);
        fails(files.remove("b"), io::ErrorKind::NotFound);
        fails(files.rename("b", "a"), io::ErrorKind::NotFound);
    });
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    on_both(|files| {
        make(files, "a", b"");
        for name in ["", ".", "..", "../a", "a/b", "/a", "a\0", "lock"] {
            fails(files.create(name), io::ErrorKind::InvalidInput);
            fails(files.open(name), io::ErrorKind::InvalidInput);
            fails(files.remove(name), io::ErrorKind::InvalidInput);
            fails(files.rename("a", name), io::ErrorKind::InvalidInput);
            fails(files.rename(name, "a"), io::ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn a_read_is_short_only_at_the_end() {
    on_both(|files| {
        let file = make(files, "a", b"0123456789");
        let mut bytes = [0; 4];
        assert_eq!(file.read_at(2, &mut bytes).unwrap(), 4);
        assert_eq!(&bytes, b"2345");
        assert_eq!(file.read_at(8, &mut bytes).unwrap(), 2);
        assert_eq!(&bytes[..2], b"89");
        assert_eq!(file.read_at(10, &mut bytes).unwrap(), 0);
        assert_eq!(file.read_at(1 << 40, &mut bytes).unwrap(), 0);
        assert_eq!(file.read_at(0, &mut []).unwrap(), 0);
    });
}

#[test]
fn a_write_overwrites_extends_and_leaves_zeros_in_a_gap() {
    on_both(|files| {
        let file = make(files, "a", b"01234");
        file.write_at(3, b"abcd").unwrap();
        assert_eq!(content(&*file), b"012abcd");
        file.write_at(9, b"z").unwrap();
        assert_eq!(content(&*file), b"012abcd\0\0z");
        file.write_at(20, b"").unwrap();
        assert_eq!(file.size().unwrap(), 10);
        file.sync().unwrap();
    });
}

#[test]
fn allocating_adds_zeros_and_never_shortens() {
    on_both(|files| {
        let file = make(files, "a", b"01234");
        file.allocate(8).unwrap();
        assert_eq!(content(&*file), b"01234\0\0\0");
        file.allocate(2).unwrap();
        file.allocate(0).unwrap();
        assert_eq!(file.size().unwrap(), 8);
    });
}

#[test]
fn truncating_shortens_and_what_was_cut_off_does_not_come_back() {
    on_both(|files| {
        let file = make(files, "a", b"0123456789");
        file.truncate(4).unwrap();
        assert_eq!(content(&*file), b"0123");
        file.truncate(100).unwrap();
        assert_eq!(file.size().unwrap(), 4);
        file.allocate(6).unwrap();
        assert_eq!(content(&*file), b"0123\0\0");
    });
}

#[test]
fn renaming_replaces_and_whoever_has_the_old_one_open_goes_on_with_it() {
    on_both(|files| {
        let old = make(files, "a", b"old");
        let new = make(files, "b", b"new");
        files.rename("b", "a").unwrap();
        assert_eq!(names(files), ["a"]);
        assert_eq!(content(&*files.open("a").unwrap()), b"new");
        assert_eq!(content(&*old), b"old");
        new.write_at(0, b"N").unwrap();
        assert_eq!(content(&*files.open("a").unwrap()), b"New");
        files.rename("a", "a").unwrap();
        assert_eq!(names(files), ["a"]);
    });
}

#[test]
fn a_removed_file_serves_those_who_have_it_open() {
    on_both(|files| {
        let file = make(files, "a", b"here");
        files.remove("a").unwrap();
        file.write_at(4, b" still").unwrap();
        assert_eq!(content(&*file), b"here still");
        make(files, "a", b"another");
        assert_eq!(content(&*file), b"here still");
        file.sync().unwrap();
    });
}
