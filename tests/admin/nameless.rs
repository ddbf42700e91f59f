//! What is told of connections that have not said who they are, whatever protocol they may speak.

use serde_json::Value;

use crate::{
    client::Client,
    harness::{Dtu, Rig, until},
    rig_with,
};

/// Waits until the one connection without a name has been read so far, and shows it.
async fn nameless(client: &Client, received: usize) -> Value {
    loop {
        let found = client.get("/api/sessions?state=unnamed").await.json();
        let session = found["sessions"][0].clone();
        if session["received_bytes"] == received {
            assert_eq!(found["sessions"].as_array().unwrap().len(), 1);
            return session;
        }
        tokio::task::yield_now().await;
    }
}

/// The last ending, once nobody is there any more: its reason and its first bytes.
async fn last_ending(rig: &Rig, client: &Client) -> (String, String) {
    until("the end", || rig.gateway.snapshot().connections == 0).await;
    let ended = client.get("/api/sessions/closed?limit=1").await.json()["sessions"][0].clone();
    let text = |key: &str| ended[key].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("first_bytes"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Says this, piece by piece, each once the one before was read; shows what is told of it before and
/// behind its end.
async fn told(rig: &Rig, client: &Client, pieces: &[&[u8]]) -> (Value, (String, String)) {
    let mut device: Dtu = rig.connect().await;
    let (mut said, mut session) = (0, Value::Null);
    for piece in pieces {
        device.write(piece).await;
        said += piece.len();
        session = nameless(client, said).await;
    }
    device.finish().await;
    device.ended().await;
    drop(device);
    (session, last_ending(rig, client).await)
}

#[actix_rt::test]
async fn while_several_protocols_are_possible_the_first_bytes_are_told() {
    let (rig, client) = rig_with("protocol = ['gt06', 'teltonika']", "").await;
    // It may still become a login of the one or of the other.
    let (session, ended) = told(&rig, &client, &[b"\x78", b"\x78\x0d\x01\x08"]).await;
    assert_eq!(session["first_bytes"], "78780d0108");
    assert_eq!(ended, ("peer_closed".to_owned(), "78780d0108".to_owned()));
    let (session, ended) = told(&rig, &client, &[b"\x00", b"\x0f86"]).await;
    assert_eq!(session["first_bytes"], "000f3836");
    assert_eq!(ended.1, "000f3836");
    rig.stop().await;
}

#[actix_rt::test]
async fn what_no_protocol_of_several_knows_is_told_with_the_ending() {
    let (rig, client) = rig_with("protocol = ['gt06', 'teltonika']", "").await;
    let said = [&b"GET / HTTP/1.1\r\nHost: "[..], &[b'x'; 100]].concat();
    let mut device = rig.connect().await;
    device.write(&said).await;
    device.ended().await;
    let ended = last_ending(&rig, &client).await;
    assert_eq!(ended, ("unidentified".to_owned(), hex(&said[..64])));
    rig.stop().await;
}

#[actix_rt::test]
async fn frames_that_name_nobody_are_among_the_first_bytes() {
    let (rig, client) = rig_with("protocol = ['gt06', 'teltonika']", "").await;
    // A sign of life with a good checksum, which says nothing of who it is; and the beginning of more.
    let frame = b"\x78\x78\x0a\x13\x40\x04\x04\x00\x01\x00\x0f\xdc\xee\x0d\x0a";
    let said = [&frame[..], b"\x78\x78\x0d"].concat();
    let (session, ended) = told(&rig, &client, &[frame, b"\x78\x78\x0d"]).await;
    assert_eq!(session["first_bytes"], hex(&said));
    assert_eq!(ended, ("peer_closed".to_owned(), hex(&said)));
    rig.stop().await;
}

#[actix_rt::test]
async fn bytes_that_belong_to_no_frame_are_among_the_first_bytes() {
    let (rig, client) = rig_with("protocol = 'gt06'", "").await;
    let (session, ended) = told(&rig, &client, &[b"hello", b" world\x78"]).await;
    let hex = "68656c6c6f20776f726c6478";
    assert_eq!(session["first_bytes"], hex);
    assert_eq!(ended, ("peer_closed".to_owned(), hex.to_owned()));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_line_that_names_nobody_yet_is_told_by_its_first_bytes_where_many_share_it() {
    let (rig, client) = rig_with("protocol = 'dlt645'", "").await;
    // Meters are woken before each frame; here the frame ends too early.
    let (session, ended) = told(&rig, &client, &[b"\xfe\xfe", b"\x68\x01\x00\x00"]).await;
    assert_eq!(session["first_bytes"], "fefe68010000");
    assert_eq!(ended, ("peer_closed".to_owned(), "fefe68010000".to_owned()));
    rig.stop().await;
}

#[actix_rt::test]
async fn whoever_hangs_up_in_order_leaves_its_first_bytes_and_64_at_most() {
    let (rig, client) = rig_with("", "").await;
    let (_, ended) = told(&rig, &client, &[b"ETUN"]).await;
    assert_eq!(ended, ("peer_closed".to_owned(), "4554554e".to_owned()));
    let said = [b'E'; 100];
    let (session, ended) = told(&rig, &client, &[&said[..60], &said[60..]]).await;
    assert_eq!(
        (session["first_bytes"].as_str(), &ended.1),
        (Some(&*hex(&said[..64])), &hex(&said[..64]))
    );
    rig.stop().await;
}

#[actix_rt::test]
async fn bytes_that_went_on_as_unknown_are_told_as_well() {
    let (rig, client) = rig_with("unregistered = 'forward'", "").await;
    let (session, ended) = told(&rig, &client, &[b"hello", b" again"]).await;
    let hex = "68656c6c6f20616761696e";
    assert_eq!((session["first_bytes"].as_str(), &*ended.1), (Some(hex), hex));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_with_a_name_is_not_told_with_bytes() {
    let (rig, client) = rig_with("", "").await;
    let device = rig.online("me").await;
    let listed = client.get("/api/sessions?state=unnamed").await.json();
    assert_eq!(listed["sessions"], Value::Array(Vec::new()));
    device.reset();
    until("the end", || rig.gateway.snapshot().connections == 0).await;
    let ended = client.get("/api/sessions/closed").await.json()["sessions"][0].clone();
    assert_eq!((&ended["name"], &ended["first_bytes"]), (&"me".into(), &Value::Null));
    rig.stop().await;
}
