use std::collections::BTreeMap;

use serde_json::Value as Json;
use tetherd::{
    actors::{ListenerSettings, OneOrMany, Unregistered},
    config::{Config, DEFAULT, Options, load},
    limits::Duplicate,
    link::{Encoding, Format, Mode, UpstreamSettings},
    spool::{Settings, SpoolType},
    units::Span,
};

use super::alone;

#[test]
fn the_teaching_file_sets_exactly_the_built_in_values() {
    let loaded = load(&alone()).unwrap();
    let dtu =
        ListenerSettings { address: "0.0.0.0:7000".to_owned(), ..ListenerSettings::default() };
    let web =
        UpstreamSettings { address: "127.0.0.1:7100".to_owned(), ..UpstreamSettings::default() };
    let expected = Config {
        listener: BTreeMap::from([("dtu".to_owned(), dtu)]),
        upstream: BTreeMap::from([("web".to_owned(), web)]),
        // There is no folder that the spool's path could be relative to.
        spool: Settings { kind: SpoolType::Memory, ..Settings::default() },
        ..Config::default()
    };
    assert_eq!(loaded.config, expected);
}

#[test]
fn the_teaching_file_explains_every_key() {
    fn keys(value: &Json, into: &mut Vec<String>) {
        let Json::Object(table) = value else { return };
        for (key, inner) in table {
            into.push(key.clone());
            keys(inner, into);
        }
    }
    let mut known = Vec::new();
    keys(&serde_json::to_value(Config::default()).unwrap(), &mut known);
    keys(&serde_json::to_value(ListenerSettings::default()).unwrap(), &mut known);
    keys(&serde_json::to_value(UpstreamSettings::default()).unwrap(), &mut known);
    for key in known {
        let written = DEFAULT.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ']);
            line.starts_with(&format!("{key} ="))
                || line.starts_with(&format!("[{key}"))
                || line.contains(&format!("{{ {key} ="))
                || line.contains(&format!(", {key} ="))
        });
        assert!(written, "{key} is not explained in config/default.toml");
    }
}

#[test]
fn the_classic_profile_takes_the_place_of_the_node_script() {
    let loaded = load(&Options { profile: Some("classic".to_owned()), ..alone() }).unwrap();
    assert_eq!(loaded.warnings, []);
    let dtu = &loaded.config.listener["dtu"];
    assert_eq!(dtu.protocol, OneOrMany::One("etung_classic".to_owned()));
    assert_eq!((dtu.unregistered, dtu.duplicate), (Unregistered::Forward, Duplicate::Allow));
    assert!(dtu.forward_registration);
    assert_eq!(dtu.keepalive.detection().as_secs(), 20);
    assert_eq!((dtu.idle_timeout, dtu.registration_timeout), (Span::default(), Span::default()));
    let web = &loaded.config.upstream["web"];
    assert_eq!(
        (web.mode, web.format, web.encoding, web.ack),
        (Mode::Accept, Format::Node, Encoding::Buffer, false)
    );
    assert_eq!((web.listener.as_deref(), web.from.len()), (Some("dtu"), 1));
    assert!(loaded.runnable().is_ok());
}
