//! The process is killed, and the power cut, at every step.

use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};

use super::{house::House, *};
use crate::{
    model::CommandState,
    spool::{MemoryFiles, Operation},
};

/// A morning in the life of two pumps; ends where the disk does.
fn morning(house: &mut House) {
    let _ = house.submit(command("c-1", "pump"));
    let _ = house.submit(Command { repeat: true, ..command("c-2", "pump") });
    let _ = house.submit(Command { answer: Answer::Frame, ..command("c-3", "mill") });
    if !house.work(false) {
        return;
    }
    house.pass(10);
    house.online("pump", 1);
    house.online("mill", 2);
    for _ in 0..3 {
        if !house.work(false) {
            return;
        }
        if !house.flights.is_empty() {
            house.write(0);
            if !house.work(false) {
                return;
            }
            house.acknowledge(0);
        }
    }
    house.work(false);
}

#[test]
fn whenever_it_is_cut_off_nothing_is_lost_doubled_or_late() {
    let whole = MemoryFiles::new();
    morning(&mut House::on(whole.clone()));
    let steps = whole.steps();
    assert!(steps > 10, "{steps}");
    let first = {
        let files = MemoryFiles::new();
        House::on(files.clone());
        files.steps()
    };
    for step in first..steps {
        for seed in 0..12 {
            let files = MemoryFiles::new();
            let mut house = House::on(files.clone());
            files.halt_after(step);
            morning(&mut house);
            let left = match seed {
                0 => files.kill(),
                1..4 => files.kill_within(seed),
                _ => files.cut_power(seed),
            };
            house.restart(left, 100, 0);
            // Whatever is left goes on to its end.
            house.online("pump", 11);
            house.online("mill", 12);
            for _ in 0..9 {
                assert!(house.work(false));
                if !house.flights.is_empty() {
                    house.write(0);
                    assert!(house.work(false));
                    house.acknowledge(0);
                }
            }
            assert!(house.keeper.commands.is_empty(), "step {step}, seed {seed}");
        }
    }
}

#[test]
fn months_of_accidents_lose_double_and_delay_nothing() {
    for seed in 0..60 {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut house = House::new();
        for number in 0..150 {
            happen(&mut house, &mut dice, number);
        }
    }
}

fn happen(house: &mut House, dice: &mut SmallRng, number: u32) {
    let name = ["pump", "mill", "gate"][dice.random_range(0..3)];
    let flights = house.flights.len();
    match dice.random_range(0..12) {
        0..3 => {
            let fresh = Command {
                ttl: Duration::from_millis(dice.random_range(1..20_000)),
                repeat: dice.random_bool(0.3),
                answer: if dice.random_bool(0.5) { Answer::Frame } else { Answer::Nothing },
                key: dice.random_bool(0.3).then(|| "k".into()),
                ..command(&format!("c-{number}"), name)
            };
            let _ = house.submit(fresh);
        }
        3..5 => house.online(name, u64::from(number)),
        5 => house.devices.go(name),
        6 if flights > 0 => house.write(dice.random_range(0..flights)),
        7 if flights > 0 => {
            let flight = dice.random_range(0..flights);
            match dice.random_range(0..3) {
                // Only what was written can be acknowledged.
                0 => {
                    house.write(flight);
                    if house.flights.len() == flights {
                        house.acknowledge(flight);
                    }
                }
                1 => house.miss(flight),
                _ => house.lose(flight),
            }
        }
        8 => house.pass(dice.random_range(0..8_000)),
        9 => {
            house.clocks.set_wall(dice.random_range(-30_000..30_000));
            house.work(true);
        }
        10 => {
            let id = format!("c-{}", dice.random_range(0..150));
            let Keeper { commands, turn, .. } = &mut house.keeper;
            let _ = commands.cancel(&id.as_str().into(), house.clocks.now(), turn);
        }
        _ => return accident(house, dice),
    }
    house.advance();
    // Sometimes the next thing happens before this one is safe.
    if dice.random_bool(0.7) {
        house.work(false);
    }
}

fn accident(house: &mut House, dice: &mut SmallRng) {
    let files = house.files.clone();
    if dice.random_bool(0.2) {
        let what = if dice.random_bool(0.5) { Operation::Sync } else { Operation::Write };
        files.fail(what, dice.random_range(1..3), |_| true);
        while !house.work(true) {}
        return;
    }
    let down = dice.random_range(0..10_000);
    // Set back behind what the journal has seen, or forward, or not at all.
    let set = [0, 5_000, -(down as i64) - 1 - dice.random_range(0..50_000)];
    let set = set[dice.random_range(0..3)];
    if set < 0 {
        // What the clock did since the journal's last word is seen by nobody.
        house.work(true);
    }
    files.halt_after(files.steps() + dice.random_range(0..6));
    let _ = house.submit(command(&format!("last-{}", dice.random::<u32>()), "pump"));
    let _ = house.work(false);
    let left = match dice.random_range(0..4) {
        0 => files.kill(),
        1 => files.kill_within(dice.next_u64()),
        _ => files.cut_power(dice.next_u64()),
    };
    house.restart(left, down, set);
}

#[test]
fn a_journal_that_grows_is_written_anew_and_keeps_what_is_alive() {
    let mut house = House::new();
    house.submit(Command { ttl: Duration::from_secs(3600), ..command("keep", "pump") }).unwrap();
    let mut largest = 0;
    for round in 0..200 {
        let data = vec![7; 20_000].into();
        let newer = Command { key: Some("k".into()), data, ..command(&format!("{round}"), "mill") };
        let Keeper { commands, turn, .. } = &mut house.keeper;
        commands.submit(newer, house.clocks.now(), &|_| None, turn).unwrap();
        assert!(house.work(false));
        largest = largest.max(house.files.content("journal").unwrap().len());
    }
    assert!((2 << 20..3 << 20).contains(&largest), "{largest}");
    house.restart(house.files.kill(), 0, 0);
    assert_eq!(house.keeper.commands.look("keep").unwrap().state, CommandState::Queued);
}

#[test]
fn while_the_disk_refuses_nothing_is_taken_and_what_waits_goes_on_later() {
    let mut house = House::new();
    house.files.fail_syncs(2);
    house.submit(command("c-1", "pump")).unwrap();
    assert!(!house.work(false));
    assert!(house.words().is_empty(), "it is not safe");
    let refused = house.keeper.refuses().unwrap().to_string();
    assert!(refused.starts_with("commands cannot be kept at the moment: "), "{refused}");
    assert!(!house.work(false));
    assert!(house.work(false));
    assert_eq!(house.words(), ["c-1 1 queued"]);
    assert_eq!(house.keeper.refuses(), None);
}

#[test]
fn whoever_crashes_between_leaves_no_command_behind() {
    let mut house = House::new();
    house.online("pump", 1);
    house.submit(command("c-1", "pump")).unwrap();
    let Step::Write(writing) = house.keeper.step(house.clocks.now(), false) else { panic!() };
    // The one who was to tell how it went is gone.
    writing.run();
    house.submit(Command { repeat: true, ..command("c-2", "mill") }).unwrap();
    house.keeper.interrupted(house.clocks.now());
    assert!(house.work(false));
    assert_eq!(house.words(), ["c-1 1 queued", "c-2 1 queued"]);
    assert!(house.flights.is_empty());
    house.online("pump", 2);
    assert!(house.work(false));
    house.write(0);
    house.keeper.interrupted(house.clocks.now());
    assert!(house.work(false));
    assert_eq!(house.words(), ["c-1 1 written", "c-1 1 failed uncertain"]);
}
