//! What is settled before values are read: which tables there are, what they are called, and what
//! is known but not built yet.

use ::config::Value;
use serde_json::Value as Json;

use super::{
    fault::Fault,
    key::{Key, is_table_name},
    tree,
    wording::shown,
};

/// Tables of later versions.
const LATER_TABLES: [&str; 2] = ["tls", "cluster"];

/// Keys of later versions, and what they are for.
const LATER_KEYS: [(&str, &str); 8] = [
    ("listener.*.tls", "TLS"),
    ("listener.*.proxy_protocol", "the PROXY protocol"),
    ("listener.*.allow", "filtering by address"),
    ("listener.*.deny", "filtering by address"),
    ("listener.*.max_per_address", "limiting by address"),
    ("listener.*.rate", "limiting by rate"),
    ("listener.*.max_rate", "limiting by rate"),
    ("upstream.*.tls", "TLS"),
];

/// Words of later versions, and the one to write instead.
const LATER_WORDS: [(&str, &str, &str); 2] =
    [("upstream.*.type", "mqtt", "tcp"), ("upstream.*.type", "nats", "tcp")];

/// Whether `word` at `key` is known and not built yet.
pub(super) fn is_later_word(key: &Key, word: &str) -> bool {
    LATER_WORDS.iter().any(|(pattern, later, _)| key.matches(pattern) && *later == word)
}

/// Tables that `enabled = false` took out, each with the origin of that word.
pub(super) type Disabled = Vec<(Key, String)>;

/// Takes out of `root` what cannot be read, and says why.
pub(super) fn check(root: &mut Json, origins: &Value, faults: &mut Vec<Fault>) -> Disabled {
    let mut shape = Shape { root, origins, faults, disabled: Vec::new() };
    for table in LATER_TABLES {
        shape.refuse_later(&Key::dotted(table), "this table is not built yet; remove it");
    }
    for kind in ["listener", "upstream", "poll"] {
        shape.check_instances(&Key::dotted(kind));
    }
    for table in ["spool", "drain", "health", "log"] {
        shape.check_table(&Key::dotted(table));
    }
    shape.check_table(&Key::dotted("log.modules"));
    // What is off here is still a setting: commands are refused with that word.
    shape.expect_table(&Key::dotted("commands"));
    shape.expect_table(&Key::dotted("admin"));
    shape.check_tokens(&Key::dotted("admin.tokens"));
    shape.disabled
}

struct Shape<'a> {
    root: &'a mut Json,
    origins: &'a Value,
    faults: &'a mut Vec<Fault>,
    disabled: Disabled,
}

impl Shape<'_> {
    fn fault(&mut self, key: &Key, text: String) {
        let origin = tree::nearest_origin(self.origins, key);
        self.faults.push(Fault::error(origin, key.to_string(), text));
    }

    fn refuse_later(&mut self, key: &Key, text: &str) {
        let Some(later) = tree::remove(self.root, key) else { return };
        // A table that is switched off asks for nothing.
        if later.get("enabled") != Some(&Json::Bool(false)) {
            self.fault(key, text.to_owned());
        }
    }

    /// Whether a table stands at `key`; anything else there is a fault.
    fn expect_table(&mut self, key: &Key) -> bool {
        match tree::at(self.root, key) {
            None => false,
            Some(Json::Object(_)) => true,
            Some(other) => {
                let found = shown(other, key);
                tree::remove(self.root, key);
                self.fault(
                    key,
                    format!(
                        "{found} stands where a table belongs; write [{key}] and its keys below"
                    ),
                );
                false
            }
        }
    }

    fn names(&self, key: &Key) -> Vec<String> {
        let table = tree::at(self.root, key).and_then(Json::as_object);
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    }

    fn check_instances(&mut self, kind: &Key) {
        if !self.expect_table(kind) {
            return;
        }
        for name in self.names(kind) {
            let key = kind.child(&name);
            if !matches!(tree::at(self.root, &key), Some(Json::Object(_))) {
                tree::remove(self.root, &key);
                let example = match kind.last() {
                    "listener" => "dtu",
                    "poll" => "meters",
                    _ => "web",
                };
                self.fault(
                    &key,
                    format!(
                        "every {kind} has a name; write [{kind}.{example}] and {name:?} below it"
                    ),
                );
                continue;
            }
            if !is_table_name(&name) {
                self.fault(
                    &key,
                    format!(
                        "the name {name:?} has other signs than a-z, 0-9 and single \
                     underscores; write [{kind}.{}]",
                        mended(&name)
                    ),
                );
            }
            self.refuse_later_keys(&key);
            for table in ["keepalive", "retry"] {
                self.check_table(&key.child(table));
            }
        }
    }

    fn check_tokens(&mut self, tokens: &Key) {
        if self.expect_table(tokens) {
            for name in self.names(tokens) {
                self.expect_table(&tokens.child(&name));
            }
        }
    }

    /// A table that takes `enabled` without being told apart by a name.
    fn check_table(&mut self, key: &Key) {
        if !self.expect_table(key) {
            return;
        }
        self.refuse_later_keys(key);
        let enabled = key.child("enabled");
        match tree::remove(self.root, &enabled) {
            None | Some(Json::Bool(true)) => {}
            Some(Json::Bool(false)) => {
                let origin = tree::nearest_origin(self.origins, &enabled);
                self.disabled.push((key.clone(), origin));
            }
            Some(other) => {
                let text =
                    format!("{} does not fit here; write true or false", shown(&other, &enabled));
                self.fault(&enabled, text);
            }
        }
    }

    fn refuse_later_keys(&mut self, table: &Key) {
        for name in self.names(table) {
            let key = table.child(&name);
            let listed = LATER_KEYS.iter().find(|(pattern, _)| key.matches(pattern));
            let tls = name.starts_with("tls_").then_some("TLS");
            if let Some(purpose) = listed.map(|(_, purpose)| *purpose).or(tls) {
                self.refuse_later(&key, &format!("{purpose} is not built yet; remove this key"));
            }
            self.refuse_later_word(&key);
        }
    }

    fn refuse_later_word(&mut self, key: &Key) {
        let Some(Json::String(word)) = tree::at(self.root, key) else { return };
        let found =
            LATER_WORDS.iter().find(|(pattern, later, _)| key.matches(pattern) && later == word);
        if let Some((_, later, instead)) = found {
            self.refuse_later(key, &format!("{later:?} is not built yet; write {instead:?}"));
        }
    }
}

/// The nearest name that is allowed.
fn mended(name: &str) -> String {
    let allowed =
        |sign: char| if sign.is_ascii_alphanumeric() { sign.to_ascii_lowercase() } else { '_' };
    let words: String = name.chars().map(allowed).collect();
    let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "a".to_owned() } else { words.join("_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_is_mended_to_one_that_is_allowed() {
        for (name, mended_to) in [("DTU-1", "dtu_1"), ("a__b", "a_b"), ("Ä", "a"), ("a b", "a_b")]
        {
            assert_eq!(mended(name), mended_to);
            assert!(is_table_name(&mended(name)));
        }
    }
}
