//! Turns the merged layers into the settings, and finds everything that does not fit.

use std::collections::HashMap;

use ::config::Value;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    Config,
    fault::Fault,
    key::{Key, Step},
    shape::{self, Disabled},
    tree,
    wording::{explain, nearest},
};
use crate::{actors::ListenerSettings, admin::TokenSettings, link::UpstreamSettings, units::Span};

/// Reads `origins`, the merged layers. What does not fit becomes a fault, and its default holds.
pub(super) fn read(origins: &mut Value, faults: &mut Vec<Fault>) -> Config {
    let mut root = tree::to_json(origins);
    let disabled = shape::check(&mut root, origins, faults);
    fill_instances(&mut root);
    let mut removed: HashMap<Key, usize> = HashMap::new();
    loop {
        let (key, message) = match attempt(&root) {
            Ok((mut config, unknown)) => {
                faults.extend(unknown.iter().map(|key| unknown_key(key, origins)));
                take_out(&mut config, origins, disabled);
                return config;
            }
            Err(failure) => failure,
        };
        let Some(value) = tree::at(&root, &key).cloned().filter(|_| !key.0.is_empty()) else {
            faults.push(Fault::error(tree::BUILT_IN, key.to_string(), message));
            return Config::default();
        };
        // A word belongs here. As text it is refused with the list of the words.
        if message.ends_with("expected string or map")
            && !value.is_string()
            && replace(&mut root, &key, Json::from(value.to_string()))
        {
            continue;
        }
        let at = as_written(&key, &removed);
        let shown_value = as_json(origins, &at).unwrap_or(value);
        let origin = tree::nearest_origin(origins, &at);
        faults.push(Fault::error(origin, at.to_string(), explain(&message, &at, &shown_value)));
        *removed.entry(key.parent()).or_default() += 1;
        tree::remove(&mut root, &key);
    }
}

/// Puts the built-in values under every listener and upstream: a table within one, such as
/// `keepalive`, has other defaults here than there.
fn fill_instances(root: &mut Json) {
    let defaults = [
        ("listener", serde_json::to_value(ListenerSettings::default())),
        ("upstream", serde_json::to_value(UpstreamSettings::default())),
    ];
    for (kind, default) in defaults {
        let Some(Json::Object(instances)) = root.get_mut(kind) else { continue };
        let Ok(default) = default else { continue };
        for (_, instance) in instances.iter_mut() {
            underlay(instance, &default);
        }
    }
}

fn underlay(above: &mut Json, below: &Json) {
    let (Json::Object(above), Json::Object(below)) = (above, below) else { return };
    for (name, value) in below {
        match above.get_mut(name) {
            Some(known) => underlay(known, value),
            None => {
                above.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The settings and the keys nobody asked for, or else the first value that does not fit.
fn attempt(root: &Json) -> Result<(Config, Vec<Key>), (Key, String)> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let json = serde_path_to_error::Deserializer::new(root, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(Key::from(&path));
    match Config::deserialize(serde_ignored::Deserializer::new(json, &mut note)) {
        Ok(config) => Ok((config, unknown)),
        Err(error) => Err((Key::from(&track.path()), error.to_string())),
    }
}

/// The key as the layer has it: items of a list that were taken out before are counted again.
fn as_written(key: &Key, removed: &HashMap<Key, usize>) -> Key {
    let mut written = key.clone();
    if let Some(Step::Index(index)) = written.0.last_mut() {
        *index += removed.get(&key.parent()).copied().unwrap_or_default();
    }
    written
}

fn as_json(origins: &Value, key: &Key) -> Option<Json> {
    tree::at(&tree::to_json(origins), key).cloned()
}

/// Puts `value` in the place of what stands at `key`, if that is in a table.
fn replace(root: &mut Json, key: &Key, value: Json) -> bool {
    let Some(Step::Name(name)) = key.0.last() else { return false };
    if tree::remove(root, key).is_none() {
        return false;
    }
    let way = &key.0[..key.0.len() - 1];
    let table = way.iter().try_fold(root, |value, step| match step {
        Step::Name(name) => value.get_mut(name),
        Step::Index(index) => value.get_mut(index),
    });
    match table {
        Some(Json::Object(table)) => table.insert(name.clone(), value).is_none(),
        _ => false,
    }
}

/// What `enabled = false` means for tables that are there once.
fn take_out(config: &mut Config, origins: &mut Value, disabled: Disabled) {
    for (key, origin) in disabled {
        let names: Vec<&str> = key
            .0
            .iter()
            .filter_map(|step| match step {
                Step::Name(name) => Some(name.as_str()),
                Step::Index(_) => None,
            })
            .collect();
        match names[..] {
            ["listener", name, "keepalive"] => {
                config.listener.entry(name.to_owned()).or_default().keepalive.idle =
                    Span::default();
                tree::mark(origins, &key.child("idle"), &origin);
            }
            ["upstream", name, "keepalive"] => {
                config.upstream.entry(name.to_owned()).or_default().keepalive.idle =
                    Span::default();
                tree::mark(origins, &key.child("idle"), &origin);
            }
            ["upstream", name, "retry"] => {
                config.upstream.entry(name.to_owned()).or_default().retry = Default::default();
                tree::forget(origins, &key);
            }
            ["drain"] => {
                config.drain.spread = Span::default();
                tree::mark(origins, &key.child("spread"), &origin);
            }
            ["spool"] => {
                config.spool = Default::default();
                tree::forget(origins, &key);
            }
            ["health"] => {
                config.health = Default::default();
                tree::forget(origins, &key);
            }
            ["log"] => {
                config.log = Default::default();
                tree::forget(origins, &key);
            }
            _ => {}
        }
    }
}

fn unknown_key(key: &Key, origins: &Value) -> Fault {
    let origin = tree::nearest_origin(origins, key);
    Fault::error(origin, key.to_string(), unknown_text(key))
}

fn unknown_text(key: &Key) -> String {
    let known = known_keys();
    let place = generic(&key.parent());
    let here: Vec<&str> =
        known.iter().filter(|(table, _)| *table == place).map(|(_, name)| name.as_str()).collect();
    if let Some(name) = nearest(key.last(), here.iter().copied()) {
        return format!("unknown key; did you mean {name:?}?");
    }
    if let Some((table, _)) = known.iter().find(|(_, name)| name == key.last()) {
        let table = table.replace('*', "<name>");
        return match table.is_empty() {
            true => "unknown key here; it belongs above the first table".to_owned(),
            false => format!("unknown key here; it belongs in [{table}]"),
        };
    }
    if here.is_empty() {
        return "unknown key; remove it".to_owned();
    }
    format!("unknown key; the keys here are {}", here.join(", "))
}

/// A table with `*` for the name of a listener or an upstream.
fn generic(table: &Key) -> String {
    let mut table = table.clone();
    if let [Step::Name(kind), Step::Name(name), ..] = &mut table.0[..]
        && matches!(kind.as_str(), "listener" | "upstream")
    {
        "*".clone_into(name);
    }
    if let [Step::Name(admin), Step::Name(tokens), Step::Name(name), ..] = &mut table.0[..]
        && (admin.as_str(), tokens.as_str()) == ("admin", "tokens")
    {
        "*".clone_into(name);
    }
    table.to_string().replace("\"*\"", "*")
}

/// Every key there is, each with its table; `*` stands for a name.
pub(super) fn known_keys() -> Vec<(String, String)> {
    let mut config = Config::default();
    config.listener.insert("*".to_owned(), ListenerSettings::default());
    config.upstream.insert("*".to_owned(), UpstreamSettings::default());
    config.admin.tokens.insert("*".to_owned(), TokenSettings::default());
    let mut known = Vec::new();
    if let Ok(Json::Object(root)) = serde_json::to_value(&config) {
        collect_keys("", &root, &mut known);
    }
    known
}

fn collect_keys(
    place: &str,
    table: &serde_json::Map<String, Json>,
    known: &mut Vec<(String, String)>,
) {
    for (name, value) in table {
        if name != "*" {
            known.push((place.to_owned(), name.clone()));
        }
        if let Json::Object(inner) = value {
            let dot = if place.is_empty() { "" } else { "." };
            collect_keys(&format!("{place}{dot}{name}"), inner, known);
        }
    }
}
