//! A gateway with a protocol in code, for trackers that no protocol file can describe.
//!
//! `protocols/arnavi.toml` calls the code by its name, `protocol.rs` is the code, and two lines here
//! plug it in. Run it from the folder of the sources, beside a web server:
//!
//! ```text
//! node examples/webserver.js
//! cargo run --example arnavi
//! printf '\xff\x22\x01\x90\xa9\x41\x27\x0e\x03\x00' | nc 127.0.0.1 7000 | xxd
//! ```
#![allow(clippy::print_stdout)] // a program that talks to its user

mod protocol;

use std::{path::PathBuf, sync::Arc};

use tetherd::{
    app::{Gateway, process::serve},
    config::{Options, load},
};

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "examples/arnavi".to_owned());
    let options = Options { paths: vec![PathBuf::from(folder)], ..Options::default() };
    let builder = Gateway::builder(load(&options)?).protocol("arnavi", Arc::new(protocol::Arnavi));
    serve(builder, |gateway| {
        println!("listening on {}", gateway.listener_address("trackers").unwrap_or_default());
    })
    .await?;
    Ok(())
}
