use actix_web::{HttpResponse, web::Data};

use super::{
    house::{House, ListenerView, UpstreamView},
    problem::Problem,
};
use crate::{
    model::FlagReason,
    telemetry::metrics::{CONTENT_TYPE, Gauge, render},
};

/// All counts and gauges, as Prometheus reads them (OpenMetrics text)
#[utoipa::path(get, path = "/metrics", tag = "metrics",
    responses((status = 200, description = "The text", content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(house: Data<House>) -> Result<HttpResponse, Problem> {
    let text = render(&house.telemetry.counts().snapshot(), &gauges(&house));
    let text = text.map_err(|_| Problem::unavailable("the metrics cannot be written"))?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}

fn flagged(house: &House) -> Gauge {
    let flagged = house.names.flagged();
    let count = |why| flagged.iter().filter(|name| name.why == why).count() as f64;
    let value = |why: &FlagReason| (vec![("why", why.as_str().to_owned())], count(*why));
    Gauge {
        name: "tetherd_flagged_names",
        help: "Names that come and go all the time",
        values: FlagReason::ALL.iter().map(value).collect(),
    }
}

fn gauges(house: &House) -> Vec<Gauge> {
    let of_listeners = |name, help, value: fn(&ListenerView) -> f64| Gauge {
        name,
        help,
        values: house
            .listeners
            .iter()
            .map(|one| (vec![("listener", one.name.clone())], value(one)))
            .collect(),
    };
    let of_upstreams = |name, help, value: &dyn Fn(&UpstreamView) -> f64| Gauge {
        name,
        help,
        values: house
            .upstreams
            .iter()
            .map(|one| (vec![("upstream", one.name.clone())], value(one)))
            .collect(),
    };
    let ledger = |one: &UpstreamView| house.spool.ledger(one.reader);
    let link = |one: &UpstreamView| house.telemetry.witness().link(&one.name);
    vec![
        Gauge {
            name: "tetherd_build_info",
            help: "Always 1; the label says which version runs",
            values: vec![(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
        },
        Gauge::of(
            "tetherd_uptime_seconds",
            "How long the gateway runs",
            house.telemetry.uptime().as_secs_f64(),
        ),
        Gauge {
            name: "tetherd_phase",
            help: "1 for where the gateway is in its life",
            values: vec![(vec![("phase", (*house.phase.borrow()).to_owned())], 1.0)],
        },
        of_listeners(
            "tetherd_connections",
            "Connections of devices that are open, named or not",
            |one| f64::from(one.counts.connections()),
        ),
        of_listeners(
            "tetherd_connections_peak",
            "Most connections there ever were at a time",
            |one| f64::from(one.counts.peak()),
        ),
        Gauge::of("tetherd_names", "Names that are held", house.names.count() as f64),
        flagged(house),
        Gauge::of(
            "tetherd_paused",
            "Whether data of devices stay unread since the spool is full",
            f64::from(u8::from(house.spool.pressure().is_paused())),
        ),
        of_upstreams("tetherd_link_up", "Whether the link to the upstream is up", &|one| {
            f64::from(u8::from(link(one).peer.is_some()))
        }),
        of_upstreams(
            "tetherd_link_stuck",
            "Whether the link fails again and again at one event",
            &|one| f64::from(u8::from(link(one).stuck_at.is_some())),
        ),
        of_upstreams(
            "tetherd_upstream_received_events",
            "Events that the upstream is to get",
            &|one| ledger(one).received as f64,
        ),
        of_upstreams(
            "tetherd_upstream_delivered_events",
            "Events that the upstream has acknowledged",
            &|one| ledger(one).delivered as f64,
        ),
        of_upstreams(
            "tetherd_upstream_waiting_events",
            "Events that wait for the upstream",
            &|one| ledger(one).waiting as f64,
        ),
        of_upstreams(
            "tetherd_upstream_dropped_events",
            "Events that the upstream never gets",
            &|one| ledger(one).dropped as f64,
        ),
    ]
}
