use std::io::{ErrorKind, Write, stdout};

use clap::Args;
use serde_json::Value;

use super::{ApiArgs, ApiFault, url::encoded};
use crate::config::{Options, printable};

pub const EXAMPLES: &str = "\
Examples:
  tetherd devices
  tetherd devices --search 8600 --listener dtu
  tetherd devices --json | jq -r .name
  tetherd devices --api http://10.0.0.5:7080 --token-file ops.token

Exit codes: 0 listed, 1 the gateway cannot be asked, 2 bad usage.";

/// `tetherd devices`
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Only names that contain this, whatever its case
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Only devices of this listener
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,

    /// Write a JSON object a line, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    api: ApiArgs,
}

const HEADINGS: [&str; 7] = ["NAME", "STATE", "LISTENER", "PEER", "CONNECTED", "RECEIVED", "SENT"];

pub(super) async fn run(args: &DevicesArgs, options: &Options) -> Result<(), ApiFault> {
    let client = args.api.client(options)?;
    let filter = |key: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("&{key}={}", encoded(value))).unwrap_or_default()
    };
    let filters = filter("search", &args.search) + &filter("listener", &args.listener);
    let (mut after, mut widths, mut is_first) = (String::new(), HEADINGS.map(str::len), true);
    loop {
        let target = format!("/api/devices?limit=1000&after={}{filters}", encoded(&after));
        let page = client.json(&target).await?;
        let devices = page["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = match args.json {
            true => devices.iter().map(|device| format!("{device}\n")).collect(),
            false => table(devices, &mut widths, std::mem::take(&mut is_first)),
        };
        write(&text)?;
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return Ok(()),
        }
    }
}

/// Rows for people. Columns only ever get wider from one page to the next.
fn table(devices: &[Value], widths: &mut [usize; 7], with_headings: bool) -> String {
    let rows: Vec<[String; 7]> = devices.iter().map(row).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings = with_headings.then(|| HEADINGS.map(str::to_owned));
    headings.iter().chain(&rows).map(|row| line(row, widths)).collect()
}

fn row(device: &Value) -> [String; 7] {
    let text = |key: &str| printable(device[key].as_str().unwrap_or_default());
    let mark = if device["flagged"] == true { " !" } else { "" };
    [
        text("name") + mark,
        text("state"),
        text("listener"),
        text("peer"),
        duration(device["connected_seconds"].as_f64().unwrap_or_default() as u64),
        device["received_bytes"].to_string(),
        device["sent_bytes"].to_string(),
    ]
}

fn line(row: &[String; 7], widths: &[usize; 7]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
}

/// The two greatest units.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{}s", seconds % 60),
        3600..86_400 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// Writes to standard output.
pub(super) fn write(text: &str) -> Result<(), ApiFault> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => ApiFault::Closed,
        _ => ApiFault::Failed(format!("standard output: {error}; give it somewhere to write")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_stand_below_their_headings_and_nothing_reaches_the_terminal_unescaped() {
        let device = json!({
            "name": "860000000000001", "state": "online", "listener": "dtu", "flagged": true,
            "peer": "a\u{1b}[31m", "connected_seconds": 3725.5, "received_bytes": 9, "sent_bytes": 0,
        });
        let shown = table(&[device], &mut HEADINGS.map(str::len), true);
        assert_eq!(
            shown,
            "NAME               STATE   LISTENER  PEER         CONNECTED  RECEIVED  SENT\n\
             860000000000001 !  online  dtu       a\\u{1b}[31m  1h2m       9         0\n"
        );
    }
}
