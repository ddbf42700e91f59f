//! Says hello to a browser: a raw connection that answers as a web server would.
//!
//! Shows an *observer* that writes its last words to a session and ends it.
//!
//! ```text
//! cargo run --example hello_browser -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/
//! ```
#![allow(clippy::print_stdout)] // a program that talks to its user

use actix::prelude::*;
use tetherd::{
    app::{Gateway, process::serve},
    config,
    extension::{Happened, Observed},
};

const PAGE: &str = "<!doctype html><title>tetherd</title><h1>Hello, browser!</h1>\n";

/// Answers whatever is asked with the same page.
struct Hello;

impl Actor for Hello {
    type Context = Context<Self>;
}

impl Handler<Observed> for Hello {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Observed(batch): Observed, _: &mut Context<Self>) -> Self::Result {
        Box::pin(async move {
            for occurrence in batch.iter() {
                if let (Happened::Data(_), Some(session)) = (&occurrence.what, &occurrence.session)
                {
                    // The second part of a long request finds the session ended already.
                    let _ = session.end(response()).await;
                }
            }
        })
    }
}

fn response() -> String {
    let length = PAGE.len();
    format!(
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         Connection: close\r\n\
         \r\n\
         {PAGE}"
    )
}

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let loaded = config::from_toml(&format!(
        "[listener.browsers]
         address = '{address}'
         protocol = 'raw' # nobody has to say who he is
         [drain]
         spread = '0s'"
    ))?;
    let builder = Gateway::builder(loaded).observe(Hello.start().recipient());
    serve(builder, |gateway| {
        println!("listening on {}", gateway.listener_address("browsers").unwrap_or_default());
    })
    .await?;
    Ok(())
}
