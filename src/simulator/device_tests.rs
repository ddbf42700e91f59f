//! One device on real sockets.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time,
};
use tokio_util::sync::CancellationToken;

use super::{
    Device, DeviceEvent, Ending, Outcome, Pace, Payload, Reconnect, Script, Target, Why, etung,
};

const SOON: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(20);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(SOON, what).await.expect("it happens in time")
}

struct Stage {
    listener: TcpListener,
    stop: CancellationToken,
    device: JoinHandle<(Outcome, Vec<String>)>,
}

impl Stage {
    async fn accept(&self) -> TcpStream {
        soon(self.listener.accept()).await.expect("a connection").0
    }

    /// The connection once the device is past making it and has said `hi;`.
    async fn accept_hi(&self) -> TcpStream {
        let mut peer = self.accept().await;
        let mut hi = [0; 3];
        soon(peer.read_exact(&mut hi)).await.expect("a registration");
        assert_eq!(&hi, b"hi;");
        peer
    }

    /// The device's outcome, and its events as one word each.
    async fn end(self) -> (Outcome, Vec<String>) {
        soon(self.device).await.expect("no panic")
    }
}

fn hi() -> Option<Bytes> {
    Some(Bytes::from_static(b"hi;"))
}

fn word(event: &DeviceEvent<'_>) -> String {
    match event {
        DeviceEvent::Sent { kind, .. } => format!("{kind:?}"),
        DeviceEvent::Closed { why } => format!("Closed {why:?}"),
        event => {
            let text = format!("{event:?}");
            text.split([' ', '{']).next().unwrap_or_default().to_owned()
        }
    }
}

/// A device with this script on its way to a listener of the test.
async fn play(registration: Option<Bytes>, change: impl FnOnce(&mut Script)) -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let mut script = Script::new(address.into());
    change(&mut script);
    let stop = CancellationToken::new();
    let device = Device::new(script, registration).seed(7, 1);
    let token = stop.clone();
    let device = tokio::spawn(async move {
        let mut events = Vec::new();
        let outcome = device.run(token, |event| events.push(word(&event))).await;
        (outcome, events)
    });
    Stage { listener, stop, device }
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await.expect("FIN and not a reset");
    all
}

#[tokio::test]
async fn registration_messages_and_last_words_arrive_exactly_as_asked() {
    let stage = play(Some(etung("860000000000001", b"\0")), |script| {
        script.payload = Payload::Counter("m".to_owned());
        script.every = STEP;
        script.messages = Some(2);
        script.last_words = Bytes::from_static(b"bye");
    })
    .await;
    let mut peer = stage.accept().await;
    assert_eq!(read_to_end(&mut peer).await, b"ETUNG:860000000000001\0m 1m 2bye");
    drop(peer);
    let (outcome, events) = stage.end().await;
    let all = "Connected Registration Message Message LastWords PeerFinished Closed Done";
    assert_eq!(events.join(" "), all);
    assert_eq!((outcome.tally.sent_bytes, outcome.tally.messages), (31, 2));
}

#[tokio::test]
async fn a_registration_in_pieces_gives_the_same_bytes() {
    let stage = play(Some(etung("860000000000001", b"\r\n")), |script| {
        script.pace = Pace::Pieces(STEP / 4);
        script.payload = Payload::Fixed(Bytes::from_static(b"data"));
        script.messages = Some(1);
    })
    .await;
    let mut peer = stage.accept().await;
    assert_eq!(read_to_end(&mut peer).await, b"ETUNG:860000000000001\r\ndata");
}

#[tokio::test]
async fn an_idle_device_ends_with_its_last_words() {
    let stage = play(None, |script| {
        script.idle = Some(STEP);
        script.last_words = Bytes::from_static(b"bye");
    })
    .await;
    let mut peer = stage.accept().await;
    assert_eq!(read_to_end(&mut peer).await, b"bye");
    drop(peer);
    let (outcome, events) = stage.end().await;
    assert!(matches!(outcome.why, Why::Idle), "{events:?}");
    assert!(events.contains(&"Idle".to_owned()));
}

#[tokio::test]
async fn after_a_half_close_it_reads_the_rest() {
    let stage = play(None, |script| {
        script.payload = Payload::Fixed(Bytes::from_static(b"question"));
        script.messages = Some(1);
        script.ending = Ending::HalfClose;
    })
    .await;
    let mut peer = stage.accept().await;
    assert_eq!(read_to_end(&mut peer).await, b"question");
    soon(peer.write_all(b"the rest")).await.expect("it still reads");
    drop(peer);
    let (outcome, events) = stage.end().await;
    assert_eq!(outcome.tally.received_bytes, 8, "{events:?}");
}

#[tokio::test]
async fn a_reset_is_seen_as_a_reset() {
    let stage = play(hi(), |script| script.ending = Ending::Reset).await;
    let mut peer = stage.accept_hi().await;
    stage.stop.cancel();
    let error = soon(peer.read_u8()).await.expect_err("no byte comes");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(matches!(stage.end().await.0.why, Why::Stopped));
}

#[tokio::test]
async fn a_reset_by_the_other_side_is_told() {
    let stage = play(hi(), |_| {}).await;
    let peer = stage.accept_hi().await;
    peer.set_zero_linger().expect("an option");
    drop(peer);
    let (outcome, events) = stage.end().await;
    assert!(matches!(outcome.why, Why::Reset), "{events:?}");
}

#[tokio::test]
async fn each_message_is_answered_at_once() {
    let stage = play(None, |script| script.answer = Some("client data: {i}".into())).await;
    let mut peer = stage.accept().await;
    for i in 1..=2 {
        soon(peer.write_all(b"server message")).await.expect("written");
        let mut answer = [0; 14];
        soon(peer.read_exact(&mut answer)).await.expect("an answer");
        assert_eq!(answer, *format!("client data: {i}").as_bytes());
    }
    drop(peer);
    let (outcome, _) = stage.end().await;
    assert!(matches!(outcome.why, Why::PeerFinished));
    assert_eq!(outcome.tally.messages, 2);
}

#[tokio::test]
async fn the_first_answer_ends_a_device_that_came_for_one() {
    let stage = play(None, |script| {
        script.payload = Payload::Fixed(Bytes::from_static(b"GET"));
        script.messages = Some(1);
        script.stay = true;
        script.once = true;
    })
    .await;
    let mut peer = stage.accept().await;
    let mut question = [0; 3];
    soon(peer.read_exact(&mut question)).await.expect("a question");
    soon(peer.write_all(b"answer")).await.expect("written");
    assert_eq!(read_to_end(&mut peer).await, b"");
    let (outcome, events) = stage.end().await;
    assert_eq!(events.join(" "), "Connected Message Received Closed Done");
    assert_eq!(outcome.tally.received_bytes, 6);
}

#[tokio::test]
async fn it_comes_back_after_the_other_side_has_closed() {
    let stage = play(hi(), |script| {
        script.reconnect = Some(Reconnect { initial: STEP, max: STEP });
    })
    .await;
    drop(stage.accept_hi().await);
    let mut peer = stage.accept_hi().await;
    stage.stop.cancel();
    assert_eq!(read_to_end(&mut peer).await, b"");
    drop(peer);
    let (outcome, events) = stage.end().await;
    assert_eq!(outcome.tally.connects, 2, "{events:?}");
    assert!(events.contains(&"Waiting".to_owned()));
}

#[tokio::test]
async fn what_is_typed_is_sent_and_its_end_is_the_devices_end_unless_it_stays() {
    for stay in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut script = Script::new(listener.local_addr().expect("its address").into());
        script.stay = stay;
        let (lines, typed) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let device = Device::new(script, None).typed(typed).run(stop.clone(), |_| {});
        let device = tokio::spawn(device);
        let (mut peer, _) = soon(listener.accept()).await.expect("a connection");
        lines.send(Bytes::from_static(b"line\n")).await.expect("it listens");
        drop(lines);
        let mut line = [0; 5];
        soon(peer.read_exact(&mut line)).await.expect("the line");
        if stay {
            let rest = time::timeout(10 * STEP, peer.read_u8()).await;
            assert!(rest.is_err(), "it is still there");
            stop.cancel();
        }
        assert_eq!(read_to_end(&mut peer).await, b"");
        drop(peer);
        let why = soon(device).await.expect("no panic").why;
        assert_eq!(matches!(why, Why::Stopped), stay, "{why:?}");
    }
}

#[tokio::test]
async fn a_unix_socket_does_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gateway.sock");
    let listener = tokio::net::UnixListener::bind(&path).expect("a socket");
    let mut script = Script::new(Target::Unix(path));
    script.messages = Some(0);
    let device = Device::new(script, hi());
    let device = tokio::spawn(device.run(CancellationToken::new(), |_| {}));
    let (mut peer, _) = soon(listener.accept()).await.expect("a connection");
    let mut all = Vec::new();
    soon(peer.read_to_end(&mut all)).await.expect("FIN");
    drop(peer);
    assert_eq!(all, b"hi;");
    assert!(soon(device).await.expect("no panic").why.own());
}

#[tokio::test]
async fn nobody_at_home_ends_a_device_that_does_not_come_back() {
    let stage = play(None, |script| script.target = Target::Unix("/no/such/socket".into())).await;
    let (outcome, events) = stage.end().await;
    assert!(matches!(outcome.why, Why::Unreachable(_)));
    assert_eq!((outcome.tally.failed_connects, events.join(" ")), (1, "ConnectFailed".into()));
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_the_messages_back() {
    let stage = play(None, |script| {
        script.payload = Payload::Bytes(1 << 20);
        script.every = Duration::ZERO;
        script.messages = Some(24);
    })
    .await;
    let mut peer = stage.accept().await;
    let mut first = [0; 1];
    soon(peer.read_exact(&mut first)).await.expect("a byte");
    soon(peer.write_all(b"it still reads")).await.expect("written");
    assert_eq!(read_to_end(&mut peer).await.len(), (24 << 20) - 1);
    drop(peer);
    let (outcome, _) = stage.end().await;
    assert_eq!((outcome.tally.messages, outcome.tally.received_bytes), (24, 14));
}
