use std::{net::SocketAddr, process::Command};

use tetherd::{
    extension::{Happened, Moment},
    model::CloseReason,
};

use crate::{
    harness::{Dtu, Rig, until},
    program::has,
    witness::Witness,
};

#[actix_rt::test]
async fn g_it_listens_by_host_name_with_a_backlog_and_knows_its_address() {
    let named = "[listener.named]\naddress = 'localhost:0'\nbacklog = 5";
    let rig = Rig::with(named, "", "").await;
    let address = rig.gateway.listener_address("named").unwrap().to_owned();
    let parsed: SocketAddr = address.parse().unwrap();
    assert!(parsed.ip().is_loopback() && parsed.port() != 0, "{address}");
    let mut device = Dtu::connect(&address).await;
    device.write(b"ETUNG:guest\r\n").await;
    rig.sees(|report| report.name("guest").online).await;
    assert_eq!(rig.gateway.listener_counts("named"), Some((1, 1, 1, 0)));
    if has("ss") {
        let filter = format!("sport = :{}", parsed.port());
        let told = Command::new("ss").args(["-Htln", &filter]).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert_eq!(told.split_whitespace().nth(2), Some("5"), "the backlog in {told:?}");
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn g_more_than_max_connections_are_refused_and_there_is_room_again_later() {
    let rig = Rig::with("max_connections = 1", "", "").await;
    let first = rig.online("first").await;
    assert!(rig.connect().await.rest().await.is_err(), "a reset");
    let refused = rig.records.all().into_iter().find(|it| it.message == "connection refused");
    assert_eq!(refused.unwrap().get("reason").as_deref(), Some("limit"));
    drop(first);
    until("there is room", || rig.gateway.snapshot().connections == 0).await;
    rig.online("second").await;
    assert_eq!(rig.gateway.listener_counts("dtu").unwrap().3, 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn g_the_bytes_read_are_the_same_in_the_event_the_log_and_the_hook() {
    let witness = Witness::default();
    let rig = Rig::extended("", "", "", |builder| builder.observe(witness.recipient())).await;
    let mut device = rig.online("counted").await;
    device.write(&[7; 1000]).await;
    rig.sees(|report| report.name("counted").bytes == 1000).await;
    witness.session("counted").await.write([8; 300].to_vec()).await.unwrap();
    device.read(300).await;
    device.finish().await;
    rig.sees(|report| report.offline == 1).await;

    let (received_bytes, sent_bytes) = (1000 + "ETUNG:counted\r\n".len() as u64, 300);
    let offline = &rig.events("offline")[0];
    assert_eq!(offline["received_bytes"], received_bytes);
    assert_eq!(offline["sent_bytes"], sent_bytes);
    let closed = Happened::Closed { reason: CloseReason::PeerClosed, received_bytes, sent_bytes };
    assert_eq!(witness.sees(Moment::Closed).await, closed);
    let logged = rig.records.all().into_iter().find(|it| it.message == "device offline").unwrap();
    assert_eq!(logged.get("received_bytes"), Some(received_bytes.to_string()));
    assert_eq!(logged.get("sent_bytes"), Some(sent_bytes.to_string()));
    rig.stop().await;
}

#[actix_rt::test]
async fn g_text_that_is_cut_inside_a_character_is_put_together_again() {
    let rig = Rig::with("", "encoding = 'text'", "").await;
    let mut device = rig.online("poet").await;
    let mut other = rig.online("other").await;
    let mut lines = 0;
    for (cut, between) in
        [(&b"W\xc3"[..], &b"x"[..]), (b"\xa4rme \xe2", b"\xe2\x82"), (b"\x82\xac", b"\xac")]
    {
        device.write(cut).await;
        lines += 1;
        rig.sees(|report| report.data == lines).await;
        other.write(between).await;
        lines += 1;
        rig.sees(|report| report.data == lines).await;
    }
    let said = |name: &str| -> String {
        let data = rig.events("data").into_iter().filter(|line| line["imei"] == name);
        data.map(|line| line["data"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((said("poet").as_str(), said("other").as_str()), ("Wärme €", "x€"));
    rig.gateway.stop().await;
}
