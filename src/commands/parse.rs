//! A command as the web server writes it: a JSON object.

use std::{fmt::Write, sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde_json::{Map, Value};

use super::command::{Answer, Command, pattern};
use crate::{model::Name, units::Span};

/// Why a line is no command: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineFault(String);

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Send this.
    Command(Box<Command>),
    /// Do not send the one with this id.
    Cancel(Arc<str>),
}

const KEYS: [&str; 9] =
    ["command", "imei", "data", "encoding", "ttl", "answer", "timeout", "key", "repeat"];

/// Reads a line with the key `command` or `cancel`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(line: &str) -> Result<Request, LineFault> {
    let object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|_| fault("this is not a JSON object; write a command as one"))?;
    if object.contains_key("cancel") {
        known(&object, &["cancel"])?;
        return id(&object, "cancel").map(Request::Cancel);
    }
    known(&object, &KEYS)?;
    command(&object).map(|command| Request::Command(Box::new(command)))
}

fn command(object: &Map<String, Value>) -> Result<Command, LineFault> {
    let named = text(object, "imei")?.ok_or_else(|| missing("imei", "the name of the device"))?;
    Ok(Command {
        id: id(object, "command")?,
        name: Name::new(named.as_bytes()).map_err(|why| {
            fault(format!("\"imei\": {why}; write the name that the device says"))
        })?,
        data: data(object)?,
        ttl: span(object, "ttl", Command::USUAL_TTL, Command::LONGEST_TTL)?,
        answer: answer(object)?,
        timeout: span(object, "timeout", Command::USUAL_TIMEOUT, Command::LONGEST_TIMEOUT)?,
        key: match text(object, "key")? {
            None => None,
            Some(key) if key.is_empty() || key.len() > Command::LONGEST_KEY => {
                let most = Command::LONGEST_KEY;
                return Err(fault(format!("\"key\" has {} bytes; write 1 to {most}", key.len())));
            }
            Some(key) => Some(key.into()),
        },
        repeat: match object.get("repeat") {
            None => false,
            Some(Value::Bool(repeat)) => *repeat,
            Some(_) => return Err(fault("\"repeat\" must be true or false, without quotes")),
        },
    })
}

fn known(object: &Map<String, Value>, keys: &[&str]) -> Result<(), LineFault> {
    let Some(unknown) = object.keys().find(|key| !keys.contains(&key.as_str())) else {
        return Ok(());
    };
    let mut list = String::new();
    for key in keys {
        let comma = if list.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(list, "{comma}\"{key}\"");
    }
    Err(fault(format!("unknown key {unknown:?}; the keys here are {list}")))
}

fn id(object: &Map<String, Value>, key: &str) -> Result<Arc<str>, LineFault> {
    let id = text(object, key)?.unwrap_or_default();
    if id.is_empty() || id.len() > Command::LONGEST_ID || id.chars().any(char::is_control) {
        let most = Command::LONGEST_ID;
        return Err(fault(format!(
            "\"{key}\" must be an id of 1 to {most} bytes without control characters"
        )));
    }
    Ok(id.into())
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, LineFault> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(fault(format!("\"{key}\" must be a text in quotes"))),
    }
}

fn data(object: &Map<String, Value>) -> Result<Bytes, LineFault> {
    let written = text(object, "data")?.ok_or_else(|| missing("data", "the bytes to send"))?;
    let encoding = text(object, "encoding")?.unwrap_or("base64");
    let data = match encoding {
        "base64" => BASE64.decode(written.as_bytes()),
        "hex" => HEXLOWER_PERMISSIVE.decode(written.as_bytes()),
        "text" => Ok(written.as_bytes().to_vec()),
        other => {
            return Err(fault(format!(
                "\"encoding\" is {other:?}; write \"base64\", \"hex\" or \"text\""
            )));
        }
    };
    let data = data.map_err(|why| {
        fault(format!("\"data\" is no {encoding} ({why}); write the bytes as \"encoding\" says"))
    })?;
    let (length, most) = (data.len(), Command::MOST_DATA);
    if data.is_empty() || length > most {
        return Err(fault(format!("\"data\" has {length} bytes; send 1 to {most}")));
    }
    Ok(data.into())
}

fn answer(object: &Map<String, Value>) -> Result<Answer, LineFault> {
    let expected = "\"answer\" must be \"frame\" or {\"match\":\"<regex>\"}; without it none is \
                    waited for";
    match object.get("answer") {
        None => Ok(Answer::Nothing),
        Some(Value::String(word)) if word == "frame" => Ok(Answer::Frame),
        Some(Value::Object(rule)) if rule.len() == 1 => {
            let Some(Value::String(text)) = rule.get("match") else { return Err(fault(expected)) };
            if text.is_empty() || text.len() > Command::LONGEST_PATTERN {
                let most = Command::LONGEST_PATTERN;
                return Err(fault(format!("\"match\" must have 1 to {most} bytes")));
            }
            let wrong = |why| fault(format!("\"match\" is no byte regex: {why}"));
            pattern(text).map_err(wrong)?;
            Ok(Answer::Match(text.as_str().into()))
        }
        Some(_) => Err(fault(expected)),
    }
}

fn span(
    object: &Map<String, Value>,
    key: &str,
    usual: Duration,
    longest: Duration,
) -> Result<Duration, LineFault> {
    let Some(text) = text(object, key)? else { return Ok(usual) };
    let span: Span = text.parse().map_err(|why| fault(format!("\"{key}\": {why}")))?;
    if span.get().is_zero() || span.get() > longest {
        let most = Span(longest);
        return Err(fault(format!("\"{key}\" is \"{span}\"; write \"1ms\" to \"{most}\"")));
    }
    Ok(span.get())
}

fn missing(key: &str, what: &str) -> LineFault {
    fault(format!("the key \"{key}\" is missing; add {what}"))
}

fn fault(text: impl Into<String>) -> LineFault {
    LineFault(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_every_key_and_one_with_as_few_as_possible() {
        let line = r#"{"command":"c-1","imei":"860000000000001","data":"AQMAAAAC","encoding":"base64",
            "ttl":"90s","answer":"frame","timeout":"5s","key":"relay-1","repeat":true}"#;
        let whole = Command {
            id: "c-1".into(),
            name: Name::new(b"860000000000001").unwrap(),
            data: Bytes::from_static(&[1, 3, 0, 0, 0, 2]),
            ttl: Duration::from_secs(90),
            answer: Answer::Frame,
            timeout: Duration::from_secs(5),
            key: Some("relay-1".into()),
            repeat: true,
        };
        assert_eq!(parse(line), Ok(Request::Command(Box::new(whole.clone()))));
        let line = r#"{"command":"c-1","imei":"860000000000001","data":"AQMAAAAC"}"#;
        let ttl = Command::USUAL_TTL;
        let few = Command { ttl, answer: Answer::Nothing, key: None, repeat: false, ..whole };
        assert_eq!(parse(line), Ok(Request::Command(Box::new(few))));
        assert_eq!(parse(r#"{"cancel":"c-1"}"#), Ok(Request::Cancel("c-1".into())));
    }

    #[test]
    fn bytes_are_written_in_three_ways() {
        for (encoding, data) in [("base64", "AP8="), ("hex", "00fF"), ("text", "\\u0000\u{ff}")] {
            let line =
                format!(r#"{{"command":"c","imei":"i","data":"{data}","encoding":"{encoding}"}}"#);
            let Ok(Request::Command(command)) = parse(&line) else { panic!("{line}") };
            let expected: &[u8] = if encoding == "text" { b"\0\xc3\xbf" } else { b"\0\xff" };
            assert_eq!(command.data, expected, "{encoding}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key_and_remedy() {
        let base = r#""command":"c","imei":"i","data":"AA==""#;
        let cases = [
            (r#"{"command":"c","imei":"i"}"#.to_owned(), "\"data\" is missing"),
            (r#"{"command":"c","data":"AA=="}"#.to_owned(), "\"imei\" is missing"),
            (r#"{"command":"","imei":"i","data":"AA=="}"#.to_owned(), "an id of 1 to 128"),
            (r#"{"command":7,"imei":"i","data":"AA=="}"#.to_owned(), "text in quotes"),
            (r#"{"command":"c\n","imei":"i","data":"AA=="}"#.to_owned(), "control characters"),
            (r#"{"command":"c","imei":"a b","data":"AA=="}"#.to_owned(), "byte 0x20"),
            (r#"{"command":"c","imei":"unknown","data":"AA=="}"#.to_owned(), "reserved"),
            (r#"{"command":"c","imei":"i","data":"A"}"#.to_owned(), "no base64"),
            (r#"{"command":"c","imei":"i","data":""}"#.to_owned(), "send 1 to 65536"),
            (format!(r#"{{{base},"encoding":"buffer"}}"#), "\"base64\", \"hex\" or \"text\""),
            (format!(r#"{{{base},"ttl":60}}"#), "\"ttl\" must be a text"),
            (format!(r#"{{{base},"ttl":"60"}}"#), "such as \"30s\""),
            (format!(r#"{{{base},"ttl":"0s"}}"#), "\"1ms\" to \"7d\""),
            (format!(r#"{{{base},"ttl":"8d"}}"#), "\"1ms\" to \"7d\""),
            (format!(r#"{{{base},"timeout":"61m"}}"#), "\"1ms\" to \"1h\""),
            (format!(r#"{{{base},"answer":"line"}}"#), "\"frame\" or"),
            (format!(r#"{{{base},"answer":{{"match":"("}}}}"#), "no byte regex: unclosed group"),
            (format!(r#"{{{base},"answer":{{"match":"a","x":1}}}}"#), "\"frame\" or"),
            (format!(r#"{{{base},"repeat":"true"}}"#), "without quotes"),
            (format!(r#"{{{base},"key":""}}"#), "write 1 to 128"),
            (format!(r#"{{{base},"tll":"5s"}}"#), "unknown key \"tll\"; the keys here are"),
            (r#"{"cancel":"c","imei":"i"}"#.to_owned(), "the keys here are \"cancel\""),
        ];
        for (line, why) in cases {
            let fault = parse(&line).unwrap_err().to_string();
            assert!(fault.contains(why), "{line}: {fault}");
        }
    }
}
