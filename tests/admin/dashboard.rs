//! The dashboard's files, and the short word of the gateway that it shows above all.

use crate::{is_problem, login::guarded, rig};

#[actix_rt::test]
async fn the_dashboard_is_there_for_everybody_and_what_it_shows_is_not() {
    let (rig, client, _folder) = guarded().await;
    for (target, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/dashboard/style.css", "text/css; charset=utf-8"),
        ("/dashboard/app.js", "text/javascript; charset=utf-8"),
        ("/dashboard/icon.svg", "image/svg+xml"),
    ] {
        let answer = client.get(target).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{target}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{target}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|known| known == part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        is_problem(&client.ask("POST", target, &[], "").await, 401);
    }
    for target in
        ["/api/gateway", "/api/devices", "/dashboard", "/dashboard/", "/dashboard/none.js"]
    {
        is_problem(&client.get(target).await, 401);
    }
    assert_eq!(client.get("/api/login").await.json()["access"], "none");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_browser_that_has_a_file_gets_it_again_only_when_it_is_another() {
    let (rig, client) = rig().await;
    for target in ["/", "/dashboard/app.js"] {
        let tag = client.get(target).await.header("etag").unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
            let header = format!("If-None-Match: {known}");
            let answer = client.ask("GET", target, &[&header], "").await;
            assert_eq!((answer.status, answer.text().as_str()), (304, ""), "{known}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
        }
        let other = client.ask("GET", target, &["If-None-Match: \"x\""], "").await;
        assert_eq!(other.status, 200);
    }
    is_problem(&client.get("/dashboard/none.js").await, 404);
    is_problem(&client.get("/dashboard/..%2findex.html").await, 404);
    rig.stop().await;
}

#[actix_rt::test]
async fn the_gateway_is_told_in_short_with_what_there_was_since_its_start() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let _nameless = rig.connect().await;
    device.write(b"hello").await;
    rig.sees(|report| report.name("me").bytes == 5).await;
    crate::harness::until("both", || rig.gateway.snapshot().connections == 2).await;
    let told = client.get("/api/gateway").await.json();
    assert_eq!(
        (&told["phase"], &told["version"]),
        (&"running".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert_eq!(
        (&told["connections"], &told["names"], &told["paused"]),
        (&2.into(), &1.into(), &false.into())
    );
    assert_eq!((&told["stuck_threads"], &told["quiet"]), (&serde_json::json!([]), &false.into()));
    assert_eq!(told["next"], rig.gateway.snapshot().next.0);
    // Its start, its coming and its word.
    assert_eq!(told["totals"]["events"], 3);
    assert_eq!(told["totals"]["accepted"], 2);
    assert_eq!(told["totals"]["ended"], serde_json::json!({}));
    assert_eq!(
        (&told["listeners"][0]["name"], &told["listeners"][0]["connections"]),
        (&"dtu".into(), &2.into())
    );
    device.finish().await;
    device.ended().await;
    rig.sees(|report| !report.name("me").online).await;
    let told = client.get("/api/gateway").await.json();
    assert_eq!(told["totals"]["ended"], serde_json::json!({ "peer_closed": 1 }));
    assert_eq!((&told["connections"], &told["connections_peak"]), (&1.into(), &2.into()));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_is_told_with_how_long_it_is_silent() {
    let (rig, client) = rig().await;
    let _device = rig.online("me").await;
    let silent = |told: serde_json::Value| told["silent_seconds"].as_f64().unwrap();
    let first = silent(client.get("/api/devices/me").await.json());
    let mut later = first;
    while later <= first {
        later = silent(client.get("/api/devices/me").await.json());
        assert!(later < 60.0);
    }
    rig.stop().await;
}
