//! Keeps the house in order: modules use lower floors only, files stay small, and what only one
//! place may do is done there only.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The floors of `src`, the lowest first. A module uses lower floors only, never its neighbours.
/// `lib.rs` and `main.rs` stand outside.
const FLOORS: &[&[&str]] = &[
    &["units"],
    &["model"],
    &["telemetry", "protocol", "limits", "health"],
    &["net", "spool", "supervision"],
    &["commands"],
    &["messages", "link", "simulator"],
    &["extension"],
    &["actors", "admin"],
    &["config"],
    &["app"],
    &["cli"],
];

/// What the parts of `actors` may use of each other: actors meet through messages, and only a
/// session thread creates sessions.
const ACTORS: &[(&str, &[&str])] = &[
    ("commander", &["directory"]),
    ("directory", &[]),
    ("forwarder", &[]),
    ("registry", &["directory"]),
    ("server", &[]),
    ("session", &["thread"]),
    ("settings", &[]),
    ("thread", &["session"]),
];

/// Most lines of a file, inline tests included.
const LONGEST: usize = 500;

/// The only file that may hold unsafe code.
const UNSAFE: &str = "net/kernel.rs";

#[test]
fn every_module_has_a_floor() {
    for module in entries(&source()).iter().map(|path| stem(path)) {
        let outside = ["lib", "main"].contains(&module.as_str());
        assert!(outside || floor(&module).is_some(), "{module} has no floor; give it one here");
    }
}

#[test]
fn modules_use_lower_floors_only() {
    let mut faults = Vec::new();
    for file in files() {
        let Some(own) = floor(&file.module) else { continue };
        for used in roots(&file.code, "crate") {
            match floor(&used) {
                Some(other) if used != file.module && other >= own => {
                    faults.push(format!("{} uses crate::{used}", file.name));
                }
                None if !starts_upper(&used) => {
                    faults.push(format!("{} uses crate::{used}, which has no floor", file.name));
                }
                _ => {}
            }
        }
    }
    none(&faults, "use a lower floor, or move what is wanted further down");
}

#[test]
fn actors_meet_through_messages() {
    let mut faults = Vec::new();
    for file in files().into_iter().filter(|file| file.module == "actors" && file.part != "mod") {
        let allowed = ACTORS.iter().find(|(part, _)| *part == file.part).map(|(_, uses)| *uses);
        let Some(allowed) = allowed else {
            faults.push(format!("{}: {} is new; say here what it may use", file.name, file.part));
            continue;
        };
        let siblings = match file.is_part_root() {
            true => roots(&file.code, "super"),
            false => BTreeSet::new(),
        };
        let named = roots(&file.code, "crate::actors").into_iter().chain(siblings);
        let is_part = |used: &String| ACTORS.iter().any(|(part, _)| part == used);
        for used in named.filter(is_part) {
            if used != file.part && !allowed.contains(&used.as_str()) {
                faults.push(format!("{} uses actors::{used}", file.name));
            }
        }
    }
    none(&faults, "send a message, by a recipient that the composition root hands over");
}

#[test]
fn files_stay_small() {
    let long = |file: &File| file.text.lines().count() > LONGEST;
    let faults: Vec<_> = files().into_iter().filter(long).map(|file| file.name).collect();
    none(&faults, "cut it where it has two jobs");
}

#[test]
fn unsafe_code_stands_in_one_file_only() {
    let unsafe_code = |file: &File| words(&file.code).any(|word| word.starts_with("unsafe"));
    let found: Vec<_> = files().into_iter().filter(unsafe_code).map(|file| file.name).collect();
    assert_eq!(found, [UNSAFE], "a safe wrapper belongs in {UNSAFE}");
}

#[test]
fn only_telemetry_knows_the_logger() {
    let known = ["slog", "slog_async", "tracing"];
    let logs = |file: &File| words(&file.code).any(|word| known.contains(&word));
    let others = files().into_iter().filter(|file| file.module != "telemetry");
    let faults: Vec<_> = others.filter(logs).map(|file| file.name).collect();
    none(&faults, "give Telemetry a method for the event");
}

#[test]
fn error_texts_begin_in_lower_case_and_end_without_a_full_stop() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for file in files() {
        for text in error_texts(&file.code) {
            seen += 1;
            if starts_upper(text) || text.ends_with('.') || text.ends_with('!') {
                faults.push(format!("{}: {text:?}", file.name));
            }
        }
    }
    assert!(seen > 30, "only {seen} texts were found");
    none(&faults, "errors are parts of a sentence: what, where, what to do");
}

#[test]
fn the_reader_of_uses_sees_every_way_to_write_them() {
    let code = "use crate::{\n a::{b, c::d},\n e as f,\n};\nuse crate::g::h;\nlet x = crate::i::J;\n\
                pub(crate) fn k() {}\nuse super::{l, m::n};\nuse crate::actors::{o::p, q};\n";
    let of = |prefix: &str| roots(code, prefix).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(of("crate"), "a actors e g i");
    assert_eq!(of("super"), "l m");
    assert_eq!(of("crate::actors"), "o q");
    let text = "#[error(\n    \"one {0}\"\n)]\n#[error(transparent)]\n#[error(\"two\", x = 1)]";
    assert_eq!(error_texts(text), ["one {0}", "two"]);
    assert_eq!(without_comments("a // crate::b\n//! c\n\"http://d\""), "a \n\n\"http://d\"\n");
}

/// One file of `src`.
struct File {
    /// Its path below `src`.
    name: String,
    /// The module at the top, `actors` of `actors/session/mod.rs`.
    module: String,
    /// The next one, `session`; `mod` of `actors/mod.rs`.
    part: String,
    text: String,
    /// The text without its comments.
    code: String,
}

impl File {
    fn read(path: &Path) -> Self {
        let name = path.strip_prefix(source()).unwrap().to_str().unwrap().to_owned();
        let mut parts = name.split('/').map(|part| part.trim_end_matches(".rs").to_owned());
        let module = parts.next().unwrap();
        let part = parts.next().unwrap_or_else(|| "mod".to_owned());
        let text = fs::read_to_string(path).unwrap();
        let code = without_comments(&text);
        Self { name, module, part, text, code }
    }

    /// Whether `super` means the module at the top here.
    fn is_part_root(&self) -> bool {
        let below = self.name.matches('/').count();
        below == 1 || (below == 2 && self.name.ends_with("/mod.rs"))
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn files() -> Vec<File> {
    fn below(folder: &Path, into: &mut Vec<File>) {
        for path in entries(folder) {
            match path.is_dir() {
                true => below(&path, into),
                false if path.extension().is_some_and(|kind| kind == "rs") => {
                    into.push(File::read(&path));
                }
                false => {}
            }
        }
    }
    let mut all = Vec::new();
    below(&source(), &mut all);
    all
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn starts_upper(text: &str) -> bool {
    text.starts_with(char::is_uppercase)
}

/// Line comments, documentation among them, may speak of anything.
fn without_comments(text: &str) -> String {
    let code = |line: &str| {
        let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
        let end = comment.map_or(line.len(), |(at, _)| at);
        format!("{}\n", &line[..end])
    };
    text.lines().map(code).collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !is_word(letter)).filter(|word| !word.is_empty())
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The first name behind each `prefix::` in `code`, those in braces among them.
fn roots(code: &str, prefix: &str) -> BTreeSet<String> {
    let path = format!("{prefix}::");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(&path) {
        // The end of a longer word or path is another path.
        if code[..at].ends_with(|letter: char| is_word(letter) || letter == ':') {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_roots(group)),
            None => found.extend(words(rest).next().map(str::to_owned)),
        }
    }
    found
}

/// The first name of each path of a group, up to its closing brace.
fn group_roots(group: &str) -> Vec<String> {
    let (mut depth, mut is_first, mut found) = (0, true, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_first = true,
            letter if depth == 0 && is_first && is_word(letter) => {
                found.extend(words(&group[at..]).next().map(str::to_owned));
                is_first = false;
            }
            _ => {}
        }
    }
    found
}

/// The texts of `#[error("...")]`, as they are written.
fn error_texts(code: &str) -> Vec<&str> {
    let behind = code.split("#[error(").skip(1).map(str::trim_start);
    let quoted = behind.filter_map(|rest| rest.strip_prefix('"'));
    quoted.filter_map(|rest| Some(&rest[..end_of_string(rest)?])).collect()
}

fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[track_caller]
fn none(faults: &[String], remedy: &str) {
    assert!(faults.is_empty(), "\n{}\n{remedy}", faults.join("\n"));
}
