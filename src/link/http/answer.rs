//! What the answer to a request means.

use std::time::Duration;

use hyper::StatusCode;
use jiff::{Timestamp, fmt::rfc2822};
use serde::{Deserialize, de::IgnoredAny};

use super::super::{LinkFault, LinkFaultKind};

/// An answer as far as it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `Retry-After` as it was written.
    pub(super) retry_after: Option<String>,
    /// `Location` as it was written.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
    /// Whether the body went on beyond what is read of it.
    pub(super) is_cut: bool,
}

/// What it says of the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of them are safe with the web server.
    Taken,
    /// It will not have one of them, or not so many.
    Refused,
    /// It has none of them, and the fault is not theirs.
    Broken(LinkFault),
}

/// Longest time that a web server may ask to be left alone.
pub(super) const LONGEST_RESPITE: Duration = Duration::from_secs(3600);

/// Most characters of a redirect's place that a fault repeats.
const LONGEST_LOCATION: usize = 200;

impl Answer {
    /// Sorts it; `place` stands for the web server in faults.
    pub(super) fn verdict(&self, place: &str, now: Timestamp) -> Verdict {
        let status = self.status;
        if status.is_success() {
            return Verdict::Taken;
        }
        let fault = |kind, detail: String| LinkFault::new(kind, place, detail);
        if status.is_redirection() {
            return Verdict::Broken(fault(LinkFaultKind::Redirected, self.leads_to()));
        }
        let unavailable = fault(LinkFaultKind::Unavailable, in_words(status));
        match status.as_u16() {
            429 | 503 => {
                let asked = self.retry_after.as_deref();
                let respite = asked.and_then(|asked| respite(asked, now)).unwrap_or_default();
                Verdict::Broken(unavailable.with_respite(respite))
            }
            // Somebody on the way says that the web server is not there, or was not asked.
            408 | 425 | 502 | 504 => Verdict::Broken(unavailable.with_respite(Duration::ZERO)),
            500.. => Verdict::Broken(unavailable),
            400.. => Verdict::Refused,
            _ => Verdict::Broken(fault(LinkFaultKind::Other, in_words(status))),
        }
    }

    fn leads_to(&self) -> String {
        let status = in_words(self.status);
        match &self.location {
            Some(location) => {
                let location: String = location.chars().take(LONGEST_LOCATION).collect();
                format!("{status} to {location:?}, which is not followed; write the url it names")
            }
            None => format!("{status} without a place; write the url of the web server itself"),
        }
    }

    /// What to do about a refusal.
    pub(super) fn refusal(&self) -> String {
        let status = in_words(self.status);
        match self.status.as_u16() {
            401 | 403 | 407 => format!("{status}; look at token and headers"),
            404 | 405 | 410 => format!("{status}; look at the path of url"),
            413 => format!("{status}; raise the web server's bound for one request"),
            415 => format!("{status}; look at format"),
            _ => status,
        }
    }

    /// The lines of the body that are meant for devices. Acknowledgements are no business of a body,
    /// and everything else may stand there.
    pub(super) fn commands(&self) -> impl Iterator<Item = &[u8]> {
        let whole = match self.is_cut {
            true => memchr::memrchr(b'\n', &self.body).unwrap_or_default(),
            false => self.body.len(),
        };
        self.body[..whole].split(|byte| *byte == b'\n').filter(|line| is_command(line))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    command: Option<IgnoredAny>,
    cancel: Option<IgnoredAny>,
    ack: Option<IgnoredAny>,
}

fn is_command(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    if !line.starts_with(b"{") {
        return false;
    }
    let keys: Keys = serde_json::from_slice(line).unwrap_or_default();
    (keys.command.is_some() || keys.cancel.is_some()) && keys.ack.is_none()
}

/// `503 Service Unavailable`.
fn in_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_str()),
        None => status.as_str().to_owned(),
    }
}

/// How long `Retry-After` asks to wait: in seconds, or until a moment; an hour at most.
fn respite(asked: &str, now: Timestamp) -> Option<Duration> {
    let asked = asked.trim();
    let seconds = match asked.bytes().all(|byte| byte.is_ascii_digit()) {
        true => asked.parse().unwrap_or(if asked.is_empty() { 0 } else { u64::MAX }),
        false => {
            let moment = rfc2822::DateTimeParser::new().parse_timestamp(asked).ok()?;
            u64::try_from(moment.duration_since(now).as_secs()).unwrap_or_default()
        }
    };
    Some(Duration::from_secs(seconds).min(LONGEST_RESPITE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), ..Answer::default() }
    }

    fn now() -> Timestamp {
        "2026-11-20T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn each_status_says_whose_the_fault_is() {
        use LinkFaultKind as Kind;
        let some = Some(Duration::ZERO);
        let table = [
            (101, Some((Kind::Other, None))),
            (200, None),
            (204, None),
            (299, None),
            (301, Some((Kind::Redirected, None))),
            (304, Some((Kind::Redirected, None))),
            (408, Some((Kind::Unavailable, some))),
            (425, Some((Kind::Unavailable, some))),
            (429, Some((Kind::Unavailable, some))),
            (500, Some((Kind::Unavailable, None))),
            (501, Some((Kind::Unavailable, None))),
            (502, Some((Kind::Unavailable, some))),
            (503, Some((Kind::Unavailable, some))),
            (504, Some((Kind::Unavailable, some))),
            (599, Some((Kind::Unavailable, None))),
        ];
        for (status, expected) in table {
            let found = match answer(status).verdict("web", now()) {
                Verdict::Taken => None,
                Verdict::Refused => panic!("{status}"),
                Verdict::Broken(fault) => Some((fault.kind, fault.respite)),
            };
            assert_eq!(found, expected, "{status}");
        }
        for status in [400, 401, 403, 404, 409, 413, 422, 499] {
            assert_eq!(answer(status).verdict("web", now()), Verdict::Refused, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_moment_and_an_hour_at_most() {
        let table = [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(3600)),
            ("86400", Some(3600)),
            ("Fri, 20 Nov 2026 08:00:30 GMT", Some(30)),
            ("Fri, 20 Nov 2026 07:00:00 GMT", Some(0)),
            ("Fri, 20 Nov 2099 08:00:00 GMT", Some(3600)),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
        ];
        for (asked, seconds) in table {
            assert_eq!(respite(asked, now()), seconds.map(Duration::from_secs), "{asked}");
        }
    }

    #[test]
    fn a_redirect_is_told_with_its_place_and_harmlessly() {
        let location = format!("https://new/\u{1b}[2J{}", "x".repeat(500));
        let answer = Answer { location: Some(location), ..answer(308) };
        let Verdict::Broken(fault) = answer.verdict("http://web/", now()) else { panic!() };
        let text = fault.to_string();
        assert!(text.contains("308 Permanent Redirect to \"https://new/\\u{1b}[2J"), "{text}");
        assert!(text.len() < 400 && text.ends_with("write the url it names"), "{text}");
    }

    #[test]
    fn only_commands_are_taken_from_a_body() {
        let lines = [
            "{\"command\":\"c-1\",\"imei\":\"a\"}",
            "{\"cancel\":\"c-1\"}\r",
            "{\"ack\":99}",
            "{\"ack\":99,\"command\":\"c-2\"}",
            "{\"ok\":true}",
            "[{\"command\":\"c-3\"}]",
            "ok",
            "",
            "{\"offset\":1,\"event\":\"command\",\"id\":\"c-1\"}",
            "  {\"command\":\"c-4\"}",
        ];
        let mut answer = Answer { body: lines.join("\n").into_bytes(), ..Answer::default() };
        let taken: Vec<_> = answer.commands().collect();
        assert_eq!(taken, [lines[0], lines[1], lines[9]].map(str::as_bytes));
        answer.is_cut = true;
        assert_eq!(answer.commands().count(), 2, "the last line may be half a line");
    }
}
