use tetherd::app::Gateway;
use tokio::net::TcpListener;

use crate::{
    hand::{Hand, chat, gateway, gateway_for, listener, nobodys_address, online, web},
    harness::{Dtu, within},
};

async fn stage(keys: &str) -> (Gateway, Dtu, TcpListener) {
    let listener = listener().await;
    let upstream = web(listener.local_addr().unwrap(), keys);
    let (gateway, _) = gateway_for("400ms", "", &upstream).await;
    let device = online(&gateway, "last").await;
    (gateway, device, listener)
}

/// Reads to the end while the gateway stops, and acknowledges every line.
async fn acknowledging(mut server: Hand) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let line = server.line().await;
        events.push(line["event"].as_str().unwrap().to_owned());
        server.acknowledge(line["offset"].as_u64().unwrap()).await;
        if events.last().is_some_and(|event| event == "offline") {
            break;
        }
    }
    // The end, and no reset, though acknowledgements came until then.
    assert_eq!(server.rest().await.unwrap(), "");
    events
}

#[actix_rt::test]
async fn a_web_server_gets_everything_and_then_the_end() {
    let listener = listener().await;
    let upstream = web(listener.local_addr().unwrap(), "");
    // Far more time than it needs: a stop does not wait for its time to be over.
    let (gateway, _) = gateway_for("10m", "", &upstream).await;
    let mut device = online(&gateway, "last").await;
    let server = Hand::accept(&listener).await.greeted().await;
    chat(&gateway, &mut device, 3, b"hello").await;
    let read = actix_rt::spawn(acknowledging(server));
    within(gateway.stop()).await;
    let events = read.await.unwrap();
    assert_eq!(events, ["started", "online", "data", "data", "data", "offline"]);
}

#[actix_rt::test]
async fn one_that_is_away_at_first_still_gets_everything_within_the_time() {
    let address = nobodys_address(4);
    let (gateway, _) = gateway_for("20s", "", &web(&address, "")).await;
    let device = online(&gateway, "last").await;
    let read = actix_rt::spawn(async move {
        // It comes when the devices are gone already.
        let mut device = device;
        device.ended().await;
        let listener = TcpListener::bind(&address).await.unwrap();
        acknowledging(Hand::accept(&listener).await.greeted().await).await
    });
    gateway.stop().await;
    assert_eq!(read.await.unwrap(), ["started", "online", "offline"]);
}

#[actix_rt::test]
async fn a_stop_ends_though_nobody_takes_what_is_left() {
    let (gateway, _) = gateway(&web(nobodys_address(5), "")).await;
    let _device = online(&gateway, "last").await;
    within(gateway.stop()).await;
    let (gateway, _) = gateway_in_accept_mode().await;
    within(gateway.stop()).await;
}

async fn gateway_in_accept_mode() -> (Gateway, Dtu) {
    let (gateway, _) = gateway(&web("127.0.0.1:0", "mode = 'accept'")).await;
    let device = online(&gateway, "last").await;
    (gateway, device)
}

#[actix_rt::test]
async fn without_acknowledgements_the_last_line_is_whole_all_the_same() {
    let (gateway, mut device, listener) = stage("").await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    chat(&gateway, &mut device, 100, b"hello").await;
    let read = actix_rt::spawn(async move { server.rest().await });
    gateway.stop().await;
    let text = read.await.unwrap().unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "offline");
    assert!(text.ends_with('\n'));
}

#[actix_rt::test]
async fn a_slow_reader_gets_whole_lines_up_to_the_end() {
    for (keys, end) in [
        ("window = '64MiB'\nencoding = 'hex'", "}\n"),
        ("window = '64MiB'\nack = false\nformat = 'node'\nencoding = 'text'", "}"),
    ] {
        let (gateway, mut device, listener) = stage(keys).await;
        let mut server = Hand::accept(&listener).await;
        for _ in 0..600 {
            device.write(&[b'x'; 60_000]).await;
        }
        let stop = actix_rt::spawn(gateway.stop());
        // Slowly, so that the time is up long before all is read.
        let mut text = server.slowly(|| stop.is_finished()).await;
        text += &server.rest().await.unwrap();
        stop.await.unwrap();
        assert!(text.len() < 600 * 60_000, "{}", text.len());
        assert!(text.ends_with(end), "...{}", &text[text.len() - 60..]);
    }
}
