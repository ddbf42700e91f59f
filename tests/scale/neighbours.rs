use actix::prelude::*;
use tetherd::{
    extension::{Happened, Observed},
    simulator::{Behaviour, RunningHash, WebSettings},
};

use crate::harness::{Dtu, Rig, web_server};

/// The others.
const OTHERS: usize = 20;
/// What each of them says.
const MESSAGES: usize = 200;
/// Bytes of the one that floods.
const FLOOD: usize = 16 << 20;

/// Talks for ever to the device `deaf`.
struct Talker;

impl Actor for Talker {
    type Context = Context<Self>;
}

impl Handler<Observed> for Talker {
    type Result = ();

    fn handle(&mut self, observed: Observed, ctx: &mut Self::Context) {
        for occurrence in observed.0.iter() {
            let is_deaf = occurrence.name.as_ref().is_some_and(|name| name.as_str() == "deaf");
            let (true, Happened::Online) = (is_deaf, &occurrence.what) else { continue };
            let Some(session) = occurrence.session.clone() else { continue };
            let talk = async move { while session.write(vec![b'x'; 16 << 10]).await.is_ok() {} };
            ctx.spawn(talk.into_actor(self));
        }
    }
}

fn message(device: usize, number: usize) -> String {
    format!("<{device}: message {number}>")
}

#[actix_rt::test]
async fn one_that_floods_and_one_that_never_reads_cost_the_others_nothing() {
    let settings = WebSettings { hash: true, ..WebSettings::default() };
    let web = web_server(settings, [Behaviour::default()]).await;
    let talker = Talker.start().recipient();
    let rig = Rig::before(web, "", "", "", |builder| builder.observe(talker)).await;
    let mut flood = rig.online("flood").await;
    let flooding = actix_rt::spawn(async move {
        let chunk = vec![b'f'; 64 << 10];
        for _ in 0..FLOOD / chunk.len() {
            flood.write(&chunk).await;
        }
        flood
    });
    let _deaf = rig.online("deaf").await;
    let mut others: Vec<Dtu> = Vec::new();
    for device in 0..OTHERS {
        others.push(rig.online(&format!("other-{device}")).await);
    }
    for number in 0..MESSAGES {
        for (device, other) in others.iter_mut().enumerate() {
            other.write(message(device, number).as_bytes()).await;
        }
    }
    for device in 0..OTHERS {
        let said: String = (0..MESSAGES).map(|number| message(device, number)).collect();
        let expected = (said.len() as u64, RunningHash::of(said.as_bytes()));
        rig.sees(|seen| {
            let totals = seen.name(&format!("other-{device}"));
            (totals.bytes, totals.hash) == expected
        })
        .await;
    }
    rig.sees(|seen| seen.reasons.get("slow_reader") == Some(&1)).await;
    rig.sees(|seen| seen.name("flood").bytes == FLOOD as u64).await;
    let _flood = flooding.await.unwrap();
    assert_eq!(rig.gateway.snapshot().connections as usize, OTHERS + 1);
    let report = rig.stop().await;
    assert_eq!((report.gaps, report.lost), (0, 0));
}
