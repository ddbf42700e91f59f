//! A web server that says what it should not: the link stays up, each mistake is counted and
//! answered at most once a second, and everything is delivered once.

use std::time::Instant;

use tetherd::{
    simulator::{Acknowledge, Behaviour, Report, Say, WebSettings},
    telemetry::{LinkError, LinkFaultKind},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::harness::{Rig, settings, start, until, web_server, within};

async fn before(behaviours: impl IntoIterator<Item = Behaviour>) -> (Rig, Instant) {
    let begun = Instant::now();
    let web = web_server(WebSettings::default(), behaviours).await;
    (Rig::before(web, "", "", "", |builder| builder).await, begun)
}

/// A device says hundred things, which the web server gets one by one, all of them once.
async fn hundred(rig: &Rig, name: &str) {
    let mut device = rig.online(name).await;
    for number in 1..=100 {
        device.write(b"something to say").await;
        rig.sees(|report| report.name(name).messages == number).await;
    }
    device.finish().await;
    rig.sees(|report| report.offline == 1).await;
}

async fn all_acknowledged(rig: &Rig) {
    until("all is acknowledged", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
}

/// There was one link, with no more answers than one a second.
fn one_link(report: &Report, begun: Instant) {
    assert_eq!((report.links, report.repeats, report.gaps), (1, 0, 0));
    let most = begun.elapsed().as_secs() + 1;
    assert!(report.errors <= most, "{} answers, at most {most}", report.errors);
}

fn errors(rig: &Rig, kind: LinkError) -> u64 {
    rig.gateway.counts().link_errors.get(kind)
}

#[actix_rt::test]
async fn garbage_is_counted_answered_once_a_second_and_the_link_stays_up() {
    let (rig, begun) = before([Behaviour::saying(Say::Garbage)]).await;
    hundred(&rig, "steady").await;
    all_acknowledged(&rig).await;
    // The line with a command is none: a control character stands in it.
    until("all are counted", || errors(&rig, LinkError::BadLine) == 11).await;
    let report = rig.stop().await;
    one_link(&report, begun);
    assert!(report.errors >= 1);
    assert!(report.last_errors[0].contains(r#""line":"hello?""#), "{}", report.last_errors[0]);
}

#[actix_rt::test]
async fn a_line_of_ten_mebibytes_is_passed_over() {
    let (rig, begun) = before([Behaviour::saying(Say::LongLine(10 << 20))]).await;
    hundred(&rig, "steady").await;
    all_acknowledged(&rig).await;
    until("it is counted", || errors(&rig, LinkError::LineTooLong) == 1).await;
    let report = rig.stop().await;
    one_link(&report, begun);
    assert!(report.last_errors[0].len() < 400, "only its beginning comes back");
}

#[actix_rt::test]
async fn half_a_line_at_the_end_of_a_link_is_nothing() {
    let (rig, _) = before([Behaviour::saying(Say::HalfLine), Behaviour::default()]).await;
    hundred(&rig, "steady").await;
    all_acknowledged(&rig).await;
    assert_eq!(rig.gateway.counts().link_faults.get(LinkFaultKind::ClosedByPeer), 1);
    assert_eq!(rig.gateway.counts().link_errors.sum(), 0);
    let report = rig.stop().await;
    assert_eq!((report.links, report.errors, report.data), (2, 0, 100));
}

#[actix_rt::test]
async fn an_acknowledgement_of_the_future_is_an_error_and_moves_nothing() {
    let ahead = Behaviour::acknowledging(Acknowledge::Ahead(1_000));
    let (rig, begun) = before([ahead, Behaviour::default()]).await;
    hundred(&rig, "steady").await;
    until("it is counted", || errors(&rig, LinkError::FutureAck) > 0).await;
    let ledger = rig.gateway.ledger("web").unwrap();
    assert_eq!((ledger.delivered, ledger.dropped), (0, 0), "{ledger:?}");
    one_link(&rig.web.report(), begun);
    rig.web.disconnect();
    all_acknowledged(&rig).await;
    let report = rig.stop().await;
    assert_eq!((report.data, report.online, report.gaps), (100, 1, 0));
    assert!(report.last_errors[0].contains(r#""line":"{\"ack\":"#), "{}", report.last_errors[0]);
}

#[actix_rt::test]
async fn an_acknowledgement_of_the_past_changes_nothing_and_is_no_error() {
    let behind = Behaviour::acknowledging(Acknowledge::Behind(40));
    let (rig, begun) = before([behind, Behaviour::default()]).await;
    hundred(&rig, "steady").await;
    rig.web.send(r#"{"ack":0}"#);
    rig.web.send(r#"{"ack":1}"#);
    until("some are acknowledged", || rig.gateway.ledger("web").unwrap().waiting == 40).await;
    assert_eq!(rig.gateway.counts().link_errors.sum(), 0);
    one_link(&rig.web.report(), begun);
    rig.web.disconnect();
    all_acknowledged(&rig).await;
    let report = rig.stop().await;
    assert_eq!((report.data, report.repeats, report.errors), (100, 40, 0));
}

#[actix_rt::test]
async fn our_own_lines_back_are_counted_and_never_answered() {
    let echo = Behaviour { echo: true, ..Behaviour::default() };
    let (rig, begun) = before([echo]).await;
    hundred(&rig, "steady").await;
    all_acknowledged(&rig).await;
    // hello, started, online, the data and offline.
    until("all are counted", || errors(&rig, LinkError::Echo) == 104).await;
    let report = rig.stop().await;
    one_link(&report, begun);
    assert_eq!(report.errors, 0);
}

#[actix_rt::test]
async fn an_echo_that_acknowledges_nothing_makes_no_loop() {
    let echo = Behaviour { echo: true, acknowledge: Acknowledge::Never, ..Behaviour::default() };
    let garbled = Behaviour { says: vec![Say::Garbage], ..echo };
    let (rig, begun) = before([garbled, Behaviour::default()]).await;
    hundred(&rig, "steady").await;
    until("all came back", || errors(&rig, LinkError::Echo) >= 104).await;
    one_link(&rig.web.report(), begun);
    rig.web.disconnect();
    all_acknowledged(&rig).await;
    assert_eq!(rig.stop().await.data, 100);
}

#[actix_rt::test]
async fn commands_that_cannot_be_understood_are_refused_with_a_word_and_reach_no_device() {
    let command = r#"{"command":"c-1","imei":"steady","data":"AQMAAAAC","encoding":"base32"}"#;
    let (rig, begun) = before([Behaviour::default()]).await;
    let mut device = rig.online("steady").await;
    rig.web.send(command);
    rig.web.send(r#"{"cancel":"c-1"}"#);
    rig.sees(|report| report.errors >= 1).await;
    device.write(b"still here").await;
    rig.sees(|report| report.data == 1).await;
    let report = rig.stop().await;
    one_link(&report, begun);
    let error: serde_json::Value = serde_json::from_str(&report.last_errors[0]).unwrap();
    assert_eq!(error["line"], command);
    assert!(error["error"].as_str().unwrap().contains("base32"), "{error}");
    assert_eq!(device.rest().await.unwrap(), b"", "nothing was written to it");
}

/// The next line.
async fn line(reader: &mut BufReader<TcpStream>) -> serde_json::Value {
    let mut line = String::new();
    within(reader.read_line(&mut line)).await.unwrap();
    serde_json::from_str(&line).unwrap()
}

#[actix_rt::test]
async fn an_acknowledgement_may_come_byte_by_byte_with_blanks_and_cr_lf() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (gateway, _, _) = start(&settings(&address, "", "", ""), |builder| builder).await;
    let (stream, _) = within(listener.accept()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut web = BufReader::new(stream);
    assert_eq!(line(&mut web).await["hello"], "tetherd");
    let started = line(&mut web).await;
    assert_eq!(started["event"], "started");
    assert_eq!(gateway.ledger("web").unwrap().waiting, 1);
    for byte in format!("\r\n  {{ \"more\" : [1], \"ack\" : {} }} \r\n", started["offset"]).bytes()
    {
        web.write_all(&[byte]).await.unwrap();
        crate::turns().await;
    }
    until("it is acknowledged", || gateway.ledger("web").unwrap().waiting == 0).await;
    assert_eq!(gateway.counts().link_errors.sum(), 0);
    gateway.stop().await;
    let mut rest = Vec::new();
    within(web.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"", "nothing was answered");
}

#[actix_rt::test]
async fn a_web_server_that_never_reads_is_let_go_and_everything_comes_with_the_next_one() {
    let deaf = Behaviour { stop_reading_after: Some(1), ..Behaviour::default() };
    let web = web_server(WebSettings::default(), [deaf, Behaviour::default()]).await;
    let rig = Rig::before(web, "", "ack_timeout = '1s'", "", |builder| builder).await;
    let mut device = rig.connect().await;
    device.write(b"ETUNG:steady;").await;
    device.write(&vec![b'x'; 4 << 20]).await;
    rig.sees(|report| report.name("steady").bytes == 4 << 20).await;
    all_acknowledged(&rig).await;
    assert!(rig.gateway.counts().link_faults.get(LinkFaultKind::AckTimeout) >= 1);
    rig.stop().await;
}
