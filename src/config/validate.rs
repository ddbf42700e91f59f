//! Rules that hold between values. Each fault names the key and the remedy.

use std::path::PathBuf;

use ::config::Value;

use super::{
    Config, Fault, Severity, address, admin_rules, health_rules, key::Key, listener_rules,
    poll_rules, presets, protocol_rules, tree, upstream_rules,
};
use crate::{
    commands,
    net::{Address, KeepaliveSettings},
    spool::{self, SettingsFault, WhenFull},
    units::Span,
};

/// Most seconds that Linux takes for the keep-alive's two times.
const LONGEST_PAUSE: u64 = 32_767;

/// Adds to `faults` what does not go together in `config`.
pub(super) fn check(
    config: &Config,
    folders: &[PathBuf],
    origins: &Value,
    faults: Vec<Fault>,
) -> Vec<Fault> {
    let mut rules = Rules { origins, faults, faulty: Vec::new() };
    rules.faulty = rules.faults.iter().map(|fault| fault.key.clone()).collect();
    check_top(config, &mut rules);
    let protocols = presets::protocol_names(folders);
    for (name, listener) in &config.listener {
        listener_rules::check(name, listener, &mut rules);
        protocol_rules::check(name, listener, &config.spool, folders, &protocols, &mut rules);
    }
    for (name, poll) in &config.poll {
        poll_rules::check(name, poll, config, &mut rules);
    }
    for (name, upstream) in &config.upstream {
        upstream_rules::check(name, upstream, config, &mut rules);
    }
    upstream_rules::check_shared_listeners(config, &mut rules);
    check_clashes(config, &mut rules);
    health_rules::check(&config.health, &mut rules);
    admin_rules::check(config, &mut rules);
    rules.faults
}

/// Collects faults, and keeps still about values that are faulty already: one mistake is told once.
pub(super) struct Rules<'a> {
    origins: &'a Value,
    faults: Vec<Fault>,
    faulty: Vec<String>,
}

impl Rules<'_> {
    /// A fault of `keys`, told of the first of them.
    pub(super) fn error(&mut self, keys: &[Key], text: String) {
        self.add(Severity::Error, keys, text);
    }

    /// Something about `key` that works and may surprise.
    pub(super) fn warn(&mut self, key: Key, text: String) {
        self.add(Severity::Warning, &[key], text);
    }

    fn add(&mut self, severity: Severity, keys: &[Key], text: String) {
        let Some(first) = keys.first() else { return };
        if keys.iter().any(|key| self.is_faulty(key)) {
            return;
        }
        if severity == Severity::Error {
            self.faulty.push(first.to_string());
        }
        let origin = tree::nearest_origin(self.origins, first);
        self.faults.push(Fault { severity, ..Fault::error(origin, first.to_string(), text) });
    }

    /// Whether what stands at `key`, around it or within it was refused before.
    fn is_faulty(&self, key: &Key) -> bool {
        let key = key.to_string();
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.faulty.iter().any(|bad| within(&key, bad) || within(bad, &key))
    }
}

fn check_top(config: &Config, rules: &mut Rules<'_>) {
    let gateway = &config.gateway;
    if gateway.trim().is_empty() || gateway.len() > 128 || gateway.chars().any(char::is_control) {
        let text =
            format!("{gateway:?} is no name; write 1 to 128 characters, such as \"plant-7\"");
        rules.error(&[Key::dotted("gateway")], text);
    }
    check_spool(&config.spool, rules);
    check_commands(&config.commands, rules);
    for module in config.log.modules.keys() {
        if !module.split("::").all(super::key::is_table_name) {
            let text =
                format!("{module:?} is no module; write its name, such as session = \"debug\"");
            rules.error(&[Key::dotted("log.modules").child(module)], text);
        }
    }
}

fn check_spool(settings: &spool::Settings, rules: &mut Rules<'_>) {
    match settings.check() {
        Ok(()) => {}
        Err(SettingsFault::TooSmall { given, least }) => {
            let text = format!("{given} is too small; write at least \"{least}\"");
            rules.error(&[Key::dotted("spool.max_size")], text);
        }
        Err(SettingsFault::CommitInterval { given, least, most }) => {
            let text = format!("{given} is no good; write \"{least}\" to \"{most}\"");
            rules.error(&[Key::dotted("spool.commit_interval")], text);
        }
    }
    if settings.when_full == WhenFull::DropOldest {
        let text = "\"drop_oldest\" may drop what was promised to a device; \"pause\" never does"
            .to_owned();
        rules.warn(Key::dotted("spool.when_full"), text);
    }
}

fn check_commands(settings: &commands::Settings, rules: &mut Rules<'_>) {
    let Err(fault) = settings.check() else { return };
    let (key, text) = match fault {
        commands::SettingsFault::NonePerDevice => {
            let text = "0 leaves room for none; write at least 1, or enabled = false".to_owned();
            ("max_per_device", text)
        }
        commands::SettingsFault::TotalTooSmall { least } => {
            let text = format!("{} is too small; write at least \"{least}\"", settings.max_total);
            ("max_total", text)
        }
        commands::SettingsFault::PauseTooLong { most } => {
            ("pause", format!("{} is too long; write \"0s\" to \"{most}\"", settings.pause))
        }
    };
    rules.error(&[Key::dotted("commands").child(key)], text);
}

/// Keep-alive as the kernel takes it; `table` is the key of the three numbers. Answers whether it
/// does.
pub(super) fn check_keepalive(
    table: &Key,
    keepalive: &KeepaliveSettings,
    rules: &mut Rules<'_>,
) -> bool {
    if keepalive.idle.non_zero().is_none() {
        return true;
    }
    let mut usable = true;
    for (name, span) in [("idle", keepalive.idle), ("interval", keepalive.interval)] {
        if !is_whole_pause(span) {
            let off = if name == "idle" { ", or \"0s\" for no keep-alive" } else { "" };
            let text = format!(
                "\"{span}\" is not what the kernel counts in; write whole seconds from 1s to \
                 {LONGEST_PAUSE}s{off}"
            );
            rules.error(&[table.child(name)], text);
            usable = false;
        }
    }
    if !(1..=127).contains(&keepalive.probes) {
        let text = format!(
            "{} is not what the kernel takes; write a number from 1 to 127",
            keepalive.probes
        );
        rules.error(&[table.child("probes")], text);
        usable = false;
    }
    usable
}

fn is_whole_pause(span: Span) -> bool {
    let time = span.get();
    time.subsec_nanos() == 0 && (1..=LONGEST_PAUSE).contains(&time.as_secs())
}

/// No two of ours may listen on one address.
fn check_clashes(config: &Config, rules: &mut Rules<'_>) {
    let listeners = config.listener.iter().filter(|(_, listener)| listener.enabled);
    let mut bound: Vec<(Key, Address)> = Vec::new();
    let wanted = listeners
        .map(|(name, listener)| (listener_rules::key(name, "address"), &listener.address))
        .chain(upstream_rules::accepting(config));
    for (key, text) in wanted {
        let Ok(wanted) = text.parse::<Address>() else { continue };
        match bound.iter().find(|(_, taken)| address::clash(taken, &wanted)) {
            Some((taken, _)) => rules.error(
                &[key, taken.clone()],
                format!("{text:?} is taken by {taken}; write another port or address"),
            ),
            None => bound.push((key, wanted)),
        }
    }
}
