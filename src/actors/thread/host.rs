use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{fut, prelude::*};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::{SessionThread, housekeeping::Housekeeping};
use crate::{
    actors::session::Nudge,
    messages::{
        Census, Deliveries, Drain, Drained, Instruct, Instruction, Open, Order, OrderKind, Orders,
        Refused, Stop, TakeCensus,
    },
    model::CloseReason,
    supervision::{Exit, RestartPolicy, failpoint, start_permanent},
    telemetry::Refusal,
};

/// Runs one session thread: opens sessions, carries orders to them, wakes them at their deadlines,
/// and hands over at the end of each turn what they have gathered.
pub struct SessionHost {
    pub(super) thread: Rc<SessionThread>,
    /// Since the drain began: when, and over what time sessions are let go of. Newcomers that were
    /// still under way then are turned away.
    drain: Option<(u64, Duration)>,
    /// The gateway has stopped: the host ends with its last session.
    pub(super) stopping: bool,
    /// Whether a look for peers that have hung up is set.
    pub(super) sweeping: bool,
}

/// Starts the host of a thread on the thread that calls this.
pub fn start_host(
    thread: Rc<SessionThread>,
    on_exit: impl FnMut(Exit) + Unpin + 'static,
) -> Addr<SessionHost> {
    let state = Rc::clone(&thread);
    let make = move |_: &mut Context<SessionHost>| SessionHost {
        thread: state,
        drain: None,
        stopping: false,
        sweeping: false,
    };
    let host = start_permanent(1024, RestartPolicy::default(), make, on_exit);
    // Set only here, once.
    let _ = thread.host.set(Arc::new(host.clone().recipient()));
    host
}

impl SessionHost {
    fn run(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(Housekeeping::new(&self.thread));
        let mut paused = self.thread.ports.spool.pressure().watch();
        paused.mark_changed();
        ctx.spawn(
            fut::wrap_future::<_, Self>(async move {
                let _ = paused.changed().await;
            })
            .map(Self::follow_pause),
        );
    }
}

impl Actor for SessionHost {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.run(ctx);
        if let Some((began, spread)) = self.drain {
            let gone = Duration::from_millis(self.thread.now().saturating_sub(began));
            self.let_all_go(spread.saturating_sub(gone), ctx);
        }
    }
}

/// The thread's state is not the actor's and survives. `started` runs again behind a restart, and
/// makes the futures anew. Orders may have been lost with the message that crashed: a census that
/// nobody asked for has the registry repeat those that are still waited for.
impl Supervised for SessionHost {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.sweeping = false;
        self.send_census();
    }
}

impl Handler<Open> for SessionHost {
    type Result = ();

    fn handle(&mut self, Open(arrivals): Open, _: &mut Context<Self>) {
        for arrival in arrivals {
            match self.drain {
                None => self.thread.open(arrival),
                Some(_) => self.thread.turn_away(&arrival, Refusal::Draining),
            }
        }
    }
}

impl Handler<Orders> for SessionHost {
    type Result = ();

    fn handle(&mut self, Orders(orders): Orders, _: &mut Context<Self>) {
        for Order { seat, session, kind } in orders {
            let nudge = match kind {
                OrderKind::Grant => Nudge::Granted,
                OrderKind::End(reason) => Nudge::End(reason),
                OrderKind::Probe => Nudge::Probe,
            };
            let is_it = self
                .thread
                .with(seat.slot, |who| (who.session == session).then_some(who.behind.is_some()));
            match is_it.flatten() {
                None => {}
                Some(false) => self.thread.nudge(seat.slot, nudge),
                Some(true) => self.thread.nudge(seat.slot, nudge.of_subdevice(seat.slot)),
            }
        }
    }
}

impl Handler<Deliveries> for SessionHost {
    type Result = ();

    fn handle(&mut self, Deliveries(deliveries): Deliveries, _: &mut Context<Self>) {
        for delivery in deliveries {
            if let Some(slot) = self.thread.take_delivery(delivery) {
                self.thread.nudge(slot, Nudge::Command);
            }
        }
    }
}

impl Handler<TakeCensus> for SessionHost {
    type Result = ();

    fn handle(&mut self, _: TakeCensus, _: &mut Context<Self>) {
        self.send_census();
    }
}

impl SessionHost {
    fn send_census(&self) {
        self.thread.flush();
        let present = {
            let table = self.thread.table.borrow();
            table.iter().filter_map(|(slot, who)| who.present(self.thread.seat(slot))).collect()
        };
        let census = Census { thread: self.thread.number, present };
        self.thread.ports.census.do_send(census);
    }
}

impl Handler<Instruct> for SessionHost {
    type Result = Result<(), Refused>;

    fn handle(&mut self, instruct: Instruct, _: &mut Context<Self>) -> Self::Result {
        failpoint::hit("host.instruct", "");
        let (slot, session) = (instruct.slot, instruct.session);
        let host = self.thread.with(slot, |who| (who.session == session).then_some(who.behind));
        let Some(behind) = host.flatten() else { return Err(Refused::Gone) };
        if let (Some(_), Instruction::Close(_) | Instruction::Reset | Instruction::Finish) =
            (behind, &instruct.what)
        {
            let end = Nudge::End(CloseReason::Kicked).of_subdevice(slot);
            self.thread.nudge(slot, end);
            return Ok(());
        }
        let slot = behind.unwrap_or(slot);
        let queued = self.thread.with(slot, |who| {
            if who.reason.is_some() {
                return Err(Refused::Gone);
            }
            let limit = who.listener.outbound_limit;
            match &instruct.what {
                Instruction::Write(bytes) | Instruction::TryWrite(bytes) => {
                    who.outbound.push(bytes, limit)
                }
                Instruction::Finish => {
                    who.outbound.finish();
                    Ok(())
                }
                Instruction::Close(_) | Instruction::Reset => Ok(()),
            }
        });
        let answer = queued.unwrap_or(Err(Refused::Gone));
        match (instruct.what, answer) {
            (Instruction::Write(_), Err(Refused::Full)) => {
                self.thread.nudge(slot, Nudge::End(CloseReason::SlowReader));
            }
            (_, Err(_)) => {}
            (Instruction::Close(reason), Ok(())) => self.thread.nudge(slot, Nudge::End(reason)),
            (Instruction::Reset, Ok(())) => self.thread.nudge(slot, Nudge::Reset),
            (_, Ok(())) => self.thread.nudge(slot, Nudge::Look),
        }
        answer
    }
}

impl Handler<Drain> for SessionHost {
    type Result = ();

    fn handle(&mut self, drain: Drain, ctx: &mut Context<Self>) {
        self.drain = Some((self.thread.now(), drain.spread));
        self.let_all_go(drain.spread, ctx);
    }
}

impl Handler<Stop> for SessionHost {
    type Result = ();

    fn handle(&mut self, _: Stop, _: &mut Context<Self>) {
        self.stopping = true;
        self.thread.nudge_all(Nudge::Abandon);
    }
}

impl SessionHost {
    /// Each session is let go of at a random moment of the spread.
    fn let_all_go(&mut self, spread: Duration, ctx: &mut Context<Self>) {
        let spread = spread.as_millis() as u64;
        let seed = self.thread.ports.seed ^ u64::from(self.thread.number);
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut leaving: Vec<(u64, u32)> = self
            .thread
            .table
            .borrow()
            .iter()
            .map(|(slot, _)| (dice.random_range(0..=spread), slot))
            .collect();
        leaving.sort_unstable();
        self.let_go(leaving, self.thread.now(), ctx);
    }

    fn let_go(&mut self, leaving: Vec<(u64, u32)>, began: u64, ctx: &mut Context<Self>) {
        let elapsed = self.thread.now().saturating_sub(began);
        let due = leaving.partition_point(|(at, _)| *at <= elapsed);
        for (_, slot) in &leaving[..due] {
            self.thread.nudge(*slot, Nudge::End(CloseReason::Draining));
        }
        let Some((next, _)) = leaving.get(due).copied() else { return };
        let rest = leaving[due..].to_vec();
        let pause = Duration::from_millis((next - elapsed).max(10));
        ctx.run_later(pause, move |host, ctx| host.let_go(rest, began, ctx));
    }
}

impl Handler<Drained> for SessionHost {
    type Result = usize;

    fn handle(&mut self, _: Drained, _: &mut Context<Self>) -> usize {
        self.thread.flush();
        self.thread.sessions()
    }
}

impl SessionThread {
    /// Sends a word to the session in `slot`.
    pub(super) fn nudge(&self, slot: u32, nudge: Nudge) {
        let address = self.with(slot, |who| who.address());
        if let Some(address) = address.flatten() {
            address.do_send(nudge);
        }
    }

    fn nudge_all(&self, nudge: Nudge) {
        for (_, who) in self.table.borrow().iter() {
            if let Some(address) = who.address() {
                address.do_send(nudge);
            }
        }
    }
}
