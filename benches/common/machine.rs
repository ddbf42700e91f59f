//! Where it was measured.

use std::{fs, path::Path, process::Command, thread};

use serde_json::{Value, json};
use tetherd::model::UnixMillis;

/// Facts that numbers are worth nothing without.
pub fn facts(scratch: &Path) -> Value {
    json!({
        "date": UnixMillis::now().to_string(),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "processor": processor(),
        "memory": line_of("/proc/meminfo", "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "file_system": file_system(scratch),
        "load_average": read("/proc/loadavg"),
        "tetherd": env!("CARGO_PKG_VERSION"),
        "rustc": compiler(),
        "rsyslog": told("rsyslogd", "-v"),
        "node": told("node", "--version"),
        "go": told("go", "version"),
    })
}

/// The compiler and its version.
pub fn compiler() -> String {
    told("rustc", "--version")
}

/// The processor, as it calls itself.
pub fn processor() -> String {
    line_of("/proc/cpuinfo", "model name")
}

/// Lets go of what the kernel keeps of files, so that the next read comes from the disk. Only root
/// may; answers whether it was done.
pub fn drop_caches() -> bool {
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn line_of(path: &str, key: &str) -> String {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
}

/// The kind of file system at `path`, and its device.
fn file_system(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_default();
    let mounts = read("/proc/mounts");
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let above = fields.filter(|f| f.len() > 3 && path.starts_with(f[1]));
    let nearest = above.max_by_key(|fields| fields[1].len());
    nearest.map_or_else(String::new, |f| format!("{} on {} ({})", f[2], f[0], f[3]))
}

fn told(program: &str, question: &str) -> String {
    let output = Command::new(program).arg(question).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| Some(text.lines().next()?.to_owned())).unwrap_or_default()
}
