//! `tetherd devices`, `send` and `tail` against a running gateway.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use crate::{client::Client, harness::Rig, rig};

pub fn tetherd(arguments: &[&str], api: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tetherd"));
    command.env_clear().args(arguments).arg("--api").arg(format!("http://{api}"));
    command
}

/// Runs a command while the gateway goes on.
pub async fn run(mut command: Command) -> (Option<i32>, String, String) {
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = ended.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[actix_rt::test]
async fn devices_are_listed_for_people_and_for_programs() {
    let (rig, Client { address }) = rig().await;
    let (_one, _two) = (rig.online("pump&1").await, rig.online("meter").await);
    let (code, out, err) = run(tetherd(&["devices"], &address)).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let rows: Vec<_> = out.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(rows, ["NAME", "meter", "pump&1"]);
    let (_, out, _) = run(tetherd(&["devices", "--search", "P&1", "--json"], &address)).await;
    let device: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&device["name"], &device["state"]), (&"pump&1".into(), &"online".into()));
    let (_, out, _) = run(tetherd(&["devices", "--listener", "other"], &address)).await;
    assert_eq!(out.lines().count(), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_gateway_that_cannot_be_asked_is_told_in_one_line() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for command in ["devices", "tail", "reload"] {
        let (code, out, err) = run(tetherd(&[command], &nobody.to_string())).await;
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(1), "", 1), "{err}");
        assert!(err.starts_with(&format!("tetherd: {command}: http://{nobody}: ")), "{err}");
        assert!(err.contains("is the gateway running"), "{err}");
        let (code, _, err) = run(tetherd(&[command, "--token-file", "/nowhere"], "x:1")).await;
        assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "0123456789abcdef\n").unwrap();
    let tokens =
        format!("[admin]\naddress = '127.0.0.1:0'\n[admin.tokens.a]\nfile = '{}'", path.display());
    let rig = Rig::with("", "", &format!("{tokens}\n")).await;
    let address = rig.gateway.admin_address().unwrap();
    let (code, _, err) = run(tetherd(&["devices"], address)).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("401 Unauthorized: a token is needed"), "{err}");
    let token = path.to_str().unwrap();
    let (code, ..) = run(tetherd(&["devices", "--token-file", token], address)).await;
    assert_eq!(code, Some(0));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_command_is_followed_until_the_device_has_answered() {
    let (rig, client) = rig().await;
    let mut device = rig.online("meter").await;
    let words = ["send", "meter", "01 03 00 00 00 02 {crc16-modbus}", "--answer", "--id", "c-1"];
    let send = run(tetherd(&words, &client.address));
    let answer = async {
        assert_eq!(device.read(8).await, [1, 3, 0, 0, 0, 2, 0xc4, 0x0b]);
        device.write(b"\x01\x03\x04OK\x1b[").await;
    };
    let ((code, out, err), ()) = tokio::join!(send, answer);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let last = out.lines().last().unwrap();
    assert!(
        last.ends_with("  answered      c-1  0103044f4b1b5b  \\x01\\x03\\x04OK\\x1b["),
        "{out}"
    );
    rig.stop().await;
}

#[actix_rt::test]
async fn a_command_that_comes_to_nothing_ends_with_1_and_says_why() {
    let (rig, client) = rig().await;
    let send = |words: &[&str]| run(tetherd(&[&["send"], words].concat(), &client.address));
    let (code, out, err) = send(&["nobody", "00", "--ttl", "50ms"]).await;
    assert_eq!((code, out.lines().count()), (Some(1), 2), "{out}");
    assert!(err.starts_with("tetherd: send: expired: the device was not there in time"), "{err}");
    let (code, out, _) = send(&["nobody", "00", "--no-wait", "--id", "c-2", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["state"], &told["ended"]), (Some(0), &"queued".into(), &false.into()));
    let (code, out, _) = send(&["--cancel", "c-2"]).await;
    assert!(code == Some(0) && out.contains("  cancelled     c-2"), "{out}");
    let (code, _, err) = send(&["--cancel", "c-3"]).await;
    assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
    for words in [vec!["nobody", "0x"], vec!["nobody", "00", "--match", "("], vec!["a b", "00"]] {
        let (code, out, err) = send(&words).await;
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{err}");
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn a_tail_shows_the_bytes_of_a_device_as_they_pass() {
    let (rig, client) = rig().await;
    let (code, _, err) = run(tetherd(&["tail", "--bytes"], &client.address)).await;
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    let (code, _, err) = run(tetherd(&["tail", "me", "--session", "5f"], &client.address)).await;
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    let (code, _, err) = run(tetherd(&["tail", "--session", "5f"], &client.address)).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("404 Not Found: no session \"5f\" is open"), "{err}");
    let mut command = tetherd(&["tail", "me", "--bytes", "--json"], &client.address);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    crate::harness::until("it looks", || rig.records.count("tap opened") == 1).await;
    let device = rig.online("me").await;
    let out = child.stdout.take().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(out).lines();
        let first: Vec<_> = lines.by_ref().take(2).map(Result::unwrap).collect();
        (first, lines)
    });
    let (lines, _rest) = read.await.unwrap();
    let facts = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert_eq!(facts(&lines[0])["event"], "opened");
    assert_eq!(facts(&lines[1])["bytes"], "RVRVTkc6bWUNCg==");
    drop(device);
    rig.stop().await;
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    assert_eq!(ended.await.unwrap().code(), Some(1), "it would have waited for the device");
}

#[actix_rt::test]
async fn a_tail_tells_what_goes_on_until_it_is_ended() {
    let (rig, client) = rig().await;
    let mut command = tetherd(&["tail", "me"], &client.address);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let witness = rig.telemetry.witness();
    crate::harness::until("it follows", || witness.followers() == 1).await;
    let _other = rig.online("other").await;
    let mut device = rig.online("me").await;
    device.finish().await;
    device.ended().await;
    let out = child.stdout.take().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        BufReader::new(out).lines().take(2).map(Result::unwrap).collect::<Vec<_>>()
    });
    let lines = read.await.unwrap();
    assert!(lines[0].contains(" online     name=me session="), "{lines:?}");
    assert!(lines[1].contains(" closed ") && lines[1].contains("reason=peer_closed"), "{lines:?}");
    rig.stop().await;
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let ended = ended.await.unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().starts_with("tetherd: tail: "));
}
