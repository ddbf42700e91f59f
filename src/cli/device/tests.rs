use std::time::Duration;

use clap::Parser;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use tokio::time;

use super::{play::raise_descriptors, *};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    device: DeviceArgs,
}

fn parse(address: &str, rest: &[&str]) -> Result<DeviceArgs, clap::Error> {
    let words = ["device", address].into_iter().chain(rest.iter().copied());
    Line::try_parse_from(words).map(|line| line.device)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(Duration::from_secs(20), what).await.expect("it happens in time")
}

/// Plays against a peer that `act`s; gives the log without its times.
async fn play_against<F: Future<Output = ()>>(
    rest: &[&str],
    act: impl FnOnce(TcpStream) -> F,
) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let args = parse(&address, rest).expect("good arguments");
    let mut out = Vec::new();
    let peer = async { act(listener.accept().await.expect("a connection").0).await };
    let device = play_one(&args, CancellationToken::new(), &mut out);
    let (played, ()) = soon(async { tokio::join!(device, peer) }).await;
    played.expect("it was reached");
    let text = String::from_utf8(out).expect("a text");
    text.lines().skip(1).map(|line| line[13..].to_owned()).collect()
}

async fn read_to_end(mut stream: TcpStream) {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.expect("FIN");
}

#[tokio::test]
async fn the_log_tells_everything_with_its_bytes_escaped() {
    let rest = ["--data", "hex:00 1b 41", "--messages", "1", "--last-words", "bye", "--name", "x"];
    let log = play_against(&rest, |mut peer| async move {
        peer.write_all(b"\x1b[2J\r\n").await.expect("written");
        read_to_end(peer).await;
    })
    .await;
    for line in [
        r"registered  9 B  ETUNG:x\r\n",
        r"sent        3 B  \x00\x1bA",
        r"received    6 B  \x1b[2J\r\n",
        "last words  3 B  bye",
        "end         the gateway finished",
        "closed      by the device, done",
    ] {
        assert!(log.iter().any(|told| told == line), "{line}: {log:#?}");
    }
}

#[tokio::test]
async fn once_shows_the_first_answer_and_leaves() {
    let log = play_against(&["--once", "--no-register", "--data", "hi"], |mut peer| async move {
        let mut hi = [0; 2];
        peer.read_exact(&mut hi).await.expect("hi");
        peer.write_all(b"answer").await.expect("written");
        read_to_end(peer).await;
    })
    .await;
    let expected =
        ["sent        2 B  hi", "received    6 B  answer", "closed      by the device, done"];
    assert_eq!(log, expected);
}

#[tokio::test]
async fn a_fleet_ends_with_its_sums() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let rest = ["--count", "3", "--messages", "2", "--every", "1ms", "--data", "12345"];
    let args = parse(&address, &rest).expect("good arguments");
    let peers = tokio::spawn(async move {
        for _ in 0..3 {
            tokio::spawn(read_to_end(listener.accept().await.expect("a connection").0));
        }
    });
    let mut out = Vec::new();
    soon(play_fleet(&args, CancellationToken::new(), &mut out)).await.expect("reached");
    soon(peers).await.expect("no panic");
    let text = String::from_utf8(out).expect("a text");
    assert!(text.contains("devices     3\n"), "{text}");
    assert!(text.contains("sent        6 messages, 99 bytes, "), "{text}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let one = parse(&address, &[]).expect("good arguments");
    let fault = play_one(&one, CancellationToken::new(), &mut Vec::new()).await;
    let expected = format!("cannot connect to {address}: connection refused");
    assert_eq!(fault.expect_err("not reached").to_string(), expected);
    let two = parse(&address, &["--count", "2"]).expect("good arguments");
    let fault = play_fleet(&two, CancellationToken::new(), &mut Vec::new()).await;
    let expected = format!("2 of 2 devices could not connect: {expected}");
    assert_eq!(fault.expect_err("not reached").to_string(), expected);
}

#[test]
fn bad_usage_is_refused() {
    for rest in [
        &["--data", "hex:0"][..],
        &["--every", "10"],
        &["--terminator", r"\q"],
        &["--count", "0"],
        &["--count", "2", "-i"],
        &["--silent", "--data", "x"],
        &["--no-register", "--name", "x"],
        &["--pieces", "--slow", "1s"],
    ] {
        assert!(parse("127.0.0.1:1", rest).is_err(), "{rest:?}");
    }
    assert!(parse("nowhere", &[]).is_err());
    let fleet = parse("127.0.0.1:1", &["--count", "2", "--name", "pump"]).expect("parsed");
    assert!(matches!(fleet.fleet(), Err(DeviceFault::Name(_))));
    let huge = parse("127.0.0.1:1", &["--count", "4294967295"]).expect("parsed");
    assert!(matches!(raise_descriptors(huge.count), Err(DeviceFault::Descriptors { .. })));
}

#[test]
fn without_data_a_device_speaks_unless_it_has_another_voice() {
    let payload = |rest| parse("127.0.0.1:1", rest).expect("parsed").script().payload;
    assert_eq!(payload(&[]), Payload::Counter("message".to_owned()));
    for rest in [&["--silent"][..], &["-i"], &["--answer", "x"]] {
        assert_eq!(payload(rest), Payload::Nothing);
    }
    assert_eq!(payload(&["-i", "--data", "random:5"]), Payload::Text(5));
}
