//! The guide to protocol files says what is so: its files load, its walk-through gives what it says,
//! and its tables have every key that the program reads, and no other.

use regex::Regex;
use serde_json::json;
use tetherd::protocol::{OnBadChecksum, Protocol, ReplyWhen};

use crate::{
    run::{Feed, run},
    samples::bytes,
};

const GUIDE: &str = include_str!("../../config/protocols/README.md");

/// Where the keys are listed that the program reads.
const READERS: [&str; 9] = [
    include_str!("../../src/protocol/description.rs"),
    include_str!("../../src/protocol/registration.rs"),
    include_str!("../../src/protocol/compile/mod.rs"),
    include_str!("../../src/protocol/compile/frame.rs"),
    include_str!("../../src/protocol/compile/end.rs"),
    include_str!("../../src/protocol/compile/field.rs"),
    include_str!("../../src/protocol/compile/rule.rs"),
    include_str!("../../src/protocol/compile/condition.rs"),
    include_str!("../../src/protocol/compile/device.rs"),
];

/// The protocol files in the guide that are whole, with their names.
fn files() -> Vec<(String, String)> {
    let block = Regex::new(r"(?s)```toml protocol=(\w+)\n(.*?)```").unwrap();
    let whole = |found: regex::Captures<'_>| (found[1].to_owned(), found[2].to_owned());
    block.captures_iter(GUIDE).map(whole).collect()
}

/// A protocol whose devices are named by their address.
fn made(lines: &str) -> Protocol {
    let text = format!("name = 'x'\nidentity = 'address'\n{lines}");
    Protocol::parse("x", &text).unwrap_or_else(|faults| panic!("{lines}: {faults:?}"))
}

fn events(protocol: &Protocol, stream: &[u8]) -> Vec<serde_json::Value> {
    run(protocol, None, true, &Feed { reads: vec![stream], pause: true, finish: false }).events
}

#[test]
fn the_walk_through_gives_what_it_says() {
    let files = files();
    let (name, text) = &files[0];
    let tank = Protocol::parse(name, text).unwrap();
    let frames = [
        ("a5 06 01 20 26 00 17 01 0a", "login", "a5 03 06 01 01 b0"),
        ("a5 08 03 20 26 00 17 02 04 d2 e5", "data", "a5 03 06 03 02 b3"),
    ];
    for (frame, is, reply) in frames {
        assert!(GUIDE.contains(frame) && GUIDE.contains(reply), "{frame} {reply}");
        let events = events(&tank, &bytes(&frame.replace(' ', "")));
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["name"], "20260017");
        assert_eq!(events[0]["is"], is);
        assert_eq!(events[0]["check"], "ok");
        assert_eq!(events[0]["reply"], json!([reply.replace(' ', "")]));
        let level = &events[0]["fields"]["level"];
        assert_eq!(level.as_u64(), (is == "data").then_some(1234));
    }
}

#[test]
fn the_guide_names_every_key_that_is_read() {
    let lists = Regex::new(r"(?s)const [A-Z]+: \[&str; \d+\] =\s*\[(.*?)\];").unwrap();
    let words = Regex::new(r#""([a-z_0-9]+)""#).unwrap();
    let code = Regex::new(r"`[^`\n]+`|(?s)```.*?```").unwrap();
    let spans: String = code.find_iter(GUIDE).map(|span| span.as_str()).collect();
    let mut keys = 0;
    for reader in READERS {
        for list in lists.captures_iter(reader) {
            for key in words.captures_iter(&list[1]) {
                let key = &key[1];
                let named = Regex::new(&format!(r"\b{key}\b")).unwrap();
                assert!(named.is_match(&spans), "the guide does not name {key}");
                keys += 1;
            }
        }
    }
    assert!(keys > 80, "{keys}");
}

#[test]
fn the_tables_of_the_guide_name_no_key_that_is_not_read() {
    let mut found = 0;
    for (title, below) in [
        ("key of `[[frame]]`", "[[frame]]"),
        ("key of `[[rule]]`", "[[rule]]"),
        ("key of `[device]`", "[device]"),
        ("key | meaning", ""),
    ] {
        for table in
            GUIDE.split("\n\n").filter(|part| part.lines().next().unwrap_or("").contains(title))
        {
            for row in table.lines().skip(2) {
                let cell = row.split('|').nth(1).unwrap();
                let keys = cell.split('`').skip(1).step_by(2);
                for key in keys {
                    let key = key.trim_matches(['[', ']']);
                    let lines = match (below, key.split_once('.')) {
                        ("", Some((table, key))) => format!("[{table}]\n{key} = 1"),
                        ("", None) if table.contains("`zpad`") => {
                            format!("[[frame]]\nrest = true\nfields.x = {{ {key} = 1 }}")
                        }
                        ("", None) => format!("{key} = 1"),
                        (below, _) => format!("{below}\n{key} = 1"),
                    };
                    let faults = match Protocol::parse("x", &lines) {
                        Ok(_) => Vec::new(),
                        Err(faults) => faults,
                    };
                    let unknown = faults
                        .iter()
                        .find(|fault| fault.what.contains("is no key") && fault.key.ends_with(key));
                    assert!(unknown.is_none(), "{key}: {unknown:?}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 50, "{found}");
}

#[test]
fn a_file_says_how_a_session_behaves() {
    let plain = made("[[frame]]\nrest = true");
    let conduct = plain.vocabulary().unwrap().conduct();
    assert_eq!((conduct.many, conduct.drop_heartbeats), (false, false));
    assert_eq!(conduct.on_bad_checksum, OnBadChecksum::Forward);
    assert_eq!(conduct.reply_when, None, "as the spool makes it");
    for (lines, bad) in [("drop", OnBadChecksum::Drop), ("close", OnBadChecksum::Close)] {
        let text = format!(
            "name = 'x'\nmany = true\non_bad_checksum = '{lines}'\nreply_when = 'received'\n\
             heartbeats = 'drop'\n[[frame]]\nrest = true\nmatch = '(?P<id>.+)'"
        );
        let other = Protocol::parse("x", &text).unwrap();
        let conduct = other.vocabulary().unwrap().conduct();
        assert_eq!((conduct.many, conduct.drop_heartbeats), (true, true));
        assert_eq!((conduct.on_bad_checksum, conduct.reply_when), (bad, Some(ReplyWhen::Received)));
    }
}

#[test]
fn fields_are_taken_from_groups_of_another_name_and_from_between_bytes() {
    let protocol = made(
        "[[frame]]\nuntil = ';'\nmatch = ['^a(?P<word>[a-z]+)', '^b(?P<word>[0-9]+)']\n\
         fields.letters = { of = 'word', as = 'count' }\n\
         fields.behind = { at = 1, until = ',', as = 'ascii' }\n\
         [[rule]]\nanonymous = true\nreply = '{len word:d02}{word}'",
    );
    let all = events(&protocol, b"abcd,e;b12;c;");
    let told = |at: usize| (all[at]["fields"].clone(), all[at]["reply"].clone());
    let fields = json!({ "letters": 3, "behind": "bcd", "word": "bcd" });
    assert_eq!(told(0), (fields, json!(["3033626364"])));
    let fields = json!({ "letters": 2, "behind": "12", "word": "12" });
    assert_eq!(told(1), (fields, json!(["30323132"])));
    assert_eq!(told(2), (json!({ "behind": "" }), json!([])));
}

#[test]
fn lengths_in_digits_count_from_the_start_unless_another_place_is_said() {
    for (from, stream, frames) in [
        ("", &b"5,xyz4,ab"[..], ["352c78797a", "342c6162"]),
        (", from = 'start'", b"5,xyz4,ab", ["352c78797a", "342c6162"]),
        (", from = 'until'", b"5,xyz4,abc", ["352c78797a34", ""]),
    ] {
        let lines = format!("[[frame]]\ndigits = {{ at = 0, until = ','{from} }}");
        let all = events(&made(&lines), stream);
        let came = all.iter().filter_map(|event| event["bytes"].as_str());
        let expected = frames.into_iter().filter(|frame| !frame.is_empty());
        assert!(came.eq(expected), "{from}: {all:?}");
    }
}
