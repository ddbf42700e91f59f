//! What users plug in: actors of their own, known here only by the messages they take.
//!
//! - An **observer** is told ([`Observed`], in batches) and holds nothing up: its mailbox capacity
//!   is how many batches it may lag, and what it misses is counted.
//! - A **decider** is asked ([`Question`]) at chosen [`Moment`]s, and the session's reading waits
//!   for its [`Verdict`]. It has a deadline, and the registration says what counts when it is
//!   silent, busy or dead.
//!
//! Both get a [`SessionHandle`] to write to the session, close, half-close or reset it. A gateway
//! that is built in code needs no upstream.
//!
//! A decider that answers each chunk before the next one is read:
//!
//! ```
//! use actix::prelude::*;
//! use tetherd::{
//!     app::Gateway,
//!     config,
//!     extension::{Happened, Moment, Question, Verdict},
//! };
//! use tokio::{
//!     io::{AsyncReadExt, AsyncWriteExt},
//!     net::TcpStream,
//! };
//!
//! struct Shout;
//!
//! impl Actor for Shout {
//!     type Context = Context<Self>;
//! }
//!
//! impl Handler<Question> for Shout {
//!     type Result = ResponseFuture<Verdict>;
//!
//!     fn handle(&mut self, Question(asked): Question, _: &mut Context<Self>) -> Self::Result {
//!         Box::pin(async move {
//!             if let Happened::Data(said) = &asked.what {
//!                 let _ = asked.reply(said.to_ascii_uppercase()).await;
//!             }
//!             Verdict::Proceed
//!         })
//!     }
//! }
//!
//! # actix_rt::System::new().block_on(async {
//! let loaded = config::from_toml("[listener.dtu]\naddress = '127.0.0.1:0'\nprotocol = 'raw'")?;
//! let gateway = Gateway::builder(loaded)
//!     .decide_leniently(Moment::Data, Shout.start().recipient())
//!     .start()
//!     .await?;
//!
//! let mut device = TcpStream::connect(gateway.listener_address("dtu").unwrap()).await?;
//! device.write_all(b"ahoy").await?;
//! let mut heard = [0; 4];
//! device.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"AHOY");
//! # drop(device);
//! # gateway.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decider;
mod handle;
mod occurrence;
mod registry;

pub use decider::{Decider, Question, Verdict};
pub use handle::SessionHandle;
pub use occurrence::{Happened, Moment, Observed, Occurrence};
pub use registry::{Answer, Extensions, ExtensionsBuilder};

pub use crate::messages::Refused;
