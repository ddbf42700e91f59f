//! One run: a seed, a world, and what happens in it.

use std::{rc::Rc, sync::Arc, time::Duration};

use tetherd::spool::Ledger;
use tokio::{
    runtime::Builder,
    sync::mpsc,
    task::{JoinSet, LocalSet, spawn_local},
    time::{Instant, sleep},
};

use crate::{
    book::{Book, tell},
    device,
    house::{Died, House},
    life::Life,
    network::{self, Way},
    reckoning,
    site::{End, NoSpool, Site},
    web::Standing,
    world::World,
};

/// All that is well is delivered within this, or never.
const HEALING: Duration = Duration::from_secs(120);

/// Plays one seed; what it found stands in the book, which holds the `whole` story or its end.
pub fn play(seed: u64, is_whole: bool) -> Arc<Book> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let (network, connections) = mpsc::unbounded_channel();
        let world = World::new(seed, is_whole, network);
        spawn_local(network::carry(Rc::clone(&world), connections));
        let (book, dice) = (Arc::clone(&world.book), world.roll(|dice| dice.fork()));
        let site = Site::new(world.scenario.make.clone(), Arc::clone(&book), dice);
        tell!(book, "{:?}, {:?}", world.scenario.make, world.scenario.policy);
        let mut run =
            Run { world, site, end: End::Killed, clean_at: None, has_stopped_well: false };
        // What was broken stands in the book.
        let _ = run.play().await;
        book
    })
}

/// A promise was broken: there is no point in going on.
struct Broken;

struct Run {
    world: Rc<World>,
    site: Site,
    /// How the next death comes.
    end: End,
    /// The last event before the last stop in good order.
    clean_at: Option<u64>,
    /// The life before was stopped in good order.
    has_stopped_well: bool,
}

impl Run {
    async fn play(&mut self) -> Result<(), Broken> {
        let world = Rc::clone(&self.world);
        let mut devices = JoinSet::new();
        for number in 1..=world.scenario.devices {
            let dice = world.roll(|dice| dice.fork());
            devices.spawn_local(device::live(Rc::clone(&world), number, dice));
        }
        let mut house = self.start().await?;
        for _ in 0..world.scenario.acts {
            house = self.act(house).await?;
        }
        self.heal(house, devices).await
    }

    /// Starts the gateway, as often as it takes.
    async fn start(&mut self) -> Result<House, Broken> {
        loop {
            self.site.look_after_disk();
            tell!(self.world.book, "the gateway starts");
            let (life, telemetry) = (Life::new(), self.world.book.telemetry());
            if self.world.roll(|dice| dice.chance(5)) && !self.world.is_healing() {
                // Not even a start is always seen to its end.
                life.die_after(self.world.roll(|dice| dice.magnitude(30)));
            }
            match self.site.open(&life, &telemetry) {
                Ok(opened) => {
                    self.check_cleanness(opened.spool.was_clean());
                    let begun = House::start(&self.world, opened, life, telemetry).await;
                    if let Ok(house) = begun {
                        return Ok(house);
                    }
                }
                Err(NoSpool::Died) => {}
                Err(NoSpool::DiskIll) => tell!(self.world.book, "no start from an ill disk"),
                Err(NoSpool::Fault(fault)) => self.world.book.broken(fault.to_string()),
            }
            self.died().await?;
        }
    }

    /// A spool says that it lost nothing just where that is so.
    fn check_cleanness(&mut self, says_clean: bool) {
        let is_clean = self.world.truth().last() == self.clean_at;
        if self.site.is_durable() && says_clean && !is_clean {
            self.world.book.broken("it says that nothing was lost");
        }
        let must_be_clean = std::mem::take(&mut self.has_stopped_well);
        if must_be_clean && !says_clean {
            self.world.book.broken("it does not know that nothing was lost");
        }
    }

    /// It died; it is gone for a while.
    async fn died(&mut self) -> Result<(), Broken> {
        if self.world.book.is_broken() {
            return Err(Broken);
        }
        let end = std::mem::replace(&mut self.end, End::Killed);
        tell!(self.world.book, "the gateway is dead: {end:?}");
        self.world.book.saw(if end == End::Killed { "a kill" } else { "a loss of power" });
        self.has_stopped_well = false;
        self.over(end);
        sleep(self.world.roll(|dice| dice.millis(0..=1500))).await;
        Ok(())
    }

    fn over(&mut self, end: End) {
        if let Some(lost_from) = self.site.over(end) {
            self.world.truth().dies(lost_from);
        }
    }

    /// Lets `house` live for a while, and starts it afresh if it dies.
    async fn live(&mut self, mut house: House, within: Duration) -> Result<House, Broken> {
        match house.run(sleep(within)).await {
            Ok(()) => Ok(house),
            Err(Died) => {
                drop(house);
                self.died().await?;
                self.start().await
            }
        }
    }

    /// Something happens, and then nothing for a while.
    async fn act(&mut self, house: House) -> Result<House, Broken> {
        let world = Rc::clone(&self.world);
        let web = world.roll(|dice| dice.pick(&world.webs));
        let (kind, within) = world.roll(|dice| (dice.between(0..=99), dice.millis(10..=4000)));
        self.site.look_after_disk();
        match kind {
            0..=19 => return self.crash(house).await,
            20..=26 => return self.stop(house).await,
            27..=40 => web.dies(within),
            41..=47 => web.goes(Standing::Unreachable, within),
            48..=54 => {
                web.goes(Standing::Down, within);
                web.hang_up();
            }
            55..=74 => self.disturb(&web.address, within),
            75..=89 => {
                if let Some(what) = self.site.disk_falls_ill(within) {
                    tell!(world.book, "{what}, for {} ms", within.as_millis());
                }
            }
            _ => {}
        }
        let pause = world.roll(|dice| dice.millis(0..=2500));
        self.live(house, pause).await
    }

    /// The gateway dies in the middle of whatever it does.
    async fn crash(&mut self, house: House) -> Result<House, Broken> {
        let steps = self.world.roll(|dice| dice.magnitude(300));
        if self.site.is_durable() && self.world.roll(|dice| dice.chance(50)) {
            self.end = End::PowerCut;
        }
        tell!(self.world.book, "{:?} {steps} steps from now", self.end);
        house.life.die_after(steps);
        let life = Arc::clone(&house.life);
        // Where nothing happens any more, it dies in its sleep.
        spawn_local(async move {
            sleep(Duration::from_secs(2)).await;
            life.die();
        });
        self.live(house, Duration::from_secs(3)).await
    }

    /// The gateway is stopped in order.
    async fn stop(&mut self, house: House) -> Result<House, Broken> {
        tell!(self.world.book, "the gateway is told to stop");
        match house.stop().await {
            Ok((is_safe, _)) => {
                self.over(if is_safe { End::Clean } else { End::Killed });
                self.world.book.saw("a stop");
                if is_safe {
                    self.clean_at = self.world.truth().last();
                    self.has_stopped_well = self.site.is_durable();
                }
                sleep(self.world.roll(|dice| dice.millis(0..=1000))).await;
            }
            Err(Died) => self.died().await?,
        }
        self.start().await
    }

    /// The present link to a web server is cut, or carries nothing for a while.
    fn disturb(&self, address: &str, within: Duration) {
        let world = &self.world;
        let Some(fate) = world.web_at(address).fate() else { return };
        let (what, reset) = world.roll(|dice| (dice.between(0..=4), dice.chance(50)));
        let ways: &[Way] = match what {
            0 | 1 => {
                tell!(world.book, "the link to {address} is cut, reset: {reset}");
                return fate.cut(reset);
            }
            2 => &[Way::ToWeb],
            3 => &[Way::ToGateway],
            _ => &[Way::ToWeb, Way::ToGateway],
        };
        let millis = within.as_millis();
        tell!(world.book, "the link to {address} carries nothing {ways:?} for {millis} ms");
        ways.iter().for_each(|way| fate.stall(*way, true));
        spawn_local(async move {
            sleep(within).await;
            [Way::ToWeb, Way::ToGateway].iter().for_each(|way| fate.stall(*way, false));
        });
    }

    /// Nothing bad happens any more: all that waits arrives, and all is held against the truth.
    async fn heal(&mut self, mut house: House, mut devices: JoinSet<()>) -> Result<(), Broken> {
        let world = Rc::clone(&self.world);
        tell!(world.book, "from now on all is well");
        world.heal();
        self.site.heal_disk();
        world.webs.iter().for_each(|web| web.hang_up());
        let gone = async { while devices.join_next().await.is_some() {} };
        house.run(gone).await.map_err(|Died| Broken)?;
        self.settle(&mut house).await?;
        let dice = world.roll(|dice| dice.fork());
        house.run(device::last_word(Rc::clone(&world), dice)).await.map_err(|Died| Broken)?;
        self.settle(&mut house).await?;
        let (_, ledgers) = house.stop().await.map_err(|Died| Broken)?;
        self.reckon(&ledgers);
        Ok(())
    }

    async fn settle(&self, house: &mut House) -> Result<(), Broken> {
        let deadline = Instant::now() + HEALING;
        while !self.is_settled(house) {
            if Instant::now() > deadline {
                self.world.book.broken(format!("it never settled: {:?}", house.ledgers()));
            }
            house.run(sleep(Duration::from_millis(50))).await.map_err(|Died| Broken)?;
        }
        Ok(())
    }

    /// Whether nothing is left to be delivered, and nobody is here.
    fn is_settled(&self, house: &House) -> bool {
        let last = self.world.truth().last();
        let ledgers = house.ledgers();
        let has_all = self.world.webs.iter().all(|web| web.memory.borrow().last() >= last);
        has_all && ledgers.iter().all(|ledger| ledger.waiting == 0) && house.is_vacant()
    }

    fn reckon(&mut self, ledgers: &[Ledger]) {
        let world = &self.world;
        let truth = world.truth();
        let (events, connections) = (truth.offsets(0).count(), world.connections().len());
        tell!(world.book, "{events} events of {connections} connections");
        for (web, ledger) in world.webs.iter().zip(ledgers) {
            let checked = reckoning::web_server(&web.memory.borrow(), ledger, &truth);
            world.book.check(checked.map_err(|what| format!("{}: {what}", web.address)));
        }
        for (serial, sent) in world.connections() {
            let checked = reckoning::connection(&sent, &truth.conversation(serial));
            world.book.check(checked.map_err(|what| format!("connection {serial}: {what}")));
        }
    }
}
