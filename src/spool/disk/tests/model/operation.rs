use proptest::prelude::*;

use super::super::*;
use crate::spool::Operation as Call;

/// What one run is done with.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) settings: DiskSettings,
    pub(super) readers: Vec<ReaderSettings>,
}

/// What may happen to a spool.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// A batch of events with so many bytes each.
    Append(Vec<usize>),
    /// A reader reads so many blocks on.
    Read(usize, usize),
    /// A reader reads so many blocks on, and the threads work until it has them.
    ReadOn(usize, usize),
    /// Its link broke: it goes back to its cursor.
    GoBack(usize),
    /// A reader acknowledges this part of what it has read, in eighths.
    Acknowledge(usize, u64),
    /// A reader passes over so many offsets behind its cursor.
    Skip(usize, u64),
    /// The threads work once, so many milliseconds later.
    Work(u64),
    Close,
    /// The spool is dropped, and its process ends.
    Drop,
    Kill,
    CutPower(u64),
    /// A reader is not configured at the next start, or is again.
    Toggle(usize),
    /// There is no room on the disk but so many bytes.
    Fill(u64),
    Free,
    /// The next so many calls fail.
    Fail(Call, u64),
    Evict(u64),
}

pub(super) fn setup() -> impl Strategy<Value = Setup> {
    let settings = (any::<bool>(), any::<bool>(), prop_oneof![3 => Just(0u64), 1 => Just(3000)]);
    let readers = proptest::collection::vec((any::<bool>(), any::<bool>(), 8u64..40), 1..=3);
    (settings, readers).prop_map(|((is_group, pauses, retain), readers)| Setup {
        settings: DiskSettings {
            durability: if is_group { Durability::Group } else { Durability::Os },
            when_full: if pauses { WhenFull::Pause } else { WhenFull::DropOldest },
            retain: Duration::from_millis(retain),
            ..settings_of_tests()
        },
        readers: readers.into_iter().enumerate().map(reader_settings).collect(),
    })
}

fn settings_of_tests() -> DiskSettings {
    super::super::settings()
}

fn reader_settings((at, (starts_now, skips, lag)): (usize, (bool, bool, u64))) -> ReaderSettings {
    ReaderSettings {
        name: format!("upstream-{at}"),
        start: if starts_now { Start::Now } else { Start::Oldest },
        when_behind: if skips { WhenBehind::Skip } else { WhenBehind::Hold },
        max_lag: lag << 10,
    }
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let size = prop_oneof![4 => 0usize..200, 2 => 200usize..2000, 1 => 2000usize..7000];
    let reader = || 0usize..3;
    let call = prop_oneof![
        4 => Just(Call::Sync),
        3 => Just(Call::Write),
        1 => Just(Call::Allocate),
        1 => Just(Call::Create),
        1 => Just(Call::Remove),
        1 => Just(Call::Truncate),
        1 => Just(Call::SyncNames),
        1 => Just(Call::Read),
        1 => Just(Call::Open),
    ];
    let time = prop_oneof![4 => 1u64..10, 2 => 100u64..300, 1 => Just(1100u64)];
    prop_oneof![
        12 => proptest::collection::vec(size, 1..5).prop_map(Operation::Append),
        4 => (reader(), 1usize..4).prop_map(|(reader, blocks)| Operation::Read(reader, blocks)),
        4 => (reader(), 1usize..9).prop_map(|(reader, blocks)| Operation::ReadOn(reader, blocks)),
        2 => reader().prop_map(Operation::GoBack),
        6 => (reader(), 1u64..=8).prop_map(|(reader, part)| Operation::Acknowledge(reader, part)),
        1 => (reader(), 0u64..20).prop_map(|(reader, more)| Operation::Skip(reader, more)),
        12 => time.prop_map(Operation::Work),
        1 => Just(Operation::Close),
        1 => Just(Operation::Drop),
        1 => Just(Operation::Kill),
        2 => any::<u64>().prop_map(Operation::CutPower),
        1 => reader().prop_map(Operation::Toggle),
        1 => (0u64..6000).prop_map(Operation::Fill),
        1 => Just(Operation::Free),
        2 => (call, 1u64..4).prop_map(|(call, times)| Operation::Fail(call, times)),
        1 => any::<u64>().prop_map(Operation::Evict),
    ]
}
