//! Holds the README against the program: every key with its default, every word of the closed
//! lists, every command and option, every snippet and every line.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::{collections::BTreeSet, fs, path::Path};

use assert_cmd::Command;
use boon::{Compiler, Schemas};
use tetherd::{
    config::{DEFAULT, Loaded, Options, load},
    model::CloseReason,
    protocol::Protocol,
    spool::DropReason,
    telemetry::{Label, Module},
};

const README: &str = include_str!("../README.md");
const SCHEMA: &str = include_str!("../config/schema/lines.schema.json");

/// A fenced block: what stands behind the fence, and the text.
struct Snippet {
    info: String,
    text: String,
}

fn snippets() -> Vec<Snippet> {
    let mut found: Vec<Snippet> = Vec::new();
    let mut open = false;
    for line in README.lines() {
        // Blocks in lists are indented.
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(info), false) => {
                found.push(Snippet { info: info.to_owned(), text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let text = &mut found.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open && found.len() > 20, "{} snippets", found.len());
    found
}

fn snippets_of(language: &str) -> Vec<Snippet> {
    let is_it = |snippet: &Snippet| snippet.info.split(' ').next() == Some(language);
    snippets().into_iter().filter(is_it).collect()
}

/// The built-in configuration with this `local.toml`.
fn loaded(local: &str, profile: Option<&str>) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("default.toml"), DEFAULT).unwrap();
    fs::write(folder.path().join("local.toml"), local).unwrap();
    let profile = profile.map(str::to_owned);
    let options = Options { paths: vec![folder.path().to_owned()], profile, ..Options::default() };
    load(&options).unwrap_or_else(|faults| panic!("{local}\n{faults}"))
}

/// The rows of the tables of keys: the section's heading, the key, the default.
fn keys() -> BTreeSet<(String, String, String)> {
    let mut section = "";
    let mut rows = BTreeSet::new();
    for line in README.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            section = heading;
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if let ["", key, default, _, ""] = cells[..] {
            let plain = |cell: &str| cell.trim_matches('`').to_owned();
            rows.insert((section.to_owned(), plain(key), plain(default)));
        }
    }
    rows
}

fn value_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn every_key_stands_in_its_table_with_its_default() {
    let rows = keys();
    let entries = loaded("", None).entries;
    assert!(entries.len() > 45);
    for entry in &entries {
        let (section, key) = match entry.table.as_str() {
            "" => ("At the top", entry.key.clone()),
            "listener.dtu" => ("`[listener.<name>]`", entry.key.clone()),
            "upstream.web" => ("`[upstream.<name>]`", entry.key.clone()),
            table => (
                "`[spool]`, `[commands]`, `[drain]`, `[health]`, `[admin]`, `[log]`",
                format!("{table}.{}", entry.key),
            ),
        };
        let default = match entry.key.as_str() {
            "gateway" => "the host name".to_owned(),
            // Resolved; the README has it as it is written.
            "path" => "data/spool".to_owned(),
            _ => value_text(&entry.value),
        };
        let row = (section.to_owned(), key, default);
        assert!(rows.contains(&row), "the README has no row {row:?}");
    }
    for (section, key) in [("`[upstream.<name>]`", "listener"), ("`[upstream.<name>]`", "token")] {
        assert!(rows.iter().any(|row| row.0 == section && row.1 == key), "{key}");
    }
}

#[test]
fn every_key_of_the_teaching_file_is_named() {
    for line in DEFAULT.lines().map(|line| line.trim_start_matches(['#', ' '])) {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let named = [format!("`{key}`"), format!("`{key}."), format!(".{key}`")];
        let stands = named.iter().any(|named| README.contains(named));
        assert!(!is_key || stands, "{key} is not in the README");
    }
}

#[test]
fn every_word_of_the_closed_lists_is_named() {
    let endings = CloseReason::ALL.iter().map(|reason| reason.as_str());
    let gaps = DropReason::ALL.iter().map(|reason| reason.as_str());
    let modules = Module::ALL.iter().map(|module| module.as_str());
    for word in endings.chain(gaps).chain(modules) {
        assert!(README.contains(&format!("`{word}`")), "{word} is not in the README");
    }
}

#[test]
fn every_snippet_of_configuration_is_fine() {
    let mut seen = 0;
    for snippet in snippets_of("toml") {
        let option = snippet.info.split(' ').nth(1).and_then(|option| option.split_once('='));
        match option {
            Some(("protocol", name)) => {
                let read = Protocol::parse(name, &snippet.text);
                assert!(read.is_ok(), "{:?}", read.err());
            }
            Some(("profile", name)) => loaded(&snippet.text, Some(name)).runnable().unwrap(),
            _ => loaded(&snippet.text, None).runnable().unwrap(),
        }
        seen += 1;
    }
    assert!(seen >= 5);
}

#[test]
fn every_example_in_javascript_is_the_file_that_is_tested() {
    let file = include_str!("../examples/webserver_http.js");
    let texts: Vec<_> = snippets_of("js").into_iter().map(|snippet| snippet.text).collect();
    assert_eq!(texts, [file]);
}

#[test]
fn every_json_line_is_valid() {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("urn:lines", serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let schema = compiler.compile("urn:lines", &mut schemas).unwrap();
    let mut events = BTreeSet::new();
    for line in snippets_of("json").iter().flat_map(|snippet| snippet.text.lines()) {
        let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let fault = schemas.validate(&value, schema).err();
        assert!(fault.is_none(), "{line}\n{:#}", fault.unwrap());
        events.extend(value["event"].as_str().map(str::to_owned));
    }
    let all = ["command", "data", "gap", "idle", "offline", "online", "started"];
    assert_eq!(events.iter().collect::<Vec<_>>(), all);
}

fn help(words: &[&str]) -> String {
    let output = Command::cargo_bin("tetherd").unwrap().args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "tetherd {words:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = commands.take_while(|line| !line.is_empty());
    let named = rows.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    named.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn every_command_is_named() {
    let commands = listed(&help(&[]));
    assert!(commands.len() >= 8, "{commands:?}");
    for command in &commands {
        let inner = listed(&help(&[command]));
        let whole = inner.iter().map(|inner| format!("`tetherd {command} {inner}`"));
        let alone = inner.is_empty().then(|| format!("`tetherd {command}`"));
        for named in whole.chain(alone) {
            assert!(README.contains(&named), "{named} is not in the README");
        }
    }
}

#[test]
fn every_command_line_names_commands_and_options_that_there_are() {
    let mut seen = 0;
    for line in snippets_of("sh").iter().flat_map(|snippet| snippet.text.lines()) {
        let line = line.trim().replace("cargo run --release -- ", "tetherd ");
        let mut words = line.split_whitespace().peekable();
        if words.next() != Some("tetherd") {
            continue;
        }
        let mut commands: Vec<&str> = Vec::new();
        while let Some(word) = words.peek() {
            if !listed(&help(&commands)).iter().any(|command| command == word) {
                break;
            }
            commands.extend(words.next());
        }
        let help = help(&commands);
        for option in words.filter(|word| word.starts_with("--")) {
            let is_there = help.split_whitespace().any(|word| word == option);
            assert!(is_there, "{line}: {option}");
        }
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} command lines");
}

#[test]
fn every_module_and_every_example_is_named_and_every_file_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_name().unwrap().to_str().unwrap();
        let row = format!("| `{module}` |");
        assert!(!path.is_dir() || README.contains(&row), "{module} is not in the README");
    }
    for entry in fs::read_dir(root.join("examples")).unwrap() {
        let name = entry.unwrap().file_name();
        let name = name.to_str().unwrap();
        assert!(README.contains(&format!("](examples/{name})")), "{name} is not in the README");
    }
    for (_, rest) in README.match_indices("](").map(|(at, _)| README[at..].split_at(2)) {
        let target = rest.split(')').next().unwrap();
        if target.starts_with("http") {
            continue;
        }
        match target.strip_prefix('#') {
            Some(heading) => assert!(headings().contains(heading), "there is no #{heading}"),
            None => assert!(root.join(target).exists(), "there is no {target}"),
        }
    }
}

/// The anchors of all headings.
fn headings() -> BTreeSet<String> {
    let titles = README.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    titles
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|title| title.chars().filter(kept).collect::<String>().replace(' ', "-"))
        .collect()
}
