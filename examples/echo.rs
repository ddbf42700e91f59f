//! Echo: each message comes back as `You said "..."`.
//!
//! Shows a *decider*: it is asked about every chunk of data, and the next one is read only when it
//! has answered, so that a device which does not read its echo is not read either. Beside it an
//! *observer*, which hears of devices that fall idle and of those that are gone.
//!
//! ```text
//! cargo run --example echo -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! With a time-out behind the address, a device is echoed only after it has been silent for so
//! long once: `cargo run --example echo -- 127.0.0.1:7000 3s`.
#![allow(clippy::print_stdout)] // a program that talks to its user

use std::collections::HashSet;

use actix::prelude::*;
use tetherd::{
    app::{Gateway, process::serve},
    config,
    extension::{Happened, Moment, Observed, Question, Verdict},
    model::SessionId,
};

/// Echoes the sessions that it may echo.
struct Echo {
    /// Whether a session must have been idle first.
    after_idle: bool,
    have_been_idle: HashSet<SessionId>,
}

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Handler<Question> for Echo {
    type Result = ResponseFuture<Verdict>;

    fn handle(&mut self, Question(asked): Question, _: &mut Context<Self>) -> Self::Result {
        let session = asked.session.as_ref().map(|session| session.id());
        let may = session.is_some_and(|id| !self.after_idle || self.have_been_idle.contains(&id));
        Box::pin(async move {
            if let Happened::Data(said) = &asked.what
                && may
            {
                let echo = [b"You said \"", &said[..], b"\"\r\n"].concat();
                // One that has gone meanwhile misses its echo.
                let _ = asked.reply(echo).await;
            }
            Verdict::Proceed
        })
    }
}

impl Handler<Observed> for Echo {
    type Result = ();

    fn handle(&mut self, Observed(batch): Observed, _: &mut Context<Self>) {
        for occurrence in batch.iter() {
            let (Some(session), Some(peer)) = (&occurrence.session, &occurrence.peer) else {
                continue;
            };
            match occurrence.what {
                Happened::Idle if self.have_been_idle.insert(session.id()) => {
                    println!("{peer} has been silent, its echo starts");
                }
                Happened::Closed { .. } => drop(self.have_been_idle.remove(&session.id())),
                _ => {}
            }
        }
    }
}

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let after_idle = arguments.next();
    let loaded = config::from_toml(&format!(
        "[listener.echo]
         address = '{address}'
         protocol = 'raw' # nobody has to say who he is
         idle_timeout = '{}'
         on_idle = 'notify'
         [drain]
         spread = '0s'",
        after_idle.as_deref().unwrap_or("0s")
    ))?;
    let echo = Echo { after_idle: after_idle.is_some(), have_been_idle: HashSet::new() }.start();
    let builder = Gateway::builder(loaded)
        .decide_leniently(Moment::Data, echo.clone().recipient())
        .observe(echo.recipient());
    serve(builder, |gateway| {
        println!("listening on {}", gateway.listener_address("echo").unwrap_or_default());
    })
    .await?;
    Ok(())
}
