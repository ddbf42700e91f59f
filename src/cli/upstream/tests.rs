use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::*;

/// What a web server of the tests does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    NeverAcknowledges,
    AcknowledgesDataOnly,
    AcknowledgesTheNext,
    AcknowledgesHalfLines,
    TakesReadsForLines,
    StopsAtTheUnknown,
    IgnoresRepeats,
    StoresRepeats,
    WantsEachOffset,
    Chats,
    DiesWithItsFirstLink,
}

/// The store: data events by offset, and how often each came in.
#[derive(Debug, Default)]
struct Store {
    last: u64,
    sum: u64,
    data: u64,
    events: u64,
}

/// One connection of a small web server, from the first byte to the end.
fn serve(mut stream: TcpStream, wrong: Wrong, stores: &Mutex<BTreeMap<String, Store>>) {
    if wrong == Wrong::Chats {
        stream.write_all(b"welcome\x1b[2J\n").unwrap();
    }
    let (mut pending, mut chunk, mut gateway) = (Vec::new(), [0; 100_000], String::new());
    loop {
        let count = stream.read(&mut chunk).unwrap_or(0);
        if wrong == Wrong::TakesReadsForLines {
            pending.clear();
        }
        pending.extend_from_slice(&chunk[..count]);
        if count == 0 {
            if wrong == Wrong::AcknowledgesHalfLines && !pending.is_empty() {
                let text = String::from_utf8_lossy(&pending).into_owned();
                let digits: String = text
                    .chars()
                    .skip_while(|c| !c.is_ascii_digit())
                    .take_while(char::is_ascii_digit)
                    .collect();
                let _ = stream.write_all(format!("{{\"ack\":{digits}}}\n").as_bytes());
            }
            return;
        }
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let Ok(line) = serde_json::from_slice::<Value>(&line) else { continue };
            if let Some(name) = line.get("gateway") {
                gateway = name.as_str().unwrap().to_owned();
            }
            let Some(offset) = line.get("offset").and_then(Value::as_u64) else { continue };
            let mut stores = stores.lock().unwrap();
            let store = stores.entry(gateway.clone()).or_default();
            match take(store, offset, &line, wrong) {
                Some(ack) => {
                    let _ = stream.write_all(format!("{{\"ack\":{ack}}}\n").as_bytes());
                }
                None if wrong == Wrong::StopsAtTheUnknown => return,
                None => {}
            }
        }
    }
}

/// Stores one event; answers what to acknowledge.
fn take(store: &mut Store, offset: u64, line: &Value, wrong: Wrong) -> Option<u64> {
    let event = line["event"].as_str().unwrap();
    if wrong == Wrong::StopsAtTheUnknown && event == "later" {
        return None;
    }
    if wrong == Wrong::WantsEachOffset && store.last > 0 && offset > store.last + 1 {
        return None;
    }
    if offset <= store.last && wrong != Wrong::StoresRepeats {
        return (wrong != Wrong::IgnoresRepeats).then_some(offset);
    }
    store.last = store.last.max(offset);
    store.events += 1;
    if event == "data" {
        let data = data_encoding::BASE64.decode(line["data"].as_str().unwrap().as_bytes()).unwrap();
        store.data += 1;
        store.sum += String::from_utf8(data).unwrap().trim().parse::<u64>().unwrap();
    }
    match wrong {
        Wrong::NeverAcknowledges => None,
        Wrong::AcknowledgesDataOnly => (event == "data").then_some(offset),
        Wrong::AcknowledgesTheNext => Some(offset + 1),
        _ => Some(offset),
    }
}

fn arguments(address: &str, accept: bool, patience: Span) -> TestArgs {
    let (address, token) = (address.parse().unwrap(), accept.then(|| "secret".to_owned()));
    let (encoding, reconnect) = (Encoding::Base64, Span::seconds(30));
    TestArgs { address, accept, token, encoding, patience, reconnect }
}

/// Tries a web server that does `wrong`; answers the verdict, the report and what was stored.
fn tried(wrong: Wrong, patience: Span) -> (bool, String, Vec<Store>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stores = Arc::new(Mutex::new(BTreeMap::new()));
    let shared = stores.clone();
    // It ends with the process: nobody joins a thread that waits in accept.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), wrong, &shared);
            if wrong == Wrong::DiesWithItsFirstLink {
                break;
            }
        }
    });
    let mut out = Vec::new();
    let verdict = test(&arguments(&address, false, patience), &mut out).unwrap();
    let stores = std::mem::take(&mut *stores.lock().unwrap()).into_values().collect();
    (verdict, String::from_utf8(out).unwrap(), stores)
}

#[test]
fn a_web_server_that_is_right_passes_and_has_what_the_report_says() {
    let (verdict, report, stores) = tried(Wrong::Nothing, Span::seconds(10));
    assert!(verdict, "{report}");
    assert!(!report.contains("FAILED  ") && report.contains("12 checks, 12 ok"), "{report}");
    let [store] = &stores[..] else { panic!("{stores:?}") };
    for text in [
        format!("{} data events", store.data),
        format!("sum {}", store.sum),
        format!("{} events of all kinds", store.events),
        format!("{} as the last offset", store.last),
    ] {
        assert!(report.contains(&text), "{text} is missing: {report}");
    }
}

#[test]
fn what_a_web_server_does_wrong_is_named() {
    let cases = [
        (Wrong::NeverAcknowledges, "acknowledges every kind of event"),
        (Wrong::AcknowledgesDataOnly, "acknowledges every kind of event"),
        (Wrong::AcknowledgesTheNext, "never acknowledges what it cannot have"),
        (Wrong::AcknowledgesHalfLines, "starts afresh after a line that broke off"),
        (Wrong::AcknowledgesHalfLines, "never acknowledges what it cannot have"),
        (Wrong::TakesReadsForLines, "takes lines that come in pieces"),
        (Wrong::StopsAtTheUnknown, "survives keys, events and error lines"),
        (Wrong::IgnoresRepeats, "acknowledges what is repeated again"),
        (Wrong::WantsEachOffset, "follows offsets that jump"),
        (Wrong::Chats, "says only what a gateway understands"),
        (Wrong::DiesWithItsFirstLink, "starts afresh after a line that broke off"),
    ];
    std::thread::scope(|scope| {
        for (wrong, check) in cases {
            scope.spawn(move || {
                let (verdict, report, _) = tried(wrong, Span::millis(1500));
                assert!(!verdict, "{wrong:?} passes: {report}");
                assert!(report.contains(&format!("FAILED  {check}")), "{wrong:?}: {report}");
                assert!(!report.contains('\u{1b}'), "bytes of the web server reach the terminal");
            });
        }
    });
}

#[test]
fn one_fault_does_not_hide_what_else_is_right() {
    let (_, report, _) = tried(Wrong::StopsAtTheUnknown, Span::seconds(10));
    assert!(report.contains("12 checks, 11 ok, 1 FAILED"), "{report}");
}

#[test]
fn a_wrong_token_is_what_the_developer_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let web = std::thread::spawn(move || {
        loop {
            let Ok(mut stream) = TcpStream::connect(address) else { continue };
            stream.write_all(b"{\"token\":\"guess\"}\n").unwrap();
            // Closed without a word.
            return stream.read(&mut [0; 10]).unwrap_or(0);
        }
    });
    let mut arguments = arguments(&address.to_string(), true, Span::millis(300));
    arguments.reconnect = Span::millis(300);
    let mut out = Vec::new();
    assert!(!test(&arguments, &mut out).unwrap());
    let report = String::from_utf8(out).unwrap();
    assert!(report.contains("did not say the right token"), "{report}");
    assert_eq!(web.join().unwrap(), 0);
}

#[test]
fn doubled_events_show_in_the_sum_that_the_developer_compares() {
    let (verdict, report, stores) = tried(Wrong::StoresRepeats, Span::seconds(10));
    assert!(verdict, "{report}");
    let [store] = &stores[..] else { panic!("{stores:?}") };
    assert!(!report.contains(&format!("sum {}", store.sum)), "{report}");
}

#[test]
fn a_web_server_that_connects_to_us_is_tried_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.sock");
    let address = format!("unix:{}", path.display());
    let web = std::thread::spawn(move || {
        let mut links = 0;
        let mut last = 0;
        // The first, and one after each of three breaks.
        while links < 4 {
            let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&path) else {
                std::thread::yield_now();
                continue;
            };
            links += 1;
            stream.write_all(b"{\"token\":\"secret\"}\n").unwrap();
            let mut lines =
                std::io::BufRead::lines(std::io::BufReader::new(stream.try_clone().unwrap()));
            while let Some(Ok(line)) = lines.next() {
                let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
                let Some(offset) = line["offset"].as_u64() else { continue };
                last = last.max(offset);
                let _ = stream.write_all(format!("{{\"ack\":{last}}}\n").as_bytes());
            }
        }
    });
    let mut out = Vec::new();
    let verdict = test(&arguments(&address, true, Span::seconds(10)), &mut out).unwrap();
    assert!(verdict, "{}", String::from_utf8_lossy(&out));
    web.join().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the socket must not stay");
}

#[test]
fn a_web_server_that_is_not_there_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut out = Vec::new();
    assert!(!test(&arguments(&address, false, Span::seconds(600)), &mut out).unwrap());
    let report = String::from_utf8(out).unwrap();
    assert!(report.contains("FAILED  can be reached"), "{report}");
    assert!(report.contains("nobody listens there"), "{report}");
}

#[test]
fn arguments_are_read_and_bad_ones_are_refused() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        upstream: UpstreamArgs,
    }
    let parse = |line: &str| <Line as clap::Parser>::try_parse_from(line.split(' '));
    assert!(parse("tetherd test web:7100 --encoding hex --patience 2s").is_ok());
    assert!(parse("tetherd test 0.0.0.0:7100 --accept --token secret").is_ok());
    for bad in [
        "tetherd test",
        "tetherd test web",
        "tetherd test web:7100 --token secret",
        "tetherd test web:7100 --encoding utf8",
        "tetherd test web:7100 --patience 0s",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
