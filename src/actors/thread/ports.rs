use std::sync::Arc;

use actix::Recipient;

use super::CommandPorts;
use crate::{
    extension::Extensions,
    limits::Occupancy,
    messages::{Census, Names, ProbeAnswered},
    spool::Spool,
    telemetry::Telemetry,
};

/// Where the sessions of a thread report to. Made by the composition root, one for each thread.
#[derive(Clone)]
pub struct ThreadPorts {
    /// Takes the events.
    pub spool: Arc<dyn Spool>,
    /// Whether there is no other thread of sessions.
    pub is_alone: bool,
    /// Connections of all threads.
    pub occupancy: Arc<Occupancy>,
    /// The way to the commander; none where nothing is commanded.
    pub commands: Option<CommandPorts>,
    /// What users have plugged in.
    pub extensions: Arc<Extensions>,
    /// Log and counts.
    pub telemetry: Telemetry,
    /// Draws the moments of a drain.
    pub seed: u64,
    /// The registry, for claims and departures.
    pub names: Recipient<Names>,
    /// The registry, for answers to a probe.
    pub probes: Recipient<ProbeAnswered>,
    /// The registry, for a census.
    pub census: Recipient<Census>,
}
