//! Logging in by the dashboard, and what a cookie is good for.

use std::fs;

use tempfile::TempDir;

use crate::{
    client::{Answer, Client},
    harness::{LIMIT, Rig, until},
    is_problem, rig,
};

const JSON: &str = "Content-Type: application/json";
pub const READ: &str = "read-0123456789abcdef";
pub const FULL: &str = "full-0123456789abcdef";

/// A gateway with two tokens, and the folder that they are in.
pub async fn guarded() -> (Rig, Client, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let tokens: String = [("grafana", READ, "read"), ("ops", FULL, "full")]
        .map(|(name, secret, access)| {
            let path = folder.path().join(name);
            fs::write(&path, format!("{secret}\n")).unwrap();
            format!("[admin.tokens.{name}]\nfile = '{}'\naccess = '{access}'\n", path.display())
        })
        .concat();
    let rig = Rig::with("", "", &format!("[admin]\naddress = '127.0.0.1:0'\n{tokens}")).await;
    let client = Client::of(rig.gateway.admin_address().unwrap());
    (rig, client, folder)
}

async fn log_in(client: &Client, token: &str, headers: &[&str]) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
    let body = serde_json::json!({ "token": token }).to_string();
    client.ask("POST", "/api/login", &headers, &body).await
}

/// The header that a browser sends from then on.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap();
    format!("Cookie: theme=dark; {}", set.split(';').next().unwrap())
}

/// What a browser says beside its cookie when our own page asks.
fn own(client: &Client) -> [String; 3] {
    [
        format!("Origin: http://{}", client.address),
        "Sec-Fetch-Site: same-origin".to_owned(),
        "Sec-Fetch-Mode: cors".to_owned(),
    ]
}

#[actix_rt::test]
async fn a_token_is_given_for_a_cookie_that_holds_another_secret() {
    let (rig, client, _folder) = guarded().await;
    let answer = log_in(&client, FULL, &[]).await;
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    let set = answer.header("set-cookie").unwrap();
    let (pair, rest) = set.split_once(';').unwrap();
    assert_eq!(rest, " HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    let secret = pair.strip_prefix("tetherd=").unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
    let other = log_in(&client, FULL, &[]).await;
    assert_ne!(cookie(&answer), cookie(&other));
    // Behind a proxy with TLS it never travels without.
    let secure = log_in(&client, FULL, &["X-Forwarded-Proto: https"]).await;
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));

    let (first, other) = (cookie(&answer), cookie(&other));
    for target in ["/api/devices", "/metrics", "/api/gateway", "/api/openapi.json"] {
        assert_eq!(client.ask("GET", target, &[&first], "").await.status, 200, "{target}");
    }
    for wrong in ["Cookie: tetherd=", "Cookie: tetherd=0", &format!("{first}0"), "Cookie: x=y"] {
        is_problem(&client.ask("GET", "/api/devices", &[wrong], "").await, 401);
    }
    // A header with a wrong token counts, whatever the cookie.
    let wrong = ["Authorization: Bearer wrong", &first];
    is_problem(&client.ask("GET", "/api/devices", &wrong, "").await, 401);

    let myself = client.ask("GET", "/api/login", &[&first], "").await.json();
    assert_eq!((&myself["token"], &myself["access"]), (&"ops".into(), &"full".into()));
    assert_eq!(myself["logged_in"], true);
    let out = client.ask("DELETE", "/api/login", &[&first], "").await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    is_problem(&client.ask("GET", "/api/devices", &[&first], "").await, 401);
    assert_eq!(client.ask("GET", "/api/devices", &[&other], "").await.status, 200);
    rig.stop().await;
}

#[actix_rt::test]
async fn whoever_logs_in_again_leaves_no_login_behind() {
    let (rig, client, _folder) = guarded().await;
    let first = cookie(&log_in(&client, READ, &[]).await);
    let second = cookie(&log_in(&client, FULL, &[&first]).await);
    is_problem(&client.ask("GET", "/api/devices", &[&first], "").await, 401);
    assert_eq!(client.ask("GET", "/api/devices", &[&second], "").await.status, 200);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_cookie_changes_nothing_without_our_origin_nor_beyond_what_its_token_may() {
    let (rig, client, _folder) = guarded().await;
    let mut device = rig.online("me").await;
    let (read, full) =
        (cookie(&log_in(&client, READ, &[]).await), cookie(&log_in(&client, FULL, &[]).await));
    let kick = "/api/devices/me/session";
    let own = own(&client);
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let with = |cookie: &'static str| own.iter().copied().chain([cookie]).collect::<Vec<_>>();
    let (read, full): (&'static str, &'static str) = (read.leak(), full.leak());
    is_problem(&client.ask("DELETE", kick, &with(read), "").await, 403);
    is_problem(&client.ask("DELETE", kick, &[full], "").await, 403);
    for other in [
        "Origin: http://attacker.example",
        "Origin: null",
        "Origin: https://127.0.0.1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        is_problem(&client.ask("DELETE", kick, &[full, other], "").await, 403);
    }
    device.write(b"still here").await;
    rig.sees(|report| report.name("me").bytes == 10).await;
    assert_eq!(client.ask("DELETE", kick, &with(full), "").await.status, 202);
    device.ended().await;
    let change = rig.records.wait_for(LIMIT, |record| record.message == "change by hand").unwrap();
    assert_eq!(change.get("token").as_deref(), Some("ops"));
    drop(device);
    rig.stop().await;
}

/// The headers are those that Chromium sends.
#[actix_rt::test]
async fn a_page_of_another_site_can_neither_log_in_nor_ask_nor_take_a_place() {
    let (rig, client, _folder) = guarded().await;
    let cookie = cookie(&log_in(&client, FULL, &[]).await);
    let port = client.address.rsplit_once(':').unwrap().1;
    // A picture, a script, a frame's form: no Origin is sent with a plain GET. Another program's
    // page on this machine is of the same site, so that the cookie comes with it.
    for headers in [
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
        ["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"],
        ["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"],
    ] {
        for target in ["/api/devices", "/api/events", "/", "/metrics"] {
            let headers: Vec<&str> = headers.into_iter().chain([cookie.as_str()]).collect();
            is_problem(&client.ask("GET", target, &headers, "").await, 403);
        }
    }
    // A link that somebody follows.
    let link =
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    assert_eq!(client.ask("GET", "/", &link, "").await.status, 200);
    // A name that leads here, as a rebinding page has it: all of it is one origin, but not ours.
    let host = format!("Host: attacker.example:{port}");
    let origin = format!("Origin: http://attacker.example:{port}");
    let rebound = [&host, &origin, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", JSON];
    let body = serde_json::json!({ "token": FULL }).to_string();
    is_problem(&client.ask("POST", "/api/login", &rebound, &body).await, 421);
    is_problem(&client.ask("GET", "/", &[&host, "Sec-Fetch-Site: none"], "").await, 421);
    // What a form can send from elsewhere, and what only its script could.
    let foreign = ["Origin: http://attacker.example", "Sec-Fetch-Site: cross-site"];
    for kind in ["Content-Type: text/plain", JSON] {
        let headers: Vec<&str> = foreign.into_iter().chain([kind]).collect();
        is_problem(&client.ask("POST", "/api/login", &headers, &body).await, 403);
    }
    is_problem(&client.ask("POST", "/api/login", &["Content-Type: text/plain"], &body).await, 415);
    assert_eq!(rig.records.count("logged in"), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn behind_a_proxy_with_tls_our_origin_is_the_one_with_tls() {
    let (rig, client, _folder) = guarded().await;
    let tls = "X-Forwarded-Proto: https";
    let cookie = cookie(&log_in(&client, FULL, &[tls]).await);
    let (http, https) = (
        format!("Origin: http://{}", client.address),
        format!("Origin: https://{}", client.address),
    );
    let target = "/api/devices/nobody/session";
    is_problem(&client.ask("DELETE", target, &[&cookie, tls, &http], "").await, 403);
    is_problem(&client.ask("DELETE", target, &[&cookie, tls, &https], "").await, 404);
    is_problem(&client.ask("DELETE", target, &[&cookie, &https], "").await, 403);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_wrong_token_is_refused_and_counted_and_locks_nobody_out() {
    let (rig, client, _folder) = guarded().await;
    let before = rig.telemetry.counts().admin_refused.get();
    for wrong in
        ["", "x", "full-0123456789abcde", "full-0123456789abcdef0", "Bearer full-0123456789abcdef"]
    {
        let answer = log_in(&client, wrong, &[]).await;
        is_problem(&answer, 401);
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(rig.telemetry.counts().admin_refused.get(), before + 5);
    for body in
        ["", "{", "[]", "\"full-0123456789abcdef\"", "{\"token\":1}", "{\"token\":\"x\",\"y\":1}"]
    {
        let answer = client.ask("POST", "/api/login", &[JSON], body).await;
        is_problem(&answer, 400);
        assert!(!answer.text().contains("0123456789abcdef"), "{}", answer.text());
    }
    assert_eq!(log_in(&client, FULL, &[]).await.status, 204);
    rig.stop().await;
}

#[actix_rt::test]
async fn logging_in_and_out_is_in_the_log_with_the_tokens_name_and_no_secret() {
    let (rig, client, _folder) = guarded().await;
    let answer = log_in(&client, READ, &[]).await;
    let cookie = cookie(&answer);
    let secret = cookie.rsplit_once('=').unwrap().1;
    client.ask("DELETE", "/api/login", &[&cookie], "").await;
    // Nobody is logged out twice.
    assert_eq!(client.ask("DELETE", "/api/login", &[&cookie], "").await.status, 204);
    until("both are written", || rig.records.count("logged out") == 1).await;
    let all = rig.records.all();
    for message in ["logged in", "logged out"] {
        let record = all.iter().find(|record| record.message == message).unwrap();
        assert_eq!(record.get("token").as_deref(), Some("grafana"), "{message}");
        assert!(record.get("peer").unwrap().starts_with("127.0.0.1:"), "{message}");
    }
    let text = format!("{all:?}");
    assert!(!text.contains(READ) && !text.contains(secret));
    assert_eq!(rig.records.count("change by hand"), 0);
    rig.stop().await;
}

#[actix_rt::test]
async fn without_tokens_nobody_needs_to_log_in() {
    let (rig, client) = rig().await;
    let myself = client.get("/api/login").await.json();
    assert_eq!((&myself["access"], &myself["logged_in"]), (&"full".into(), &false.into()));
    assert_eq!(myself.get("token"), None);
    let answer = log_in(&client, FULL, &[]).await;
    is_problem(&answer, 409);
    assert_eq!(answer.header("set-cookie"), None);
    rig.stop().await;
}
