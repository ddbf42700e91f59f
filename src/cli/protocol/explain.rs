//! x
use std::process::ExitCode;
use crate::config::Options;
pub(super) const EXAMPLES: &str = "";
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {}
pub(super) fn run(_: &ExplainArgs, _: &Options) -> ExitCode { ExitCode::SUCCESS }
