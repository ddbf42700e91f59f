//! Greets whoever connects before a byte was read, prints what everybody says, and sees them go.
//!
//! Shows one actor that is a *decider* for connections, since nothing is read from a device before
//! it has answered, and an *observer* of everything else. The number of connections comes with
//! each occurrence.
//!
//! ```text
//! cargo run --example greet -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! Ctrl-C takes no newcomers, and waits until the last device has gone.
#![allow(clippy::print_stdout)] // a program that talks to its user

use actix::prelude::*;
use tetherd::{
    app::{Gateway, process::serve},
    config,
    extension::{Happened, Moment, Observed, Occurrence, Question, Verdict},
    simulator::escape,
};

/// Most bytes of a message that are printed.
const SHOWN: usize = 200;

/// Greets, and tells what it sees.
struct Greeter;

impl Actor for Greeter {
    type Context = Context<Self>;
}

impl Handler<Question> for Greeter {
    type Result = ResponseFuture<Verdict>;

    fn handle(&mut self, Question(newcomer): Question, _: &mut Context<Self>) -> Self::Result {
        Box::pin(async move {
            let greeting = format!("Welcome, you are one of {}\r\n", newcomer.connections);
            match newcomer.reply(greeting).await {
                Ok(()) => Verdict::Proceed,
                Err(refused) => Verdict::Refuse(refused.to_string()),
            }
        })
    }
}

impl Handler<Observed> for Greeter {
    type Result = ();

    fn handle(&mut self, Observed(batch): Observed, _: &mut Context<Self>) {
        batch.iter().for_each(tell);
    }
}

fn tell(occurrence: &Occurrence) {
    let Some(peer) = &occurrence.peer else { return };
    let connections = occurrence.connections;
    match &occurrence.what {
        Happened::Connected => println!("{peer} connected, {connections} now"),
        // A terminal must not obey what a device sends.
        Happened::Data(bytes) => println!("{peer} said {}", escape(bytes, SHOWN)),
        Happened::PeerFinished => println!("{peer} has said all"),
        Happened::Closed { reason, received_bytes, sent_bytes } => println!(
            "{peer} closed: {reason}, {received_bytes} B received, {sent_bytes} B sent, \
             {connections} now"
        ),
        _ => {}
    }
}

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let loaded = config::from_toml(&format!(
        "[listener.greet]
         address = '{address}'
         protocol = 'raw' # nobody has to say who he is
         [drain]
         spread = '0s'"
    ))?;
    let greeter = Greeter.start();
    let builder = Gateway::builder(loaded)
        .decide_leniently(Moment::Connected, greeter.clone().recipient())
        .observe(greeter.recipient());
    serve(builder, |gateway| {
        println!("listening on {}", gateway.listener_address("greet").unwrap_or_default());
    })
    .await?;
    println!("the last one has gone");
    Ok(())
}
