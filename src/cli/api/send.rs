use clap::Args;
use data_encoding::{BASE64, HEXLOWER};
use hyper::Method;
use serde_json::{Value, json};
use tokio::signal::ctrl_c;

use super::{ApiArgs, ApiFault, client::Client, devices::write, url::encoded};
use crate::{
    config::{Options, printable},
    model::{Name, UnixMillis},
    protocol::Request,
    simulator::{escape, unescape},
    units::Span,
};

pub const EXAMPLES: &str = r#"Examples:
  Ask a Modbus meter behind a DTU, and show what it answers:
      tetherd send 860000000000001 "01 03 00 00 00 02 {crc16-modbus}" --answer
  Text, and the line that comes back with a version in it:
      tetherd send 860000000000001 --text 'AT+VER?\r\n' --match 'VER=.*' --timeout 20s
  For a device that is away; it is sent within an hour or never:
      tetherd send 860000000000001 a50001 --ttl 1h --no-wait
  Take back what still waits:
      tetherd send --cancel api-5f0c1f2e3d4c5b6a

Exit codes: 0 the device has it (or has answered), 1 it has not or the gateway cannot be asked, 2 bad usage."#;

/// Longest part of an answer that is shown as text.
const MOST_SHOWN: usize = 4096;

/// `tetherd send`
#[derive(Debug, Args)]
pub struct SendArgs {
    /// The device, which need not be there
    #[arg(required_unless_present = "cancel")]
    name: Option<String>,

    /// What it gets, in hexadecimal; {crc16-modbus} and other checksums cover all before them
    #[arg(required_unless_present = "cancel")]
    bytes: Option<String>,

    /// BYTES is text; it may hold \r, \n, \t, \0, \\ and \x41
    #[arg(long)]
    text: bool,

    /// Wait for the device's next frame, or piece of data
    #[arg(long)]
    answer: bool,

    /// Wait for the next one that fits this regular expression
    #[arg(long = "match", value_name = "REGEX", conflicts_with = "answer")]
    pattern: Option<String>,

    /// The answer may take so long [default: 5s]
    #[arg(long, value_name = "SPAN")]
    timeout: Option<Span>,

    /// It is not sent later than that [default: 60s]
    #[arg(long, value_name = "SPAN")]
    ttl: Option<Span>,

    /// Takes the place of one of the same key that still waits
    #[arg(long)]
    key: Option<String>,

    /// May be sent again where nobody knows whether the device has got it
    #[arg(long)]
    repeat: bool,

    /// Its id; without it one is made up
    #[arg(long)]
    id: Option<String>,

    /// End as soon as it is kept, and do not wait for what becomes of it
    #[arg(long)]
    no_wait: bool,

    /// Cancel the command with this id, if it still waits
    #[arg(long, value_name = "ID", conflicts_with_all = ["name", "bytes"])]
    cancel: Option<String>,

    /// Write each state as a JSON object, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: &SendArgs, options: &Options) -> Result<(), ApiFault> {
    let client = args.api.client(options)?;
    if let Some(id) = &args.cancel {
        let target = format!("/api/commands/{}", encoded(id));
        let told = client.change(Method::DELETE, &target, None).await?;
        write(&args.line(&told))?;
        return match told["state"] == "cancelled" {
            true => Ok(()),
            false => Err(ApiFault::Failed("it cannot be taken back any more".to_owned())),
        };
    }
    let name = args.name.as_deref().unwrap_or_default();
    let target = format!("/api/devices/{}/commands", encoded(name));
    let told = client.change(Method::POST, &target, Some(&args.command(name)?)).await?;
    write(&args.line(&told))?;
    if args.no_wait {
        return Ok(());
    }
    let id = told["id"].as_str().unwrap_or_default().to_owned();
    tokio::select! {
        ended = args.follow(&client, told) => ended,
        _ = ctrl_c() => Err(ApiFault::Failed(format!(
            "the command goes on; take it back with: tetherd send --cancel {}", printable(&id)
        ))),
    }
}

impl SendArgs {
    /// As a web server would write it.
    fn command(&self, name: &str) -> Result<Value, ApiFault> {
        let mut command = json!({ "data": BASE64.encode(&self.data(name)?) });
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                command[key] = value;
            }
        };
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let span = |value: Option<Span>| value.map(|span| span.to_string().into());
        put("command", text(&self.id));
        put("key", text(&self.key));
        put("ttl", span(self.ttl));
        put("timeout", span(self.timeout));
        put("repeat", self.repeat.then_some(true.into()));
        put("answer", self.answer.then(|| "frame".into()));
        put("answer", self.pattern.as_ref().map(|pattern| json!({ "match": pattern })));
        Ok(command)
    }

    fn data(&self, name: &str) -> Result<Vec<u8>, ApiFault> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        if self.text {
            let text =
                unescape(bytes).map_err(|fault| ApiFault::Usage(format!("BYTES: {fault}")))?;
            return Ok(text.to_vec());
        }
        let wrong = |why: String| ApiFault::Usage(format!("BYTES: {why}; --text takes text"));
        let request = Request::parse(bytes).map_err(wrong)?;
        let name = Name::new(name.as_bytes())
            .map_err(|fault| ApiFault::Usage(format!("{}: {fault}", printable(name))))?;
        let mut data = Vec::new();
        match request.write(&name, UnixMillis::now(), &mut data) {
            true => Ok(data),
            false => Err(wrong("they cannot be filled in for this device".to_owned())),
        }
    }

    /// Shows each state until the end.
    async fn follow(&self, client: &Client, mut told: Value) -> Result<(), ApiFault> {
        let target = format!("/api/commands/{}", encoded(told["id"].as_str().unwrap_or_default()));
        while told["ended"] != true {
            let state = told["state"].as_str().unwrap_or_default();
            let next = client.json(&format!("{target}?wait=20s&state={state}")).await?;
            if (&next["state"], &next["attempt"]) != (&told["state"], &told["attempt"]) {
                write(&self.line(&next))?;
            }
            told = next;
        }
        let state = told["state"].as_str().unwrap_or_default();
        match state {
            "answered" | "acknowledged" => Ok(()),
            _ => Err(ApiFault::Failed(format!("{}: {}", printable(state), why(&told)))),
        }
    }

    fn line(&self, told: &Value) -> String {
        if self.json {
            return format!("{told}\n");
        }
        let text = |key: &str| printable(told[key].as_str().unwrap_or_default());
        let mut line = format!("{}  {:12}  {}", text("time"), text("state"), text("id"));
        if let Some(data) = told["data"].as_str() {
            let data = BASE64.decode(data.as_bytes()).unwrap_or_default();
            line += &format!("  {}  {}", HEXLOWER.encode(&data), escape(&data, MOST_SHOWN));
        }
        if told["reason"].is_string() {
            line += &format!("  {}", text("reason"));
        }
        format!("{}\n", line.trim_end())
    }
}

/// Why a command came to nothing, in words.
fn why(told: &Value) -> &'static str {
    match (told["state"].as_str(), told["reason"].as_str()) {
        (_, Some("no_answer")) => "the device has it, and did not answer in time",
        (_, Some("uncertain")) => {
            "the connection ended, and nobody knows whether the device has it"
        }
        (_, Some("refused")) => "this connection of the device cannot send it",
        (Some("expired"), _) => "the device was not there in time; it was not sent",
        (Some("superseded"), _) => "a newer one with the same key took its place; it was not sent",
        _ => "it was not sent",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SendArgs,
    }

    fn command(words: &[&str]) -> Result<Value, String> {
        let line = Line::try_parse_from([&["send"], words].concat()).map_err(|e| e.to_string())?;
        let name = line.args.name.clone().unwrap_or_default();
        line.args.command(&name).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_said_becomes_a_command() {
        let crc = command(&["me", "01 03 00 00 00 02 {crc16-modbus}", "--answer"]).unwrap();
        assert_eq!(crc, json!({ "data": "AQMAAAACxAs=", "answer": "frame" }));
        let words = ["me", "--text", r"AT\r\n", "--match", "OK", "--timeout", "2s", "--ttl", "1h"];
        let text = command(&words).unwrap();
        assert_eq!(
            text,
            json!({ "data": "QVQNCg==", "answer": { "match": "OK" }, "timeout": "2s", "ttl": "1h" })
        );
        let all = command(&["me", "00", "--id", "c-1", "--key", "relay", "--repeat"]).unwrap();
        assert_eq!(
            all,
            json!({ "data": "AA==", "command": "c-1", "key": "relay", "repeat": true })
        );
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        for (words, said) in [
            (vec!["me", "0x01"], "is no hexadecimal digit"),
            (vec!["me", "010"], "digit"),
            (vec!["me", ""], "is empty"),
            (vec!["me", "01 {nothing}"], "BYTES: "),
            (vec!["me", r"\q", "--text"], "BYTES: "),
            (vec!["", "01"], ": "),
            (vec!["me"], "required"),
        ] {
            let fault = command(&words).unwrap_err();
            assert!(fault.contains(said), "{words:?}: {fault}");
        }
    }

    #[test]
    fn an_answer_is_shown_as_hexadecimal_and_as_text_without_control_characters() {
        let line = Line::try_parse_from(["send", "me", "00"]).unwrap();
        let told = json!({
            "id": "c-1", "state": "answered", "time": "2026-11-20T08:00:00.001Z", "data": "G09L",
        });
        assert_eq!(
            line.args.line(&told),
            "2026-11-20T08:00:00.001Z  answered      c-1  1b4f4b  \\x1bOK\n"
        );
    }
}
