//! What tells one configuration from another.

use std::{collections::BTreeMap, fmt};

use serde_json::Value as Json;

use super::{Config, Loaded, entries::leaves};

/// A value that is another one now.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its key, such as `listener.dtu.idle_timeout`, or the file of a protocol.
    pub key: String,
    /// What it was; none where there was nothing. Secrets are masked.
    pub before: Option<Json>,
    /// What it is; none where there is nothing any more.
    pub now: Option<Json>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |value: &Option<Json>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
        };
        write!(f, "{}: {} -> {}", self.key, told(&self.before), told(&self.now))
    }
}

/// All that is another in `now` than `before`, in the order of the keys; protocol files that
/// listeners use as well.
pub fn changes(before: &Loaded, now: &Loaded) -> Vec<Change> {
    let (old, new) = (leaves(&before.config), leaves(&now.config));
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = keys.into_iter().filter(|key| {
        let value =
            |all: &BTreeMap<String, (Json, bool)>| all.get(*key).map(|(value, _)| value).cloned();
        value(&old) != value(&new)
    });
    let shown = |all: &BTreeMap<String, (Json, bool)>, key: &String| {
        let (value, is_secret) = all.get(key)?;
        Some(if *is_secret { Json::from("********") } else { value.clone() })
    };
    let mut changes: Vec<Change> = changed
        .map(|key| Change { key: key.clone(), before: shown(&old, key), now: shown(&new, key) })
        .collect();
    changes.extend(protocols(before, now));
    changes
}

/// The protocols whose descriptions are others.
fn protocols<'l>(before: &'l Loaded, now: &'l Loaded) -> impl Iterator<Item = Change> + use<'l> {
    let changed = now.texts.iter().filter(|(name, text)| {
        before.texts.get(*name).is_some_and(|before| before.text != text.text)
    });
    changed.map(|(name, _)| Change {
        key: format!("protocols/{name}.toml"),
        before: Some("read before".into()),
        now: Some("read anew".into()),
    })
}

/// What an upstream keeps until the next start: where its events wait, and who connects to whom.
/// Where it connects to us, the address as well.
const UPSTREAM_STAYS: [&str; 7] =
    ["enabled", "mode", "address", "listener", "start", "when_behind", "max_lag"];

impl Config {
    /// Whether a change of `key` takes hold while the gateway runs.
    pub fn takes_hold(key: &str) -> bool {
        let mut steps = key.split('.');
        match (steps.next(), steps.next(), steps.next()) {
            (Some("listener"), Some(_), Some("address" | "backlog")) => false,
            (Some("listener" | "drain" | "poll"), ..) => true,
            (Some("upstream"), Some(_), Some(key)) => !UPSTREAM_STAYS.contains(&key),
            (Some("log"), Some("level" | "modules"), _) => true,
            (Some(first), ..) => first.starts_with("protocols/"),
            (None, ..) => false,
        }
    }
}
