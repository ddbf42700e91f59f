//! rsyslog, set up to do the same: lines by TCP, through a queue on disk, to a server by TCP.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Nothing takes longer to start, unless it is broken.
const LIMIT: Duration = Duration::from_secs(30);

/// A running `rsyslogd`. Killed when it is dropped.
pub struct Rsyslog {
    child: Child,
    /// Where devices connect.
    pub address: String,
}

/// Whether the machine has it.
pub fn is_there() -> bool {
    Command::new("rsyslogd").arg("-v").stdout(Stdio::null()).status().is_ok_and(|s| s.success())
}

impl Rsyslog {
    /// Starts it in front of a server, for so many devices at most; its queue is in `folder`.
    pub fn start(folder: &Path, web: &str, devices: u32) -> Result<Self> {
        let (_, port) = web.rsplit_once(':').unwrap_or_default();
        // It takes no port of its own choice: a free one is found for it.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.join("rsyslog.conf");
        fs::write(&config, configuration(folder, address.port(), port, devices))?;
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(&config).arg("-i").arg(folder.join("pid"));
        let child = command.spawn()?;
        let running = Self { child, address: address.to_string() };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > LIMIT {
                bail!("rsyslogd does not start");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A careful user's: the queue survives the process (its place is stored every thousand messages)
/// and nothing is dropped. One queue, right behind the input, since each further one costs more. It
/// is not synced, which would cost it a sync for each write.
fn configuration(folder: &Path, port: u16, web: &str, devices: u32) -> String {
    format!(
        r#"global(workDirectory="{folder}")
module(load="imtcp" maxSessions="{devices}" keepAlive="on")
ruleset(
    name="devices"
    queue.type="Disk"
    queue.filename="devices"
    queue.maxFileSize="64m"
    queue.maxDiskSpace="10g"
    queue.syncQueueFiles="off"
    queue.checkpointInterval="1000"
    queue.saveOnShutdown="on"
    queue.timeoutEnqueue="0"
) {{
    action(type="omfwd" target="127.0.0.1" port="{web}" protocol="tcp"
           action.resumeRetryCount="-1" action.resumeInterval="1")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="devices")
"#,
        folder = folder.display()
    )
}
