use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::{
    model::{CloseReason, CommandFault, CommandState, Name, Offset, Peer, Seat, SessionId},
    telemetry::{
        ActorKind, Entry, Filtered, Level, LevelControl, LinkFaultKind, Settings, Snapshot,
    },
};

const FACTS: SessionFacts = SessionFacts {
    listener: "dtu",
    peer: "memory:7",
    name: Some("860000000000001"),
    session: SessionId(0x5f0c),
};

fn ending(reason: CloseReason) -> Ending {
    Ending {
        reason,
        received_bytes: 29,
        sent_bytes: 4,
        chunks: 2,
        connected: Duration::from_millis(1500),
        connections: 11,
        was_online: true,
    }
}

fn keys(entry: &Entry) -> Vec<&str> {
    entry.fields.iter().map(|(key, _)| key.as_str()).collect()
}

/// Every event once.
fn everything(t: &Telemetry) {
    let (peer, at, second) = (Peer::Memory(1), Offset(17), Duration::from_secs(1));
    let name = Name::new(b"860000000000001").unwrap();
    t.listening("dtu", &"0.0.0.0:7000", "etung");
    t.listener_closed("dtu", 3, 0, 2);
    t.accepted("dtu", &peer, 1);
    t.refused("dtu", &peer, Refusal::Limit);
    t.accept_fault("dtu", AcceptFaultKind::ThisConnection, &"aborted");
    t.accept_fault("dtu", AcceptFaultKind::Exhausted, &"too many open files");
    t.accept_fault("dtu", AcceptFaultKind::ListenerGone, &"bad descriptor");
    t.session_named(&FACTS, 1);
    t.session_ended(&FACTS, &ending(CloseReason::Idle));
    t.takeover(&name);
    t.takeover_flagged(&name);
    t.flapping(&name, 31);
    t.denied(&FACTS, &"online", "not ours");
    t.idle(&FACTS, second);
    t.filtered(&FACTS, Filtered::Unregistered, 2, 40);
    t.bad_bytes(&FACTS, &"no name", b"\x1b[2J");
    t.thread_stuck(&name, Seat { thread: 0, slot: 7 });
    t.thread_stands_still("main", second);
    t.thread_goes_on("main", second);
    t.traffic_quiet(second, 1, 20);
    t.traffic_resumed(second, 20);
    t.watchdog_starved(&"thread main stands still");
    t.watchdog_fed();
    t.notify_failed(&"no such file");
    t.commands_opened(true, 2, 7);
    t.command("c-1", &name, 1, CommandState::Failed, Some(CommandFault::Uncertain));
    t.commands_torn(17, 3);
    t.commands_not_kept(&"no space");
    t.commands_forgotten(4);
    t.link_connecting("web", &"127.0.0.1:7100");
    t.link_up("web", &"127.0.0.1:7100", at);
    t.link_down("web", LinkFaultKind::Refused, &"refused", Some(second));
    t.link_refused("web", LinkFaultKind::WrongToken, &"the token differs");
    t.link_stuck("web", at, 5);
    t.link_unstuck("web", at);
    t.acknowledged("web", at, 3);
    t.resent("web", at, 4);
    t.ack_of_the_future("web", Offset(99), at);
    t.own_line_came_back("web");
    t.bad_line("web", LinkError::BadLine, &"no object", "hm");
    t.gap("web", at, at.plus(7), 8, "spool_full");
    t.spool_opened("memory", true, at);
    t.spool_paused();
    t.spool_resumed(second);
    t.spool_fault("storing the state", &"no space left");
    t.spool_sync_failed("000000000001.segment", &"input/output error");
    t.spool_full(&"max_size is reached");
    t.spool_torn("000000000001.segment", 64);
    t.spool_damaged("000000000001.segment", 64, 20, &"quarantine-1-64");
    t.spool_state_lost(&"quarantine-state");
    t.spool_keeps_for("old", 3);
    t.phase("draining", Some(second));
    t.signal("SIGTERM");
    t.level_changed(Level::Debug);
    t.config_warning(&"drop_oldest may drop what was promised");
    t.actor_panicked(ActorKind::Registry, "registry", "oh");
    t.actor_restarted(ActorKind::Registry, "registry");
    t.actor_gave_up(ActorKind::Registry, "registry", "oh");
    t.actor_stopped(ActorKind::Server, "dtu");
    t.deciders_silent(&"online", 2);
    t.observer_missed(6);
    t.failed(Module::App, "status not written", &"broken pipe");
}

#[test]
fn every_event_writes_one_plain_record_and_moves_its_count_by_what_it_says() {
    let (telemetry, records) = Telemetry::recording();
    everything(&telemetry);
    let all = records.all();
    assert_eq!(all.len(), 62);
    for entry in &all {
        let message = &entry.message;
        assert!(message.starts_with(char::is_lowercase) && !message.ends_with('.'), "{message}");
        let keys: BTreeSet<_> = keys(entry).into_iter().collect();
        assert_eq!(keys.len(), entry.fields.len(), "{message}");
    }
    let counts = telemetry.counts().snapshot();
    let moved = |counts: &Snapshot| -> Vec<_> {
        let moved = counts.iter().filter(|count| count.value > 0);
        moved.map(|count| (count.name, count.label.map_or("", |l| l.1), count.value)).collect()
    };
    assert_eq!(
        moved(&counts),
        [
            ("accepted", "", 1),
            ("refused", "limit", 1),
            ("accept_faults", "this_connection", 1),
            ("accept_faults", "exhausted", 1),
            ("accept_faults", "listener_gone", 1),
            ("named", "", 1),
            ("ended", "idle", 1),
            ("received_bytes", "", 29),
            ("sent_bytes", "", 4),
            ("chunks", "", 2),
            ("filtered_chunks", "unregistered", 2),
            ("filtered_bytes", "unregistered", 40),
            ("idle", "", 1),
            ("takeovers", "", 1),
            ("denied", "", 1),
            ("takeovers_flagged", "", 1),
            ("flapping", "", 1),
            ("threads_stuck", "", 2),
            ("traffic_silences", "", 1),
            ("watchdog_starved", "", 1),
            ("notify_failed", "", 1),
            ("panics", "registry", 1),
            ("restarts", "registry", 1),
            ("given_up", "registry", 1),
            ("link_tries", "", 1),
            ("link_ups", "", 1),
            ("link_faults", "refused", 1),
            ("link_faults", "wrong_token", 1),
            ("link_errors", "bad_line", 1),
            ("link_errors", "echo", 1),
            ("link_errors", "future_ack", 1),
            ("links_stuck", "", 1),
            ("acks", "", 1),
            ("acked_events", "", 3),
            ("resent_events", "", 4),
            ("gaps", "", 1),
            ("gap_events", "", 8),
            ("commands", "failed", 1),
            ("commands_failed", "uncertain", 1),
            ("commands_torn", "", 1),
            ("commands_not_kept", "", 1),
            ("commands_forgotten", "", 4),
            ("spool_pauses", "", 1),
            ("spool_faults", "", 1),
            ("spool_syncs_failed", "", 1),
            ("spool_damages", "", 2),
            ("deciders_silent", "", 2),
            ("observer_missed", "", 6),
            ("config_warnings", "", 1),
        ]
    );
}

#[test]
fn counts_move_the_same_when_nothing_is_logged() {
    let (loud, _) = Telemetry::recording();
    let silent = Telemetry::discarding();
    everything(&loud);
    everything(&silent);
    assert_eq!(loud.counts().snapshot(), silent.counts().snapshot());
}

#[test]
fn a_sessions_records_say_listener_peer_name_and_session_before_all_else() {
    let (telemetry, records) = Telemetry::recording();
    telemetry.session_ended(&FACTS, &ending(CloseReason::PeerClosed));
    let entry = &records.all()[0];
    assert_eq!((entry.message.as_str(), entry.module.as_str()), ("device offline", "session"));
    assert_eq!(
        keys(entry),
        [
            "listener",
            "peer",
            "name",
            "session",
            "reason",
            "received_bytes",
            "sent_bytes",
            "chunks",
            "seconds",
            "connections"
        ]
    );
    assert_eq!(entry.get("peer").unwrap(), "memory:7");
    assert_eq!(entry.get("session").unwrap(), "0000000000005f0c");
    assert_eq!(entry.get("reason").unwrap(), "peer_closed");
    assert_eq!(entry.get("seconds").unwrap(), "1.5");
}

#[test]
fn a_session_without_a_name_has_no_key_for_it_and_a_panic_is_a_warning() {
    let (telemetry, records) = Telemetry::recording();
    let nameless = SessionFacts { name: None, ..FACTS };
    let unnamed = Ending { was_online: false, ..ending(CloseReason::Unidentified) };
    telemetry.session_ended(&nameless, &unnamed);
    telemetry.session_ended(&nameless, &ending(CloseReason::Panicked));
    let all = records.all();
    assert_eq!(all[0].get("name"), None);
    assert_eq!((all[0].message.as_str(), all[0].level), ("connection ended", Level::Info));
    assert_eq!((all[1].message.as_str(), all[1].level), ("session panicked", Level::Warning));
}

#[test]
fn a_flood_of_refusals_is_one_record_a_reason_and_an_exact_count() {
    let (telemetry, records) = Telemetry::recording();
    for serial in 0..500 {
        telemetry.refused("dtu", &Peer::Memory(serial), Refusal::Limit);
    }
    telemetry.refused("dtu", &Peer::Memory(0), Refusal::Draining);
    assert_eq!(telemetry.counts().refused.get(Refusal::Limit), 500);
    assert_eq!(telemetry.counts().refused.sum(), 501);
    assert!(records.count("connection refused") < 100);
    let draining = |entry: &&Entry| entry.get("reason").as_deref() == Some("draining");
    assert_eq!(records.all().iter().filter(draining).count(), 1);
}

#[test]
fn nothing_of_a_record_is_built_when_its_level_is_off() {
    struct Untouchable;
    impl std::fmt::Display for Untouchable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("a record that nobody wants was built")
        }
    }
    let records = Records::default();
    let levels = LevelControl::new(&Settings { level: Level::Error, ..Settings::default() });
    let log = Log::to_sink(Arc::new(records.clone()), levels, &[]);
    let telemetry = Telemetry::new(&log, Arc::default());
    telemetry.link_connecting("web", &Untouchable);
    telemetry.config_warning(&Untouchable);
    assert_eq!(telemetry.counts().config_warnings.get(), 1);
    assert!(records.all().is_empty());
}
