//! Ways through the merged layers.

use ::config::{Value, ValueKind};
use serde_json::Value as Json;

use super::key::{Key, Step};

/// What the origin of a value is called that no layer sets.
pub(super) const BUILT_IN: &str = "built in";

/// The same tree without origins, its keys sorted.
pub(super) fn to_json(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(flag) => Json::from(*flag),
        ValueKind::I64(number) => Json::from(*number),
        ValueKind::U64(number) => Json::from(*number),
        ValueKind::Float(number) => Json::from(*number),
        ValueKind::String(text) => Json::from(text.as_str()),
        ValueKind::Array(items) => items.iter().map(to_json).collect(),
        ValueKind::Table(table) => {
            let mut names: Vec<&String> = table.keys().collect();
            names.sort();
            names.into_iter().map(|name| (name.clone(), to_json(&table[name]))).collect()
        }
        // Only other formats than TOML can write these.
        wide => Json::from(wide.to_string()),
    }
}

fn step_into<'a>(value: &'a Value, step: &Step) -> Option<&'a Value> {
    match (&value.kind, step) {
        (ValueKind::Table(table), Step::Name(name)) => table.get(name),
        (ValueKind::Array(items), Step::Index(index)) => items.get(*index),
        _ => None,
    }
}

/// The layer that set what stands at `key`; `None`: no layer did.
pub(super) fn origin<'a>(root: &'a Value, key: &Key) -> Option<&'a str> {
    key.0.iter().try_fold(root, step_into)?.origin()
}

/// The origin of what stands at `key`, or else of the innermost table around it.
pub(super) fn nearest_origin(root: &Value, key: &Key) -> String {
    let mut key = key.clone();
    loop {
        if let Some(origin) = origin(root, &key) {
            return origin.to_owned();
        }
        if key.0.pop().is_none() {
            return BUILT_IN.to_owned();
        }
    }
}

/// What stands at `key`.
pub(super) fn at<'a>(root: &'a Json, key: &Key) -> Option<&'a Json> {
    key.0.iter().try_fold(root, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Index(index) => value.get(index),
    })
}

/// Takes out what stands at `key`.
pub(super) fn remove(root: &mut Json, key: &Key) -> Option<Json> {
    let (last, way) = key.0.split_last()?;
    let parent = way.iter().try_fold(root, |value, step| match step {
        Step::Name(name) => value.get_mut(name),
        Step::Index(index) => value.get_mut(index),
    })?;
    match (parent, last) {
        (Json::Object(table), Step::Name(name)) => table.shift_remove(name),
        (Json::Array(items), Step::Index(index)) if *index < items.len() => {
            Some(items.remove(*index))
        }
        _ => None,
    }
}

/// Notes `origin` for what stands at `key`; the value itself is read from the settings.
pub(super) fn mark(root: &mut Value, key: &Key, origin: &str) {
    if let Some((Step::Name(name), way)) = key.0.split_last()
        && let Some(Value { kind: ValueKind::Table(table), .. }) = walk(root, way)
    {
        table.insert(name.clone(), Value::new(Some(&origin.to_owned()), ValueKind::Nil));
    }
}

/// Forgets that any layer set what stands at `key`.
pub(super) fn forget(root: &mut Value, key: &Key) {
    if let Some((Step::Name(name), way)) = key.0.split_last()
        && let Some(Value { kind: ValueKind::Table(table), .. }) = walk(root, way)
    {
        table.remove(name);
    }
}

fn walk<'a>(root: &'a mut Value, way: &[Step]) -> Option<&'a mut Value> {
    way.iter().try_fold(root, |value, step| match (&mut value.kind, step) {
        (ValueKind::Table(table), Step::Name(name)) => table.get_mut(name),
        (ValueKind::Array(items), Step::Index(index)) => items.get_mut(*index),
        _ => None,
    })
}
