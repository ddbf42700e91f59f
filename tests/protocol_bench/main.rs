//! `tetherd protocol`: the real program, and what it says about bytes.

#![allow(clippy::unwrap_used)] // a failed step fails the test

mod explain;
mod frames;
mod new;
mod run;

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// What a command has written, and its exit code.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `tetherd protocol` in this folder, without anything of this machine's environment.
pub(crate) fn protocol(folder: &Path, arguments: &[&str], input: &str) -> Said {
    let mut command = Command::cargo_bin("tetherd").unwrap();
    command.env_clear().current_dir(folder).arg("protocol").args(arguments);
    let output = command.write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The same in a folder of its own, where it has to go well.
pub(crate) fn done(arguments: &[&str], input: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let said = protocol(folder.path(), arguments, input);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {}", said.out);
    said.out
}

/// What `protocol run` says of these connections.
pub(crate) fn run(arguments: &[&str], connections: &[Value]) -> Vec<Value> {
    let input: String = connections.iter().map(|one| format!("{one}\n")).collect();
    let arguments = [&["run"], arguments].concat();
    lines(&done(&arguments, &input))
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
