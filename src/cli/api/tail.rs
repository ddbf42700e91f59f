use clap::Args;
use http_body_util::BodyExt;
use serde_json::Value;

use super::{ApiArgs, ApiFault, devices::write, url::encoded};
use crate::config::{Options, printable};

pub const EXAMPLES: &str = "\
Examples:
  tetherd tail                          everything that goes on
  tetherd tail 860000000000001          one device
  tetherd tail --json | jq -r .event

Ends with Ctrl-C. Exit codes: 1 the gateway cannot be asked or has ended, 2 bad usage.";

/// Longest line of a stream.
const LONGEST: usize = 1 << 20;

/// `tetherd tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Only what is about the device of this name
    name: Option<String>,

    /// Write a JSON object a line, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: &TailArgs, options: &Options) -> Result<(), ApiFault> {
    let client = args.api.client(options)?;
    let filter = args.name.as_ref().map(|name| format!("?name={}", encoded(name)));
    let answer = client.get(&format!("/api/events{}", filter.unwrap_or_default())).await?;
    let mut body = answer.into_body();
    let mut lines = Lines::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| client.fault(&error.to_string()))?;
        lines.0.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        while let Some(line) = lines.next() {
            let Some(data) = line.strip_prefix("data: ") else { continue };
            write(&if args.json { format!("{data}\n") } else { shown(data) })?;
        }
        if lines.0.len() > LONGEST {
            return Err(client.fault("a line without an end"));
        }
    }
    Err(client.fault("the gateway has ended the stream"))
}

/// What was read and not yet cut.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn next(&mut self) -> Option<String> {
        let end = memchr::memchr(b'\n', &self.0)?;
        let line: Vec<u8> = self.0.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }
}

/// A line for people: when, what, and everything else.
fn shown(data: &str) -> String {
    let facts: Value = serde_json::from_str(data).unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    };
    let rest = facts.as_object().into_iter().flatten();
    let rest = rest.filter(|(key, _)| !["event", "time"].contains(&key.as_str()));
    let rest: Vec<_> =
        rest.map(|(key, value)| format!("{}={}", printable(key), text(value))).collect();
    format!("{} {:10} {}\n", text(&facts["time"]), text(&facts["event"]), rest.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_without_control_characters() {
        let data = r#"{"event":"closed","time":"2026-11-20T08:00:00.001Z","name":"me","peer":"\u001b[1m","seconds":1.5}"#;
        let line = "2026-11-20T08:00:00.001Z closed     name=me peer=\\u{1b}[1m seconds=1.5\n";
        assert_eq!(shown(data), line);
    }
}
