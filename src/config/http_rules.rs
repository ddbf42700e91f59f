//! Rules of upstreams by HTTP.

use hyper::header::{HeaderName, HeaderValue};

use super::{
    Config,
    upstream_rules::{check_not_ourselves, key},
    validate::Rules,
};
use crate::{
    link::{Format, Mode, Target, UpstreamSettings, is_our_header},
    units::{Size, Span},
};

/// Most bytes of a request: answers to it are waited for with all of it in memory.
const LARGEST_BATCH: Size = Size::mib(64);

/// Checks what only upstreams by HTTP have.
pub(super) fn check(
    name: &str,
    settings: &UpstreamSettings,
    config: &Config,
    rules: &mut Rules<'_>,
) {
    if settings.mode == Mode::Accept {
        let text = "with type = \"http\" we send requests to the web server; write mode = \"dial\"";
        rules.error(&[key(name, "mode"), key(name, "type")], text.to_owned());
    }
    check_url(name, settings, config, rules);
    check_words(name, settings, rules);
    check_headers(name, settings, rules);
    check_token(name, settings, rules);
    check_limits(name, settings, rules);
}

/// Tells of keys that only upstreams by HTTP have.
pub(super) fn check_absent(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    if settings.format == Format::JsonArray {
        let text = "\"json-array\" is for type = \"http\"; write \"json-lines\"".to_owned();
        rules.error(&[key(name, "format"), key(name, "type")], text);
    }
    if settings.url.is_some() {
        let text =
            "a url is for type = \"http\"; write type = \"http\", or address = \"host:port\"";
        rules.error(&[key(name, "url"), key(name, "type")], text.to_owned());
    }
    let unused =
        [("token_file", settings.token_file.is_some()), ("headers", !settings.headers.is_empty())];
    for (unused, _) in unused.iter().filter(|(_, set)| *set) {
        let text = "has no effect with type = \"tcp\"; remove it, or write type = \"http\"";
        rules.warn(key(name, unused), text.to_owned());
    }
}

fn check_url(name: &str, settings: &UpstreamSettings, config: &Config, rules: &mut Rules<'_>) {
    let url = key(name, "url");
    let Some(written) = &settings.url else {
        if settings.enabled {
            let text = "is missing; write where events are posted to, such as \
                        \"https://example.com/events\"";
            rules.error(&[url, key(name, "type")], text.to_owned());
        }
        return;
    };
    let target = match Target::parse(written) {
        Ok(target) => target,
        Err(fault) => return rules.error(&[url], fault.to_string()),
    };
    let address = target.address();
    check_not_ourselves(url.clone(), &address, config, rules);
    if !target.is_secure && !address.is_local() {
        let text = "events, headers and token go over the network as plain text; write https:// if \
                    the web server can";
        rules.warn(url, text.to_owned());
    }
}

fn check_words(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    if settings.format == Format::Node {
        let text = "\"node\" has no offsets that a request could acknowledge; write \"json-lines\" \
                    or \"json-array\"";
        rules.error(&[key(name, "format"), key(name, "type")], text.to_owned());
    } else if !settings.ack {
        let text = "the answer to each request acknowledges its events; write ack = true";
        rules.error(&[key(name, "ack"), key(name, "type")], text.to_owned());
    }
    let unused = [("listener", settings.listener.is_some()), ("from", !settings.from.is_empty())];
    for (unused, _) in unused.iter().filter(|(_, set)| *set) {
        let text = "has no effect with type = \"http\"; remove it".to_owned();
        rules.warn(key(name, unused), text);
    }
}

fn check_headers(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    let has_token = settings.token.is_some() || settings.token_file.is_some();
    for (header, value) in &settings.headers {
        let at = key(name, "headers").child(header);
        let text = if HeaderName::from_bytes(header.as_bytes()).is_err() {
            "this is no name of a header; write letters, digits and hyphens, such as X-Site"
        } else if is_our_header(header) {
            "tetherd writes this header itself; remove it"
        } else if has_token && header.eq_ignore_ascii_case("authorization") {
            "a token is written, too, and there is one Authorization only; remove one of them"
        } else if HeaderValue::from_str(value).is_err() {
            "a header's value is one line of visible ASCII signs; write it so"
        } else {
            continue;
        };
        rules.error(&[at], text.to_owned());
    }
}

fn check_token(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    let (token, file) = (key(name, "token"), key(name, "token_file"));
    if let Some(secret) = &settings.token {
        if settings.token_file.is_some() {
            let text = "token_file says it already; remove one of them".to_owned();
            rules.error(&[token.clone(), file.clone()], text);
        }
        if secret.trim().is_empty() {
            rules.error(&[token], "is empty; write a secret, or remove it".to_owned());
        } else if HeaderValue::from_str(secret).is_err() {
            let text = "goes into a header; write one line of visible ASCII signs".to_owned();
            rules.error(&[token], text);
        }
    }
    if settings.token_file.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        rules.error(&[file], "is empty; write a file's path, or remove it".to_owned());
    }
}

fn check_limits(name: &str, settings: &UpstreamSettings, rules: &mut Rules<'_>) {
    let bytes = settings.batch_bytes;
    if bytes.0 == 0 || bytes > LARGEST_BATCH {
        let text = format!("\"{bytes}\" is no good; write \"1B\" to \"{LARGEST_BATCH}\"");
        rules.error(&[key(name, "batch_bytes")], text);
    } else if bytes > settings.window {
        let text = format!(
            "\"{bytes}\" is more than window, {}; write less, or a larger window",
            settings.window
        );
        rules.error(&[key(name, "batch_bytes"), key(name, "window")], text);
    }
    if settings.batch_events == 0 {
        let text = "0 would send nothing; write 1 or more".to_owned();
        rules.error(&[key(name, "batch_events")], text);
    }
    let (linger, timeout) = (settings.linger, settings.timeout);
    // A stop must not have to wait for it.
    if linger > Span::seconds(1) {
        let text = format!("\"{linger}\" would make everybody late; write \"1s\" or less");
        rules.error(&[key(name, "linger")], text);
    }
    if timeout.non_zero().is_none() || timeout > Span::seconds(3600) {
        let text = format!("\"{timeout}\" is no good; write \"1ms\" to \"1h\"");
        rules.error(&[key(name, "timeout")], text);
    }
}
