//! Who may come in, and how refusals look.

use std::fs;

use crate::{
    client::Client,
    harness::{Rig, until},
    is_problem, rig,
};

#[actix_rt::test]
async fn a_page_of_another_origin_and_a_rebinding_name_can_do_nothing() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let kick = "/api/devices/me/session";
    for host in [
        "evil.example",
        "evil.example:7080",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "10.0.0.1",
    ] {
        let host = format!("Host: {host}");
        is_problem(&client.ask("DELETE", kick, &[&host], "").await, 421);
        is_problem(&client.ask("GET", "/api/devices", &[&host], "").await, 421);
    }
    for origin in
        ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "file://", ""]
    {
        let origin = format!("Origin: {origin}");
        is_problem(&client.ask("DELETE", kick, &[&origin], "").await, 403);
        is_problem(&client.ask("GET", "/api/devices", &[&origin], "").await, 403);
        is_problem(
            &client
                .ask("OPTIONS", kick, &[&origin, "Access-Control-Request-Method: DELETE"], "")
                .await,
            403,
        );
    }
    // What a form can send without asking first.
    let post = "/api/upstreams/web/skip";
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        let kind = format!("Content-Type: {kind}");
        is_problem(&client.ask("POST", post, &[&kind], "{\"through\":1}").await, 415);
    }
    is_problem(&client.ask("POST", post, &[], "{\"through\":1}").await, 415);
    device.write(b"still here").await;
    rig.sees(|report| report.name("me").bytes == 10).await;
    assert_eq!(rig.records.count("change by hand"), 0);
    assert!(rig.telemetry.counts().admin_refused.get() > 20);
    rig.stop().await;
}

#[actix_rt::test]
async fn our_own_page_may_ask_and_no_answer_has_words_for_others() {
    let (rig, client) = rig().await;
    let own = format!("Origin: http://{}", client.address);
    let answer = client.ask("GET", "/api/devices", &[&own], "").await;
    assert_eq!(answer.status, 200);
    for header in ["access-control-allow-origin", "access-control-allow-methods", "set-cookie"] {
        assert_eq!(answer.header(header), None, "{header}");
    }
    for target in ["/api/devices", "/healthz", "/metrics", "/nothing"] {
        let answer = client.get(target).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{target}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn what_is_not_there_is_a_problem_and_so_is_a_wrong_method_and_a_long_body() {
    let (rig, client) = rig().await;
    for target in ["/nothing", "/api", "/api/devices/", "/api/devices/a/b/c", "/..%2f..%2fetc"] {
        is_problem(&client.get(target).await, 404);
    }
    for (method, target, allow) in [
        ("POST", "/api/devices", "GET, HEAD"),
        ("GET", "/api/devices/me/session", "DELETE"),
        ("DELETE", "/metrics", "GET, HEAD"),
    ] {
        let answer = client.ask(method, target, &[], "").await;
        is_problem(&answer, 405);
        assert_eq!(answer.header("allow"), Some(allow), "{target}");
    }
    let json = "Content-Type: application/json";
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20));
    is_problem(&client.ask("POST", "/api/upstreams/web/skip", &[json], &long).await, 413);
    for body in ["{", "[]", "{\"through\":\"x\"}", "{\"throug\":1}"] {
        is_problem(&client.ask("POST", "/api/upstreams/web/skip", &[json], body).await, 400);
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn head_is_answered_where_get_is_and_without_a_body() {
    let (rig, client) = rig().await;
    for target in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/devices",
        "/api/upstreams",
        "/api/openapi.json",
        "/api/events",
    ] {
        let answer = client.ask("HEAD", target, &[], "").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{target}");
    }
    let nobody = client.ask("HEAD", "/api/devices/nobody", &[], "").await;
    assert_eq!((nobody.status, nobody.text().as_str()), (404, ""));
    rig.stop().await;
}

#[actix_rt::test]
async fn with_tokens_nobody_reads_without_one_and_only_a_full_one_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (read, full) = ("read-0123456789abcdef", "full-0123456789abcdef");
    let tokens: String = [("grafana", read, "read"), ("ops", full, "full")]
        .map(|(name, secret, access)| {
            let path = folder.path().join(name);
            fs::write(&path, format!("{secret}\n")).unwrap();
            format!("[admin.tokens.{name}]\nfile = '{}'\naccess = '{access}'\n", path.display())
        })
        .concat();
    let rig = Rig::with("", "", &format!("[admin]\naddress = '127.0.0.1:0'\n{tokens}")).await;
    let client = Client::of(rig.gateway.admin_address().unwrap());
    let mut device = rig.online("me").await;
    let said = |token: &str| format!("Authorization: Bearer {token}");
    let kick = "/api/devices/me/session";

    for wrong in [
        Vec::new(),
        vec![said("")],
        vec![said("read-0123456789abcde")],
        vec![said(&format!("{read}x"))],
        vec![format!("Authorization: Basic {read}")],
    ] {
        let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
        for target in ["/api/devices", "/metrics", "/api/events", "/api/openapi.json", "/nothing"] {
            let answer = client.ask("GET", target, &wrong, "").await;
            is_problem(&answer, 401);
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
        is_problem(&client.ask("DELETE", kick, &wrong, "").await, 401);
        // Whether it lives may be asked by anybody.
        assert_eq!(client.ask("GET", "/healthz", &wrong, "").await.status, 200);
        assert_eq!(client.ask("GET", "/readyz", &wrong, "").await.status, 200);
    }
    assert_eq!(client.ask("GET", "/api/devices", &[&said(read)], "").await.status, 200);
    is_problem(&client.ask("DELETE", kick, &[&said(read)], "").await, 403);
    device.write(b"still here").await;
    rig.sees(|report| report.name("me").bytes == 10).await;
    assert_eq!(client.ask("DELETE", kick, &[&said(full)], "").await.status, 202);
    device.ended().await;
    until("the change is written", || rig.records.count("change by hand") == 1).await;
    let all = rig.records.all();
    let change = all.iter().find(|record| record.message == "change by hand").unwrap();
    assert_eq!(change.get("token").as_deref(), Some("ops"));
    assert!(!all.iter().any(|record| format!("{record:?}").contains("0123456789abcdef")));
    drop(device);
    rig.stop().await;
}
