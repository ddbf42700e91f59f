use super::{
    Config,
    address::clash,
    http_rules,
    key::Key,
    validate::{Rules, check_keepalive},
    wording::nearest,
};
use crate::{
    link::{Encoding, Format, LinkType, Mode, UpstreamSettings},
    net::Address,
    spool::WhenBehind,
};

/// The key `name` of upstream `upstream`.
pub(super) fn key(upstream: &str, name: &str) -> Key {
    Key::dotted("upstream").child(upstream).child(name)
}

/// Checks what stands in `[upstream.<name>]`.
pub(super) fn check(
    name: &str,
    settings: &UpstreamSettings,
    config: &Config,
    rules: &mut Rules<'_>,
) {
    match settings.kind {
        LinkType::Http => http_rules::check(name, settings, config, rules),
        LinkType::Tcp => check_tcp(name, settings, config, rules),
    }
    check_keepalive(&key(name, "keepalive"), &settings.keepalive, rules);
    check_limits(name, settings, rules);
}

fn check_tcp(name: &str, settings: &UpstreamSettings, config: &Config, rules: &mut Rules<'_>) {
    http_rules::check_absent(name, settings, rules);
    match settings.mode {
        Mode::Dial => check_dial(name, settings, config, rules),
        Mode::Accept => check_accept(name, settings, config, rules),
    }
    check_format(name, settings, rules);
}

/// An upstream that is one of our own listeners would be fed its own lines.
pub(super) fn check_not_ourselves(
    at: Key,
    address: &Address,
    config: &Config,
    rules: &mut Rules<'_>,
) {
    let ours = config.listener.iter().find(|(_, listener)| {
        let listens = listener.address.parse::<Address>();
        listener.enabled && listens.is_ok_and(|listens| clash(&listens, address))
    });
    if let Some((listener, _)) = ours {
        let text = format!(
            "\"{address}\" is where listener.{listener} listens; write the web server's address"
        );
        rules.error(&[at], text);
    }
}

fn check_dial(name: &str, settings: &UpstreamSettings, config: &Config, rules: &mut Rules<'_>) {
    let address = key(name, "address");
    if !settings.address.is_empty() {
        match settings.address.parse::<Address>() {
            Ok(parsed) if parsed.port() == Some(0) => {
                rules.error(
                    &[address],
                    "nobody can be reached on port 0; write the web server's port".to_owned(),
                );
            }
            Ok(parsed) => check_not_ourselves(address, &parsed, config, rules),
            Err(fault) => rules.error(&[address], fault.to_string()),
        }
    } else if settings.enabled {
        let text = "is missing; write where the web server listens, such as \"127.0.0.1:7100\", or \
                    mode = \"accept\"";
        rules.error(&[address, key(name, "mode")], text.to_owned());
    }
    let unused = [
        ("listener", settings.listener.is_some()),
        ("from", !settings.from.is_empty()),
        ("token", settings.token.is_some()),
    ];
    for (unused, _) in unused.iter().filter(|(_, set)| *set) {
        let text =
            "has no effect with mode = \"dial\"; remove it, or write mode = \"accept\"".to_owned();
        rules.warn(key(name, unused), text);
    }
}

fn check_accept(name: &str, settings: &UpstreamSettings, config: &Config, rules: &mut Rules<'_>) {
    if settings.token.as_deref().is_some_and(|token| token.trim().is_empty()) {
        rules.error(&[key(name, "token")], "is empty; write a secret, or remove it".to_owned());
    }
    let Some(listener) = &settings.listener else {
        return check_own_address(name, settings, rules);
    };
    if settings.enabled {
        check_listener(name, listener, config, rules);
    }
    if settings.from.is_empty() {
        let text = "is missing: on a device listener the web server is known by its address, and \
                    without one every device would be taken for it; write from = [\"10.0.0.9\"]"
            .to_owned();
        rules.error(&[key(name, "from"), key(name, "listener")], text);
    }
}

fn check_own_address(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    let address = key(name, "address");
    if settings.address.is_empty() {
        if settings.enabled {
            let text = "is missing; write where the web server connects, such as \
                        \"127.0.0.1:7100\", or listener = \"dtu\" to share a device listener"
                .to_owned();
            rules.error(&[address, key(name, "listener")], text);
        }
        return;
    }
    match settings.address.parse::<Address>() {
        Err(fault) => rules.error(&[address], fault.to_string()),
        Ok(parsed)
            if !parsed.is_local() && settings.from.is_empty() && settings.token.is_none() =>
        {
            let text = format!(
                "{:?} takes anybody for the web server; write from = [\"10.0.0.9\"] or a token, or \
                 listen on 127.0.0.1",
                settings.address
            );
            rules.error(&[address, key(name, "from"), key(name, "token")], text);
        }
        Ok(_) => {}
    }
}

fn check_listener(name: &str, listener: &str, config: &Config, rules: &mut Rules<'_>) {
    let at = key(name, "listener");
    match config.listener.get(listener) {
        Some(found) if found.address.starts_with("unix:") => {
            let text = format!(
                "listener {listener:?} is a Unix socket, where no address tells a web server from \
                 a device; write a listener with an IP address, or give the upstream an address of \
                 its own"
            );
            rules.error(&[at], text);
        }
        Some(found) if found.enabled => {}
        Some(_) => {
            let text = format!("listener {listener:?} is not enabled; enable it, or write another");
            rules.error(&[at], text);
        }
        None => {
            let text = match nearest(listener, config.listener.keys().map(String::as_str)) {
                Some(near) => format!("there is no listener {listener:?}; did you mean {near:?}?"),
                None => format!(
                    "there is no listener {listener:?}; add [listener.{listener}], or write another"
                ),
            };
            rules.error(&[at, Key::dotted("listener").child(listener)], text);
        }
    }
}

fn check_format(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    if settings.format != Format::Node {
        return;
    }
    let format = key(name, "format");
    if !matches!(settings.encoding, Encoding::Buffer | Encoding::Text) {
        let text =
            "format = \"node\" writes bytes as Node does; write encoding = \"buffer\" or \"text\""
                .to_owned();
        rules.error(&[key(name, "encoding"), format.clone()], text);
    }
    if settings.ack {
        let text = "format = \"node\" has no acknowledgements; write ack = false".to_owned();
        rules.error(&[key(name, "ack"), format], text);
    }
}

fn check_limits(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    if settings.window.0 == 0 {
        rules.error(
            &[key(name, "window")],
            "\"0B\" would send nothing; write \"1B\" or more".to_owned(),
        );
    }
    let (initial, max) = (settings.retry.initial, settings.retry.max);
    let first = key(name, "retry").child("initial");
    if initial.non_zero().is_none() {
        let text = "\"0s\" would try without a pause; write \"1ms\" or more".to_owned();
        rules.error(&[first], text);
    } else if initial > max {
        let text =
            format!("\"{initial}\" is more than retry.max, {max}; write less, or a larger max");
        rules.error(&[first, key(name, "retry").child("max")], text);
    }
    if settings.when_behind == WhenBehind::Skip && settings.max_lag.0 == 0 {
        let text = "\"0B\" would skip everything; write \"1B\" or more".to_owned();
        rules.error(&[key(name, "max_lag")], text);
    }
}

/// The addresses on which upstreams listen by themselves.
pub(super) fn accepting(config: &Config) -> impl Iterator<Item = (Key, &String)> {
    let own = |upstream: &UpstreamSettings| {
        upstream.enabled && upstream.mode == Mode::Accept && upstream.listener.is_none()
    };
    config
        .upstream
        .iter()
        .filter(move |(_, upstream)| own(upstream))
        .map(|(name, upstream)| (key(name, "address"), &upstream.address))
}

/// On one device listener, an address must say which upstream a web server belongs to.
pub(super) fn check_shared_listeners(config: &Config, rules: &mut Rules<'_>) {
    let shared: Vec<(&String, &UpstreamSettings)> = config
        .upstream
        .iter()
        .filter(|(_, upstream)| {
            upstream.enabled && upstream.mode == Mode::Accept && upstream.listener.is_some()
        })
        .collect();
    for (at, (name, upstream)) in shared.iter().enumerate() {
        for (other_name, other) in &shared[..at] {
            if upstream.listener != other.listener {
                continue;
            }
            let known = |ip: &&std::net::IpAddr| {
                other.from.iter().any(|from| from.to_canonical() == ip.to_canonical())
            };
            if let Some(ip) = upstream.from.iter().find(known) {
                let taken = key(other_name, "from");
                let text = format!(
                    "{ip} is in {taken} too, on the same listener; write it in one of them"
                );
                rules.error(&[key(name, "from"), taken], text);
            }
        }
    }
}
