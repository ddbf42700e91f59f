use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Instant,
};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
};

use super::{
    login,
    logins::{Guesses, Logins},
    page,
    problem::{self, Problem},
    settings::Access,
    tokens::{Caller, Tokens},
};
use crate::{net::Address, telemetry::Telemetry};

/// What stands in every answer.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Answers everybody, with or without a token: whether we live is no secret. Nor are the files of the
/// dashboard.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Where a token is given for a cookie.
const LOGIN: &str = "/api/login";

/// Lets in who may come in, and gives every answer its looks.
pub(super) struct Guard {
    /// The host of the address that is set.
    host: String,
    /// Every address of this machine is listened on.
    is_everywhere: bool,
    tokens: RwLock<Arc<Tokens>>,
    logins: Mutex<Logins>,
    guesses: Mutex<Guesses>,
    pub(super) telemetry: Telemetry,
}

/// The request asks for no body.
#[derive(Clone, Copy)]
pub(super) struct HeadOnly;

impl Guard {
    pub(super) fn new(address: &Address, tokens: Tokens, telemetry: Telemetry) -> Self {
        let host = match address {
            Address::Tcp { host, .. } => host.to_ascii_lowercase(),
            Address::Unix(_) => String::new(),
        };
        let is_everywhere = address.ip().is_some_and(|ip| ip.is_unspecified());
        let (logins, guesses) = Default::default();
        let tokens = RwLock::new(Arc::new(tokens));
        Self { host, is_everywhere, tokens, logins, guesses, telemetry }
    }

    /// Who may come in.
    pub(super) fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these may come in. Whoever was let in by a token that is gone, or is another now, is
    /// logged out. Answers the names of those whose secret is another.
    pub(super) fn let_in(&self, tokens: Tokens) -> Vec<String> {
        let now = Arc::new(tokens);
        let before = {
            let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *tokens, Arc::clone(&now))
        };
        self.logins().keep(|caller| now.still_let_in(caller, &before));
        now.rotated(&before).map(str::to_owned).collect()
    }

    /// Who is logged in.
    pub(super) fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token was wrong: waits as long as that has to, so that nobody finds one by guessing.
    pub(super) async fn slow_down(&self) {
        let pause = {
            let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
            guesses.wrong(Instant::now())
        };
        tokio::time::sleep(pause).await;
    }

    /// Why a request is not even looked at, or who asks; nobody where everybody may.
    fn admit(&self, request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
        let headers = request.headers();
        let host = text(headers, header::HOST).or_else(|| {
            // A whole address in the first line counts instead.
            request.uri().authority().map(|authority| authority.as_str())
        });
        let host = host.unwrap_or_default();
        if headers.get_all(header::HOST).count() > 1 || !self.knows_host(host) {
            let why = "the Host is none of ours; ask by the address that is set in [admin]";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, why));
        }
        if headers.contains_key(header::ORIGIN) && !is_same_origin(headers, host) {
            let why = "pages of other origins may do nothing here";
            return Err(Problem::new(StatusCode::FORBIDDEN, why));
        }
        if is_of_another_site(headers) {
            let why = "pages of other sites may do nothing here";
            return Err(Problem::new(StatusCode::FORBIDDEN, why));
        }
        if has_body(headers) && !is_json(headers) {
            let why = "a body must be application/json, and say so";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        self.caller(request)
    }

    fn caller(&self, request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
        let headers = request.headers();
        let is_safe = request.method().is_safe();
        let said = text(headers, header::AUTHORIZATION);
        let cookie = || {
            let now = Instant::now();
            login::secrets(headers).find_map(|secret| self.logins().caller(secret, now))
        };
        let by_token = self.tokens().caller(said);
        let is_by_cookie = by_token.is_none() && said.is_none();
        let caller = by_token.or_else(|| is_by_cookie.then(cookie).flatten());
        let Some(caller) = caller else {
            let is_open = OPEN.contains(&request.path()) || page::has(request.path());
            if request.path() == LOGIN || (is_safe && is_open) {
                return Ok(None);
            }
            let why = "a token is needed: Authorization: Bearer TOKEN, one of [admin.tokens]; \
                       or log in at /";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, why));
        };
        if is_safe || request.path() == LOGIN {
            return Ok(Some(caller));
        }
        if is_by_cookie && !headers.contains_key(header::ORIGIN) {
            let why = "a change by a page must say its Origin";
            return Err(Problem::new(StatusCode::FORBIDDEN, why));
        }
        if caller.access < Access::Full {
            let why = "this token may read only; changes need one with access = \"full\"";
            return Err(Problem::new(StatusCode::FORBIDDEN, why));
        }
        Ok(Some(caller))
    }

    /// A name that leads to us although it is none of ours is a page's trick to get at us by way of
    /// somebody's browser. Numbers cannot be such a name.
    fn knows_host(&self, host: &str) -> bool {
        let name = host_name(host).to_ascii_lowercase();
        let ip = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        match ip {
            Some(ip) if ip.to_canonical().is_loopback() || self.is_everywhere => true,
            _ => {
                !name.is_empty()
                    && (name == "localhost" || name.trim_matches(['[', ']']) == self.host)
            }
        }
    }
}

/// What every request goes through.
pub(super) async fn guard(
    guard: Arc<Guard>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_safe = request.method().is_safe();
    let peer = request.peer_addr().map(|peer| peer.to_string()).unwrap_or_default();
    let what = format!("{} {}", request.method(), request.path());
    let is_head = request.method() == Method::HEAD;
    if is_head {
        // Whoever answers GET answers HEAD; the encoder leaves the body out.
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(HeadOnly);
    }
    let mut response = match guard.admit(&request) {
        Err(problem) => {
            guard.telemetry.admin_refused(&peer, &what, problem.detail());
            if problem.is_of(StatusCode::UNAUTHORIZED)
                && request.headers().contains_key(header::AUTHORIZATION)
            {
                guard.slow_down().await;
            }
            request.into_response(problem.response())
        }
        Ok(caller) => {
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.clone());
            }
            // Logging in and out says itself who it was.
            let is_change = !is_safe && request.path() != LOGIN;
            let response = match next.call(request).await {
                Ok(response) => response.map_into_boxed_body(),
                Err(error) => return Err(error),
            };
            if is_change {
                let status = response.status().as_u16();
                let token = caller.as_ref().and_then(|caller| caller.token.as_deref());
                guard.telemetry.admin_changed(token, &peer, &what, status);
            }
            response
        }
    };
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE)
        == Some(&HeaderValue::from_static(problem::CONTENT_TYPE));
    if (status.is_client_error() || status.is_server_error()) && !is_problem {
        let allow = response.headers().get(header::ALLOW).cloned();
        let request = response.request().clone();
        response = ServiceResponse::new(request, Problem::of_status(status).response());
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// `host:port` without the port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether the page that asks is ours: its address is the one that is asked.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let origin = text(headers, header::ORIGIN).unwrap_or_default();
    let scheme = if is_by_tls(headers) { "https://" } else { "http://" };
    origin.strip_prefix(scheme).is_some_and(|own| own.eq_ignore_ascii_case(host))
}

/// Whether a proxy in front of us says that the browser speaks TLS with it. A page cannot say so: it
/// may not set this header for another origin.
pub(super) fn is_by_tls(headers: &HeaderMap) -> bool {
    let said = text(headers, HeaderName::from_static("x-forwarded-proto"));
    said.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Whether a browser says that another site's page asks, for a picture, say, where no Origin is sent.
/// Following a link is no such thing.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let said = |name| text(headers, HeaderName::from_static(name));
    let is_other =
        said("sec-fetch-site").is_some_and(|site| !["same-origin", "none"].contains(&site));
    is_other && said("sec-fetch-mode") != Some("navigate")
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = text(headers, header::CONTENT_LENGTH);
    length.is_some_and(|length| length.trim() != "0")
        || headers.contains_key(header::TRANSFER_ENCODING)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(&address.parse().unwrap(), Tokens::default(), Telemetry::discarding())
    }

    #[test]
    fn a_host_is_ours_or_it_is_refused() {
        let local = guard("127.0.0.1:7080");
        for ours in
            ["127.0.0.1:7080", "localhost:7080", "LOCALHOST", "[::1]:7080", "127.9.9.9", "[::1]"]
        {
            assert!(local.knows_host(ours), "{ours}");
        }
        for other in [
            "",
            "evil.example",
            "evil.example:7080",
            "10.0.0.1:7080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::2]:7080",
            "localhost:7080:1",
        ] {
            assert!(!local.knows_host(other), "{other}");
        }
        let named = guard("gateway.example:7080");
        assert!(named.knows_host("Gateway.Example:7080") && !named.knows_host("other.example"));
        let everywhere = guard("0.0.0.0:7080");
        assert!(everywhere.knows_host("10.0.0.1:7080") && !everywhere.knows_host("evil.example"));
    }
}
