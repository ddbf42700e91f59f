//! Upstreams by HTTP behind a whole gateway.

use tetherd::{
    app::Gateway,
    telemetry::{LinkFaultKind, Records, Telemetry},
};

use crate::{
    hand::{QUICK, chat, nobodys_address, online, settled, toml},
    harness::{LIMIT, start, until},
    poster::{Posted, Poster, Reply, Then, offset},
};

/// An upstream by HTTP; requests do not wait for more events.
fn upstream(address: &str, keys: &str) -> String {
    format!(
        "[upstream.web]\ntype = 'http'\nurl = 'http://{address}/events'\n{QUICK}\n{keys}\n{}\n",
        if keys.contains("linger") { "" } else { "linger = '0s'" }
    )
}

async fn before(web: &Poster, keys: &str) -> (Gateway, Telemetry, Records) {
    let top = "gateway = 'plant 7'";
    start(&toml("20s", top, &upstream(&web.address, keys)), |builder| builder).await
}

async fn stop(gateway: Gateway, telemetry: &Telemetry) {
    tokio::time::timeout(LIMIT, gateway.stop()).await.expect("the gateway stops");
    assert_eq!(telemetry.counts().panics.sum(), 0);
}

fn takes(_: &Posted) -> Reply {
    Reply::status(200)
}

#[actix_rt::test]
async fn events_are_posted_in_order_over_one_connection_with_the_facts_in_headers() {
    for (format, kind) in
        [("json-lines", "application/x-ndjson"), ("json-array", "application/json")]
    {
        let web = Poster::new(takes).await;
        let keys =
            format!("format = '{format}'\ntoken = 'secret'\nheaders = {{ X-Site = 'north' }}\n");
        let (gateway, telemetry, _) = before(&web, &keys).await;
        let first = gateway.snapshot().next.0 - 1;
        let mut device = online(&gateway, "a").await;
        chat(&gateway, &mut device, 20, b"message ").await;
        settled(&gateway, "web").await;
        assert_eq!(web.data(), b"message ".repeat(20));
        assert_eq!(web.connections(), 1);
        let mut next = first;
        for posted in web.posted() {
            assert_eq!(posted.line, "POST /events HTTP/1.1");
            let header = |name: &str| posted.headers[name].as_str();
            assert_eq!((header("content-type"), header("host")), (kind, &*web.address));
            assert_eq!((header("authorization"), header("x-site")), ("Bearer secret", "north"));
            assert_eq!(
                (header("x-tetherd-gateway"), header("x-tetherd-spool").len()),
                ("plant 7", 16)
            );
            assert_eq!(header("x-tetherd-next"), next.to_string());
            next = offset(posted.events.last().unwrap()) + 1;
        }
        stop(gateway, &telemetry).await;
        assert_eq!(web.taken().last().unwrap()["event"], "offline");
        assert_eq!(telemetry.counts().link_faults.sum(), 0);
    }
}

#[actix_rt::test]
async fn what_waits_goes_in_batches_that_grow_to_their_bounds() {
    let address = nobodys_address(21);
    let keys = "batch_events = 8\nbatch_bytes = '2KiB'";
    let (gateway, telemetry, _) =
        start(&toml("20s", "", &upstream(&address, keys)), |builder| builder).await;
    let mut device = online(&gateway, "a").await;
    chat(&gateway, &mut device, 40, b"short").await;
    chat(&gateway, &mut device, 4, &[b'x'; 1000]).await;
    let faults = &telemetry.counts().link_faults;
    until("it was tried in vain", || faults.get(LinkFaultKind::Refused) >= 6).await;
    assert_eq!(telemetry.counts().links_stuck.get(), 0, "a web server that is away is not stuck");

    let web = Poster::on(tokio::net::TcpListener::bind(&address).await.unwrap(), takes);
    settled(&gateway, "web").await;
    let posted = web.posted();
    let sizes: Vec<usize> = posted.iter().map(|posted| posted.events.len()).collect();
    assert_eq!(sizes[..5], [1, 2, 4, 8, 8], "{sizes:?}");
    let within = |posted: &&Posted| posted.body.len() <= 2048 || posted.events.len() == 1;
    assert_eq!(posted.iter().filter(within).count(), posted.len());
    assert!(posted.last().unwrap().events.len() < 3, "long events go by one: {sizes:?}");
    stop(gateway, &telemetry).await;
    web.data();
}

#[actix_rt::test]
async fn whatever_goes_wrong_each_event_is_there_once() {
    let partial = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let script = [
        Reply::status(500),
        Reply::status(200),
        Reply::new(429, "Retry-After: 0\r\n", "later"),
        Reply::raw(true, partial, Then::Reset),
        Reply::raw(true, chunk, Then::Close),
        Reply::raw(true, chunked, Then::Keep),
        Reply::raw(false, "", Then::Close),
        Reply::status(202),
        Reply::raw(false, "", Then::Reset),
        Reply::raw(true, "", Then::Reset),
        Reply::new(503, "Retry-After: Fri, 20 Nov 2020 08:00:00 GMT\r\n", ""),
        Reply::raw(true, chunked, Then::Close),
        Reply::status(408),
        Reply::raw(false, "no HTTP\r\n\r\n", Then::Close),
        Reply::raw(true, "", Then::Silence),
        Reply::raw(true, "HTTP/1.1 200 OK\r\nContent-Le", Then::Silence),
        Reply::raw(true, partial, Then::Silence),
        Reply::status(204),
    ];
    let mut at = 0;
    let steps = script.len();
    let web = Poster::new(move |_| {
        at += 1;
        script[at % script.len()].clone()
    })
    .await;
    let (gateway, telemetry, _) = before(&web, "timeout = '200ms'").await;
    let mut device = online(&gateway, "a").await;
    let mut sent = Vec::new();
    let mut number = 0;
    while web.requests() < steps * 2 {
        let message = format!("message {number}\n");
        number += 1;
        chat(&gateway, &mut device, 1, message.as_bytes()).await;
        sent.extend_from_slice(message.as_bytes());
        until("the web server was asked", || web.requests() > number.min(steps * 2 - 1)).await;
    }
    web.now(takes);
    settled(&gateway, "web").await;
    assert_eq!(web.data(), sent);
    use LinkFaultKind as Kind;
    let faults = &telemetry.counts().link_faults;
    for kind in [Kind::Unavailable, Kind::Reset, Kind::ClosedByPeer, Kind::TimedOut] {
        assert!(faults.get(kind) > 0, "{kind:?}");
    }
    stop(gateway, &telemetry).await;
}

#[actix_rt::test]
async fn a_web_server_that_asks_to_be_left_alone_is() {
    let moment = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2);
    let moment =
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap();
    for (status, asked, expected) in
        [(429, "300", "300.0s"), (503, "2000000", "3600.0s"), (503, &*moment, "3600.0s")]
    {
        let headers = format!("Retry-After: {asked}\r\n");
        let web = Poster::new(move |_| Reply::new(status, &headers, "")).await;
        // A stop does not wait for it.
        let toml = toml("50ms", "", &upstream(&web.address, ""));
        let (gateway, telemetry, records) = start(&toml, |builder| builder).await;
        until("it is told", || records.count("link down") == 1).await;
        let told = records.all().into_iter().find(|entry| entry.message == "link down").unwrap();
        assert_eq!(told.get("retry_in").as_deref(), Some(expected));
        assert_eq!(told.get("kind").as_deref(), Some("unavailable"));
        assert_eq!(web.requests(), 1);
        stop(gateway, &telemetry).await;
        assert_eq!(telemetry.counts().links_stuck.get(), 0);
    }
}

#[actix_rt::test]
async fn a_busy_web_server_is_not_stuck_and_a_failing_one_is() {
    for (status, is_stuck) in [(429, false), (503, false), (502, false), (500, true)] {
        let web = Poster::new(move |_| Reply::status(status)).await;
        let (gateway, telemetry, _) = before(&web, "").await;
        until("it was tried often", || web.requests() > 7).await;
        assert_eq!(telemetry.counts().links_stuck.get() == 1, is_stuck, "{status}");
        web.now(takes);
        settled(&gateway, "web").await;
        stop(gateway, &telemetry).await;
    }
}

#[actix_rt::test]
async fn one_event_that_is_refused_is_found_told_and_holds_up_only_what_follows() {
    let refuses = |posted: &Posted| Reply::status(if posted.holds("poison") { 422 } else { 200 });
    let web = Poster::new(|_| Reply::status(503)).await;
    let (gateway, telemetry, records) = before(&web, "").await;
    let mut device = online(&gateway, "a").await;
    chat(&gateway, &mut device, 50, b"before ").await;
    let poison = gateway.snapshot().next.0;
    chat(&gateway, &mut device, 1, b"poison ").await;
    chat(&gateway, &mut device, 50, b"behind ").await;
    web.now(refuses);
    let counts = telemetry.counts();
    until("it is told", || counts.links_stuck.get() == 1).await;
    assert_eq!(web.data(), b"before ".repeat(50));
    let told =
        |message: &str| records.all().into_iter().rfind(|entry| entry.message == message).unwrap();
    assert_eq!(told("link stuck").get("offset"), Some(poison.to_string()));
    let down = told("link down");
    assert_eq!(down.get("kind").as_deref(), Some("rejected"));
    let error = down.get("error").unwrap();
    assert!(error.contains(&format!("refuses an event: offset {poison}: 422")), "{error}");
    let tries = web.requests();
    until("it goes on trying", || web.requests() > tries + 2).await;
    let last = web.posted().pop().unwrap();
    assert_eq!(last.events.len(), 1, "it stands alone");

    web.now(takes);
    settled(&gateway, "web").await;
    let sent = [&b"before ".repeat(50)[..], b"poison ", &b"behind ".repeat(50)].concat();
    assert_eq!(web.data(), sent);
    assert_eq!(records.count("link moves again"), 1);
    stop(gateway, &telemetry).await;
}

#[actix_rt::test]
async fn requests_that_are_too_large_become_smaller_and_stay_so() {
    let most = 3000;
    let web = Poster::new(|_| Reply::status(503)).await;
    let (gateway, telemetry, _) = before(&web, "").await;
    let mut device = online(&gateway, "a").await;
    chat(&gateway, &mut device, 200, b"message ").await;
    web.now(move |posted| Reply::status(if posted.body.len() > most { 413 } else { 200 }));
    settled(&gateway, "web").await;
    assert_eq!(web.data(), b"message ".repeat(200));
    let refused = web.posted().iter().filter(|posted| posted.body.len() > most).count();
    assert!((1..5).contains(&refused), "{refused}");
    assert_eq!(telemetry.counts().links_stuck.get(), 0);
    stop(gateway, &telemetry).await;
}

#[actix_rt::test]
async fn a_redirect_is_told_and_not_followed() {
    let elsewhere = Poster::new(takes).await;
    let headers = format!("Location: http://{}/new\r\n", elsewhere.address);
    let web = Poster::new(move |_| Reply::new(307, &headers, "")).await;
    let (gateway, telemetry, records) = before(&web, "").await;
    until("it is told", || records.count("link down") > 1).await;
    let told = records.all().into_iter().find(|entry| entry.message == "link down").unwrap();
    assert_eq!(told.get("kind").as_deref(), Some("redirected"));
    let error = told.get("error").unwrap();
    let expected = format!("\"http://{}/new\"", elsewhere.address);
    assert!(error.contains(&expected) && error.contains("write the url it names"), "{error}");
    assert_eq!(elsewhere.connections(), 0);
    web.now(takes);
    settled(&gateway, "web").await;
    stop(gateway, &telemetry).await;
}

#[actix_rt::test]
async fn a_web_server_that_closes_idle_connections_is_no_fault() {
    let mut at = 0;
    let web = Poster::new(move |_| {
        at += 1;
        let headers = if at % 2 == 0 { "Connection: close\r\n" } else { "" };
        Reply { then: Then::Close, ..Reply::new(200, headers, "") }
    })
    .await;
    let (gateway, telemetry, records) = before(&web, "").await;
    let mut device = online(&gateway, "a").await;
    for _ in 0..30 {
        chat(&gateway, &mut device, 1, b"message ").await;
        settled(&gateway, "web").await;
    }
    assert_eq!(web.data(), b"message ".repeat(30));
    assert!(web.connections() > 25);
    assert_eq!((telemetry.counts().link_faults.sum(), records.count("link up")), (0, 1));
    stop(gateway, &telemetry).await;
}

#[actix_rt::test]
async fn a_stop_waits_for_the_answer_and_posts_what_is_left() {
    let web = Poster::new(takes).await;
    let (gateway, telemetry, _) = before(&web, "linger = '1s'\nbatch_events = 100000").await;
    let mut device = online(&gateway, "a").await;
    chat(&gateway, &mut device, 10, b"message ").await;
    stop(gateway, &telemetry).await;
    assert_eq!(web.data(), b"message ".repeat(10));
    assert_eq!(web.taken().last().unwrap()["event"], "offline");
}
