//! Says in plain words what serde says of a value.

use serde_json::Value as Json;

use super::{key::Key, shape};

/// Most characters of a value that a message shows.
const LONGEST: usize = 60;

/// A value as messages show it.
pub(super) fn shown(value: &Json, key: &Key) -> String {
    match value {
        _ if key.is_secret() => "the hidden value".to_owned(),
        Json::Null => "nothing".to_owned(),
        Json::Object(_) => "a table".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::String(text) if text.chars().count() > LONGEST => {
            format!("{:?}...", text.chars().take(LONGEST).collect::<String>())
        }
        other => other.to_string(),
    }
}

/// What is wrong with `value` at `key`, and what to write, from serde's `message`.
pub(super) fn explain(message: &str, key: &Key, value: &Json) -> String {
    let found = shown(value, key);
    if message.starts_with("unknown variant") {
        return format!("{found} is not known here; write {}", words(message, key));
    }
    if message.contains("untagged enum OneOrMany") {
        return format!(
            "{found} does not fit here; write a word such as \"etung\", or a list of words"
        );
    }
    if message.contains("invalid IP address syntax") {
        return format!("{found} is no IP address; write one such as \"10.0.0.9\"");
    }
    if !message.starts_with("invalid type") && !message.starts_with("invalid value") {
        return if key.is_secret() {
            format!("{found} does not fit here")
        } else {
            message.to_owned()
        };
    }
    let expected =
        message.rfind(", expected ").map_or("", |at| &message[at + ", expected ".len()..]);
    let expected = plain(expected);
    match value.is_number() && expected.contains("with its unit") {
        true => format!("{found} has no unit; write {expected}"),
        false => format!("{found} does not fit here; write {expected}"),
    }
}

/// What serde expects, in words for people.
fn plain(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "a sequence" => "a list such as [\"10.0.0.9\"]",
        "u32" => "a whole number from 0 to 4294967295",
        "IP address" => "an IP address such as \"10.0.0.9\"",
        other => other,
    }
}

/// The words that serde lists, in our quotes, without those that are not built yet.
fn words(message: &str, key: &Key) -> String {
    let listed = message.rfind(", expected ").map_or("", |at| &message[at..]);
    let known =
        listed.split('`').skip(1).step_by(2).filter(|word| !shape::is_later_word(key, word));
    any_of(known)
}

/// `"a", "b" or "c"`.
pub(super) fn any_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => "another word".to_owned(),
    }
}

/// The word among `known` that is most like `word`, if any is like it.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(&word.to_lowercase(), known);
    let best = known.map(|known| (distance(known), known)).min()?;
    let most = (word.chars().count().max(best.1.len()) / 3).max(1);
    (best.0 <= most).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let known = ["address", "backlog", "keepalive", "user_timeout"];
        for (word, expected) in [
            ("adress", Some("address")),
            ("Address", Some("address")),
            ("keep_alive", Some("keepalive")),
            ("keepalvie", Some("keepalive")),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()), expected, "{word}");
        }
    }
}
