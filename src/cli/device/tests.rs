use std::time::Duration;

use clap::Parser;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use tokio::time;

use super::{play::raise_descriptors, *};
use crate::{
    model::Name,
    protocol::{BUILT_IN, Checked, Engine, Given, Piece, Protocol, Replies, Terms},
};

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
    let speech = speech::speech(&args, &Options::default()).expect("a protocol, or none");
    let mut out = Vec::new();
    let peer = async { act(listener.accept().await.expect("a connection").0).await };
    let device = play_one(&args, speech.as_ref(), CancellationToken::new(), &mut out);
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
    soon(play_fleet(&args, None, CancellationToken::new(), &mut out)).await.expect("reached");
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
    let fault = play_one(&one, None, CancellationToken::new(), &mut Vec::new()).await;
    let expected = format!("cannot connect to {address}: connection refused");
    assert_eq!(fault.expect_err("not reached").to_string(), expected);
    let two = parse(&address, &["--count", "2"]).expect("good arguments");
    let fault = play_fleet(&two, None, CancellationToken::new(), &mut Vec::new()).await;
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
        &["--protocol", "gt06", "--no-register"],
        &["--protocol", "gt06", "--register", "x"],
        &["--protocol", "gt06", "--terminator", ";"],
        &["--protocol", "gt06", "--answer", "x"],
    ] {
        assert!(parse("127.0.0.1:1", rest).is_err(), "{rest:?}");
    }
    assert!(parse("nowhere", &[]).is_err());
    let fleet = parse("127.0.0.1:1", &["--count", "2", "--name", "pump"]).expect("parsed");
    assert!(matches!(fleet.fleet(None), Err(DeviceFault::Name(_))));
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

/// A gateway that answers a GT06 device as its protocol file says, `bend`ing what it says.
async fn gt06_gateway(mut peer: TcpStream, bend: impl Fn(usize, &mut Vec<u8>)) {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "gt06").expect("built in");
    let protocol = Protocol::parse("gt06", text).expect("sound");
    let vocabulary = protocol.vocabulary().expect("frames");
    let (mut engine, mut name, mut count) = (Engine::default(), None, 0);
    let mut read = [0; 4096];
    loop {
        let n = peer.read(&mut read).await.expect("no reset");
        if n == 0 {
            return;
        }
        let (mut rest, mut replies) = (&read[..n], Vec::new());
        let terms = Terms { named: name.is_some(), max_frame: 4096 };
        while let Piece::Frame(frame) = engine.feed(vocabulary, terms, &mut rest) {
            assert_eq!(frame.check(), Checked::Ok);
            let said = frame.name().map(|name| name.expect("a name"));
            name = said.or(name);
            let now = crate::model::UnixMillis(0);
            let mut reply = Replies::default();
            frame.replies(&Given { name: name.as_ref(), now, accepted: true }, &mut reply);
            let mut reply = reply.as_bytes().to_vec();
            bend(count, &mut reply);
            replies.extend(reply);
            count += 1;
        }
        assert_eq!(name.as_ref().map(Name::as_str), Some("860000000000001"));
        peer.write_all(&replies).await.expect("written");
    }
}

#[tokio::test]
async fn a_device_of_a_protocol_logs_in_sends_and_compares_its_replies() {
    let rest = ["--protocol", "gt06", "--messages", "3", "--every", "1ms"];
    let log = play_against(&rest, |peer| {
        gt06_gateway(peer, |count, reply| {
            if count == 2 {
                reply[4] ^= 0xff;
            }
        })
    })
    .await;
    let kinds: Vec<&str> = log.iter().map(|line| line[..11].trim_end()).collect();
    let (sent, ok) = ("sent", "reply ok");
    let expected = ["registered", "received", ok, sent, "received", ok];
    assert_eq!(kinds[..6], expected, "{log:#?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == sent).count(), 3);
    let wrong = "reply wrong: 78780512ff03";
    assert!(log.iter().any(|line| line.starts_with(wrong)), "{log:#?}");
    assert!(log[0].starts_with(r"registered  18 B  xx\r\x01\x08`\x00\x00"), "{log:#?}");
    assert_eq!(log[2], "reply ok    10 B to the login");
    assert_eq!(log.last().map(String::as_str), Some("closed      by the device, done"));
}

#[tokio::test]
async fn data_stand_in_the_frames_of_a_protocol() {
    let rest = ["--protocol", "gt06", "--once", "--data", "pressure 4"];
    let log = play_against(&rest, |peer| gt06_gateway(peer, |_, _| ())).await;
    let sent = log.iter().find(|line| line.starts_with("sent")).expect("a message");
    assert!(sent.contains(r"yy\x00\x10\x9b\x00pressure 4\x00\x02"), "{sent}");
    assert_eq!(log.last().map(String::as_str), Some("closed      by the device, done"));
}

#[tokio::test(start_paused = true)]
async fn a_login_without_a_reply_is_a_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let args = parse(&address, &["--protocol", "gt06"]).expect("good arguments");
    let speech = speech::speech(&args, &Options::default()).expect("built in");
    let mut out = Vec::new();
    let device = play_one(&args, speech.as_ref(), CancellationToken::new(), &mut out);
    let peer = async { read_to_end(listener.accept().await.expect("a connection").0).await };
    let (played, ()) = tokio::join!(device, peer);
    let fault = played.expect_err("no reply");
    assert!(fault.to_string().starts_with("no reply to the login within 10s; is this"));
    let log = String::from_utf8(out).expect("a text");
    let line = "no reply    to the login within 10s: 787805010001d9dc0d0a is expected";
    assert!(log.contains(line), "{log}");
}

#[tokio::test]
async fn a_fleet_of_a_protocol_counts_its_replies() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let rest = ["--count", "3", "--messages", "2", "--every", "1ms", "--protocol", "teltonika"];
    let args = parse(&address, &rest).expect("good arguments");
    let speech = speech::speech(&args, &Options::default()).expect("built in");
    let peers = tokio::spawn(async move {
        let mut names = Vec::new();
        for at in 0..3 {
            let (mut peer, _) = listener.accept().await.expect("a connection");
            let mut login = [0; 17];
            peer.read_exact(&mut login).await.expect("a login");
            names.push(String::from_utf8_lossy(&login[2..]).into_owned());
            tokio::spawn(async move {
                let refusal: &[u8] = if at == 0 { b"\0" } else { b"\x01" };
                peer.write_all(refusal).await.expect("written");
                let mut packet = [0; 1024];
                while peer.read(&mut packet).await.expect("no reset") > 0 {
                    peer.write_all(b"\0\0\0\x01").await.expect("written");
                }
            });
        }
        names.sort();
        names
    });
    let mut out = Vec::new();
    let played = play_fleet(&args, speech.as_ref(), CancellationToken::new(), &mut out);
    soon(played).await.expect("reached");
    let names = soon(peers).await.expect("no panic");
    assert_eq!(names, ["860000000000001", "860000000000002", "860000000000003"]);
    let text = String::from_utf8(out).expect("a text");
    for line in [
        "registered  3 times\n",
        "logins      3 answered, 0 unanswered\n",
        "replies     9 expected, 8 ok, 1 wrong, 0 missing\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_protocol_is_found_by_name_in_the_configuration_or_by_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let protocols = folder.path().join("protocols");
    std::fs::create_dir(&protocols).expect("made");
    std::fs::write(folder.path().join("default.toml"), "").expect("written");
    let text = "name = 'pump'\nidentity = 'address'\n[device]\nsend = '{data}'\n";
    std::fs::write(protocols.join("pump.toml"), text).expect("written");
    let options = Options { paths: vec![folder.path().to_owned()], ..Options::default() };
    let find = |name: &str| {
        let args = parse("127.0.0.1:1", &["--protocol", name]).expect("parsed");
        speech::speech(&args, &options).map(|found| found.is_some())
    };
    let path = protocols.join("pump.toml").display().to_string();
    for name in ["pump", "gt06", &path] {
        assert!(find(name).expect(name));
    }
    for (name, part) in [
        ("pmup", "there is no protocol \"pmup\"; did you mean \"pump\"?"),
        ("nowhere/x.toml", "nowhere/x.toml cannot be read: "),
    ] {
        let fault = find(name).expect_err(name).to_string();
        assert!(fault.contains(part), "{fault}");
    }
    std::fs::write(&path, "name = 'pump'\nidentity = 'address'\n").expect("written");
    let fault = find("pump").expect_err("no [device]").to_string();
    assert!(fault.contains("add [device]"), "{fault}");
}
