//! Rules of `[admin]`, and where its relative paths lead.

use std::path::Path;

use ::config::Value;

use super::{
    Config, Fault, address, key::Key, listener_rules, tree, upstream_rules, validate::Rules,
};
use crate::{
    actors::ListenerSettings,
    admin::{Settings, TokenSettings},
    net::Address,
};

fn key(name: &str) -> Key {
    Key::dotted("admin").child(name)
}

/// The key of `name` in the table of the token `token`.
fn token_key(token: &str, name: &str) -> Key {
    key("tokens").child(token).child(name)
}

/// Checks what stands in `[admin]`.
pub(super) fn check(config: &Config, rules: &mut Rules<'_>) {
    let settings = &config.admin;
    if !settings.enabled {
        return;
    }
    let address = key("address");
    match settings.address.parse::<Address>() {
        Err(fault) => rules.error(&[address], fault.to_string()),
        Ok(Address::Unix(_)) => {
            let text =
                "a Unix socket is not built yet; write host:port, such as \"127.0.0.1:7080\"";
            rules.error(&[address], text.to_owned());
        }
        Ok(parsed) => {
            check_tokens_are_there(settings, &parsed, rules);
            check_clashes(config, &parsed, rules);
        }
    }
    for (name, token) in settings.tokens.iter().filter(|(_, token)| token.enabled) {
        check_token(name, token, rules);
    }
}

fn check_tokens_are_there(settings: &Settings, address: &Address, rules: &mut Rules<'_>) {
    let any = settings.tokens.values().any(|token| token.enabled);
    if any || address.is_local() {
        return;
    }
    let text = format!(
        "\"{address}\" can be reached from other machines, and there is no token; write \
         [admin.tokens.ops] with file = \"/path/of/the/token\" and access = \"full\", or a loopback \
         address such as \"127.0.0.1:7080\""
    );
    rules.error(&[key("address"), key("tokens")], text);
}

fn check_clashes(config: &Config, admin: &Address, rules: &mut Rules<'_>) {
    let is_enabled = |(_, listener): &(&String, &ListenerSettings)| listener.enabled;
    let listeners = config.listener.iter().filter(is_enabled);
    let others = listeners
        .map(|(name, listener)| (listener_rules::key(name, "address"), &listener.address))
        .chain(upstream_rules::accepting(config));
    for (other, text) in others {
        let clashes = text.parse().is_ok_and(|taken| address::clash(&taken, admin));
        if clashes {
            let text = format!("\"{admin}\" is taken by {other}; write another port or address");
            return rules.error(&[key("address"), other], text);
        }
    }
}

fn check_token(name: &str, token: &TokenSettings, rules: &mut Rules<'_>) {
    if !super::key::is_table_name(name) {
        let text = format!(
            "the name {name:?} has other signs than a-z, 0-9 and single underscores; write another"
        );
        rules.error(&[key("tokens").child(name)], text);
    }
    if token.file.as_os_str().is_empty() {
        let text = "is missing; write the path of the file that holds the token".to_owned();
        rules.error(&[token_key(name, "file")], text);
    }
}

/// Makes the paths of token files absolute.
pub(super) fn resolve(
    config: &mut Config,
    base: Option<&Path>,
    origins: &Value,
    faults: &mut Vec<Fault>,
) {
    for (name, token) in &mut config.admin.tokens {
        if token.file.is_absolute() || token.file.as_os_str().is_empty() {
            continue;
        }
        match base.map(|base| std::path::absolute(base.join(&token.file))) {
            Some(Ok(path)) => token.file = path,
            _ => {
                let key = token_key(name, "file");
                let text = address::relative(&token.file.display().to_string());
                let origin = tree::nearest_origin(origins, &key);
                faults.push(Fault::error(origin, key.to_string(), text));
            }
        }
    }
}
