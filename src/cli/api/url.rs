use std::str::FromStr;

use crate::net::Address;

/// Where an admin API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiUrl {
    /// Name or number, without brackets.
    pub host: String,
    pub port: u16,
    /// As it stands in `Host`.
    pub authority: String,
}

impl ApiUrl {
    /// Where a listener at `address` is reached from this machine.
    pub fn of_listener(address: &str) -> Result<Self, String> {
        let Address::Tcp { mut host, port } =
            address.parse::<Address>().map_err(|fault| fault.to_string())?
        else {
            return Err(format!("{address:?} is no http address"));
        };
        match host.as_str() {
            "0.0.0.0" => host = "127.0.0.1".to_owned(),
            "::" => host = "::1".to_owned(),
            _ => {}
        }
        Ok(Self::new(host, port))
    }

    fn new(host: String, port: u16) -> Self {
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        Self { host, port, authority: format!("{shown}:{port}") }
    }
}

impl FromStr for ApiUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("--api {text:?}: {why}; write http://127.0.0.1:7080");
        if text.starts_with("https://") {
            return Err(wrong("TLS is not built yet"));
        }
        let rest = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        match rest.parse::<Address>() {
            Ok(Address::Tcp { host, port }) => Ok(Self::new(host, port)),
            Ok(Address::Unix(_)) => Err(wrong("a Unix socket is not built yet")),
            Err(fault) => Err(wrong(&fault.to_string())),
        }
    }
}

/// Percent-encodes what stands in a path or behind a question mark.
pub(super) fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_named_as_a_url_or_as_an_address() {
        for text in ["http://localhost:7080", "http://localhost:7080/", "localhost:7080"] {
            assert_eq!(text.parse::<ApiUrl>().unwrap().authority, "localhost:7080");
        }
        let v6 = "http://[::1]:7080".parse::<ApiUrl>().unwrap();
        assert_eq!((v6.host.as_str(), v6.authority.as_str()), ("::1", "[::1]:7080"));
        for text in ["https://localhost:7080", "http://localhost", "unix:/run/a", ""] {
            assert!(text.parse::<ApiUrl>().is_err(), "{text:?}");
        }
        assert_eq!(ApiUrl::of_listener("0.0.0.0:7080").unwrap().authority, "127.0.0.1:7080");
        assert_eq!(ApiUrl::of_listener("[::]:7080").unwrap().authority, "[::1]:7080");
        assert_eq!(encoded("a/b c%~"), "a%2Fb%20c%25~");
    }
}
