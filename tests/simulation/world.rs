//! Everything around the gateway, and what is known of it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard},
};

use actix::Recipient;
use tetherd::messages::DeviceArrived;
use tokio::sync::mpsc;

use crate::{
    book::Book, device::Sent, dice::Dice, network::Connection, scenario::Scenario, truth::Truth,
    web::Web,
};

/// The truth, where the gateway's spool can write it down.
#[derive(Default)]
pub struct Records(Mutex<Truth>);

impl Records {
    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.0.lock().unwrap()
    }
}

/// One world, for one run.
pub struct World {
    pub scenario: Scenario,
    pub book: Arc<Book>,
    pub records: Arc<Records>,
    pub webs: Vec<Rc<Web>>,
    pub network: mpsc::UnboundedSender<Connection>,
    /// Where devices knock while there is a gateway.
    door: RefCell<Option<Recipient<DeviceArrived>>>,
    sent: RefCell<BTreeMap<u64, Sent>>,
    healing: Cell<bool>,
    dice: RefCell<Dice>,
}

impl World {
    pub fn new(seed: u64, is_whole: bool, network: mpsc::UnboundedSender<Connection>) -> Rc<Self> {
        let mut dice = Dice::new(seed);
        let scenario = Scenario::draw(&mut dice);
        let webs =
            (0..scenario.webs).map(|number| Rc::new(Web::new(number, dice.fork()))).collect();
        let world = Rc::new(Self {
            scenario,
            book: Arc::new(Book::new(is_whole)),
            records: Arc::default(),
            webs,
            network,
            door: RefCell::default(),
            sent: RefCell::default(),
            healing: Cell::default(),
            dice: RefCell::new(dice),
        });
        world.webs.iter().for_each(|web| web.meet(&world));
        world
    }

    pub fn roll<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut self.dice.borrow_mut())
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.records.truth()
    }

    pub fn web_at(&self, address: &str) -> Rc<Web> {
        self.webs.iter().find(|web| web.address == address).cloned().unwrap()
    }

    pub fn door(&self) -> Option<Recipient<DeviceArrived>> {
        self.door.borrow().clone()
    }

    pub fn set_door(&self, door: Option<Recipient<DeviceArrived>>) {
        *self.door.borrow_mut() = door;
    }

    /// From now on nothing bad happens any more.
    pub fn heal(&self) {
        self.healing.set(true);
    }

    pub fn is_healing(&self) -> bool {
        self.healing.get()
    }

    /// A number for a new connection.
    pub fn next_serial(&self) -> u64 {
        self.sent.borrow().len() as u64 + 1
    }

    /// What a device knows of one connection.
    pub fn sent(&self, serial: u64) -> Sent {
        self.sent.borrow().get(&serial).cloned().unwrap_or_default()
    }

    pub fn note(&self, serial: u64, note: impl FnOnce(&mut Sent)) {
        note(self.sent.borrow_mut().entry(serial).or_default());
    }

    pub fn connections(&self) -> Vec<(u64, Sent)> {
        self.sent.borrow().iter().map(|(serial, sent)| (*serial, sent.clone())).collect()
    }
}
