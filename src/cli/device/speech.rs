use std::{path::Path, sync::Arc};

use super::{DeviceArgs, DeviceFault};
use crate::{
    config::{Options, ProtocolText, load},
    protocol::{BUILT_IN, Protocol, ProtocolFault},
    simulator::Speech,
};

/// The protocol that `--protocol` names, ready to be played; none without it.
pub(super) fn speech(
    args: &DeviceArgs,
    options: &Options,
) -> Result<Option<Arc<Speech>>, DeviceFault> {
    let Some(name) = &args.protocol else {
        return Ok(None);
    };
    let protocol = protocol(name, options)?;
    let carrying = args.interactive || args.data.is_some();
    let speech = Speech::new(protocol, carrying)?;
    if args.count == 1 {
        speech.name(&args.name(Some(&speech)))?;
        return Ok(Some(Arc::new(speech)));
    }
    // The first and the last of a fleet: its names differ in digits, and perhaps in length.
    let fleet = args.fleet(Some(&Arc::new(speech.clone())))?;
    for index in [0, args.count - 1] {
        let name = fleet.naming.name(index).unwrap_or_default();
        speech.name(&name)?;
    }
    Ok(Some(Arc::new(speech)))
}

fn protocol(name: &str, options: &Options) -> Result<Protocol, DeviceFault> {
    let path = Path::new(name);
    let (stem, found) = if name.ends_with(".toml") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).map_err(|error| {
            DeviceFault::Protocol(format!("cannot read protocol file {name}: {error}"))
        })?;
        (stem, ProtocolText { origin: name.to_owned(), text })
    } else {
        (name.to_owned(), named(name, options)?)
    };
    Protocol::parse(&stem, &found.text).map_err(|faults| {
        let first = faults.first().map_or(String::new(), ProtocolFault::to_string);
        let more = match faults.len() {
            0 | 1 => String::new(),
            all => format!(" (and {} more)", all - 1),
        };
        DeviceFault::Protocol(format!("protocol {stem} ({}): {first}{more}", found.origin))
    })
}

/// The protocol called `name` in the configuration, or else the built-in one. A configuration with
/// faults is no hindrance to what is built in.
fn named(name: &str, options: &Options) -> Result<ProtocolText, DeviceFault> {
    let loaded = load(options);
    if let Some(found) = loaded.as_ref().ok().and_then(|loaded| loaded.protocol_text(name)) {
        return Ok(found);
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok(ProtocolText { origin: "built in".to_owned(), text: (*text).to_owned() });
    }
    let faulty = match loaded {
        Ok(_) => "",
        Err(_) => "; the configuration has faults, which tetherd check tells",
    };
    let known: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
    Err(DeviceFault::Protocol(format!(
        "there is no protocol {name:?}; built in are {}, and others are found in protocols/ of the \
         configuration or by a path to a .toml file{faulty}",
        known.join(", ")
    )))
}
