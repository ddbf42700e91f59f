use std::collections::BTreeMap;

use super::{
    fault::Fault,
    key::Key,
    layer::{Layer, word_or_toml},
};

/// What stands before the sections in a variable's name.
const PREFIX: &str = "TETHERD__";

/// The layer of the environment: `TETHERD__LISTENER__DTU__ADDRESS` sets `listener.dtu.address`.
pub(super) fn environment(variables: &BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Layer {
    let mut layer = Layer::empty();
    for (variable, text) in variables {
        let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
        let origin = format!("environment {variable}");
        let names: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if names.iter().any(String::is_empty) {
            let text = "a name is missing; write TETHERD__SECTION__KEY with two underscores \
                        between the names"
                .to_owned();
            faults.push(Fault::error(origin, "", text));
            continue;
        }
        assign(&mut layer, &origin, &names, text, faults);
    }
    layer
}

/// The layer of the options `--set key=value`.
pub(super) fn options(assignments: &[String], faults: &mut Vec<Fault>) -> Layer {
    let mut layer = Layer::empty();
    for assignment in assignments {
        let Some((key, text)) = assignment.split_once('=') else {
            // What stands there may be a secret with a wrong sign between, so it is not shown.
            let word = assignment.split(|sign: char| !is_key_sign(sign)).next().unwrap_or_default();
            let text = "has no value; write --set key=value".to_owned();
            faults.push(Fault::error("--set", word, text));
            continue;
        };
        let names: Vec<String> = key.trim().split('.').map(str::to_owned).collect();
        if names.iter().any(|name| name.is_empty() || !name.chars().all(is_key_sign)) {
            let text = "is no key; write the names with dots between them, such as \
                        listener.dtu.address"
                .to_owned();
            faults.push(Fault::error("--set", key.trim(), text));
            continue;
        }
        assign(&mut layer, "--set", &names, text, faults);
    }
    layer
}

fn is_key_sign(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '-')
}

fn assign(layer: &mut Layer, origin: &str, names: &[String], text: &str, faults: &mut Vec<Fault>) {
    match word_or_toml(origin, text) {
        Ok(value) => layer.set(names, value),
        Err(text) => {
            faults.push(Fault::error(origin, Key::dotted(&names.join(".")).to_string(), text))
        }
    }
}
