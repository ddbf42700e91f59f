//! The gateway under test, with everything that runs in it.

use std::{future::Future, rc::Rc, sync::Arc};

use tetherd::{
    app::{Ended, Gateway, StartFault},
    spool::Ledger,
    telemetry::Telemetry,
};
use tokio::task::LocalSet;

use crate::{
    book::tell, life::Life, network::Net, site::Opened, witness::Witness, worker::Worker,
    world::World,
};

/// One gateway in one life. All its actors are tasks of `tasks`, and end with it at once.
pub struct House {
    world: Rc<World>,
    tasks: LocalSet,
    gateway: Option<Gateway>,
    pub life: Arc<Life>,
    worker: Option<Arc<Worker>>,
    telemetry: Telemetry,
}

/// It died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Died;

impl House {
    /// Starts a gateway over what was opened, as part of `life`.
    pub async fn start(
        world: &Rc<World>,
        opened: Opened,
        life: Arc<Life>,
        telemetry: Telemetry,
    ) -> Result<Self, Died> {
        let Opened { spool, worker } = opened;
        let begun = world.truth().begins(spool.id(), spool.next().0);
        world.book.check(begun);
        let witness = Witness {
            spool,
            worker: worker.clone(),
            life: Arc::clone(&life),
            records: Arc::clone(&world.records),
            book: Arc::clone(&world.book),
        };
        let net = Net { world: Rc::clone(world), life: Arc::clone(&life) };
        let builder = Gateway::builder(world.scenario.loaded.clone())
            .spool(Arc::new(witness))
            .dial(Rc::new(net))
            .seed(world.roll(|dice| dice.seed()))
            .telemetry(telemetry.clone())
            .unbound();
        let (tasks, world) = (LocalSet::new(), Rc::clone(world));
        if let Some(worker) = &worker {
            tasks.spawn_local(Arc::clone(worker).run());
        }
        let mut house = Self { world, tasks, gateway: None, life, worker, telemetry };
        let gateway = match house.run(builder.start()).await? {
            Ok(gateway) => gateway,
            Err(fault) => {
                house.does_not_start(&fault);
                return Err(Died);
            }
        };
        house.world.set_door(gateway.door("dtu"));
        house.gateway = Some(gateway);
        Ok(house)
    }

    /// The dead do not start, and nobody on a disk that refuses what it is told.
    fn does_not_start(&self, fault: &StartFault) {
        let is_disk_ill = self.worker.as_ref().is_some_and(|worker| worker.is_disk_ill());
        match self.life.is_dead() || is_disk_ill {
            true => {
                self.world.book.saw("no start");
                tell!(self.world.book, "no start: {fault}");
            }
            false => self.world.book.broken(fault.to_string()),
        }
    }

    /// Runs while `work` is done, unless it dies before.
    pub async fn run<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Died> {
        let life = Arc::clone(&self.life);
        let world = Rc::clone(&self.world);
        let failed = async {
            match self.gateway.as_mut() {
                Some(gateway) => gateway.failed().await,
                None => std::future::pending().await,
            }
        };
        let work = async {
            tokio::select! {
                biased;
                () = life.death() => Err(Died),
                () = world.book.until_broken() => Err(Died),
                done = work => Ok(done),
                what = failed => {
                    world.book.broken(what);
                    Err(Died)
                }
            }
        };
        self.tasks.run_until(work).await
    }

    /// Where the events for each upstream are.
    pub fn ledgers(&self) -> Vec<Ledger> {
        let webs = 0..self.world.webs.len();
        let ledger = |number| self.gateway.as_ref()?.ledger(&format!("web{number}"));
        webs.filter_map(ledger).collect()
    }

    /// Whether no device is connected.
    pub fn is_vacant(&self) -> bool {
        self.gateway.as_ref().is_none_or(|gateway| gateway.snapshot().connections == 0)
    }

    /// Stops in order; answers whether all is safe then, and the ledgers behind it.
    pub async fn stop(mut self) -> Result<(bool, Vec<Ledger>), Died> {
        self.world.set_door(None);
        let Some(gateway) = self.gateway.take() else { return Err(Died) };
        let webs = 0..self.world.webs.len();
        let follow = |number| gateway.follow_ledger(&format!("web{number}"));
        let ledgers: Vec<_> = webs.filter_map(follow).collect();
        let ended = self.run(gateway.stop()).await?;
        if ended != Ended::Asked {
            self.world.book.broken(format!("it did not stop: {ended:?}"));
        }
        let is_safe = self.worker.as_ref().is_none_or(|worker| worker.is_safe());
        tell!(self.world.book, "the gateway has stopped, and all is safe: {is_safe}");
        Ok((is_safe, ledgers.iter().map(|ledger| ledger()).collect()))
    }
}

/// Whatever ended it: it is gone at once, and nothing in it may have panicked.
impl Drop for House {
    fn drop(&mut self) {
        self.life.die();
        self.world.set_door(None);
        let panics = self.telemetry.counts().panics.sum();
        if panics > 0 {
            self.world.book.broken(format!("{panics} panics"));
        }
    }
}
