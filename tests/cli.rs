//! The frame of the command line: what it prints, and its exit codes.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::{fs, path::Path};

use assert_cmd::Command;

/// The command in a folder of its own, without anything of this machine's environment.
fn tetherd(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("tetherd").unwrap();
    let output = command.env_clear().current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn check_says_that_a_configuration_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let fine = "configuration is fine: 1 listener, 1 upstream\n";
    assert_eq!(tetherd(folder.path(), &["check"]), (0, fine.to_owned(), String::new()));
    assert_eq!(tetherd(folder.path(), &["--profile", "classic", "check"]).0, 0);
}

#[test]
fn check_prints_every_fault_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/local.toml"), "gatway = 1\n[drain]\nspread = 3\n")
        .unwrap();
    let (code, out, err) = tetherd(folder.path(), &["check"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(
        err,
        "tetherd: config/local.toml:1: gatway: unknown key; did you mean \"gateway\"?\n\
         tetherd: config/local.toml:3: drain.spread: 3 has no unit; write a duration with its unit, \
         such as \"30s\" (ms, s, m, h, d)\n"
    );
    assert_eq!(tetherd(folder.path(), &[]).0, 2);
}

#[test]
fn check_refuses_what_could_not_run_and_lets_warnings_pass() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), "").unwrap();
    let (code, _, err) = tetherd(folder.path(), &["check", "--config", "a.toml"]);
    assert_eq!((code, err.lines().count()), (2, 2), "{err}");
    let (code, _, err) = tetherd(folder.path(), &["check", "--set", "spool.when_full=drop_oldest"]);
    assert_eq!(code, 0);
    assert!(err.starts_with("tetherd: warning: --set: spool.when_full:"), "{err}");
}

#[test]
fn show_writes_toml_that_reads_back_to_the_same_values() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "config",
        "show",
        "--profile",
        "classic",
        "--set",
        r#"listener.odd.address="unix:/a \"\\ \u0085\u007F b""#,
    ];
    let (code, shown, _) = tetherd(folder.path(), &arguments);
    assert_eq!(code, 0);
    assert!(shown.contains("threads = \"auto\""), "{shown}");
    assert!(shown.contains("# built-in classic.toml:"), "{shown}");
    assert!(shown.contains("# built-in default.toml:"), "{shown}");
    assert!(shown.contains("# --set"), "{shown}");
    fs::write(folder.path().join("shown.toml"), &shown).unwrap();
    let (_, json, _) =
        tetherd(folder.path(), &["config", "show", "--json", "--config", "shown.toml"]);
    let (_, before, _) = tetherd(folder.path(), &[&arguments[..], &["--json"]].concat());
    let values = |text: &str| -> Vec<(String, serde_json::Value)> {
        let all: serde_json::Map<_, _> = serde_json::from_str(text).unwrap();
        all.into_iter().map(|(key, entry)| (key, entry["value"].clone())).collect()
    };
    assert_eq!(values(&json), values(&before));
}

#[test]
fn show_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for form in [&["config", "show"][..], &["config", "show", "--json"][..]] {
        let (code, shown, said) =
            tetherd(folder.path(), &[form, &["--set", "upstream.web.token=hush"]].concat());
        assert_eq!(code, 0);
        assert!(shown.contains("********"), "{shown}");
        assert!(!shown.contains("hush") && !said.contains("hush"), "{shown}{said}");
    }
}

#[test]
fn init_writes_a_configuration_that_is_fine_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, _) = tetherd(folder.path(), &["config", "init"]);
    assert_eq!(code, 0);
    assert!(out.contains("wrote config/default.toml\n"), "{out}");
    assert!(folder.path().join("config/classic.toml").is_file());
    assert!(folder.path().join("config/protocols/etung.toml").is_file());
    assert_eq!(tetherd(folder.path(), &["check"]).0, 0);
    assert_eq!(tetherd(folder.path(), &["check", "--profile", "classic"]).0, 0);

    let mine = folder.path().join("config/classic.toml");
    fs::write(&mine, "# mine\n").unwrap();
    fs::remove_file(folder.path().join("config/default.toml")).unwrap();
    let (code, _, err) = tetherd(folder.path(), &["config", "init"]);
    assert_eq!(
        (code, err.as_str()),
        (
            1,
            "tetherd: config/classic.toml: is there already; name another folder, or overwrite with --force\n"
        )
    );
    assert_eq!(fs::read_to_string(&mine).unwrap(), "# mine\n");
    assert!(!folder.path().join("config/default.toml").exists());
    assert_eq!(tetherd(folder.path(), &["config", "init", "--force"]).0, 0);
    assert_ne!(fs::read_to_string(&mine).unwrap(), "# mine\n");
}

#[test]
fn commands_of_later_versions_are_refused_and_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, help, _) = tetherd(folder.path(), &["--help"]);
    for later in ["attach", "top", "upgrade"] {
        for arguments in [&[later][..], &[later, "--help"][..], &[later, "verify", "-x", "y"][..]] {
            let (code, out, err) = tetherd(folder.path(), arguments);
            assert_eq!((code, out.as_str()), (2, ""));
            assert_eq!(
                err,
                format!(
                    "tetherd: {later}: this command is not built yet; tetherd --help lists those that are\n"
                )
            );
        }
        assert!(!help.lines().any(|line| line.trim().starts_with(&format!("{later} "))), "{later}");
    }
}

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--colour"][..],
        &["chekc"],
        &["--set"],
        &["completions", "cmd"],
        &["config"],
        &["check", "x"],
    ] {
        let (code, out, err) = tetherd(folder.path(), arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.starts_with("tetherd: ") && err.ends_with("; see tetherd --help\n"), "{err}");
    }
}

#[test]
fn help_version_completions_and_manual_go_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["--help"][..], "Examples:"),
        (&["check", "--help"], "Exit codes:"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "_tetherd"),
        (&["man"], ".TH tetherd"),
        (&["upstream", "test", "--help"], "Usage: tetherd upstream test [OPTIONS] <ADDRESS>"),
    ] {
        let (code, out, err) = tetherd(folder.path(), arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        assert!(out.contains(part), "{out}");
    }
}
