//! Records what all devices say into one file, which stays open when they end.
//!
//! Shows a *decider* that may take its time: it lives on a thread of its own, where waiting for a
//! disk costs no device anything, and a device is read on only when its bytes are written. An
//! observer would be told as well, but might miss what it is too slow for.
//!
//! ```text
//! cargo run --example record -- 127.0.0.1:7000 recording.bin
//! nc 127.0.0.1 7000
//! ```
#![allow(clippy::print_stdout)] // a program that talks to its user

use std::{
    fs::{File, OpenOptions},
    io::Write,
    time::Duration,
};

use actix::prelude::*;
use anyhow::Context as _;
use tetherd::{
    app::{Gateway, process::serve},
    config,
    extension::{Decider, Happened, Moment, Question, Verdict},
};

/// Holds the file, and writes to it in the order of the questions.
struct Recorder {
    file: File,
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Question> for Recorder {
    type Result = Verdict;

    fn handle(&mut self, Question(asked): Question, _: &mut Context<Self>) -> Verdict {
        let Happened::Data(bytes) = &asked.what else { return Verdict::Proceed };
        match self.file.write_all(bytes) {
            Ok(()) => Verdict::Proceed,
            Err(error) => Verdict::Refuse(format!("cannot record: {error}")),
        }
    }
}

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let path = arguments.next().unwrap_or_else(|| "recording.bin".to_owned());
    let loaded = config::from_toml(&format!(
        "[listener.record]
         address = '{address}'
         protocol = 'raw' # nobody has to say who he is
         [drain]
         spread = '0s'"
    ))?;
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot open {path}"))?;
    let disk = Arbiter::new();
    let recorder = Recorder::start_in_arbiter(&disk.handle(), |_| Recorder { file });
    let too_slow = Verdict::Refuse("the disk does not keep up".to_owned());
    let decider = Decider::new(recorder.recipient(), Duration::from_secs(60), too_slow);
    let builder = Gateway::builder(loaded).decide(Moment::Data, decider);
    serve(builder, |gateway| {
        println!("listening on {}", gateway.listener_address("record").unwrap_or_default());
    })
    .await?;
    disk.stop();
    Ok(())
}
