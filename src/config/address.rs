//! Addresses and paths as a configuration needs them: which clash, and where relative ones lead.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use ::config::Value;

use super::{Config, Fault, key::Key, tree};
use crate::{net::Address, spool::SpoolType};

/// Whether a process could not listen on both.
pub(super) fn clash(one: &Address, two: &Address) -> bool {
    if one.port() == Some(0) {
        return false;
    }
    let (Some(first), Some(second)) = (ip(one), ip(two)) else { return one == two };
    one.port() == two.port() && (first == second || covers(first, second) || covers(second, first))
}

/// The IP address, where it is written as one or goes without saying.
fn ip(address: &Address) -> Option<IpAddr> {
    let is_local = matches!(address, Address::Tcp { host, .. } if host == "localhost");
    address.ip().or(is_local.then_some(Ipv4Addr::LOCALHOST.into())).map(|ip| ip.to_canonical())
}

/// Whether whoever listens on `wide` listens on `narrow` as well; `[::]` takes IPv4 too.
fn covers(wide: IpAddr, narrow: IpAddr) -> bool {
    wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
}

/// Makes the path of the spool absolute. Where there is no folder that it could be relative to, and
/// nobody asked for one, events wait in memory.
pub(super) fn resolve_spool(
    config: &mut Config,
    base: Option<&Path>,
    origins: &Value,
    faults: &mut Vec<Fault>,
) {
    let spool = &mut config.spool;
    if spool.kind == SpoolType::Memory || spool.path.is_absolute() {
        return;
    }
    if let Some(Ok(path)) = base.map(|base| std::path::absolute(base.join(&spool.path))) {
        spool.path = path;
        return;
    }
    let (kind, key) = (Key::dotted("spool.type"), Key::dotted("spool.path"));
    let is_written =
        |key: &Key| tree::origin(origins, key).is_some_and(|origin| !origin.starts_with("built"));
    if !is_written(&kind) && !is_written(&key) {
        spool.kind = SpoolType::Memory;
        return;
    }
    if faults.iter().any(|fault| fault.key.starts_with("spool.")) {
        return;
    }
    let text = relative(&spool.path.display().to_string());
    let origin = if is_written(&key) { &key } else { &kind };
    faults.push(Fault::error(tree::nearest_origin(origins, origin), key.to_string(), text));
}

pub(super) fn relative(path: &str) -> String {
    format!(
        "{path:?} is relative to nothing: there is no configuration folder and no \
         $STATE_DIRECTORY; write the whole path, from the root on"
    )
}

/// Makes relative paths of Unix sockets absolute: a path never depends on the working directory.
pub(super) fn resolve(
    config: &mut Config,
    base: Option<&Path>,
    origins: &Value,
    faults: &mut Vec<Fault>,
) {
    let listeners =
        config.listener.iter_mut().map(|(name, at)| ("listener", name, &mut at.address));
    let upstreams =
        config.upstream.iter_mut().map(|(name, at)| ("upstream", name, &mut at.address));
    for (kind, name, address) in listeners.chain(upstreams) {
        let Some(path) = address.strip_prefix("unix:").map(Path::new) else { continue };
        if path.is_absolute() || path.as_os_str().is_empty() {
            continue;
        }
        let key = Key(Vec::new()).child(kind).child(name).child("address");
        match base.map(|base| std::path::absolute(base.join(path))) {
            Some(Ok(path)) => *address = format!("unix:{}", path.display()),
            _ => {
                let text = relative(address);
                faults.push(Fault::error(
                    tree::nearest_origin(origins, &key),
                    key.to_string(),
                    text,
                ));
            }
        }
    }
}

/// Makes relative paths of files with tokens absolute.
pub(super) fn resolve_tokens(
    config: &mut Config,
    base: Option<&Path>,
    origins: &Value,
    faults: &mut Vec<Fault>,
) {
    for (name, upstream) in &mut config.upstream {
        let Some(path) = &mut upstream.token_file else { continue };
        if path.is_absolute() || path.as_os_str().is_empty() {
            continue;
        }
        match base.map(|base| std::path::absolute(base.join(&*path))) {
            Some(Ok(whole)) => *path = whole,
            _ => {
                let key = Key::dotted("upstream").child(name).child("token_file");
                let origin = tree::nearest_origin(origins, &key);
                let text = relative(&path.display().to_string());
                faults.push(Fault::error(origin, key.to_string(), text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_clash_when_one_covers_the_other() {
        let clash = |one: &str, two: &str| clash(&one.parse().unwrap(), &two.parse().unwrap());
        assert!(clash("0.0.0.0:1", "127.0.0.1:1"));
        assert!(clash("10.0.0.1:1", "10.0.0.1:1"));
        assert!(clash("unix:/a", "unix:/a"));
        assert!(clash("[::]:1", "0.0.0.0:1"), "[::] takes IPv4 as well");
        assert!(clash("127.0.0.1:1", "[::]:1"));
        assert!(clash("0.0.0.0:1", "localhost:1"));
        assert!(clash("[::ffff:10.0.0.1]:1", "10.0.0.1:1"));
        assert!(!clash("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!clash("127.0.0.1:1", "127.0.0.2:1"));
        assert!(!clash("0.0.0.0:1", "[::1]:1"));
        assert!(!clash("unix:/a", "unix:/b"));
    }
}
