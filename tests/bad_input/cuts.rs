use tetherd::simulator::{RunningHash, WebSettings};

use crate::{
    books_balance,
    harness::{Dtu, Rig, web_server},
    taken,
};

/// Data that looks like all sorts of things.
const DATA: &[u8] = b"\x01\x03\x04ETUNG:other\r\n\0;#\xff\xfe";

async fn hashing(listener: &str) -> Rig {
    let settings = WebSettings { hash: true, ..WebSettings::default() };
    let web = web_server(settings, [Default::default()]).await;
    Rig::before(web, listener, "", "", |builder| builder).await
}

fn hash(data: &[u8]) -> RunningHash {
    let mut hash = RunningHash::default();
    hash.add(data);
    hash
}

/// Each way to cut a registration, with data behind it, in two: a device for each, the second half
/// written only when the first was read. Answers the names with the place of their cut.
async fn cut_everywhere(
    rig: &Rig,
    registration: impl Fn(&str) -> Vec<u8>,
    name: impl Fn(usize) -> String,
) -> Vec<(usize, String, Dtu)> {
    let mut devices = Vec::new();
    for cut in 1..registration(&name(0)).len() + 4 {
        let (name, mut device) = (name(cut), rig.connect().await);
        let whole = [registration(&name), DATA.to_vec()].concat();
        device.write(&whole[..cut]).await;
        devices.push((cut, name, device, whole));
    }
    for (_, _, device, _) in &devices {
        taken(device).await;
    }
    let mut told = Vec::new();
    for (cut, name, mut device, whole) in devices {
        device.write(&whole[cut..]).await;
        taken(&device).await;
        told.push((cut, name, device));
    }
    told
}

async fn all_told(
    rig: &Rig,
    devices: &[(usize, String, Dtu)],
    expected: impl Fn(usize) -> Vec<u8>,
) {
    for (cut, name, _) in devices {
        let expected = expected(*cut);
        rig.sees(|report| report.name(name).bytes >= expected.len() as u64).await;
        let totals = rig.totals(name);
        assert_eq!(totals.bytes, expected.len() as u64, "cut at {cut}");
        assert_eq!(totals.hash, hash(&expected), "cut at {cut}");
    }
}

#[actix_rt::test]
async fn a_registration_that_ends_with_cr_lf_may_be_cut_at_every_byte() {
    let rig = hashing("").await;
    let registration = |name: &str| format!("ETUNG:{name}\r\n").into_bytes();
    let devices = cut_everywhere(&rig, registration, |cut| format!("cut-{cut:03}")).await;
    all_told(&rig, &devices, |_| DATA.to_vec()).await;
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_registration_of_fifteen_digits_may_be_cut_at_every_byte() {
    let rig = hashing("").await;
    let name = |cut: usize| format!("{:015}", 860_000_000_000_000_u64 + cut as u64);
    let registration = |name: &str| format!("ETUNG:{name}").into_bytes();
    let devices = cut_everywhere(&rig, registration, name).await;
    all_told(&rig, &devices, |_| DATA.to_vec()).await;
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn fifteen_digits_with_cr_lf_may_be_cut_at_every_byte() {
    let rig = hashing("").await;
    let name = |cut: usize| format!("{:015}", 860_000_000_000_000_u64 + cut as u64);
    let registration = |name: &str| format!("ETUNG:{name}\r\n").into_bytes();
    let devices = cut_everywhere(&rig, registration, name).await;
    all_told(&rig, &devices, |_| DATA.to_vec()).await;
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn behind_fifteen_digits_and_a_pause_a_lone_terminator_with_data_glued_to_it_is_data() {
    let rig = hashing("").await;
    let name = |cut: usize| format!("{:015}", 860_000_000_000_000_u64 + cut as u64);
    let registration = |name: &str| format!("ETUNG:{name};").into_bytes();
    let devices = cut_everywhere(&rig, registration, name).await;
    let behind_the_digits = "ETUNG:".len() + 15;
    let expected = |cut: usize| match cut == behind_the_digits {
        true => [b";", DATA].concat(),
        false => DATA.to_vec(),
    };
    all_told(&rig, &devices, expected).await;
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn every_terminator_ends_a_name_that_comes_byte_by_byte() {
    let rig = hashing("").await;
    let mut devices = Vec::new();
    for (name, end) in [("t-cr", "\r"), ("t-lf", "\n"), ("t-crlf", "\r\n"), ("t-nul", "\0")]
        .into_iter()
        .chain([("t-semicolon", ";"), ("t-hash", "#")])
    {
        let mut device = rig.connect().await;
        for byte in format!("ETUNG:{name}{end}").bytes() {
            device.write(&[byte]).await;
            taken(&device).await;
        }
        device.write(DATA).await;
        rig.sees(|report| report.name(name).bytes >= DATA.len() as u64).await;
        assert_eq!(rig.totals(name).hash, hash(DATA), "{name}");
        devices.push(device);
    }
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn bytes_before_the_head_wait_for_the_name_however_they_are_cut() {
    let rig = hashing("").await;
    let before = b"\x02ETUNETUNG";
    let registration = |name: &str| [before, format!("ETUNG:{name}\r\n").as_bytes()].concat();
    let devices = cut_everywhere(&rig, registration, |cut| format!("late-{cut:03}")).await;
    all_told(&rig, &devices, |_| [&before[..], DATA].concat()).await;
    drop(devices);
    books_balance(&rig).await;
    rig.stop().await;
}
