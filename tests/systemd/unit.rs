//! The unit that comes with the program.

use std::{fs, process::Command};

const UNIT: &str = include_str!("../../config/systemd/tetherd.service");

/// The values of a key.
fn values(key: &str) -> Vec<&'static str> {
    let lines = UNIT.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(known, _)| *known == key).map(|(_, value)| value).collect()
}

#[test]
fn the_unit_starts_what_there_is_and_asks_for_what_the_program_tells() {
    let started = values("ExecStart");
    assert_eq!(started, ["/usr/local/bin/tetherd run --config /etc/tetherd"]);
    assert_eq!(values("Type"), ["notify-reload"]);
    assert_eq!(values("ExecReload"), <[&str; 0]>::default(), "systemd sends SIGHUP by itself");
    assert_eq!(values("StateDirectory"), ["tetherd"]);
    let seconds = |key: &str| values(key)[0].parse::<u64>().unwrap();
    // A thread may be 2 s late, and beats each second.
    assert!(seconds("WatchdogSec") >= 10);
    // By default: 30 s of spread, 5 s of farewell, 10 s of flush, and two seconds.
    assert!(seconds("TimeoutStopSec") > 47);
}

/// As far as the systemd of this machine knows the keys; it may be older than the type.
#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tetherd.service");
    let unit = UNIT
        .replace("/usr/local/bin/tetherd", env!("CARGO_BIN_EXE_tetherd"))
        .replace("Type=notify-reload", "Type=notify")
        .replace("Documentation=man:tetherd(1)\n", "");
    fs::write(&path, unit).unwrap();
    let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(&path).output() else {
        return; // there is none here
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let of_it: Vec<_> = said.lines().filter(|line| line.contains("tetherd.service")).collect();
    assert!(of_it.is_empty(), "{of_it:?}");
}
