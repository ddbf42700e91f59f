use tetherd::telemetry::Polled;
use tokio::io::AsyncReadExt;

use crate::{harness::until, site::polling};

/// Read two registers of unit 1.
const QUESTION: [u8; 8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x02, 0xc4, 0x0b];

/// Unit 1 answers: 1 and 2.
const ANSWER: [u8; 9] = [0x01, 0x03, 0x04, 0x00, 0x01, 0x00, 0x02, 0x2a, 0x32];

const METERS: &str = "[poll.meters]\nevery = '300ms'\ntimeout = '200ms'\ndevices = ['86*']\n\
                      send = '01 03 00 00 00 02 {crc16-modbus}'\n";

#[actix_rt::test]
async fn devices_are_asked_at_intervals_and_their_answers_are_marked() {
    let rig = polling("protocol = 'modbus-rtu'", METERS).await;
    let mut meter = rig.online("860000000000001").await;
    for _ in 0..2 {
        assert_eq!(meter.read(8).await, QUESTION);
        meter.write(&ANSWER).await;
    }
    rig.sees(|report| report.data == 2).await;
    let events = rig.events("data");
    assert_eq!((&events[0]["poll"], &events[0]["is"]), (&"meters".into(), &"answer".into()));
    assert_eq!(rig.telemetry.counts().polls.get(Polled::Answered), 2);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_question_that_nobody_answers_is_put_again_in_its_time() {
    let rig = polling("protocol = 'etung'", METERS).await;
    let mut meter = rig.online("860000000000001").await;
    assert_eq!(meter.read(8).await, QUESTION);
    assert_eq!(meter.read(8).await, QUESTION);
    until("it is counted", || rig.telemetry.counts().polls.get(Polled::Unanswered) >= 1).await;
    meter.write(b"x").await;
    rig.sees(|report| report.data == 1).await;
    assert_eq!(rig.events("data")[0]["poll"], "meters", "any chunk answers where nothing is cut");
    rig.stop().await;
}

#[actix_rt::test]
async fn others_are_not_asked() {
    let rig = polling("protocol = 'etung'", METERS).await;
    let mut pump = rig.online("pump").await;
    let mut meter = rig.online("860000000000001").await;
    assert_eq!(meter.read(8).await, QUESTION);
    assert_eq!(meter.read(8).await, QUESTION);
    pump.finish().await;
    let mut heard = Vec::new();
    pump.stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"");
    rig.stop().await;
}
