//! A JSON object a line for programs: `time`, `level`, `module`, `msg`, then the record's keys.

use std::fmt::Write as _;

use super::{
    Entry, Value,
    text::{is_harmless, is_plain},
};

/// Writes `entry` as one line. Whatever could steer a terminal is escaped, also where JSON would
/// allow it, since people look at such files too.
pub(super) fn write(line: &mut String, entry: &Entry) {
    let _ = write!(line, "{{\"time\":\"{}\",\"level\":\"{}\"", entry.time, entry.level.as_str());
    line.push_str(",\"module\":");
    string(line, &entry.module);
    line.push_str(",\"msg\":");
    string(line, &entry.message);
    for (key, value) in &entry.fields {
        line.push(',');
        string(line, key);
        line.push(':');
        match value {
            Value::Text(text) => string(line, text),
            Value::Number(text) => line.push_str(text),
            Value::Bool(yes) => line.push_str(if *yes { "true" } else { "false" }),
        }
    }
    line.push_str("}\n");
}

fn string(line: &mut String, text: &str) {
    line.push('"');
    if is_plain(text) {
        line.push_str(text);
        return line.push('"');
    }
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_harmless(c) => line.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{model::UnixMillis, telemetry::Level};

    fn line(message: &str, fields: Vec<(String, Value)>) -> String {
        let mut line = String::new();
        write(
            &mut line,
            &Entry {
                time: UnixMillis(1_763_625_600_120),
                level: Level::Warning,
                module: "link".to_owned(),
                message: message.to_owned(),
                fields,
            },
        );
        line
    }

    #[test]
    fn a_record_is_one_object_a_line_with_its_own_keys_first() {
        let fields = vec![
            ("upstream".to_owned(), Value::Text("web".to_owned())),
            ("failures".to_owned(), Value::Number("5".to_owned())),
            ("clean".to_owned(), Value::Bool(false)),
        ];
        assert_eq!(
            line("link down", fields),
            "{\"time\":\"2025-11-20T08:00:00.120Z\",\"level\":\"warning\",\"module\":\"link\",\
             \"msg\":\"link down\",\"upstream\":\"web\",\"failures\":5,\"clean\":false}\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_a_reader_of_json_and_no_control_character_is_raw(
            message in "(?s).*", value in "(?s).*",
        ) {
            let line = line(&message, vec![("data".to_owned(), Value::Text(value.clone()))]);
            let body = line.strip_suffix('\n').unwrap();
            prop_assert!(!body.contains(char::is_control), "{:?}", body);
            let object: serde_json::Value = serde_json::from_str(body).unwrap();
            prop_assert_eq!(&object["msg"], &message);
            prop_assert_eq!(&object["data"], &value);
        }
    }
}
