//! The configuration, read anew at a word of the API or of `tetherd reload`.

use std::{fs, sync::Arc};

use serde_json::json;

use crate::{
    client::Client,
    commands::{run, tetherd},
    harness::process::Program,
    is_problem,
    program::admin_of,
    rig,
};

fn toml(listener: &str, spool: &str) -> String {
    format!(
        "[listener.dtu]\naddress = '127.0.0.1:0'\n{listener}\n[upstream.web]\n\
         address = '127.0.0.1:9'\n[spool]\ntype = 'memory'\n{spool}\n[drain]\nspread = '0s'\n\
         flush = '0s'\n[admin]\naddress = '127.0.0.1:0'\n"
    )
}

struct Stage {
    program: Program,
    client: Client,
}

impl Stage {
    async fn new() -> Self {
        let program = Program::from_toml(None, &toml("", ""));
        program.enters("running").await;
        let record = program.says("admin API listening", |_| true).await;
        let client = Client::of(record["address"].as_str().unwrap());
        Self { program, client }
    }

    fn rewrite(&self, text: &str) {
        let text = format!("{text}[log]\nformat = 'json'\n");
        fs::write(self.program.path("gateway.toml"), text).unwrap();
    }

    async fn reload(&self) -> crate::Answer {
        self.client.ask("POST", "/api/reload", &[], "").await
    }
}

#[actix_rt::test]
async fn a_reload_tells_what_holds_now_and_what_after_the_next_start() {
    let stage = Stage::new().await;
    let nothing = stage.reload().await;
    assert_eq!((nothing.status, &nothing.json()["applied"]), (200, &json!([])));
    stage.rewrite(&toml("idle_timeout = '5m'", "retain = '1h'"));
    let report = stage.reload().await.json();
    let applied = json!([{ "key": "listener.dtu.idle_timeout", "before": "10m", "now": "5m" }]);
    assert_eq!(report["applied"], applied);
    assert_eq!(report["needs_restart"][0]["key"], "spool.retain");
    stage.program.says("configuration reloaded", |record| record["applied"] == 1).await;
    stage.rewrite(&toml("idle_timeout = '5m'", "").replace("127.0.0.1:9'", "127.0.0.1:10'"));
    assert_eq!(stage.reload().await.json()["applied"][0]["key"], "upstream.web.address");
    let upstreams = stage.client.get("/api/upstreams").await.json();
    assert_eq!(upstreams["upstreams"][0]["address"], "127.0.0.1:10");
    let what = "POST /api/reload";
    stage.program.says("change by hand", |record| record["what"] == what).await;
}

#[actix_rt::test]
async fn a_configuration_with_faults_changes_nothing_and_each_fault_is_told() {
    let stage = Stage::new().await;
    stage.rewrite(&toml("idle_timeout = 'soon'\nbacklog = 0\nfarewell = '7s'", ""));
    let refused = stage.reload().await;
    is_problem(&refused, 422);
    let faults = refused.json()["faults"].as_array().unwrap().clone();
    let faults: Vec<_> = faults.iter().map(|fault| fault.as_str().unwrap()).collect();
    assert!(faults.iter().any(|fault| fault.contains("listener.dtu.idle_timeout")), "{faults:?}");
    assert!(faults.len() >= 2 && faults[0].contains("gateway.toml:"), "{faults:?}");
    stage.rewrite(&toml("farewell = '7s'", ""));
    let report = stage.reload().await.json();
    assert_eq!(report["applied"][0]["before"], "5s", "the refused one has changed nothing");
}

#[actix_rt::test]
async fn tetherd_reload_tells_each_change_and_each_fault_on_a_line() {
    let stage = Stage::new().await;
    let address = stage.client.address.as_str();
    let (code, out, _) = run(tetherd(&["reload"], address)).await;
    assert_eq!((code, out.as_str()), (Some(0), "nothing has changed\n"));
    stage.rewrite(&toml("idle_timeout = '5m'", "retain = '1h'"));
    let (code, out, err) = run(tetherd(&["reload"], address)).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "listener.dtu.idle_timeout: \"10m\" -> \"5m\"\n\
         after the next start: spool.retain: \"0s\" -> \"1h\"\n"
    );
    let (_, out, _) = run(tetherd(&["reload", "--json"], address)).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["needs_restart"][0]["now"], "1h");
    stage.rewrite(&toml("idle_timeout = 'soon'\nbacklog = 0", ""));
    let (code, out, err) = run(tetherd(&["reload"], address)).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.lines().count() >= 2, "{err}");
    assert!(err.lines().all(|line| line.starts_with("tetherd: ")), "{err}");
}

#[actix_rt::test]
async fn a_program_that_has_no_configuration_to_read_says_so() {
    let (rig, client) = rig().await;
    is_problem(&client.ask("POST", "/api/reload", &[], "").await, 501);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_token_whose_file_is_another_lets_nobody_in_by_the_old_secret_nor_by_its_cookie() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("ops.token");
    fs::write(&path, "0123456789abcdef\n").unwrap();
    let with_token = |address: &str| {
        toml("", "")
            .replace("[admin]\naddress = '127.0.0.1:0'", &format!("[admin]\naddress = '{address}'"))
            + "[admin.tokens.ops]\nfile = 'ops.token'\naccess = 'full'\n"
    };
    let program = Program::in_folder(&folder, &with_token("0.0.0.0:0"));
    let client = admin_of(&program).await;
    let (old, new) =
        ("Authorization: Bearer 0123456789abcdef", "Authorization: Bearer fedcba9876543210");
    let body = r#"{"token":"0123456789abcdef"}"#;
    let login = client.ask("POST", "/api/login", &["Content-Type: application/json"], body).await;
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap();
    let cookie = format!("Cookie: {cookie}");
    assert_eq!(client.ask("GET", "/api/devices", &[&cookie], "").await.status, 200);

    fs::write(&path, "too short\n").unwrap();
    let refused = client.ask("POST", "/api/reload", &[old], "").await;
    is_problem(&refused, 422);
    assert!(
        refused.json()["faults"][0].as_str().unwrap().contains("ops.token"),
        "{}",
        refused.text()
    );
    assert_eq!(
        client.ask("GET", "/api/devices", &[old], "").await.status,
        200,
        "nothing has changed"
    );

    fs::write(&path, "fedcba9876543210\n").unwrap();
    let reloaded = client.ask("POST", "/api/reload", &[old], "").await;
    assert_eq!(reloaded.json()["applied"][0]["key"], "admin.tokens.ops", "{}", reloaded.text());
    is_problem(&client.ask("GET", "/api/devices", &[old], "").await, 401);
    is_problem(&client.ask("GET", "/api/devices", &[&cookie], "").await, 401);
    assert_eq!(client.ask("GET", "/api/devices", &[new], "").await.status, 200);

    let without = with_token("0.0.0.0:0")
        .replace("[admin.tokens.ops]", "[admin.tokens.ops]\nenabled = false");
    let text = format!("{without}[log]\nformat = 'json'\n");
    fs::write(program.path("gateway.toml"), text).unwrap();
    is_problem(&client.ask("POST", "/api/reload", &[new], "").await, 422);
    assert_eq!(client.ask("GET", "/api/devices", &[new], "").await.status, 200);
}
