use std::sync::Arc;

use super::{DeviceArgs, DeviceFault};
use crate::{cli::protocol::source, config::Options, protocol::Protocol, simulator::Speech};

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
    let (stem, found) = source::text(name, options).map_err(DeviceFault::Protocol)?;
    source::parse(&stem, &found).map_err(|faults| {
        let first = faults.first().map_or("", String::as_str);
        let more = match faults.len() {
            0 | 1 => String::new(),
            all => format!(" (and {} more, which tetherd protocol explain tells)", all - 1),
        };
        DeviceFault::Protocol(format!("{first}{more}"))
    })
}
