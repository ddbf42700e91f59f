use std::{io, num::NonZero, rc::Rc, thread::available_parallelism};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{StartFault, exits::ExitReports};
use crate::{
    actors::{SessionHost, SessionThread, ThreadPorts, start_host},
    health::{Heart, Heartbeats, PATIENCE},
    telemetry::ActorKind,
    units::Auto,
};

/// The session threads of a gateway.
pub struct Threads {
    /// Their hosts, by number.
    pub hosts: Vec<Addr<SessionHost>>,
    /// Those of their own; none where one thread carries everything.
    pub arbiters: Vec<Arbiter>,
}

/// How many session threads `threads` means. Below four cores one thread carries everything: the
/// wake-ups between threads cost more than the work.
pub fn count(threads: Auto) -> usize {
    threads.or_else(|| {
        let cores = available_parallelism().map_or(1, NonZero::get);
        if cores < 4 { 1 } else { cores - 1 }
    })
}

/// Starts them: a single one on this thread, several on threads of their own.
pub async fn start(
    count: usize,
    ports: ThreadPorts,
    exits: &ExitReports,
    heartbeats: &Heartbeats,
) -> Result<Threads, StartFault> {
    if count == 1 {
        let failed = |error| StartFault::Thread { number: 0, error };
        let thread = Rc::new(SessionThread::new(0, ports).map_err(failed)?);
        let hosts = vec![start_host(thread, exits.of(ActorKind::Host, "0"))];
        return Ok(Threads { hosts, arbiters: Vec::new() });
    }
    let mut threads = Threads { hosts: Vec::new(), arbiters: Vec::new() };
    for number in 0..count as u32 {
        let failed = |error| StartFault::Thread { number, error };
        let arbiter = Arbiter::try_new().map_err(failed)?;
        let (ports, exits) = (ports.clone(), exits.of(ActorKind::Host, &number.to_string()));
        let (tell, started) = oneshot::channel();
        let heartbeats = heartbeats.clone();
        arbiter.spawn_fn(move || {
            heartbeats.add_here(Heart::of(format!("session-{number}"), PATIENCE));
            let host =
                SessionThread::new(number, ports).map(|thread| start_host(Rc::new(thread), exits));
            // Whoever asked is gone only when the start was given up.
            let _ = tell.send(host);
        });
        let gone = |_| failed(io::ErrorKind::BrokenPipe.into());
        threads.hosts.push(started.await.map_err(gone)?.map_err(failed)?);
        threads.arbiters.push(arbiter);
    }
    Ok(threads)
}
