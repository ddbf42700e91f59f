//! Two bugs that everybody in this field has had once.

use super::{house::House, *};
use crate::model::CommandState;

fn immobiliser() -> Command {
    Command { ttl: Duration::from_secs(60), ..command("stop-engine", "truck") }
}

/// The truck is in a tunnel when it is to be stopped, and comes out hours later on the motorway.
#[test]
fn the_immobiliser_that_fires_hours_later() {
    // While the gateway runs.
    let mut house = House::new();
    house.submit(immobiliser()).unwrap();
    house.work(false);
    house.pass(60_000);
    house.online("truck", 1);
    house.work(false);
    assert_eq!(house.words(), ["stop-engine 1 queued", "stop-engine 1 expired"]);
    assert!(house.flights.is_empty());

    // Over a restart; told or not.
    for down in [60_000, 7_200_000] {
        let mut house = House::new();
        house.submit(immobiliser()).unwrap();
        house.work(false);
        house.words();
        house.restart(house.files.cut_power(1), down, 0);
        house.online("truck", 1);
        house.work(false);
        assert_eq!(house.words().last().unwrap(), "stop-engine 1 expired");
        assert!(house.flights.is_empty());
    }

    // Over a restart with the clock set back behind what the journal has seen.
    let mut house = House::new();
    house.submit(immobiliser()).unwrap();
    house.work(false);
    house.restart(house.files.kill(), 7_200_000, -7_201_000);
    house.online("truck", 1);
    house.work(false);
    assert_eq!(house.words().last().unwrap(), "stop-engine 1 expired");
    assert!(house.flights.is_empty());

    // The clock is set back while the gateway runs, and a restart follows.
    let mut house = House::new();
    house.submit(immobiliser()).unwrap();
    house.work(false);
    house.clocks.set_wall(-3_600_000);
    house.pass(50_000);
    house.work(true);
    house.restart(house.files.kill(), 10_000, 0);
    house.online("truck", 1);
    house.work(false);
    assert_eq!(house.words().last().unwrap(), "stop-engine 1 expired");
    assert!(house.flights.is_empty());

    // The end of the journal is missing: nobody knows how late it is.
    let mut house = House::new();
    house.submit(immobiliser()).unwrap();
    house.work(false);
    let files = house.files.kill();
    let mut bytes = files.content("journal").unwrap();
    bytes.extend_from_slice(b"half a rec");
    files.put("journal", bytes);
    house.restart(files, 1_000, 0);
    house.online("truck", 1);
    house.work(false);
    assert_eq!(house.words().last().unwrap(), "stop-engine 1 expired");
    assert!(house.flights.is_empty());

    // A disk that takes its time: it was in time when its turn came, and is not when it may leave.
    let mut house = House::new();
    house.submit(immobiliser()).unwrap();
    house.work(false);
    house.online("truck", 1);
    let Step::Write(writing) = house.keeper.step(house.clocks.now(), false) else { panic!() };
    let written = writing.run();
    house.clocks.pass(60_000);
    let turn = house.keeper.written(written).unwrap();
    let attempt = turn.due[0].attempt;
    let now = house.clocks.now();
    assert!(!house.keeper.commands.may_go(attempt, now, &mut house.keeper.turn));
    house.work(false);
    assert_eq!(house.words().last().unwrap(), "stop-engine 1 expired");
}

/// The operator sees "sent", and the device was not there.
#[test]
fn the_command_delivered_to_a_device_that_was_not_there() {
    let mut house = House::new();
    house.submit(immobiliser()).unwrap();
    house.work(false);
    house.pass(1_000);
    assert_eq!(house.words(), ["stop-engine 1 queued"], "nothing else while nobody is there");
    // The directory has it, and its session is over: it goes back without counting as an attempt.
    house.online("truck", 1);
    house.work(false);
    assert_eq!(house.flights.len(), 1);
    house.devices.go("truck");
    house.miss(0);
    house.work(false);
    assert!(house.words().is_empty(), "and nobody is told that it was on its way");
    let look = house.keeper.commands.look("stop-engine").unwrap();
    assert_eq!((look.state, look.attempt), (CommandState::Queued, 1));
    // The next session has it, and that is told as it happens.
    house.online("truck", 2);
    house.work(false);
    house.write(0);
    house.work(false);
    assert_eq!(house.words(), ["stop-engine 1 written"], "which is not yet what the device has");
    house.acknowledge(0);
    house.work(false);
    assert_eq!(house.words(), ["stop-engine 1 acknowledged"]);
    assert_eq!(house.wires(), 1);
}
