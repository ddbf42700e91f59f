use tetherd::{extension::Moment, messages::Refused};

use crate::{harness::Rig, program::Program, witness::Witness};

async fn witnessed(listener: &str) -> (Rig, Witness) {
    let witness = Witness::default();
    let rig = Rig::extended(listener, "", "", |builder| builder.observe(witness.recipient())).await;
    (rig, witness)
}

#[actix_rt::test]
async fn d_a_time_out_may_only_notify_and_the_connection_stays() {
    let (rig, witness) = witnessed("idle_timeout = '300ms'\non_idle = 'notify'").await;
    let mut device = rig.online("quiet").await;
    witness.sees(Moment::Idle).await;
    rig.sees(|report| report.idle == 1).await;
    device.write(b"still here").await;
    rig.sees(|report| report.name("quiet").messages == 1).await;
    witness.session("quiet").await.write("and so am I").await.unwrap();
    assert_eq!(device.read(11).await, b"and so am I");
    rig.sees(|report| report.idle == 2).await;
    assert!(!witness.saw(Moment::Closed));
    rig.stop().await;
}

#[actix_rt::test]
async fn d_a_client_that_times_out_ends_with_its_last_words() {
    let rig = Rig::plain().await;
    let gateway = rig.gateway.listener_address("dtu").unwrap();
    let (name, words) = ("860000000000007", "goodbye");
    let silent = ["--silent", "--idle", "200ms", "--last-words", words, "--name", name];
    let mut client = Program::tetherd(&[&["device", gateway], &silent[..]].concat());
    rig.sees(|report| report.name(name).sessions == 1 && report.offline == 1).await;
    assert_eq!(client.ended().await.code(), Some(0));
    for line in ["timed out ", "last words ", "by the device, idle"] {
        client.says(line).await;
    }
    assert_eq!(rig.events("data")[0]["data"], data_encoding::BASE64.encode(words.as_bytes()));
    assert_eq!(rig.events("offline")[0]["reason"], "peer_closed");
    rig.stop().await;
}

#[actix_rt::test]
async fn d_a_session_is_ended_with_last_words_half_closed_or_destroyed() {
    let (rig, witness) = witnessed("").await;
    let mut ended = rig.online("ended").await;
    witness.session("ended").await.end("goodbye").await.unwrap();
    assert_eq!(ended.rest().await.unwrap(), b"goodbye", "and a FIN behind it");
    ended.finish().await;

    let mut half = rig.online("half").await;
    let session = witness.session("half").await;
    session.finish().await.unwrap();
    assert_eq!(half.rest().await.unwrap(), b"");
    assert_eq!(session.write("more").await, Err(Refused::Gone));
    half.write(b"this side is open").await;
    rig.sees(|report| report.name("half").bytes == 17).await;

    let mut destroyed = rig.online("destroyed").await;
    witness.session("destroyed").await.reset().await.unwrap();
    assert!(destroyed.rest().await.is_err(), "a reset");
    rig.sees(|report| report.reasons.get("kicked") == Some(&2)).await;
    drop(half);
    rig.stop().await;
}
