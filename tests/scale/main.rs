//! Many devices at once, and for long. The gateway and the fleet are processes of their own, since
//! neither could have the descriptors of both; the web server is the test's.
//!
//! `TETHERD_TEST_LONG=1` adds churn for minutes (`TETHERD_TEST_MINUTES`, 3 unless told).
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[path = "../harness/mod.rs"]
mod harness;

mod churn;
mod cost;
mod crowd;
mod fleet;
mod gateway;
mod neighbours;
mod process;
mod storm;

use std::{
    io::{self, Write},
    time::Duration,
};

use tetherd::simulator::{Behaviour, WebServer, WebSettings};
use tokio::sync::{Mutex, MutexGuard};

/// Nothing takes longer unless something is broken: fifteen thousand devices on two loaded cores.
const LIMIT: Duration = Duration::from_secs(300);

/// One crowd at a time: two have not the memory and the ports that one has.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// Tells a number that is measured and not judged, in the test's own lines.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A web server that keeps no lines.
async fn web_server() -> WebServer {
    let settings = WebSettings { keep_lines: 0, ..WebSettings::default() };
    harness::web_server(settings, [Behaviour::default()]).await
}
