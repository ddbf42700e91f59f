//! Stops and changes asked for by signals, of the real program.

use rustix::process::Signal;
use tetherd::simulator::{Acknowledge, Behaviour, WebSettings};

use crate::{
    harness::{Dtu, LIMIT, until, web_server},
    process::Program,
};

fn phases(program: &Program) -> Vec<String> {
    let phase = |record: &serde_json::Value| record["phase"].as_str().unwrap().to_owned();
    program.saying("phase").iter().map(phase).collect()
}

const ALL: [&str; 5] = ["starting", "running", "draining", "flushing", "stopped"];

async fn online(address: &str, name: &str) -> Dtu {
    let mut device = Dtu::connect(address).await;
    device.write(format!("ETUNG:{name}\r\n").as_bytes()).await;
    device
}

#[actix_rt::test]
async fn sigterm_and_sigint_stop_in_phases_and_lose_nothing() {
    for signal in [Signal::TERM, Signal::INT] {
        let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
        let mut program = Program::start(&web.address().to_string(), "", "", "");
        let address = program.address("dtu").await;
        let mut device = online(&address, "last").await;
        web.wait_until(LIMIT, |report| report.name("last").online).await.unwrap();
        device.write(b"last words").await;
        program.signal(signal);
        assert_eq!(program.ends().await.code, Some(0));
        assert_eq!(phases(&program), ALL);
        device.ended().await;
        let report = web.report();
        assert_eq!(report.reasons.get("draining"), Some(&1));
        assert_eq!(report.name("last").bytes, 10);
        assert_eq!(report.first_violations, []);
        assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "nobody listens");
    }
}

#[actix_rt::test]
async fn the_spread_is_waited_for_and_a_second_signal_skips_it() {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let toml = format!(
        "[drain]\nspread = '1h'\n[listener.dtu]\naddress = '127.0.0.1:0'\n\
         [upstream.web]\naddress = '{}'\n",
        web.address()
    );
    let mut program = Program::from_toml(None, &toml);
    let address = program.address("dtu").await;
    let mut devices = Vec::new();
    for number in 0..20 {
        devices.push(online(&address, &format!("d{number}")).await);
    }
    web.wait_until(LIMIT, |report| report.online == 20).await.unwrap();
    program.signal(Signal::TERM);
    program.enters("draining").await;
    devices[0].write(b"still served").await;
    web.wait_until(LIMIT, |report| report.data == 1).await.unwrap();
    assert!(program.is_alive());
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
    assert_eq!(phases(&program), ALL);
    for device in &mut devices {
        device.ended().await;
    }
    assert_eq!(web.report().first_violations, []);
}

#[actix_rt::test]
async fn signals_turn_the_log_up_and_back() {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let mut program = Program::start(&web.address().to_string(), "", "", "");
    let address = program.address("dtu").await;
    online(&address, "quiet").await;
    program.says("device offline", |record| record["name"] == "quiet").await;
    assert_eq!(program.saying("connection accepted").len(), 0, "that is debug");
    program.signal(Signal::USR1);
    program.says("log level changed", |record| record["now"] == "debug").await;
    online(&address, "loud").await;
    program.says("device offline", |record| record["name"] == "loud").await;
    assert_eq!(program.saying("connection accepted").len(), 1);
    program.signal(Signal::USR2);
    program.says("log level changed", |record| record["now"] == "info").await;
    online(&address, "quiet-again").await;
    program.says("device offline", |record| record["name"] == "quiet-again").await;
    assert_eq!(program.saying("connection accepted").len(), 1);
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}

#[actix_rt::test]
async fn a_web_server_that_is_away_holds_a_stop_up_only_until_the_flush_deadline() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let toml = format!(
        "[drain]\nspread = '0s'\nflush = '500ms'\n[listener.dtu]\naddress = '127.0.0.1:0'\n\
         [upstream.web]\naddress = '{nobody}'\n"
    );
    let mut program = Program::from_toml(None, &toml);
    let address = program.address("dtu").await;
    let mut device = online(&address, "unheard").await;
    device.write(b"for nobody").await;
    program.says("device online", |_| true).await;
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
    assert_eq!(phases(&program), ALL);
}

#[actix_rt::test]
async fn a_web_server_that_comes_back_while_flushing_gets_everything() {
    let deaf = Behaviour::acknowledging(Acknowledge::Never);
    let web = web_server(WebSettings::default(), [deaf, Behaviour::default()]).await;
    let mut program = Program::start(&web.address().to_string(), "", "", "");
    let address = program.address("dtu").await;
    let mut device = online(&address, "patient").await;
    device.write(b"wait for me").await;
    web.wait_until(LIMIT, |report| report.data == 1).await.unwrap();
    program.signal(Signal::TERM);
    program.enters("flushing").await;
    web.disconnect();
    assert_eq!(program.ends().await.code, Some(0));
    assert_eq!(phases(&program), ALL);
    let report = web.report();
    assert_eq!((report.data, report.offline, report.links), (1, 1, 2));
    assert!(report.repeats > 0, "what was not acknowledged came again");
}

#[actix_rt::test]
async fn a_device_that_does_not_hang_up_holds_a_stop_up_only_for_the_farewell() {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let listener = "farewell = '300ms'";
    let mut program = Program::start(&web.address().to_string(), listener, "", "");
    let address = program.address("dtu").await;
    let _stubborn = online(&address, "stubborn").await;
    web.wait_until(LIMIT, |report| report.online == 1).await.unwrap();
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
    until("its end is told", || web.look(|report| report.offline == 1)).await;
}
