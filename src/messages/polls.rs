use std::time::Duration;

use wildmatch::WildMatch;

use crate::{model::Name, protocol::Request};

/// A question that some devices of a listener are asked at intervals.
#[derive(Debug)]
pub struct Poll {
    /// What it is called.
    pub name: Box<str>,
    /// The names of those who are asked; `*` stands for anything, `?` for one character.
    pub devices: Box<[WildMatch]>,
    /// From one question to the next.
    pub every: Duration,
    /// What is sent.
    pub request: Request,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

impl Poll {
    /// Whether the device called `name` is asked.
    pub fn asks(&self, name: &Name) -> bool {
        self.devices.iter().any(|pattern| pattern.matches(name.as_str()))
    }
}
