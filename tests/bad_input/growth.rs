//! A web server that never stops talking nonsense, against the real program's memory.

use std::time::Instant;

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, tcp::OwnedReadHalf},
    sync::{mpsc, watch},
};

use crate::{
    harness::{Dtu, until, within},
    process::Program,
};

/// What the program may have more in memory afterwards than before, in kB.
const ALLOWED: u64 = 24 << 10;

/// What came over the link so far.
#[derive(Clone, Copy, Default)]
struct Seen {
    data: u64,
    errors: u64,
}

/// Reads the link to its end, and answers every event with an acknowledgement.
async fn read(link: OwnedReadHalf, say: mpsc::UnboundedSender<Vec<u8>>, seen: watch::Sender<Seen>) {
    let mut lines = BufReader::new(link).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        seen.send_modify(|seen| {
            seen.data += u64::from(line["event"] == "data");
            seen.errors += u64::from(!line["error"].is_null());
        });
        if line["offset"].is_u64() {
            // The test has ended.
            let _ = say.send(format!("{{\"ack\":{}}}\n", line["offset"]).into_bytes());
        }
    }
}

#[actix_rt::test]
async fn nothing_grows_however_much_nonsense_a_web_server_talks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut program = Program::start(&address, "", "", "");
    let begun = Instant::now();
    let (link, _) = within(listener.accept()).await.unwrap();
    let (reader, mut writer) = link.into_split();
    let (say, mut said) = mpsc::unbounded_channel::<Vec<u8>>();
    let (tell, seen) = watch::channel(Seen::default());
    actix_rt::spawn(read(reader, say.clone(), tell));
    let (tell, written) = watch::channel(0);
    actix_rt::spawn(async move {
        while let Some(bytes) = said.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
            tell.send_modify(|written| *written += bytes.len());
        }
    });
    let mut device = Dtu::connect(&program.address("dtu").await).await;
    device.write(b"ETUNG:steady;0").await;
    until("the first data", || seen.borrow().data == 1).await;

    let before = program.status("VmRSS");
    let long = [vec![b'x'; 48 << 20], b"\n".to_vec()].concat();
    let nonsense = [
        b"no json\n".repeat(50_000),
        long,
        b"{\"event\":\"data\",\"offset\":1}\n".repeat(50_000),
        b"{\"ack\":1}\n{\"ack\":9007199254740991}\n".repeat(25_000),
        b"{\"command\":\"c\",\"imei\":\"steady\",\"data\":\"\"}\n".repeat(50_000),
        b"\n".repeat(1 << 20),
        b"[".repeat(1 << 20),
        b"\n".to_vec(),
    ];
    let all: usize = nonsense.iter().map(Vec::len).sum();
    for (number, nonsense) in (2..).zip(nonsense) {
        say.send(nonsense).unwrap();
        device.write(b"still here").await;
        until("data goes on", || seen.borrow().data == number).await;
    }
    until("all of it was taken", || *written.borrow() >= all).await;
    let peak = program.status("VmHWM");
    assert!(peak < before + ALLOWED, "{peak} kB at most, {before} kB before");
    let errors = seen.borrow().errors;
    let most = begun.elapsed().as_secs() + 1;
    assert!((1..=most).contains(&errors), "{errors} answers, at most {most}");
    assert_eq!(program.saying("link down").len(), 0);
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
    assert_eq!(program.saying("link up").len(), 1);
}
