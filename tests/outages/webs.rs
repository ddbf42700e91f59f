//! Web servers that are slow, deaf, dying or dead, in front of a backlog on disk.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use tetherd::simulator::{Acknowledge, Behaviour, Report, Violation};

use crate::{
    devices::messages,
    flow::{Flow, PIECE},
    harness::process::Program,
    stand::{
        Web, configuration, configuration_for, folder, listener, nobodys_address, online, stop,
        upstream,
    },
    story::Story,
};

const MESSAGES: u64 = 60_000;

/// Leaves a backlog on disk, and lets a web server have it that behaves like this, link by link, and
/// may be silent for so long.
async fn gets_everything(
    ack_timeout: &str,
    behaviours: impl IntoIterator<Item = Behaviour>,
) -> Story {
    let (folder, address, mut web) = (folder(), nobodys_address(), Web::away(100_000));
    let listener = listener(&address, "max_frame = '4KiB'");
    let keys = format!("ack_timeout = '{ack_timeout}'\nwindow = '256KiB'");
    let upstream = upstream("web", &web.address, &keys);
    let program = Program::in_folder(&folder, &configuration_for("1ms", &listener, "", &upstream));
    let mut device = online(&program, &address, "d").await;
    for first in (0..MESSAGES).step_by(1000) {
        device.write(&messages("d", first..first + 1000)).await;
    }
    stop(program).await;

    web.come(behaviours).await;
    let program = Program::in_folder(&folder, &configuration(&listener, "", &upstream));
    let mut device = online(&program, &address, "new").await;
    device.write(&messages("new", 0..100)).await;
    let mut story = Story::default();
    let whole = messages("new", 0..100);
    web.tells(&mut story, "the newest", |story| story.said("new") == whole).await;
    assert!(story.said("d") == messages("d", 0..MESSAGES), "the backlog arrives in order");
    assert_eq!(story.gaps, []);
    stop(program).await;
    let mut violations = web.report().first_violations;
    // The rest of a link that was given up may be read beside the next link.
    violations
        .retain(|broken| !matches!(broken, Violation::NotRising { .. } | Violation::Jump { .. }));
    assert_eq!(violations, []);
    story
}

#[tokio::test]
async fn a_web_server_that_acknowledges_slowly_gets_everything_once() {
    let late = Acknowledge::Late(Duration::from_millis(30));
    let story = gets_everything("60s", [Behaviour::acknowledging(late)]).await;
    assert_eq!(story.repeats, 0);
}

#[tokio::test]
async fn a_web_server_that_does_not_acknowledge_is_left_and_told_again_until_it_does() {
    let deaf = Behaviour::acknowledging(Acknowledge::Never);
    let story =
        gets_everything("200ms", [deaf.clone(), deaf.clone(), deaf, Behaviour::default()]).await;
    assert!(story.repeats > 0);
}

#[tokio::test]
async fn a_web_server_that_dies_after_each_batch_gets_everything() {
    gets_everything("60s", [Behaviour { drop_after: Some(30), ..Behaviour::default() }]).await;
}

struct Pair {
    folder: Arc<TempDir>,
    address: String,
    alive: Web,
    dead: Web,
}

impl Pair {
    async fn new() -> Self {
        let (alive, dead) = (Web::here(0).await, Web::away(0));
        Self { folder: folder(), address: nobodys_address(), alive, dead }
    }

    fn start(&self, keys: &str) -> Program {
        let alive = upstream("alive", &self.alive.address, "");
        let upstreams = alive + &upstream("dead", &self.dead.address, keys);
        let listener = listener(&self.address, "");
        let toml = configuration(&listener, "max_size = '4MiB'", &upstreams);
        Program::in_folder(&self.folder, &toml)
    }
}

/// Every event it was told or told to be lost.
fn accounted(report: &Report) -> u64 {
    report.started + report.online + report.data + report.offline + report.lost
}

#[tokio::test]
async fn held_for_a_dead_one_the_spool_fills_and_nobody_loses_anything() {
    let mut pair = Pair::new().await;
    let program = pair.start("when_behind = 'hold'");
    let flow = Flow::over(online(&program, &pair.address, "flow").await);
    flow.write(800);
    program.says("spool full, reading paused", |_| true).await;
    pair.dead.come([Default::default()]).await;
    let hash = flow.end().await;
    for web in [&pair.alive, &pair.dead] {
        web.sees("everything", |report| report.offline == 1).await;
        let report = web.report();
        assert_eq!(report.name("flow").hash, hash);
        assert_eq!((report.gaps, &report.first_violations[..]), (0, &[][..]));
    }
    stop(program).await;
}

#[tokio::test]
async fn skipped_a_dead_one_loses_the_oldest_and_keeps_nobody_waiting() {
    let mut pair = Pair::new().await;
    let program = pair.start("when_behind = 'skip'\nmax_lag = '1MiB'");
    let flow = Flow::over(online(&program, &pair.address, "flow").await);
    // Two at a time: a flood that is faster than the disk would be paused for a moment.
    for pieces in 1..=400 {
        flow.write(2);
        let bytes = 2 * pieces * PIECE as u64;
        pair.alive.sees("it flows", |report| report.name("flow").bytes == bytes).await;
    }
    let hash = flow.end().await;
    pair.alive.sees("everything", |report| report.offline == 1).await;
    assert_eq!(program.saying("spool full, reading paused").len(), 0);
    pair.dead.come([Default::default()]).await;
    pair.dead.sees("the end", |report| report.offline == 1).await;
    stop(program).await;
    let (alive, dead) = (pair.alive.report(), pair.dead.report());
    assert_eq!((alive.gaps, alive.name("flow").hash), (0, hash));
    assert_eq!((dead.gaps, accounted(&dead)), (1, accounted(&alive)));
    let kept = dead.name("flow").bytes;
    assert!((512 << 10..=2 << 20).contains(&kept), "{kept}");
    assert_eq!((&alive.first_violations[..], &dead.first_violations[..]), (&[][..], &[][..]));
}
