use std::net::SocketAddr;

use crate::{
    harness::{Rig, until},
    kernel,
    program::Program,
    witness::Witness,
};

/// The same address by a name that has to be looked up.
fn by_name(address: &str) -> String {
    address.replace("127.0.0.1:", "localhost:")
}

/// Waits for these parts of its lines, and sees that they came in this order.
async fn tells_in_order(client: &Program, parts: &[&str]) {
    let mut places = Vec::new();
    for part in parts {
        client.says(part).await;
        places.push(client.lines().iter().position(|line| line.contains(part)));
    }
    assert!(places.is_sorted(), "{parts:?} stand at {places:?}");
}

#[actix_rt::test]
async fn b_the_client_keeps_a_long_connection_alive_and_tells_all_that_happens() {
    let witness = Witness::default();
    let rig = Rig::extended("", "", "", |builder| builder.observe(witness.recipient())).await;
    let gateway = rig.gateway.listener_address("dtu").unwrap().to_owned();
    let name = "860000000000042";
    let client = by_name(&gateway);
    let arguments = ["device", &client, "--name", name, "--data", "hello", "--every", "1h"];
    let mut client = Program::tetherd(&arguments);
    rig.sees(|report| report.name(name).messages == 1).await;

    let connected = client.says("connected ").await;
    let own = connected.split_whitespace().skip_while(|word| *word != "from").nth(1).unwrap();
    let own: SocketAddr = own.parse().unwrap();
    let timer = || kernel::socket(own, gateway.parse().unwrap())?.keepalive_in;
    until("a keep-alive timer", || timer().is_some()).await;

    witness.session(name).await.write("well heard").await.unwrap();
    client.says("well heard").await;
    rig.stop().await;
    assert_eq!(client.ended().await.code(), Some(0));
    let told =
        ["looked up ", "connected ", "registered ", "hello", "well heard", " end ", "closed "];
    tells_in_order(&client, &told).await;
    assert!(client.says("closed ").await.ends_with("by the gateway"));
}

#[actix_rt::test]
async fn f_the_client_looks_a_name_up_writes_takes_the_first_answer_and_destroys() {
    let server = Program::example("hello_browser", &["127.0.0.1:0"]);
    let address = by_name(&server.address().await);
    let request = r"GET / HTTP/1.0\r\n\r\n";
    let arguments = ["device", &address, "--no-register", "--once", "--data", request];
    let mut client = Program::tetherd(&arguments);
    assert_eq!(client.ended().await.code(), Some(0));
    let told = ["looked up ", "connected ", "GET / HTTP/1.0", "HTTP/1.1 200 OK", "closed "];
    tells_in_order(&client, &told).await;
    assert!(client.says("closed ").await.ends_with("by the device, done"));
    server.stop().await;
}
