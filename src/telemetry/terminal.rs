//! A line for people: time, level, module, what happened, `key=value`.

use std::fmt::Write as _;

use super::{
    Entry, Level, Value,
    text::{is_harmless, is_plain},
};

const PLAIN: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

/// Writes `entry` as one line. Control characters appear only as the colours that are asked for
/// with `colour` and as the line's end.
pub(super) fn write(line: &mut String, entry: &Entry, colour: bool) {
    let paint = |line: &mut String, code: &str| {
        if colour {
            line.push_str(code);
        }
    };
    let Entry { time, level, module, message, fields } = entry;
    paint(line, DIM);
    let _ = write!(line, "{time} ");
    paint(line, PLAIN);
    paint(line, colour_of(*level));
    let _ = write!(line, "{:<5} ", word(*level));
    paint(line, PLAIN);
    paint(line, DIM);
    harmless(line, module);
    paint(line, PLAIN);
    line.push_str(": ");
    harmless(line, message);
    for (key, value) in fields {
        paint(line, DIM);
        line.push(' ');
        harmless(line, key);
        line.push('=');
        paint(line, PLAIN);
        match value {
            Value::Text(text) => quoted_if_needed(line, text),
            Value::Number(text) => line.push_str(text),
            Value::Bool(yes) => line.push_str(if *yes { "yes" } else { "no" }),
        }
    }
    line.push('\n');
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warning => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::Error => "\x1b[31m",
        Level::Warning => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug => "\x1b[36m",
        Level::Trace => DIM,
    }
}

fn harmless(line: &mut String, text: &str) {
    if is_plain(text) {
        return line.push_str(text);
    }
    for c in text.chars() {
        match is_harmless(c) {
            true => line.push(c),
            false => line.extend(c.escape_debug()),
        }
    }
}

/// Quotes keep a value from being read as two, or as a key.
fn quoted_if_needed(line: &mut String, text: &str) {
    let plain = |c: char| is_harmless(c) && !matches!(c, ' ' | '=' | '"' | '\\');
    if !text.is_empty() && (is_plain(text) || text.chars().all(plain)) {
        return line.push_str(text);
    }
    line.push('"');
    for c in text.chars() {
        match c {
            '\'' => line.push(c),
            c => line.extend(c.escape_debug()),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::UnixMillis;

    fn entry(message: &str, fields: &[(&str, Value)]) -> Entry {
        let own = |(key, value): &(&str, Value)| (str::to_owned(key), value.clone());
        Entry {
            time: UnixMillis(1_763_625_600_120),
            level: Level::Info,
            module: "session".to_owned(),
            message: message.to_owned(),
            fields: fields.iter().map(own).collect(),
        }
    }

    fn line(entry: &Entry, colour: bool) -> String {
        let mut line = String::new();
        write(&mut line, entry, colour);
        line
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_record_is_one_line_with_time_level_module_message_and_values() {
        let fields = [
            ("name", text("860000000000001")),
            ("sent", Value::Number("12".to_owned())),
            ("clean", Value::Bool(true)),
            ("error", text("no \"route\" to host")),
            ("empty", text("")),
        ];
        assert_eq!(
            line(&entry("device online", &fields), false),
            "2025-11-20T08:00:00.120Z INFO  session: device online name=860000000000001 sent=12 \
             clean=yes error=\"no \\\"route\\\" to host\" empty=\"\"\n"
        );
    }

    #[test]
    fn control_characters_of_strangers_are_written_as_text() {
        let hostile = entry("a\nb\x1b[2J", &[("data", text("\x1b]0;owned\x07 \u{9b}31m\u{202e}"))]);
        assert_eq!(
            line(&hostile, false),
            "2025-11-20T08:00:00.120Z INFO  session: a\\nb\\u{1b}[2J \
             data=\"\\u{1b}]0;owned\\u{7} \\u{9b}31m\\u{202e}\"\n"
        );
    }

    #[test]
    fn colours_are_the_only_control_characters_that_are_left() {
        let painted = line(&entry("a\x1b[31mb", &[("k", text("\x1b[0m"))]), true);
        let mut bare = painted.clone();
        for code in [PLAIN, DIM, colour_of(Level::Info)] {
            bare = bare.replace(code, "");
        }
        assert_ne!(bare, painted);
        assert!(!bare.trim_end_matches('\n').contains(char::is_control), "{bare:?}");
    }

    proptest! {
        #[test]
        fn no_text_at_all_brings_a_control_character_to_the_terminal(
            message in ".*", value in "(?s).*", module in "(?s).*",
        ) {
            let mut entry = entry(&message, &[("key", text(&value))]);
            entry.module = module;
            let line = line(&entry, false);
            let body = line.strip_suffix('\n').unwrap();
            prop_assert!(!body.contains(char::is_control), "{:?}", body);
        }
    }
}
