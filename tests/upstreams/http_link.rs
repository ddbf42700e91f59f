//! One link by HTTP, without a gateway: lines in, acknowledgements and commands out.

use std::{
    future::poll_fn,
    task::{Context, Waker},
    time::Duration,
};

use bytes::BytesMut;
use tetherd::{
    link::{HttpLink, Link, LinkFault, LinkFaultKind, LinkType, UpstreamSettings},
    units::Span,
};
use tokio::io::BufReader;

use crate::{
    hand::listener,
    harness::within,
    poster::{Poster, Reply, Then},
};

fn settings(web: &Poster) -> UpstreamSettings {
    UpstreamSettings {
        kind: LinkType::Http,
        url: Some(format!("http://{}/", web.address)),
        ..UpstreamSettings::default()
    }
}

async fn dial(web: &Poster) -> HttpLink {
    HttpLink::dial(&settings(web)).await.unwrap()
}

/// Moves these lines, and answers what came in until the link broke.
async fn exchange(link: &mut HttpLink, lines: &str) -> (String, LinkFault) {
    let (mut out, mut inbox) = (BytesMut::from(lines), Vec::new());
    let fault = loop {
        let moved = poll_fn(|task| link.poll_exchange(task, &mut out, &mut inbox));
        match within(moved).await {
            Ok(moved) => assert!(moved.sent + moved.received > 0),
            Err(fault) => break fault,
        }
    };
    (String::from_utf8(inbox).unwrap(), fault)
}

const ONE: &str = "{\"offset\":7,\"event\":\"idle\"}\n";

#[actix_rt::test]
async fn commands_of_an_answer_come_in_behind_its_acknowledgement_and_nothing_else_does() {
    let command = "{\"command\":\"c-1\",\"imei\":\"a\"}";
    let cancel = "{\"cancel\":\"c-0\"}";
    let body = format!("ok\n{command}\n{{\"ack\":9}}\n{{\"a\":1}}\n\n{cancel}");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        &body[..9],
        body.len() - 9,
        &body[9..]
    );
    for says in [Reply::new(200, "", &body).says, chunked] {
        let (mut first, body) = (true, body.clone());
        let web = Poster::new(move |_| match std::mem::take(&mut first) {
            true => Reply::raw(true, &says, Then::Keep),
            false => Reply::new(301, "", &body),
        })
        .await;
        let two = ONE.replace('7', "8");
        let (said, fault) = exchange(&mut dial(&web).await, &format!("{ONE}{two}")).await;
        assert_eq!(said, format!("{{\"ack\":7}}\n{command}\n{cancel}\n"));
        assert_eq!(fault.kind, LinkFaultKind::Redirected, "only a 2xx says anything");
    }
}

#[actix_rt::test]
async fn an_answer_without_end_acknowledges_is_read_no_further_and_told() {
    let command = "{\"command\":\"c-1\"}\n";
    let body = format!("{command}{}", command.repeat((1 << 20) / command.len()));
    let web = Poster::new(move |_| Reply::new(200, "", &body)).await;
    let (said, fault) = exchange(&mut dial(&web).await, ONE).await;
    assert!(said.starts_with(&format!("{{\"ack\":7}}\n{command}")) && said.len() < 1_100_000);
    assert!(said.ends_with(command), "no half line comes in");
    assert!(fault.to_string().contains("may have 1048576 bytes at most"), "{fault}");
}

#[actix_rt::test]
async fn an_answer_that_breaks_off_acknowledges_nothing() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"command\":\"c-1\"}\n";
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-";
    for says in [half, chunk, head] {
        let web = Poster::new(move |_| Reply::raw(true, says, Then::Close)).await;
        let (said, fault) = exchange(&mut dial(&web).await, ONE).await;
        assert_eq!((said.as_str(), fault.kind), ("", LinkFaultKind::ClosedByPeer), "{says}");
    }
}

#[actix_rt::test]
async fn a_head_without_end_is_no_answer() {
    let head =
        format!("HTTP/1.1 200 OK\r\n{}", "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(10_000));
    let web = Poster::new(move |_| Reply::raw(true, &head, Then::Silence)).await;
    let (said, fault) = exchange(&mut dial(&web).await, ONE).await;
    assert_eq!((said.as_str(), fault.kind), ("", LinkFaultKind::Other));
}

#[actix_rt::test]
async fn a_link_that_is_finished_waits_for_its_answer_and_begins_no_other() {
    let web = Poster::new(|_| Reply::status(200)).await;
    let mut link = dial(&web).await;
    let (mut out, mut inbox) = (BytesMut::from(ONE), Vec::new());
    let two = ONE.replace('7', "8");
    let moved = poll_fn(|task| link.poll_exchange(task, &mut out, &mut inbox));
    assert_eq!(within(moved).await.unwrap().received, 0, "the request is on its way");
    poll_fn(|task| link.poll_finish(task)).await.unwrap();
    let (said, fault) = exchange(&mut link, &two).await;
    assert_eq!((said.as_str(), fault.kind), ("{\"ack\":7}\n", LinkFaultKind::ClosedByPeer));
    assert_eq!(web.requests(), 1);
}

#[actix_rt::test]
async fn a_request_waits_for_more_events_until_it_is_full() {
    let web = Poster::new(|_| Reply::status(200)).await;
    let settings = UpstreamSettings { linger: Span::seconds(1), ..settings(&web) };
    let mut link = HttpLink::dial(&settings).await.unwrap();
    let (mut out, mut inbox) = (BytesMut::from(ONE), Vec::new());
    while inbox.is_empty() {
        within(poll_fn(|task| link.poll_exchange(task, &mut out, &mut inbox))).await.unwrap();
    }
    // What comes behind a pause waits: now two events go at a time.
    let mut task = Context::from_waker(Waker::noop());
    assert!(link.poll_exchange(&mut task, &mut out, &mut inbox).is_pending());
    out.extend_from_slice(ONE.replace('7', "8").as_bytes());
    assert!(link.poll_exchange(&mut task, &mut out, &mut inbox).is_ready());
    assert!(link.poll_exchange(&mut task, &mut out, &mut inbox).is_pending());
    assert_eq!(web.requests(), 1);
    out.extend_from_slice(ONE.replace('7', "9").as_bytes());
    while !inbox.ends_with(b"{\"ack\":9}\n") {
        within(poll_fn(|task| link.poll_exchange(task, &mut out, &mut inbox))).await.unwrap();
    }
    assert_eq!(web.posted()[1].events.len(), 2);
    assert_eq!(inbox, b"{\"ack\":7}\n{\"ack\":9}\n");
}

#[actix_rt::test]
async fn a_kept_connection_that_closes_under_a_request_is_replaced_once() {
    let close = || Reply::raw(false, "", Then::Close);
    let script = [Reply::status(200), close(), Reply::status(200), close(), close()];
    let mut script = script.into_iter();
    let web = Poster::new(move |_| script.next().unwrap()).await;
    let lines = [7, 8, 9].map(|offset| ONE.replace('7', &offset.to_string())).concat();
    let one_by_one = UpstreamSettings { batch_events: 1, ..settings(&web) };
    let mut link = HttpLink::dial(&one_by_one).await.unwrap();
    let (said, fault) = exchange(&mut link, &lines).await;
    assert_eq!(said, "{\"ack\":7}\n{\"ack\":8}\n");
    assert_eq!((fault.kind, fault.respite), (LinkFaultKind::ClosedByPeer, None));
    assert_eq!((web.requests(), web.connections()), (5, 3));
}

#[actix_rt::test]
async fn a_web_server_that_went_away_says_nothing_about_the_event() {
    let listener = listener().await;
    let web = Poster::unheard(&listener, |_| Reply::new(200, "Connection: close\r\n", ""));
    let server = web.clone();
    actix_rt::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(listener);
        server.serve(&mut BufReader::new(stream)).await;
    });
    let (said, fault) =
        exchange(&mut dial(&web).await, &(ONE.to_owned() + &ONE.replace('7', "8"))).await;
    assert_eq!(said, "{\"ack\":7}\n");
    assert_eq!((fault.kind, fault.respite), (LinkFaultKind::Refused, Some(Duration::ZERO)));
}
