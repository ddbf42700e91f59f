use tetherd::{model::CloseReason, supervision::failpoint};

use crate::harness::Rig;

#[actix_rt::test]
async fn a_panic_in_a_session_ends_that_session_and_nothing_else() {
    let rig = Rig::plain().await;
    let mut bad = rig.online("bad").await;
    let mut good = rig.online("good").await;
    failpoint::arm("session.data", "poison for a session");
    bad.write(b"poison for a session").await;
    rig.sees(|report| report.reasons.get("panicked") == Some(&1)).await;
    bad.ended().await;
    good.write(b"still here").await;
    rig.sees(|report| report.name("good").messages == 1).await;
    assert_eq!(rig.gateway.snapshot().connections, 1);
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::Panicked), 1);
    rig.online("bad").await;
    let (report, panics) = rig.stop_after_panics().await;
    assert_eq!((panics, report.online), (1, 3));
}

#[actix_rt::test]
async fn a_panic_in_the_registry_loses_no_device_not_even_the_one_of_the_message() {
    let rig = Rig::plain().await;
    let mut before = rig.online("before").await;
    failpoint::arm("registry.claim", "poison-claim");
    let mut poison = rig.connect().await;
    poison.write(b"ETUNG:poison-claim\r\nhello").await;
    rig.sees(|report| report.name("poison-claim").messages == 1).await;
    before.write(b"still here").await;
    rig.sees(|report| report.name("before").messages == 1).await;
    assert_eq!(rig.gateway.names(), ["before", "poison-claim"]);
    let mut heir = rig.connect().await;
    heir.write(b"ETUNG:before\r\n").await;
    rig.sees(|report| report.reasons.get("replaced") == Some(&1)).await;
    assert_eq!(rig.stop_after_panics().await.1, 1);
}

#[actix_rt::test]
async fn a_departure_that_the_registry_lost_is_found_by_the_census() {
    let rig = Rig::plain().await;
    let gone = rig.online("gone-unheard").await;
    let _stays = rig.online("stays").await;
    failpoint::arm("registry.departure", "gone-unheard");
    drop(gone);
    crate::harness::until("it is listed no more", || rig.gateway.names() == ["stays"]).await;
    rig.online("gone-unheard").await;
    assert_eq!(rig.stop_after_panics().await.1, 1);
}

#[actix_rt::test]
async fn a_panic_in_the_forwarder_is_followed_by_every_later_byte() {
    let rig = Rig::plain().await;
    let mut device = rig.online("ordinary").await;
    let mut poison = rig.connect().await;
    failpoint::arm("forwarder.data", "poison-forward");
    poison.write(b"ETUNG:poison-forward\r\nhello").await;
    device.write(b"behind it").await;
    rig.sees(|report| {
        report.name("poison-forward").messages == 1 && report.name("ordinary").messages == 1
    })
    .await;
    let (report, panics) = rig.stop_after_panics().await;
    assert_eq!((panics, report.links), (1, 2));
}

#[actix_rt::test]
async fn a_panic_in_the_server_costs_the_one_connection_it_was_about() {
    let rig = Rig::with("[listener.poisoned]\naddress = '127.0.0.1:0'", "", "").await;
    let _device = rig.online("ordinary").await;
    failpoint::arm("server.admit", "poisoned");
    let address = rig.gateway.listener_address("poisoned").unwrap().to_owned();
    crate::harness::Dtu::connect(&address).await.ended().await;
    let mut next = crate::harness::Dtu::connect(&address).await;
    next.write(b"ETUNG:next\r\n").await;
    rig.sees(|report| report.name("next").online).await;
    assert_eq!(rig.stop_after_panics().await.1, 1);
}
