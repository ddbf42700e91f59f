//! Devices that come, go and misbehave at random, before a web server that drops its link again
//! and again.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tetherd::simulator::{Device, Ending, Naming, Pace, Payload, Report, Script, Target, etung};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    LIMIT, alone,
    gateway::{GatewayProcess, State},
    process::{self, Process},
    say, web_server,
};

/// Devices that are there or pause.
const DEVICES: u64 = 500;
/// Connections of a short run.
const CONNECTIONS: u64 = 4_000;
/// What a gateway that has had its first minutes may still grow by.
const GROWTH: u64 = 8 << 20;
/// Longest pause of a device in a short run, and in a long one, where a web server that is built
/// for debugging must keep up: a backlog would hide what grows.
const PAUSES: (u64, u64) = (300, 2000);

#[test]
#[ignore = "the others start it in a process of its own"]
fn churn_process() {
    let Some(task) = process::task() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(play(&task));
}

async fn play(task: &Value) {
    let target: Target = task["address"].as_str().unwrap().parse().unwrap();
    let pause = task["pause"].as_u64().unwrap();
    let stop = CancellationToken::new();
    let mut devices = JoinSet::new();
    for index in 0..DEVICES {
        devices.spawn(again(target.clone(), index, pause, stop.clone()));
    }
    let mut questions = process::questions();
    questions.recv().await;
    stop.cancel();
    let connects: u64 = devices.join_all().await.iter().sum();
    process::answer(&json!(connects));
}

/// One device for as long as it lasts; answers how often it connected.
async fn again(target: Target, index: u64, longest: u64, stop: CancellationToken) -> u64 {
    let mut dice = StdRng::seed_from_u64(index);
    let mut connects = 0;
    let mut rounds = JoinSet::new();
    for round in 0.. {
        let script = Arc::new(script(&target, &mut dice));
        let device = Device::new(script, registration(index, &mut dice)).seed(round, index);
        // Never stopped: a connect that is given up half-way counts for one side only.
        let never = CancellationToken::new();
        rounds.spawn(async move { device.run(never, |_| {}).await.tally.connects });
        // Now and then it is back before it has left, and takes its own place.
        let stays = if dice.random_range(0..10) == 0 { 2 } else { 1 };
        while rounds.len() >= stays {
            connects += rounds.join_next().await.unwrap().unwrap();
        }
        let pause = Duration::from_millis(dice.random_range(0..longest));
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(pause) => {}
        }
    }
    connects + rounds.join_all().await.iter().sum::<u64>()
}

fn script(target: &Target, dice: &mut StdRng) -> Script {
    let mut script = Script::new(target.clone());
    script.messages = Some(dice.random_range(0..8));
    script.every = Duration::from_millis(dice.random_range(1..50));
    script.payload = match dice.random_range(0..20) {
        0 => Payload::Bytes(40_000),
        1..5 => Payload::Text(1000),
        _ => Payload::Bytes(64),
    };
    script.ending = match dice.random_range(0..4) {
        0 => Ending::Finish,
        1 => Ending::HalfClose,
        2 => Ending::Destroy,
        _ => Ending::Reset,
    };
    if dice.random_range(0..10) == 0 {
        script.pace = Pace::Pieces(Duration::from_millis(20));
    }
    script.linger = LIMIT;
    script.dialer.timeout = LIMIT;
    script
}

fn registration(index: u64, dice: &mut StdRng) -> Option<Bytes> {
    Some(match dice.random_range(0..20) {
        0 => return None,
        1 => Bytes::from_static(b"GET / HTTP/1.0\r\n\r\n"),
        2 => etung(&"x".repeat(100), b"\r\n"),
        _ => etung(&format!("{:015}", Naming::FIRST + index), b"\r\n"),
    })
}

/// How long a long run takes; `None` for a short one.
fn long() -> Option<Duration> {
    env::var_os("TETHERD_TEST_LONG")?;
    let minutes = env::var("TETHERD_TEST_MINUTES").ok().and_then(|text| text.parse().ok());
    Some(Duration::from_secs(60) * minutes.unwrap_or(3))
}

#[tokio::test]
async fn whoever_comes_and_goes_however_nothing_is_left_and_nothing_grows() {
    let _alone = alone().await;
    let web = web_server().await;
    let mut gateway = GatewayProcess::start(1, &web.address().to_string(), "");
    web.wait_until(LIMIT, |seen| seen.started == 1).await.unwrap();
    let (empty, descriptors) = (gateway.state(), gateway.descriptors());
    let (begun, long) = (Instant::now(), long());
    let pause = if long.is_some() { PAUSES.1 } else { PAUSES.0 };
    let task = json!({ "address": empty.address, "pause": pause });
    let mut devices = Process::start("churn::churn_process", &task);
    let mut settled = 0;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for second in 0.. {
        tick.tick().await;
        web.disconnect();
        let state = gateway.state();
        assert!(state.ledger.balances() && state.ledger.dropped == 0, "{state:?}");
        if second % 10 == 0 {
            say(&told(begun.elapsed(), &state, gateway.descriptors()));
        }
        let over = match long {
            None => state.accepted >= CONNECTIONS,
            Some(duration) => begun.elapsed() >= duration,
        };
        if long.is_some_and(|duration| begun.elapsed() <= duration / 2) {
            settled = settled.max(state.resident);
        }
        if over {
            break;
        }
    }
    let connects = devices.ask("leave").as_u64().unwrap();
    let gone = gateway
        .until("all is quiet", |state| state.connections == 0 && state.ledger.waiting == 0)
        .await;
    web.wait_until(LIMIT, |seen| seen.connected == 1).await.unwrap();
    say(&told(begun.elapsed(), &gone, gateway.descriptors()));
    assert_eq!((gone.accepted, gone.refused), (connects, 0));
    assert_eq!(gone.ended.values().sum::<u64>(), connects, "{:?}", gone.ended);
    assert_eq!((gone.names, gone.panics, gateway.descriptors()), (0, 0, descriptors));
    judge(&web.report(), &gone);
    if long.is_some() {
        assert!(gone.resident < settled + GROWTH, "{} after {settled}", gone.resident);
    }
    gateway.stop();
}

fn told(after: Duration, state: &State, descriptors: u64) -> String {
    let ledger = &state.ledger;
    format!(
        "{:4} s: {} accepted, {} connections, {} KiB resident, {descriptors} descriptors, \
         received {} = delivered {} + waiting {} + dropped {}",
        after.as_secs(),
        state.accepted,
        state.connections,
        state.resident / 1024,
        ledger.received,
        ledger.delivered,
        ledger.waiting,
        ledger.dropped,
    )
}

fn judge(report: &Report, gone: &State) {
    assert_eq!(report.first_violations, []);
    assert_eq!((report.online_now, report.online), (0, report.offline));
    assert_eq!(report.online, gone.named);
    assert_eq!(gone.ledger.received, report.started + report.online + report.offline + report.data);
    assert_eq!((report.gaps, report.errors), (0, 0));
    assert!(report.links > 1, "the link was dropped");
}
