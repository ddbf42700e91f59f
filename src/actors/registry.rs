use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use actix::prelude::*;

use super::directory::{Directory, Outcome};
use crate::{
    messages::{Census, NameNews, Names, Order, Orders, ProbeAnswered, Stop, TakeCensus},
    supervision::failpoint,
    telemetry::Telemetry,
};

/// The way to one session thread.
#[derive(Clone)]
pub struct ThreadDoor {
    /// Takes orders for its sessions.
    pub orders: Recipient<Orders>,
    /// Answers who is there.
    pub census: Recipient<TakeCensus>,
}

/// Here are the session threads, in the order of their numbers. Sent once, by the composition root.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Meet(pub Vec<ThreadDoor>);

/// Knows who holds which name, and settles who wins. The directory outlives it: after a panic it
/// asks each thread who is there, and brings the directory in line.
pub struct Registry {
    directory: Arc<Mutex<Directory>>,
    threads: Vec<ThreadDoor>,
    telemetry: Telemetry,
    patience: Option<(Instant, SpawnHandle)>,
}

impl Registry {
    /// A registry over this directory.
    pub fn new(directory: Arc<Mutex<Directory>>, telemetry: Telemetry) -> Self {
        Self { directory, threads: Vec::new(), telemetry, patience: None }
    }

    /// A directory that was left half-changed by a panic is mended by the census behind it.
    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the directory decide, and carries out what it decided.
    fn decide(
        &mut self,
        ctx: &mut Context<Self>,
        decision: impl FnOnce(&mut Directory, Instant, &mut Vec<Outcome>),
    ) {
        let mut outcomes = Vec::new();
        decision(&mut self.directory(), tokio::time::Instant::now().into_std(), &mut outcomes);
        self.carry_out(outcomes);
        self.wait_for_patience(ctx);
    }

    fn carry_out(&self, outcomes: Vec<Outcome>) {
        let mut orders: Vec<Vec<Order>> = vec![Vec::new(); self.threads.len()];
        for outcome in outcomes {
            match outcome {
                Outcome::Order(order) => {
                    if let Some(thread) = orders.get_mut(order.seat.thread as usize) {
                        thread.push(order);
                    }
                }
                Outcome::TakenOver(name) => self.telemetry.takeover(&name),
                Outcome::Flagged(name) => self.telemetry.takeover_flagged(&name),
                Outcome::Flaps(name, connects) => self.telemetry.flapping(&name, connects),
                Outcome::Stuck(name, seat) => self.telemetry.thread_stuck(&name, seat),
            }
        }
        for (thread, orders) in self.threads.iter().zip(orders) {
            if !orders.is_empty() {
                thread.orders.do_send(Orders(orders));
            }
        }
    }

    /// Wakes up when the next newcomer loses patience.
    fn wait_for_patience(&mut self, ctx: &mut Context<Self>) {
        let next = self.directory().next_deadline();
        if self.patience.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, handle)) = self.patience.take() {
            ctx.cancel_future(handle);
        }
        let Some(at) = next else { return };
        let now = tokio::time::Instant::now().into_std();
        let handle = ctx.run_later(at.saturating_duration_since(now), |registry, ctx| {
            registry.patience = None;
            registry.decide(ctx, |directory, now, outcomes| directory.expire(now, outcomes));
        });
        self.patience = Some((at, handle));
    }

    fn ask_who_is_there(&self) {
        self.threads.iter().for_each(|thread| thread.census.do_send(TakeCensus));
    }
}

impl Actor for Registry {
    type Context = Context<Self>;
}

impl Supervised for Registry {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        self.patience = None;
        self.ask_who_is_there();
        self.wait_for_patience(ctx);
    }
}

impl Handler<Meet> for Registry {
    type Result = ();

    fn handle(&mut self, Meet(threads): Meet, _: &mut Context<Self>) {
        self.threads = threads;
    }
}

impl Handler<Names> for Registry {
    type Result = ();

    fn handle(&mut self, Names(news): Names, ctx: &mut Context<Self>) {
        self.decide(ctx, |directory, now, outcomes| {
            for news in news {
                match news {
                    NameNews::Claimed(claim) => {
                        failpoint::hit("registry.claim", claim.name.as_str());
                        directory.came(&claim, now, outcomes);
                        directory.claim(claim, now, outcomes);
                    }
                    NameNews::Departed(departure) => {
                        failpoint::hit("registry.departure", departure.name.as_str());
                        directory.left(&departure, outcomes);
                    }
                }
            }
        });
    }
}

impl Handler<ProbeAnswered> for Registry {
    type Result = ();

    fn handle(&mut self, answered: ProbeAnswered, ctx: &mut Context<Self>) {
        self.decide(ctx, |directory, _, outcomes| {
            directory.probe_answered(&answered.name, answered.session, outcomes);
        });
    }
}

impl Handler<Stop> for Registry {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Census> for Registry {
    type Result = ();

    fn handle(&mut self, census: Census, ctx: &mut Context<Self>) {
        self.decide(ctx, |directory, now, outcomes| directory.reconcile(census, now, outcomes));
    }
}
