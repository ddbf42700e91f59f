use tetherd::model::CloseReason;

use crate::{
    books_balance, ended,
    harness::{Rig, until},
    taken,
};

/// Opens, with this behind the head.
fn claim(rest: impl AsRef<[u8]>) -> Vec<u8> {
    [b"ETUNG:", rest.as_ref()].concat()
}

#[actix_rt::test]
async fn names_that_are_none_end_as_malformed_and_disturb_nobody() {
    let rig = Rig::plain().await;
    let mut bystander = rig.online("bystander").await;
    let too_long = [&vec![b'n'; 65][..], b"\r\n"].concat();
    let far_too_long = [&vec![b'n'; 10_000][..], b"\r\n"].concat();
    let bad: &[&[u8]] = &[
        b"\r\n",
        b"\0",
        b";data",
        &too_long,
        &far_too_long,
        b"a\x01b\r\n",
        b"\x1b[2Jname\r\n",
        b"tab\there\r\n",
        b"two words\r\n",
        b"\xff\xfe\r\n",
        "n\u{e4}me\r\n".as_bytes(),
        b"del\x7f\r\n",
        b"unknown\r\n",
        b"unknown;data",
    ];
    for (number, rest) in (1..).zip(bad) {
        let mut device = rig.connect().await;
        device.try_write(&claim(rest)).await;
        device.ended().await;
        ended(&rig, CloseReason::Malformed, number).await;
        bystander.write(b".").await;
    }
    let sent = bad.len() as u64;
    rig.sees(|report| report.name("bystander").bytes == sent).await;
    assert_eq!(rig.gateway.names(), ["bystander"]);
    assert_eq!(rig.web.look(|report| report.names.len()), 1, "no other name was ever told");
    drop(bystander);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn the_log_says_what_was_wrong_and_nothing_of_it_reaches_a_terminal_raw() {
    let rig = Rig::plain().await;
    let mut device = rig.connect().await;
    device.write(&claim(b"\x1b[2Jname\r\n")).await;
    device.ended().await;
    ended(&rig, CloseReason::Malformed, 1).await;
    let all = rig.records.all();
    let told = all.iter().find(|entry| entry.message == "bytes not understood").unwrap();
    let bytes = told.get("bytes").unwrap();
    assert!(bytes.contains("ETUNG:") && !bytes.contains('\x1b'), "{bytes}");
    assert!(!told.get("error").unwrap().contains('\x1b'));
    rig.stop().await;
}

#[actix_rt::test]
async fn names_of_one_and_of_64_characters_are_names_whatever_ends_them() {
    let rig = Rig::plain().await;
    let longest = "L".repeat(64);
    let mut devices = Vec::new();
    for (name, end) in
        [("1", "\r\n"), (longest.as_str(), "\0"), ("!~", ";"), ("UNKNOWN", "#"), ("x", "\n")]
    {
        let mut device = rig.connect().await;
        device.write(format!("ETUNG:{name}{end}hello").as_bytes()).await;
        rig.sees(|report| report.name(name).bytes == 5).await;
        devices.push(device);
    }
    assert_eq!(rig.gateway.names().len(), 5);
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn what_is_no_registration_ends_as_unidentified_once_it_is_too_long_to_be_one() {
    let rig = Rig::with("registration_bytes = '64B'", "", "").await;
    let mut device = rig.connect().await;
    device.write(&[b'x'; 64]).await;
    taken(&device).await;
    assert_eq!(rig.gateway.snapshot().connections, 1, "64 bytes may wait for a name");
    device.write(b"x").await;
    device.ended().await;
    ended(&rig, CloseReason::Unidentified, 1).await;
    books_balance(&rig).await;
    assert_eq!(rig.gateway.counts().received_bytes.get(), 65);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_mebibyte_without_a_terminator_is_cut_short_and_costs_nobody_anything() {
    let rig = Rig::plain().await;
    let mut bystander = rig.online("bystander").await;
    let mebibyte = vec![b'7'; 1 << 20];
    let floods = [
        (claim(vec![b'n'; 1 << 20]), CloseReason::Malformed),
        (mebibyte, CloseReason::Unidentified),
        (b"ETUNG".repeat(200_000), CloseReason::Unidentified),
        (vec![0; 1 << 20], CloseReason::Unidentified),
        (vec![0xff; 1 << 20], CloseReason::Unidentified),
    ];
    let ended = &rig.gateway.counts().ended;
    for (flood, reason) in &floods {
        let before = ended.get(*reason);
        let mut device = rig.connect().await;
        device.try_write(flood).await;
        device.ended().await;
        until("it is counted", || ended.get(*reason) == before + 1).await;
        bystander.write(b".").await;
    }
    rig.sees(|report| report.name("bystander").bytes == floods.len() as u64).await;
    drop(bystander);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn fifteen_digits_and_then_a_mebibyte_is_all_data() {
    let rig = Rig::plain().await;
    let mut device = rig.connect().await;
    device.write(&claim([&b"860000000000001"[..], &vec![b'x'; 1 << 20]].concat())).await;
    rig.sees(|report| report.name("860000000000001").bytes == 1 << 20).await;
    drop(device);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_byte_now_and_then_does_not_move_the_registration_deadline() {
    let rig = Rig::with("registration_timeout = '500ms'", "", "").await;
    let mut bystander = rig.online("bystander").await;
    let mut slow = rig.connect().await;
    until("it is let in", || rig.gateway.snapshot().connections == 2).await;
    let mut sent = 0;
    // Each byte comes well within the time; all of them together do not.
    for byte in claim(vec![b's'; 64]) {
        if !slow.try_write(&[byte]).await || rig.gateway.snapshot().connections == 1 {
            break;
        }
        sent += 1;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(sent < 64, "it was never let go");
    slow.ended().await;
    ended(&rig, CloseReason::RegistrationTimeout, 1).await;
    bystander.write(b"here").await;
    rig.sees(|report| report.name("bystander").bytes == 4).await;
    drop(bystander);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_reset_in_the_middle_of_a_registration_is_a_reset_and_its_bytes_are_filtered() {
    let rig = Rig::plain().await;
    let mut device = rig.connect().await;
    device.write(b"ETUNG:8600").await;
    taken(&device).await;
    device.reset();
    ended(&rig, CloseReason::Reset, 1).await;
    books_balance(&rig).await;
    assert_eq!(rig.gateway.counts().filtered_bytes.sum(), 10);
    assert_eq!(rig.stop().await.online, 0);
}

#[actix_rt::test]
async fn a_fin_in_the_middle_of_a_registration_is_an_end_and_its_bytes_are_filtered() {
    let rig = Rig::plain().await;
    let mut device = rig.connect().await;
    device.write(b"ETUNG:8600").await;
    device.finish().await;
    device.ended().await;
    ended(&rig, CloseReason::PeerClosed, 1).await;
    books_balance(&rig).await;
    assert_eq!(rig.gateway.counts().filtered_bytes.sum(), 10);
    assert_eq!(rig.stop().await.online, 0);
}

#[actix_rt::test]
async fn a_reset_in_the_middle_of_data_loses_nothing_that_was_there_before() {
    let rig = Rig::plain().await;
    let mut device = rig.online("broken").await;
    let mut bystander = rig.online("bystander").await;
    device.write(&[b'x'; 100_000]).await;
    rig.sees(|report| report.name("broken").bytes == 100_000).await;
    device.write(b"half a fra").await;
    taken(&device).await;
    device.reset();
    rig.sees(|report| report.reasons.get("reset") == Some(&1)).await;
    assert_eq!(rig.totals("broken").bytes, 100_010);
    bystander.write(b"here").await;
    rig.sees(|report| report.name("bystander").bytes == 4).await;
    drop(bystander);
    books_balance(&rig).await;
    rig.stop().await;
}
