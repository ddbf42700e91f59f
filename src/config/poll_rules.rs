use super::{Config, key::Key, validate::Rules, wording::nearest};
use crate::{actors::PollSettings, protocol::Request};

/// Least pause between two questions: serial lines are slow.
const FASTEST: std::time::Duration = std::time::Duration::from_millis(100);

/// Checks what stands in `[poll.<name>]`.
pub(super) fn check(name: &str, settings: &PollSettings, config: &Config, rules: &mut Rules<'_>) {
    let key = |part: &str| Key::dotted("poll").child(name).child(part);
    for listener in &settings.listener {
        if config.listener.contains_key(listener) {
            continue;
        }
        let text = match nearest(listener, config.listener.keys().map(String::as_str)) {
            Some(near) => format!("there is no listener {listener:?}; did you mean {near:?}?"),
            None => format!("there is no listener {listener:?}; leave the key out for all of them"),
        };
        rules.error(&[key("listener")], text);
    }
    if settings.send.is_empty() {
        let text = "is missing; write what devices are asked, such as \"01 03 00 00 00 02 \
                    {crc16-modbus}\""
            .to_owned();
        rules.error(&[key("send")], text);
    } else if let Err(what) = Request::parse(&settings.send) {
        rules.error(&[key("send")], what);
    }
    if settings.every.get() < FASTEST {
        let text = format!("\"{}\" is too often; write \"100ms\" or more", settings.every);
        rules.error(&[key("every")], text);
    }
    if settings.timeout.get().is_zero() || settings.timeout.get() > settings.every.get() {
        let text = format!(
            "\"{}\" leaves no room for an answer before the next question; write more than \"0s\" \
             and at most every, \"{}\"",
            settings.timeout, settings.every
        );
        rules.error(&[key("timeout"), key("every")], text);
    }
}
