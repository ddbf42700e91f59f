use tetherd::model::CloseReason;

use crate::{
    frames::{IMEI, answer, login},
    harness::until,
    site::rig,
};

#[actix_rt::test]
async fn the_first_bytes_decide_which_protocol_a_device_speaks() {
    let rig = rig("protocol = ['gt06', 'teltonika', 'etung']", &[], |builder| builder).await;
    let mut gt06 = rig.connect().await;
    gt06.write(&login(IMEI)).await;
    assert_eq!(gt06.read(10).await, answer(0x01, 1));
    let mut teltonika = rig.connect().await;
    teltonika.write(b"\x00").await;
    teltonika.write(b"\x0f860000000000002").await;
    assert_eq!(teltonika.read(1).await, [0x01]);
    let mut etung = rig.connect().await;
    for byte in b"ETUNG:860000000000003\r\nhello" {
        etung.write(&[*byte]).await;
    }
    let names = ["860000000000001", "860000000000002", "860000000000003"];
    until("all have their names", || rig.gateway.names() == names).await;
    let mut stranger = rig.connect().await;
    stranger.write(b"GET / HTTP/1.0\r\n\r\n").await;
    stranger.ended().await;
    let counts = rig.telemetry.counts();
    until("it is counted", || counts.ended.get(CloseReason::Unidentified) == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn the_last_protocol_may_take_whoever_is_left_by_its_address() {
    let rig = rig("protocol = ['gt06', 'raw']", &[], |builder| builder).await;
    let mut tracker = rig.connect().await;
    tracker.write(&login(IMEI)).await;
    assert_eq!(tracker.read(10).await, answer(0x01, 1));
    let mut meter = rig.connect().await;
    meter.write(b"\x01\x03\x04").await;
    let name = meter.address().to_string();
    rig.sees(|report| report.name(&name).online && report.data == 2).await;
    let mut quiet = rig.connect().await;
    quiet.write(b"x").await;
    quiet.finish().await;
    rig.sees(|report| report.data == 3).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn what_may_still_become_another_protocol_is_decided_by_a_pause() {
    let long =
        "name = 'long'\n[[frame]]\nhead = 'AAAA'\nuntil = '\\n'\nmatch = '^A+(?P<id>[b-z]+)'";
    let short = "name = 'short'\n[[frame]]\nhead = 'AA'\nsize = 2\n[[frame]]\nhead = 'A[b-z]'\n\
                 until = '\\n'\nmatch = '^A(?P<id>[b-z]+)'";
    let protocols = [("long", long), ("short", short)];
    // A frame that is told at once, also without a name, shows that it was cut.
    let listener = "protocol = ['long', 'short']\nunregistered = 'forward'";
    let rig = rig(listener, &protocols, |builder| builder).await;
    let mut device = rig.connect().await;
    device.write(b"AA").await;
    let mut other = rig.connect().await;
    other.write(b"AAAApump\n").await;
    rig.sees(|report| report.name("pump").online && report.data == 2).await;
    device.write(b"Ameter\n").await;
    rig.sees(|report| report.name("meter").online).await;
    rig.stop().await;
}
