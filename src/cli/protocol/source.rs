use std::{fs, path::Path, process::ExitCode};

use crate::{
    cli::output,
    config::{Options, ProtocolFiles, ProtocolText},
    protocol::{Protocol, ProtocolFault},
};

/// Reads the protocol that `name` means; see [`text`]. Tells of every fault; answers the code to
/// end with then.
pub(super) fn protocol(command: &str, name: &str, options: &Options) -> Result<Protocol, ExitCode> {
    let found = text(name, options);
    let (stem, found) =
        found.map_err(|what| output::refuse(&format!("protocol {command}: {what}")))?;
    parse(&stem, &found).map_err(|faults| {
        faults.iter().for_each(|fault| output::note(fault));
        ExitCode::from(output::BAD_USAGE)
    })
}

/// What the protocol is called that `name` means, and its text: a file if it looks like one, or else
/// what a listener would get by that name. What is wrong, if there is none.
pub(in crate::cli) fn text(
    name: &str,
    options: &Options,
) -> Result<(String, ProtocolText), String> {
    if name.contains('/') || name.ends_with(".toml") {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(name)
            .map_err(|error| format!("{name} cannot be read: {error}; name another file"))?;
        return Ok((stem, ProtocolText { origin: name.to_owned(), text }));
    }
    if let Some(path) = options.paths.iter().find(|path| !path.exists()) {
        let path = path.display();
        return Err(format!("{path} is not there; give --config a file or a folder"));
    }
    let protocols = ProtocolFiles::find(options);
    let found = protocols.text(name).map_err(|error| {
        format!("protocols/{name}.toml cannot be read: {error}; mend or remove it")
    })?;
    Ok((name.to_owned(), found.ok_or_else(|| protocols.unknown(name))?))
}

/// The protocol `name`; every fault with file, line and key, if it has some.
pub(in crate::cli) fn parse(name: &str, found: &ProtocolText) -> Result<Protocol, Vec<String>> {
    let origin = &found.origin;
    // An editor's mark in front is no part of the text.
    let text = found.text.strip_prefix('\u{feff}').unwrap_or(&found.text);
    let protocol = Protocol::parse(name, text)
        .map_err(|faults| faults.iter().map(|fault| told(origin, fault)).collect::<Vec<_>>())?;
    match protocol.calls() {
        None => Ok(protocol),
        Some(code) => Err(vec![format!(
            "{origin}: needs the code {code:?}, which this program does not have"
        )]),
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
