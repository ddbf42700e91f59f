use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::Complaint;

/// Tells the web server which of its lines were wrong, and never so often that two who do not
/// understand each other keep each other busy.
#[derive(Debug, Default)]
pub struct ErrorAnswers {
    last: Option<Instant>,
}

impl ErrorAnswers {
    /// Least time between two answers.
    pub const PAUSE: Duration = Duration::from_secs(1);
    /// With so many bytes waiting to go out, the web server is not reading: no answer adds to them.
    const WAITING: usize = 64 << 10;

    /// Writes the answer to a line behind what `out` holds, unless it is too soon for one. Answers
    /// how many bytes it wrote.
    pub fn answer(&mut self, complaint: &Complaint, now: Instant, out: &mut BytesMut) -> usize {
        let too_soon = self.last.is_some_and(|last| now < last + Self::PAUSE);
        if too_soon || out.len() > Self::WAITING {
            return 0;
        }
        self.last = Some(now);
        let before = out.len();
        let line = serde_json::json!({ "error": complaint.why, "line": complaint.line });
        out.extend_from_slice(line.to_string().as_bytes());
        out.extend_from_slice(b"\n");
        out.len() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_a_second_and_its_bytes_are_escaped() {
        let complaint = Complaint { why: "no".to_owned(), line: "\u{1b}[2J\"".to_owned() };
        let (mut answers, mut out) = (ErrorAnswers::default(), BytesMut::new());
        let start = Instant::now();
        let expected = "{\"error\":\"no\",\"line\":\"\\u001b[2J\\\"\"}\n";
        assert_eq!(answers.answer(&complaint, start, &mut out), expected.len());
        assert_eq!(out, expected);
        let soon = start + Duration::from_millis(999);
        assert_eq!(answers.answer(&complaint, soon, &mut out), 0);
        let later = start + ErrorAnswers::PAUSE;
        assert_eq!(answers.answer(&complaint, later, &mut out), expected.len());
    }

    #[test]
    fn a_web_server_that_does_not_read_gets_no_answers() {
        let complaint = Complaint { why: "no".to_owned(), line: String::new() };
        let (mut answers, mut out) = (ErrorAnswers::default(), BytesMut::zeroed(100_000));
        assert_eq!(answers.answer(&complaint, Instant::now(), &mut out), 0);
    }
}
