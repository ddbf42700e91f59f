use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    hand::{Hand, chat, gateway, listener, online, settled, web},
    harness::Dtu,
};

/// A gateway with these keys of its upstream, a device that is online, and the web server's link.
async fn stage(keys: &str) -> (tetherd::app::Gateway, Dtu, TcpListener) {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let (gateway, _) = gateway(&web(address, keys)).await;
    let device = online(&gateway, "n-1").await;
    (gateway, device, listener)
}

async fn written(encoding: &str, bytes: &[u8]) -> Value {
    let (gateway, mut device, listener) = stage(&format!("encoding = '{encoding}'")).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    device.write(bytes).await;
    let data = server.event("data").await["data"].clone();
    gateway.stop().await;
    data
}

#[actix_rt::test]
async fn bytes_are_written_in_each_encoding() {
    let bytes = b"\x00\xffA\"\n";
    assert_eq!(written("base64", bytes).await, "AP9BIgo=");
    assert_eq!(written("hex", bytes).await, "00ff41220a");
    assert_eq!(written("text", bytes).await, "\0\u{fffd}A\"\n");
    let buffer = json!({ "type": "Buffer", "data": [0, 255, 65, 34, 10] });
    assert_eq!(written("buffer", bytes).await, buffer);
}

#[actix_rt::test]
async fn a_character_that_comes_in_pieces_is_one_whatever_happens_between_them() {
    let (gateway, mut device, listener) = stage("encoding = 'text'").await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    let pieces: [&[u8]; 4] = [b"a\xf0", b"\x9f", b"\x98\x80b\xe2\x82", b"\xac"];
    for piece in pieces {
        chat(&gateway, &mut device, 1, piece).await;
    }
    let mut texts = Vec::new();
    let mut offsets = Vec::new();
    for _ in pieces {
        let event = server.event("data").await;
        texts.push(event["data"].as_str().unwrap().to_owned());
        offsets.push(event["offset"].as_u64().unwrap());
    }
    assert_eq!(texts, ["a", "", "\u{1f600}b", "€"]);

    // Cut off between any two pieces, delivered or not: what is sent again reads the same.
    for (at, offset) in offsets.iter().enumerate() {
        server.acknowledge(*offset).await;
        drop(server);
        server = Hand::accept(&listener).await.greeted().await;
        for text in &texts[at + 1..] {
            assert_eq!(server.event("data").await["data"], **text, "behind piece {at}");
        }
    }
    chat(&gateway, &mut device, 1, b"\xe2\x82").await;
    let half = server.event("data").await;
    server.acknowledge(half["offset"].as_u64().unwrap()).await;
    settled(&gateway, "web").await;
    drop(server);
    let mut server = Hand::accept(&listener).await.greeted().await;
    chat(&gateway, &mut device, 1, b"\xac!").await;
    assert_eq!(server.event("data").await["data"], "€!");
    gateway.stop().await;
}

#[actix_rt::test]
async fn the_node_format_is_objects_without_anything_around_them() {
    let keys = "format = 'node'\nencoding = 'buffer'\nack = false";
    let (gateway, mut device, listener) = stage(keys).await;
    let mut server = Hand::accept(&listener).await;
    chat(&gateway, &mut device, 1, b"hi").await;
    chat(&gateway, &mut device, 1, b"\x00\xff").await;
    let _other = online(&gateway, "n-2").await;
    chat(&gateway, &mut device, 1, b"!").await;
    settled(&gateway, "web").await;
    device.finish().await;
    gateway.stop().await;
    let expected = concat!(
        r#"{"data":{"type":"Buffer","data":[104,105]},"connections":1,"imei":"n-1"}"#,
        r#"{"data":{"type":"Buffer","data":[0,255]},"connections":1,"imei":"n-1"}"#,
        r#"{"data":{"type":"Buffer","data":[33]},"connections":2,"imei":"n-1"}"#,
    );
    assert_eq!(server.rest().await.unwrap(), expected);
}

#[actix_rt::test]
async fn events_for_which_a_format_writes_nothing_are_delivered_all_the_same() {
    let keys = "format = 'node'\nencoding = 'text'\nack = false";
    let (gateway, mut device, listener) = stage(keys).await;
    let mut server = Hand::accept(&listener).await;
    for number in 0..50 {
        online(&gateway, &format!("passing-{number}")).await.finish().await;
    }
    chat(&gateway, &mut device, 1, b"\xe2\x82").await;
    chat(&gateway, &mut device, 1, b"\xac").await;
    settled(&gateway, "web").await;
    assert!(gateway.ledger("web").unwrap().delivered >= 54);
    gateway.stop().await;
    let said = server.rest().await.unwrap();
    assert!(said.starts_with(r#"{"data":"€","connections":"#), "{said}");
}
