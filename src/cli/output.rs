//! What the command writes: results on standard output, one line for each fault on standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::config::{Fault, printable};

/// Exit code for bad usage or a faulty configuration.
pub const BAD_USAGE: u8 = 2;

/// Writes `text` to standard output. A reader that has gone away is a normal end.
pub fn show(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(&format!("standard output: {error}; give it somewhere to write"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes one line of what went wrong; the exit code says that it failed at run time.
pub fn fail(text: &str) -> ExitCode {
    complain(text);
    ExitCode::FAILURE
}

/// Writes one line of what is wrong; the exit code says bad usage.
pub fn refuse(text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(BAD_USAGE)
}

/// Writes one line beside the result.
pub fn note(text: &str) {
    complain(text);
}

/// Writes each fault on a line.
pub fn list(faults: &[Fault]) {
    for fault in faults {
        complain(&fault.to_string());
    }
}

/// There is nowhere to report to when standard error is gone.
fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "tetherd: {}", printable(text));
}
