use std::fmt;

use hyper::Uri;

use crate::net::Address;

/// Where requests go, as `url` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether it is `https`.
    pub is_secure: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Port, written or usual.
    pub port: u16,
    /// Host and port as they were written, for the `Host` header.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// Why text is no URL of a web server, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetFault(String);

impl Target {
    /// Reads `https://host[:port]/path` or `http://...`.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn parse(url: &str) -> Result<Self, TargetFault> {
        let fault = |text: String| Err(TargetFault(text));
        let whole = "write one such as \"https://example.com/events\"";
        let Ok(uri) = url.parse::<Uri>() else {
            return fault(format!("this is no URL; {whole}"));
        };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return fault(format!("this is no whole URL; {whole}"));
        };
        if authority.as_str().contains('@') {
            let text = "a password in the URL would be shown; write token = \"...\", or \
                        headers = { Authorization = \"Basic ...\" }";
            return fault(text.to_owned());
        }
        let is_secure = match scheme {
            "https" => true,
            "http" => false,
            other => {
                return fault(format!("{other:?} is not spoken here; write https:// or http://"));
            }
        };
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let target = Self {
            is_secure,
            host: bare.to_owned(),
            port,
            authority: authority.to_string(),
            path: path.to_owned(),
        };
        // A port that is written and none is no port to `Uri`, and the usual one would be taken.
        let is_port_written = authority.as_str() != authority.host();
        if bare.is_empty() || is_port_written && uri.port_u16().is_none_or(|port| port == 0) {
            return fault(format!(
                "{authority:?} is no host with a port; {whole}",
                authority = authority.as_str()
            ));
        }
        Ok(target)
    }

    /// The address that is dialled.
    pub fn address(&self) -> Address {
        Address::Tcp { host: self.host.clone(), port: self.port }
    }
}

/// Without the query, which may hold a secret.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_requests_go() {
        let table = [
            ("https://web/events?key=1", true, "web", 443, "/events?key=1", "https://web/events"),
            ("http://10.0.0.9:8080", false, "10.0.0.9", 8080, "/", "http://10.0.0.9:8080/"),
            ("https://[::1]:8443/a", true, "::1", 8443, "/a", "https://[::1]:8443/a"),
            ("https://[::1]/a", true, "::1", 443, "/a", "https://[::1]/a"),
        ];
        for (url, is_secure, host, port, path, shown) in table {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.is_secure, &*target.host, target.port), (is_secure, host, port));
            assert_eq!((&*target.path, &*target.to_string()), (path, shown));
        }
    }

    #[test]
    fn what_is_no_url_is_told_with_what_to_write() {
        let table = [
            ("", "no URL"),
            ("web/events", "no URL"),
            ("web", "no whole URL"),
            ("/events", "no whole URL"),
            ("ftp://web/", "\"ftp\" is not spoken here"),
            ("https://me:secret@web/", "token = \"...\""),
            ("https://web:0/", "no host with a port"),
            ("https://web:port/", "no host with a port"),
            ("https://web:99999/", "no"),
            ("https://web:/", "no host with a port"),
            ("https:///events", "no URL"),
        ];
        for (url, why) in table {
            let fault = Target::parse(url).unwrap_err().to_string();
            assert!(fault.contains(why) && !fault.contains("secret"), "{url}: {fault}");
        }
    }
}
