use std::sync::Arc;

use serde_json::json;
use tetherd::protocol::{Code, Conversation, Cut, Kind, Reading};

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
            reply: format!("{end};").into_bytes(),
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
