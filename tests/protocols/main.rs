//! Protocol files against frames as datasheets lay them out: all that is built in, and a few more
//! that show what the guide can say.

#![allow(clippy::unwrap_used)] // a failed step fails the test

#[path = "../../fuzz/bodies.rs"]
mod bodies;
mod coverage;
mod dice;
mod extra;
mod fuzzed;
mod guide;
mod hostile;
mod run;
mod samples;
#[path = "../../fuzz/session.rs"]
mod session;
