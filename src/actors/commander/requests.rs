//! What others say to the commander.

use std::sync::Arc;

use actix::{fut, prelude::*};
use tokio::{sync::oneshot, time::timeout};

use super::{Commander, Ending, Waiter, now};
use crate::{
    commands::{Command, Keeper, Refusal, Request, parse},
    messages::{
        CameOnline, Cancel, CommandLine, Finish, Look, Progress, Progresses, Standing, Step, Submit,
    },
    model::{CommandFault, CommandState},
    supervision::failpoint,
};

impl Commander {
    fn submit(
        &mut self,
        command: Command,
        ctx: &mut Context<Self>,
    ) -> Result<CommandState, Refusal> {
        failpoint::hit("commander.submit", &command.id);
        self.refuses().map_or(Ok(()), Err)?;
        self.happen(ctx, |Keeper { commands, turn, .. }, find| {
            commands.submit(command, now(), find, turn)
        })
    }

    fn cancel(&mut self, id: &Arc<str>, ctx: &mut Context<Self>) -> Result<CommandState, Refusal> {
        self.refuses().map_or(Ok(()), Err)?;
        self.happen(ctx, |Keeper { commands, turn, .. }, _| commands.cancel(id, now(), turn))
    }

    /// Answers when what has happened so far is safe.
    fn answer_later(
        &mut self,
        done: Result<CommandState, Refusal>,
    ) -> ResponseFuture<Result<CommandState, Refusal>> {
        let state = match done {
            Ok(state) => state,
            Err(refusal) => return Box::pin(async { Err(refusal) }),
        };
        let (asks, told) = oneshot::channel();
        self.waiting.push(Waiter { asks, state });
        Box::pin(async { told.await.map_err(|_| Refusal::Away) })
    }
}

impl Handler<CommandLine> for Commander {
    type Result = Result<(), Refusal>;

    fn handle(&mut self, asked: CommandLine, ctx: &mut Context<Self>) -> Self::Result {
        match parse(&asked.line)? {
            Request::Command(command) => self.submit(*command, ctx).map(drop),
            Request::Cancel(id) => self.cancel(&id, ctx).map(drop),
        }
    }
}

impl Handler<Submit> for Commander {
    type Result = ResponseFuture<Result<CommandState, Refusal>>;

    fn handle(&mut self, Submit(command): Submit, ctx: &mut Context<Self>) -> Self::Result {
        let done = self.submit(command, ctx);
        self.answer_later(done)
    }
}

impl Handler<Cancel> for Commander {
    type Result = ResponseFuture<Result<CommandState, Refusal>>;

    fn handle(&mut self, Cancel(id): Cancel, ctx: &mut Context<Self>) -> Self::Result {
        let done = self.cancel(&id, ctx);
        self.answer_later(done)
    }
}

impl Handler<Look> for Commander {
    type Result = MessageResult<Look>;

    fn handle(&mut self, Look(id): Look, _: &mut Context<Self>) -> Self::Result {
        let keeper = self.keeper();
        let told = keeper.commands.look(&id);
        let has_ended = keeper.commands.has_ended(&id);
        MessageResult(told.map(|told| Standing { told, has_ended }))
    }
}

impl Handler<Progresses> for Commander {
    type Result = ();

    fn handle(&mut self, Progresses(news): Progresses, ctx: &mut Context<Self>) {
        self.happen(ctx, |Keeper { commands, turn, .. }, find| {
            for Progress { attempt, time, step } in news {
                let (now, fault) = (now(), CommandFault::NoAnswer);
                match step {
                    Step::Written => commands.written(attempt, time, turn),
                    Step::Acknowledged => commands.acknowledged(attempt, time, now, find, turn),
                    Step::Answered(data) => {
                        commands.answered(attempt, data, time, now, find, turn);
                    }
                    Step::NoAnswer => commands.failed(attempt, fault, now, find, turn),
                    Step::Refused => {
                        commands.failed(attempt, CommandFault::Refused, now, find, turn);
                    }
                    Step::Missed => commands.missed(attempt, now, find, turn),
                    Step::Uncertain => commands.lost(attempt, now, find, turn),
                }
            }
        });
    }
}

impl Handler<CameOnline> for Commander {
    type Result = ();

    fn handle(&mut self, CameOnline(devices): CameOnline, ctx: &mut Context<Self>) {
        self.happen(ctx, |Keeper { commands, turn, .. }, _| {
            for (name, seat, session) in devices {
                commands.came_online(&name, seat, session, now(), turn);
            }
        });
    }
}

impl Handler<Finish> for Commander {
    type Result = ResponseActFuture<Self, ()>;

    /// Takes nothing more, and ends when everything that has happened is safe and told, or its time
    /// is over. What waits for devices stays in the journal.
    fn handle(&mut self, finish: Finish, ctx: &mut Context<Self>) -> Self::Result {
        let (tell, done) = oneshot::channel();
        self.ending = Some(Ending { tell: Some(tell), is_signed: false });
        self.call(ctx);
        // Not in time, or never: either way there is nothing more to wait for.
        let done = async move { drop(timeout(finish.within, done).await) };
        Box::pin(fut::wrap_future(done).map(|(), _: &mut Self, ctx: &mut Context<Self>| ctx.stop()))
    }
}
