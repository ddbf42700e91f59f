//! What passes between devices and the gateway, as it is shown to those who look.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tetherd::{
    config::from_toml,
    simulator::{Behaviour, WebSettings},
    supervision::failpoint,
};

use crate::{
    client::{Client, Stream},
    harness::{Dtu, LIMIT, Rig, process::Program, settings, until, web_server, within},
    is_problem, rig, rig_with,
};

const JSON: &str = "Content-Type: application/json";

/// Undoes base64.
fn bytes(event: &Value) -> Vec<u8> {
    data_encoding::BASE64.decode(event["bytes"].as_str().unwrap().as_bytes()).unwrap()
}

/// All that went this way, in one piece.
fn all(stream: &Stream, way: &str) -> Vec<u8> {
    stream.events().iter().filter(|event| event["event"] == way).flat_map(bytes).collect()
}

/// The kinds of the events, those of bytes once however many they were.
fn kinds(stream: &Stream) -> Vec<String> {
    let mut kinds: Vec<_> =
        stream.events().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    kinds.dedup();
    kinds
}

/// The session of the one connection without a name, once so many bytes of it were read.
async fn nameless(client: &Client, received: usize) -> String {
    loop {
        let found = client.get("/api/sessions?state=unnamed").await.json();
        let session = &found["sessions"][0];
        if session["received_bytes"] == received {
            return session["session"].as_str().unwrap().to_owned();
        }
        tokio::task::yield_now().await;
    }
}

async fn session_of(client: &Client, name: &str) -> String {
    let shown = client.get(&format!("/api/devices/{name}")).await.json();
    shown["session"].as_str().unwrap().to_owned()
}

/// Waits until so many bytes were shown that went this way.
async fn shows(stream: &mut Stream, way: &str, count: usize) -> Vec<u8> {
    while all(stream, way).len() < count {
        stream.more().await;
    }
    all(stream, way)
}

async fn command(client: &Client, name: &str, hex: &str) {
    let body = format!(r#"{{"data":"{hex}","encoding":"hex"}}"#);
    let at = format!("/api/devices/{name}/commands");
    let sent = client.ask("POST", &at, &[JSON], &body).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
}

#[actix_rt::test]
async fn a_nameless_connection_is_shown_by_its_session_in_both_directions_up_to_its_end() {
    let (rig, client) = rig_with("protocol = 'gt06'", "").await;
    let mut device = rig.connect().await;
    device.write(b"early").await;
    let session = nameless(&client, 5).await;
    let mut tap = client.follow(&format!("/api/sessions/{session}/tap")).await;
    tap.until("event: opened").await;
    let opened = tap.events()[0].clone();
    assert_eq!(opened["session"], session.as_str());
    assert_eq!((&opened["listener"], &opened["imei"]), (&json!("dtu"), &Value::Null));
    assert_eq!(opened["peer"], device.address().to_string());
    assert_eq!((&opened["received_bytes"], &opened["sent_bytes"]), (&json!(5), &json!(0)));
    assert_eq!(opened["first_bytes"], "ZWFybHk=");
    let login = b"\x78\x78\x0d\x01\x08\x60\x00\x00\x00\x00\x00\x17\x00\x01\xdf\xea\x0d\x0a";
    // However it is cut, all of it is shown, and so is the reply.
    device.write(&login[..7]).await;
    assert_eq!(shows(&mut tap, "received", 7).await, login[..7]);
    device.write(&login[7..]).await;
    let reply = device.read(10).await;
    assert_eq!(shows(&mut tap, "sent", 10).await, reply);
    assert_eq!(all(&tap, "received"), login);
    let replied = tap.events().into_iter().find(|event| event["event"] == "sent").unwrap();
    assert_eq!(replied["imei"], "860000000000017", "the name is told once it is known");
    device.finish().await;
    assert!(tap.ends().await);
    let last = tap.events().last().unwrap().clone();
    assert_eq!((&last["event"], &last["reason"]), (&json!("closed"), &json!("peer_closed")));
    assert_eq!((&last["session"], &last["imei"]), (&json!(session), &json!("860000000000017")));
    is_problem(&client.get(&format!("/api/sessions/{session}/tap")).await, 404);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_is_waited_for_and_shown_from_its_first_byte_over_all_its_connections() {
    let (rig, client) = rig_with("", "threads = 2").await;
    let mut tap = client.follow("/api/devices/me/tap").await;
    let _other = rig.online("other").await;
    let mut sessions = Vec::new();
    for round in 0..3 {
        let mut device = rig.connect().await;
        for byte in b"ETUNG:me\r\nhello" {
            device.write(&[*byte]).await;
        }
        rig.sees(|report| report.name("me").bytes == 5 * (round + 1)).await;
        sessions.push(session_of(&client, "me").await);
        command(&client, "me", "0102").await;
        assert_eq!(device.read(2).await, [1, 2]);
        device.finish().await;
        rig.sees(|report| report.offline == round + 1).await;
    }
    shows(&mut tap, "received", 45).await;
    tap.until(&format!("\"session\":\"{}\",\"imei\":\"me\",\"reason\"", sessions[2])).await;
    let events = tap.events();
    for session in &sessions {
        let own: Vec<_> = events.iter().filter(|event| event["session"] == **session).collect();
        let way = |way: &str| -> Vec<u8> {
            own.iter()
                .filter(|event| event["event"] == way)
                .flat_map(|event| bytes(event))
                .collect()
        };
        assert_eq!(way("received"), b"ETUNG:me\r\nhello");
        assert_eq!(way("sent"), [1, 2]);
        assert_eq!((&own[0]["event"], &own[0]["received_bytes"]), (&json!("opened"), &json!(0)));
        assert!(own.iter().skip(1).all(|event| event["event"] != "opened"));
        assert_eq!(own.last().unwrap()["reason"], "peer_closed");
    }
    assert!(events.iter().all(|event| sessions.iter().any(|own| event["session"] == **own)));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_is_there_is_shown_from_now_on_and_so_is_whoever_takes_its_name_over() {
    let (rig, client) = rig_with("", "threads = 2").await;
    let mut old = rig.online("me").await;
    let first = session_of(&client, "me").await;
    let mut tap = client.follow("/api/devices/me/tap").await;
    tap.until("event: opened").await;
    assert_eq!(tap.events()[0]["received_bytes"], 10);
    old.write(b"old").await;
    shows(&mut tap, "received", 3).await;
    let mut new = rig.connect().await;
    new.write(b"ETUNG:me\r\nnew").await;
    shows(&mut tap, "received", 16).await;
    let second = session_of(&client, "me").await;
    let told: Vec<_> = tap
        .events()
        .iter()
        .map(|event| {
            let session = if event["session"] == *first { 1 } else { 2 };
            assert!(session == 1 || event["session"] == *second);
            let more = if event["bytes"].is_null() { event["reason"].clone() } else { Value::Null };
            (session, event["event"].as_str().unwrap().to_owned(), more)
        })
        .collect();
    let plain = |session, kind: &str| (session, kind.to_owned(), Value::Null);
    let closed = (1, "closed".to_owned(), json!("replaced"));
    assert_eq!(told[..4], [plain(1, "opened"), plain(1, "received"), closed, plain(2, "opened")]);
    assert_eq!(all(&tap, "received"), b"oldETUNG:me\r\nnew");
    rig.stop().await;
}

#[actix_rt::test]
async fn with_duplicates_all_who_have_the_name_are_shown() {
    let web = WebSettings { allow_duplicates: true, ..WebSettings::default() };
    let web = web_server(web, [Behaviour::default()]).await;
    let rest = "threads = 2\n[admin]\naddress = '127.0.0.1:0'\n";
    let rig = Rig::before(web, "duplicate = 'allow'", "", rest, |builder| builder).await;
    let client = Client::of(rig.gateway.admin_address().unwrap());
    let mut devices = Vec::new();
    for _ in 0..3 {
        let mut device = rig.connect().await;
        device.write(b"ETUNG:me\r\n").await;
        devices.push(device);
        rig.sees(|report| report.online == devices.len() as u64).await;
    }
    let mut tap = client.follow("/api/devices/me/tap").await;
    for (at, device) in devices.iter_mut().enumerate() {
        device.write(&[b'0' + at as u8]).await;
        let shown = shows(&mut tap, "received", at + 1).await;
        assert_eq!(shown[at], b'0' + at as u8);
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn what_a_flood_has_sent_is_shown_whole_to_whoever_keeps_up() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    let mut tap = client.follow(&format!("/api/sessions/{session}/tap")).await;
    let sent: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    device.write(&sent).await;
    assert!(shows(&mut tap, "received", sent.len()).await == sent);
    assert_eq!(rig.telemetry.counts().tap_missed_bytes.get(), 0);
    rig.stop().await;
}

#[actix_rt::test]
async fn whoever_is_too_slow_is_told_what_he_missed_and_the_device_is_not_held_up() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    let mut tap = client.follow(&format!("/api/sessions/{session}/tap")).await;
    // Far more than the kernel holds for somebody who does not read.
    let (total, piece) = (32 << 20, vec![b'x'; 64 << 10]);
    for _ in 0..total / piece.len() {
        device.write(&piece).await;
    }
    rig.sees(|report| report.name("me").bytes == total as u64).await;
    let missed = rig.telemetry.counts().tap_missed_bytes.get();
    assert!(missed > 0);
    device.finish().await;
    assert!(tap.ends().await);
    let told = tap.events();
    let of_missed = told.iter().filter(|event| event["event"] == "missed");
    assert_eq!(of_missed.map(|event| event["bytes"].as_u64().unwrap()).sum::<u64>(), missed);
    assert_eq!(all(&tap, "received").len() as u64 + missed, total as u64);
    assert_eq!(told.last().unwrap()["event"], "closed", "the end is told all the same");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_panic_ends_what_is_shown_of_a_session_like_any_ending() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    let mut one = client.follow(&format!("/api/sessions/{session}/tap")).await;
    let mut name = client.follow("/api/devices/me/tap").await;
    name.until("event: opened").await;
    failpoint::arm("session.data", "poison for a tap");
    device.write(b"poison for a tap").await;
    device.ended().await;
    assert!(one.ends().await);
    assert_eq!(kinds(&one), ["opened", "received", "closed"]);
    assert_eq!(one.events().last().unwrap()["reason"], "panicked");
    assert_eq!(all(&one, "received"), b"poison for a tap", "that is what one wants to see");
    let mut again = rig.online("me").await;
    again.write(b"again").await;
    assert_eq!(shows(&mut name, "received", 31).await, b"poison for a tapETUNG:me\r\nagain");
    assert_eq!(rig.stop_after_panics().await.1, 1);
}

#[actix_rt::test]
async fn what_comes_behind_an_ending_is_shown_as_well() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    let mut tap = client.follow(&format!("/api/sessions/{session}/tap")).await;
    command(&client, "me", "0102").await;
    assert_eq!(device.read(2).await, [1, 2]);
    client.ask("DELETE", "/api/devices/me/session", &[], "").await;
    assert_eq!(device.rest().await.unwrap(), b"");
    device.write(b"too late").await;
    device.finish().await;
    assert!(tap.ends().await);
    assert_eq!((all(&tap, "received"), all(&tap, "sent")), (b"too late".to_vec(), vec![1, 2]));
    assert_eq!(tap.events().last().unwrap()["reason"], "kicked");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_behind_a_connection_is_shown_with_all_bytes_of_that() {
    let (rig, client) = rig_with("protocol = 'dlt645'", "").await;
    let mut tap = client.follow("/api/devices/000000000002/tap").await;
    let mut line = rig.connect().await;
    let frames = [dlt645(1), dlt645(2), dlt645(3)];
    line.write(&frames.concat()).await;
    rig.sees(|report| report.data == 3).await;
    let session = session_of(&client, "000000000002").await;
    let received = shows(&mut tap, "received", frames.concat().len()).await;
    assert_eq!(received, frames.concat(), "from the bytes on that brought it");
    let opened = tap.events()[0].clone();
    assert_eq!((&opened["session"], &opened["imei"]), (&json!(session), &json!("000000000002")));
    let of_line = tap.events()[1]["session"].clone();
    assert_eq!(opened["connection"], of_line);
    let mut by_id = client.follow(&format!("/api/sessions/{session}/tap")).await;
    line.write(&dlt645(1)).await;
    assert_eq!(shows(&mut by_id, "received", frames[0].len()).await, frames[0]);
    line.finish().await;
    assert!(by_id.ends().await);
    tap.until("event: closed").await;
    assert_eq!(tap.events().last().unwrap()["session"], session.as_str());
    rig.stop().await;
}

#[actix_rt::test]
async fn a_reload_disturbs_nobody_who_looks() {
    let (mut rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let mut tap = client.follow("/api/devices/me/tap").await;
    let rest = "[admin]\naddress = '127.0.0.1:0'\n";
    let toml = settings(&rig.web.address().to_string(), "idle_timeout = '9m'", "", rest);
    rig.gateway.reload(from_toml(&toml).unwrap()).await.unwrap();
    device.write(b"still").await;
    assert_eq!(shows(&mut tap, "received", 5).await, b"still");
    rig.stop().await;
}

#[actix_rt::test]
async fn when_the_gateway_stops_the_endings_are_shown_and_the_streams_end() {
    let (rig, client) = rig_with("", "threads = 2").await;
    let _device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    let mut one = client.follow(&format!("/api/sessions/{session}/tap")).await;
    let mut name = client.follow("/api/devices/me/tap").await;
    name.until("event: opened").await;
    let stopping = actix_rt::spawn(rig.stop());
    assert!(one.ends().await);
    name.ends().await;
    for tap in [&one, &name] {
        assert_eq!(tap.events().last().unwrap()["reason"], "draining");
    }
    within(stopping).await.unwrap();
}

#[actix_rt::test]
async fn what_cannot_be_shown_is_a_problem() {
    let (rig, client) = rig().await;
    for unknown in ["0000000000000001", "xyz", "ffffffffffffffffff"] {
        let at = format!("/api/sessions/{unknown}/tap");
        is_problem(&client.get(&at).await, 404);
        assert_eq!(client.ask("HEAD", &at, &[], "").await.status, 404);
    }
    for bad in ["unknown", "a%20b", "%00", &"x".repeat(65)] {
        is_problem(&client.get(&format!("/api/devices/{bad}/tap")).await, 400);
    }
    for at in ["/api/devices/me/tap", "/api/sessions/1/tap"] {
        let refused = client.ask("POST", at, &[], "").await;
        is_problem(&refused, 405);
        assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    }
    assert_eq!(rig.records.count("tap opened"), 0);
    rig.stop().await;
}

#[actix_rt::test]
async fn head_is_answered_and_shows_nothing() {
    let (rig, client) = rig().await;
    let _device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    for at in [format!("/api/sessions/{session}/tap"), "/api/devices/nobody/tap".to_owned()] {
        let answer = client.ask("HEAD", &at, &[], "").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, ""));
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    }
    assert_eq!(rig.records.count("tap opened"), 0);
    rig.stop().await;
}

#[actix_rt::test]
async fn who_looks_is_written_to_the_log_and_more_than_eight_are_turned_away() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let session = session_of(&client, "me").await;
    let mut taps = vec![client.follow(&format!("/api/sessions/{session}/tap")).await];
    while taps.len() < 8 {
        taps.push(client.follow("/api/devices/me/tap").await);
    }
    is_problem(&client.get("/api/devices/me/tap").await, 503);
    is_problem(&client.get(&format!("/api/sessions/{session}/tap")).await, 503);
    let opened = rig.records.all().into_iter().filter(|record| record.message == "tap opened");
    let what: Vec<_> = opened.map(|record| record.get("what").unwrap()).collect();
    assert_eq!(what.len(), 8);
    assert_eq!((&*what[0], &*what[1]), (&*format!("session {session}"), "device me"));
    assert_eq!(rig.telemetry.counts().taps.get(), 8);
    // Whoever is gone is found out when something is written to him.
    taps.clear();
    for _ in 0..1000 {
        device.write(b"x").await;
        if client.status_of("/api/devices/me/tap").await == 200 {
            until("its end is in the log", || rig.records.count("tap ended") >= 1).await;
            rig.stop().await;
            return;
        }
    }
    panic!("nobody is let in again");
}

#[actix_rt::test]
async fn a_token_that_may_only_read_is_enough_and_the_log_tells_whose_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "0123456789abcdef\n").unwrap();
    let admin = format!(
        "[admin]\naddress = '127.0.0.1:0'\n[admin.tokens.lab]\nfile = '{}'\n",
        path.display()
    );
    let rig = Rig::with("", "", &admin).await;
    let client = Client::of(rig.gateway.admin_address().unwrap());
    is_problem(&client.get("/api/devices/me/tap").await, 401);
    let token = "Authorization: Bearer 0123456789abcdef";
    let tap = client.follow_with("/api/devices/me/tap", &[token]).await;
    let told = rig.records.wait_for(LIMIT, |record| record.message == "tap opened").unwrap();
    assert_eq!(told.get("token").as_deref(), Some("lab"));
    assert!(told.get("peer").unwrap().starts_with("127.0.0.1:"));
    drop(tap);
    rig.stop().await;
}

#[actix_rt::test]
async fn the_program_shows_what_a_device_says_before_it_has_a_name_and_ends_in_order() {
    let listener = "protocol = ['gt06', 'teltonika']";
    let program = Program::start("127.0.0.1:9", listener, "", "[admin]\naddress = '127.0.0.1:0'\n");
    let mut device = Dtu::connect(&program.address("dtu").await).await;
    let admin = program.says("admin API listening", |_| true).await;
    let client = Client::of(admin["address"].as_str().unwrap());
    device.write(b"\x78").await;
    let session = nameless(&client, 1).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_tetherd"));
    command.env_clear().args(["tail", "--session", &session, "--api"]);
    command.arg(format!("http://{}", client.address));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    program.says("tap opened", |record| record["what"] == format!("session {session}")).await;
    device.write(b"\x78\x0d\x01\x08\x1b").await;
    device.finish().await;
    device.ended().await;
    let out = tokio::task::spawn_blocking(move || {
        let mut out = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
        (out, child.wait().unwrap().code())
    });
    let (out, code) = out.await.unwrap();
    assert_eq!(code, Some(0), "the session is over");
    let lines: Vec<_> = out.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert!(lines[0].starts_with(&format!("opened     session={session} listener=dtu ")), "{out}");
    assert_eq!(lines[1], format!("before     {:47}  x", "78"));
    assert_eq!(lines[2], format!("received   {:47}  x\\r\\x01\\x08\\x1b", "78 0d 01 08 1b"));
    assert_eq!(lines[3], format!("closed     session={session} reason=peer_closed"));
    program.says("tap ended", |_| true).await;
}

/// A frame of DL/T 645 in which this meter answers with a value.
fn dlt645(meter: u8) -> Vec<u8> {
    let mut frame =
        vec![0x68, meter, 0, 0, 0, 0, 0, 0x68, 0x91, 0x05, 0x33, 0x33, 0x34, 0x33, 0x44];
    frame.push(frame.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
    frame.push(0x16);
    frame
}
