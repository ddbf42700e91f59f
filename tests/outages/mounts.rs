//! A small file system of the test's own, in a mount namespace of its own, so that a disk can be
//! full. Gone with the value.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Takes whatever room there is, this much at a time.
const BITE: usize = 16 << 10;

pub struct Mount {
    /// Holds the namespace, until its input ends.
    holder: Child,
    path: PathBuf,
}

impl Mount {
    /// So many MiB at `name` in the folder. `None`, with a word, where nothing can be mounted; where
    /// that is promised, it fails.
    pub fn new(folder: &TempDir, name: &str, mib: u32) -> Option<Self> {
        match Self::make(&folder.path().join(name), mib) {
            Ok(made) => Some(made),
            Err(fault) if promised() => panic!("nothing can be mounted: {fault}"),
            Err(fault) => {
                eprintln!("passed over, nothing can be mounted: {fault}");
                None
            }
        }
    }

    fn make(path: &Path, mib: u32) -> io::Result<Self> {
        fs::create_dir(path)?;
        let script = "mount -t tmpfs -o size=$1m,mode=700 tetherd \"$0\" && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .arg(path)
            .arg(mib.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line)?;
        if line != "ready\n" {
            let said = io::read_to_string(holder.stderr.take().unwrap())?;
            holder.wait()?;
            return Err(io::Error::other(said.trim().to_owned()));
        }
        Ok(Self { holder, path: path.to_owned() })
    }

    /// Runs the program in there.
    pub fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()));
        command.arg(env!("CARGO_BIN_EXE_tetherd"));
        command
    }

    /// The file system as it is seen from here.
    pub fn path(&self) -> PathBuf {
        let inside = self.path.strip_prefix("/").unwrap();
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(inside)
    }

    /// Takes all the room that is left, but for these bytes.
    pub fn fill_but(&self, bytes: u64) {
        let path = self.path().join("somebody");
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        // Down to the last byte.
        let mut bite = BITE;
        while bite > 0 {
            match file.write(&[1; BITE][..bite]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => bite /= 2,
                Err(error) => panic!("{error}"),
            }
        }
        file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
    }

    /// Gives it back.
    pub fn free(&self) {
        fs::remove_file(self.path().join("somebody")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // It has nothing left to wait for.
        let _ = self.holder.wait();
    }
}

fn promised() -> bool {
    let needs = std::env::var("TETHERD_TEST_NEEDS").unwrap_or_default();
    needs.split_whitespace().any(|need| need == "mounts")
}
