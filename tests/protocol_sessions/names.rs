use serde_json::json;
use tetherd::{model::CloseReason, telemetry::Filtered};

use crate::{
    frames::{IMEI, answer, heartbeat, login, report},
    harness::{Rig, until},
    site::rig,
};

async fn gt06(listener: &str) -> Rig {
    rig(&format!("protocol = 'gt06'\n{listener}"), &[], |builder| builder).await
}

#[actix_rt::test]
async fn a_frame_names_the_device_and_all_of_them_go_upstream_with_what_stands_in_them() {
    let rig = gt06("").await;
    let mut device = rig.connect().await;
    device.write(&[login(IMEI), report(2)].concat()).await;
    assert_eq!(device.read(20).await, [answer(0x01, 1), answer(0x22, 2)].concat());
    device.write(&heartbeat(3)).await;
    rig.sees(|report| report.data == 3).await;
    let events = rig.events("data");
    let told = |at: usize, key: &str| events[at][key].clone();
    for at in 0..3 {
        assert_eq!((told(at, "imei"), told(at, "seq")), (json!(IMEI), json!(at + 1)));
        assert_eq!(told(at, "seq_device"), json!(at + 1));
    }
    let kinds = [0, 1, 2].map(|at| (told(at, "type"), told(at, "is")));
    let expected = [(1, "login"), (0x22, "data"), (0x13, "heartbeat")];
    assert_eq!(kinds, expected.map(|(kind, is)| (json!(kind), json!(is))));
    let keys: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    assert_eq!(keys[8..], ["data", "type", "seq_device", "is"], "new keys come last");
    device.finish().await;
    rig.sees(|report| report.offline == 1).await;
    assert_eq!(rig.telemetry.counts().filtered_bytes.sum(), 0, "every byte is accounted for");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_login_in_pieces_names_the_device_once() {
    let rig = gt06("").await;
    let mut device = rig.connect().await;
    for byte in login(IMEI) {
        device.write(&[byte]).await;
    }
    device.write(&login(IMEI)).await;
    assert_eq!(device.read(20).await, [answer(0x01, 1), answer(0x01, 1)].concat());
    rig.sees(|report| report.data == 2).await;
    assert_eq!(rig.events("online").len(), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_frame_that_claims_another_name_ends_the_session() {
    let rig = gt06("").await;
    let mut device = rig.connect().await;
    device.write(&[login(IMEI), report(2), login("860000000000002"), report(3)].concat()).await;
    device.ended().await;
    rig.sees(|report| report.offline == 1).await;
    assert_eq!(rig.events("offline")[0]["reason"], "malformed");
    assert_eq!(rig.events("data").len(), 2, "what came before is told");
    rig.stop().await;
}

#[actix_rt::test]
async fn frames_before_the_name_wait_for_it() {
    let rig = gt06("").await;
    let mut device = rig.connect().await;
    device.write(&[report(7), heartbeat(8), login(IMEI)].concat()).await;
    let expected = [answer(0x01, 1), answer(0x22, 7)].concat();
    assert_eq!(device.read(20).await, expected, "the report is answered once it has a name");
    rig.sees(|report| report.data == 3).await;
    let numbers: Vec<_> = rig.events("data").iter().map(|e| e["seq_device"].clone()).collect();
    assert_eq!(numbers, [7, 8, 1], "in the order in which they came");
    rig.stop().await;
}

#[actix_rt::test]
async fn frames_before_the_name_are_forwarded_as_unknown_where_the_listener_says_so() {
    let rig = gt06("unregistered = 'forward'").await;
    let mut device = rig.connect().await;
    device.write(&report(7)).await;
    rig.sees(|report| report.data == 1).await;
    assert_eq!(rig.events("data")[0]["imei"], "unknown");
    device.write(&login(IMEI)).await;
    assert_eq!(device.read(10).await, answer(0x01, 1), "a device without a name gets no answer");
    rig.stop().await;
}

#[actix_rt::test]
async fn frames_before_the_name_end_the_session_where_the_listener_says_so() {
    let rig = gt06("unregistered = 'close'").await;
    let mut device = rig.connect().await;
    device.write(&report(7)).await;
    device.ended().await;
    let ended = &rig.telemetry.counts().ended;
    until("it is counted", || ended.get(CloseReason::Unidentified) == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn whoever_sends_what_is_no_frame_is_let_go_of_after_registration_bytes() {
    let rig = gt06("registration_bytes = '64B'").await;
    let mut scanner = rig.connect().await;
    scanner.write(&[b'G'; 65]).await;
    scanner.ended().await;
    let mut waiting = rig.connect().await;
    waiting.write(&[report(1), report(2)].concat()).await;
    waiting.ended().await;
    let counts = rig.telemetry.counts();
    until("both are counted", || counts.ended.get(CloseReason::Unidentified) == 2).await;
    assert_eq!(counts.filtered_bytes.get(Filtered::Junk), 65);
    assert_eq!(counts.filtered_bytes.get(Filtered::Unregistered), 80);
    rig.stop().await;
}

const CHECKED: &str = "name = 'checked'
on_bad_checksum = 'POLICY'
heartbeats = 'drop'
[[frame]]
until = '\\n'
match = '^(?P<id>[a-z]+)(?:,(?P<word>.*))?\\*..$'
check = { sum = 'xor8', over = '0..-3', at = -2, as = 'X2' }
[[rule]]
when = { word = 'alive' }
is = 'heartbeat'
reply = 'yes\\n'
[[rule]]
reply = 'ok {word?}\\n'
";

fn checked(text: &str) -> Vec<u8> {
    let sum = text.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("{text}*{sum:02X}\n").into_bytes()
}

async fn with_policy(policy: &str) -> Rig {
    let text = CHECKED.replace("POLICY", policy);
    rig("protocol = 'checked'", &[("checked", &text)], |builder| builder).await
}

#[actix_rt::test]
async fn a_bad_checksum_is_counted_and_marked() {
    let rig = with_policy("forward").await;
    let mut device = rig.connect().await;
    device.write(&checked("pump,1")).await;
    device.write(b"pump,2*00\n").await;
    assert_eq!(device.read(10).await, b"ok 1\nok 2\n");
    rig.sees(|report| report.data == 2).await;
    let events = rig.events("data");
    assert_eq!((&events[0]["check"], &events[1]["check"]), (&json!(null), &json!("bad")));
    assert_eq!(events[1]["fields"], json!({ "word": "2" }));
    assert_eq!(rig.telemetry.counts().bad_checksums.get(), 1);
    device.write(b"pum,3*00\n").await;
    assert_eq!(device.read(5).await, b"ok 3\n", "a frame that did not come whole claims nothing");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_bad_checksum_goes_nowhere_where_the_protocol_says_so() {
    let rig = with_policy("drop").await;
    let mut device = rig.connect().await;
    device.write(b"evil,1*00\n").await;
    device.write(&checked("pump,2")).await;
    assert_eq!(device.read(5).await, b"ok 2\n");
    rig.sees(|report| report.data == 1).await;
    assert_eq!(rig.telemetry.counts().filtered_bytes.get(Filtered::BadChecksum), 9);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_bad_checksum_ends_the_session_where_the_protocol_says_so() {
    let rig = with_policy("close").await;
    let mut device = rig.connect().await;
    device.write(&checked("pump,1")).await;
    device.write(b"pump,2*00\n").await;
    device.ended().await;
    rig.sees(|report| report.offline == 1).await;
    assert_eq!(rig.events("offline")[0]["reason"], "bad_checksum");
    rig.stop().await;
}

#[actix_rt::test]
async fn heartbeats_are_answered_and_kept_from_the_web_server_where_the_protocol_says_so() {
    let rig = with_policy("forward").await;
    let mut device = rig.connect().await;
    device.write(&checked("pump,1")).await;
    device.write(&[checked("pump,alive"), checked("pump,2")].concat()).await;
    assert_eq!(device.read(14).await, b"ok 1\nyes\nok 2\n");
    rig.sees(|report| report.data == 2).await;
    assert_eq!(rig.telemetry.counts().filtered_chunks.get(Filtered::Heartbeat), 1);
    rig.stop().await;
}

const NAMED_BY_FIRST_AND_AFTER: &str = "name = 'staged'
gap = '50ms'
[[frame]]
stage = 'first'
head = 'HI'
until = '\\n'
match = '^HI (?P<id>.+)$'
[[frame]]
stage = 'after'
rest = true
";

#[actix_rt::test]
async fn what_only_a_pause_ends_is_a_frame_and_other_frames_come_before_the_name_than_after() {
    let protocols = [("staged", NAMED_BY_FIRST_AND_AFTER)];
    let rig = rig("protocol = 'staged'", &protocols, |builder| builder).await;
    let mut device = rig.connect().await;
    device.write(b"HI pump\nHI again").await;
    rig.sees(|report| report.data == 2).await;
    device.write(b"more").await;
    rig.sees(|report| report.data == 3).await;
    let data: Vec<_> = rig.events("data").iter().map(|e| e["data"].clone()).collect();
    assert_eq!(data, ["SEkgcHVtcA==", "SEkgYWdhaW4=", "bW9yZQ=="]);
    rig.stop().await;
}
