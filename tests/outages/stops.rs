//! Stops while the web server is away.

use rustix::process::Signal;

use crate::{
    LIMIT,
    devices::messages,
    harness::process::Program,
    stand::{Web, configuration_for, folder, listener, nobodys_address, online, stop, upstream},
    story::Story,
};

/// Runs the program three times, and ends it as `end` does; the web server comes for the last.
async fn nothing_is_lost(flush: &str, mut end: impl AsyncFnMut(&mut Program)) {
    let (folder, address, mut web) = (folder(), nobodys_address(), Web::away(10_000));
    let toml = |flush: &str| {
        let upstream = upstream("web", &web.address, "");
        configuration_for(flush, &listener(&address, ""), "", &upstream)
    };
    for round in 0..2 {
        let mut program = Program::in_folder(&folder, &toml(flush));
        let mut device = online(&program, &address, "d").await;
        // The last of it is still unread when the signal comes.
        for number in 0..300 {
            device.write(&messages("d", round * 300 + number..round * 300 + number + 1)).await;
        }
        end(&mut program).await;
        assert_eq!(program.ends_within(LIMIT).await.code, Some(0));
    }
    let toml = toml("60s");
    web.come([Default::default()]).await;
    let program = Program::in_folder(&folder, &toml);
    let mut story = Story::default();
    web.tells(&mut story, "three starts", |story| story.starts.len() == 3).await;
    assert!(story.starts.iter().all(|start| start.clean), "{:?}", story.starts);
    assert_eq!(story.gaps, []);
    assert_eq!(story.said("d"), messages("d", 0..600));
    stop(program).await;
    assert_eq!(web.report().first_violations, []);
}

#[tokio::test]
async fn what_waits_at_a_stop_is_delivered_after_the_next_start() {
    nothing_is_lost("10ms", async |program| program.signal(Signal::TERM)).await;
}

#[tokio::test]
async fn a_second_signal_skips_the_waiting_and_loses_nothing() {
    nothing_is_lost("1h", async |program| {
        program.signal(Signal::TERM);
        program.enters("flushing").await;
        program.signal(Signal::TERM);
    })
    .await;
}

#[tokio::test]
async fn two_signals_at_once_lose_nothing_either() {
    nothing_is_lost("1h", async |program| {
        program.signal(Signal::TERM);
        program.signal(Signal::INT);
    })
    .await;
}
