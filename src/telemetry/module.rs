use super::label::{Label, labels};

labels! {
    /// The part of tetherd that a record comes from: the names that `[log] modules` knows.
    Module by "module" {
        /// Listeners and their door.
        Server = "server",
        /// Single devices.
        Session = "session",
        /// Names and who is where.
        Registry = "registry",
        /// What goes to an upstream.
        Forwarder = "forwarder",
        /// What upstreams ask devices to do.
        Commands = "commands",
        /// Connections to upstreams.
        Link = "link",
        /// What waits for the upstreams.
        Spool = "spool",
        /// Panics and restarts.
        Supervision = "supervision",
        /// What users plug in.
        Extension = "extension",
        /// The admin API.
        Admin = "admin",
        /// Start, phases and stop.
        App = "app",
        /// The configuration.
        Config = "config",
        /// The log itself.
        Telemetry = "telemetry",
    }
}

impl Module {
    /// All names, for messages.
    pub(super) fn words() -> String {
        let names: Vec<_> = Self::ALL.iter().map(|module| module.as_str()).collect();
        names.join(", ")
    }
}
