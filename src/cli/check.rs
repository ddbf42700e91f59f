//! `tetherd check`

use std::process::ExitCode;

use super::output;
use crate::config::{Faults, Loaded};

/// Says what is wrong with a configuration, or how much it configures.
pub fn run(loaded: Result<Loaded, Faults>) -> ExitCode {
    let faults = match &loaded {
        Ok(loaded) => {
            output::list(&loaded.warnings);
            loaded.runnable().err()
        }
        Err(faults) => Some(faults.clone()),
    };
    if let Some(faults) = faults {
        output::list(&faults.0);
        return ExitCode::from(output::BAD_USAGE);
    }
    let config = loaded.map(|loaded| loaded.config).unwrap_or_default();
    output::show(&format!(
        "configuration is fine: {}, {}\n",
        counted(config.listener.len(), "listener"),
        counted(config.upstream.len(), "upstream"),
    ))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
