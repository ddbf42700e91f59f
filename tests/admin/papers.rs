//! What is written about the API and its metrics is true.

use std::collections::BTreeSet;

use crate::{harness::Rig, rig};

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
async fn the_dashboard_asks_for_metrics_that_there_are() {
    let (rig, client) = rig().await;
    let there = rendered(&client.get("/metrics").await.text());
    let _: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = DASHBOARD.split(|letter| !is_word(letter));
    let asked: BTreeSet<_> = words.filter(|word| word.starts_with("tetherd_")).collect();
    assert!(asked.len() > 10);
    for metric in asked {
        assert!(there.contains(metric), "{metric}");
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn the_curl_commands_of_the_readme_are_answered() {
    let (rig, client) = rig().await;
    let name = "860000000000001";
    let _device = rig.online(name).await;
    let snippet = README.split("### Admin API").nth(1).unwrap();
    let snippet = snippet.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<_> = snippet.lines().filter(|line| line.starts_with("curl ")).collect();
    assert!(commands.len() >= 10);
    for command in commands {
        let status = run(&rig, command, &client.address).await;
        let expected = match command {
            // All is delivered already.
            _ if command.contains("/skip") => 409,
            _ if command.contains("/session") && command.contains("-X DELETE") => 202,
            _ if command.contains(" -d ") => 202,
            _ => 200,
        };
        assert_eq!(status, expected, "{command}");
    }
    rig.stop().await;
}

/// Runs a command with curl at the gateway's own port; answers the status.
async fn run(_: &Rig, command: &str, address: &str) -> u16 {
    let command =
        command.replace("127.0.0.1:7080", address).replace("--max-time 5", "--max-time 1");
    let command = command.replacen("curl ", "curl -o /dev/null -w '%{http_code}' ", 1);
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh").arg("-c").arg(command).output().unwrap()
    });
    String::from_utf8(output.await.unwrap().stdout).unwrap().parse().unwrap()
}
