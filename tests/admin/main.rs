//! The admin HTTP API: every address, every refusal, and what it says while devices come and go.

#![allow(clippy::unwrap_used)] // a failed step fails the test

mod browser;
mod client;
mod commands;
mod crowd;
mod dashboard;
mod doors;
mod events;
#[path = "../harness/mod.rs"]
mod harness;
mod health;
mod live;
mod login;
mod nameless;
mod operator;
mod orders;
mod papers;
mod program;
mod reloads;
mod routes;
mod taps;

use client::{Answer, Client};
use harness::Rig;

/// A gateway with an admin API at a port of its own.
async fn rig() -> (Rig, Client) {
    rig_with("", "").await
}

/// The same with these keys of the listener, and at the top.
async fn rig_with(listener: &str, rest: &str) -> (Rig, Client) {
    let admin = format!("{rest}\n[admin]\naddress = '127.0.0.1:0'\n");
    let rig = Rig::with(listener, "", &admin).await;
    let client = Client::of(rig.gateway.admin_address().unwrap());
    (rig, client)
}

/// Whether an answer is the problem document that its status says it is.
#[track_caller]
fn is_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], "about:blank");
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
}
