use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::fs::{PermissionsExt, symlink},
    process::{self, Child, Command, Stdio},
};

use tempfile::TempDir;

use super::*;

/// Tells the test binary, run as a second process, which folder to hold.
const FOLDER: &str = "TETHERD_TEST_FOLDER";

fn folder() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("spool");
    (temp, path)
}

fn held_by(path: &Path) -> Option<u32> {
    match SystemFiles::claim(path) {
        Err(ClaimFault::Held { folder, pid }) if folder == path => pid,
        other => panic!("{other:?}"),
    }
}

/// Another process that holds the folder.
fn hold(path: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["spool::files::system::tests::hold_a_folder", "--exact", "--ignored"])
        .args(["--nocapture", "--test-threads=1"])
        .env(FOLDER, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_held = lines.map_while(Result::ok).any(|line| line.ends_with("held"));
    assert!(is_held, "the second process did not get the folder");
    child
}

#[test]
#[ignore = "run as a second process by the tests below"]
fn hold_a_folder() {
    let Some(path) = env::var_os(FOLDER) else { return };
    let _files = SystemFiles::claim(Path::new(&path)).unwrap();
    println!("\nheld");
    io::stdout().flush().unwrap();
    io::stdin().lines().for_each(drop);
}

#[test]
fn a_missing_folder_is_made_with_its_parents_for_the_owner_only() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("data/of/spool");
    let files = SystemFiles::claim(&path).unwrap();
    for made in [path.as_path(), path.parent().unwrap()] {
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    }
    files.create("a").unwrap();
    assert_eq!(fs::metadata(path.join("a")).unwrap().permissions().mode() & 0o077, 0);
    assert_eq!(files.names().unwrap(), ["a"], "the lock is no file of the folder's");
}

#[test]
fn a_folder_is_claimed_once_even_within_a_process() {
    let (_temp, path) = folder();
    assert_eq!(SystemFiles::holder(&path).unwrap(), None);
    let files = SystemFiles::claim(&path).unwrap();
    let own = Some(process::id());
    assert_eq!(held_by(&path), own);
    assert_eq!(SystemFiles::holder(&path).unwrap(), Some(Holder { pid: own }));
    drop(files);
    assert_eq!(SystemFiles::holder(&path).unwrap(), None);
    SystemFiles::claim(&path).unwrap();
}

#[test]
fn a_folder_stays_held_while_one_of_its_files_is_open() {
    let (_temp, path) = folder();
    let file = SystemFiles::claim(&path).unwrap().create("a").unwrap();
    assert_eq!(held_by(&path), Some(process::id()));
    drop(file);
    SystemFiles::claim(&path).unwrap();
}

#[test]
fn another_process_is_named_and_its_death_frees_the_folder() {
    let (_temp, path) = folder();
    let mut other = hold(&path);
    let pid = other.id();
    assert_eq!(held_by(&path), Some(pid));
    assert_eq!(SystemFiles::holder(&path).unwrap(), Some(Holder { pid: Some(pid) }));
    let text = SystemFiles::claim(&path).unwrap_err().to_string();
    assert!(text.contains(&format!("process {pid}")), "{text}");
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(SystemFiles::holder(&path).unwrap(), None);
    SystemFiles::claim(&path).unwrap();
}

#[test]
fn a_look_reads_beside_the_holder_and_changes_nothing() {
    let (_temp, path) = folder();
    assert_eq!(SystemFiles::look(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    let files = SystemFiles::claim(&path).unwrap();
    files.create("a").unwrap().write_at(0, b"bytes").unwrap();

    let look = SystemFiles::look(&path).unwrap();
    assert_eq!(look.names().unwrap(), ["a"]);
    let file = look.open("a").unwrap();
    let mut bytes = [0; 5];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), 5);
    assert_eq!(&bytes, b"bytes");

    let refused = [
        look.create("b").map(drop),
        look.rename("a", "b"),
        look.remove("a"),
        look.sync_names(),
        file.write_at(0, b"x"),
        file.allocate(9),
        file.truncate(0),
        file.sync(),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
    }
    assert_eq!(fs::read(path.join("a")).unwrap(), b"bytes");
}

#[test]
fn what_is_no_plain_file_is_passed_over_and_links_are_not_followed() {
    let (temp, path) = folder();
    let files = SystemFiles::claim(&path).unwrap();
    let outside = temp.path().join("outside");
    fs::write(&outside, "not ours").unwrap();
    symlink(&outside, path.join("link")).unwrap();
    fs::create_dir(path.join("lost+found")).unwrap();
    assert!(files.names().unwrap().is_empty());
    assert!(files.open("link").is_err());
    assert!(files.create("link").is_err());
    assert!(SystemFiles::look(&path).unwrap().open("link").is_err());
    assert_eq!(fs::read(&outside).unwrap(), b"not ours");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let (temp, path) = folder();
    fs::create_dir(&path).unwrap();
    let outside = temp.path().join("outside");
    fs::write(&outside, "not ours").unwrap();
    symlink(&outside, path.join(LOCK)).unwrap();
    let fault = SystemFiles::claim(&path).unwrap_err();
    assert!(matches!(fault, ClaimFault::Io { what: "open", .. }), "{fault}");
    assert_eq!(fs::read(&outside).unwrap(), b"not ours");
}

#[test]
fn the_folder_itself_may_be_a_link() {
    let (temp, path) = folder();
    let target = temp.path().join("private");
    fs::create_dir(&target).unwrap();
    symlink(&target, &path).unwrap();
    let files = SystemFiles::claim(&path).unwrap();
    files.create("a").unwrap();
    assert!(target.join("a").exists());
    assert_eq!(held_by(&target), Some(process::id()));
}

#[test]
fn a_place_that_cannot_be_a_folder_is_told_with_its_path() {
    let (_temp, path) = folder();
    fs::write(&path, "a file").unwrap();
    let fault = SystemFiles::claim(&path.join("below")).unwrap_err();
    let text = fault.to_string();
    assert!(matches!(fault, ClaimFault::Io { .. }), "{text}");
    assert!(text.contains("make the folder") && text.contains("below"), "{text}");
}

#[test]
fn allocated_room_is_taken_and_zeros_stand_in_where_it_cannot_be() {
    use std::os::unix::fs::MetadataExt;
    let (_temp, path) = folder();
    let files = SystemFiles::claim(&path).unwrap();
    let size = 3 * ZEROS as u64 / 2;

    let file = files.create("allocated").unwrap();
    file.allocate(size).unwrap();
    let file = fs::metadata(path.join("allocated")).unwrap();
    assert!(file.len() == size && file.blocks() * 512 >= size);

    let written = fs::File::create_new(path.join("written")).unwrap();
    written.write_all_at(b"01234", 0).unwrap();
    let written = SystemFile { file: written, folder: files.folder.clone() };
    written.write_zeros(size).unwrap();
    written.write_zeros(2).unwrap();
    let bytes = fs::read(path.join("written")).unwrap();
    assert_eq!((bytes.len() as u64, &bytes[..6]), (size, &b"01234\0"[..]));
    assert!(bytes[5..].iter().all(|byte| *byte == 0));
}
