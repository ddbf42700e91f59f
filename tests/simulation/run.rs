//! One run: a seed, a world, and what happens in it.

use std::{rc::Rc, sync::Arc, time::Duration};

use tetherd::{spool::Ledger, telemetry::Telemetry};
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
    site::Site,
    web::Standing,
    world::World,
};

/// All that is well is delivered within this, or never.
const HEALING: Duration = Duration::from_secs(120);

/// Plays one seed; what it found stands in the book.
pub fn play(seed: u64, telemetry: fn() -> Telemetry) -> Arc<Book> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let (network, connections) = mpsc::unbounded_channel();
        let world = World::new(seed, network);
        spawn_local(network::carry(Rc::clone(&world), connections));
        let site = Site::new(world.scenario.spool.clone());
        let book = Arc::clone(&world.book);
        // What was broken stands in the book.
        let _ = Run { world, site, telemetry }.play().await;
        book
    })
}

/// A promise was broken: there is no point in going on.
struct Broken;

struct Run {
    world: Rc<World>,
    site: Site,
    telemetry: fn() -> Telemetry,
}

impl Run {
    async fn play(mut self) -> Result<(), Broken> {
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
            let (spool, life) = (self.site.open(), Life::new());
            tell!(self.world.book, "the gateway starts");
            if let Ok(house) = House::start(&self.world, spool, life, (self.telemetry)()).await {
                return Ok(house);
            }
            self.died().await?;
        }
    }

    /// It died; it is gone for a while.
    async fn died(&mut self) -> Result<(), Broken> {
        if self.world.book.is_broken() {
            return Err(Broken);
        }
        tell!(self.world.book, "the gateway is dead");
        let lost_from = self.site.over();
        self.world.truth().dies(lost_from);
        sleep(self.world.roll(|dice| dice.millis(0..=1500))).await;
        Ok(())
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
        match kind {
            0..=19 => return self.crash(house).await,
            20..=26 => return self.stop(house).await,
            27..=40 => web.dies(within),
            41..=47 => web.goes(Standing::Unreachable, within),
            48..=54 => {
                web.goes(Standing::Down, within);
                web.hang_up();
            }
            55..=79 => self.disturb(&web.address, within),
            _ => {}
        }
        let pause = world.roll(|dice| dice.millis(0..=2500));
        self.live(house, pause).await
    }

    /// The gateway dies in the middle of whatever it does.
    async fn crash(&mut self, house: House) -> Result<House, Broken> {
        let steps = self.world.roll(|dice| dice.magnitude(300));
        tell!(self.world.book, "the gateway dies {steps} steps from now");
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
            Ok(_) => {
                let lost_from = self.site.over();
                self.world.truth().dies(lost_from);
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
    async fn heal(mut self, mut house: House, mut devices: JoinSet<()>) -> Result<(), Broken> {
        let world = Rc::clone(&self.world);
        tell!(world.book, "from now on all is well");
        world.heal();
        world.webs.iter().for_each(|web| web.hang_up());
        let gone = async { while devices.join_next().await.is_some() {} };
        house.run(gone).await.map_err(|Died| Broken)?;
        self.settle(&mut house).await?;
        let dice = world.roll(|dice| dice.fork());
        house.run(device::last_word(Rc::clone(&world), dice)).await.map_err(|Died| Broken)?;
        self.settle(&mut house).await?;
        let ledgers = house.stop().await.map_err(|Died| Broken)?;
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
        let (truth, from) = (world.truth(), self.site.over());
        for (web, ledger) in world.webs.iter().zip(ledgers) {
            let checked = reckoning::web_server(&web.memory.borrow(), ledger, from, &truth);
            world.book.check(checked.map_err(|what| format!("{}: {what}", web.address)));
        }
        for (serial, sent) in world.connections() {
            let checked = reckoning::connection(&sent, &truth.conversation(serial));
            world.book.check(checked.map_err(|what| format!("connection {serial}: {what}")));
        }
    }
}
