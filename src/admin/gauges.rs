//! What goes up and down, read at the moment of the question. No label holds the name of a device.

use std::{sync::atomic::Ordering, time::Instant};

use super::house::{House, ListenerView, UpstreamView};
use crate::{
    health::Beat,
    model::{FlagReason, UnixMillis},
    spool::{Backlog, Ledger},
    telemetry::{LinkState, metrics::Gauge},
};

/// All of them.
pub(super) fn gauges(house: &House) -> Vec<Gauge> {
    let mut gauges = of_process(house);
    gauges.extend(of_threads(&house.health.heartbeats.look(Instant::now())));
    gauges.extend(of_traffic(house));
    gauges.extend(of_devices(house));
    gauges.extend(of_spool(house));
    gauges.extend(of_upstreams(house));
    gauges.extend(of_commands(house));
    gauges
}

/// A gauge with a value for each of `all`, told apart by its name.
fn each<'a, T: 'a>(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    all: impl IntoIterator<Item = &'a T>,
    value: impl Fn(&T) -> (&str, f64),
) -> Gauge {
    let row = |one: &T| {
        let (name, value) = value(one);
        (vec![(label, name.to_owned())], value)
    };
    Gauge { name, help, values: all.into_iter().map(row).collect() }
}

fn yes(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn of_process(house: &House) -> Vec<Gauge> {
    let label = |key, value: &str| vec![(vec![(key, value.to_owned())], 1.0)];
    vec![
        Gauge {
            name: "tetherd_build_info",
            help: "Always 1; the label says which version runs",
            values: label("version", env!("CARGO_PKG_VERSION")),
        },
        Gauge::of(
            "tetherd_uptime_seconds",
            "How long the gateway runs",
            house.telemetry.uptime().as_secs_f64(),
        ),
        Gauge {
            name: "tetherd_phase",
            help: "1 for where the gateway is in its life",
            values: label("phase", *house.phase.borrow()),
        },
        Gauge::of(
            "tetherd_log_records_waiting",
            "Log records that wait to be written",
            house.telemetry.counts().queues.log_records.get() as f64,
        ),
        Gauge::of(
            "tetherd_admin_followers",
            "Those who follow what goes on by way of the admin API",
            house.followers.load(Ordering::Relaxed) as f64,
        ),
        Gauge::of(
            "tetherd_admin_taps",
            "Taps that show what a device says",
            house.taps.load(Ordering::Relaxed) as f64,
        ),
    ]
}

fn of_threads(beats: &[Beat]) -> Vec<Gauge> {
    vec![
        each(
            "tetherd_thread_heartbeat_age_seconds",
            "How long ago the thread said that it does its work; it does so each second",
            "thread",
            beats,
            |beat| (&beat.name, beat.age.as_secs_f64()),
        ),
        each(
            "tetherd_thread_lateness_max_seconds",
            "The longest time by which a heartbeat of the thread ever was late",
            "thread",
            beats,
            |beat| (&beat.name, beat.latest.as_secs_f64()),
        ),
    ]
}

/// Without a window nobody looks, and there are no values.
fn of_traffic(house: &House) -> Vec<Gauge> {
    let flow = house.health.flow();
    let gauge = |name, help, value: Option<f64>| Gauge {
        name,
        help,
        values: value.map(|value| (Vec::new(), value)).into_iter().collect(),
    };
    vec![
        gauge(
            "tetherd_traffic_messages",
            "Events of data within health.traffic_window",
            flow.map(|flow| flow.messages as f64),
        ),
        gauge(
            "tetherd_traffic_messages_before",
            "Events of data in the same time before; during a silence, before it began",
            flow.map(|flow| flow.before as f64),
        ),
        gauge(
            "tetherd_traffic_quiet",
            "Whether devices have fallen silent",
            flow.map(|flow| yes(flow.quiet)),
        ),
    ]
}

fn of_devices(house: &House) -> Vec<Gauge> {
    let listeners = house.ends.listeners();
    let each_listener = |name, help, value: fn(&ListenerView) -> u32| {
        each(name, help, "listener", &*listeners, |one| (&one.name, f64::from(value(one))))
    };
    vec![
        each_listener(
            "tetherd_connections",
            "Connections of devices that are open, named or not",
            |one| one.counts.connections(),
        ),
        each_listener(
            "tetherd_connections_peak",
            "Most connections there ever were at a time",
            |one| one.counts.peak(),
        ),
        Gauge::of(
            "tetherd_connections_limit",
            "Most connections of all listeners together",
            f64::from(house.occupancy.limit()),
        ),
        Gauge::of("tetherd_names", "Names that are held", house.names.count() as f64),
        Gauge::of(
            "tetherd_outbound_bytes",
            "Bytes that devices do not take: their sockets are full",
            house.telemetry.counts().queues.outbound_bytes.get() as f64,
        ),
        Gauge::of(
            "tetherd_replies_waiting",
            "Replies that wait until what they answer is safe",
            house.telemetry.counts().queues.replies.get() as f64,
        ),
        flagged(house),
    ]
}

fn flagged(house: &House) -> Gauge {
    let flagged = house.names.flagged();
    let count = |why| flagged.iter().filter(|name| name.why == why).count() as f64;
    each(
        "tetherd_flagged_names",
        "Names that come and go all the time",
        "why",
        FlagReason::ALL,
        |why| (why.as_str(), count(*why)),
    )
}

fn of_spool(house: &House) -> Vec<Gauge> {
    let room = house.spool.room();
    vec![
        Gauge::of(
            "tetherd_paused",
            "Whether data of devices stay unread since the spool is full",
            yes(house.spool.pressure().is_paused()),
        ),
        Gauge::of(
            "tetherd_congested",
            "Whether devices that never stop wait, since a web server is behind",
            yes(house.spool.pressure().congestion().is_there()),
        ),
        Gauge::of("tetherd_spool_bytes", "Bytes that the spool takes", room.kept as f64),
        Gauge::of(
            "tetherd_spool_limit_bytes",
            "Most bytes that the spool may take",
            room.limit as f64,
        ),
        Gauge::of(
            "tetherd_spool_held_bytes",
            "Bytes of events that are in memory only, or not safe on disk yet",
            room.held as f64,
        ),
    ]
}

/// An upstream and all that is read of it, each once.
struct Seen {
    name: String,
    link: LinkState,
    ledger: Ledger,
    backlog: Backlog,
}

impl House {
    fn see(&self, upstream: &UpstreamView) -> Seen {
        Seen {
            name: upstream.name.clone(),
            link: self.telemetry.witness().link(&upstream.name),
            ledger: self.spool.ledger(upstream.reader),
            backlog: self.spool.backlog(upstream.reader),
        }
    }
}

fn of_upstreams(house: &House) -> Vec<Gauge> {
    let seen: Vec<Seen> = house.ends.upstreams().iter().map(|one| house.see(one)).collect();
    let now = UnixMillis::now();
    let each_upstream = |name, help, value: &dyn Fn(&Seen) -> f64| {
        each(name, help, "upstream", &seen, |one| (&one.name, value(one)))
    };
    vec![
        each_upstream("tetherd_link_up", "Whether the link to the upstream is up", &|one| {
            yes(one.link.peer.is_some())
        }),
        each_upstream(
            "tetherd_link_stuck",
            "Whether the link fails again and again at one event",
            &|one| yes(one.link.stuck_at.is_some()),
        ),
        each_upstream(
            "tetherd_upstream_received_events",
            "Events that the upstream is to get",
            &|one| one.ledger.received as f64,
        ),
        each_upstream(
            "tetherd_upstream_delivered_events",
            "Events that the upstream has acknowledged",
            &|one| one.ledger.delivered as f64,
        ),
        each_upstream(
            "tetherd_upstream_waiting_events",
            "Events that wait for the upstream",
            &|one| one.ledger.waiting as f64,
        ),
        each_upstream(
            "tetherd_upstream_waiting_bytes",
            "Bytes that wait for the upstream, about",
            &|one| one.backlog.bytes as f64,
        ),
        each_upstream(
            "tetherd_upstream_lag_seconds",
            "How long ago the oldest event happened that waits for the upstream, about",
            &|one| one.backlog.lag(now),
        ),
        each_upstream(
            "tetherd_upstream_dropped_events",
            "Events that the upstream never gets",
            &|one| one.ledger.dropped as f64,
        ),
    ]
}

fn of_commands(house: &House) -> Vec<Gauge> {
    let load = house.commands.as_ref().map(|port| port.load()).unwrap_or_default();
    vec![
        Gauge::of(
            "tetherd_commands_waiting",
            "Commands that wait for their device, or for the command before them",
            load.waiting as f64,
        ),
        Gauge::of(
            "tetherd_commands_in_flight",
            "Commands that a session has, and that have not ended",
            load.in_flight as f64,
        ),
        Gauge::of(
            "tetherd_commands_bytes",
            "Bytes of all commands that have not ended",
            load.bytes as f64,
        ),
    ]
}
