use std::{collections::BTreeMap, time::Instant};

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::house::House;
use crate::{
    model::UnixMillis,
    telemetry::{Label, Tally},
};

/// The gateway in short.
#[derive(Serialize, ToSchema)]
pub(super) struct Gateway {
    /// What it calls itself.
    gateway: String,
    /// The version of the program.
    version: &'static str,
    /// Where it is in its life: `starting`, `running`, `draining`, `flushing`.
    phase: &'static str,
    /// Its clock.
    time: String,
    /// How long it runs.
    uptime_seconds: f64,
    /// Connections of devices that are open, named or not.
    connections: u32,
    /// Most of them there ever were at a time.
    connections_peak: u32,
    /// Names that are held.
    names: usize,
    /// Whether data of devices stay unread since the spool is full.
    paused: bool,
    /// Threads that stand still: `main`, `session-0` and so on.
    stuck_threads: Vec<String>,
    /// Whether all devices together have fallen silent; never where nobody looks.
    quiet: bool,
    /// The offset that the next event gets; between two looks it rises by the events in between.
    next: u64,
    /// Since the start.
    totals: Totals,
    /// Where devices connect.
    listeners: Vec<Listener>,
}

/// What happened since the start.
#[derive(Serialize, ToSchema)]
struct Totals {
    /// Events that got an offset.
    events: u64,
    /// Connections taken in.
    accepted: u64,
    /// Connections refused at the door, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// Sessions that ended, by reason.
    ended: BTreeMap<&'static str, u64>,
    /// Names taken over by a newer connection.
    takeovers: u64,
    /// Panics.
    panics: u64,
}

/// One listener.
#[derive(Serialize, ToSchema)]
struct Listener {
    /// Its name.
    name: String,
    /// Where it listens.
    address: String,
    /// Its connections.
    connections: u32,
    /// Most of them there ever were at a time.
    connections_peak: u32,
}

/// The gateway in short: what it is, how it is, and how much there was since its start
#[utoipa::path(get, path = "/api/gateway", tag = "gateway",
    responses((status = 200, description = "It", body = Gateway)))]
pub(super) async fn show(house: Data<House>) -> HttpResponse {
    let counts = house.telemetry.counts();
    let next = house.spool.next();
    let beats = house.health.heartbeats.look(Instant::now());
    let still = beats.into_iter().filter(|beat| beat.stands_still);
    let listeners = house.ends.listeners();
    let listeners = listeners.iter().map(|listener| Listener {
        name: listener.name.clone(),
        address: listener.address.clone(),
        connections: listener.counts.connections(),
        connections_peak: listener.counts.peak(),
    });
    HttpResponse::Ok().json(Gateway {
        gateway: house.gateway.clone(),
        version: env!("CARGO_PKG_VERSION"),
        phase: *house.phase.borrow(),
        time: UnixMillis::now().to_string(),
        uptime_seconds: house.telemetry.uptime().as_secs_f64(),
        connections: house.occupancy.connections(),
        connections_peak: house.occupancy.peak(),
        names: house.names.count(),
        paused: house.spool.pressure().is_paused(),
        stuck_threads: still.map(|beat| beat.name).collect(),
        quiet: house.health.flow().is_some_and(|flow| flow.quiet),
        next: next.0,
        totals: Totals {
            events: next.0.saturating_sub(house.spool.began().0),
            accepted: counts.accepted.get(),
            refused: by_reason(&counts.refused),
            ended: by_reason(&counts.ended),
            takeovers: counts.takeovers.get(),
            panics: counts.panics.sum(),
        },
        listeners: listeners.collect(),
    })
}

/// Those that there were.
fn by_reason<L: Label>(tally: &Tally<L>) -> BTreeMap<&'static str, u64> {
    let counted = L::ALL.iter().map(|reason| (reason.as_str(), tally.get(*reason)));
    counted.filter(|(_, count)| *count > 0).collect()
}
