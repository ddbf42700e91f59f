//! A million events for a web server that is away.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Instant,
};

use crate::{
    LIMIT,
    harness::process::Program,
    is_long,
    stand::{configuration, folder, listener, nobodys_address, online, stop, upstream},
};

/// How much larger the process may be at any time, in KiB.
const FLAT: u64 = 64 << 10;

/// Bytes of an event: its number, and spaces.
const EVENT: usize = 16;

/// Events of a write.
const AT_ONCE: u64 = 2048;

fn events(numbers: std::ops::Range<u64>) -> Vec<u8> {
    numbers.flat_map(|number| format!("{number:>EVENT$}").into_bytes()).collect()
}

/// A web server that looks at as little as it can: the offset, and the number in the data. Ends
/// behind the event of this number; answers how often a gap was told.
fn web_server(address: &str, last: u64) -> JoinHandle<u64> {
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        let (link, _) = listener.accept().unwrap();
        let (mut lines, mut answers) = (BufReader::with_capacity(256 << 10, &link), &link);
        let (mut line, mut said) = (Vec::new(), Vec::new());
        let (mut next, mut before, mut gaps, mut count) = (0, 0, 0, 0_u64);
        while next <= last {
            line.clear();
            assert!(lines.read_until(b'\n', &mut line).unwrap() > 0, "the link ended at {next}");
            let Some(offset) = number_behind(&line, b"{\"offset\":") else { continue };
            assert!(before == 0 || offset == before + 1, "{offset} after {before}");
            before = offset;
            gaps += u64::from(memchr::memmem::find(&line, b"\"gap\"").is_some());
            // A read may have ended within an event.
            said.extend_from_slice(data(&line));
            while said.len() >= EVENT {
                assert_eq!(number_behind(&said, b""), Some(next));
                said.drain(..EVENT);
                next += 1;
            }
            count += 1;
            if count % 1000 == 0 || next > last {
                acknowledge(&mut answers, offset);
            }
        }
        gaps
    })
}

fn acknowledge(answers: &mut &TcpStream, offset: u64) {
    writeln!(answers, "{{\"ack\":{offset}}}").unwrap();
}

/// What the device said, as text.
fn data(line: &[u8]) -> &[u8] {
    const KEY: &[u8] = b"\"data\":\"";
    let Some(at) = memchr::memmem::find(line, KEY) else { return &[] };
    let data = &line[at + KEY.len()..];
    &data[..memchr::memchr(b'"', data).unwrap()]
}

/// The number that stands behind `key` at the front, and spaces.
fn number_behind(line: &[u8], key: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(key)?.trim_ascii_start();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[tokio::test]
async fn an_outage_of_a_million_events_costs_room_on_disk_and_no_memory() {
    let outage: u64 = if is_long() { 5_000_000 } else { 1_000_000 };
    let (meanwhile, limit) = (outage / 10, LIMIT * (outage / 200_000) as u32);
    let (folder, address, web) = (folder(), nobodys_address(), nobodys_address());
    let listener =
        listener(&address, &format!("max_frame = '{EVENT}B'\nregistration_bytes = '{EVENT}B'"));
    let upstream = upstream("web", &web, "encoding = 'text'");
    let toml = configuration(&listener, "", &upstream);
    let program = Program::in_folder(&folder, &toml);
    let mut device = online(&program, &address, "d").await;
    device.write(&events(0..AT_ONCE)).await;
    let (begun, small) = (Instant::now(), program.status("VmRSS"));
    let mut largest = small;
    let mut next = AT_ONCE;
    let mut send = async |until: u64| {
        while next < until {
            let end = until.min(next + AT_ONCE);
            device.write(&events(next..end)).await;
            next = end;
            largest = largest.max(program.status("VmRSS"));
        }
    };
    send(outage).await;
    let out = begun.elapsed();
    // It comes back, and what is said meanwhile follows in order.
    let server = web_server(&web, outage + meanwhile - 1);
    send(outage + meanwhile).await;
    while !server.is_finished() {
        assert!(begun.elapsed() < limit);
        largest = largest.max(program.status("VmRSS"));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(server.join().unwrap(), 0, "gaps");
    eprintln!(
        "flood: {outage} events in {out:?}, all delivered after {:?}, from {small} to {largest} KiB",
        begun.elapsed()
    );
    assert!(largest - small < FLAT, "from {small} to {largest} KiB");
    drop(device);
    stop_at_once(program).await;
}

/// Nobody is there for what is left.
async fn stop_at_once(program: Program) {
    program.signal(rustix::process::Signal::TERM);
    program.enters("flushing").await;
    stop(program).await;
}
