//! Replies are promises: what a device was answered is never lost by `kill -9`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use tetherd::simulator::Behaviour;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    LIMIT,
    harness::{process::Program, until_within},
    is_long, seed,
    stand::{Web, configuration, folder, listener, nobodys_address, stop, upstream},
};

const DEVICES: usize = 4;

/// How reports are answered: with the number that stands in them.
const PROTOCOL: &str = "name = 'careful'
[[frame]]
until = '\\n'
match = '^(?P<id>[a-z0-9]+) (?P<word>\\S+)$'
[[rule]]
when = { word = 'login' }
is = 'login'
reply = 'welcome\\n'
[[rule]]
reply = '{word}\\n'
";

/// What devices were answered: who, and the number.
type Answered = Arc<Mutex<BTreeSet<(usize, u64)>>>;

/// A device that says numbered reports, many ahead of their answers, and comes back.
async fn device(
    own: usize,
    address: String,
    answered: Answered,
    mut goes_on: watch::Receiver<bool>,
) {
    let mut next = 1;
    while *goes_on.borrow_and_update() {
        let Ok(stream) = TcpStream::connect(&address).await else {
            sleep(Duration::from_millis(2)).await;
            continue;
        };
        let (mut read, mut write) = stream.into_split();
        let saying = async {
            let login = format!("d{own} login\n");
            if write.write_all(login.as_bytes()).await.is_err() {
                return;
            }
            loop {
                let reports: String = (next..next + 10).map(|n| format!("d{own} {n}\n")).collect();
                next += 10;
                if write.write_all(reports.as_bytes()).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        let hearing = async {
            let mut heard = Vec::new();
            while let Ok(1..) = read.read_buf(&mut heard).await {
                while let Some(end) = heard.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = heard.drain(..=end).collect();
                    let text = String::from_utf8(line).unwrap();
                    if let Ok(number) = text.trim().parse() {
                        answered.lock().unwrap().insert((own, number));
                    }
                }
            }
        };
        tokio::select! {
            () = saying => {}
            () = hearing => {}
            _ = goes_on.changed() => {}
        }
    }
}

fn take_reports(web: &Web, arrived: &mut BTreeSet<(usize, u64)>) {
    for line in web.take_lines() {
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["event"] != "data" || event["is"] != "data" {
            continue;
        }
        let number = event["fields"]["word"].as_str().unwrap().parse().unwrap();
        let own = event["imei"].as_str().unwrap()[1..].parse().unwrap();
        arrived.insert((own, number));
    }
}

#[tokio::test]
async fn what_a_device_was_answered_reaches_the_web_server_whenever_the_program_is_killed() {
    let (seed, rounds) = (seed("promises"), if is_long() { 500 } else { 25 });
    let mut dice = StdRng::seed_from_u64(seed);
    let (goes_on, is_going_on) = watch::channel(true);
    let (folder, address) = (folder(), nobodys_address());
    std::fs::create_dir(folder.path().join("protocols")).unwrap();
    std::fs::write(folder.path().join("protocols/careful.toml"), PROTOCOL).unwrap();
    let mut web = Web::here(1 << 20).await;
    let listening = listener(&address, "protocol = 'careful'");
    let upstream = upstream("web", &web.address, "ack_timeout = '100ms'");
    let toml = configuration(&listening, "commit_interval = '2ms'", &upstream);
    let start = || Program::in_folder(&folder, &toml);

    let answered = Answered::default();
    let devices: Vec<_> = (0..DEVICES)
        .map(|own| {
            let (answered, goes_on) = (Arc::clone(&answered), is_going_on.clone());
            tokio::spawn(device(own, address.clone(), answered, goes_on))
        })
        .collect();
    let mut arrived = BTreeSet::new();
    for round in 0..rounds {
        match round % 3 {
            0 => web.come([Behaviour::default()]).await,
            1 => {
                let drop_after = Some(dice.random_range(2..60));
                web.come([Behaviour { drop_after, ..Behaviour::default() }]).await;
            }
            _ => web.go().await,
        }
        let before = answered.lock().unwrap().len();
        let program = start();
        until_within(LIMIT, "devices are answered", || {
            answered.lock().unwrap().len() > before + 20
        })
        .await;
        sleep(Duration::from_micros(dice.random_range(0..30_000))).await;
        program.kill();
        take_reports(&web, &mut arrived);
    }
    goes_on.send_replace(false);
    for device in devices {
        timeout(LIMIT, device).await.unwrap().unwrap();
    }

    web.come([Behaviour::default()]).await;
    let program = start();
    let answered = answered.lock().unwrap().clone();
    until_within(LIMIT, "all that was answered has come", || {
        take_reports(&web, &mut arrived);
        answered.is_subset(&arrived)
    })
    .await;
    stop(program).await;
    eprintln!("promises: {rounds} rounds, {} answered, {} arrived", answered.len(), arrived.len());
}
