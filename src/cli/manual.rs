//! `tetherd completions` and `tetherd man`

use std::process::ExitCode;

use clap::CommandFactory;

use super::{arguments::Arguments, output};

/// Writes the completions of a shell.
pub fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tetherd", &mut text);
    output::show(&String::from_utf8_lossy(&text))
}

/// Writes the manual page.
pub fn page() -> ExitCode {
    let mut text = Vec::new();
    match clap_mangen::Man::new(Arguments::command()).render(&mut text) {
        Ok(()) => output::show(&String::from_utf8_lossy(&text)),
        Err(error) => output::fail(&format!("man: {error}")),
    }
}
