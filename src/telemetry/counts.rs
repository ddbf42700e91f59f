use super::{
    AcceptFaultKind, ActorKind, Counter, Filtered, Label, LinkError, LinkFaultKind, Polled, Queues,
    Refusal, Tally,
};
use crate::model::{CloseReason, CommandFault, CommandState};

/// One number out of [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What is counted.
    pub name: &'static str,
    /// The key and word that tell it apart from others of the same name.
    pub label: Option<(&'static str, &'static str)>,
    /// How many, since the start.
    pub value: u64,
    /// What is counted, in words.
    pub help: &'static str,
}

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(Vec<Count>);

impl Snapshot {
    /// Every count, those of one name together.
    pub fn iter(&self) -> impl Iterator<Item = &Count> {
        self.0.iter()
    }

    /// The value of `name`, summed over its labels.
    pub fn sum(&self, name: &str) -> u64 {
        self.0.iter().filter(|count| count.name == name).map(|count| count.value).sum()
    }

    /// The value of `name` with the label `word`.
    pub fn get(&self, name: &str, word: &str) -> u64 {
        let wanted = |count: &&Count| {
            count.name == name && count.label.is_some_and(|(_, label)| label == word)
        };
        self.0.iter().find(wanted).map_or(0, |count| count.value)
    }
}

trait Metric {
    fn read(&self, name: &'static str, help: &'static str, into: &mut Vec<Count>);
}

impl Metric for Counter {
    fn read(&self, name: &'static str, help: &'static str, into: &mut Vec<Count>) {
        into.push(Count { name, label: None, value: self.get(), help });
    }
}

impl<L: Label> Metric for Tally<L> {
    fn read(&self, name: &'static str, help: &'static str, into: &mut Vec<Count>) {
        into.extend(L::ALL.iter().map(|word| {
            let label = Some((L::KEY, word.as_str()));
            Count { name, label, value: self.get(*word), help }
        }));
    }
}

macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty),+ $(,)?) => {
        /// What happened, counted since the start. Only the events move these numbers, together
        /// with the log; everybody may read them.
        #[derive(Debug, Default)]
        pub struct Counts {
            $($(#[doc = $doc])+ pub $name: $kind,)+
            /// What waits.
            pub queues: Queues,
        }

        impl Counts {
            /// All counts now, by the names of the fields. Each is read for itself, so that two
            /// of them may be an event apart.
            pub fn snapshot(&self) -> Snapshot {
                let mut counts = Vec::new();
                $(self.$name.read(stringify!($name), concat!($($doc),+), &mut counts);)+
                Snapshot(counts)
            }
        }
    };
}

counts! {
    /// Connections taken in.
    accepted: Counter,
    /// Connections refused at the door.
    refused: Tally<Refusal>,
    /// Faults of accepting.
    accept_faults: Tally<AcceptFaultKind>,
    /// Sessions that said who they are.
    named: Counter,
    /// Sessions that ended.
    ended: Tally<CloseReason>,
    /// Bytes read by sessions that ended.
    received_bytes: Counter,
    /// Bytes written by sessions that ended.
    sent_bytes: Counter,
    /// Pieces of data forwarded by sessions that ended.
    chunks: Counter,
    /// Events of data handed over for the web servers.
    data_events: Counter,
    /// Bytes of devices in them.
    data_bytes: Counter,
    /// Pieces that never became an event.
    filtered_chunks: Tally<Filtered>,
    /// Bytes that never became an event.
    filtered_bytes: Tally<Filtered>,
    /// Frames whose checksum is wrong.
    bad_checksums: Counter,
    /// What became of polls.
    polls: Tally<Polled>,
    /// Frames that were answered.
    answered: Counter,
    /// Silences that were told upstream.
    idle: Counter,
    /// Names taken over by a newer connection.
    takeovers: Counter,
    /// What deciders have refused.
    denied: Counter,
    /// Names flagged since they were taken over too often.
    takeovers_flagged: Counter,
    /// Names flagged since they came too often.
    flapping: Counter,
    /// Times that a thread was found stuck.
    threads_stuck: Counter,
    /// Times that devices fell silent.
    traffic_silences: Counter,
    /// Times that systemd's watchdog was not fed any more.
    watchdog_starved: Counter,
    /// Times that systemd could not be told something.
    notify_failed: Counter,
    /// Panics.
    panics: Tally<ActorKind>,
    /// Restarts after a panic.
    restarts: Tally<ActorKind>,
    /// Actors that were given up after too many panics.
    given_up: Tally<ActorKind>,
    /// Tries to reach an upstream.
    link_tries: Counter,
    /// Links that came up.
    link_ups: Counter,
    /// Links that broke or did not come up.
    link_faults: Tally<LinkFaultKind>,
    /// Mistakes of web servers that left the link up.
    link_errors: Tally<LinkError>,
    /// Times that a link was found stuck at one offset.
    links_stuck: Counter,
    /// Times that an upstream's cursor moved.
    acks: Counter,
    /// Events delivered to upstreams.
    acked_events: Counter,
    /// Events sent a second time.
    resent_events: Counter,
    /// Gaps that upstreams were told of.
    gaps: Counter,
    /// Events that these gaps stand for.
    gap_events: Counter,
    /// States that commands have reached, those told again among them.
    commands: Tally<CommandState>,
    /// Commands that failed.
    commands_failed: Tally<CommandFault>,
    /// Times that the end of the commands' journal was missing.
    commands_torn: Counter,
    /// Times that the commands' journal could not be written.
    commands_not_kept: Counter,
    /// Ends of commands that were forgotten before their time.
    commands_forgotten: Counter,
    /// Times that the spool was full.
    spool_pauses: Counter,
    /// Times that the spool could not do what it was asked for.
    spool_faults: Counter,
    /// Times that a file could not be made safe.
    spool_syncs_failed: Counter,
    /// Parts of files that were not what was written.
    spool_damages: Counter,
    /// Questions that deciders did not answer in time.
    deciders_silent: Counter,
    /// Events that observers missed.
    observer_missed: Counter,
    /// Configurations that were taken over while running.
    reloads: Counter,
    /// Configurations that could not be.
    reloads_refused: Counter,
    /// Changes by way of the admin API.
    admin_changes: Counter,
    /// Requests to the admin API that were refused at its door.
    admin_refused: Counter,
    /// Events that followers of the admin API missed.
    admin_missed: Counter,
    /// Taps that were opened.
    taps: Counter,
    /// Bytes that taps missed.
    tap_missed_bytes: Counter,
    /// Doubtful settings that were warned of.
    config_warnings: Counter,
    /// Log records dropped under pressure, or that could not be written.
    log_records_lost: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_has_every_word_of_every_list_and_the_values_of_that_moment() {
        let counts = Counts::default();
        counts.accepted.add(3);
        counts.ended.add(CloseReason::Idle, 2);
        counts.ended.add(CloseReason::PeerClosed, 1);
        let before = counts.snapshot();
        counts.accepted.add(1);
        assert_eq!(before.sum("accepted"), 3);
        assert_eq!(before.sum("ended"), 3);
        assert_eq!(before.get("ended", "idle"), 2);
        assert_eq!(before.get("ended", "kicked"), 0);
        let endings = before.iter().filter(|count| count.name == "ended").count();
        assert_eq!(endings, CloseReason::ALL.len());
        assert_eq!(counts.snapshot().sum("accepted"), 4);
    }

    #[test]
    fn words_have_their_place_in_their_list_and_no_word_stands_twice() {
        fn check<L: Label + PartialEq + std::fmt::Debug>() {
            for (place, word) in L::ALL.iter().enumerate() {
                assert_eq!(word.place(), place);
                assert_eq!(L::named(word.as_str()).as_ref(), Some(word));
                let same = L::ALL.iter().filter(|other| other.as_str() == word.as_str()).count();
                assert_eq!(same, 1, "{word:?}");
            }
        }
        check::<CloseReason>();
        check::<CommandState>();
        check::<CommandFault>();
        check::<Refusal>();
        check::<AcceptFaultKind>();
        check::<Filtered>();
        check::<ActorKind>();
        check::<LinkFaultKind>();
        check::<LinkError>();
        check::<super::super::Module>();
    }
}
