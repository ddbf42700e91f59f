use std::collections::BTreeMap;

use ::config::Value;
use serde_json::Value as Json;

use super::{
    Config,
    key::{Key, Step},
    tree,
};

/// One value as it holds, and the layer that set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The table that it stands in; empty at the top.
    pub table: String,
    /// Its key within that table, such as `address` or `keepalive.idle`.
    pub key: String,
    /// The value, or `********` for a secret.
    pub value: Json,
    /// A file with its line, `environment NAME`, `--set`, or `built in`.
    pub origin: String,
}

/// Every value of `config` by its key, and whether it is a secret.
pub(super) fn leaves(config: &Config) -> BTreeMap<String, (Json, bool)> {
    let mut leaves = BTreeMap::new();
    if let Ok(root) = serde_json::to_value(config) {
        gather(&Key::default(), root, &mut leaves);
    }
    leaves
}

fn gather(key: &Key, value: Json, leaves: &mut BTreeMap<String, (Json, bool)>) {
    match value {
        Json::Null => {}
        Json::Object(table) => {
            for (name, inner) in table {
                gather(&key.child(&name), inner, leaves);
            }
        }
        leaf => {
            leaves.insert(key.to_string(), (leaf, key.is_secret()));
        }
    }
}

/// Every value of `config`, in its order.
pub(super) fn list(config: &Config, origins: &Value) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Ok(root) = serde_json::to_value(config) {
        collect(&Key::default(), &root, origins, &mut entries);
    }
    // TOML wants what belongs to no table first.
    entries.sort_by_key(|entry| !entry.table.is_empty());
    entries
}

fn collect(key: &Key, value: &Json, origins: &Value, entries: &mut Vec<Entry>) {
    match value {
        Json::Null => {}
        Json::Object(table) => {
            for (name, inner) in table {
                collect(&key.child(name), inner, origins, entries);
            }
        }
        leaf => {
            let (table, inner) = split(key);
            entries.push(Entry {
                table: table.to_string(),
                key: inner.to_string(),
                value: if key.is_secret() { Json::from("********") } else { leaf.clone() },
                origin: tree::origin(origins, key).unwrap_or(tree::BUILT_IN).to_owned(),
            });
        }
    }
}

/// Tables as people write them: `[listener.dtu]`, with `keepalive.idle` within it.
fn split(key: &Key) -> (Key, Key) {
    let length = match key.0.first() {
        Some(Step::Name(kind)) if ["listener", "upstream", "poll"].contains(&kind.as_str()) => 2,
        _ => 1,
    };
    let length = length.min(key.0.len() - 1);
    (Key(key.0[..length].to_vec()), Key(key.0[length..].to_vec()))
}
