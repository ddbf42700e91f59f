use serde_json::Value as Json;
use tetherd::{
    actors::ListenerSettings,
    config::{Config, from_toml},
    link::UpstreamSettings,
};

/// Every key there is, and the tables on the way.
fn keys(place: &str, value: &Json, into: &mut Vec<String>) {
    let Json::Object(table) = value else { return };
    for (name, inner) in table {
        let dot = if place.is_empty() { "" } else { "." };
        let key = format!("{place}{dot}{name}");
        keys(&key, inner, into);
        into.push(key);
    }
}

#[test]
fn any_value_at_any_key_is_taken_or_told_with_its_key() {
    let mut known =
        vec!["listener.dtu".to_owned(), "upstream.web".to_owned(), "log.modules.x".to_owned()];
    keys("", &serde_json::to_value(Config::default()).unwrap(), &mut known);
    keys("listener.dtu", &serde_json::to_value(ListenerSettings::default()).unwrap(), &mut known);
    keys("upstream.web", &serde_json::to_value(UpstreamSettings::default()).unwrap(), &mut known);
    let values = [
        "0",
        "-1",
        "9223372036854775807",
        "1.5",
        "nan",
        "-inf",
        "true",
        "false",
        "''",
        "'x'",
        "'0s'",
        "'0B'",
        "'disk'",
        "'unix:x'",
        "2026-11-20",
        "[]",
        "[1]",
        "[[1], {}]",
        "['a', 'a']",
        "{}",
        "{ x = 1 }",
        "{ '' = {} }",
        "{ enabled = false }",
        "{ enabled = 1 }",
        "{ takeover = 1 }",
        "{ close = {} }",
        "'\\u0000'",
        "'213503982334d'",
        "4294967295",
    ];
    assert!(known.len() > 50);
    for key in &known {
        for value in values {
            let Err(faults) = from_toml(&format!("{key} = {value}\n")) else { continue };
            for fault in faults.0.iter().filter(|fault| !fault.text.starts_with("is missing")) {
                let table = key.rsplit_once('.').map_or("", |(table, _)| table);
                assert!(fault.key.starts_with(table), "{key} = {value}: {fault}");
                assert!(
                    !fault.text.contains("struct ") && !fault.text.contains("variant"),
                    "{fault}"
                );
                assert!(!fault.text.is_empty());
            }
        }
    }
}
