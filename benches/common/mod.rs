//! What the benchmarks share. Each uses a part of it.

#![allow(dead_code)] // what one benchmark leaves out, another uses

pub mod line;
pub mod machine;
pub mod process;
pub mod program;
pub mod report;
pub mod rsyslog;
pub mod usage;
pub mod valgrind;
