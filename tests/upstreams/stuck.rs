use tetherd::simulator::{Acknowledge, Behaviour, WebSettings};

use crate::{
    hand::{QUICK, chat, online, settled},
    harness::{Rig, until, web_server},
};

#[actix_rt::test]
async fn five_failures_at_one_offset_are_told_and_trying_goes_on_until_the_link_moves() {
    let chokes =
        Behaviour { acknowledge: Acknowledge::Never, drop_after: Some(2), ..Behaviour::default() };
    let web = web_server(WebSettings::default(), [chokes.clone()]).await;
    let rig = Rig::before(web, "", QUICK, "", |builder| builder).await;
    let mut device = online(&rig.gateway, "poison").await;
    chat(&rig.gateway, &mut device, 3, b"message").await;
    let counts = rig.telemetry.counts();
    until("it is told", || counts.links_stuck.get() == 1).await;
    let at = rig.records.all().into_iter().find(|entry| entry.message == "link stuck").unwrap();
    assert_eq!(at.get("upstream").as_deref(), Some("web"));
    assert_eq!(at.get("offset"), rig.lines().get(1).map(|line| line["offset"].to_string()));
    let tries = rig.web.look(|report| report.links);
    rig.sees(|report| report.links >= tries + 3).await;
    assert_eq!((counts.links_stuck.get(), rig.records.count("link moves again")), (1, 0));

    rig.web.behave([Behaviour::default()]);
    settled(&rig.gateway, "web").await;
    assert_eq!(rig.records.count("link moves again"), 1);

    // It can be stuck again, further on.
    rig.web.behave([chokes]);
    rig.web.disconnect();
    chat(&rig.gateway, &mut device, 3, b"message").await;
    until("it is told again", || counts.links_stuck.get() == 2).await;
    rig.web.behave([Behaviour::default()]);
    settled(&rig.gateway, "web").await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_web_server_that_takes_one_event_a_link_is_slow_and_not_stuck() {
    let one_by_one = Behaviour { drop_after: Some(2), ..Behaviour::default() };
    let web = web_server(WebSettings::default(), [one_by_one]).await;
    let rig = Rig::before(web, "", QUICK, "", |builder| builder).await;
    let mut device = online(&rig.gateway, "slow").await;
    chat(&rig.gateway, &mut device, 20, b"message").await;
    rig.sees(|report| report.data == 20).await;
    settled(&rig.gateway, "web").await;
    assert_eq!(rig.telemetry.counts().links_stuck.get(), 0);
    assert!(rig.stop().await.links >= 22);
}
