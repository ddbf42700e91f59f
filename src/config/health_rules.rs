//! Rules of `[health]`.

use super::{key::Key, validate::Rules};
use crate::health::{Settings, SettingsFault};

/// Checks what stands in `[health]`.
pub(super) fn check(settings: &Settings, rules: &mut Rules<'_>) {
    let Err(fault) = settings.check() else { return };
    let (key, text) = match fault {
        SettingsFault::Window { least, most } => {
            let given = settings.traffic_window;
            let text = format!("{given} is no good; write \"{least}\" to \"{most}\", or \"0s\"");
            ("traffic_window", text)
        }
        SettingsFault::Floor => {
            let text = "nothing is below 0%; write at least \"1%\", or traffic_window = \"0s\"";
            ("traffic_floor", text.to_owned())
        }
        SettingsFault::Least => {
            let text = "0 would make a silence of what never spoke; write at least 1";
            ("traffic_least", text.to_owned())
        }
        SettingsFault::NoWindow => {
            let text =
                "\"restart\" needs a traffic_window, such as \"10m\"; write one, or \"tell\"";
            ("when_quiet", text.to_owned())
        }
    };
    rules.error(&[Key::dotted("health").child(key)], text);
}
