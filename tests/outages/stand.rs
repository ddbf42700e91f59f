//! A folder in which the program runs again and again, and a web server that comes and goes.

use std::{
    fmt::Display,
    net::{Shutdown, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use memchr::memmem;
use tempfile::TempDir;
use tetherd::simulator::{Behaviour, Meeting, Report, WebMemory, WebServer, WebSettings};

use crate::{
    LIMIT,
    harness::{Dtu, process::Program, until_within},
    story::Story,
};

/// Nothing waits for devices at a stop, and for the web server as long as it takes.
pub fn configuration(listener: &str, spool: &str, upstreams: &str) -> String {
    configuration_for("60s", listener, spool, upstreams)
}

/// The same with so much time for the web server at a stop.
pub fn configuration_for(flush: &str, listener: &str, spool: &str, upstreams: &str) -> String {
    format!(
        "gateway = 'outages'\n[drain]\nspread = '0s'\nflush = '{flush}'\n\
         [listener.dtu]\n{listener}\n[spool]\n{spool}\n{upstreams}\n"
    )
}

/// A listener at `address` with these further keys.
pub fn listener(address: &str, keys: &str) -> String {
    format!("address = '{address}'\n{keys}")
}

/// An upstream with these further keys.
pub fn upstream(name: &str, address: impl Display, keys: &str) -> String {
    format!(
        "[upstream.{name}]\naddress = '{address}'\nretry = {{ initial = '5ms', max = '20ms' }}\n\
         {keys}\n"
    )
}

/// An address at which nobody listens until the test does: on a loopback address that nothing else
/// uses, no other test of this process either, so that nobody takes the port meanwhile.
pub fn nobodys_address() -> String {
    static SERIAL: AtomicU8 = AtomicU8::new(0);
    let second = 9 + SERIAL.fetch_add(1, Ordering::Relaxed) % 240;
    let [low, high] = (std::process::id() as u16).to_le_bytes();
    let socket = TcpListener::bind(format!("127.{second}.{high}.{}:0", low.max(1))).unwrap();
    // A process that another test is just starting holds a copy of it for a moment.
    socket2::SockRef::from(&socket).shutdown(Shutdown::Both).unwrap();
    socket.local_addr().unwrap().to_string()
}

/// A folder for the program.
pub fn folder() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

/// The folder of its spool, where nothing else is configured.
pub fn spool_in(folder: &TempDir) -> PathBuf {
    folder.path().join("data/spool")
}

/// Its segments with their paths, the oldest first.
pub fn segments(spool: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(spool).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = paths.filter(|path| is_segment(path)).collect();
    segments.sort();
    segments
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "segment")
}

/// Whether these bytes are in one of the newest segments.
pub fn is_stored(spool: &Path, bytes: &[u8]) -> bool {
    let newest = segments(spool).into_iter().rev().take(3);
    newest
        .filter_map(|path| std::fs::read(path).ok())
        .any(|all| memmem::find(&all, bytes).is_some())
}

/// A web server at one address that can be away, and remembers what it has.
pub struct Web {
    pub address: String,
    memory: Arc<WebMemory>,
    server: Option<WebServer>,
}

impl Web {
    /// One that is away at first, and keeps so many lines.
    pub fn away(keep_lines: usize) -> Self {
        let settings = WebSettings { keep_lines, hash: true, ..WebSettings::default() };
        let memory = Arc::new(WebMemory::new(settings));
        Self { address: nobodys_address(), memory, server: None }
    }

    /// One that is there.
    pub async fn here(keep_lines: usize) -> Self {
        let mut web = Self::away(keep_lines);
        web.come([Behaviour::default()]).await;
        web
    }

    /// Is there from now on, and behaves like this: the first link gets the first behaviour, and
    /// the last one stays.
    pub async fn come(&mut self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.go().await;
        let meeting = Meeting::Listen(self.address.parse().unwrap());
        let server = WebServer::resume(meeting, Arc::clone(&self.memory), behaviours).await;
        self.server = Some(server.unwrap());
    }

    /// Is away from now on.
    pub async fn go(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Waits until it has seen this.
    pub async fn sees(&self, what: &str, reached: impl FnMut(&Report) -> bool) {
        let server = self.server.as_ref().expect("it is there");
        let missed = server.wait_until(LIMIT, reached).await;
        missed.unwrap_or_else(|missed| panic!("{what}: {missed}"));
    }

    /// Whether a link is up.
    pub fn is_linked(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.look(|report| report.connected) > 0)
    }

    /// Sends a line on the link, if there is one.
    pub fn say(&self, line: &str) {
        self.server.as_ref().expect("it is there").send(line);
    }

    /// The lines that came since this was asked before.
    pub fn take_lines(&self) -> impl Iterator<Item = String> {
        self.memory.take_lines().into_iter()
    }

    /// Reads on in the story, until it has this.
    pub async fn tells(&self, story: &mut Story, what: &str, mut has: impl FnMut(&Story) -> bool) {
        until_within(LIMIT, what, || {
            self.take_lines().for_each(|line| story.take(line));
            has(story)
        })
        .await;
    }

    /// What it has seen.
    pub fn report(&self) -> Report {
        self.memory.look(Report::clone)
    }
}

/// A device that the program knows by this name.
pub async fn online(program: &Program, address: &str, name: &str) -> Dtu {
    program.enters("running").await;
    let mut device = Dtu::connect(address).await;
    device.write(format!("ETUNG:{name}\r\n").as_bytes()).await;
    program.says("device online", |record| record["name"] == name).await;
    device
}

/// Stops the program in order; it must end well.
pub async fn stop(mut program: Program) {
    program.signal(rustix::process::Signal::TERM);
    let ended = program.ends_within(LIMIT).await;
    assert_eq!(ended.code, Some(0), "{}", program.lines().join("\n"));
}
