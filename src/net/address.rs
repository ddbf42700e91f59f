use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::PathBuf,
    str::FromStr,
};

/// Where to listen or connect, as written: `host:port`, `[::]:port` or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp {
        /// Name or address, without brackets. A name is looked up when it is needed.
        host: String,
        /// Port; 0 lets the kernel choose when listening.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why text is no address, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressFault(String);

impl Address {
    /// Longest path of a Unix socket, in bytes, as the kernel has it.
    pub const LONGEST_PATH: usize = 107;

    /// The port, where there is one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// The IP address, where it is written out.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { host, .. } => host.parse().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Whether only this machine can connect to it.
    pub fn is_local(&self) -> bool {
        match (self, self.ip()) {
            (_, Some(ip)) => ip.to_canonical().is_loopback(),
            (Self::Tcp { host, .. }, None) => host == "localhost",
            (Self::Unix(_), None) => true,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        match text.strip_prefix("unix:") {
            Some(path) => unix(text, path),
            None => tcp(text),
        }
        .map_err(AddressFault)
    }
}

fn unix(text: &str, path: &str) -> Result<Address, String> {
    match path.len() {
        0 => Err(format!("{text:?} has no path; write unix:/path/to/socket")),
        length if length > Address::LONGEST_PATH => Err(format!(
            "the path has {length} bytes; the kernel takes {} at most, so write a shorter one",
            Address::LONGEST_PATH
        )),
        _ => Ok(Address::Unix(path.into())),
    }
}

fn tcp(text: &str) -> Result<Address, String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("{text:?} has no port; write an IPv6 address as \"[::1]:7000\""));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("{text:?} has no port; write host:port, such as \"{text}:7000\""));
    };
    if host.is_empty() {
        return Err(format!(
            "{text:?} has no host; write \"0.0.0.0:{port}\" for every address of this machine"
        ));
    }
    let Some(port) = port.parse().ok().filter(|_| !port.starts_with('+')) else {
        return Err(format!(
            "{port:?} is no port; write a number from 0 to 65535 behind the colon"
        ));
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(_) => text.parse::<SocketAddrV6>().is_ok(),
        None => is_host_name(host),
    };
    if !is_host {
        return Err(format!(
            "{host:?} is no host; write an IPv4 address, a name, or an IPv6 address in brackets"
        ));
    }
    Ok(Address::Tcp { host: bare.unwrap_or(host).to_owned(), port })
}

/// Letters, digits, `-`, `_` and dots; and no numbers alone, which would be a broken IPv4 address.
fn is_host_name(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= 253 && host.bytes().all(known) && !number || host.parse::<Ipv4Addr>().is_ok()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back_the_same() {
        for text in [
            "0.0.0.0:7000",
            "[::]:7000",
            "[::1]:0",
            "[fe80::1%2]:7000",
            "web.example.org:80",
            "localhost:0",
            "unix:/run/tetherd.sock",
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        let socket: SocketAddr = "[::1]:7000".parse().unwrap();
        assert_eq!(Address::from(socket).to_string(), "[::1]:7000");
    }

    #[test]
    fn what_is_no_address_is_told_with_its_remedy() {
        let long = format!("unix:/{}", "x".repeat(107));
        for (text, remedy) in [
            ("", "has no port; write host:port"),
            ("7000", "\"7000:7000\""),
            (":7000", "\"0.0.0.0:7000\""),
            ("::1", "[::1]:7000"),
            ("::1:7000", "no port"),
            ("[::1:7000", "is no host"),
            ("[web]:7100", "is no host"),
            ("web:", "number from 0 to 65535"),
            ("web:http", "number from 0 to 65535"),
            ("web:70000", "number from 0 to 65535"),
            ("web:+7", "number from 0 to 65535"),
            ("10.0.0.300:7000", "is no host"),
            ("a b:7000", "is no host"),
            ("unix:", "unix:/path"),
            (&long, "107 at most"),
        ] {
            let said = text.parse::<Address>().unwrap_err().to_string();
            assert!(said.contains(remedy), "{text}: {said}");
        }
    }

    #[test]
    fn what_only_this_machine_reaches_is_known() {
        let is_local = |text: &str| text.parse::<Address>().unwrap().is_local();
        for text in ["127.0.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1", "unix:/a"] {
            assert!(is_local(text), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "web:1"] {
            assert!(!is_local(text), "{text}");
        }
    }
}
