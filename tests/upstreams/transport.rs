//! Web servers that do not acknowledge: their TCP does.

use tetherd::{app::Gateway, telemetry::LinkFaultKind};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::{
    hand::{Hand, chat, gateway, online, reset, settled, web},
    harness::{Dtu, until, within},
};

const KEYS: &str = "ack = false\nwindow = '512KiB'";
const MESSAGE: [u8; 4000] = [b'x'; 4000];

/// A port whose connections take in very little that nobody reads.
fn narrow() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(16).unwrap()
}

async fn stage(address: &str) -> (Gateway, Dtu) {
    let (gateway, _) = gateway(&web(address, KEYS)).await;
    let device = online(&gateway, "sender").await;
    (gateway, device)
}

/// Reads lines until this offset; answers the first.
async fn read_through(server: &mut Hand, last: u64) -> u64 {
    let first = server.line().await["offset"].as_u64().unwrap();
    let mut offset = first;
    while offset < last {
        let next = server.line().await["offset"].as_u64().unwrap();
        assert_eq!(next, offset + 1);
        offset = next;
    }
    first
}

#[actix_rt::test]
async fn what_a_web_server_does_not_read_waits_and_is_sent_again_from_a_lines_start() {
    let listener = narrow();
    let address = listener.local_addr().unwrap().to_string();
    let (gateway, mut device) = stage(&address).await;
    let (stuck, _) = within(listener.accept()).await.unwrap();
    chat(&gateway, &mut device, 100, &MESSAGE).await;
    let last = gateway.snapshot().next.0 - 1;
    let held = gateway.ledger("web").unwrap();
    assert!(held.waiting > 50 && held.balances(), "{held:?}");
    reset(stuck);

    let mut server = Hand::accept(&listener).await.greeted().await;
    let first = last + 1 - held.received;
    assert!((first..first + 50).contains(&server.next), "{first} {}", server.next);
    assert_eq!(read_through(&mut server, last).await, server.next);
    settled(&gateway, "web").await;
    gateway.stop().await;
    assert!(server.rest().await.is_ok());
}

#[actix_rt::test]
async fn a_web_server_that_only_reads_and_hangs_up_has_got_what_it_read() {
    let listener = narrow();
    let address = listener.local_addr().unwrap().to_string();
    let (gateway, mut device) = stage(&address).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    chat(&gateway, &mut device, 30, &MESSAGE).await;
    let last = gateway.snapshot().next.0 - 1;
    read_through(&mut server, last).await;
    settled(&gateway, "web").await;
    drop(server);
    let mut server = Hand::accept(&listener).await.greeted().await;
    assert_eq!(server.next, last + 1);
    // An acknowledgement that nobody asked for does no harm.
    server.say("{\"ack\":1}").await;
    chat(&gateway, &mut device, 1, b"more").await;
    assert_eq!(server.line().await["offset"], last + 1);
    assert_eq!(gateway.counts().link_errors.sum(), 0);
    gateway.stop().await;
}

#[actix_rt::test]
async fn what_is_left_unread_in_a_unix_socket_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (gateway, mut device) = stage(&format!("unix:{}", path.display())).await;
    let (unread, _) = within(listener.accept()).await.unwrap();
    // Little enough to have been taken by the socket as a whole.
    chat(&gateway, &mut device, 10, &MESSAGE).await;
    let last = gateway.snapshot().next.0 - 1;
    assert_eq!(gateway.ledger("web").unwrap().delivered, 0);
    drop(unread);
    for read_before_the_end in [false, true] {
        let (stream, _) = within(listener.accept()).await.unwrap();
        let mut server = Hand::new(stream).greeted().await;
        assert_eq!(server.next, last + 1 - 12);
        assert_eq!(gateway.ledger("web").unwrap().delivered, 0);
        if read_before_the_end {
            read_through(&mut server, last).await;
            settled(&gateway, "web").await;
        }
    }
    gateway.stop().await;
}

#[actix_rt::test]
async fn a_link_whose_web_server_takes_nothing_is_made_anew() {
    let listener = narrow();
    let address = listener.local_addr().unwrap();
    let keys = format!("{KEYS}\nack_timeout = '100ms'");
    let (gateway, _) = gateway(&web(address, &keys)).await;
    let mut device = online(&gateway, "sender").await;
    let (_stuck, _) = within(listener.accept()).await.unwrap();
    chat(&gateway, &mut device, 50, &MESSAGE).await;
    let faults = &gateway.counts().link_faults;
    until("it was given up", || faults.get(LinkFaultKind::AckTimeout) > 0).await;
    let reads = actix_rt::spawn(async move {
        loop {
            Hand::accept(&listener).await.ended().await;
        }
    });
    settled(&gateway, "web").await;
    gateway.stop().await;
    reads.abort();
}

#[actix_rt::test]
async fn a_web_server_that_does_not_acknowledge_is_answered_all_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (gateway, mut device) = stage(&listener.local_addr().unwrap().to_string()).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    let first = server.next;
    server.say("hello?").await;
    while server.line().await["error"].is_null() {}
    server.say(&format!("{{\"ack\":{}}}", first + 1_000_000)).await;
    chat(&gateway, &mut device, 1, b"more").await;
    settled(&gateway, "web").await;
    assert_eq!(gateway.counts().link_errors.sum(), 1, "an acknowledgement changes nothing");
    gateway.stop().await;
}
