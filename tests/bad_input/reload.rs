//! SIGHUP: a configuration is taken over whole, or not at all.

use rustix::process::Signal;

use crate::harness::process::Program;

fn toml(listener: &str) -> String {
    format!(
        "[listener.dtu]\naddress = '127.0.0.1:0'\n{listener}\n[upstream.web]\n\
         address = '127.0.0.1:9'\n[spool]\ntype = 'memory'\n[drain]\nspread = '0s'\nflush = '0s'\n"
    )
}

#[tokio::test]
async fn sighup_takes_over_what_can_be_and_says_what_cannot() {
    let program = Program::from_toml(None, &toml(""));
    program.enters("running").await;
    let rewrite = |text: String| {
        let text = format!("{text}[log]\nformat = 'json'\n");
        std::fs::write(program.path("gateway.toml"), text).unwrap();
    };

    rewrite(toml("idle_timeout = 'soon'"));
    program.signal(Signal::HUP);
    program
        .says("configuration not reloaded", |record| {
            record["error"]
                .as_str()
                .is_some_and(|error| error.contains("listener.dtu.idle_timeout"))
        })
        .await;

    rewrite(
        toml("idle_timeout = '5m'").replace("type = 'memory'", "type = 'memory'\nretain = '1h'"),
    );
    program.signal(Signal::HUP);
    program
        .says("setting changed", |record| {
            record["setting"] == "listener.dtu.idle_timeout: \"10m\" -> \"5m\""
        })
        .await;
    program
        .says("setting needs a restart", |record| {
            record["setting"].as_str().is_some_and(|setting| setting.starts_with("spool.retain"))
        })
        .await;
    program.says("configuration reloaded", |record| record["applied"] == 1).await;
}
