use clap::Args;
use http_body_util::BodyExt;
use serde_json::Value;

use super::{ApiArgs, ApiFault, devices::write, tap::dumped, url::encoded};
use crate::config::{Options, printable};

pub const EXAMPLES: &str = "\
Examples:
  tetherd tail                          everything that goes on
  tetherd tail 860000000000001          one device
  tetherd tail 860000000000001 --bytes  its bytes, both ways, as they pass
  tetherd tail --session 000660c11393ebd4
  tetherd tail --json | jq -r .event

Ends with Ctrl-C. Exit codes: 0 the session is over, 1 the gateway cannot be asked or has ended, 2 bad \
usage.";

/// Longest line of a stream.
const LONGEST: usize = 1 << 20;

/// `tetherd tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Only what is about the device of this name
    name: Option<String>,

    /// Show the bytes of that device, both ways, as they pass, over all its connections
    ///
    /// Waits for a device that is not there. Needs NAME. Of a device behind the connection of another
    /// all bytes of that connection are shown.
    #[arg(long)]
    bytes: bool,

    /// Show the bytes of one session, which may have no name, until it is over
    #[arg(long, value_name = "ID", conflicts_with = "name")]
    session: Option<String>,

    /// Write a JSON object a line, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: &TailArgs, options: &Options) -> Result<(), ApiFault> {
    let target = target(args)?;
    let client = args.api.client(options)?;
    let mut body = client.get(&target).await?.into_body();
    let mut lines = Lines::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| client.fault(&error.to_string()))?;
        lines.0.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        while let Some(line) = lines.next() {
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let facts: Value = serde_json::from_str(data).unwrap_or_default();
            write(&if args.json { format!("{data}\n") } else { shown(&facts) })?;
            if args.session.is_some() && facts["event"] == "closed" {
                return Ok(());
            }
        }
        if lines.0.len() > LONGEST {
            return Err(client.fault("a line without an end"));
        }
    }
    Err(client.fault("the gateway has ended the stream"))
}

/// What is asked for.
fn target(args: &TailArgs) -> Result<String, ApiFault> {
    match (&args.session, &args.name, args.bytes) {
        (Some(session), ..) => Ok(format!("/api/sessions/{}/tap", encoded(session))),
        (None, Some(name), true) => Ok(format!("/api/devices/{}/tap", encoded(name))),
        (None, Some(name), false) => Ok(format!("/api/events?name={}", encoded(name))),
        (None, None, false) => Ok("/api/events".to_owned()),
        (None, None, true) => {
            let why = "--bytes shows one device; write its name, or --session ID";
            Err(ApiFault::Usage(why.to_owned()))
        }
    }
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

/// A line for people: when, what, and everything else; bytes on lines of their own.
fn shown(facts: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    };
    let begin = |kind: &str| format!("{} {kind:10} ", text(&facts["time"]));
    let kind = text(&facts["event"]);
    if let ("received" | "sent", Some(lines)) = (kind.as_str(), dumped(facts, &begin(&kind))) {
        return lines;
    }
    let rest = facts.as_object().into_iter().flatten();
    let rest = rest.filter(|(key, _)| !["event", "time", "first_bytes"].contains(&key.as_str()));
    let rest: Vec<_> =
        rest.map(|(key, value)| format!("{}={}", printable(key), text(value))).collect();
    let before = dumped(facts, &begin("before")).unwrap_or_default();
    format!("{}{}\n{before}", begin(&kind), rest.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_a_line_without_control_characters() {
        let facts = json!({
            "event": "closed", "time": "2026-11-20T08:00:00.001Z", "name": "me",
            "peer": "\u{1b}[1m", "seconds": 1.5,
        });
        let line = "2026-11-20T08:00:00.001Z closed     name=me peer=\\u{1b}[1m seconds=1.5\n";
        assert_eq!(shown(&facts), line);
    }

    #[test]
    fn bytes_stand_behind_their_time_and_way_and_those_before_behind_what_was_opened() {
        let sent = json!({
            "event": "sent", "time": "2026-11-20T08:00:00.001Z", "session": "5f", "bytes": "AQI=",
        });
        let dump = format!("2026-11-20T08:00:00.001Z sent       {:47}  \\x01\\x02\n", "01 02");
        assert_eq!(shown(&sent), dump);
        let opened =
            json!({ "event": "opened", "time": "now", "peer": "p", "first_bytes": "Cg==" });
        let lines = format!("now opened     peer=p\nnow before     {:47}  \\n\n", "0a");
        assert_eq!(shown(&opened), lines);
    }
}
