use tetherd::{model::CloseReason, telemetry::Refusal};

use crate::{
    books_balance, connect_if_let, ended,
    harness::{Dtu, Rig, until},
};

const CROWD: usize = 2_000;

/// So many devices that connect in the same moment; those that were not refused at once.
async fn rush(rig: &Rig) -> Vec<Dtu> {
    let address = rig.gateway.listener_address("dtu").unwrap().to_owned();
    let connects: Vec<_> = (0..CROWD)
        .map(|_| {
            let address = address.clone();
            actix_rt::spawn(async move { connect_if_let(&address).await })
        })
        .collect();
    let mut crowd = Vec::new();
    for connect in connects {
        crowd.extend(connect.await.unwrap());
    }
    crowd
}

#[actix_rt::test]
async fn two_thousand_that_connect_at_once_are_all_served_and_counted() {
    let rig = Rig::plain().await;
    let mut crowd = rush(&rig).await;
    assert_eq!(crowd.len(), CROWD);
    for (number, device) in crowd.iter_mut().enumerate() {
        device.write(format!("ETUNG:c{number};hello").as_bytes()).await;
    }
    rig.sees(|report| report.data == CROWD as u64).await;
    let all = CROWD as u32;
    assert_eq!(rig.gateway.listener_counts("dtu"), Some((all, all, all.into(), 0)));
    assert_eq!(rig.gateway.names().len(), CROWD);
    crowd.iter_mut().for_each(|device| {
        let socket = socket2::SockRef::from(&device.stream);
        socket.shutdown(std::net::Shutdown::Write).unwrap();
    });
    books_balance(&rig).await;
    ended(&rig, CloseReason::PeerClosed, all.into()).await;
    rig.sees(|report| report.offline == CROWD as u64).await;
    until("no name is left", || rig.gateway.names().is_empty()).await;
    assert_eq!(rig.gateway.listener_counts("dtu"), Some((0, all, all.into(), 0)));
    assert_eq!(rig.gateway.counts().ended.sum(), u64::from(all));
    let report = rig.stop().await;
    assert_eq!((report.online_now, report.last_connections), (0, 0));
}

#[actix_rt::test]
async fn of_two_thousand_at_once_those_above_the_limit_are_refused_with_a_reason() {
    let rig = Rig::with("max_connections = 700", "", "").await;
    let crowd = rush(&rig).await;
    let refusals = &rig.gateway.counts().refused;
    until("all are let in or refused", || {
        rig.gateway.counts().accepted.get() + refusals.sum() == CROWD as u64
    })
    .await;
    assert_eq!(refusals.get(Refusal::Limit), 1_300);
    assert_eq!(rig.gateway.listener_counts("dtu"), Some((700, 700, 700, 1_300)));
    assert_eq!(rig.gateway.snapshot().connections, 700);
    // Asking takes the error off the socket.
    let mut seen = CROWD - crowd.len();
    until("each of them saw a reset", || {
        let resets = crowd.iter().filter(|device| device.stream.take_error().unwrap().is_some());
        seen += resets.count();
        seen >= 1_300
    })
    .await;
    assert_eq!(seen, 1_300);
    drop(crowd);
    until("all are gone", || rig.gateway.snapshot().connections == 0).await;
    rig.online("afterwards").await;
    rig.stop().await;
}
