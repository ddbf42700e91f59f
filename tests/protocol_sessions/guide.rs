//! What an engineer does who writes a new protocol, with the real program and as the guide says: the
//! file, its frames, its commands and what they show are taken out of the guide.

use std::{path::Path, sync::Arc};

use regex::Regex;
use serde_json::{Value, json};
use tetherd::simulator::{Behaviour, WebSettings};

use crate::harness::{LIMIT, process::Program, web_server};

const GUIDE: &str = include_str!("../../config/protocols/README.md");

/// The first block of the guide that begins so, without its fences.
fn block(begins: &str) -> &'static str {
    let (_, behind) = GUIDE.split_once(begins).unwrap_or_else(|| panic!("no {begins}"));
    block_of(behind)
}

fn block_of(behind: &str) -> &str {
    behind.split_once("```").unwrap().0
}

/// The only line of the guide that holds `part`.
fn line(part: &str) -> &'static str {
    let mut found = GUIDE.lines().filter(|line| line.contains(part));
    let line = found.next().unwrap_or_else(|| panic!("the guide has no {part}"));
    assert_eq!(found.next(), None, "{part}");
    line
}

/// What a command of the guide says, run by a shell in `folder`, where it has to go well.
fn done(folder: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_tetherd"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut shell = assert_cmd::Command::new("sh");
    shell.env_clear().env("PATH", path).current_dir(folder).arg("-c").arg(command);
    let output = shell.timeout(LIMIT).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command}\n{out}{err}");
    out
}

#[test]
fn the_frames_of_the_guide_come_out_of_the_file_of_the_guide() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tank.toml"), block("```toml protocol=tank\n")).unwrap();

    let explained = done(folder.path(), line("tetherd protocol explain ./tank.toml"));
    for part in ["20260017", "login, by rule 1", "a5 03 06 01 01 b0"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }

    let said = done(folder.path(), line("tetherd protocol run ./tank.toml"));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["rest"], &said["error"]), (&json!(""), &Value::Null));
    let frames = said["frames"].as_array().unwrap();
    let told: Vec<_> = frames.iter().map(|frame| (&frame["is"], &frame["fields"])).collect();
    assert_eq!(told, [(&json!("login"), &json!({})), (&json!("data"), &json!({ "level": 1234 }))]);
    // The frames are those that the datasheet shows.
    let pair = Regex::new("..").unwrap();
    for frame in frames {
        assert_eq!((&frame["check"], &frame["name"]), (&json!("ok"), &said["frames"][0]["name"]));
        let bytes = frame["bytes"].as_str().unwrap();
        let spaced = pair.replace_all(bytes, "$0 ");
        assert!(block("```text\n").contains(spaced.trim()), "{spaced}");
    }
}

#[test]
fn the_commands_of_the_readmes_bench_do_what_is_said_of_them() {
    let readme = include_str!("../../README.md");
    let (_, bench) = readme.split_once("### A bench for protocol files\n\n```sh\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let said: Vec<String> =
        block_of(bench).lines().map(|command| done(folder.path(), command)).collect();
    let [_, begun, guessed, explained, _, run] = &said[..] else { panic!("{said:?}") };
    assert!(begun.starts_with("tracker.toml is written"), "{begun}");
    assert!(guessed.contains("name      860000000000017"), "{guessed}");
    assert!(readme.contains(explained.trim_end()), "{explained}");
    let run: Value = serde_json::from_str(run).unwrap();
    assert_eq!(run["frames"][0]["reply"], json!(["787805010001d9dc0d0a"]));
}

#[actix_rt::test]
async fn a_device_of_the_guides_protocol_is_understood_by_a_gateway_that_has_its_file() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let protocols = folder.path().join("protocols");
    std::fs::create_dir(&protocols).unwrap();
    std::fs::write(protocols.join("tank.toml"), block("```toml protocol=tank\n")).unwrap();
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let listener = block("```toml\n[listener.tanks]").replace("0.0.0.0:7001", "127.0.0.1:0");
    let toml = format!(
        "[listener.tanks]{listener}\n[upstream.web]\naddress = '{}'\n[drain]\nspread = '0s'\n",
        web.address()
    );
    std::fs::write(folder.path().join("gateway.toml"), &toml).unwrap();
    let config = "--config gateway.toml";
    done(folder.path(), &format!("tetherd check {config}"));

    let program = Program::in_folder(&folder, &toml);
    let address = program.address("tanks").await;
    let mut commands = block("tetherd check\n").lines().map(|line| {
        assert!(line.contains("127.0.0.1:7001"), "{line}");
        format!("{} {config}", line.replace("127.0.0.1:7001", &address))
    });
    let mut play = async || {
        let (folder, command) = (Arc::clone(&folder), commands.next().unwrap());
        let done = move || done(folder.path(), &command);
        tokio::task::spawn_blocking(done).await.unwrap()
    };

    let said = play().await;
    let shown = GUIDE.split("```\n").find(|block| block.starts_with("registered ")).unwrap();
    let without_time = Regex::new(r"(?m)^\d\d:\d\d:\d\d\.\d{3} ").unwrap();
    let said = without_time.replace_all(&said, "");
    assert!(said.contains(shown), "{said}");
    web.wait_until(LIMIT, |report| report.offline == 1).await.unwrap();

    play().await;
    web.wait_until(LIMIT, |report| report.offline == 2).await.unwrap();
    let lines = web.look(|report| report.last_lines.clone());
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_tank = lines.filter(|line| line["imei"] == "20260017" && line["event"] == "data");
    let levels: Vec<_> = of_tank.map(|line| line["fields"]["level"].clone()).collect();
    assert_eq!(levels, [Value::Null, json!(1234), Value::Null, json!(0x0929)]);

    let said = play().await;
    assert!(said.contains("replies     300 expected, 300 ok, 0 wrong, 0 missing"), "{said}");
    web.wait_until(LIMIT, |report| report.offline == 102).await.unwrap();
    assert_eq!(web.report().first_violations, []);
    assert!(commands.next().is_none(), "there are more commands than are played here");
}
