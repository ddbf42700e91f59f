use std::time::Duration;

use serde_json::Value;
use tetherd::{
    app::Gateway,
    simulator::{Acknowledge, Behaviour, Meeting, Report, WebServer, WebSettings},
    telemetry::LinkError,
};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    hand::{Hand, QUICK, chat, gateway, gateway_with, listener, nobodys_address, online, settled},
    harness::{Dtu, LIMIT, until, web_server},
};

fn upstream(name: &str, address: &str, keys: &str) -> String {
    format!("[upstream.{name}]\naddress = '{address}'\n{QUICK}\n{keys}\n")
}

async fn web_server_at(address: &str) -> WebServer {
    WebServer::start(Meeting::Listen(address.parse().unwrap())).await.unwrap()
}

async fn sees(web: &WebServer, reached: impl FnMut(&Report) -> bool) {
    web.wait_until(LIMIT, reached).await.unwrap();
}

fn balanced(gateway: &Gateway) {
    for upstream in ["alive", "dead"] {
        let ledger = gateway.ledger(upstream).unwrap();
        assert!(ledger.balances(), "{upstream}: {ledger:?}");
    }
}

/// Writes until the gateway reads no more; answers how many bytes went out for sure.
async fn flood(gateway: &Gateway, device: &mut Dtu) -> u64 {
    let (chunk, mut sent) = (vec![b'x'; 50_000], 0);
    while timeout(Duration::from_millis(500), device.stream.write_all(&chunk)).await.is_ok() {
        sent += chunk.len() as u64;
        balanced(gateway);
        assert!(sent < 200_000_000, "never paused");
    }
    sent
}

const SMALL: &str = "[spool]\nmax_size = '4MiB'";

#[actix_rt::test]
async fn with_hold_a_dead_upstream_fills_the_spool_and_nobody_loses_anything() {
    let (alive, dead) = (web_server_at("127.0.0.1:0").await, nobodys_address(2));
    let upstreams =
        upstream("alive", &alive.address().to_string(), "") + &upstream("dead", &dead, "");
    let (gateway, telemetry) = gateway_with(SMALL, &upstreams).await;
    let mut device = online(&gateway, "flood").await;
    let sent = flood(&gateway, &mut device).await;
    assert!(telemetry.counts().spool_pauses.get() > 0);
    settled(&gateway, "alive").await;
    let held = gateway.ledger("dead").unwrap();
    assert_eq!((held.delivered, held.dropped, held.waiting), (0, 0, held.received));

    let dead = web_server_at(&dead).await;
    sees(&dead, |report| report.name("flood").bytes >= sent).await;
    sees(&alive, |report| report.name("flood").bytes >= sent).await;
    settled(&gateway, "dead").await;
    gateway.stop().await;
    for web in [alive.report(), dead.report()] {
        assert_eq!((web.gaps, web.offline, &web.first_violations[..]), (0, 1, &[][..]));
    }
}

#[actix_rt::test]
async fn with_skip_a_dead_upstream_loses_the_oldest_and_is_told_which() {
    let (alive, dead) = (web_server_at("127.0.0.1:0").await, nobodys_address(3));
    let skip = "when_behind = 'skip'\nmax_lag = '1MiB'";
    let upstreams =
        upstream("alive", &alive.address().to_string(), "") + &upstream("dead", &dead, skip);
    let (gateway, telemetry) = gateway_with(SMALL, &upstreams).await;
    let first = gateway.snapshot().next.0 - 1;
    let mut device = online(&gateway, "flood").await;
    for _ in 0..200 {
        device.write(&[b'x'; 60_000]).await;
        balanced(&gateway);
    }
    sees(&alive, |report| report.name("flood").bytes == 200 * 60_000).await;
    settled(&gateway, "alive").await;
    let ledger = gateway.ledger("dead").unwrap();
    assert!(ledger.dropped > 0 && ledger.waiting > 0 && ledger.delivered == 0, "{ledger:?}");

    // By hand, so that every offset can be looked at.
    let listener = tokio::net::TcpListener::bind(&dead).await.unwrap();
    let mut server = Hand::accept(&listener).await.greeted().await;
    assert_eq!(server.next, first);
    let gap = server.line().await;
    assert_eq!((&gap["event"], &gap["reason"]), (&"gap".into(), &"behind".into()));
    assert_eq!((&gap["from"], &gap["to"]), (&first.into(), &gap["offset"]));
    assert_eq!(gap["events"], ledger.dropped);
    let mut next = first + ledger.dropped;
    assert_eq!(gap["to"], next - 1);
    while next < gateway.snapshot().next.0 {
        assert_eq!(server.line().await["offset"], next);
        next += 1;
    }
    server.acknowledge(next - 1).await;
    settled(&gateway, "dead").await;
    let told = gateway.ledger("dead").unwrap();
    assert_eq!((told.dropped, told.delivered), (ledger.dropped, ledger.waiting));
    assert_eq!(telemetry.counts().gap_events.get(), ledger.dropped);
    assert_eq!(gateway.ledger("alive").unwrap().dropped, 0);
    gateway.stop().await;
    assert_eq!(alive.report().first_violations, []);
}

#[actix_rt::test]
async fn gaps_keep_to_the_window_as_events_do_and_one_that_waits_grows() {
    let alive = web_server_at("127.0.0.1:0").await;
    let listener = listener().await;
    let keys = "when_behind = 'skip'\nmax_lag = '200KiB'\nwindow = '1KiB'";
    let dead = upstream("dead", &listener.local_addr().unwrap().to_string(), keys);
    let (gateway, _) =
        gateway(&(upstream("alive", &alive.address().to_string(), "") + &dead)).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    let mut device = online(&gateway, "flood").await;
    let mut seen = Seen { last: server.next - 1, ..Seen::default() };
    seen.take(&server.line().await);
    seen.take(&server.line().await);
    // Whatever it says has the gateway look at the hole again.
    let heard = &gateway.counts().link_errors;
    for word in 1..=60 {
        chat(&gateway, &mut device, 1, &[b'x'; 20_000]).await;
        server.say("{\"event\":\"none\"}").await;
        until("it is heard", || heard.get(LinkError::Echo) == word).await;
    }
    server.say("garbage").await;
    // No data are small enough to go along with what is on its way.
    while seen.take(&server.line().await) {}
    assert!(seen.events == 2 && (1..10).contains(&seen.gaps), "{seen:?}");
    server.acknowledge(seen.last).await;
    while seen.last + 1 < gateway.snapshot().next.0 {
        seen.take(&server.line().await);
        server.acknowledge(seen.last).await;
    }
    settled(&gateway, "dead").await;
    let ledger = gateway.ledger("dead").unwrap();
    assert_eq!((ledger.delivered, ledger.dropped), (seen.events, seen.missing));
    assert_eq!(ledger.received, seen.last + 1 - server.next);
    gateway.stop().await;
}

/// What a web server has seen, without a hole in it.
#[derive(Debug, Default)]
struct Seen {
    last: u64,
    events: u64,
    gaps: u64,
    missing: u64,
}

impl Seen {
    /// Takes an event or a gap; `false` for an error line.
    fn take(&mut self, line: &Value) -> bool {
        if !line["error"].is_null() {
            return false;
        }
        let offset = line["offset"].as_u64().unwrap();
        assert_eq!(line["from"].as_u64().unwrap_or(offset), self.last + 1);
        self.last = offset;
        match line["events"].as_u64() {
            Some(missing) => (self.gaps, self.missing) = (self.gaps + 1, self.missing + missing),
            None => self.events += 1,
        }
        true
    }
}

#[actix_rt::test]
async fn each_upstream_has_a_cursor_of_its_own_and_both_begin_with_the_start() {
    let (first, second) = (listener().await, listener().await);
    let address = |listener: &tokio::net::TcpListener| listener.local_addr().unwrap().to_string();
    let upstreams = upstream("alive", &address(&first), "start = 'now'")
        + &upstream("dead", &address(&second), "start = 'oldest'\nack = false");
    let (gateway, _) = gateway(&upstreams).await;
    let mut device = online(&gateway, "both").await;
    chat(&gateway, &mut device, 5, b"hello").await;
    let mut one = Hand::accept(&first).await.greeted().await;
    let mut other = Hand::accept(&second).await.greeted().await;
    assert_eq!(one.next, other.next);
    for server in [&mut one, &mut other] {
        assert_eq!(server.line().await["event"], "started");
    }
    settled(&gateway, "dead").await;
    assert_eq!(gateway.ledger("alive").unwrap().delivered, 0);
    one.acknowledge(one.next + 2).await;
    until("it counts", || gateway.ledger("alive").unwrap().delivered == 3).await;
    assert_eq!(gateway.ledger("alive").unwrap().waiting, 4);
    balanced(&gateway);
    gateway.stop().await;
}

#[actix_rt::test]
async fn over_breaking_links_every_offset_is_seen_or_told_as_missing() {
    let alive = web_server_at("127.0.0.1:0").await;
    let mut behaviours = Vec::new();
    for lines in [2, 7, 3, 11, 5, 2, 13] {
        for acknowledge in [Acknowledge::Never, Acknowledge::EachLine, Acknowledge::Behind(1)] {
            let drop_after = Some(lines);
            behaviours.push(Behaviour { acknowledge, drop_after, ..Behaviour::default() });
        }
    }
    let links = behaviours.len() as u64;
    behaviours.push(Behaviour::default());
    let poor = web_server(WebSettings::default(), behaviours).await;
    let keys = "when_behind = 'skip'\nmax_lag = '300KiB'\nwindow = '100KiB'\nack_timeout = '200ms'";
    let upstreams = upstream("alive", &alive.address().to_string(), "")
        + &upstream("dead", &poor.address().to_string(), keys);
    let (gateway, _) = gateway(&upstreams).await;
    let mut device = online(&gateway, "flood").await;
    while poor.look(|report| report.links <= links) {
        chat(&gateway, &mut device, 1, &[b'x'; 20_000]).await;
        balanced(&gateway);
    }
    settled(&gateway, "dead").await;
    let ledger = gateway.ledger("dead").unwrap();
    assert!(ledger.dropped > 0, "{ledger:?}");
    gateway.stop().await;
    let report = poor.report();
    assert_eq!(report.first_violations, []);
    // What it saw and did not acknowledge before the end of a link may be told as missing, too.
    let told = report.started + report.online + report.data + report.lost;
    assert!(report.gaps > 0 && told >= ledger.received, "{told} {ledger:?}");
    assert!(report.lost >= ledger.dropped, "{} {ledger:?}", report.lost);
    assert_eq!(alive.report().gaps, 0);
}
