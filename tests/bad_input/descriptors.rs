//! A process that runs out of descriptors stays alive, says so, and serves again.

use rustix::process::Signal;
use tetherd::simulator::{Behaviour, WebServer, WebSettings};
use tokio::net::UnixStream;

use crate::{
    connect_if_let,
    harness::{Dtu, LIMIT, web_server},
    process::Program,
};

const FEW: u32 = 64;
/// Descriptors that are left to devices where they run out.
const ROOM: usize = 20;
const CROWD: usize = 100;

async fn crowd(address: &str) -> Vec<Dtu> {
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let Some(mut device) = connect_if_let(address).await else { continue };
        device.try_write(format!("ETUNG:d{number};hello").as_bytes()).await;
        crowd.push(device);
    }
    crowd
}

/// The web server's sight of how many have been online.
async fn come(web: &WebServer, online: u64) {
    web.wait_until(LIMIT, |report| report.online >= online).await.unwrap();
}

#[actix_rt::test]
async fn out_of_descriptors_it_says_so_and_serves_the_rest_when_some_are_free() {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let mut program = Program::start(&web.address().to_string(), "", "", "");
    let address = program.address("dtu").await;
    web.wait_until(LIMIT, |report| report.started == 1).await.unwrap();
    program.leave(ROOM);
    let mut crowd = crowd(&address).await;
    program.says("accept failed", |record| record["kind"] == "exhausted").await;
    come(&web, ROOM as u64).await;
    let served = web.look(|report| report.online) as usize;
    assert!(served < CROWD, "{served} of {ROOM} descriptors");
    // Those who were served make room, one by one, for those who wait.
    for device in &mut crowd {
        device.finish().await;
        device.ended().await;
    }
    web.wait_until(LIMIT, |report| report.offline == CROWD as u64).await.unwrap();
    let report = web.report();
    assert_eq!((report.online, report.data, report.links), (CROWD as u64, CROWD as u64, 1));
    assert_eq!(report.first_violations, []);
    assert!(program.is_alive());
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}

#[actix_rt::test]
async fn newcomers_are_refused_before_the_descriptors_of_the_link_run_out() {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let address = web.address().to_string();
    let listener = "max_connections = 1000";
    let mut program = Program::within(Some(FEW), &address, listener, "", "");
    let address = program.address("dtu").await;
    web.wait_until(LIMIT, |report| report.started == 1).await.unwrap();
    let crowd = crowd(&address).await;
    program.says("connection refused", |record| record["reason"] == "limit").await;
    let most = u64::from(FEW - FEW / 4 - 8);
    come(&web, most).await;
    // The link needs a descriptor of its own, even now.
    web.disconnect();
    web.wait_until(LIMIT, |report| report.links == 2).await.unwrap();
    assert_eq!(program.saying("accept failed").len(), 0);
    drop(crowd);
    web.wait_until(LIMIT, |report| report.offline == most).await.unwrap();
    let mut next = Dtu::connect(&address).await;
    next.write(b"ETUNG:next;").await;
    web.wait_until(LIMIT, |report| report.name("next").online).await.unwrap();
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
    assert_eq!(web.report().first_violations, []);
}

#[actix_rt::test]
async fn an_upstream_that_is_waited_for_does_not_spin_when_descriptors_are_out() {
    let toml = "[drain]\nspread = '0s'\nflush = '0s'\n\
                [listener.dtu]\naddress = '127.0.0.1:0'\n\
                [upstream.web]\nmode = 'accept'\naddress = 'unix:web.sock'\n";
    let mut program = Program::from_toml(None, toml);
    let address = program.address("dtu").await;
    program.leave(ROOM);
    let crowd = crowd(&address).await;
    program.says("accept failed", |record| record["listener"] == "dtu").await;
    let _web = UnixStream::connect(program.path("web.sock")).await.unwrap();
    // Told once a second; the next record tells how many there were since.
    let several = |record: &serde_json::Value| record["suppressed"].as_u64() > Some(0);
    let tries = program.says("accept failed", several).await["suppressed"].as_u64().unwrap();
    assert!(tries < 100, "{tries} tries between two records");
    drop(crowd);
    program.says("link up", |record| record["upstream"] == "web").await;
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}
