use std::time::Instant;

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web::{Bytes, Data},
};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    guard::{Guard, is_by_tls},
    logins::LIFE,
    problem::Problem,
    tokens::Caller,
};

/// The cookie of whoever is logged in.
const COOKIE: &str = "tetherd";

/// Somebody wants to log in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    /// One of the tokens of `[admin.tokens]`.
    token: String,
}

/// Who asks, as the API sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Myself {
    /// The name of the token; absent where no tokens are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// `read`, `full`, or `none`: a token is needed.
    access: &'static str,
    /// Whether a cookie says who asks, so that there is something to log out of.
    logged_in: bool,
}

/// Who asks, and what they may do; answered to everybody
#[utoipa::path(get, path = "/api/login", tag = "login",
    responses((status = 200, description = "It", body = Myself)))]
pub(super) async fn show(request: HttpRequest) -> HttpResponse {
    let caller = request.extensions().get::<Caller>().cloned();
    let access = caller.as_ref().map_or("none", |caller| caller.access.as_str());
    let token = caller.and_then(|caller| caller.token);
    let by_token = request.headers().contains_key(header::AUTHORIZATION);
    HttpResponse::Ok().json(Myself { logged_in: token.is_some() && !by_token, token, access })
}

/// Logs in a browser: a token for a cookie, which lasts 12 hours, or 2 of silence
#[utoipa::path(post, path = "/api/login", tag = "login", request_body = Login,
    responses((status = 204, description = "The cookie is set"),
        (status = 400, description = "The body cannot be understood", body = Problem),
        (status = 401, description = "It is no token; some wrong ones later the answer waits", body = Problem),
        (status = 409, description = "No tokens are set, nobody needs to log in", body = Problem)))]
pub(super) async fn open(
    request: HttpRequest,
    body: Bytes,
    guard: Data<Guard>,
) -> Result<HttpResponse, Problem> {
    let read = serde_json::from_slice::<serde_json::Map<_, _>>(&body)
        .and_then(|object| serde_json::from_value(object.into()));
    // What was sent may be a token, nearly; so the answer does not repeat it.
    let asked: Login =
        read.map_err(|_| Problem::bad_request("the body must be {\"token\":\"...\"}"))?;
    if !guard.tokens().are_needed() {
        let why = "no tokens are set; everybody on this machine may do everything";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    let peer = peer(&request);
    let Some(caller) = guard.tokens().holder(&asked.token) else {
        let why = "this is no token of [admin.tokens]";
        guard.telemetry.admin_refused(&peer, "POST /api/login", why);
        guard.slow_down().await;
        return Err(Problem::new(StatusCode::UNAUTHORIZED, why));
    };
    for before in secrets(request.headers()) {
        guard.logins().close(before);
    }
    guard.telemetry.admin_logged_in(caller.token.as_deref(), &peer);
    let secret = HEXLOWER.encode(&rand::random::<[u8; 32]>());
    let cookie = cookie(&secret, LIFE.as_secs(), request.headers());
    guard.logins().open(secret, caller, Instant::now());
    Ok(HttpResponse::NoContent().insert_header((header::SET_COOKIE, cookie)).finish())
}

/// Logs out: the cookie means nothing any more
#[utoipa::path(delete, path = "/api/login", tag = "login",
    responses((status = 204, description = "Nobody is logged in by it now")))]
pub(super) async fn close(request: HttpRequest, guard: Data<Guard>) -> HttpResponse {
    let secrets = secrets(request.headers());
    for caller in secrets.filter_map(|secret| guard.logins().close(secret)) {
        guard.telemetry.admin_logged_out(caller.token.as_deref(), &peer(&request));
    }
    let cookie = cookie("", 0, request.headers());
    HttpResponse::NoContent().insert_header((header::SET_COOKIE, cookie)).finish()
}

/// What the request's cookies of ours hold. A browser that knows several, by path, sends them all.
pub(super) fn secrets(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| name.trim() == COOKIE).map(|(_, secret)| secret.trim()).take(4)
}

/// A cookie that scripts cannot read and that no other site's page can have sent.
fn cookie(secret: &str, seconds: u64, headers: &HeaderMap) -> String {
    let secure = if is_by_tls(headers) { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
}

fn peer(request: &HttpRequest) -> String {
    request.peer_addr().map(|peer| peer.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn our_cookie_is_found_among_others_and_no_other_is_taken_for_it() {
        for (line, found) in [
            ("tetherd=abc", vec!["abc"]),
            ("a=b; tetherd=abc; c=d", vec!["abc"]),
            ("a=b;tetherd=abc", vec!["abc"]),
            ("tetherd=abc; tetherd=def", vec!["abc", "def"]),
            ("tetherd=", vec![""]),
            ("nottetherd=abc; tetherd2=abc; Tetherd=abc; tetherd", vec![]),
            ("", vec![]),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(line));
            assert_eq!(secrets(&headers).collect::<Vec<_>>(), found, "{line:?}");
        }
    }
}
