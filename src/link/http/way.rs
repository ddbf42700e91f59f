use std::{fs, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use tokio::task::spawn_blocking;

use super::{batch::Facts, target::Target};
use crate::{
    link::{Format, LinkFault, LinkFaultKind, UpstreamSettings},
    net::KeepaliveSettings,
};

/// Everything that requests to one web server have in common.
#[derive(Debug)]
pub struct Way {
    pub(super) target: Target,
    pub(super) keepalive: KeepaliveSettings,
    /// From the first byte sent to the last byte of the answer, a new connection included.
    pub(super) timeout: Duration,
    pub(super) format: Format,
    pub(super) settings: Limits,
    path: Uri,
    headers: HeaderMap,
}

/// How much goes into one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) linger: Duration,
}

const GATEWAY: HeaderName = HeaderName::from_static("x-tetherd-gateway");
const SPOOL: HeaderName = HeaderName::from_static("x-tetherd-spool");
const NEXT: HeaderName = HeaderName::from_static("x-tetherd-next");

/// Headers that belong to the transfer, and to us.
const OURS: [&str; 10] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "upgrade",
    "expect",
];

/// Whether a header of this name is written by us and by nobody else.
pub fn is_our_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OURS.contains(&&*name) || name.starts_with("x-tetherd-")
}

impl Way {
    /// Reads the settings, and the file with the token.
    ///
    /// # Errors
    /// What of it cannot be read; `check` finds all of it but the file.
    pub async fn new(settings: &UpstreamSettings) -> Result<Arc<Self>, LinkFault> {
        let place = settings.place();
        let fault = |detail: String| LinkFault::new(LinkFaultKind::Other, place, detail);
        let target = Target::parse(settings.url.as_deref().unwrap_or_default())
            .map_err(|error| fault(error.to_string()))?;
        let token = match &settings.token_file {
            Some(path) => Some(token_in(path.clone()).await.map_err(fault)?),
            None => settings.token.clone(),
        };
        let headers = headers(settings, &target, token.as_deref());
        Ok(Arc::new(Self {
            path: target.path.parse().map_err(|_| fault("url has no path".to_owned()))?,
            keepalive: settings.keepalive,
            timeout: settings.timeout.get(),
            format: settings.format,
            settings: Limits {
                events: settings.batch_events as usize,
                bytes: settings.batch_bytes.bytes(),
                linger: settings.linger.get(),
            },
            headers: headers.ok_or_else(|| fault("a header or the token is no text".to_owned()))?,
            target,
        }))
    }

    /// A request with this body.
    pub(super) fn request(&self, facts: &Facts, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(NEXT, HeaderValue::from(facts.next));
        for (name, text) in [(GATEWAY, &facts.gateway), (SPOOL, &facts.spool)] {
            // A gateway's name has no control characters.
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                headers.insert(name, value);
            }
        }
        request
    }
}

fn headers(settings: &UpstreamSettings, target: &Target, token: Option<&str>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("tetherd/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, text) in &settings.headers {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let kind = match settings.format {
        Format::JsonArray => "application/json",
        Format::JsonLines | Format::Node => "application/x-ndjson",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(HOST, HeaderValue::from_str(&target.authority).ok()?);
    Some(headers)
}

/// Read for each link, so that a token can be changed without a restart.
async fn token_in(path: std::path::PathBuf) -> Result<String, String> {
    let shown = path.display().to_string();
    let read = spawn_blocking(move || fs::read_to_string(path)).await;
    let text = read
        .map_err(|error| error.to_string())
        .and_then(|read| read.map_err(|error| error.to_string()))
        .map_err(|error| format!("token_file {shown:?}: {error}; write the token into it"))?;
    match text.trim() {
        "" => Err(format!("token_file {shown:?} is empty; write the token into it")),
        token => Ok(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings() -> UpstreamSettings {
        let own = [("X-Site", "plant 7"), ("user-agent", "ours")];
        UpstreamSettings {
            url: Some("https://web:8443/in?key=1".to_owned()),
            token: Some("secret".to_owned()),
            headers: BTreeMap::from(own.map(|(name, text)| (name.to_owned(), text.to_owned()))),
            ..UpstreamSettings::default()
        }
    }

    #[tokio::test]
    async fn a_request_tells_who_sends_it_and_what_comes_first() {
        let way = Way::new(&settings()).await.unwrap();
        let facts = Facts { gateway: "Werk \u{e4}".to_owned(), spool: "9f".to_owned(), next: 17 };
        let request = way.request(&facts, Bytes::from_static(b"x"));
        assert_eq!(
            (request.method().as_str(), request.uri().to_string().as_str()),
            ("POST", "/in?key=1")
        );
        let header = |name: &str| request.headers().get(name).unwrap().as_bytes();
        assert_eq!(header("host"), b"web:8443");
        assert_eq!(header("authorization"), b"Bearer secret");
        assert_eq!(header("content-type"), b"application/x-ndjson");
        assert_eq!((header("x-site"), header("user-agent")), (&b"plant 7"[..], &b"ours"[..]));
        assert_eq!(header("x-tetherd-gateway"), "Werk \u{e4}".as_bytes());
        assert_eq!((header("x-tetherd-spool"), header("x-tetherd-next")), (&b"9f"[..], &b"17"[..]));
        assert!(!format!("{way:?}").contains("secret"));
    }

    #[tokio::test]
    async fn the_token_of_a_file_is_read_for_each_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let settings = UpstreamSettings { token_file: Some(path.clone()), ..settings() };
        let fault = Way::new(&settings).await.unwrap_err().to_string();
        assert!(fault.contains("token_file") && fault.contains("No such file"), "{fault}");
        for (text, expected) in [("one\n", "Bearer one"), ("two", "Bearer two")] {
            fs::write(&path, text).unwrap();
            let way = Way::new(&settings).await.unwrap();
            assert_eq!(way.headers[AUTHORIZATION], expected);
        }
        fs::write(&path, "\n").unwrap();
        assert!(Way::new(&settings).await.unwrap_err().to_string().contains("is empty"));
    }
}
