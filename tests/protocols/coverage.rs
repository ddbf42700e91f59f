//! Nothing stands in a preset that no sample needs: whatever is taken out, some sample notices.

use std::fmt;

use serde_json::Value as Json;
use tetherd::protocol::{BUILT_IN, Protocol};
use toml::{Table, Value};

use crate::samples::{Sample, folder, presets, samples};

const GUIDE: &str = include_str!("../../config/protocols/README.md");

/// What may go without a sample noticing: preset, part, and why.
const NEEDLESS: [(&str, &str, &str); 3] = [
    ("gt06", "frame.0.length.add", "the tail ends the frame as well"),
    ("gt06", "frame.1.length.add", "the tail ends the frame as well"),
    ("q376", "frame.0.length.add", "the tail ends the frame as well"),
];

/// Keys that say again what something else says, to be safe or to be clear; and limits.
const SAFE: [&str; 9] = ["name", "stage", "head", "as", "at", "frame", "gap", "max_frame", "many"];

fn text_of(name: &str) -> &'static str {
    BUILT_IN.iter().find(|(known, _)| *known == name).unwrap().1
}

/// Whether some sample is not read as it should be once the preset reads `text`.
fn notice(name: &str, text: &Table, samples: &[Sample]) -> bool {
    match Protocol::parse(name, &toml::to_string(text).unwrap()) {
        // What cannot be taken out is needed.
        Err(_) => true,
        Ok(protocol) => samples.iter().any(|sample| sample.holds(&protocol).is_err()),
    }
}

/// The preset without each of its parts in turn, and what that part is: every key, every frame,
/// every rule, every member of a list.
fn without_a_part(name: &str) -> Vec<(String, Table)> {
    let whole: Table = text_of(name).parse().unwrap();
    let mut paths = Vec::new();
    parts(&Value::Table(whole.clone()), &[], &mut paths);
    let less = |path: Vec<Step>| {
        let said: Vec<String> = path.iter().map(Step::to_string).collect();
        let mut less = Value::Table(whole.clone());
        let gone = take_out(&mut less, &path);
        let mut less = less.as_table().unwrap().clone();
        if said.len() == 2 && said[0] == "frame" {
            forget(&mut less, gone.get("name").and_then(Value::as_str));
        }
        (said.join("."), less)
    };
    paths.into_iter().filter(|path| is_needed(path)).map(less).collect()
}

/// Whether a sample has to notice it. Conditions and registrations list many values of one kind,
/// of which a sample meets one; what a device sends is held elsewhere.
fn is_needed(path: &[Step]) -> bool {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::At(_) => None,
        })
        .collect();
    let lists = keys.contains(&"when") || ["registration", "device"].contains(&keys[0]);
    let is_key = matches!(path.last(), Some(Step::Key(_)));
    !(lists || is_key && SAFE.contains(keys.last().unwrap()))
}

/// A step into a table or a list.
#[derive(Clone)]
enum Step {
    Key(String),
    At(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

/// The ways to all parts of `value`, which lies at `path`.
fn parts(value: &Value, path: &[Step], all: &mut Vec<Vec<Step>>) {
    let below: Vec<(Step, &Value)> = match value {
        Value::Table(table) => table.iter().map(|(k, v)| (Step::Key(k.clone()), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, v)| (Step::At(at), v)).collect(),
        _ => Vec::new(),
    };
    for (step, value) in below {
        let path = [path, &[step]].concat();
        parts(value, &path, all);
        all.push(path);
    }
}

/// Takes what lies at `path` out of `value`.
fn take_out(value: &mut Value, path: &[Step]) -> Value {
    match (path, value) {
        ([Step::Key(key)], Value::Table(table)) => table.remove(key).unwrap(),
        ([Step::At(at)], Value::Array(list)) => list.remove(*at),
        ([Step::Key(key), rest @ ..], Value::Table(table)) => {
            take_out(table.get_mut(key).unwrap(), rest)
        }
        ([Step::At(at), rest @ ..], Value::Array(list)) => take_out(&mut list[*at], rest),
        _ => unreachable!("a path leads through what is there"),
    }
}

/// Takes the frame out of the rules; a rule that was only about it goes as well.
fn forget(text: &mut Table, name: Option<&str>) {
    let still = text["frame"].as_array().unwrap().iter();
    let still: Vec<Option<&str>> =
        still.map(|frame| frame.get("name").and_then(Value::as_str)).collect();
    if name.is_none() || still.contains(&name) {
        return;
    }
    let Some(rules) = text.get_mut("rule").and_then(Value::as_array_mut) else { return };
    rules.retain_mut(|rule| match rule.get_mut("frame") {
        Some(Value::Array(names)) => {
            names.retain(|one| one.as_str() != name);
            !names.is_empty()
        }
        Some(one) => one.as_str() != name,
        None => true,
    });
}

#[test]
fn every_part_of_a_preset_is_needed_by_a_sample() {
    let mut needless = Vec::new();
    for (name, _) in presets() {
        let samples = samples(name);
        for (part, less) in without_a_part(name) {
            if !notice(name, &less, &samples) {
                needless.push((name, part));
            }
        }
    }
    let known: Vec<_> =
        NEEDLESS.iter().map(|(name, part, _)| (*name, (*part).to_owned())).collect();
    assert_eq!(needless, known, "no sample notices that these are gone");
}

#[test]
fn every_preset_has_a_sample_of_each_thing_that_can_happen() {
    let mut missing = Vec::new();
    for (name, protocol) in presets() {
        let samples = samples(name);
        let some = |what: &str, holds: &dyn Fn(&Sample) -> bool| {
            (!samples.iter().any(holds)).then(|| format!("{name}: {what}"))
        };
        let event = |sample: &Sample, key: &str, value: &str| {
            sample.expect.iter().any(|event| event[key].as_str() == Some(value))
        };
        let text = text_of(name);
        missing.extend(some("data", &|sample| !sample.expect.is_empty()));
        if !["raw", "etung_classic"].contains(&name) {
            missing.extend(some("half a frame", &|sample| sample.id.starts_with("half")));
        }
        if name != "raw" {
            missing.extend(some("a login", &|sample| sample.id == "login"));
        }
        if text.contains("check =") {
            missing.extend(some("a bad checksum", &|sample| event(sample, "check", "bad")));
        }
        if text.contains("\n[command]") {
            missing.extend(some("a command", &|sample| sample.command.is_some()));
        }
        if protocol.names_by_frames() {
            missing.extend(some("a refused device", &|sample| !sample.accept));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_sample_has_a_name_of_its_own_and_says_what_to_expect() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "extra" {
            continue;
        }
        let samples = samples(&name);
        let known = BUILT_IN.iter().any(|(preset, _)| *preset == name);
        assert!(known, "there is no preset {name}");
        let mut ids: Vec<_> = samples.iter().map(|sample| &sample.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), samples.len(), "{name}: two samples have one name");
        for sample in samples {
            let frames = sample.expect.iter().filter(|event| event.get("bytes").is_some());
            let whole = |event: &Json| event.get("fields").is_some();
            assert!(frames.into_iter().all(whole), "{name}: {} leaves out the fields", sample.id);
        }
    }
}

#[test]
fn the_guide_lists_every_preset() {
    for (name, _) in BUILT_IN {
        assert!(GUIDE.contains(&format!("| `{name}` |")), "the guide does not list {name}");
    }
}
