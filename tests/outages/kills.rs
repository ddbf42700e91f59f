//! `kill -9` under load.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tempfile::TempDir;
use tetherd::simulator::{Acknowledge, Behaviour, Violation};
use tokio::{sync::watch, time::sleep};

use crate::{
    LIMIT,
    devices::{Arrived, Device, message},
    harness::{process::Program, until_within},
    is_long, seed,
    stand::{
        Web, configuration, folder, is_stored, listener, nobodys_address, spool_in, stop, upstream,
    },
    story::Story,
};

const DEVICES: u64 = 4;

/// Far more lines than come between two looks.
const LINES: usize = 1 << 20;

struct Scene {
    folder: Arc<TempDir>,
    address: String,
    web: Web,
    story: Story,
    devices: Vec<Device>,
    /// First messages that were safe from a kill: the device and the number.
    heard: Vec<(usize, u64)>,
    dice: StdRng,
}

impl Scene {
    async fn new(seed: u64, goes_on: &watch::Receiver<bool>) -> Self {
        let address = nobodys_address();
        let device = |number| Device::start(number, &address, goes_on.clone(), seed);
        Self {
            folder: folder(),
            web: Web::here(LINES).await,
            story: Story::default(),
            devices: (0..DEVICES).map(device).collect(),
            heard: Vec::new(),
            dice: StdRng::seed_from_u64(seed),
            address,
        }
    }

    /// The program, with settings that nobody has to keep from one start to the next.
    fn start(&mut self) -> Program {
        let durability = ["group", "os"].choose(&mut self.dice).unwrap();
        let interval = ["1ms", "5ms", "20ms", "100ms"].choose(&mut self.dice).unwrap();
        // The size of a segment is an eighth of it.
        let size = ["4MiB", "8MiB", "64MiB"].choose(&mut self.dice).unwrap();
        let spool = format!(
            "durability = '{durability}'\ncommit_interval = '{interval}'\nmax_size = '{size}'"
        );
        let upstream = upstream("web", &self.web.address, "ack_timeout = '100ms'");
        let toml = configuration(&listener(&self.address, "max_frame = '8KiB'"), &spool, &upstream);
        Program::in_folder(&self.folder, &toml)
    }

    /// The web server changes its mind. Answers whether it is a good one now.
    async fn change_web(&mut self, round: u32) -> bool {
        let kind = if round.is_multiple_of(4) { 0 } else { self.dice.random_range(0..6) };
        let behaviour = match kind {
            0 => Behaviour::default(),
            1 => Behaviour {
                drop_after: Some(self.dice.random_range(2..60)),
                ..Behaviour::default()
            },
            2 => Behaviour::acknowledging(Acknowledge::Never),
            3 => Behaviour::acknowledging(Acknowledge::Late(Duration::from_millis(30))),
            4 => Behaviour { stop_reading_after: Some(10), ..Behaviour::default() },
            _ => {
                self.web.go().await;
                return false;
            }
        };
        self.web.come([behaviour]).await;
        kind == 0
    }

    fn read(&mut self) {
        self.web.take_lines().for_each(|line| self.story.take(line));
    }

    /// Waits until the first message of a new connection of each device is safe from a kill: with
    /// the web server, or in a file if that is not a good one.
    async fn all_are_heard(&mut self, before: &[Option<u64>], web_is_good: bool) {
        for (at, before) in before.iter().enumerate() {
            let device = &self.devices[at];
            until_within(LIMIT, "it is back", || device.newest() > *before).await;
            let first = device.newest().unwrap();
            let text = message(&device.name, first);
            self.heard.push((at, first));
            let name = device.name.clone();
            until_within(LIMIT, "it is heard", || {
                self.read();
                let sessions = self.story.sessions.iter().rev();
                let mut own = sessions.filter(|((of, _), _)| *of == name);
                let is_heard = own.any(|(_, bytes)| bytes.starts_with(&text));
                is_heard || !web_is_good && is_stored(&spool_in(&self.folder), &text)
            })
            .await;
        }
    }

    /// Runs the program for a while, and kills it.
    async fn round(&mut self, round: u32) -> bool {
        let web_is_good = self.change_web(round).await;
        let before: Vec<_> = self.devices.iter().map(Device::newest).collect();
        let program = self.start();
        let is_early = self.dice.random_ratio(1, 6);
        if !is_early {
            self.all_are_heard(&before, web_is_good).await;
        }
        sleep(Duration::from_micros(self.dice.random_range(0..80_000))).await;
        program.kill();
        self.read();
        !is_early
    }

    fn arrived(&self) -> Arrived {
        let each = self.devices.iter().map(|device| device.arrived(&self.story));
        each.fold(Arrived::default(), |sum, arrived| Arrived {
            messages: sum.messages + arrived.messages,
            missing: sum.missing + arrived.missing,
        })
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_costs_each_device_the_end_of_what_it_said_and_nothing_else() {
    let (seed, rounds) = (seed("kills"), if is_long() { 1000 } else { 50 });
    let (goes_on, is_going_on) = watch::channel(true);
    let mut scene = Scene::new(seed, &is_going_on).await;
    let mut heard = 0;
    for round in 0..rounds {
        heard += usize::from(scene.round(round).await);
        // Early, so that a fault is found in its round.
        scene.arrived();
        scene.story.only_lost_at_restarts();
    }

    // A last round that ends in good order.
    scene.change_web(0).await;
    let before: Vec<_> = scene.devices.iter().map(Device::newest).collect();
    let program = scene.start();
    scene.all_are_heard(&before, true).await;
    goes_on.send_replace(false);
    for device in &mut scene.devices {
        device.gone().await;
    }
    stop(program).await;
    let program = scene.start();
    let starts = scene.story.starts.len();
    until_within(LIMIT, "it is back", || {
        scene.read();
        scene.story.starts.len() > starts
    })
    .await;
    stop(program).await;
    scene.read();

    let Scene { story, devices, web, .. } = &scene;
    let last = story.starts.last().unwrap();
    assert!(last.clean && last.gaps.is_empty(), "{last:?}");
    // Of those that were killed early, some came as far as to say that they have started.
    assert!(story.starts.len() > heard + 2 && story.starts.len() <= rounds as usize + 2);
    assert_eq!(
        story.starts.iter().filter(|start| start.clean).count(),
        2,
        "the first and the last"
    );
    story.only_lost_at_restarts();
    for (device, first) in &scene.heard {
        let text = message(&devices[*device].name, *first);
        let mut said = story.sessions.values();
        assert!(
            said.any(|bytes| bytes.starts_with(&text)),
            "{device}: {first} was safe and is lost"
        );
    }
    for device in devices {
        assert_eq!(device.missing_of_newest(story), 0, "{}", device.name);
    }
    let mut violations = web.report().first_violations;
    // The rest of a link that was given up may be read beside the next link.
    violations
        .retain(|broken| !matches!(broken, Violation::NotRising { .. } | Violation::Jump { .. }));
    assert_eq!(violations, []);
    let arrived = scene.arrived();
    eprintln!("kills: {rounds} rounds, {arrived:?}, {} repeats", scene.story.repeats);
}
