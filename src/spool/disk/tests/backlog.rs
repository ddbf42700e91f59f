use super::*;
use crate::spool::Backlog;

/// One event of `bytes` bytes that happened at `time`.
fn tell(spool: &DiskSpool, time: u64, bytes: usize) {
    let mut batch = Batch::new();
    batch.push(&Event::Command {
        id: "c",
        name: "a",
        attempt: 1,
        state: crate::model::CommandState::Queued,
        time: UnixMillis(time),
        data: &vec![b'x'; bytes],
        reason: None,
    });
    spool.append(&mut batch);
}

#[test]
fn what_is_in_memory_is_told_to_the_byte_and_to_the_millisecond() {
    let spool = open(&MemoryFiles::new());
    let web = reader(&spool, "web");
    assert_eq!(spool.backlog(web), Backlog::default());
    for time in [10, 20, 30, 40] {
        tell(&spool, time, 100);
    }
    let whole = spool.backlog(web);
    let record = whole.bytes / 4;
    assert!((100..200).contains(&record), "{whole:?}");
    work(&spool);
    tell(&spool, 50, 100);
    assert_eq!(spool.backlog(web), Backlog { bytes: 5 * record, since: Some(UnixMillis(10)) });
    spool.acknowledge(web, FIRST.plus(1));
    assert_eq!(spool.backlog(web), Backlog { bytes: 3 * record, since: Some(UnixMillis(30)) });
    spool.acknowledge(web, FIRST.plus(3));
    assert_eq!(spool.backlog(web), Backlog { bytes: record, since: Some(UnixMillis(50)) });
    spool.acknowledge(web, FIRST.plus(4));
    assert_eq!(spool.backlog(web), Backlog::default());
}

#[test]
fn what_is_only_in_files_is_told_to_a_mark_and_never_as_less_than_it_is() {
    const MIB: u64 = 1 << 20;
    let large = DiskSettings { max_size: 256 * MIB, segment: 32 * MIB, ..settings() };
    let files = MemoryFiles::new();
    let spool = open_with(&files, large.clone());
    let web = reader(&spool, "web");
    for time in 0..20 * 8 {
        tell(&spool, time, 128 << 10);
        work(&spool);
    }
    let near = |acknowledged: u64, spool: &DiskSpool| {
        let backlog = spool.backlog(web);
        let waits = (20 * 8 - acknowledged) * (128 << 10);
        assert!((waits..waits + 2 * MIB).contains(&backlog.bytes), "{backlog:?} is not {waits}");
        backlog.since.unwrap().0
    };
    assert_eq!(near(0, &spool), 0);
    spool.acknowledge(web, FIRST.plus(10 * 8 - 1));
    let since = near(80, &spool);
    assert!((71..=80).contains(&since), "{since}");
    let room = spool.room();
    assert_eq!((room.kept, room.limit, room.held), (32 * MIB, 256 * MIB, 0));

    spool.close();
    drop(spool);
    let made = UnixMillis::now();
    let spool = open_with(&files, large);
    reader(&spool, "web");
    let backlog = spool.backlog(web);
    assert!(backlog.bytes >= 10 * MIB, "{backlog:?}");
    assert!(backlog.since.unwrap() <= made, "it is as old as its segment at the most: {backlog:?}");
}
