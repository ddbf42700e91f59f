//! Talk: each message is answered after two seconds with `server message 1`, `server message 2`,
//! and so on, counted over all devices.
//!
//! Shows an *observer* that answers later, by a timer of its own.
//!
//! ```text
//! cargo run --example talk -- 127.0.0.1:7000 2s
//! tetherd device 127.0.0.1:7000 --no-register --every 1h --data hello --answer 'client data: {i}'
//! ```
#![allow(clippy::print_stdout)] // a program that talks to its user

use std::time::Duration;

use actix::prelude::*;
use tetherd::{
    app::{Gateway, process::serve},
    config,
    extension::{Happened, Observed, Occurrence},
    units::Span,
};

/// Answers each message after a while.
struct Talker {
    delay: Duration,
    answered: u64,
}

impl Actor for Talker {
    type Context = Context<Self>;
}

impl Talker {
    fn answer(&mut self, message: Occurrence, ctx: &mut Context<Self>) {
        self.answered += 1;
        let answer = format!("server message {}", self.answered);
        let reply = async move {
            // Who has gone meanwhile gets no answer.
            let _ = message.reply(answer).await;
        };
        ctx.spawn(reply.into_actor(self));
    }
}

impl Handler<Observed> for Talker {
    type Result = ();

    fn handle(&mut self, Observed(batch): Observed, ctx: &mut Context<Self>) {
        for occurrence in batch.iter().filter(|it| matches!(it.what, Happened::Data(_))) {
            let message = occurrence.clone();
            ctx.run_later(self.delay, |talker, ctx| talker.answer(message, ctx));
        }
    }
}

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let delay: Span = arguments.next().as_deref().unwrap_or("2s").parse()?;
    let loaded = config::from_toml(&format!(
        "[listener.talk]
         address = '{address}'
         protocol = 'raw' # nobody has to say who he is
         [drain]
         spread = '0s'"
    ))?;
    let talker = Talker { delay: delay.get(), answered: 0 }.start();
    let builder = Gateway::builder(loaded).observe(talker.recipient());
    serve(builder, |gateway| {
        println!("listening on {}", gateway.listener_address("talk").unwrap_or_default());
    })
    .await?;
    Ok(())
}
