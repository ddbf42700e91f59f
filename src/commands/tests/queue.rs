use std::mem;

use super::*;
use crate::model::{CommandFault, CommandState};

/// A queue without a journal, and all that it works with.
struct Bench {
    commands: Commands,
    clocks: Clocks,
    devices: Devices,
    turn: Turn,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let (clocks, devices) = (Clocks::new(), Devices::default());
        Self { commands: Commands::new(limits), clocks, devices, turn: Turn::default() }
    }

    fn submit(&mut self, command: Command) -> Result<CommandState, Refusal> {
        let find = |name: &str| self.devices.find(name);
        self.commands.submit(command, self.clocks.now(), &find, &mut self.turn)
    }

    fn cancel(&mut self, id: &str) -> Result<CommandState, Refusal> {
        self.commands.cancel(&id.into(), self.clocks.now(), &mut self.turn)
    }

    fn online(&mut self, name: &str, session: u64) {
        self.devices.come(name, session);
        let (name, session) = (Name::new(name.as_bytes()).unwrap(), SessionId(session));
        self.commands.came_online(&name, SEAT, session, self.clocks.now(), &mut self.turn);
    }

    fn now(&self) -> (Now, UnixMillis) {
        (self.clocks.now(), self.clocks.now().wall)
    }

    fn written(&mut self, attempt: u64) {
        let (_, time) = self.now();
        self.commands.written(attempt, time, &mut self.turn);
    }

    fn acknowledged(&mut self, attempt: u64) {
        let (now, time) = self.now();
        let find = |name: &str| self.devices.find(name);
        self.commands.acknowledged(attempt, time, now, &find, &mut self.turn);
    }

    fn answered(&mut self, attempt: u64, data: &'static [u8]) {
        let (now, time) = self.now();
        let find = |name: &str| self.devices.find(name);
        let data = Bytes::from_static(data);
        self.commands.answered(attempt, data, time, now, &find, &mut self.turn);
    }

    fn failed(&mut self, attempt: u64, fault: CommandFault) {
        let find = |name: &str| self.devices.find(name);
        self.commands.failed(attempt, fault, self.clocks.now(), &find, &mut self.turn);
    }

    fn missed(&mut self, attempt: u64) {
        let find = |name: &str| self.devices.find(name);
        self.commands.missed(attempt, self.clocks.now(), &find, &mut self.turn);
    }

    fn lost(&mut self, attempt: u64) {
        let find = |name: &str| self.devices.find(name);
        self.commands.lost(attempt, self.clocks.now(), &find, &mut self.turn);
    }

    fn pass(&mut self, millis: u64) {
        self.clocks.pass(millis);
        let find = |name: &str| self.devices.find(name);
        self.commands.advance(self.clocks.now(), &find, &mut self.turn);
    }

    /// What was told and what went out since this was last asked.
    fn take(&mut self) -> (Vec<String>, Vec<Due>) {
        let turn = mem::take(&mut self.turn);
        (words(&turn), turn.due)
    }

    fn told(&mut self) -> Vec<String> {
        self.take().0
    }

    /// The only attempt that went out.
    fn due(&mut self) -> Due {
        let mut due = self.take().1;
        assert_eq!(due.len(), 1, "{due:?}");
        due.remove(0)
    }
}

fn bench() -> Bench {
    Bench::new(limits())
}

#[test]
fn a_command_goes_from_queued_to_its_answer() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    let asked = Command { answer: Answer::Frame, ..command("c-1", "pump") };
    assert_eq!(bench.submit(asked), Ok(CommandState::Queued));
    let (told, due) = bench.take();
    assert_eq!(told, ["c-1 1 queued"]);
    assert_eq!((due[0].session, &due[0].data[..]), (SessionId(1), &b"on"[..]));
    bench.written(due[0].attempt);
    bench.acknowledged(due[0].attempt);
    bench.answered(due[0].attempt, b"done");
    let expected = ["c-1 1 written", "c-1 1 acknowledged", "c-1 1 answered done"];
    assert_eq!(bench.told(), expected);
    assert!(bench.commands.is_empty());
    bench.answered(due[0].attempt, b"again");
    assert!(bench.told().is_empty(), "an end is an end");
}

#[test]
fn where_no_answer_is_asked_for_the_acknowledgement_is_the_end() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    bench.submit(command("c-1", "pump")).unwrap();
    let attempt = bench.due().attempt;
    bench.acknowledged(attempt);
    assert_eq!(bench.told(), ["c-1 1 written", "c-1 1 acknowledged"], "no state is left out");
    assert!(bench.commands.is_empty());
}

#[test]
fn an_id_that_is_known_changes_nothing_and_its_state_is_told_again() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    bench.submit(command("c-1", "pump")).unwrap();
    let attempt = bench.due().attempt;
    bench.written(attempt);
    bench.told();
    assert_eq!(bench.submit(command("c-1", "pump")), Ok(CommandState::Written));
    let (told, due) = bench.take();
    assert_eq!((told, due.len()), (vec!["c-1 1 written".to_owned()], 0));
    bench.acknowledged(attempt);
    bench.told();
    bench.pass(86_399_000);
    assert_eq!(bench.submit(command("c-1", "pump")), Ok(CommandState::Acknowledged));
    assert_eq!(bench.told(), ["c-1 1 acknowledged"], "also a day later");
    let other = Command { data: Bytes::from_static(b"off"), ..command("c-1", "pump") };
    assert!(matches!(bench.submit(other.clone()), Err(Refusal::OtherContent(_))));
    assert!(bench.told().is_empty());
    bench.pass(1_000);
    assert_eq!(bench.submit(other), Ok(CommandState::Queued), "then it is a new one");
}

#[test]
fn a_device_has_one_command_at_a_time_in_order_and_rests_between() {
    let pause = Duration::from_millis(500);
    let mut bench = Bench::new(Limits { pause, ..limits() });
    bench.devices.come("pump", 1);
    bench.devices.come("meter", 2);
    for id in ["c-1", "c-2"] {
        bench.submit(command(id, "pump")).unwrap();
    }
    let first = bench.due().attempt;
    bench.submit(command("c-3", "meter")).unwrap();
    assert_eq!(bench.due().session, SessionId(2), "others do not wait for it");
    bench.acknowledged(first);
    assert!(bench.take().1.is_empty());
    assert_eq!(bench.commands.next_deadline(), Some(bench.clocks.now().clock + pause));
    bench.pass(499);
    assert!(bench.take().1.is_empty());
    bench.pass(1);
    let second = bench.due().attempt;
    bench.failed(second, CommandFault::NoAnswer);
    assert_eq!(bench.told(), ["c-2 1 failed no_answer"]);
    bench.pass(500);
    assert_eq!(bench.commands.next_deadline().map(|at| at > bench.clocks.now().clock), Some(true));
}

#[test]
fn a_command_waits_for_its_device_and_expires_without_it() {
    let mut bench = bench();
    bench.submit(command("c-1", "pump")).unwrap();
    bench.submit(Command { ttl: Duration::from_secs(5), ..command("c-2", "pump") }).unwrap();
    assert_eq!(bench.told(), ["c-1 1 queued", "c-2 1 queued"]);
    bench.pass(5_000);
    assert_eq!(bench.told(), ["c-2 1 expired"]);
    bench.online("pump", 1);
    let due = bench.due();
    bench.pass(60_000);
    assert!(bench.told().is_empty(), "one that a session has does not expire");
    bench.acknowledged(due.attempt);
    assert_eq!(bench.told(), ["c-1 1 written", "c-1 1 acknowledged"]);
    assert_eq!(bench.commands.next_deadline(), None);
}

#[test]
fn a_newer_command_with_the_same_key_takes_the_place_of_one_that_waits() {
    let keyed = |id| Command { key: Some("relay".into()), ..command(id, "pump") };
    let mut bench = bench();
    bench.submit(keyed("c-1")).unwrap();
    bench.submit(command("c-2", "pump")).unwrap();
    bench.submit(Command { key: Some("relay".into()), ..command("c-3", "meter") }).unwrap();
    bench.told();
    bench.submit(keyed("c-4")).unwrap();
    assert_eq!(bench.told(), ["c-1 1 superseded", "c-4 1 queued"]);
    bench.online("pump", 1);
    let due = bench.due();
    bench.acknowledged(due.attempt);
    let (told, due) = bench.take();
    assert_eq!(told[1], "c-2 1 acknowledged");
    bench.written(due[0].attempt);
    bench.submit(keyed("c-5")).unwrap();
    assert_eq!(bench.told(), ["c-4 1 written", "c-5 1 queued"], "what is written goes on");
    bench.acknowledged(due[0].attempt);
    assert_eq!(bench.told(), ["c-4 1 acknowledged"]);
}

#[test]
fn what_waits_can_be_cancelled_and_what_was_sent_goes_on_to_its_end() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    bench.submit(Command { repeat: true, ..command("c-1", "pump") }).unwrap();
    bench.submit(command("c-2", "pump")).unwrap();
    let attempt = bench.due().attempt;
    assert_eq!(bench.cancel("c-2"), Ok(CommandState::Cancelled));
    assert_eq!(bench.told(), ["c-2 1 cancelled"]);
    bench.written(attempt);
    bench.told();
    assert_eq!(bench.cancel("c-1"), Ok(CommandState::Written));
    assert_eq!(bench.told(), ["c-1 1 written"], "its state is told again");
    bench.lost(attempt);
    assert_eq!(bench.told(), ["c-1 1 failed uncertain"], "and it is not tried again");
    assert_eq!(bench.cancel("c-1"), Ok(CommandState::Failed));
    assert!(matches!(bench.cancel("c-9"), Err(Refusal::Unknown(_))));
}

#[test]
fn one_that_was_cancelled_under_way_and_comes_back_is_cancelled() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    bench.submit(command("c-1", "pump")).unwrap();
    let attempt = bench.due().attempt;
    assert_eq!(bench.cancel("c-1"), Ok(CommandState::Queued));
    bench.told();
    bench.missed(attempt);
    assert_eq!(bench.told(), ["c-1 1 cancelled"]);
}

#[test]
fn a_session_that_is_gone_leaves_a_command_uncertain_or_begins_it_again() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    bench.submit(command("c-1", "pump")).unwrap();
    bench.submit(Command { repeat: true, ..command("c-2", "pump") }).unwrap();
    let attempt = bench.due().attempt;
    bench.written(attempt);
    bench.devices.go("pump");
    bench.lost(attempt);
    let (told, due) = bench.take();
    assert_eq!((&told[1][..], due.len()), ("c-1 1 failed uncertain", 0));
    bench.online("pump", 2);
    let attempt = bench.due().attempt;
    bench.written(attempt);
    bench.lost(attempt);
    assert_eq!(bench.told(), ["c-2 1 written", "c-2 2 queued"]);
    bench.written(attempt);
    assert!(bench.told().is_empty(), "what comes late of an attempt changes nothing");
    bench.online("pump", 3);
    let attempt = bench.due().attempt;
    bench.acknowledged(attempt);
    assert_eq!(bench.told(), ["c-2 2 written", "c-2 2 acknowledged"]);
}

#[test]
fn a_device_that_came_online_while_its_old_session_still_had_the_command_is_not_overlooked() {
    let mut bench = bench();
    bench.devices.come("pump", 1);
    bench.submit(command("c-1", "pump")).unwrap();
    let attempt = bench.due().attempt;
    bench.online("pump", 1);
    bench.missed(attempt);
    let again = bench.due();
    assert_eq!(again.session, SessionId(1), "it was not online yet, and is now");
    bench.missed(again.attempt);
    assert!(bench.take().1.is_empty(), "nobody is asked for ever");
    bench.online("pump", 2);
    assert_eq!(bench.due().session, SessionId(2));
}

#[test]
fn above_a_limit_a_command_is_refused_and_nothing_is_dropped() {
    let mut bench = Bench::new(Limits { per_device: 2, total: 3000, ..limits() });
    bench.submit(Command { key: Some("k".into()), ..command("c-1", "pump") }).unwrap();
    bench.submit(command("c-2", "pump")).unwrap();
    let refused = bench.submit(command("c-3", "pump")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "pump has 2 commands waiting already; wait for their ends, or cancel some"
    );
    assert_eq!(
        bench.submit(Command { key: Some("k".into()), ..command("c-4", "pump") }),
        Ok(CommandState::Queued),
        "it takes the place of another"
    );
    let large = Command { data: vec![0; 2000].into(), ..command("c-5", "meter") };
    assert_eq!(bench.submit(large.clone()), Err(Refusal::Full(3000)));
    assert_eq!(bench.commands.len(), 2);
    bench.cancel("c-2").unwrap();
    bench.cancel("c-4").unwrap();
    assert_eq!(bench.submit(large), Ok(CommandState::Queued), "room comes back");
}

#[test]
fn so_many_ends_are_remembered_and_answers_only_within_bounds() {
    let mut bench = Bench::new(Limits { remembered: 3, total: 4000, ..limits() });
    for id in ["c-1", "c-2", "c-3", "c-4"] {
        bench.submit(command(id, "pump")).unwrap();
        bench.cancel(id).unwrap();
    }
    assert_eq!((bench.commands.remembered(), bench.commands.take_forgotten()), (3, 1));
    assert_eq!(bench.commands.look("c-1"), None);
    assert_eq!(bench.commands.look("c-2").unwrap().state, CommandState::Cancelled);
    bench.devices.come("pump", 1);
    static LONG: [u8; 3000] = [7; 3000];
    for id in ["c-5", "c-6"] {
        bench.submit(Command { answer: Answer::Frame, ..command(id, "pump") }).unwrap();
        let attempt = bench.due().attempt;
        bench.answered(attempt, &LONG);
        bench.take();
    }
    assert_eq!(bench.commands.look("c-5"), None);
    assert_eq!(bench.commands.look("c-6").unwrap().data.len(), 3000);
}
