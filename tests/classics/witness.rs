use std::{cell::RefCell, rc::Rc};

use actix::prelude::*;
use tetherd::extension::{Happened, Moment, Observed, Occurrence, SessionHandle};

use crate::harness::until;

/// An observer that keeps what it is told.
#[derive(Clone, Default)]
pub struct Witness(Rc<RefCell<Vec<Occurrence>>>);

impl Actor for Witness {
    type Context = Context<Self>;
}

impl Handler<Observed> for Witness {
    type Result = ();

    fn handle(&mut self, Observed(batch): Observed, _: &mut Context<Self>) {
        self.0.borrow_mut().extend(batch.iter().cloned());
    }
}

impl Witness {
    /// Where to plug it in.
    pub fn recipient(&self) -> Recipient<Observed> {
        self.clone().start().recipient()
    }

    pub fn saw(&self, moment: Moment) -> bool {
        self.0.borrow().iter().any(|occurrence| occurrence.what.moment() == moment)
    }

    /// Waits for the last that happened to be this moment.
    pub async fn sees(&self, moment: Moment) -> Happened {
        until(&format!("{moment}"), || self.saw(moment)).await;
        let seen = self.0.borrow();
        seen.iter().rfind(|it| it.what.moment() == moment).unwrap().what.clone()
    }

    /// The session of the device that is called `name`.
    pub async fn session(&self, name: &str) -> SessionHandle {
        let find = || {
            let seen = self.0.borrow();
            let its = |it: &&Occurrence| it.name.as_ref().is_some_and(|its| its.as_str() == name);
            seen.iter().find(its).and_then(|it| it.session.clone())
        };
        until("its session is told of", || find().is_some()).await;
        find().unwrap()
    }
}
