use std::{fs, path::Path, process::ExitCode};

use crate::{
    cli::output,
    config::{Options, ProtocolFiles},
    protocol::{Protocol, ProtocolFault},
};

/// Reads the protocol that `name` means: a file if it looks like one, or else what a listener would
/// get by that name. Tells of every fault; answers the code to end with then.
pub(super) fn protocol(command: &str, name: &str, options: &Options) -> Result<Protocol, ExitCode> {
    let refuse = |text: &str| Err(output::refuse(&format!("protocol {command}: {text}")));
    if name.contains('/') || name.ends_with(".toml") {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        return match fs::read_to_string(name) {
            Ok(text) => parse(&stem, &text, name),
            Err(error) => refuse(&format!("{name} cannot be read: {error}; name another file")),
        };
    }
    if let Some(path) = options.paths.iter().find(|path| !path.exists()) {
        let path = path.display();
        return refuse(&format!("{path} is not there; give --config a file or a folder"));
    }
    let protocols = ProtocolFiles::find(options);
    match protocols.text(name) {
        Ok(Some(found)) => parse(name, &found.text, &found.origin),
        Ok(None) => refuse(&protocols.unknown(name)),
        Err(error) => {
            refuse(&format!("protocols/{name}.toml cannot be read: {error}; mend or remove it"))
        }
    }
}

fn parse(name: &str, text: &str, origin: &str) -> Result<Protocol, ExitCode> {
    // An editor's mark in front is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let protocol = Protocol::parse(name, text).map_err(|faults| {
        faults.iter().for_each(|fault| output::note(&told(origin, fault)));
        ExitCode::from(output::BAD_USAGE)
    })?;
    match protocol.calls() {
        None => Ok(protocol),
        Some(code) => {
            let text =
                format!("{origin}: needs the code {code:?}, which this program does not have");
            Err(output::refuse(&text))
        }
    }
}

/// File, line, key, what is wrong.
fn told(origin: &str, fault: &ProtocolFault) -> String {
    let text = fault.to_string();
    let Some(line) = fault.line else {
        return format!("{origin}: {text}");
    };
    let rest = text.strip_prefix(&format!("line {line}: ")).unwrap_or(&text);
    format!("{origin}:{line}: {rest}")
}
