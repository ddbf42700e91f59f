//! What the protocols of a listener must be, and must be among each other.

use std::path::PathBuf;

use super::{
    key::Key,
    listener_rules::key,
    presets,
    validate::Rules,
    wording::{any_of, nearest},
};
use crate::{
    actors::{ListenerSettings, Registration},
    protocol::{Protocol, ReplyWhen, ambiguities},
    spool::{self, SpoolType},
};

/// Most protocols of a listener.
const MOST: usize = 32;

/// Checks the protocols of listener `name`.
pub(super) fn check(
    name: &str,
    settings: &ListenerSettings,
    spool: &spool::Settings,
    folders: &[PathBuf],
    known: &[String],
    rules: &mut Rules<'_>,
) {
    let key = key(name, "protocol");
    let asked = settings.protocol.as_slice();
    if asked.is_empty() {
        let text = "the list is empty; write a protocol, such as \"etung\"".to_owned();
        return rules.error(&[key], text);
    }
    if asked.len() > MOST {
        let text = format!("lists {} protocols; write at most {MOST}", asked.len());
        return rules.error(&[key], text);
    }
    let mut protocols = Vec::new();
    for (at, protocol) in asked.iter().enumerate() {
        if asked[..at].contains(protocol) {
            let text = format!("lists {protocol:?} twice; write it once");
            rules.error(std::slice::from_ref(&key), text);
        }
        protocols.extend(read(protocol, &key, folders, known, rules));
    }
    for protocol in &protocols {
        check_one(name, protocol, settings, spool, rules);
    }
    if protocols.len() == asked.len() {
        check_heads(&key, &protocols, rules);
    }
}

fn read(
    name: &str,
    key: &Key,
    folders: &[PathBuf],
    known: &[String],
    rules: &mut Rules<'_>,
) -> Option<Protocol> {
    let keys = std::slice::from_ref(key);
    match presets::protocol_text(folders, name) {
        Ok(Some(found)) => match Protocol::parse(name, &found.text) {
            Ok(protocol) => return Some(protocol),
            Err(faults) => {
                for fault in faults {
                    rules.error(keys, format!("{}: {fault}", found.origin));
                }
            }
        },
        Ok(None) => rules.error(keys, unknown(name, known)),
        Err(error) => {
            let text = format!("protocols/{name}.toml cannot be read: {error}; mend or remove it");
            rules.error(keys, text);
        }
    }
    None
}

fn check_one(
    listener: &str,
    protocol: &Protocol,
    settings: &ListenerSettings,
    spool: &spool::Settings,
    rules: &mut Rules<'_>,
) {
    let (name, protocol_key) = (protocol.name(), key(listener, "protocol"));
    if protocol.cuts_frames() && settings.registration == Registration::Every {
        let text = format!(
            "\"every\" does not go with {name:?}, which cuts frames: there is no packet to stand \
             before; write \"once\""
        );
        return rules.error(&[key(listener, "registration"), protocol_key], text);
    }
    if spool.kind != SpoolType::Memory || !protocol.replies() {
        return;
    }
    match protocol.conduct().reply_when {
        Some(ReplyWhen::Received) => {}
        Some(ReplyWhen::Durable) => {
            let text = format!(
                "{name:?} answers devices only when their data are safe (reply_when = 'durable'), \
                 which they never are with spool.type = \"memory\"; write reply_when = \
                 'received' in the protocol, or spool.type = \"disk\""
            );
            rules.error(&[protocol_key], text);
        }
        None => {
            let text = format!(
                "{name:?} tells devices that their data are safe, and with spool.type = \
                 \"memory\" they are not; devices forget what is acknowledged"
            );
            rules.warn(protocol_key, text);
        }
    }
}

/// The first bytes of a device decide which protocol it speaks; some may fit several.
fn check_heads(key: &Key, protocols: &[Protocol], rules: &mut Rules<'_>) {
    for found in ambiguities(protocols) {
        let first = protocols[found.first].name();
        let second = protocols[found.second].name();
        if found.hides {
            let text = format!(
                "{first:?} takes every device, so that {second:?} behind it never gets one; write \
                 {second:?} first"
            );
            rules.error(std::slice::from_ref(key), text);
        } else if !found.falls_back {
            let text = format!(
                "some first bytes fit {first:?} and {second:?}; {first:?} gets such devices, \
                 since it stands first"
            );
            rules.warn(key.clone(), text);
        }
    }
}

pub(super) fn unknown(protocol: &str, known: &[String]) -> String {
    let known = known.iter().map(String::as_str);
    match nearest(protocol, known.clone()) {
        Some(near) => format!("there is no protocol {protocol:?}; did you mean {near:?}?"),
        None => format!(
            "there is no protocol {protocol:?}; write {}, or describe it in protocols/<name>.toml",
            any_of(known)
        ),
    }
}
