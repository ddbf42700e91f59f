//! From what has happened to what leaves.

use std::{collections::BTreeMap, mem, time::Instant};

use actix::{fut, prelude::*};

use super::{Commander, REST, SIGN_EVERY, TakeTurn, Turn, now};
use crate::{
    commands::{Answer, Due, Keeper, Step, Written, pattern},
    messages::{Awaited, Deliveries, Delivery},
    model::CommandFault,
};

impl Handler<TakeTurn> for Commander {
    type Result = ();

    fn handle(&mut self, _: TakeTurn, ctx: &mut Context<Self>) {
        self.is_called = false;
        self.take_turn(false, ctx);
    }
}

impl Commander {
    /// Lets everything leave that may, and has the journal written for the rest.
    fn take_turn(&mut self, mut sign: bool, ctx: &mut Context<Self>) {
        let now = now();
        while self.rests_until.is_none_or(|until| until <= now.clock) {
            self.rests_until = None;
            let sign = mem::take(&mut sign) || self.wants_last_word();
            let step = self.keeper().step(now, sign);
            match step {
                Step::Nothing => break,
                Step::Leave(turn) => {
                    let waiting = mem::take(&mut self.waiting);
                    self.let_go(turn, waiting);
                }
                Step::Write(writing) => {
                    self.signed = now.clock;
                    if let Some(ending) = &mut self.ending {
                        ending.is_signed = true;
                    }
                    self.under_way.append(&mut self.waiting);
                    let work = actix_rt::task::spawn_blocking(move || writing.run());
                    let work =
                        fut::wrap_future(work).map(|done, commander: &mut Self, ctx: &mut _| {
                            let written = done.unwrap_or_else(|_| Written::crashed());
                            commander.written(written, ctx);
                        });
                    ctx.spawn(work);
                    break;
                }
            }
        }
        self.tidy_up(ctx);
    }

    /// So that a restart knows what the clock showed at the end.
    fn wants_last_word(&self) -> bool {
        let is_durable = || self.keeper().is_durable();
        self.ending.as_ref().is_some_and(|ending| !ending.is_signed) && is_durable()
    }

    fn written(&mut self, written: Written, ctx: &mut Context<Self>) {
        let written = self.keeper().written(written);
        match written {
            Ok(turn) => {
                let waiters = mem::take(&mut self.under_way);
                self.let_go(turn, waiters);
            }
            Err(error) => {
                self.parts.telemetry.commands_not_kept(&error);
                self.rests_until = Some(now().clock + REST);
            }
        }
        self.take_turn(false, ctx);
    }

    /// Tells what is safe: to the upstreams first, then to whoever asked, then to sessions.
    fn let_go(&mut self, turn: Turn, waiters: Vec<super::Waiter>) {
        for told in &turn.told {
            self.batch.push(&told.event());
            let (id, name) = (&told.id, &told.name);
            self.parts.telemetry.command(id, name, told.attempt, told.state, told.reason);
        }
        self.parts.spool.append(&mut self.batch);
        for waiter in waiters {
            // Who does not wait any more has had its answer by the event.
            let _ = waiter.asks.send(waiter.state);
        }
        self.deliver(turn.due);
    }

    fn deliver(&mut self, due: Vec<Due>) {
        let mut deliveries: BTreeMap<u32, Vec<Delivery>> = BTreeMap::new();
        let now = now();
        for due in due {
            let is_there = self.thread(due.seat.thread).is_some();
            let mut keeper = self.keeper();
            let Keeper { commands, turn, .. } = &mut *keeper;
            if !commands.may_go(due.attempt, now, turn) {
                continue;
            }
            if !is_there {
                commands.missed(due.attempt, now, &|_| None, turn);
                continue;
            }
            match delivery(due) {
                Ok(delivery) => deliveries.entry(delivery.seat.thread).or_default().push(delivery),
                Err(attempt) => {
                    commands.failed(attempt, CommandFault::Refused, now, &|_| None, turn);
                }
            }
        }
        for (thread, deliveries) in deliveries {
            if let Some(thread) = self.thread(thread) {
                thread.do_send(Deliveries(deliveries));
            }
        }
    }

    fn thread(&self, number: u32) -> Option<&Recipient<Deliveries>> {
        self.threads.get(number as usize).filter(|thread| thread.connected())
    }

    /// Sees to what comes next.
    fn tidy_up(&mut self, ctx: &mut Context<Self>) {
        let (forgotten, is_empty, is_busy, next) = {
            let mut keeper = self.keeper();
            let Keeper { commands, .. } = &mut *keeper;
            let next = commands.next_deadline();
            (commands.take_forgotten(), commands.is_empty(), keeper.is_busy(), next)
        };
        if forgotten > 0 {
            self.parts.telemetry.commands_forgotten(forgotten);
        }
        self.parts.wanted.set(!is_empty);
        let ending = self.ending.as_mut().filter(|_| !is_busy);
        if let Some(tell) = ending.and_then(|ending| ending.tell.take()) {
            // Whoever wanted to know may have given up.
            let _ = tell.send(());
            return;
        }
        let sign = (!is_empty).then(|| self.signed + SIGN_EVERY);
        self.set_alarm([next, sign, self.rests_until].into_iter().flatten().min(), ctx);
    }

    fn set_alarm(&mut self, at: Option<Instant>, ctx: &mut Context<Self>) {
        if self.alarm.map(|(at, _)| at) == at {
            return;
        }
        if let Some((_, handle)) = self.alarm.take() {
            ctx.cancel_future(handle);
        }
        let Some(at) = at else { return };
        let pause = at.saturating_duration_since(now().clock);
        let handle = ctx.run_later(pause, |commander, ctx| {
            commander.alarm = None;
            commander.wake_up(ctx);
        });
        self.alarm = Some((at, handle));
    }

    fn wake_up(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        let sign = now.clock >= self.signed + SIGN_EVERY;
        if sign {
            self.signed = now.clock;
        }
        self.happen(ctx, |Keeper { commands, turn, .. }, find| {
            commands.heed_wall_clock(now, turn);
            commands.advance(now, find, turn);
        });
        self.take_turn(sign, ctx);
    }
}

/// As sessions are told; the attempt where its pattern, checked when it came, cannot be compiled.
fn delivery(due: Due) -> Result<Delivery, u64> {
    let Due { attempt, seat, session, data, answer, timeout } = due;
    let answer = match answer {
        Answer::Nothing => Awaited::Nothing,
        Answer::Frame => Awaited::Frame,
        Answer::Match(text) => Awaited::Match(pattern(&text).map_err(|_| attempt)?.into()),
    };
    Ok(Delivery { seat, session, attempt, data, answer, timeout })
}
