//! The time as events have it, put into words once a millisecond.

use std::time::SystemTime;

use jiff::Timestamp;

/// `,"time":"` and the quote behind stand around it, as in every event.
const LENGTH: usize = r#","time":"2026-11-20T08:00:00.123Z""#.len();

/// Where the milliseconds stand.
const MILLIS: usize = LENGTH - r#"123Z""#.len();

/// A moment that stays the same until it is renewed.
pub struct Clock {
    millis: u64,
    text: [u8; LENGTH],
}

impl Clock {
    /// The time now.
    pub fn now() -> Self {
        let mut clock = Self { millis: 0, text: [0; LENGTH] };
        clock.renew();
        clock
    }

    /// The time now, again.
    pub fn renew(&mut self) {
        let millis = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() as u64;
        if millis == self.millis {
            return;
        }
        if millis / 1000 != self.millis / 1000 {
            let second = Timestamp::from_millisecond(millis as i64).unwrap_or(Timestamp::MAX);
            let text = format!(r#","time":"{second:.3}""#);
            self.text.copy_from_slice(text.as_bytes());
        }
        let part = millis % 1000;
        let digits = [part / 100, part / 10 % 10, part % 10].map(|digit| b'0' + digit as u8);
        self.text[MILLIS..MILLIS + 3].copy_from_slice(&digits);
        self.millis = millis;
    }

    /// The key and its value, with the comma before them.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}
