//! Stands in for systemd: a socket, and what arrives at it.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::harness::LIMIT;

/// The time after which the watchdog bites, in these tests.
pub const PATIENCE: Duration = Duration::from_secs(2);

pub struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    pub folder: Arc<TempDir>,
}

impl Manager {
    pub fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path, folder }
    }

    /// Starts `program` as a service is.
    pub fn starts(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.arg(format!("NOTIFY_SOCKET={}", self.path.display()));
        command.arg(format!("WATCHDOG_USEC={}", PATIENCE.as_micros())).arg(program);
        command
    }

    /// Whether nobody can tell anything more.
    pub fn is_full(&self) -> bool {
        let another = UnixDatagram::unbound().unwrap();
        another.set_nonblocking(true).unwrap();
        another.send_to(b"STATUS=", &self.path).is_err()
    }

    /// The next message, unless nobody says anything for so long.
    pub fn hears_within(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let mut message = [0; 4096];
        match self.socket.recv(&mut message) {
            Ok(length) => Some(String::from_utf8(message[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for a message that begins like this, and answers all up to it.
    pub fn hears(&self, beginning: &str) -> Vec<String> {
        let begun = Instant::now();
        let mut heard = Vec::new();
        loop {
            let message = self.hears_within(LIMIT);
            assert!(begun.elapsed() < LIMIT, "never heard {beginning}: {heard:?}");
            heard.extend(message);
            if heard.last().is_some_and(|message| message.starts_with(beginning)) {
                return heard;
            }
        }
    }
}
