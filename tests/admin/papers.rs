//! What is written about the API and its metrics is true.

use std::collections::BTreeSet;

use crate::{harness::until, rig};

const README: &str = include_str!("../../README.md");
const DASHBOARD: &str = include_str!("../../config/grafana/tetherd.json");

/// The metrics that a text of metrics holds, counters with their `_total`.
fn rendered(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let named = types.filter_map(|line| line.split_once(' '));
    named
        .map(
            |(name, kind)| {
                if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
            },
        )
        .collect()
}

#[actix_rt::test]
async fn the_readme_lists_every_metric_and_no_other() {
    let (rig, client) = rig().await;
    let there = rendered(&client.get("/metrics").await.text());
    let section = README.split("### Metrics").nth(1).unwrap().split("\n### ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `tetherd_"));
    let listed: BTreeSet<_> =
        rows.map(|row| format!("tetherd_{}", row.split('`').next().unwrap())).collect();
    assert_eq!(there, listed);
    let document = client.get("/api/openapi.json").await.json();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(README.contains(path), "{path} is not in the README");
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn dashboard_and_alarms_ask_for_metrics_that_there_are() {
    let (rig, client) = rig().await;
    let there = rendered(&client.get("/metrics").await.text());
    let _: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let alarms = README.split("### Alarms").nth(1).unwrap().split("\n### ").next().unwrap();
    let named = |text: &'static str| -> BTreeSet<&str> {
        let words = text.split(|letter| !is_word(letter));
        words.filter(|word| word.starts_with("tetherd_")).collect()
    };
    let (drawn, alarming) = (named(DASHBOARD), named(alarms));
    assert!(drawn.len() > 10 && alarming.len() > 5);
    for metric in drawn.union(&alarming) {
        assert!(there.contains(*metric), "{metric}");
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn with_the_curl_commands_of_the_readme_a_device_is_found_commanded_kicked_and_its_ending_seen()
 {
    let (rig, client) = rig().await;
    let name = "860000000000001";
    let mut device = rig.online(name).await;
    let device = actix_rt::spawn(async move {
        assert_eq!(device.read(2).await, [1, 3]);
        device.write(b"done").await;
        device.ended().await;
    });
    let snippet = README.split("### Admin API").nth(1).unwrap();
    let snippet = snippet.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<_> = snippet.lines().filter(|line| line.starts_with("curl ")).collect();
    assert!(commands.len() >= 10);
    let mut told = Vec::new();
    for command in commands {
        let (status, body) = run(command, &client.address).await;
        let expected = match command {
            // All is delivered already.
            _ if command.contains("/skip") => 409,
            // The program of this test has no configuration to read.
            _ if command.contains("/api/reload") => 501,
            _ if command.contains("/session") && command.contains("-X DELETE") => 202,
            _ if command.contains(" -d ") => 202,
            _ => 200,
        };
        assert_eq!(status, expected, "{command}");
        if command.contains("-X DELETE") && command.contains("/session") {
            until("it is gone", || rig.gateway.snapshot().connections == 0).await;
        }
        told.push(body);
    }
    let json = |at: usize| -> serde_json::Value { serde_json::from_str(&told[at]).unwrap() };
    assert_eq!(json(0)["devices"][0]["name"], name);
    assert_eq!((&json(3)["state"], &json(3)["data"]), (&"answered".into(), &"ZG9uZQ==".into()));
    let ended = &json(5)["sessions"][0];
    assert_eq!((&ended["name"], &ended["reason"]), (&name.into(), &"kicked".into()));
    device.await.unwrap();
    rig.stop().await;
}

/// Runs a command with curl at the gateway's own port; answers the status and what came.
async fn run(command: &str, address: &str) -> (u16, String) {
    let command =
        command.replace("127.0.0.1:7080", address).replace("--max-time 5", "--max-time 1");
    let command = command.replacen("curl ", "curl -w '\\n%{http_code}' ", 1);
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh").arg("-c").arg(command).output().unwrap()
    });
    let text = String::from_utf8(output.await.unwrap().stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}
