use std::{sync::Arc, time::Duration};

use wildmatch::WildMatch;

use super::StartFault;
use crate::{
    actors::{self, ListenerSettings, OnIdle, PollSettings},
    config::Loaded,
    limits::DuplicatePolicy,
    messages::{ListenerProfile, Poll},
    protocol::{Codes, Protocol, Protocols, Registration, Request, Rules, Unregistered},
};

/// Turns a listener's settings into working values.
pub fn profile(
    loaded: &Loaded,
    name: &str,
    settings: &ListenerSettings,
    codes: &Codes,
) -> Result<Arc<ListenerProfile>, StartFault> {
    Ok(Arc::new(ListenerProfile {
        name: name.into(),
        protocols: protocols(loaded, name, settings, codes)?,
        rules: rules(settings),
        registration_timeout: settings.registration_timeout.non_zero(),
        duplicates: DuplicatePolicy {
            winner: settings.duplicate,
            takeover_limit: settings.takeover_limit,
            flapping: settings.flapping,
        },
        idle_timeout: settings.idle_timeout.non_zero(),
        close_idle: settings.on_idle == OnIdle::Close,
        keepalive: settings.keepalive,
        user_timeout: settings.user_timeout.non_zero(),
        outbound_limit: settings.outbound_limit.bytes(),
        polls: polls(loaded, name),
        farewell: settings.farewell.get().max(Duration::from_millis(1)),
    }))
}

/// What the devices of `listener` are asked at intervals. The configuration was checked, so that all
/// of them can be read.
fn polls(loaded: &Loaded, listener: &str) -> Arc<[Poll]> {
    let concerns = |settings: &&PollSettings| {
        settings.listener.is_empty() || settings.listener.iter().any(|name| name == listener)
    };
    let all = loaded.config.poll.iter().filter(|(_, settings)| concerns(settings));
    let read = all.filter_map(|(name, settings)| {
        let devices = settings.devices.as_slice().iter();
        Some(Poll {
            name: name.as_str().into(),
            devices: devices.map(|pattern| WildMatch::new(pattern)).collect(),
            every: settings.every.get(),
            request: Request::parse(&settings.send).ok()?,
            timeout: settings.timeout.get(),
        })
    });
    read.collect()
}

/// The configuration was checked, so that the protocols are known.
fn protocols(
    loaded: &Loaded,
    listener: &str,
    settings: &ListenerSettings,
    codes: &Codes,
) -> Result<Protocols, StartFault> {
    let named = settings.protocol.as_slice().iter();
    let read = named.map(|name| protocol(loaded, listener, name, codes));
    Ok(Protocols::new(read.collect::<Result<_, _>>()?))
}

fn protocol(
    loaded: &Loaded,
    listener: &str,
    name: &str,
    codes: &Codes,
) -> Result<Protocol, StartFault> {
    let text = loaded.protocol_text(name).map(|found| found.text).unwrap_or_default();
    let mut protocol = Protocol::parse(name, &text).map_err(|mut faults| StartFault::Protocol {
        listener: listener.to_owned(),
        fault: faults.swap_remove(0),
    })?;
    protocol.plug_in(codes);
    match protocol.missing_code() {
        None => Ok(protocol),
        Some(code) => Err(StartFault::Code {
            listener: listener.to_owned(),
            protocol: name.to_owned(),
            code: code.to_owned(),
        }),
    }
}

fn rules(settings: &ListenerSettings) -> Rules {
    Rules {
        registration: match settings.registration {
            actors::Registration::Once => Registration::Once,
            actors::Registration::Every => Registration::Every,
        },
        forward_registration: settings.forward_registration,
        unregistered: match settings.unregistered {
            actors::Unregistered::Hold => Unregistered::Hold,
            actors::Unregistered::Forward => Unregistered::Forward,
            actors::Unregistered::Close => Unregistered::Close,
        },
        registration_bytes: settings.registration_bytes.bytes(),
        max_frame: settings.max_frame.bytes(),
    }
}
