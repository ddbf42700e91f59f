//! The program itself: its port, its tokens, its stop.

use std::{fs, net::TcpListener, sync::Arc};

use rustix::process::Signal;
use tetherd::simulator::{Behaviour, WebSettings};

use crate::{
    client::Client,
    harness::{Dtu, process::Program, settings, web_server},
    is_problem,
};

#[actix_rt::test]
async fn a_taken_port_is_found_before_anything_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let admin = format!("[admin]\naddress = '{address}'\n");
    let mut program = Program::start("127.0.0.1:9", "", "", &admin);
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.last_line.contains(&format!("admin: {address}: ")), "{}", ended.last_line);
    assert!(ended.last_line.contains("enabled = false"), "{}", ended.last_line);
    assert!(program.saying("listening").is_empty());
}

#[actix_rt::test]
async fn beyond_loopback_nothing_starts_without_a_token() {
    let admin = "[admin]\naddress = '0.0.0.0:0'\n";
    let mut program = Program::start("127.0.0.1:9", "", "", admin);
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.last_line.contains("admin.address: \"0.0.0.0:0\" can be reached"),
        "{}",
        ended.last_line
    );
}

#[actix_rt::test]
async fn a_token_is_read_from_its_file_beside_the_configuration() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    fs::write(folder.path().join("ops.token"), "0123456789abcdef0123\n").unwrap();
    let admin =
        "[admin]\naddress = '0.0.0.0:0'\n[admin.tokens.ops]\nfile = 'ops.token'\naccess = 'full'\n";
    let mut program = Program::in_folder(&folder, &settings("127.0.0.1:9", "", "", admin));
    let client = admin_of(&program).await;
    is_problem(&client.get("/metrics").await, 401);
    let token = "Authorization: Bearer 0123456789abcdef0123";
    assert_eq!(client.ask("GET", "/metrics", &[token], "").await.status, 200);
    program.signal(Signal::TERM);
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}

#[actix_rt::test]
async fn a_missing_token_file_is_told_at_the_start() {
    let admin = "[admin]\naddress = '0.0.0.0:0'\n[admin.tokens.ops]\nfile = '/nowhere/token'\n";
    let mut program = Program::start("127.0.0.1:9", "", "", admin);
    let ended = program.ends().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.last_line.contains("admin.tokens.ops: /nowhere/token: "), "{}", ended.last_line);
}

#[actix_rt::test]
async fn a_gateway_that_stops_is_not_ready_and_still_answers() {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let toml = format!(
        "[drain]\nspread = '1m'\n[listener.dtu]\naddress = '127.0.0.1:0'\n[upstream.web]\n\
         address = '{}'\n[admin]\naddress = '127.0.0.1:0'\n",
        web.address()
    );
    let mut program = Program::from_toml(None, &toml);
    let client = admin_of(&program).await;
    // One of many is let go of late enough.
    let mut devices = Vec::new();
    for _ in 0..20 {
        devices.push(Dtu::connect(&program.address("dtu").await).await);
    }
    assert_eq!(client.get("/readyz").await.status, 200);
    program.signal(Signal::TERM);
    program.enters("draining").await;
    let answer = client.get("/readyz").await;
    is_problem(&answer, 503);
    assert_eq!(answer.json()["phase"], "draining");
    assert_eq!(client.get("/healthz").await.status, 200);
    is_problem(&client.ask("POST", "/api/reload", &[], "").await, 503);
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}

/// Waits until the program's API answers.
pub async fn admin_of(program: &Program) -> Client {
    program.enters("running").await;
    let record = program.says("admin API listening", |_| true).await;
    let address = record["address"].as_str().unwrap();
    Client::of(&address.replace("0.0.0.0", "127.0.0.1"))
}
