//! A command for a device that is half-open: its socket takes every byte, and nobody is there.

use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    hand::Hand,
    harness::{start, until, within},
    netns::Netns,
};

/// The states of the command that are told up to its end.
async fn states(server: &mut Hand) -> Vec<String> {
    let mut states = Vec::new();
    loop {
        let event: Value = server.event("command").await;
        states.push(event["state"].as_str().unwrap().to_owned());
        if event["state"] == "failed" || event["state"] == "acknowledged" {
            states.push(event["reason"].as_str().unwrap_or_default().to_owned());
            return states;
        }
    }
}

#[actix_rt::test]
async fn the_command_delivered_to_a_device_that_was_not_there_is_never_acknowledged() {
    let Some(netns) = Netns::new() else { return };
    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let toml = format!(
        "[drain]\nspread = '0s'\n[listener.dtu]\naddress = '{}:0'\n\
         keepalive = {{ idle = '1s', interval = '1s', probes = 2 }}\nuser_timeout = '4s'\n\
         [upstream.web]\naddress = '{}'\n",
        netns.here,
        web.local_addr().unwrap()
    );
    let (gateway, _, _) = start(&toml, |builder| builder).await;
    let mut server = Hand::accept(&web).await.greeted().await;
    let mut device = netns.connect(gateway.listener_address("dtu").unwrap()).await;
    device.write(b"ETUNG:relay\r\n").await;
    until("it is known", || gateway.names() == ["relay"]).await;
    netns.cut();
    server.say(r#"{"command":"c-1","imei":"relay","data":"AQ=="}"#).await;
    assert_eq!(states(&mut server).await, ["queued", "written", "failed", "uncertain"]);
    within(gateway.stop()).await;
}
