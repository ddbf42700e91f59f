//! The actor, with stand-ins for the session threads.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::*;
use crate::{
    actors::directory::Directory,
    commands::{Answer, Command, Keeper, Limits, Refusal},
    limits::{Duplicate, DuplicatePolicy},
    messages::{
        CameOnline, Cancel, Claim, CommandLine, Delivery, Finish, Look, Progress, Progresses, Step,
        Submit,
    },
    model::{CommandState, Event, Name, Offset, Seat, SessionId, UnixMillis},
    spool::{MemoryFiles, MemorySpool, Read, ReaderId, ReaderSettings, Start, WhenBehind},
    supervision::{Exit, RestartPolicy, failpoint, start_permanent},
    units::Rate,
};

const LIMIT: Duration = Duration::from_secs(20);
const SEAT: Seat = Seat { thread: 0, slot: 3 };

/// Takes what session threads take.
struct Sessions(mpsc::UnboundedSender<Delivery>);

impl Actor for Sessions {
    type Context = Context<Self>;
}

impl Handler<Deliveries> for Sessions {
    type Result = ();

    fn handle(&mut self, Deliveries(all): Deliveries, _: &mut Context<Self>) {
        for delivery in all {
            self.0.send(delivery).unwrap();
        }
    }
}

struct Stage {
    commander: Addr<Commander>,
    parts: CommanderParts,
    spool: Arc<MemorySpool>,
    reader: ReaderId,
    at: Offset,
    heard: VecDeque<String>,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    exits: mpsc::UnboundedReceiver<Exit>,
}

fn limits() -> Limits {
    Limits { per_device: 10, total: 1 << 20, pause: Duration::ZERO, remembered: 100 }
}

fn stage_on(keeper: Keeper) -> Stage {
    let spool = Arc::new(MemorySpool::new(&crate::spool::Settings::default()));
    let reader = spool.open_reader(&ReaderSettings {
        name: "web".to_owned(),
        start: Start::Now,
        when_behind: WhenBehind::Hold,
        max_lag: 1 << 30,
    });
    let parts = CommanderParts {
        keeper: Arc::new(Mutex::new(keeper)),
        directory: Arc::<Mutex<Directory>>::default(),
        spool: Arc::<MemorySpool>::clone(&spool),
        wanted: Wanted::default(),
        telemetry: Telemetry::discarding(),
    };
    let (tell, exits) = mpsc::unbounded_channel();
    let commander = Commander::new(parts.clone());
    let policy = RestartPolicy::default();
    let commander = start_permanent(
        64,
        policy,
        |_| commander,
        move |exit| {
            tell.send(exit).unwrap();
        },
    );
    let (take, deliveries) = mpsc::unbounded_channel();
    commander.do_send(MeetSessions(vec![Sessions(take).start().recipient()]));
    let (at, heard) = (spool.next(), VecDeque::new());
    Stage { commander, parts, spool, reader, at, heard, deliveries, exits }
}

fn stage(files: &MemoryFiles) -> Stage {
    let keeper = Keeper::open(limits(), Arc::new(files.clone()), true, now()).unwrap().0;
    stage_on(keeper)
}

impl Stage {
    /// The next event, `c-1 1 queued`.
    async fn next(&mut self) -> String {
        let appended = self.spool.appended(self.reader);
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            match self.spool.read(self.reader, self.at) {
                Read::Block(block) => {
                    for (_, event) in block.events().skip_to(self.at) {
                        self.heard.push_back(word(&event));
                    }
                    self.at = block.end();
                }
                _ => tokio::time::timeout(LIMIT, appended.notified()).await.unwrap(),
            }
        }
    }

    async fn delivery(&mut self) -> Delivery {
        tokio::time::timeout(LIMIT, self.deliveries.recv()).await.unwrap().unwrap()
    }

    async fn line(&self, line: &str) -> Result<(), Refusal> {
        let asked = CommandLine { upstream: "web".into(), line: line.to_owned() };
        self.commander.send(asked).await.unwrap()
    }

    /// The registry has given the name away; nobody has told the commander.
    fn claim(&self, name: &str, session: u64) {
        let takeover_limit = Rate::per_minute(5);
        let claim = Claim {
            name: Name::new(name.as_bytes()).unwrap(),
            seat: SEAT,
            session: SessionId(session),
            policy: DuplicatePolicy {
                winner: Duplicate::Takeover,
                takeover_limit,
                flapping: Rate::per_hour(0),
            },
        };
        self.parts.directory.lock().unwrap().claim(claim, now().clock, &mut Vec::new());
    }

    fn online(&self, name: &str, session: u64) {
        let name = Name::new(name.as_bytes()).unwrap();
        self.commander.do_send(CameOnline(vec![(name, SEAT, SessionId(session))]));
    }

    fn tell(&self, attempt: u64, steps: &[Step]) {
        let news = |step: &Step| Progress { attempt, time: UnixMillis::now(), step: step.clone() };
        self.commander.do_send(Progresses(steps.iter().map(news).collect()));
    }
}

fn word(event: &Event<'_>) -> String {
    let Event::Command { id, attempt, state, data, reason, .. } = *event else {
        panic!("{event:?}")
    };
    let reason = reason.map_or("", |reason| reason.as_str());
    let data = String::from_utf8_lossy(data);
    format!("{id} {attempt} {} {reason}{data}", state.as_str()).trim_end().to_owned()
}

fn line(id: &str, more: &str) -> String {
    format!(r#"{{"command":"{id}","imei":"pump","data":"b24="{more}}}"#)
}

#[actix_rt::test]
async fn a_line_becomes_a_delivery_and_its_answer_an_event() {
    let mut stage = stage(&MemoryFiles::new());
    stage.claim("pump", 7);
    stage.line(&line("c-1", r#","answer":{"match":"^ok"},"timeout":"2s""#)).await.unwrap();
    assert_eq!(stage.next().await, "c-1 1 queued");
    let delivery = stage.delivery().await;
    assert_eq!((delivery.seat, delivery.session), (SEAT, SessionId(7)));
    assert_eq!((&delivery.data[..], delivery.timeout), (&b"on"[..], Duration::from_secs(2)));
    let crate::messages::Awaited::Match(pattern) = delivery.answer else { panic!() };
    assert!(pattern.is_match(b"ok\xff"));
    let answer = Step::Answered(Bytes::from_static(b"ok"));
    stage.tell(delivery.attempt, &[Step::Written, Step::Acknowledged, answer]);
    for expected in ["c-1 1 written", "c-1 1 acknowledged", "c-1 1 answered ok"] {
        assert_eq!(stage.next().await, expected);
    }
}

#[actix_rt::test]
async fn what_is_wrong_with_a_line_is_its_answer() {
    let stage = stage(&MemoryFiles::new());
    let why = stage.line(r#"{"command":"c-1","imei":"pump"}"#).await.unwrap_err();
    assert_eq!(why.to_string(), "the key \"data\" is missing; add the bytes to send");
    let why = stage.line(r#"{"cancel":"c-1"}"#).await.unwrap_err();
    assert_eq!(why.to_string(), "no command has the id \"c-1\"");
}

#[actix_rt::test]
async fn a_device_that_comes_online_gets_what_waited_and_is_asked_for_only_then() {
    let mut stage = stage(&MemoryFiles::new());
    stage.line(&line("c-1", "")).await.unwrap();
    assert_eq!(stage.next().await, "c-1 1 queued");
    assert!(stage.parts.wanted.get());
    stage.online("pump", 8);
    let delivery = stage.delivery().await;
    stage.tell(delivery.attempt, &[Step::Missed]);
    stage.online("pump", 9);
    let delivery = stage.delivery().await;
    assert_eq!(delivery.session, SessionId(9));
    stage.tell(delivery.attempt, &[Step::Written, Step::Acknowledged]);
    assert_eq!(stage.next().await, "c-1 1 written");
    assert_eq!(stage.next().await, "c-1 1 acknowledged");
    stage.commander.send(Look("c-1".into())).await.unwrap().unwrap();
    assert!(!stage.parts.wanted.get());
}

#[actix_rt::test]
async fn whoever_asks_in_code_is_answered_when_it_is_safe() {
    let files = MemoryFiles::new();
    let mut stage = stage(&files);
    let command = Command {
        id: "c-1".into(),
        name: Name::new(b"pump").unwrap(),
        data: Bytes::from_static(b"on"),
        ttl: Duration::from_secs(60),
        answer: Answer::Nothing,
        timeout: Duration::from_secs(1),
        key: None,
        repeat: false,
    };
    let state = stage.commander.send(Submit(command.clone())).await.unwrap();
    assert_eq!(state, Ok(CommandState::Queued));
    // What a power cut leaves right behind the answer.
    let kept = Keeper::open(limits(), Arc::new(files.copy().cut_power(3)), true, now());
    assert_eq!(kept.unwrap().1.waiting, 1);
    let told = stage.commander.send(Look("c-1".into())).await.unwrap().unwrap().told;
    assert_eq!(told.state, CommandState::Queued);
    let state = stage.commander.send(Cancel("c-1".into())).await.unwrap();
    assert_eq!(state, Ok(CommandState::Cancelled));
    let state = stage.commander.send(Submit(command)).await.unwrap();
    assert_eq!(state, Ok(CommandState::Cancelled), "it is known");
    for expected in ["c-1 1 queued", "c-1 1 cancelled", "c-1 1 cancelled"] {
        assert_eq!(stage.next().await, expected);
    }
}

#[actix_rt::test]
async fn a_disk_that_refuses_costs_the_sender_an_error_and_nothing_else() {
    let files = MemoryFiles::new();
    let mut stage = stage(&files);
    // Wait until what an empty journal begins with is written, so that the failures meet the next.
    stage.line(&line("c-0", "")).await.unwrap();
    assert_eq!(stage.next().await, "c-0 1 queued");
    files.fail_syncs(1);
    stage.line(&line("c-1", "")).await.unwrap();
    let mut refused = Ok(());
    for number in 0.. {
        refused = stage.line(&line(&format!("d-{number}"), ",\"key\":\"k\"")).await;
        if refused.is_err() {
            break;
        }
    }
    assert!(matches!(refused, Err(Refusal::Journal(_))), "{refused:?}");
    assert_eq!(stage.next().await, "c-1 1 queued", "a second later it is tried again");
}

#[actix_rt::test]
async fn a_command_expires_by_itself() {
    let mut stage = stage_on(Keeper::in_memory(limits()));
    stage.line(&line("c-1", ",\"ttl\":\"30ms\"")).await.unwrap();
    assert_eq!(stage.next().await, "c-1 1 queued");
    assert_eq!(stage.next().await, "c-1 1 expired");
}

#[actix_rt::test]
async fn a_commander_that_crashes_goes_on_with_what_waited() {
    let mut stage = stage(&MemoryFiles::new());
    stage.line(&line("c-1", "")).await.unwrap();
    assert_eq!(stage.next().await, "c-1 1 queued");
    failpoint::arm("commander.submit", "crash-1");
    let asked = CommandLine { upstream: "web".into(), line: line("crash-1", "") };
    assert!(stage.commander.send(asked).await.is_err());
    assert!(matches!(stage.exits.recv().await, Some(Exit::Panicked(_))));
    // The name was given away while the commander was down.
    stage.claim("pump", 7);
    let delivery = stage.delivery().await;
    stage.tell(delivery.attempt, &[Step::Written, Step::Uncertain]);
    assert_eq!(stage.next().await, "c-1 1 written");
    assert_eq!(stage.next().await, "c-1 1 failed uncertain");
}

#[actix_rt::test]
async fn a_stop_tells_what_has_happened_and_keeps_what_waits() {
    let files = MemoryFiles::new();
    let mut stage = stage(&files);
    stage.claim("pump", 7);
    stage.line(&line("c-1", "")).await.unwrap();
    stage.line(&line("c-2", "")).await.unwrap();
    let delivery = stage.delivery().await;
    stage.tell(delivery.attempt, &[Step::Written, Step::Uncertain]);
    stage.commander.send(Finish { within: LIMIT }).await.unwrap();
    assert_eq!(stage.exits.recv().await, Some(Exit::Stopped));
    for expected in ["c-1 1 queued", "c-2 1 queued", "c-1 1 written", "c-1 1 failed uncertain"] {
        assert_eq!(stage.next().await, expected);
    }
    let (keeper, found) = Keeper::open(limits(), Arc::new(files.kill()), true, now()).unwrap();
    // It had its turn, was on its way out, and nobody was there to take it.
    let state = keeper.commands.look("c-2").unwrap().state;
    assert!(found.waiting + found.remembered == 2, "{found:?} {state:?}");
}
