//! What people ran before, each with a test that it can be replaced:
//!
//! | | system | here |
//! |---|---|---|
//! | a | a gateway for DTUs, one port for devices and web server | profile `classic` |
//! | b | its client, which keeps a long connection | `tetherd device` |
//! | c | a server that greets, tells what it sees, and waits for the last | `examples/greet.rs`, drain |
//! | d | time-outs that only notify; last words; ends and resets | `on_idle`, handles |
//! | e | echo, at once or after a silence; hello to a browser | `examples/echo.rs`, `hello_browser.rs` |
//! | f | a client that looks a name up and takes the first answer | `tetherd device --once` |
//! | g | listening by name, limits, bytes read, text | configuration, counts |
//! | h | all that devices say, in one file | `examples/record.rs` |
//! | i | writes that are refused until there is room; a pause on connect | handles, deciders |
//! | j | a talk in turns, answered after a while | `examples/talk.rs`, `tetherd device --answer` |
#![allow(clippy::unwrap_used)] // a failed step fails the test

mod harness;

#[path = "classics/a_gateway_for_dtus.rs"]
mod a_gateway_for_dtus;
#[path = "classics/b_f_clients.rs"]
mod b_f_clients;
#[path = "classics/c_greeting.rs"]
mod c_greeting;
#[path = "classics/d_time_outs_and_ends.rs"]
mod d_time_outs_and_ends;
#[path = "classics/e_echo_and_browser.rs"]
mod e_echo_and_browser;
#[path = "classics/g_listening.rs"]
mod g_listening;
#[path = "classics/h_record.rs"]
mod h_record;
#[path = "classics/i_pressure.rs"]
mod i_pressure;
#[path = "classics/j_talk.rs"]
mod j_talk;
#[path = "classics/kernel.rs"]
mod kernel;
#[path = "classics/program.rs"]
mod program;
#[path = "classics/witness.rs"]
mod witness;
