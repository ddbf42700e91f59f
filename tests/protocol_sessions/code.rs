#[path = "../../examples/arnavi/protocol.rs"]
mod arnavi;

use std::sync::Arc;

use serde_json::json;
use tetherd::protocol::{Code, Conversation, Cut, Given, Kind, Reading};

use crate::{harness::until, site::rig};

/// Numbers that say by themselves how many there are: what no protocol file can describe.
#[derive(Debug)]
struct Unary;

#[derive(Debug, Default)]
struct Counting {
    frames: u64,
}

impl Code for Unary {
    fn open(&self) -> Box<dyn Conversation> {
        Box::new(Counting::default())
    }

    fn answer(&self, reading: &Reading, _: &Given<'_>, out: &mut Vec<u8>) {
        out.extend(format!("{};", reading.bytes.len()).into_bytes());
    }
}

impl Conversation for Counting {
    fn cut(&mut self, bytes: &[u8], _: bool) -> Cut {
        match bytes[0] {
            b'!' => panic!("the code fails"),
            b'#' => return Cut::Broken,
            b' ' => return Cut::Junk(1),
            _ => {}
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'0') else { return Cut::More };
        self.frames += 1;
        let reading = Reading {
            bytes: bytes[..end].to_vec(),
            name: (self.frames == 1).then(|| format!("unary-{end}")),
            is: if self.frames == 1 { Kind::Login } else { Kind::Data },
            seq: Some(self.frames.into()),
            ..Reading::default()
        };
        Cut::Frame(end + 1, Box::new(reading))
    }
}

const CALLING: &str = "name = 'unary'\ncode = 'unary'";

#[actix_rt::test]
async fn code_cuts_names_reads_and_answers() {
    let rig = rig("protocol = 'unary'\nmax_frame = '600B'", &[("unary", CALLING)], |builder| {
        builder.protocol("unary", Arc::new(Unary))
    })
    .await;
    let mut device = rig.connect().await;
    device.write(b" 111011").await;
    device.write(b"1110 10").await;
    assert_eq!(device.read(6).await, b"3;5;1;");
    rig.sees(|report| report.data == 3).await;
    let events = rig.events("data");
    assert_eq!(events[2]["imei"], "unary-3");
    assert_eq!((&events[2]["is"], &events[2]["seq_device"]), (&json!("data"), &json!(3)));
    device.write(b"#").await;
    device.ended().await;
    let mut endless = rig.connect().await;
    endless.write(&[b'1'; 601]).await;
    endless.ended().await;
    rig.sees(|report| report.offline == 1).await;
    assert_eq!(rig.events("offline")[0]["reason"], "malformed");
    rig.stop().await;
}

#[actix_rt::test]
async fn code_that_panics_ends_one_session() {
    let rig = rig("protocol = 'unary'", &[("unary", CALLING)], |builder| {
        builder.protocol("unary", Arc::new(Unary))
    })
    .await;
    let mut good = rig.connect().await;
    good.write(b"10").await;
    let mut bad = rig.connect().await;
    bad.write(b"110!").await;
    bad.ended().await;
    good.write(b"110").await;
    assert_eq!(good.read(4).await, b"1;2;");
    until("it is gone", || rig.gateway.names() == ["unary-1"]).await;
    let (_, panics) = rig.stop_after_panics().await;
    assert_eq!(panics, 1);
}

#[actix_rt::test]
async fn code_that_nobody_plugged_in_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("protocols")).unwrap();
    std::fs::write(folder.path().join("protocols/unary.toml"), CALLING).unwrap();
    let toml =
        "[listener.dtu]\naddress = '127.0.0.1:0'\nprotocol = 'unary'\n[spool]\ntype = 'memory'";
    std::fs::write(folder.path().join("default.toml"), toml).unwrap();
    let paths = vec![folder.path().to_owned()];
    let loaded = tetherd::config::load(&tetherd::config::Options { paths, ..Default::default() });
    let started = tetherd::app::Gateway::builder(loaded.unwrap()).start().await;
    let fault = started.err().expect("it cannot start").to_string();
    assert!(
        fault.starts_with("listener.dtu.protocol: \"unary\" needs the code \"unary\""),
        "{fault}"
    );
}

#[actix_rt::test]
async fn a_tracker_whose_packets_end_with_their_last_record_is_served_by_the_example() {
    let folder = "code = 'arnavi'\nname = 'arnavi'";
    let rig = rig("protocol = ['gt06', 'arnavi']", &[("arnavi", folder)], |builder| {
        builder.protocol("arnavi", Arc::new(arnavi::Arnavi))
    })
    .await;
    let mut tracker = rig.connect().await;
    let imei = 860_000_000_000_001_u64;
    tracker.write(&[&[0xff, 0x22][..], &imei.to_le_bytes()].concat()).await;
    assert_eq!(tracker.read(4).await, [0x7b, 0, 0, 0x7d]);
    // Two records, of which one holds what looks like the end of the packet.
    let record = |content: &[u8], wrong: u8| {
        let timed = [&[1, 2, 3, 4], content].concat();
        let sum = timed.iter().fold(wrong, |sum, byte| sum.wrapping_add(*byte));
        [&[1][..], &(content.len() as u16).to_le_bytes(), &timed, &[sum]].concat()
    };
    let packet = |number: u8, wrong: u8| {
        let records = [record(&[0x5d; 3], 0), record(&[7; 9], wrong)].concat();
        [&[0x5b, number][..], &records, &[0x5d]].concat()
    };
    for byte in [packet(5, 0), packet(6, 1)].concat() {
        tracker.write(&[byte]).await;
    }
    assert_eq!(tracker.read(8).await, [0x7b, 0, 5, 0x7d, 0x7b, 0, 6, 0x7d]);
    rig.sees(|report| report.data == 3).await;
    let events = rig.events("data");
    assert_eq!(events[1]["imei"], imei.to_string());
    assert_eq!((&events[1]["seq_device"], &events[1]["check"]), (&json!(5), &json!(null)));
    assert_eq!(events[2]["fields"], json!({ "records": 2 }));
    assert_eq!(events[2]["check"], "bad");
    rig.stop().await;
}
