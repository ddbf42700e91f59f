//! The way to the upstreams.

use std::{fmt::Display, time::Duration};

use serde_json::json;
use slog::{debug, error, info, trace, warn};

use super::Telemetry;
use crate::{
    model::{Offset, UnixMillis},
    telemetry::{Label, Level, LinkError, LinkFaultKind, Module},
};

impl Telemetry {
    /// A link is being made to `target`, or awaited there.
    pub fn link_connecting(&self, upstream: &str, target: &dyn Display) {
        self.counts().link_tries.add(1);
        debug!(self.log(Module::Link), "link connecting";
            "upstream" => upstream, "target" => %target);
    }

    /// A link is up; the first event on it will be the one at `next`.
    pub fn link_up(&self, upstream: &str, peer: &dyn Display, next: Offset) {
        self.counts().link_ups.add(1);
        info!(self.log(Module::Link), "link up";
            "upstream" => upstream, "peer" => %peer, "next" => next.0);
        self.witnessed(|witness| {
            let peer = peer.to_string();
            witness.tell("link_up", None, || json!({ "upstream": upstream, "peer": peer }));
            witness.link_changed(upstream, |link| {
                link.peer = Some(peer);
                link.since = UnixMillis::now();
            });
        });
    }

    /// A link is down or did not come up; the next try follows after `retry`, if there is one.
    pub fn link_down(
        &self,
        upstream: &str,
        kind: LinkFaultKind,
        error: &dyn Display,
        retry: Option<Duration>,
    ) {
        self.counts().link_faults.add(kind, 1);
        let level = if kind.is_by_hand() { Level::Info } else { Level::Warning };
        let retry = retry.map(|pause| format!("{:.1}s", pause.as_secs_f64()));
        self.log(Module::Link).put(
            level,
            "link down",
            slog::b!("upstream" => upstream, "kind" => kind.as_str(), "error" => %error,
                "retry_in" => retry),
        );
        self.witnessed(|witness| {
            let error = error.to_string();
            witness.tell(
                "link_down",
                None,
                || json!({ "upstream": upstream, "kind": kind.as_str(), "error": error }),
            );
            witness.link_changed(upstream, |link| {
                if link.peer.take().is_some() || link.since == UnixMillis::default() {
                    link.since = UnixMillis::now();
                }
                link.last_fault = Some((kind, error));
            });
        });
    }

    /// Somebody who connected to us is not the web server; the link, if there is one, stays as it
    /// is. Logged once a second.
    pub fn link_refused(&self, upstream: &str, kind: LinkFaultKind, error: &dyn Display) {
        self.counts().link_faults.add(kind, 1);
        let Some(suppressed) = self.throttle(|all| &all.link_refused) else { return };
        warn!(self.log(Module::Link), "no web server of ours";
            "upstream" => upstream, "kind" => kind.as_str(), "error" => %error,
            "suppressed" => suppressed);
    }

    /// A link failed again and again at the same offset; somebody has to look at that event.
    pub fn link_stuck(&self, upstream: &str, at: Offset, failures: u32) {
        self.counts().links_stuck.add(1);
        error!(self.log(Module::Forwarder), "link stuck";
            "upstream" => upstream, "offset" => at.0, "failures" => failures);
        self.witnessed(|witness| {
            witness.tell("link_stuck", None, || json!({ "upstream": upstream, "offset": at.0 }));
            witness.link_changed(upstream, |link| link.stuck_at = Some(at));
        });
    }

    /// What lay before `offset` was acknowledged after all: the link is stuck no more.
    pub fn link_unstuck(&self, upstream: &str, offset: Offset) {
        info!(self.log(Module::Forwarder), "link moves again";
            "upstream" => upstream, "offset" => offset.0);
        self.witnessed(|witness| witness.link_changed(upstream, |link| link.stuck_at = None));
    }

    /// Everything up to `offset` is acknowledged, `events` more than before.
    pub fn acknowledged(&self, upstream: &str, offset: Offset, events: u64) {
        self.counts().acks.add(1);
        self.counts().acked_events.add(events);
        trace!(self.log(Module::Forwarder), "acknowledged";
            "upstream" => upstream, "offset" => offset.0, "events" => events);
    }

    /// Events are sent a second time, from `from` on.
    pub fn resent(&self, upstream: &str, from: Offset, events: u64) {
        self.counts().resent_events.add(events);
        info!(self.log(Module::Forwarder), "events sent again";
            "upstream" => upstream, "from" => from.0, "events" => events);
    }

    /// A line of ours came back: whoever is at the other end is an echo.
    pub fn own_line_came_back(&self, upstream: &str) {
        let Some(suppressed) = self.link_error(LinkError::Echo) else { return };
        warn!(self.log(Module::Link), "our own line came back";
            "upstream" => upstream, "suppressed" => suppressed);
    }

    /// The web server acknowledged `ack`, though `sent` is the last offset that it was sent.
    pub fn ack_of_the_future(&self, upstream: &str, ack: Offset, next: Offset) {
        let kind = LinkError::FutureAck;
        let Some(suppressed) = self.link_error(kind) else { return };
        warn!(self.log(Module::Forwarder), "acknowledgement of the future";
            "upstream" => upstream, "ack" => ack.0, "next" => next.0, "suppressed" => suppressed);
    }

    /// The web server sent a line that does nothing. `line` is an excerpt of it.
    pub fn bad_line(&self, upstream: &str, kind: LinkError, error: &dyn Display, line: &str) {
        let Some(suppressed) = self.link_error(kind) else { return };
        warn!(self.log(Module::Link), "line not understood";
            "upstream" => upstream, "kind" => kind.as_str(), "error" => %error, "line" => line,
            "suppressed" => suppressed);
    }

    /// The upstream was told of a gap: the `events` from `from` to `to` never come.
    pub fn gap(&self, upstream: &str, from: Offset, to: Offset, events: u64, reason: &str) {
        self.counts().gaps.add(1);
        self.counts().gap_events.add(events);
        warn!(self.log(Module::Forwarder), "gap told";
            "upstream" => upstream, "from" => from.0, "to" => to.0, "events" => events,
            "reason" => reason);
        self.witnessed(|witness| {
            witness.tell("gap", None, || {
                json!({
                    "upstream": upstream,
                    "from": from.0,
                    "to": to.0,
                    "events": events,
                    "reason": reason,
                })
            });
        });
    }

    fn link_error(&self, kind: LinkError) -> Option<u64> {
        self.counts().link_errors.add(kind, 1);
        self.throttle(|all| &all.link_errors[kind.place()])
    }
}
