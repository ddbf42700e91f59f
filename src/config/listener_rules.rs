use std::path::PathBuf;

use super::{
    key::Key,
    presets,
    validate::{Rules, check_keepalive},
    wording::{any_of, nearest},
};
use crate::{
    actors::{ListenerSettings, OneOrMany, Registration},
    net::Address,
    protocol::Protocol,
    units::{Size, Span},
};

/// Largest `max_frame`: a frame is one line to the web server and has to fit its buffers.
const LARGEST_FRAME: Size = Size::mib(1);

/// The key `name` of listener `listener`.
pub(super) fn key(listener: &str, name: &str) -> Key {
    Key::dotted("listener").child(listener).child(name)
}

/// Checks what stands in `[listener.<name>]`.
pub(super) fn check(name: &str, settings: &ListenerSettings, rules: &mut Rules<'_>) {
    check_address(name, settings, rules);
    if check_keepalive(&key(name, "keepalive"), &settings.keepalive, rules) {
        check_user_timeout(name, settings, rules);
    }
    check_sizes(name, settings, rules);
    if settings.backlog == 0 {
        rules.error(&[key(name, "backlog")], "0 lets nobody in; write 1 or more".to_owned());
    }
    if settings.takeover_limit.count == 0 {
        let text = format!(
            "\"{}\" allows no takeover at all; write \"1/min\" or more, or duplicate = \"reject\"",
            settings.takeover_limit
        );
        rules.error(&[key(name, "takeover_limit")], text);
    }
}

fn check_address(name: &str, settings: &ListenerSettings, rules: &mut Rules<'_>) {
    let key = key(name, "address");
    if settings.address.is_empty() {
        if settings.enabled {
            let text =
                "is missing; write where devices connect, such as \"0.0.0.0:7000\"".to_owned();
            rules.error(&[key], text);
        }
        return;
    }
    if let Err(fault) = settings.address.parse::<Address>() {
        rules.error(&[key], fault.to_string());
    }
}

fn check_user_timeout(name: &str, settings: &ListenerSettings, rules: &mut Rules<'_>) {
    let Some(user_timeout) = settings.user_timeout.non_zero() else { return };
    if user_timeout.as_millis() > i32::MAX as u128 {
        let text = format!(
            "\"{}\" is more than the kernel takes; write at most \"24d\"",
            settings.user_timeout
        );
        return rules.error(&[key(name, "user_timeout")], text);
    }
    let keepalive = &settings.keepalive;
    if keepalive.idle.non_zero().is_none() {
        return;
    }
    let detection = keepalive.detection();
    if user_timeout >= detection {
        return;
    }
    let text = format!(
        "\"{}\" is less than keepalive idle + interval x probes, {}: Linux would then ignore the \
         probe count, and one lost probe would end a healthy connection; write at least \"{}\", or \
         \"0s\" for none",
        settings.user_timeout,
        Span(detection),
        Span(detection),
    );
    let table = key(name, "keepalive");
    let parts = ["idle", "interval", "probes"].map(|part| table.child(part));
    let [idle, interval, probes] = parts;
    rules.error(&[key(name, "user_timeout"), idle, interval, probes], text);
}

fn check_sizes(name: &str, settings: &ListenerSettings, rules: &mut Rules<'_>) {
    let max_frame = settings.max_frame;
    if max_frame.0 == 0 || max_frame > LARGEST_FRAME {
        let text =
            format!("\"{max_frame}\" does not fit here; write \"1B\" to \"{LARGEST_FRAME}\"");
        rules.error(&[key(name, "max_frame")], text);
    }
    let registration = settings.registration_bytes;
    let bytes = key(name, "registration_bytes");
    if registration.0 == 0 {
        let text = "\"0B\" leaves no room for a name; write \"1B\" or more".to_owned();
        rules.error(&[bytes], text);
    } else if registration > max_frame {
        let text = format!(
            "\"{registration}\" is more than max_frame, {max_frame}; write less, \
             or a larger max_frame"
        );
        rules.error(&[bytes, key(name, "max_frame")], text);
    }
    if settings.outbound_limit.0 == 0 {
        let text =
            "\"0B\" leaves no room for anything sent to a device; write \"1B\" or more".to_owned();
        rules.error(&[key(name, "outbound_limit")], text);
    }
}

/// Checks that the protocol of listener `name` is there; `known` are those that are.
pub(super) fn check_protocols(
    name: &str,
    settings: &ListenerSettings,
    folders: &[PathBuf],
    known: &[String],
    rules: &mut Rules<'_>,
) {
    let key = key(name, "protocol");
    let asked = match &settings.protocol {
        OneOrMany::One(one) => std::slice::from_ref(one),
        OneOrMany::Many(many) => many.as_slice(),
    };
    match asked {
        [] => rules.error(
            std::slice::from_ref(&key),
            "the list is empty; write a protocol, such as \"etung\"".to_owned(),
        ),
        [_, _, ..] => rules.error(
            std::slice::from_ref(&key),
            "several protocols on one listener are not built yet; write one, or a \
             listener for each"
                .to_owned(),
        ),
        [_] => {}
    }
    for protocol in asked {
        match presets::protocol_text(folders, protocol) {
            Ok(Some(found)) => {
                let parsed = Protocol::parse(protocol, &found.text);
                let cuts_frames = parsed.as_ref().is_ok_and(Protocol::cuts_frames);
                let names_by_frames = parsed.as_ref().is_ok_and(Protocol::names_by_frames);
                for fault in parsed.err().unwrap_or_default() {
                    let text = format!("{}: {fault}", found.origin);
                    rules.error(std::slice::from_ref(&key), text);
                }
                if names_by_frames {
                    let text = format!(
                        "devices that are named by their frames, as {protocol:?} says, are not \
                         built yet; write a protocol with a registration"
                    );
                    rules.error(std::slice::from_ref(&key), text);
                } else if cuts_frames && settings.registration == Registration::Every {
                    refuse_every(name, protocol, rules);
                }
            }
            Ok(None) => rules.error(std::slice::from_ref(&key), unknown_protocol(protocol, known)),
            Err(error) => rules.error(
                std::slice::from_ref(&key),
                format!("protocols/{protocol}.toml cannot be read: {error}; mend or remove it"),
            ),
        }
    }
}

fn refuse_every(name: &str, protocol: &str, rules: &mut Rules<'_>) {
    let text = format!(
        "\"every\" does not go with {protocol:?}, which cuts frames: there is no packet to stand \
         before; write \"once\""
    );
    rules.error(&[key(name, "registration"), key(name, "protocol")], text);
}

pub(super) fn unknown_protocol(protocol: &str, known: &[String]) -> String {
    let known = known.iter().map(String::as_str);
    match nearest(protocol, known.clone()) {
        Some(near) => format!("there is no protocol {protocol:?}; did you mean {near:?}?"),
        None => format!(
            "there is no protocol {protocol:?}; write {}, or describe it in protocols/<name>.toml",
            any_of(known)
        ),
    }
}
