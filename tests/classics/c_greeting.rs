use tetherd::app::Ended;

use crate::{
    harness::{Dtu, Rig, until, within},
    program::Program,
};

#[actix_rt::test]
async fn c_whoever_connects_is_greeted_before_a_word_and_told_of_until_the_close() {
    let server = Program::example("greet", &["127.0.0.1:0"]);
    let address = server.address().await;
    let mut first = Dtu::connect(&address).await;
    assert_eq!(first.read(24).await, b"Welcome, you are one of ");
    assert_eq!(first.read(3).await, b"1\r\n");
    let mut second = Dtu::connect(&address).await;
    assert_eq!(second.read(27).await, b"Welcome, you are one of 2\r\n");
    server.says(&format!("{} connected, 2 now", second.address())).await;

    first.write(b"hi\x1b[2J\n").await;
    server.says(&format!("{} said hi\\x1b[2J\\n", first.address())).await;
    first.finish().await;
    let closed = format!("{} closed: peer_closed, 7 B received, 27 B sent, 1 now", first.address());
    server.says(&format!("{} has said all", first.address())).await;
    server.says(&closed).await;

    server.interrupt();
    assert_eq!(second.rest().await.unwrap(), b"", "a FIN");
    second.finish().await;
    server.says(&format!("{} closed: draining", second.address())).await;
    let mut server = server;
    assert_eq!(server.ended().await.code(), Some(0));
    assert_eq!(server.lines().last().unwrap(), "the last one has gone");
}

#[actix_rt::test]
async fn c_a_closed_server_takes_no_newcomers_and_waits_for_the_last() {
    let rig = Rig::with("farewell = '1m'", "", "").await;
    let mut last = rig.online("last").await;
    let address = rig.gateway.listener_address("dtu").unwrap().to_owned();
    let stopping = actix_rt::spawn(rig.gateway.stop());
    assert_eq!(last.rest().await.unwrap(), b"");
    until("newcomers are refused", || std::net::TcpStream::connect(&address).is_err()).await;
    assert!(!stopping.is_finished(), "the last is still there");
    last.finish().await;
    assert_eq!(within(stopping).await.unwrap(), Ended::Asked);
    let told = rig.records.all();
    let gone = told.iter().position(|it| it.message == "device offline").unwrap();
    let after = told.iter().position(|it| it.get("phase").as_deref() == Some("flushing")).unwrap();
    assert!(gone < after, "it went on before the last had gone");
}
